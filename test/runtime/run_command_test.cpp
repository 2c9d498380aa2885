// The command line of a compiled program: results, files, every error with its text and exit code.
#include "kiln/runtime/run_command.h"

#include <array>
#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kiln/runtime/files.h"
#include "test_program.h"

namespace kiln::runtime {
namespace {

using test::TestProgram;

struct Result {
  int code;
  std::string out, err;
};

class RunCommand : public testing::Test {
protected:
  RunCommand() : folder((std::filesystem::temp_directory_path() / ("kiln-run-" + std::to_string(getpid()))).string()) {
    std::filesystem::create_directories(folder);
  }
  ~RunCommand() override { std::filesystem::remove_all(folder); }

  Result run(std::vector<std::string> arguments) {
    std::vector<const char *> argv = {"./test"};
    for (const std::string &argument : arguments)
      argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_command(test.program(), static_cast<int>(argv.size()), argv.data());
    std::fflush(stdout);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }
  /// The text of an error in the command line, without its last line, which is always the same.
  std::string usage_error(std::vector<std::string> arguments) {
    const Result result = run(std::move(arguments));
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.out, "");
    const std::string last = "\n  ./test --help says what there is\n";
    EXPECT_TRUE(result.err.ends_with(last)) << result.err;
    return result.err.substr(0, result.err.size() - std::min(result.err.size(), last.size()));
  }
  std::string error(std::vector<std::string> arguments) {
    const Result result = run(std::move(arguments));
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    return result.err;
  }
  std::string file(const char *name) const { return folder + "/" + name; }

  TestProgram test;
  const std::string folder;
};

TEST_F(RunCommand, DescribesItsOutputs) {
  const Result result = run({"affine", "--input=x=zeros:2x2"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, "output: float32 [2, 3], min 10, max 30, mean 20\n  10, 20, 30, 10, 20, 30\n");
  EXPECT_EQ(run({"increment"}).out, "before: int64 [], min 5, max 5, mean 5\n  5\n");
  EXPECT_EQ(run({"affine", "--input=x=zeros:0x2"}).out, "output: float32 [0, 3], no elements\n");
  EXPECT_EQ(run({"affine", "--input=x=zeros:100x2"}).out,
            "output: float32 [100, 3], min 10, max 30, mean 20\n  10, 20, 30, 10, 20, 30, 10, 20, 30, 10, ...\n");
}

TEST_F(RunCommand, RandomIsTheSameEveryTime) {
  // MT19937 with seed 0 begins with 2357136044 and 2546248239 (as NumPy's RandomState(0) does); the floats are their upper 24 bits.
  const std::string out = file("y.npy");
  ASSERT_EQ(run({"affine", "--input=x=random:1x2", "--output=" + out}).code, 0);
  const Tensor y = load_npy(out);
  const float a = static_cast<float>(2357136044u >> 8) / 16777216, b = static_cast<float>(2546248239u >> 8) / 16777216;
  EXPECT_FLOAT_EQ(y.data<float>()[0], a + 2 * b + 10);
}

TEST_F(RunCommand, Files) {
  const float values[] = {1, 1, 2, 0, 0, -1};
  const Tensor x = Tensor::from<float>(values, {3, 2});
  save_npy(file("x.npy"), x);
  save_safetensors(file("one.safetensors"), {{"a", x}});
  save_safetensors(file("two.safetensors"), {{"a", x}, {"b", Tensor({1, 2}, DType::Float32)}});
  const std::string expected = "output: float32 [3, 3], min 8, max 41, mean 23\n  13, 27, 41, 12, 26, 40, 8, 16, 24\n";
  EXPECT_EQ(run({"affine", "--input=x=" + file("x.npy")}).out, expected);
  EXPECT_EQ(run({"affine", "--input=x=" + file("one.safetensors")}).out, expected);
  EXPECT_EQ(run({"affine", "--input=x=" + file("two.safetensors") + ":a"}).out, expected);

  const Result result = run({"affine", "--input=x=" + file("x.npy"), "--output=output=" + file("y.npy")});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(load_npy(file("y.npy")).shape_text(), "[3, 3]");
  EXPECT_EQ(load_npy(file("y.npy")).data<float>()[8], 24);
}

TEST_F(RunCommand, SeveralOutputs) {
  const std::vector<std::string> inputs = {"pair", "--input=x=zeros:2x3", "--input=y=zeros:2", "--input=z=zeros:3x3"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), inputs.begin(), inputs.end());
    return more;
  };
  EXPECT_EQ(run(with({"--output=" + file("all.safetensors")})).out, "");
  EXPECT_EQ(load(file("all.safetensors")).keys(), (std::vector<std::string>{"sum", "first"}));
  EXPECT_EQ(run(with({"--output=first=" + file("first.npy")})).out, "sum: float32 [2], min 0, max 0, mean 0\n  0, 0\n");
  EXPECT_EQ(load_npy(file("first.npy")).shape_text(), "[3]");
  EXPECT_EQ(usage_error(with({"--output=" + file("first.npy")})),
            "error: --output=" + file("first.npy") + ": a .npy file holds one tensor; name an output: sum, first");
}

TEST_F(RunCommand, Weights) {
  const Tensor weight = Tensor::from<float>(std::vector<float>(6, 2), {3, 2});
  save_safetensors(file("w.safetensors"), {{"head.weight", weight},
                                           {"head.bias", Tensor({3}, DType::Float32)},
                                           {"count", Tensor({}, DType::Int64)},
                                           {"tied.weight", weight.clone()}});
  EXPECT_EQ(run({"affine", "--weights=" + file("w.safetensors"), "--input=x=zeros:1x2"}).out,
            "output: float32 [1, 3], min 0, max 0, mean 0\n  0, 0, 0\n");
  save_safetensors(file("w.safetensors"), {{"head.weight", weight}});
  EXPECT_EQ(error({"affine", "--weights=" + file("w.safetensors"), "--input=x=zeros:1x2"}),
            "error: Error(s) in loading state_dict for TestNet:\n"
            "\tMissing key(s) in state_dict: \"head.bias\", \"count\", \"tied.weight\". \n");
}

TEST_F(RunCommand, Repeat) {
  const Result result = run({"affine", "--input=x=zeros:2x2", "--threads=2", "--repeat=5"});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.out.find("\n5 calls: "), std::string::npos);
  EXPECT_TRUE(result.out.ends_with(" us a call (median)\n")) << result.out;
}

TEST_F(RunCommand, Help) {
  const Result result = run({"--help"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out,
            "Usage: ./test [FUNCTION] [OPTIONS]\n"
            "\n"
            "Calls a function of the compiled program 'test'. An output that is not written to a file is described.\n"
            "\n"
            "Functions:\n"
            "  affine(x: float32 [batch, 2]) -> (output: float32 [batch, 3])\n"
            "  doubled(x: float32 [batch, 2]) -> (output: float32 [batch, 3])\n"
            "  increment() -> (before: int64 [])\n"
            "  set_weight(value: float32 [3, 2]) -> ()\n"
            "  pair(x: float32 [n, m], y: float32 [n], z: float32 [m, m]) -> (sum: float32 [n], first: float32 [m])\n"
            "  pick(indices: int64 [n]) -> (output: float32 [n, 2])\n"
            "\n"
            "Options:\n"
            "  --input=NAME=FILE[:TENSOR]    an input: a .npy or .safetensors file, zeros:32x784, or random:32x784\n"
            "                                (floats from [0, 1), integers from 0 to 9; the same in every run)\n"
            "  --output=[NAME=]FILE          write an output to a .npy or .safetensors file; without NAME the only\n"
            "                                output, or all of them into one .safetensors file\n"
            "  --weights=FILE                load a state_dict (.safetensors or .pt) first\n"
            "  --key=KEY                     where in the .pt of --weights the state_dict is: model in a checkpoint\n"
            "  --threads=N                   threads to run on; all processors unless given\n"
            "  --repeat=N                    call N times and print the median time of a call\n"
            "  --help                        print this text\n"
            "\n"
            "Exit codes: 0 success, 1 an error in files, shapes or weights, 2 a wrong command line, 3 an internal error.\n");
}

TEST_F(RunCommand, HelpOfAProgramThatTrains) {
  const char *argv[] = {"./test", "--help"};
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_command(test.program(), 2, argv, /*trains=*/true), 0);
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(out.starts_with("Usage: ./test [FUNCTION] [OPTIONS]\n"
                              "       ./test train [OPTIONS]\n"
                              "\n"
                              "Calls a function of the compiled program 'test'. An output that is not written to a file is described.\n"
                              "Or trains it on data: ./test train --help says how.\n"
                              "\n"
                              "Functions:\n"))
      << out;
}

TEST_F(RunCommand, InputsFromACheckpoint) {
  save_torch(file("c.pt"), Value::Dict{{"state_dict", Value::Dict{{"x", Tensor({1, 2}, DType::Float32)}}}, {"epoch", 3}});
  EXPECT_EQ(error({"affine", "--input=x=" + file("c.pt")}),
            "error: " + file("c.pt") +
                ": this is a checkpoint with a state_dict inside, not a state_dict; pick one by its key: 'state_dict' (a state_dict of 1 "
                "tensor)\n  an input is a tensor of a state_dict or of a .safetensors file, or a .npy file; from a checkpoint save it by "
                "itself\n");
  EXPECT_EQ(error({"affine", "--input=x=zeros:1x2", "--weights=" + file("c.pt")}),
            "error: " + file("c.pt") +
                ": this is a checkpoint with a state_dict inside, not a state_dict; pick one by its key: 'state_dict' (a state_dict of 1 "
                "tensor)\n  --key=state_dict picks it\n");
  save_torch(file("two.pt"), Value::Dict{{"model", Value::Dict{{"x", Tensor({2}, DType::Float32)}}},
                                         {"averaged", Value::Dict{{"x", Tensor({2}, DType::Float32)}}}});
  EXPECT_TRUE(error({"affine", "--input=x=zeros:1x2", "--weights=" + file("two.pt")}).ends_with("\n  --key=KEY picks one\n"));
}

TEST_F(RunCommand, WrongCommandLines) {
  EXPECT_EQ(usage_error({}), "error: name a function; the program has affine, doubled, increment, set_weight, pair, pick");
  EXPECT_EQ(usage_error({"afine"}), "error: the program has no function 'afine'; did you mean 'affine'?\n"
                                    "  it has affine, doubled, increment, set_weight, pair, pick");
  EXPECT_EQ(usage_error({"affine", "pair"}), "error: one function at a time: 'affine' and 'pair'");
  EXPECT_EQ(usage_error({"affine", "--wieghts=f"}), "error: unknown option '--wieghts'; did you mean '--weights'?");
  EXPECT_EQ(usage_error({"affine", "--verbose"}), "error: unknown option '--verbose'");
  EXPECT_EQ(usage_error({"affine", "--weights"}), "error: option '--weights' needs a value: --weights=FILE");
  EXPECT_EQ(usage_error({"affine", "--key=model"}), "error: --key needs --weights=FILE, whose state_dict it picks");
  EXPECT_EQ(usage_error({"affine"}), "error: input 'x' is missing: give --input=x=FILE\n"
                                     "  affine(x: float32 [batch, 2]) -> (output: float32 [batch, 3])");
  EXPECT_EQ(usage_error({"affine", "--input=x.npy"}), "error: --input=x.npy: expected NAME=FILE; the inputs of affine are: x");
  EXPECT_EQ(error({"affine", "--input=x=zeros:4611686018427387904x8"}),
            "error: input 'x', zeros:4611686018427387904x8: Storage size calculation overflowed with sizes=[4611686018427387904, 8]\n");
  EXPECT_EQ(usage_error({"affine", "--input=y=zeros:2"}), "error: --input=y=zeros:2: affine has no input 'y'\n"
                                                          "  its inputs are: x");
  EXPECT_EQ(usage_error({"affine", "--input=x=zeros:1x2", "--input=x=zeros:1x2"}),
            "error: --input=x=zeros:1x2: input 'x' is given twice");
  for (const char *sizes : {"axb", "2x", "x2", "-1x2", "2,2"})
    EXPECT_EQ(usage_error({"affine", std::string("--input=x=zeros:") + sizes}),
              std::string("error: 'zeros:") + sizes + "': expected sizes such as 32x784 after the colon");
  EXPECT_EQ(usage_error({"affine", "--input=x=zeros:1x2", "--threads=0"}),
            "error: --threads=0: expected a number from 1 to 1024");
  EXPECT_EQ(usage_error({"affine", "--input=x=zeros:1x2", "--repeat=many"}),
            "error: --repeat=many: expected a number from 1 to 10000000");
  EXPECT_EQ(usage_error({"affine", "--input=x=zeros:1x2", "--output=logits=y.npy"}),
            "error: --output=logits=y.npy: affine has no output 'logits'\n  its outputs are: output");
  EXPECT_EQ(usage_error({"affine", "--input=x=zeros:1x2", "--output=y.txt"}),
            "error: --output=y.txt: expected a file that ends in .npy or .safetensors");
}

TEST_F(RunCommand, WrongFilesAndShapes) {
  EXPECT_EQ(error({"affine", "--input=x=/no/such.npy"}), "error: /no/such.npy: No such file or directory\n");
  EXPECT_EQ(error({"affine", "--input=x=zeros:2x3"}), "error: affine: input 'x': expected size 2 in dimension 1, found 3\n"
                                                      "  expected: float32 [batch, 2]\n"
                                                      "  found:    float32 [2, 3]\n");
  save_safetensors(file("two.safetensors"), {{"a", Tensor({1, 2}, DType::Float32)}, {"b", Tensor({1, 2}, DType::Float32)}});
  const std::string two = file("two.safetensors");
  EXPECT_EQ(error({"affine", "--input=x=" + two}),
            "error: " + two + ": holds several tensors: name one, as in " + two + ":NAME\n  it holds a, b\n");
  EXPECT_EQ(error({"affine", "--input=x=" + two + ":c"}),
            "error: " + two + ": c: there is no such tensor\n  the file holds a, b\n");
  EXPECT_EQ(error({"affine", "--input=x=zeros:1x2", "--output=/no/such/folder/y.npy"}).substr(0, 31),
            "error: /no/such/folder/y.npy: c");
}

//===----------------------------------------------------------------------===//
// An executable, as the compiler links it
//===----------------------------------------------------------------------===//

Result shell(const std::string &command) {
  Result result{};
  FILE *pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 256> buffer;
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr)
    result.out += buffer.data();
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

TEST(Executable, RunsItsProgram) {
  Result result = shell(KILN_TEST_EXECUTABLE " --input=x=zeros:1x2");
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "output: float32 [1, 2], min 1, max 1, mean 1\n  1, 1\n");
  EXPECT_EQ(shell(KILN_TEST_EXECUTABLE " --input=x=zeros:1x3").code, 1);
  EXPECT_EQ(shell(KILN_TEST_EXECUTABLE " --inputs=x=zeros:1x3").code, 2);
  result = shell("KILN_ISA=v9 " KILN_TEST_EXECUTABLE " --input=x=zeros:1x2");
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out, "error: KILN_ISA=v9: expected v2, v3 or v4\n");
}

TEST(Executable, IsNoSharedLibrary) {
  try {
    Program::load(KILN_TEST_EXECUTABLE);
    FAIL();
  } catch (const FileError &error) {
    EXPECT_EQ(std::string(error.what()), KILN_TEST_EXECUTABLE ": ELF header: is an executable: run it; only a shared library (.so) can be loaded");
  }
}

} // namespace
} // namespace kiln::runtime
