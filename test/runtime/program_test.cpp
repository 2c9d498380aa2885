// Program: what a descriptor says, what it must not say, loading artifacts, instruction sets.
#include "kiln/runtime/program.h"

#include <cstdlib>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

#include <gtest/gtest.h>

#include "error_text.h"
#include "kiln/runtime/model.h"
#include "program_parts.h"
#include "test_program.h"
#include "training_program.h"

namespace kiln::runtime {
namespace {

using test::TestProgram;
using test::text_of;

//===----------------------------------------------------------------------===//
// Reading a descriptor
//===----------------------------------------------------------------------===//

TEST(Program, SaysWhatItHolds) {
  TestProgram test;
  const Program program = test.program();
  EXPECT_EQ(program.name(), "test");
  EXPECT_EQ(program.target(), "x86_64");
  EXPECT_EQ(program.fingerprint().size(), 64u);
  EXPECT_EQ(program.model_type(), "TestNet");
  ASSERT_EQ(program.functions().size(), 6u);
  EXPECT_EQ(program.functions()[0].declaration(), "affine(x: float32 [batch, 2]) -> (output: float32 [batch, 3])");
  EXPECT_EQ(program.functions()[4].declaration(), "pair(x: float32 [n, m], y: float32 [n], z: float32 [m, m]) -> "
                                                  "(sum: float32 [n], first: float32 [m])");
  EXPECT_EQ(program.functions()[3].declaration(), "set_weight(value: float32 [3, 2]) -> ()");
  EXPECT_EQ(program.function_index("pick"), 5u);
  ASSERT_EQ(program.states().size(), 5u);
  EXPECT_EQ(program.states()[0].path, "weight");
  EXPECT_EQ(program.states()[0].kind, StateKind::Parameter);
  EXPECT_TRUE(program.states()[0].trainable);
  EXPECT_EQ(program.states()[0].bytes, 24u);
  EXPECT_EQ(program.states()[2].dtype, DType::Int64);
  EXPECT_EQ(program.states()[2].bytes, 8u);
  ASSERT_EQ(program.state_names().size(), 6u);
  EXPECT_FALSE(program.state_names()[3].persistent);
  ASSERT_EQ(program.prepares().size(), 2u);
  EXPECT_EQ(program.prepared_values()[1].name, "doubled");
  EXPECT_EQ(program.sites()[0].source, "model.cpp:12");
  ASSERT_EQ(program.functions()[0].launches.size(), 2u);
  EXPECT_EQ(program.functions()[0].launches[0].kernel, "products");
  EXPECT_EQ(program.functions()[0].launches[0].flops, "12 * batch");
  EXPECT_EQ(program.functions()[0].launches[1].module, "head");
  EXPECT_EQ(program.functions()[0].launches[1].bytes, "24 * batch + 12");
  EXPECT_TRUE(program.functions()[1].launches.empty());
}

TEST(Program, TreeOfModulesCountsParametersOnce) {
  TestProgram test;
  const Program program = test.program();
  ASSERT_EQ(program.modules().size(), 2u);
  EXPECT_EQ(program.modules()[0].type, "TestNet");
  EXPECT_EQ(program.modules()[0].parameters, 0);
  EXPECT_EQ(program.modules()[1].path, "head");
  EXPECT_EQ(program.modules()[1].parameters, 9); // weight and bias; the tied name adds nothing
  EXPECT_EQ(program.modules()[1].trainable_parameters, 9);
  EXPECT_EQ(module_tree_text(program.modules()),
            "TestNet(\n  (head): Linear(in_features=2, out_features=3, bias=True)\n)");
}

TEST(Program, CodeForCuda) {
  TestProgram test;
  EXPECT_EQ(test.program().cuda(), nullptr);
  test.add_cuda();
  const Program program = test.program();
  ASSERT_NE(program.cuda(), nullptr);
  EXPECT_EQ(program.cuda()->images.size(), 2u);
  EXPECT_EQ(program.cuda()->images[0].architecture, 80u);
  EXPECT_TRUE(program.cuda()->images[1].is_ptx);
  EXPECT_EQ(program.cuda()->kernels[0].name, "kernel");
  EXPECT_EQ(program.cuda()->constants[0].size(), sizeof test.bias);
  EXPECT_TRUE(program.functions()[0].has_cuda());
  EXPECT_FALSE(program.functions()[1].has_cuda());
}

// What an artifact of minor version 2 lacks: the function's last member, and the program's.
TEST(Program, FunctionsOfMinorVersion2RunOnTheProcessor) {
  TestProgram test;
  test.descriptor.abi_minor = 2;
  test.descriptor.struct_size = offsetof(kiln_program, cuda);
  for (kiln_function &function : test.functions)
    function.run_cuda = function.run[0]; // behind the end of the struct of that version: not looked at
  test.descriptor.cuda = reinterpret_cast<const kiln_cuda *>(~uintptr_t{0});
  struct Shorter {
    alignas(kiln_function) char bytes[offsetof(kiln_function, run_cuda)];
  };
  std::array<Shorter, 6> shorter;
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    test.functions[i].struct_size = sizeof(Shorter);
    std::memcpy(shorter[i].bytes, &test.functions[i], sizeof(Shorter));
  }
  test.descriptor.functions = reinterpret_cast<const kiln_function *>(shorter.data());
  const Program program = test.program();
  EXPECT_EQ(program.cuda(), nullptr);
  EXPECT_FALSE(program.functions()[0].has_cuda());
}

TEST(Program, UnknownFunction) {
  TestProgram test;
  EXPECT_EQ(text_of<KeyError>([&] { test.program().function_index("predict"); }),
            "program 'test' has no function 'predict'; it has affine, doubled, increment, set_weight, pair, pick");
}

TEST(Program, StructsOfAnEarlierMinorVersionEndInZeros) {
  struct First {
    uint32_t struct_size, value;
  };
  struct Later { // as a minor version may change First
    uint32_t struct_size, value;
    const char *text;
    uint64_t number;
  };
  const First first[] = {{sizeof(First), 1}, {sizeof(First), 2}}; // what comes behind a short struct is another one
  const Later grown = read_struct<Later>(&first[0]);
  EXPECT_EQ(grown.value, 1u);
  EXPECT_EQ(grown.text, nullptr);
  EXPECT_EQ(grown.number, 0u);
  const Later later = {sizeof(Later), 3, "text", 4};
  EXPECT_EQ(read_struct<Later>(&later).number, 4u);
  EXPECT_EQ(read_struct<First>(&later).value, 3u);
}

TEST(Program, ArraysHaveTheStrideOfTheirEntries) {
  struct Longer {
    kiln_state_name name;
    uint64_t more;
  };
  TestProgram test;
  Longer longer[6];
  for (std::size_t i = 0; i < 6; ++i) {
    longer[i] = {test.state_names[i], ~uint64_t{0}};
    longer[i].name.struct_size = sizeof(Longer);
  }
  test.descriptor.state_names = &longer[0].name;
  EXPECT_EQ(test.program().state_names()[4].name, "tied.weight");
}

/// A descriptor with one thing wrong.
struct Damage {
  const char *name;
  void (*damage)(TestProgram &);
  const char *message;
};

class DamagedDescriptor : public testing::TestWithParam<Damage> {};

TEST_P(DamagedDescriptor, IsRefused) {
  TestProgram test;
  GetParam().damage(test);
  EXPECT_EQ(text_of<FileError>([&] { test.program(); }), std::string("linked program: ") + GetParam().message);
}

constexpr uint32_t kFar[] = {9};
constexpr int64_t kNegative[] = {-1}, kHuge[] = {int64_t{1} << 62}, kLarge[] = {int64_t{1} << 60},
                  kNoElements[] = {0, int64_t{1} << 62};
constexpr kiln_dim kUnknownSymbol[] = {{0, 4, 0}, {2, -1, 0}}, kNoSymbol[] = {{3, -1, 0}, {2, -1, 0}};

const Damage kDamages[] = {
    {"major", [](TestProgram &t) { t.descriptor.abi_major = 2; },
     "was built for version 2.3 of the program interface, and this runtime has version 1.3: build it again with a Kiln of "
     "this runtime's version"},
    {"minor", [](TestProgram &t) { t.descriptor.abi_minor = 4; },
     "was built for version 1.4 of the program interface, and this runtime has version 1.3: build it again with a Kiln of "
     "this runtime's version"},
    {"program_size", [](TestProgram &t) { t.descriptor.struct_size = 8; }, "program: has struct_size 8: expected at least 160"},
    {"program_size_of_minor_0", [](TestProgram &t) { t.descriptor.abi_minor = 0; t.descriptor.struct_size = 112; },
     "program: has struct_size 112: expected at least 120"},
    {"target", [](TestProgram &t) { t.descriptor.target = "aarch64"; }, "target: is 'aarch64': expected 'x86_64'"},
    {"name", [](TestProgram &t) { t.descriptor.name = nullptr; }, "name: is null: expected text"},
    {"fingerprint", [](TestProgram &t) { t.descriptor.fingerprint = "12"; },
     "fingerprint: is '12': expected 64 hexadecimal digits"},
    {"launches", [](TestProgram &t) { t.functions[0].launches = nullptr; },
     "functions[0].launches: is null: expected 2 entries"},
    {"launch_flops", [](TestProgram &t) { t.launches[1].flops = nullptr; },
     "functions[0].launches[1].flops: is null: expected text"},
    {"cuda_function_without_code", [](TestProgram &t) { t.functions[0].run_cuda = t.functions[0].run[0]; },
     "functions[0].run_cuda: is set, and the program has no code for CUDA"},
    {"cuda_images", [](TestProgram &t) { t.add_cuda(); t.cuda.image_count = 0; }, "cuda.images: are none: expected at least one"},
    {"cuda_image_data", [](TestProgram &t) { t.add_cuda(); t.images[0].data = nullptr; },
     "cuda.images[0].data: is null, or more bytes than there can be"},
    {"cuda_ptx_without_end", [](TestProgram &t) { t.add_cuda(); t.images[1].bytes = 3; },
     "cuda.images[1].data: is empty, or text without an end"},
    {"cuda_threads", [](TestProgram &t) { t.add_cuda(); t.kernels[0].threads = 1025; },
     "cuda.kernels[0].threads: is 1025: expected 1 to 1024"},
    {"cuda_arguments", [](TestProgram &t) { t.add_cuda(); t.kernels[0].argument_count = 513; },
     "cuda.kernels[0].argument_count: is 513: expected at most 512"},
    {"cuda_kernel_name", [](TestProgram &t) { t.add_cuda(); t.kernels[0].name = nullptr; },
     "cuda.kernels[0].name: is null: expected text"},
    {"cuda_constant", [](TestProgram &t) { t.add_cuda(); t.constants[0].data = nullptr; },
     "cuda.constants[0].data: is null, or more bytes than there can be"},
    {"cuda_function_that_writes",
     [](TestProgram &t) {
       t.add_cuda();
       t.functions[2].run_cuda = t.functions[2].run[0];
     },
     "functions[2].run_cuda: is set, and the function writes state"},
    {"functions", [](TestProgram &t) { t.descriptor.functions = nullptr; }, "functions: is null: expected 6 entries"},
    {"state_size", [](TestProgram &t) { t.states[1].struct_size = 0; }, "states[1]: has struct_size 0: expected at least 48"},
    {"other_state_size", [](TestProgram &t) { t.states[1].struct_size += 8; },
     "states[1]: has another struct_size than the first entry"},
    {"state_kind", [](TestProgram &t) { t.states[0].kind = 6; }, "states[0]: is of the unknown kind 6"},
    {"state_kind_of_minor_0", [](TestProgram &t) { t.descriptor.abi_minor = 0; t.states[0].kind = 3; },
     "states[0]: is of the unknown kind 3"},
    {"state_dtype", [](TestProgram &t) { t.states[0].dtype = 10; }, "states[0]: has the unknown dtype 10"},
    {"state_rank", [](TestProgram &t) { t.states[0].rank = 65; }, "states[0]: has 65 dimensions: expected at most 64"},
    {"state_sizes", [](TestProgram &t) { t.states[1].sizes = kNegative; },
     "states[1].sizes: hold a negative size, or more bytes than there can be"},
    {"state_bytes", [](TestProgram &t) { t.states[1].sizes = kHuge; },
     "states[1].sizes: hold a negative size, or more bytes than there can be"},
    {"state_total",
     [](TestProgram &t) {
       // Each fits; together they would wrap around to a small block.
       t.states[1].sizes = t.states[4].sizes = kLarge;
       t.states[1].initial = t.states[4].initial = nullptr;
     },
     "states[4].sizes: make the states larger together than there can be memory"},
    {"state_strides",
     [](TestProgram &t) {
       t.states[0].sizes = kNoElements;
       t.states[0].initial = nullptr;
     },
     "states[0].sizes: hold a negative size, or more bytes than there can be"},
    {"prepared_bytes", [](TestProgram &t) { t.prepared[0].bytes = uint64_t{1} << 63; }, "prepared[0].bytes: is more than there can be"},
    {"prepared_total", [](TestProgram &t) { t.prepared[0].bytes = t.prepared[1].bytes = (uint64_t{1} << 63) - 1; },
     "prepared[0].bytes: makes the prepared values larger together than there can be memory"},
    {"shorter", [](TestProgram &t) { t.sites[0].struct_size -= 8; }, "sites[0]: has struct_size 24: expected at least 32"},
    {"state_path", [](TestProgram &t) { t.states[1].path = "weight"; }, "states[1].path: 'weight' is there twice"},
    {"state_name", [](TestProgram &t) { t.state_names[1].state = 5; }, "state_names[1].state: is 5, and there are 5"},
    {"prepared", [](TestProgram &t) { t.prepared[0].prepare = 2; }, "prepared[0].prepare: is 2, and there are 2"},
    {"prepared_twice", [](TestProgram &t) { t.prepared[0].prepare = 1; },
     "prepares[0].targets: name a value that another prepare function computes"},
    {"prepared_never", [](TestProgram &t) { t.prepares[1].target_count = 0; },
     "prepared[1]: is the target of no prepare function"},
    {"sources", [](TestProgram &t) { t.prepares[0].sources = kFar; }, "prepares[0].sources[0]: is 9, and there are 5"},
    {"reads", [](TestProgram &t) { t.functions[0].reads = kFar; }, "functions[0].reads[0]: is 9, and there are 5"},
    {"writes", [](TestProgram &t) { t.functions[2].writes = nullptr; }, "functions[2].writes: is null: expected 1 entries"},
    {"used", [](TestProgram &t) { t.functions[1].prepared = kFar; }, "functions[1].prepared[0]: is 9, and there are 2"},
    {"measure", [](TestProgram &t) { t.functions[1].measure = nullptr; }, "functions[1].measure: is null"},
    {"function_name", [](TestProgram &t) { t.functions[1].name = "affine"; }, "functions[1].name: 'affine' is there twice"},
    {"input_name", [](TestProgram &t) { t.inputs[2].name = ""; }, "functions[4].inputs[1].name: is empty"},
    {"dims", [](TestProgram &t) { t.inputs[0].dims = nullptr; }, "functions[0].inputs[0].dims: is null: expected 2 entries"},
    {"symbol", [](TestProgram &t) { t.inputs[0].dims = kUnknownSymbol; },
     "functions[0].inputs[0].dims: hold a negative size or an unknown symbol"},
    {"unbound", [](TestProgram &t) { t.inputs[0].dims = kNoSymbol; }, "functions[0].symbols: 'batch' is a dimension of no input"},
    {"parent", [](TestProgram &t) { t.modules[1].parent = 1; }, "modules[1].parent: is 1: expected an earlier module, or -1"},
    {"site", [](TestProgram &t) { t.sites[0].module = nullptr; }, "sites[0].module: is null: expected text"},
    {"no_code",
     [](TestProgram &t) {
       t.functions[0].run[0] = nullptr;
       t.functions[1].run[1] = nullptr;
       t.prepares[1].run[2] = nullptr;
     },
     "functions: have no instruction set that all of them hold code for"},
};

INSTANTIATE_TEST_SUITE_P(Program, DamagedDescriptor, testing::ValuesIn(kDamages),
                         [](const testing::TestParamInfo<Damage> &info) { return info.param.name; });

//===----------------------------------------------------------------------===//
// What training needs
//===----------------------------------------------------------------------===//

using test::TrainingProgram;

TEST(TrainingDescriptor, SaysWhatItHolds) {
  TrainingProgram test;
  const Program program = test.program();
  ASSERT_EQ(program.gradients().size(), 2u);
  EXPECT_EQ(program.gradients()[1].parameter, 1u);
  EXPECT_EQ(program.gradients()[1].state, 3u);
  EXPECT_EQ(program.gradient_flags(), 4u);
  EXPECT_EQ(program.generator(), 12u);
  EXPECT_EQ(program.states()[12].kind, StateKind::Generator);
  ASSERT_EQ(program.optimizers().size(), 1u);
  const OptimizerDescription &optimizer = program.optimizers()[program.optimizer_index("optimizer")];
  EXPECT_EQ(optimizer.type, "Adam");
  EXPECT_EQ(optimizer.steps, 5u);
  ASSERT_EQ(optimizer.groups.size(), 2u);
  const ParameterGroup &group = optimizer.groups[1];
  EXPECT_EQ(group.learning_rate, 11u);
  EXPECT_EQ(group.parameters[0], 1u);
  EXPECT_EQ(group.options[1].first, "betas");
  EXPECT_EQ(std::get<std::vector<double>>(group.options[1].second), (std::vector<double>{0.9, 0.999}));
  EXPECT_EQ(std::get<double>(group.options[0].second), 0.1);
  EXPECT_EQ(std::get<bool>(group.options[3].second), false);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(group.options[5].second));
  EXPECT_EQ(group.slots[1].name, "exp_avg_sq");
  EXPECT_EQ(group.slots[1].states[0], 9);
}

TEST(TrainingDescriptor, OfMinor0HasNone) {
  TestProgram test;
  test.descriptor.abi_minor = 0;
  test.descriptor.struct_size = offsetof(kiln_program, gradient_count);
  test.descriptor.gradient_count = test.descriptor.optimizer_count = 7; // what lies behind it
  const Program program = test.program();
  EXPECT_TRUE(program.gradients().empty() && program.optimizers().empty());
  EXPECT_FALSE(program.gradient_flags() || program.generator());
}

struct TrainingDamage {
  const char *name;
  void (*damage)(TrainingProgram &);
  const char *message;
};

class DamagedTraining : public testing::TestWithParam<TrainingDamage> {};

TEST_P(DamagedTraining, IsRefused) {
  TrainingProgram test;
  GetParam().damage(test);
  EXPECT_EQ(text_of<FileError>([&] { test.program(); }), std::string("linked program: ") + GetParam().message);
}

constexpr uint32_t kOtherParameter[] = {0}, kNoParameter[] = {2};
constexpr int32_t kFarSlot[] = {99}, kOtherKind[] = {2}, kTaken[] = {6}, kNegativeSlot[] = {-2};
constexpr int64_t kThree[] = {3};

const TrainingDamage kTrainingDamages[] = {
    {"gradient_parameter", [](TrainingProgram &t) { t.gradients[0].parameter = 2; },
     "gradients[0].parameter: names state 'gradients.head.weight', which is no parameter"},
    {"gradient_far", [](TrainingProgram &t) { t.gradients[0].gradient = 14; }, "gradients[0].gradient: is 14, and there are 14"},
    {"gradient_of_other_shape", [](TrainingProgram &t) { t.gradients[0].gradient = 3; },
     "gradients[0].gradient: names state 'gradients.head.bias', which has not the kind, dtype or sizes that it must have"},
    {"gradient_twice", [](TrainingProgram &t) { t.gradients[1].parameter = 0; },
     "gradients[1].parameter: names state 'head.weight', which another entry names too"},
    {"gradient_flag", [](TrainingProgram &t) { t.gradients[1].flag = 0; }, "gradients[1].flag: is 0: expected 1, the place of the gradient"},
    {"flags", [](TrainingProgram &t) { t.descriptor.gradient_flags = -1; }, "gradient_flags: is -1, and there are 14"},
    {"flags_without_gradients", [](TrainingProgram &t) { t.descriptor.gradient_count = 0; },
     "gradient_flags: is 4: expected -1, since there are no gradients"},
    {"generator", [](TrainingProgram &t) { t.descriptor.generator = 13; },
     "generator: names state 'calls', which has not the kind, dtype or sizes that it must have"},
    {"optimizers", [](TrainingProgram &t) { t.descriptor.optimizers = nullptr; }, "optimizers: is null: expected 1 entries"},
    {"optimizer_size", [](TrainingProgram &t) { t.optimizers[0].struct_size = 4; }, "optimizers[0]: has struct_size 4: expected at least 40"},
    {"optimizer_name", [](TrainingProgram &t) { t.optimizers[0].name = ""; }, "optimizers[0].name: is empty"},
    {"steps", [](TrainingProgram &t) { t.states[5].sizes = kThree; },
     "optimizers[0].steps: names state 'optimizer.step', which has not the kind, dtype or sizes that it must have"},
    {"rate", [](TrainingProgram &t) { t.groups[1].learning_rate = 12; },
     "optimizers[0].groups[1].learning_rate: names state 'generator', which has not the kind, dtype or sizes that it must have"},
    {"rate_twice", [](TrainingProgram &t) { t.groups[1].learning_rate = 10; },
     "optimizers[0].groups[1].learning_rate: names state 'optimizer.param_groups.0.lr', which another entry names too"},
    {"group_parameter", [](TrainingProgram &t) { t.groups[1].parameters = kNoParameter; },
     "optimizers[0].groups[1].parameters[0]: names state 'gradients.head.weight', which is no parameter"},
    {"group_parameter_twice", [](TrainingProgram &t) { t.groups[1].parameters = kOtherParameter; },
     "optimizers[0].groups[1].parameters[0]: names state 'head.weight', which another entry names too"},
    {"option_kind", [](TrainingProgram &t) { t.options[0][1].kind = 5; }, "optimizers[0].groups[0].options[1]: is of the unknown kind 5"},
    {"option_name", [](TrainingProgram &t) { t.options[0][1].name = "betas"; },
     "optimizers[0].groups[0].options[1].name: 'betas' is there twice"},
    {"option_lr", [](TrainingProgram &t) { t.options[0][1].name = "lr"; },
     "optimizers[0].groups[0].options[1].name: is 'lr', which is no constant of a group"},
    {"option_numbers", [](TrainingProgram &t) { t.options[0][0].number_count = 65; },
     "optimizers[0].groups[0].options[0]: has 65 numbers: expected at most 64"},
    {"slot_far", [](TrainingProgram &t) { t.slots[0][1].states = kFarSlot; },
     "optimizers[0].groups[0].slots[1].states[0]: is 99, and there are 14"},
    {"slot_negative", [](TrainingProgram &t) { t.slots[0][1].states = kNegativeSlot; },
     "optimizers[0].groups[0].slots[1].states[0]: is -2, and there are 14"},
    {"slot_kind", [](TrainingProgram &t) { t.slots[0][1].states = kOtherKind; },
     "optimizers[0].groups[0].slots[1].states[0]: names state 'gradients.head.weight', which has not the kind, dtype or sizes that it "
     "must have"},
    {"slot_twice", [](TrainingProgram &t) { t.slots[0][1].states = kTaken; },
     "optimizers[0].groups[0].slots[1].states[0]: names state 'optimizer.exp_avg.head.weight', which another entry names too"},
};

INSTANTIATE_TEST_SUITE_P(Program, DamagedTraining, testing::ValuesIn(kTrainingDamages),
                         [](const testing::TestParamInfo<TrainingDamage> &info) { return info.param.name; });

TEST(Program, StateThatNoMachineHas) {
  TestProgram test;
  test.states[1].sizes = kLarge;
  test.states[1].initial = nullptr;
  const Program program = test.program();
  EXPECT_EQ(text_of<Error>([&] { Model model(program); }),
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4611686018427388160 bytes. Error code 12 (Cannot "
            "allocate memory)\n  for the state and the prepared values of program 'test' (linked program)");
}

TEST(Program, NullDescriptor) {
  EXPECT_EQ(text_of<FileError>([] { Program::from(nullptr); }), "linked program: the descriptor is null");
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

std::string artifact(const std::string &name) { return std::string(KILN_TEST_ARTIFACTS) + "/" + name + ".so"; }

/// A file made from an artifact's bytes, gone after the test.
class ChangedArtifact {
public:
  explicit ChangedArtifact(const char *name)
      : path_((std::filesystem::temp_directory_path() / ("kiln-" + std::to_string(getpid()) + "-" + name)).string()) {
    std::ifstream file(artifact("affine"), std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }
  ~ChangedArtifact() { std::filesystem::remove(path_); }

  std::string &bytes() { return bytes_; }
  Elf64_Ehdr &header() { return *reinterpret_cast<Elf64_Ehdr *>(bytes_.data()); }
  /// Writes the bytes and returns what loading says about the file, without its name.
  std::string error() {
    std::ofstream(path_, std::ios::binary) << bytes_;
    const std::string text = text_of<FileError>([this] { Program::load(path_); });
    EXPECT_EQ(text.substr(0, path_.size() + 2), path_ + ": ");
    return text.substr(std::min(text.size(), path_.size() + 2));
  }

private:
  std::string path_, bytes_;
};

TEST(ProgramLoad, Artifact) {
  const Program program = Program::load(artifact("affine"));
  EXPECT_EQ(program.name(), "affine");
  EXPECT_EQ(program.origin(), artifact("affine"));
  Model model(program, {1, nullptr});
  const float values[] = {1, 2, 3, 4};
  const std::vector<Tensor> y = model.call("predict", {Tensor::from<float>(values, {2, 2})});
  EXPECT_EQ(y[0].data<float>()[3], 9);
}

TEST(ProgramLoad, EitherKindOfSymbolHashTable) {
  EXPECT_EQ(find_program_symbol(artifact("affine")), "kiln_program_affine");
  EXPECT_EQ(find_program_symbol(artifact("affine_sysv")), "kiln_program_affine");
}

TEST(ProgramLoad, OutlivesEveryOtherHandle) {
  std::unique_ptr<Model> model;
  {
    model = std::make_unique<Model>(Program::load(artifact("affine")), ModelOptions{1, nullptr});
  }
  EXPECT_EQ(model->call("predict", {Tensor({1, 2}, DType::Float32)})[0].data<float>()[0], 1);
}

TEST(ProgramLoad, PathWithoutSlash) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(KILN_TEST_ARTIFACTS);
  EXPECT_EQ(Program::load("affine.so").name(), "affine");
  std::filesystem::current_path(before);
}

TEST(ProgramLoad, MissingFile) {
  EXPECT_EQ(text_of<FileError>([] { Program::load("/no/such/file.so"); }), "/no/such/file.so: No such file or directory");
  EXPECT_EQ(text_of<FileError>([] { Program::load("/tmp"); }), "/tmp: Is a directory");
}

TEST(ProgramLoad, WrongArtifacts) {
  auto error = [](const std::string &name) {
    const std::string path = artifact(name);
    return text_of<FileError>([&] { Program::load(path); }).substr(path.size() + 2);
  };
  EXPECT_EQ(error("later_major"), "was built for version 2.3 of the program interface, and this runtime has version 1.3: "
                                  "build it again with a Kiln of this runtime's version");
  EXPECT_EQ(error("later_minor"), "was built for version 1.4 of the program interface, and this runtime has version 1.3: "
                                  "build it again with a Kiln of this runtime's version");
  EXPECT_EQ(error("no_program"), "exports no symbol kiln_program_*: expected a shared library that kiln built");
  EXPECT_TRUE(error("two_programs") ==
                  "exports several programs (kiln_program_affine, kiln_program_again): expected one" ||
              error("two_programs") == "exports several programs (kiln_program_again, kiln_program_affine): expected one")
      << error("two_programs");
}

TEST(ProgramLoad, OtherFiles) {
  ChangedArtifact file("other");
  file.bytes() = "";
  EXPECT_EQ(file.error(), "is empty: expected a shared library that kiln built");
  file.bytes() = "hello";
  EXPECT_EQ(file.error(), "is not an ELF file: expected a shared library that kiln built");
  file.bytes() = "!<arch>\nsomething";
  EXPECT_EQ(file.error(), "is a static library: link it into a program; only a shared library (.so) can be loaded");
}

TEST(ProgramLoad, OtherKindsOfElf) {
  ChangedArtifact file("kind");
  const Elf64_Ehdr original = file.header();
  file.header().e_machine = EM_AARCH64;
  EXPECT_EQ(file.error(), "ELF header: is for another processor (machine 183): expected x86-64, machine 62");
  file.header() = original;
  file.header().e_ident[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(file.error(), "ELF header: is for another processor (machine 62): expected x86-64, machine 62");
  file.header() = original;
  file.header().e_type = ET_REL;
  EXPECT_EQ(file.error(), "ELF header: is an object file: link it into a program; only a shared library (.so) can be loaded");
  file.header().e_type = ET_EXEC;
  EXPECT_EQ(file.error(), "ELF header: is an executable: run it; only a shared library (.so) can be loaded");
  file.header().e_type = ET_CORE;
  EXPECT_EQ(file.error(), "ELF header: is no shared library (ELF type 4)");
}

TEST(ProgramLoad, CutShort) {
  ChangedArtifact file("short");
  const std::string whole = file.bytes();
  file.bytes() = whole.substr(0, 40);
  EXPECT_EQ(file.error(), "ELF header: the file is cut short: it has 40 bytes, and this ends at byte 64");
  // Wherever it is cut, one of the file's own tables says so; nothing is loaded.
  for (std::size_t length = 64; length < whole.size(); length += 97) {
    file.bytes() = whole.substr(0, length);
    EXPECT_NE(file.error().find("the file is cut short: it has " + std::to_string(length) + " bytes"), std::string::npos)
        << length;
  }
}

TEST(ProgramLoad, GarbageInHeadersIsAnErrorAndNoCrash) {
  // Every byte of the ELF header's tables and the program headers, set to two values; loading either works or says what is wrong.
  ChangedArtifact file("garbage");
  const std::string whole = file.bytes();
  const std::size_t end = file.header().e_phoff + file.header().e_phnum * sizeof(Elf64_Phdr);
  const std::string path = (std::filesystem::temp_directory_path() / ("kiln-garbage-" + std::to_string(getpid()))).string();
  for (std::size_t place = 16; place < end; ++place)
    for (char value : {'\xff', '\x7f'}) {
      std::string bytes = whole;
      bytes[place] = value;
      std::ofstream(path, std::ios::binary) << bytes;
      try {
        find_program_symbol(path);
      } catch (const FileError &) {
      }
    }
  std::filesystem::remove(path);
}

//===----------------------------------------------------------------------===//
// Instruction sets
//===----------------------------------------------------------------------===//

class InstructionSets : public testing::Test {
protected:
  ~InstructionSets() override { unsetenv("KILN_ISA"); }
};

TEST_F(InstructionSets, RequestedByEnvironment) {
  unsetenv("KILN_ISA");
  EXPECT_EQ(requested_instruction_set(), cpu_instruction_set());
  setenv("KILN_ISA", "v2", 1);
  EXPECT_EQ(requested_instruction_set(), InstructionSet::X86_64_V2);
  setenv("KILN_ISA", "avx2", 1);
  EXPECT_EQ(text_of<ValueError>([] { requested_instruction_set(); }), "KILN_ISA=avx2: expected v2, v3 or v4");
}

TEST_F(InstructionSets, MoreThanTheCpuHas) {
  EXPECT_EQ(text_of<ValueError>([] { check_instruction_set("v4", InstructionSet::X86_64_V3); }),
            "KILN_ISA=v4: this CPU has only v3");
  EXPECT_EQ(text_of<ValueError>([] { check_instruction_set("v3", InstructionSet::X86_64_V2); }),
            "KILN_ISA=v3: this CPU has only v2");
  EXPECT_EQ(check_instruction_set("v3", InstructionSet::X86_64_V4), InstructionSet::X86_64_V3);
}

TEST_F(InstructionSets, FallBackToTheNextLower) {
  TestProgram test;
  for (kiln_function &function : test.functions)
    function.run[KILN_ISA_X86_64_V3] = nullptr;
  const Program program = test.program();
  EXPECT_EQ(program.instruction_sets(), (std::vector{InstructionSet::X86_64_V2, InstructionSet::X86_64_V4}));
  EXPECT_EQ(program.select_instruction_set(InstructionSet::X86_64_V3), InstructionSet::X86_64_V2);
  EXPECT_EQ(program.select_instruction_set(InstructionSet::X86_64_V4), InstructionSet::X86_64_V4);
  setenv("KILN_ISA", "v2", 1);
  EXPECT_EQ(Model(program, {1, nullptr}).instruction_set(), InstructionSet::X86_64_V2);
}

TEST_F(InstructionSets, NoneLowEnough) {
  TestProgram test;
  for (kiln_function &function : test.functions)
    function.run[KILN_ISA_X86_64_V2] = nullptr;
  setenv("KILN_ISA", "v2", 1);
  EXPECT_EQ(text_of<Error>([&] { Model model(test.program()); }),
            "linked program: holds code for v3, v4 only, and v2 is the most that this CPU or KILN_ISA allows: build it for a "
            "lower instruction set");
}

} // namespace
} // namespace kiln::runtime
