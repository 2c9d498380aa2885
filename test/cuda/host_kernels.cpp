// Runs the host's compiler on device code.
#include "host_kernels.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace kiln::test {

namespace {

/// Gone at the end of the process.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "kiln-cuda-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

std::string textOf(const std::string &path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

} // namespace

std::string compileForHost(const std::string &source) {
  static TemporaryFolder folder;
  static int next = 0;
  const std::string base = folder.path + "/kernels" + std::to_string(next++), library = base + ".so", log = base + ".log";
  std::ofstream(base + ".cu") << source;
  // As for a GPU: what is written apart is rounded apart. Its multiply-add is an instruction, and where this processor has it, here too.
  // What is undefined in C++ ends the test.
  const std::string fma = __builtin_cpu_supports("fma") ? " -mfma" : "";
  const std::string command = std::string(KILN_TEST_CXX) +
                              " -std=c++20 -O1 -g1 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden "
                              "-fvisibility-inlines-hidden -ffp-contract=off -fsanitize=undefined -fsanitize-undefined-trap-on-error" +
                              fma + " " + KILN_TEST_CXX_FLAGS + " -I " + KILN_TEST_DEVICE_FOLDER + " -x c++ " + base + ".cu -o " + library +
                              " >" + log + " 2>&1";
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error(command + "\n" + textOf(log) + "\n" + source);
  return library;
}

codegen::ArtifactOptions cudaOnHost() {
  codegen::ArtifactOptions options;
  options.cuda = {80, 90};
  options.cpu.instructionSets = {0}; // one is enough for what the device leaves to the CPU
  options.compileCuda = [](llvm::StringRef source, const codegen::CudaArchitectures &) -> llvm::Expected<codegen::CudaImages> {
    try {
      const std::string path = compileForHost(source.str()) + std::string(1, '\0');
      codegen::CudaImages result;
      result.images = {{80, false, path}, {90, false, path}, {90, true, path}};
      return result;
    } catch (const std::runtime_error &error) {
      return llvm::createStringError(error.what());
    }
  };
  return options;
}

} // namespace kiln::test
