// NVRTC's side: every kernel compiles for every architecture asked, without spilling registers. Skipped where there is no toolkit.
#include "cuda_cases.h"

#include "llvm/BinaryFormat/ELF.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace kiln::test {
namespace {

#define KILN_NEEDS_TOOLKIT(architectures)                                                                                            \
  if (llvm::Error error = codegen::checkCudaToolkit(architectures))                                                                  \
  GTEST_SKIP() << llvm::toString(std::move(error))

/// Compiles a program and checks what comes out. Returns the number of kernels.
size_t check(const codegen::CudaProgram &program, const codegen::CudaArchitectures &architectures) {
  llvm::Expected<codegen::CudaImages> images = codegen::compileCuda(program.source, architectures);
  if (!images) {
    ADD_FAILURE() << llvm::toString(images.takeError()) << program.source;
    return 0;
  }
  // Machine code for each, PTX for the last.
  EXPECT_EQ(images->images.size(), architectures.size() + 1);
  for (const codegen::CudaImage &image : images->images) {
    if (!image.isPtx) {
      EXPECT_TRUE(llvm::StringRef(image.bytes).starts_with("\x7f"
                                                           "ELF"));
      EXPECT_EQ(static_cast<unsigned char>(image.bytes[18]), llvm::ELF::EM_CUDA);
      continue;
    }
    EXPECT_EQ(image.architecture, architectures.back());
    EXPECT_EQ(image.bytes.back(), '\0');
    EXPECT_NE(image.bytes.find(".target sm_" + std::to_string(image.architecture)), std::string::npos);
    for (const codegen::CudaKernel &kernel : program.kernels)
      EXPECT_NE(image.bytes.find(".entry " + kernel.name + "("), std::string::npos) << kernel.name;
  }
  EXPECT_EQ(images->resources.size(), program.kernels.size() * architectures.size());
  for (const codegen::CudaResources &kernel : images->resources) {
    SCOPED_TRACE(kernel.kernel + " on sm_" + std::to_string(kernel.architecture));
    EXPECT_EQ(kernel.spillBytes, 0u);
    EXPECT_EQ(kernel.stackBytes, 0u);
    EXPECT_GT(kernel.registers, 0u);
    // Two blocks of 256 threads on every multiprocessor, which has 64 Ki registers, but for f64; shared memory without asking for more.
    EXPECT_LE(kernel.registers, kernel.kernel.starts_with("f64") ? 192u : 128u);
    EXPECT_LE(kernel.sharedBytes, 24u << 10);
  }
  return program.kernels.size();
}

TEST(NvrtcTest, ModelsCompileWithoutSpills) {
  const codegen::CudaArchitectures architectures = {80, 90};
  KILN_NEEDS_TOOLKIT(architectures);
  for (const char *name : {"shallow_mlp", "deep_mlp"}) {
    SCOPED_TRACE(name);
    std::string message;
    mlir::FailureOr<codegen::CudaProgram> program = cudaProgramOf(recordedModel(name), message);
    ASSERT_TRUE(succeeded(program)) << message;
    check(*program, architectures);
  }
}

TEST(NvrtcTest, EveryKernelCompiles) {
  const codegen::CudaArchitectures architectures = {80, 90};
  KILN_NEEDS_TOOLKIT(architectures);
  size_t kernels = 0;
  for (const KernelCase &kernelCase : cudaCases()) {
    SCOPED_TRACE(kernelCase.name);
    std::string message;
    mlir::FailureOr<codegen::CudaProgram> program = cudaProgramOf(moduleText(kernelCase.text), message);
    ASSERT_TRUE(succeeded(program)) << message;
    kernels += check(*program, architectures);
  }
  EXPECT_GE(kernels, cudaCases().size());
}

TEST(NvrtcTest, ArchitecturesThatTheToolkitLacks) {
  KILN_NEEDS_TOOLKIT({80});
  // Toolkit 12 has dropped the one, toolkit 13 more; none has both.
  llvm::Error error = codegen::checkCudaToolkit({50, 121});
  ASSERT_TRUE(bool(error));
  const std::string text = llvm::toString(std::move(error));
  EXPECT_NE(text.find(" does not compile for sm_"), std::string::npos) << text;
  EXPECT_NE(text.find("it does for: "), std::string::npos) << text;
}

TEST(NvrtcTest, ArchitecturesByName) {
  auto parse = [](llvm::StringRef text) {
    llvm::Expected<codegen::CudaArchitectures> parsed = codegen::parseCudaArchitectures(text);
    return parsed ? *parsed : (llvm::consumeError(parsed.takeError()), codegen::CudaArchitectures{});
  };
  EXPECT_EQ(parse(""), (codegen::CudaArchitectures{80}));
  EXPECT_EQ(parse("sm_90,sm_80,sm_90"), (codegen::CudaArchitectures{80, 90}));
  for (const char *wrong : {"sm_12", "sm_", "80", "sm_80,", ",sm_80", "sm_80a", "SM_80", "compute_80", "sm_-80", "sm_99999999999"})
    EXPECT_EQ(parse(wrong), codegen::CudaArchitectures{}) << wrong;
}

} // namespace
} // namespace kiln::test
