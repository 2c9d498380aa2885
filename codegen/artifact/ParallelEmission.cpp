//===- ParallelEmission.cpp - machine code by several threads -------------===//
//
// LLVM's passes and its code generator work on one context each, so every part of the program goes into a context of its own, by way of
// bitcode. Constants stay in the part that holds the data: weights are never copied.
//
//===----------------------------------------------------------------------===//

#include "ParallelEmission.h"

#include "Emission.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <optional>

using namespace kiln;
using namespace kiln::codegen;

/// Instructions of a part, before they are optimised: some tens of milliseconds of work.
static constexpr unsigned kPartInstructions = 1500;

/// Symbols that other parts of the program can refer to, and nobody else.
static void makeHidden(llvm::Module &module) {
  auto hide = [](llvm::GlobalValue &value, llvm::StringRef kind) {
    if (!value.hasLocalLinkage())
      return;
    if (!value.hasName())
      value.setName(kind);
    value.setLinkage(llvm::GlobalValue::ExternalLinkage);
    value.setVisibility(llvm::GlobalValue::HiddenVisibility);
    value.setDSOLocal(true);
  };
  for (llvm::Function &function : module)
    hide(function, "function");
  for (llvm::GlobalVariable &variable : module.globals())
    hide(variable, "data");
}

/// A copy with the definitions that `contains` accepts, declarations of what they use, and nothing else.
static std::unique_ptr<llvm::Module> extract(const llvm::Module &module,
                                             llvm::function_ref<bool(const llvm::GlobalValue *)> contains) {
  llvm::ValueToValueMapTy map;
  std::unique_ptr<llvm::Module> part = llvm::CloneModule(module, map, contains);
  for (llvm::Function &function : llvm::make_early_inc_range(*part))
    if (function.isDeclaration() && function.use_empty())
      function.eraseFromParent();
  for (llvm::GlobalVariable &variable : llvm::make_early_inc_range(part->globals()))
    if (variable.isDeclaration() && variable.use_empty())
      variable.eraseFromParent();
  for (llvm::GlobalValue &value : part->global_values())
    if (value.isDeclaration() && !value.getName().starts_with("llvm.")) {
      value.setVisibility(llvm::GlobalValue::HiddenVisibility);
      value.setDSOLocal(true);
    }
  return part;
}

namespace {
struct Part {
  Effort effort;
  unsigned instructions = 0;
  llvm::DenseSet<const llvm::GlobalValue *> functions;
};
} // namespace

/// `<function>.run`, `<function>.run.<set>`, `<function>.measure` and what launches share.
static bool launches(const llvm::Function &function) {
  llvm::StringRef name = function.getName();
  return name.ends_with(".run") || name.contains(".run.") || name.ends_with(".measure") || name.starts_with("task.") || name == "launch";
}

/// Functions in the module's order, cut into parts.
static std::vector<Part> splitFunctions(const llvm::Module &module) {
  std::vector<Part> parts;
  for (Effort effort : {Effort::Kernels, Effort::Launches}) {
    bool isNew = true;
    for (const llvm::Function &function : module) {
      if (function.isDeclaration() || launches(function) != (effort == Effort::Launches))
        continue;
      if (isNew || parts.back().instructions >= kPartInstructions)
        parts.push_back({effort, 0, {}});
      isNew = false;
      parts.back().functions.insert(&function);
      parts.back().instructions += function.getInstructionCount();
    }
  }
  return parts;
}

static llvm::Error emitPart(llvm::StringRef bitcode, Effort effort, ObjectBytes &object) {
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> module = llvm::parseBitcodeFile({bitcode, "kiln"}, context);
  if (!module)
    return module.takeError();
  if (llvm::Error error = optimize(**module, effort))
    return error;
  return emitObject(**module, object, effort);
}

llvm::Expected<std::vector<ObjectBytes>> kiln::codegen::emitInParts(llvm::Module &module) {
  makeHidden(module);
  std::vector<Part> parts = splitFunctions(module);
  std::vector<ObjectBytes> bitcode(parts.size()), objects(parts.size() + 1);
  std::vector<std::optional<llvm::Error>> errors(parts.size());

  llvm::DefaultThreadPool threads;
  for (size_t i = 0; i < parts.size(); ++i) {
    std::unique_ptr<llvm::Module> part =
        extract(module, [&](const llvm::GlobalValue *value) { return parts[i].functions.contains(value); });
    llvm::raw_svector_ostream stream(bitcode[i]);
    llvm::WriteBitcodeToFile(*part, stream);
    threads.async([&, i] { errors[i].emplace(emitPart({bitcode[i].data(), bitcode[i].size()}, parts[i].effort, objects[i])); });
  }
  std::unique_ptr<llvm::Module> data =
      extract(module, [](const llvm::GlobalValue *value) { return llvm::isa<llvm::GlobalVariable>(value); });
  llvm::Error result = emitObject(*data, objects.back());
  threads.wait();
  for (std::optional<llvm::Error> &error : errors)
    result = llvm::joinErrors(std::move(result), std::move(*error));
  if (result)
    return std::move(result);
  return objects;
}

llvm::Expected<ObjectBytes> kiln::codegen::localizeHidden(llvm::StringRef bytes) {
  auto object = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "object"));
  if (!object)
    return object.takeError();
  llvm::objcopy::ConfigManager config;
  config.ELF.LocalizeHidden = true;
  ObjectBytes result;
  llvm::raw_svector_ostream stream(result);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **object, stream))
    return std::move(error);
  return result;
}
