//===- KernelTable.cpp - the kernels of a program, each once --------------===//
//
// Equality is by text: what the op prints without locations, under one name for all.
//
//===----------------------------------------------------------------------===//

#include "AnchorTraits.h"
#include "FunctionLowering.h"

#include "llvm/Support/raw_ostream.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace kiln::schedule {

std::string freeName(ModuleOp module, const std::string &name) {
  std::string unique = name;
  for (unsigned next = 2; module.lookupSymbol(unique); ++next)
    unique = name + "_v" + std::to_string(next);
  return unique;
}

KernelOp KernelTable::intern(KernelForm &form) {
  std::string name = kernelName(*form.kernel);
  std::string text;
  llvm::raw_string_ostream stream(text);
  form.kernel->print(stream, OpPrintingFlags().useLocalScope().printGenericOpForm());
  auto [entry, isNew] = byText.try_emplace(text, nullptr);
  if (!isNew)
    return entry->second;

  KernelOp kernel = form.kernel.release();
  kernel.setSymName(freeName(module, name));
  // A kernel stands for several ops; its launches say where they come from.
  kernel->setLoc(UnknownLoc::get(kernel.getContext()));
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  builder.insert(kernel);
  return entry->second = kernel;
}

} // namespace kiln::schedule
