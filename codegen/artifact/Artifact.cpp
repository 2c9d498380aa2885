//===- Artifact.cpp - What a compiled program is delivered as -------------===//
//
// Implements Artifact: compilation in process, and the files it is written as. Linking is left to the host compiler's driver, which
// knows where its C library lies.
//
//===----------------------------------------------------------------------===//

#include "kiln/codegen/Artifact.h"

#include "Descriptor.h"
#include "Emission.h"
#include "ParallelEmission.h"

#include "llvm/Object/Archive.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <deque>

using namespace kiln;
using namespace kiln::codegen;

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

std::optional<Artifact> Artifact::compile(mlir::ModuleOp schedule, const ArtifactOptions &options, const CudaProgram *cudaCode) {
  ProgramView program(schedule);
  if (program.name.empty()) {
    schedule.emitError("the module has no attribute 'nn.program' with the program's name");
    return std::nullopt;
  }
  if (program.functions.empty()) {
    schedule.emitError("the program has no function to compile");
    return std::nullopt;
  }
  Artifact artifact;
  artifact.options = options;
  artifact.programName = program.name;
  artifact.writesState = llvm::any_of(program.functions, [](const FunctionView &function) { return !function.writes.empty(); });
  artifact.context = std::make_unique<llvm::LLVMContext>();
  CudaProgram cuda;
  CudaImages images;
  if (!options.cuda.empty()) {
    mlir::FailureOr<CudaProgram> generated = cudaCode ? *cudaCode : generateCuda(schedule);
    if (failed(generated))
      return std::nullopt;
    cuda = std::move(*generated);
    llvm::Expected<CudaImages> compiled = options.compileCuda(cuda.source, options.cuda);
    if (!compiled) {
      schedule.emitError(llvm::toString(compiled.takeError()));
      return std::nullopt;
    }
    images = std::move(*compiled);
    artifact.cudaResources = std::move(images.resources);
  }
  mlir::FailureOr<CpuModule> code = lowerToLLVM(schedule, options.cpu, options.cuda.empty() ? nullptr : &cuda);
  if (failed(code))
    return std::nullopt;
  artifact.module = translateToLLVMIR(*code, *artifact.context);
  if (!artifact.module)
    return std::nullopt;
  addDescriptor(program, {code->sites, code->constants, cuda, images.images}, options.embedWeights, computeFingerprint(schedule),
                *artifact.module);
  if (llvm::Error error = verify(*artifact.module)) {
    schedule.emitError(llvm::toString(std::move(error)));
    return std::nullopt;
  }
  return artifact;
}

//===----------------------------------------------------------------------===//
// Machine code
//===----------------------------------------------------------------------===//

/// Runs the host compiler; an error carries what it printed.
static llvm::Error runHostCompiler(llvm::ArrayRef<std::string> compiler, llvm::ArrayRef<std::string> arguments) {
  const std::string &driver = compiler.front();
  llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(driver);
  if (!path)
    return llvm::createStringError("the host compiler '%s', which links artifacts, was not found; set CXX to one that is installed",
                                   driver.c_str());
  llvm::SmallString<128> messages;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile("kiln-link", "txt", messages))
    return llvm::createStringError(error, "no temporary file: %s", error.message().c_str());
  llvm::FileRemover removeMessages(messages);

  llvm::SmallVector<llvm::StringRef> command{*path};
  command.append(compiler.begin() + 1, compiler.end());
  command.append(arguments.begin(), arguments.end());
  std::string failure;
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), llvm::StringRef(messages), llvm::StringRef(messages)};
  if (llvm::sys::ExecuteAndWait(*path, command, std::nullopt, redirects, 0, 0, &failure) == 0)
    return llvm::Error::success();
  if (auto printed = llvm::MemoryBuffer::getFile(messages))
    failure += (*printed)->getBuffer();
  return llvm::createStringError("linking failed: %s", failure.c_str());
}

/// Writes through a temporary file, so that a reader never sees half of it.
static llvm::Error writeBytes(llvm::StringRef path, llvm::StringRef bytes) {
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    stream << bytes;
    return llvm::Error::success();
  });
}

namespace {
/// An object in a temporary file, gone with the value.
struct TemporaryObject {
  llvm::SmallString<128> path;
  llvm::FileRemover remover;

  llvm::Error write(llvm::StringRef bytes) {
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("kiln", "o", path))
      return llvm::createStringError(error, "no temporary file: %s", error.message().c_str());
    remover.setFile(path);
    return writeBytes(path, bytes);
  }
};
} // namespace

llvm::Expected<llvm::StringRef> Artifact::getObject() {
  if (!object.empty())
    return llvm::StringRef(object.data(), object.size());
  llvm::Expected<std::vector<ObjectBytes>> parts = emitInParts(*module);
  if (!parts)
    return parts.takeError();

  // The parts become one object, and what they share becomes private to it.
  std::deque<TemporaryObject> files;
  llvm::SmallVector<std::string> arguments{"-r", "-nostdlib", "-o"};
  TemporaryObject &whole = files.emplace_back();
  if (llvm::Error error = whole.write(""))
    return std::move(error);
  arguments.push_back(std::string(whole.path));
  for (const ObjectBytes &part : *parts) {
    TemporaryObject &file = files.emplace_back();
    if (llvm::Error error = file.write({part.data(), part.size()}))
      return std::move(error);
    arguments.push_back(std::string(file.path));
  }
  if (llvm::Error error = runHostCompiler(options.hostCompiler, arguments))
    return std::move(error);
  auto linked = llvm::MemoryBuffer::getFile(whole.path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return llvm::createStringError(linked.getError(), "the linked object can't be read");
  llvm::Expected<ObjectBytes> bytes = localizeHidden((*linked)->getBuffer());
  if (!bytes)
    return bytes.takeError();
  if (llvm::Error error = checkImportsNothing({bytes->data(), bytes->size()}))
    return std::move(error);
  object = std::move(*bytes);
  return llvm::StringRef(object.data(), object.size());
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

llvm::Error Artifact::writeObject(llvm::StringRef path) {
  llvm::Expected<llvm::StringRef> bytes = getObject();
  return bytes ? writeBytes(path, *bytes) : bytes.takeError();
}

llvm::Error Artifact::writeStaticLibrary(llvm::StringRef path) {
  llvm::Expected<llvm::StringRef> bytes = getObject();
  if (!bytes)
    return bytes.takeError();
  std::string memberName = programName + ".o";
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(llvm::MemoryBufferRef(*bytes, memberName));
  return llvm::writeArchive(path, members, llvm::SymtabWritingMode::NormalSymtab, llvm::object::Archive::K_GNU,
                            /*Deterministic=*/true, /*Thin=*/false);
}

/// An optimised copy for people to read: large constants, which are weights, are declared and not defined, or code would drown in their
/// bytes.
static llvm::Expected<std::unique_ptr<llvm::Module>> readableCopy(const llvm::Module &module) {
  constexpr uint64_t kLargeBytes = 1024;
  std::unique_ptr<llvm::Module> copy = llvm::CloneModule(module);
  for (llvm::GlobalVariable &global : copy->globals())
    if (global.hasInitializer() && copy->getDataLayout().getTypeAllocSize(global.getValueType()) >= kLargeBytes &&
        global.getValueType()->isArrayTy() && global.getValueType()->getArrayElementType()->isIntegerTy(8)) {
      global.setInitializer(nullptr);
      global.setLinkage(llvm::GlobalValue::ExternalLinkage);
    }
  if (llvm::Error error = optimize(*copy))
    return std::move(error);
  return copy;
}

llvm::Error Artifact::writeAssembly(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<llvm::Module>> copy = readableCopy(*module);
  if (!copy)
    return copy.takeError();
  llvm::SmallVector<char, 0> text;
  if (llvm::Error error = emitAssembly(**copy, text))
    return error;
  return writeBytes(path, {text.data(), text.size()});
}

llvm::Error Artifact::writeLLVM(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<llvm::Module>> copy = readableCopy(*module);
  if (!copy)
    return copy.takeError();
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    (*copy)->print(stream, nullptr);
    return llvm::Error::success();
  });
}

llvm::Error kiln::codegen::writeCuda(const CudaProgram &program, llvm::StringRef path) { return writeBytes(path, program.source); }

llvm::Error Artifact::writeSharedLibrary(llvm::StringRef path) {
  llvm::Expected<llvm::StringRef> bytes = getObject();
  if (!bytes)
    return bytes.takeError();
  TemporaryObject file;
  if (llvm::Error error = file.write(*bytes))
    return error;
  // Nothing is needed of any library: the C library's start files would only add symbols.
  return runHostCompiler(options.hostCompiler, {"-shared", "-nostdlib", "-Wl,-z,noexecstack", "-Wl,-z,defs", "-o", path.str(),
                                                std::string(file.path)});
}

llvm::Error Artifact::writeExecutable(llvm::StringRef path) {
  llvm::Expected<llvm::StringRef> bytes = getObject();
  if (!bytes)
    return bytes.takeError();
  llvm::Module pointerModule("linked_program", *context);
  pointerModule.setTargetTriple(module->getTargetTriple());
  pointerModule.setDataLayout(module->getDataLayout());
  addLinkedProgram(programName, {/*training=*/writesState, /*cuda=*/!options.cuda.empty()}, pointerModule);
  llvm::SmallVector<char, 0> pointerBytes;
  if (llvm::Error error = emitObject(pointerModule, pointerBytes))
    return error;

  TemporaryObject file, pointerFile;
  if (llvm::Error error = file.write(*bytes))
    return error;
  if (llvm::Error error = pointerFile.write({pointerBytes.data(), pointerBytes.size()}))
    return error;
  llvm::SmallVector<std::string> arguments{"-o", path.str(), std::string(file.path), std::string(pointerFile.path)};
  arguments.append(options.runtimeLibraries.begin(), options.runtimeLibraries.end());
  // Most addresses that a start has to adjust are the descriptor's, and lie one beside the other: noted by bits, where the linker can
  // (others say that they ignore it), they take a twelfth of the room.
  arguments.append({"-Wl,--gc-sections", "-Wl,-z,noexecstack", "-Wl,-z,pack-relative-relocs", "-pthread", "-ldl"});
  return runHostCompiler(options.hostCompiler, arguments);
}
