//===- Emission.cpp - LLVM IR to machine code, in process -----------------===//
//
// Implements the last steps of compilation.
//
//===----------------------------------------------------------------------===//

#include "Emission.h"

#include "kiln/ir/Attributes.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

#include <mutex>

using namespace kiln;
using namespace kiln::codegen;

static constexpr llvm::StringLiteral targetTriple = "x86_64-unknown-linux-gnu";

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(Effort effort = Effort::Kernels) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  llvm::Triple triple(targetTriple);
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError("this LLVM can't generate code for x86-64: %s", message.c_str());
  llvm::TargetOptions options;
  // A kernel's own section each, so that a linker can drop what a host does not use.
  options.FunctionSections = true;
  options.DataSections = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, "x86-64-v2", /*Features=*/"", options, llvm::Reloc::PIC_, std::nullopt,
      effort == Effort::Kernels ? llvm::CodeGenOptLevel::Aggressive : llvm::CodeGenOptLevel::Default));
}

llvm::GlobalVariable *kiln::codegen::addBytes(llvm::Module &module, llvm::StringRef name, llvm::StringRef bytes) {
  // An empty tensor has an address too.
  llvm::StringRef content = bytes.empty() ? llvm::StringRef("\0", 1) : bytes;
  auto *initializer =
      llvm::ConstantDataArray::getRaw(content, content.size(), llvm::Type::getInt8Ty(module.getContext()));
  auto *global = new llvm::GlobalVariable(module, initializer->getType(), /*isConstant=*/true,
                                          llvm::GlobalValue::InternalLinkage, initializer, name);
  global->setAlignment(llvm::Align(64));
  return global;
}

std::unique_ptr<llvm::Module> kiln::codegen::translateToLLVMIR(CpuModule &program, llvm::LLVMContext &context) {
  mlir::ModuleOp source = *program.module;
  mlir::registerBuiltinDialectTranslation(*source.getContext());
  mlir::registerLLVMDialectTranslation(*source.getContext());
  std::unique_ptr<llvm::Module> module = mlir::translateModuleToLLVMIR(source, context, "kiln");
  if (!module)
    return nullptr;
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = createTargetMachine();
  if (!machine) {
    source.emitError(llvm::toString(machine.takeError()));
    return nullptr;
  }
  module->setTargetTriple((*machine)->getTargetTriple());
  module->setDataLayout((*machine)->createDataLayout());

  // The values of constants meet their symbols here and not in the LLVM dialect, whose attributes would copy them.
  for (const ConstantData &constant : program.constants) {
    llvm::GlobalVariable *symbol = module->getGlobalVariable(constant.symbol, /*AllowInternal=*/true);
    if (!symbol)
      continue; // every use of it was folded away
    runtime::Tensor value = ir::toTensor(constant.value).contiguous();
    llvm::GlobalVariable *bytes = addBytes(*module, "", {static_cast<const char *>(value.data()), value.nbytes()});
    symbol->replaceAllUsesWith(bytes);
    bytes->takeName(symbol);
    symbol->eraseFromParent();
  }
  return module;
}

llvm::Error kiln::codegen::verify(const llvm::Module &module) {
  std::string problems;
  llvm::raw_string_ostream stream(problems);
  if (llvm::verifyModule(module, &stream))
    return llvm::createStringError("the generated code is not valid LLVM IR: %s", problems.c_str());
  return llvm::Error::success();
}

/// What kernels leave to do. They come vectorised, unrolled and in registers, as straight loops without calls: the rest is arithmetic on
/// addresses, moving it out of loops, and what is computed twice. (LLVM's O3 takes twice as long for the same code.)
static llvm::ModulePassManager scalarPasses(Effort effort) {
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  if (effort == Effort::Kernels) {
    llvm::LoopPassManager loops;
    loops.addPass(llvm::LoopRotatePass());
    loops.addPass(llvm::LICMPass(llvm::LICMOptions()));
    passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loops), /*UseMemorySSA=*/true));
    passes.addPass(llvm::GVNPass());
    passes.addPass(llvm::InstCombinePass());
    passes.addPass(llvm::SimplifyCFGPass());
    passes.addPass(llvm::ADCEPass());
  }
  llvm::ModulePassManager modulePasses;
  modulePasses.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  return modulePasses;
}

llvm::Error kiln::codegen::optimize(llvm::Module &module, Effort effort) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = createTargetMachine();
  if (!machine)
    return machine.takeError();

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine->get());
  // There is no C library beside compiled code: no loop may become a call of memcpy, no operation a call of libm.
  llvm::TargetLibraryInfoImpl library((*machine)->getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  scalarPasses(effort).run(module, modules);
  return llvm::Error::success();
}

static llvm::Error emit(llvm::Module &module, llvm::SmallVectorImpl<char> &bytes, llvm::CodeGenFileType kind,
                        Effort effort = Effort::Kernels) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = createTargetMachine(effort);
  if (!machine)
    return machine.takeError();
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, kind, /*DisableVerify=*/true))
    return llvm::createStringError("this LLVM can't write such a file for x86-64");
  passes.run(module);
  return llvm::Error::success();
}

llvm::Error kiln::codegen::emitObject(llvm::Module &module, llvm::SmallVectorImpl<char> &bytes, Effort effort) {
  return emit(module, bytes, llvm::CodeGenFileType::ObjectFile, effort);
}

llvm::Error kiln::codegen::checkImportsNothing(llvm::StringRef bytes) {
  auto object = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "object"));
  if (!object)
    return object.takeError();
  std::string names;
  for (const llvm::object::SymbolRef &symbol : (*object)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    // ELF's first symbol has no name; the linker itself defines the table of addresses.
    if (!(*flags & llvm::object::SymbolRef::SF_Undefined) || name->empty() || *name == "_GLOBAL_OFFSET_TABLE_")
      continue;
    names += (names.empty() ? "" : ", ") + name->str();
  }
  if (names.empty())
    return llvm::Error::success();
  return llvm::createStringError("internal error: the generated code calls functions that no library is linked for: %s",
                                 names.c_str());
}

llvm::Error kiln::codegen::emitAssembly(llvm::Module &module, llvm::SmallVectorImpl<char> &text) {
  return emit(module, text, llvm::CodeGenFileType::AssemblyFile);
}
