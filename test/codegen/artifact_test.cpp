// What an artifact is: one exported symbol, nothing needed, the same bytes every time; and how compiled code behaves around its
// kernels.
#include "compiled_program.h"
#include "kernel_cases.h"

#include "Emission.h"
#include "kiln/codegen/Artifact.h"
#include "kiln/runtime/error.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace kiln::test {
namespace {

using runtime::DType;
using runtime::Tensor;

constexpr const char *kLinear = R"(
nn.state @w parameter : tensor<5x3xf32> = dense<2.0>
nn.state_name "fc.weight" of @w
func.func @f(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> (tensor<?x5xf32, #nn.shape<batch, 5>> {nn.name = "logits"})
    attributes {nn.entry} {
  %w = nn.read @w : tensor<5x3xf32>
  %y = nn.linear %x, %w : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<5x3xf32>) -> tensor<?x5xf32, #nn.shape<batch, 5>>
  return %y : tensor<?x5xf32, #nn.shape<batch, 5>>
})";

constexpr const char *kEmbedding = R"(
nn.state @w parameter : tensor<10x4xf32>
func.func @f(%i: tensor<?xi64, #nn.shape<n>>) -> tensor<?x4xf32, #nn.shape<n, 4>> attributes {nn.entry} {
  %w = nn.read @w : tensor<10x4xf32>
  %y = nn.embedding %i, %w : (tensor<?xi64, #nn.shape<n>>, tensor<10x4xf32>) -> tensor<?x4xf32, #nn.shape<n, 4>>
  return %y : tensor<?x4xf32, #nn.shape<n, 4>>
})";

std::string bytesOf(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream bytes;
  bytes << stream.rdbuf();
  return bytes.str();
}

TEST(ArtifactTest, ObjectsExportOneSymbolAndNeedNone) {
  // That no kernel wants a symbol is checked whenever an object is emitted, so in all cases of KernelTest too.
  for (const char *text : {kLinear, kEmbedding}) {
    CompiledProgram program(moduleText(text), Optimize::No);
    ASSERT_TRUE(program.ok()) << program.message();
    std::optional<codegen::Artifact> artifact = codegen::Artifact::compile(program.scheduled(), {});
    ASSERT_TRUE(artifact);
    std::string path = program.temporaryFolder() + "/program.o";
    llvm::Error error = artifact->writeObject(path);
    ASSERT_FALSE(error) << llvm::toString(std::move(error));
    auto buffer = llvm::MemoryBuffer::getFile(path);
    auto object = llvm::object::ObjectFile::createObjectFile((*buffer)->getMemBufferRef());
    ASSERT_TRUE(bool(object));
    std::vector<std::string> exported;
    for (llvm::object::SymbolRef symbol : (*object)->symbols()) {
      uint32_t flags = llvm::cantFail(symbol.getFlags());
      std::string name = llvm::cantFail(symbol.getName()).str();
      EXPECT_FALSE(flags & llvm::object::SymbolRef::SF_Undefined && !name.empty()) << name << " is undefined";
      if (flags & llvm::object::SymbolRef::SF_Global)
        exported.push_back(name);
    }
    EXPECT_EQ(exported, std::vector<std::string>{"kiln_program_test"});
  }
}

TEST(ArtifactTest, SameInputGivesSameBytes) {
  CompiledProgram first(moduleText(kLinear), Optimize::Yes), second(moduleText(kLinear), Optimize::Yes);
  ASSERT_TRUE(first.ok() && second.ok()) << first.message() << second.message();
  EXPECT_EQ(bytesOf(first.path()), bytesOf(second.path()));
}

TEST(ArtifactTest, WeightsAreInsideOrOutside) {
  CompiledProgram inside(moduleText(kLinear), Optimize::Yes), outside(moduleText(kLinear), Optimize::Yes, /*embedWeights=*/false);
  ASSERT_TRUE(inside.ok() && outside.ok()) << inside.message() << outside.message();
  EXPECT_EQ(static_cast<const float *>(runtime::Program::load(inside.path()).states()[0].initial)[14], 2.0f);
  EXPECT_EQ(runtime::Program::load(outside.path()).states()[0].initial, nullptr);
}

TEST(ArtifactTest, DescribesItsFunctions) {
  CompiledProgram program(moduleText(kLinear), Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  runtime::Program loaded = runtime::Program::load(program.path());
  ASSERT_EQ(loaded.functions().size(), 1u);
  EXPECT_EQ(loaded.functions()[0].declaration(), "f(x: float32 [batch, 3]) -> (logits: float32 [batch, 5])");
  EXPECT_EQ(loaded.instruction_sets().size(), 3u);
}

TEST(ArtifactTest, NewWeightsArePreparedAnew) {
  CompiledProgram program(moduleText(kLinear), Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  runtime::Model model(runtime::Program::load(program.path()));
  Tensor x = Tensor::from<float>(std::vector<float>{1, 1, 1}, {1, 3});
  EXPECT_EQ(model.call("f", {x})[0].data<float>()[4], 6.0f);
  model.update_state([&] { model.state(0).data<float>()[14] = 10; }); // the last feature's last input
  EXPECT_EQ(model.call("f", {x})[0].data<float>()[4], 14.0f);
}

TEST(ArtifactTest, WrongIndexIsAnError) {
  CompiledProgram program(moduleText(kEmbedding), Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  runtime::Model model(runtime::Program::load(program.path()));
  for (int64_t wrong : {int64_t(10), int64_t(-1)}) {
    Tensor indices = Tensor::from<int64_t>(std::vector<int64_t>{0, 9, wrong, 3, 77}, {5});
    try {
      model.call("f", {indices});
      FAIL() << "index " << wrong << " was accepted";
    } catch (const runtime::IndexError &error) {
      std::string message = error.what();
      EXPECT_EQ(message.rfind("index out of range in self", 0), 0u) << message;
      EXPECT_NE(message.find(std::to_string(wrong)), std::string::npos) << message;
    }
  }
  EXPECT_EQ(model.call("f", {Tensor::from<int64_t>(std::vector<int64_t>{9}, {1})})[0].size(0), 1);
}

TEST(ArtifactTest, WhatHasNoKernelIsAnErrorAtTheOp) {
  CompiledProgram program(moduleText(R"(
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {nn.entry} {
  %y = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%e: f32):
    %0 = math.erf %e : f32
    nn.yield %0 : f32
  }
  return %y : tensor<4xf32>
})"),
                          Optimize::Yes);
  EXPECT_FALSE(program.ok());
  EXPECT_NE(program.message().find("'math.erf' on 'f32' has no CPU code; use another function"), std::string::npos)
      << program.message();
}

// What the code generator would take from a support library is found before anything is linked.
TEST(ArtifactTest, AnUndefinedSymbolIsAnInternalError) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(R"(
target triple = "x86_64-unknown-linux-gnu"
declare float @missing(float)
define half @f(float %x) "target-cpu"="x86-64-v2" {
  %y = call float @missing(float %x)
  %h = fptrunc float %y to half
  ret half %h
})",
                                                                   problem, context);
  ASSERT_TRUE(module) << problem.getMessage().str();
  llvm::SmallVector<char, 0> bytes;
  ASSERT_FALSE(codegen::emitObject(*module, bytes));
  llvm::Error error = codegen::checkImportsNothing({bytes.data(), bytes.size()});
  ASSERT_TRUE(bool(error));
  std::string message = llvm::toString(std::move(error));
  EXPECT_EQ(message.rfind("internal error: ", 0), 0u) << message;
  EXPECT_NE(message.find("missing"), std::string::npos) << message;
  EXPECT_NE(message.find("__truncsfhf2"), std::string::npos) << message;
}

TEST(ArtifactTest, HeaderHasOneMethodAFunction) {
  CompiledProgram program(moduleText(kLinear), Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  std::string path = program.temporaryFolder() + "/program.h";
  llvm::Error error = codegen::writeHeader(program.scheduled(), "model.cpp", path);
  ASSERT_FALSE(error) << llvm::toString(std::move(error));
  std::string text = bytesOf(path);
  EXPECT_NE(text.find("kiln::runtime::Tensor f(const kiln::runtime::Tensor &x"), std::string::npos) << text;
  EXPECT_NE(text.find("extern \"C\" const kiln_program kiln_program_test;"), std::string::npos) << text;
}

} // namespace
} // namespace kiln::test
