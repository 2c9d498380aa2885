//===- Nvrtc.cpp - CUDA C++ to machine code -------------------------------===//
//
// NVRTC, CUDA's compiler as a library, is loaded when a program is to be compiled for CUDA: Kiln is built and runs without a toolkit. It
// needs neither a driver nor a GPU.
//
//===----------------------------------------------------------------------===//

#include "kiln/codegen/Cuda.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstdlib>
#include <dlfcn.h>
#include <mutex>

using namespace llvm;

namespace kiln::codegen {

//===----------------------------------------------------------------------===//
// The library
//===----------------------------------------------------------------------===//

namespace {

using NvrtcProgram = struct NvrtcProgramImpl *;

/// The functions of nvrtc.h that are used, as it declares them; its result type is an int, 0 for success.
struct Nvrtc {
  int (*version)(int *major, int *minor);
  const char *(*errorString)(int result);
  int (*supportedCount)(int *count);
  int (*supported)(int *architectures);
  int (*create)(NvrtcProgram *program, const char *source, const char *name, int headerCount, const char *const *headers,
                const char *const *headerNames);
  int (*compile)(NvrtcProgram program, int optionCount, const char *const *options);
  int (*destroy)(NvrtcProgram *program);
  int (*logSize)(NvrtcProgram program, size_t *size);
  int (*log)(NvrtcProgram program, char *text);
  int (*cubinSize)(NvrtcProgram program, size_t *size);
  int (*cubin)(NvrtcProgram program, char *bytes);
  int (*ptxSize)(NvrtcProgram program, size_t *size);
  int (*ptx)(NvrtcProgram program, char *text);

  /// What is missing; empty when all of it is there.
  std::string problem;
  std::string path;
};

/// The major versions that this file was written for, the newest first.
constexpr StringLiteral kLibraryNames[] = {"libnvrtc.so.13", "libnvrtc.so.12"};

/// The folder of the toolkit that the environment names, and the variable that does.
std::pair<StringRef, std::string> namedToolkit() {
  for (StringRef variable : {"CUDA_PATH", "CUDA_HOME"})
    if (const char *value = std::getenv(variable.data()); value && *value)
      return {variable, value};
  return {};
}

/// Where the library may be, by the rules that the message below states.
std::vector<std::string> candidates() {
  auto [variable, named] = namedToolkit();
  std::vector<std::string> paths;
  auto addToolkit = [&](StringRef folder) {
    for (StringRef library : kLibraryNames)
      for (StringRef sub : {"lib64", "lib"}) {
        SmallString<128> path(folder);
        sys::path::append(path, sub, library);
        paths.push_back(path.str().str());
      }
  };
  if (!named.empty()) {
    addToolkit(named);
    return paths;
  }
  for (StringRef library : kLibraryNames)
    paths.push_back(library.str());
  addToolkit("/usr/local/cuda");
  return paths;
}

std::string missingText(StringRef detail) {
  auto [variable, named] = namedToolkit();
  std::string where = named.empty() ? "the linker's folders and /usr/local/cuda" : (variable + "=" + named).str();
  std::string libraries = join(std::begin(kLibraryNames), std::end(kLibraryNames), " or ");
  return "the CUDA toolkit is not there: its compiler NVRTC (" + libraries + ") is not in " + where +
         (detail.empty() ? "" : " (" + detail.str() + ")") +
         "\n  install the CUDA toolkit, version 12 or 13, or set CUDA_PATH to the folder where it is; it is needed to build for CUDA, not "
         "to run";
}

Nvrtc load() {
  Nvrtc nvrtc{};
  void *library = nullptr;
  std::string detail;
  for (const std::string &path : candidates()) {
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library) {
      nvrtc.path = path;
      break;
    }
    if (sys::fs::exists(path)) // it is there and can't be loaded: that is worth telling
      detail = dlerror();
  }
  if (!library) {
    nvrtc.problem = missingText(detail);
    return nvrtc;
  }
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (!function && nvrtc.problem.empty())
      nvrtc.problem = nvrtc.path + " has no function " + name + ": another version of the CUDA toolkit is needed, 12 or 13";
  };
  find(nvrtc.version, "nvrtcVersion");
  find(nvrtc.errorString, "nvrtcGetErrorString");
  find(nvrtc.supportedCount, "nvrtcGetNumSupportedArchs");
  find(nvrtc.supported, "nvrtcGetSupportedArchs");
  find(nvrtc.create, "nvrtcCreateProgram");
  find(nvrtc.compile, "nvrtcCompileProgram");
  find(nvrtc.destroy, "nvrtcDestroyProgram");
  find(nvrtc.logSize, "nvrtcGetProgramLogSize");
  find(nvrtc.log, "nvrtcGetProgramLog");
  find(nvrtc.cubinSize, "nvrtcGetCUBINSize");
  find(nvrtc.cubin, "nvrtcGetCUBIN");
  find(nvrtc.ptxSize, "nvrtcGetPTXSize");
  find(nvrtc.ptx, "nvrtcGetPTX");
  return nvrtc;
}

/// Loaded once, and never unloaded: NVRTC keeps threads and tables.
Expected<const Nvrtc &> nvrtc() {
  static const Nvrtc instance = load();
  if (!instance.problem.empty())
    return createStringError(instance.problem);
  return instance;
}

} // namespace

Error checkCudaToolkit(const CudaArchitectures &architectures) {
  Expected<const Nvrtc &> library = nvrtc();
  if (!library)
    return library.takeError();
  int count = 0, major = 0, minor = 0;
  library->supportedCount(&count);
  std::vector<int> supported(count);
  library->supported(supported.data());
  library->version(&major, &minor);
  for (unsigned architecture : architectures) {
    if (is_contained(supported, static_cast<int>(architecture)))
      continue;
    std::string names = join(map_range(supported, [](int number) { return "sm_" + std::to_string(number); }), ", ");
    return createStringError("the CUDA toolkit %d.%d does not compile for sm_%u\n  it does for: %s", major, minor, architecture,
                             names.c_str());
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

/// The number before `what` in "Used 32 registers, used 1 barriers, 8704 bytes smem"; 0 where it is not there.
static unsigned numberBefore(StringRef line, StringRef what) {
  size_t at = line.find(what);
  if (at == StringRef::npos)
    return 0;
  StringRef digits = line.take_front(at).rtrim();
  digits = digits.take_back(digits.size() - (digits.find_last_not_of("0123456789") + 1));
  unsigned number = 0;
  (void)digits.getAsInteger(10, number);
  return number;
}

/// What ptxas reports of each kernel.
static void readResources(StringRef log, unsigned architecture, std::vector<CudaResources> &resources) {
  SmallVector<StringRef> lines;
  log.split(lines, '\n');
  for (StringRef line : lines) {
    if (size_t at = line.find("Compiling entry function '"); at != StringRef::npos) {
      StringRef name = line.drop_front(at).split('\'').second.split('\'').first;
      CudaResources entry;
      entry.kernel = name.str();
      entry.architecture = architecture;
      resources.push_back(entry);
      continue;
    }
    if (resources.empty() || resources.back().architecture != architecture)
      continue;
    CudaResources &last = resources.back();
    if (line.contains("bytes stack frame")) {
      last.stackBytes = numberBefore(line, " bytes stack frame");
      last.spillBytes = numberBefore(line, " bytes spill stores") + numberBefore(line, " bytes spill loads");
    }
    if (line.contains("registers")) {
      last.registers = numberBefore(line, " registers");
      last.sharedBytes = numberBefore(line, " bytes smem");
    }
  }
}

namespace {
/// A program of NVRTC's, destroyed with the value.
class Compilation {
public:
  explicit Compilation(const Nvrtc &nvrtc) : nvrtc(nvrtc) {}
  ~Compilation() {
    if (program)
      nvrtc.destroy(&program);
  }
  Compilation(const Compilation &) = delete;

  Error compile(StringRef source, unsigned architecture);
  std::string log() { return text(nvrtc.logSize, nvrtc.log); }
  std::string cubin() { return text(nvrtc.cubinSize, nvrtc.cubin); }
  std::string ptx() { return text(nvrtc.ptxSize, nvrtc.ptx); }

private:
  std::string text(int (*measure)(NvrtcProgram, size_t *), int (*get)(NvrtcProgram, char *)) {
    size_t size = 0;
    if (measure(program, &size) != 0 || size == 0)
      return {};
    std::string bytes(size, '\0');
    get(program, bytes.data());
    return bytes;
  }

  const Nvrtc &nvrtc;
  NvrtcProgram program = nullptr;
};
} // namespace

Error Compilation::compile(StringRef source, unsigned architecture) {
  std::string sourceText = source.str();
  std::vector<std::string> texts, names;
  for (const DeviceHeader &header : deviceHeaders()) {
    texts.push_back(header.text.str());
    names.push_back(header.name.str());
  }
  std::vector<const char *> headers, headerNames;
  for (size_t i = 0; i < texts.size(); ++i) {
    headers.push_back(texts[i].c_str());
    headerNames.push_back(names[i].c_str());
  }
  if (int result = nvrtc.create(&program, sourceText.c_str(), "kernels.cu", headers.size(), headers.data(), headerNames.data()))
    return createStringError("NVRTC: %s", nvrtc.errorString(result));
  std::string target = "--gpu-architecture=sm_" + std::to_string(architecture);
  // What is written apart is rounded apart, as on the processor; products ask for a multiply-add themselves.
  const char *options[] = {target.c_str(), "--std=c++17", "--fmad=false", "--ptxas-options=-v"};
  if (int result = nvrtc.compile(program, std::size(options), options))
    return createStringError("internal error: NVRTC does not compile the kernels for sm_%u: %s\n%s", architecture,
                             nvrtc.errorString(result), log().c_str());
  return Error::success();
}

Expected<CudaImages> compileCuda(StringRef source, const CudaArchitectures &architectures) {
  Expected<const Nvrtc &> library = nvrtc();
  if (!library)
    return library.takeError();
  CudaImages result;
  for (unsigned architecture : architectures) {
    Compilation compilation(*library);
    if (Error error = compilation.compile(source, architecture))
      return std::move(error);
    readResources(compilation.log(), architecture, result.resources);
    result.images.push_back({architecture, /*isPtx=*/false, compilation.cubin()});
    if (architecture == architectures.back())
      result.images.push_back({architecture, /*isPtx=*/true, compilation.ptx()});
    for (const CudaImage &image : result.images)
      if (image.bytes.empty())
        return createStringError("internal error: NVRTC gives no code for sm_%u", architecture);
  }
  return result;
}

} // namespace kiln::codegen
