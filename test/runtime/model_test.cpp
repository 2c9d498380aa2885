// Model: calls, entry checks with their whole texts, state, prepared values, outputs and inputs of every layout.
#include "kiln/runtime/model.h"

#include <cstring>
#include <filesystem>
#include <iterator>
#include <numeric>

#include <gtest/gtest.h>

#include "error_text.h"
#include "test_program.h"

namespace kiln::runtime {
namespace {

using test::TestProgram;
using test::text_of;

Tensor floats(std::vector<float> values, std::vector<int64_t> sizes) {
  return Tensor::from<float>(values, std::move(sizes));
}

std::vector<float> values(const Tensor &tensor) {
  const Tensor contiguous = tensor.contiguous();
  return {contiguous.data<float>(), contiguous.data<float>() + contiguous.numel()};
}

class ModelTest : public testing::Test {
protected:
  std::vector<Tensor> call(std::string_view function, const std::vector<Tensor> &inputs) {
    return model.call(function, inputs);
  }
  template <class Expected> std::string call_error(std::string_view function, const std::vector<Tensor> &inputs) {
    return text_of<Expected>([&] { model.call(function, inputs); });
  }

  TestProgram test;
  Model model{test.program(), {2, nullptr}};
};

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

// x weight^T + bias for x = [[1, 1], [2, 0], [0, -1]], by hand.
const std::vector<float> kX = {1, 1, 2, 0, 0, -1};
const std::vector<float> kY = {13, 27, 41, 12, 26, 40, 8, 16, 24};

TEST_F(ModelTest, Call) {
  const std::vector<Tensor> y = call("affine", {floats(kX, {3, 2})});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0].shape_text(), "[3, 3]");
  EXPECT_EQ(values(y[0]), kY);
}

TEST_F(ModelTest, EveryBatch) {
  for (int64_t batch : {0, 1, 2, 31, 257}) {
    Tensor x({batch, 2}, DType::Float32);
    for (int64_t i = 0; i < batch; ++i)
      x.data<float>()[i * 2] = static_cast<float>(i);
    const Tensor y = call("affine", {x})[0];
    ASSERT_EQ(y.sizes()[0], batch);
    for (int64_t i = 0; i < batch; ++i)
      for (int64_t n = 0; n < 3; ++n)
        ASSERT_EQ(y.data<float>()[i * 3 + n], static_cast<float>(i) * static_cast<float>(2 * n + 1) + test.bias[n]);
  }
}

TEST_F(ModelTest, SeveralInputsAndOutputs) {
  const std::vector<Tensor> result =
      call("pair", {floats({1, 2, 3, 4}, {2, 2}), floats({10, 20}, {2}), floats({5, 6, 7, 8}, {2, 2})});
  ASSERT_EQ(result.size(), 2u);
  EXPECT_EQ(values(result[0]), (std::vector<float>{13, 27}));
  EXPECT_EQ(values(result[1]), (std::vector<float>{5, 6}));
}

TEST_F(ModelTest, OptionsOfACall) {
  struct Counting : Executor {
    int64_t tasks = 0;
    void parallel_for(int64_t count, TaskRef task) override {
      for (int64_t i = count; i-- > 0; ++tasks)
        task(i);
    }
  } executor;
  const Tensor x = floats(kX, {3, 2});
  EXPECT_EQ(values(model.call("affine", {x}, {1, nullptr})[0]), kY);
  EXPECT_EQ(values(model.call("affine", {x}, {100, nullptr})[0]), kY);
  EXPECT_EQ(values(model.call("affine", {x}, {0, &executor})[0]), kY);
  EXPECT_EQ(executor.tasks, 3);
  Model hosted(test.program(), {0, &executor});
  EXPECT_EQ(values(hosted.call("affine", {x})[0]), kY);
  EXPECT_EQ(executor.tasks, 6);
}

TEST_F(ModelTest, TimesOfLaunches) {
  std::vector<int64_t> times(2);
  CallOptions options;
  options.launch_nanoseconds = times;
  const std::vector<Tensor> x = {floats(kX, {3, 2})};
  EXPECT_EQ(values(model.call("affine", x, options)[0]), kY);
  EXPECT_GE(times[0], 0);
  EXPECT_GE(times[1], 1'000'000); // the second sleeps for a millisecond
  model.call("affine", x, options);
  EXPECT_GE(times[1], 2'000'000);
  EXPECT_EQ(text_of<ValueError>([&] { model.call("doubled", x, options); }),
            "doubled: launch_nanoseconds has 2 entries: expected 0, one for each launch");
}

TEST_F(ModelTest, ContextOfOnesOwn) {
  Context context(model);
  EXPECT_EQ(values(context.call("affine", {floats(kX, {3, 2})})[0]), kY);
  Context moved = std::move(context);
  EXPECT_EQ(values(moved.call("affine", {floats({1, 1}, {1, 2})})[0]), (std::vector<float>{13, 27, 41}));
}

TEST_F(ModelTest, OutputSizes) {
  const Tensor x({7, 4}, DType::Float32), y({7}, DType::Float32), z({4, 4}, DType::Float32);
  const TensorView inputs[] = {x, y, z};
  EXPECT_EQ(model.output_sizes("pair", inputs), (std::vector<std::vector<int64_t>>{{7}, {4}}));
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

TEST_F(ModelTest, InputsNeedNotBeContiguous) {
  const Tensor columns = floats({1, 2, 0, 1, 0, -1}, {2, 3}); // kX transposed
  EXPECT_EQ(values(call("affine", {columns.transpose(0, 1)})[0]), kY);
  EXPECT_EQ(values(call("affine", {floats({1, 1}, {1, 2}).expand({2, 2})})[0]), (std::vector<float>{13, 27, 41, 13, 27, 41}));
  const Tensor wide = floats({1, 9, 1, 9, 2, 9, 0, 9, 0, 9, -1, 9}, {3, 4});
  EXPECT_EQ(values(call("affine", {wide.slice(1, 0, 4, 2)})[0]), kY);
}

TEST_F(ModelTest, ExpandedInputsBeyondAllMemory) {
  // Each input's bytes can be counted; what their copies need together is more than a block can have.
  test.functions[4].measure = [](const int64_t *, int64_t *sizes, int64_t *arena_bytes) { sizes[0] = sizes[1] = *arena_bytes = 0; };
  Model other(test.program(), {1, nullptr});
  const Tensor one({1}, DType::Float32);
  const int64_t n = int64_t{1} << 30;
  EXPECT_EQ(text_of<Error>([&] { other.call("pair", {one.expand({n, n}), one.expand({n}), one.expand({n, n})}); }),
            "pair: can't allocate 9223372041149743104 bytes of scratch memory");
}

TEST_F(ModelTest, UnalignedMemory) {
  alignas(8) std::byte bytes[1 + 6 * 4];
  std::memcpy(bytes + 1, kX.data(), 24);
  const int64_t sizes[] = {3, 2};
  const Tensor y({3, 3}, DType::Float32);
  const TensorView inputs[] = {{bytes + 1, DType::Float32, sizes}}, outputs[] = {y};
  model.call("affine", inputs, outputs);
  EXPECT_EQ(values(y), kY);
}

TEST_F(ModelTest, GivenOutputs) {
  const std::vector<Tensor> inputs = {floats(kX, {3, 2})};
  Tensor outputs[1];
  model.call("affine", inputs, outputs); // an undefined one is made
  EXPECT_EQ(values(outputs[0]), kY);
  const Tensor kept = outputs[0];
  model.call("affine", inputs, outputs);
  EXPECT_TRUE(outputs[0].is_same(kept));
  // Into columns of a wider tensor.
  const Tensor wide({3, 6}, DType::Float32);
  Tensor strided[] = {wide.slice(1, 0, 6, 2)};
  model.call("affine", inputs, strided);
  EXPECT_EQ(values(strided[0]), kY);
  EXPECT_EQ(wide.data<float>()[1], 0);
}

TEST_F(ModelTest, OutputMayBeAnInput) {
  const Tensor memory = floats({1, 1, 2, 0, 0, -1, 0, 0, 0}, {9});
  const std::vector<Tensor> inputs = {memory.slice(0, 0, 6, 1).view({3, 2})};
  Tensor outputs[] = {memory.view({3, 3})};
  model.call("affine", inputs, outputs);
  EXPECT_EQ(values(memory), kY);
}

TEST_F(ModelTest, OutputsThatDoNotFit) {
  const std::vector<Tensor> inputs = {floats(kX, {3, 2})};
  auto error = [&]<class Expected>(Expected *, Tensor output) {
    return text_of<Expected>([&] { model.call("affine", inputs, std::span(&output, 1)); });
  };
  const auto value = static_cast<ValueError *>(nullptr);
  EXPECT_EQ(error(value, Tensor({3, 4}, DType::Float32)),
            "affine: output 'output': expected size 3 in dimension 1, found 4\n"
            "  expected: float32 [3, 3]\n"
            "  found:    float32 [3, 4]");
  EXPECT_EQ(error(value, Tensor({9}, DType::Float32)), "affine: output 'output': expected 2 dimensions, found 1\n"
                                                       "  expected: float32 [3, 3]\n"
                                                       "  found:    float32 [9]");
  EXPECT_EQ(error(static_cast<TypeError *>(nullptr), Tensor({3, 3}, DType::Float64)),
            "affine: output 'output': expected dtype float32, found float64\n"
            "  expected: float32 [3, 3]\n"
            "  found:    float64 [3, 3]");
  EXPECT_EQ(error(value, Tensor({3, 1}, DType::Float32).expand({3, 3})),
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
            "clone() the tensor before performing the operation.\n"
            "  affine: output 'output': has stride 0 in dimension 1");
  EXPECT_EQ(text_of<ValueError>([&] { model.call("affine", inputs, std::span<Tensor>()); }),
            "affine: expected 1 output, found 0\n"
            "  declaration: affine(x: float32 [batch, 2]) -> (output: float32 [batch, 3])");
  const Tensor state = model.state(0);
  const Tensor own_row = state.view({6}).slice(0, 0, 3, 1).view({1, 3});
  Tensor outputs[] = {own_row};
  EXPECT_EQ(text_of<ValueError>([&] { model.call("affine", std::vector{floats({1, 1}, {1, 2})}, outputs); }),
            "affine: output 'output': lies in the model's own state\n  give it memory of its own");
  const Tensor shared({3}, DType::Float32);
  Tensor both[] = {shared.slice(0, 0, 2, 1), shared.slice(0, 1, 3, 1)};
  const std::vector<Tensor> pair = {floats({1, 2, 3, 4}, {2, 2}), floats({10, 20}, {2}), floats({5, 6, 7, 8}, {2, 2})};
  EXPECT_EQ(text_of<ValueError>([&] { model.call("pair", pair, both); }),
            "pair: outputs 'sum' and 'first' share memory\n  give each memory of its own");
}

//===----------------------------------------------------------------------===//
// Entry checks
//===----------------------------------------------------------------------===//

TEST_F(ModelTest, UnknownFunction) {
  EXPECT_EQ(call_error<KeyError>("predict", {}),
            "program 'test' has no function 'predict'; it has affine, doubled, increment, set_weight, pair, pick");
}

TEST_F(ModelTest, NumberOfInputs) {
  const Tensor x({2, 2}, DType::Float32);
  EXPECT_EQ(call_error<ValueError>("pair", {x}),
            "pair() is missing value for argument 'y'. Declaration: pair(x: float32 [n, m], y: float32 [n], z: float32 [m, m]) "
            "-> (sum: float32 [n], first: float32 [m])");
  EXPECT_EQ(call_error<ValueError>("affine", {x, x}),
            "affine() expected at most 1 argument(s) but received 2 argument(s). Declaration: affine(x: float32 [batch, 2]) -> "
            "(output: float32 [batch, 3])");
}

TEST_F(ModelTest, DTypeOfAnInput) {
  EXPECT_EQ(call_error<TypeError>("affine", {Tensor({4, 2}, DType::Float64)}),
            "affine: input 'x': expected dtype float32, found float64\n"
            "  expected: float32 [batch, 2]\n"
            "  found:    float64 [4, 2]");
}

TEST_F(ModelTest, RankOfAnInput) {
  EXPECT_EQ(call_error<ValueError>("affine", {Tensor({2}, DType::Float32)}),
            "affine: input 'x': expected 2 dimensions, found 1\n"
            "  expected: float32 [batch, 2]\n"
            "  found:    float32 [2]");
  EXPECT_EQ(call_error<ValueError>("pick", {Tensor({2, 2}, DType::Int64)}),
            "pick: input 'indices': expected 1 dimension, found 2\n"
            "  expected: int64 [n]\n"
            "  found:    int64 [2, 2]");
}

TEST_F(ModelTest, SizeOfAConstantDimension) {
  EXPECT_EQ(call_error<ValueError>("affine", {Tensor({32, 3}, DType::Float32)}),
            "affine: input 'x': expected size 2 in dimension 1, found 3\n"
            "  expected: float32 [batch, 2]\n"
            "  found:    float32 [32, 3]");
}

TEST_F(ModelTest, OneDimensionWithTwoValues) {
  const Tensor x({32, 4}, DType::Float32), y({16}, DType::Float32), z({4, 4}, DType::Float32);
  EXPECT_EQ(call_error<ValueError>("pair", {x, y, z}), "pair: dimension 'n' is 32 in input 'x' but 16 in input 'y'\n"
                                                       "  input 'x': expected [n, m], found [32, 4]\n"
                                                       "  input 'y': expected [n], found [16]");
  EXPECT_EQ(call_error<ValueError>("pair", {Tensor({16, 4}, DType::Float32), y, Tensor({4, 3}, DType::Float32)}),
            "pair: dimension 'm' is 4 in input 'x' but 3 in input 'z'\n"
            "  input 'x': expected [n, m], found [16, 4]\n"
            "  input 'z': expected [m, m], found [4, 3]");
}

TEST(EntryCheck, OneDimensionWithTwoValuesInOneInput) {
  TestProgram test;
  kiln_function square = test.functions[4];
  square.input_count = 1;
  square.inputs = &test.inputs[3];
  const char *symbols[] = {"m"};
  const kiln_dim dims[] = {{0, 0, 0}, {0, 0, 0}};
  square.symbol_count = 1;
  square.symbols = symbols;
  test.inputs[3].dims = dims;
  test.functions = {test.functions[0], test.functions[1], test.functions[2], test.functions[3], square, test.functions[5]};
  Model model(test.program(), {1, nullptr});
  EXPECT_EQ(text_of<ValueError>([&] { model.call("pair", {Tensor({3, 4}, DType::Float32)}); }),
            "pair: dimension 'm' is 3 in dimension 0 of input 'z' but 4 in dimension 1\n"
            "  input 'z': expected [m, m], found [3, 4]");
}

TEST_F(ModelTest, UndefinedInput) {
  EXPECT_EQ(call_error<ValueError>("affine", {Tensor()}),
            "affine: input 'x': is an undefined tensor\n  expected: float32 [batch, 2]");
}

TEST_F(ModelTest, IndexOutOfRange) {
  const int64_t indices[] = {0, 2, 3};
  EXPECT_EQ(call_error<IndexError>("pick", {Tensor::from<int64_t>(indices, {3})}), "index out of range in self\n"
                                                                                     "  module: head\n"
                                                                                     "  operation: nn.embedding\n"
                                                                                     "  source: model.cpp:12\n"
                                                                                     "  index: 3\n"
                                                                                     "  size: 3");
  EXPECT_EQ(values(call("pick", {Tensor::from<int64_t>(std::span(indices, 2), {2})})[0]), (std::vector<float>{1, 2, 5, 6}));
}

TEST(EntryCheck, UnknownStatus) {
  TestProgram test;
  for (auto &run : test.functions[2].run)
    run = [](kiln_call *call) -> int32_t {
      call->error_site = 99;
      return 77;
    };
  Model model(test.program(), {1, nullptr});
  EXPECT_EQ(text_of<Error>([&] { model.call("increment", {}); }), "increment: compiled code returned the unknown status 77");
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

TEST_F(ModelTest, StateDict) {
  const StateDict dict = model.state_dict();
  EXPECT_EQ(dict.keys(), (std::vector<std::string>{"head.weight", "head.bias", "count", "tied.weight"}));
  EXPECT_TRUE(dict.at("head.weight").is_same(dict.at("tied.weight")));
  EXPECT_EQ(values(dict.at("head.weight")), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(dict.at("count").item<int64_t>(), 5);
  EXPECT_EQ(model.named_parameters().keys(), (std::vector<std::string>{"head.weight", "head.bias"}));
  EXPECT_EQ(model.named_buffers().keys(), (std::vector<std::string>{"count", "scratch"}));
  EXPECT_EQ(model.state(3).item<double>(), 0.5);
  for (const auto &[name, tensor] : dict)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64, 0u) << name;
}

TEST_F(ModelTest, StateIsThisModelsOwn) {
  Model other(test.program(), {1, nullptr});
  call("increment", {});
  EXPECT_EQ(model.state_dict().at("count").item<int64_t>(), 6);
  EXPECT_EQ(other.state_dict().at("count").item<int64_t>(), 5);
  EXPECT_EQ(test.count, 5);
}

TEST(Model, StateOutlivesIt) {
  TestProgram test;
  StateDict dict;
  {
    Model model(test.program(), {1, nullptr});
    dict = model.state_dict();
  }
  EXPECT_EQ(values(dict.at("head.bias")), (std::vector<float>{10, 20, 30}));
}

TEST_F(ModelTest, AFunctionThatWrites) {
  for (int64_t expected : {5, 6, 7})
    EXPECT_EQ(call("increment", {})[0].item<int64_t>(), expected);
  EXPECT_EQ(model.state_dict().at("count").item<int64_t>(), 8);
}

StateDict weights(float weight, float bias) {
  const Tensor w = floats(std::vector<float>(6, weight), {3, 2});
  return {{"head.weight", w}, {"head.bias", floats({bias, bias, bias}, {3})}, {"count", Tensor::scalar<int64_t>(100)}, {"tied.weight", w}};
}

TEST_F(ModelTest, LoadStateDict) {
  const Tensor x = floats({1, 1}, {1, 2});
  call("affine", {x});
  EXPECT_TRUE(model.load_state_dict(weights(2, 1)).empty());
  EXPECT_EQ(values(call("affine", {x})[0]), (std::vector<float>{5, 5, 5}));
  EXPECT_EQ(values(call("doubled", {x})[0]), (std::vector<float>{8, 8, 8}));
  EXPECT_EQ(call("increment", {})[0].item<int64_t>(), 100);
}

TEST_F(ModelTest, LoadStateDictNotStrictly) {
  const IncompatibleKeys keys = model.load_state_dict({{"head.bias", floats({0, 0, 0}, {3})}, {"more", floats({1}, {1})}}, false);
  EXPECT_EQ(keys.missing_keys, (std::vector<std::string>{"head.weight", "count", "tied.weight"}));
  EXPECT_EQ(keys.unexpected_keys, std::vector<std::string>{"more"});
  EXPECT_EQ(values(call("affine", {floats({1, 1}, {1, 2})})[0]), (std::vector<float>{3, 7, 11}));
}

TEST_F(ModelTest, LoadThatFailsChangesNothing) {
  StateDict wrong = weights(2, 1);
  wrong.insert("head.bias", floats({1, 1}, {2}));
  wrong.erase("count");
  // PyTorch 2.15's text for a module of this shape.
  EXPECT_EQ(text_of<StateDictError>([&] { model.load_state_dict(wrong); }),
            "Error(s) in loading state_dict for TestNet:\n"
            "\tMissing key(s) in state_dict: \"count\". \n"
            "\tsize mismatch for head.bias: copying a param with shape torch.Size([2]) from checkpoint, the shape in current "
            "model is torch.Size([3]).");
  EXPECT_EQ(values(call("affine", {floats(kX, {3, 2})})[0]), kY);
}

TEST_F(ModelTest, UpdateState) {
  const Tensor x = floats({1, 1}, {1, 2});
  EXPECT_EQ(values(call("doubled", {x})[0]), (std::vector<float>{6, 14, 22}));
  const Tensor weight = model.state_dict().at("head.weight");
  model.update_state([&] { weight.data<float>()[0] = 101; });
  EXPECT_EQ(values(call("doubled", {x})[0]), (std::vector<float>{206, 14, 22}));
  EXPECT_THROW(model.update_state([&] {
    weight.data<float>()[0] = 1;
    throw ValueError("half way");
  }),
               ValueError);
  EXPECT_EQ(values(call("doubled", {x})[0]), (std::vector<float>{6, 14, 22}));
}

TEST_F(ModelTest, WritingAnInputThatIsTheStateItself) {
  // The value to write is the weight's own memory, transposed halves and all: read before it is written.
  const Tensor reversed = model.state(0).view({2, 3}).transpose(0, 1);
  call("set_weight", {reversed});
  EXPECT_EQ(values(model.state(0)), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(Model, StateKeptOutsideTheArtifact) {
  TestProgram test;
  for (kiln_state &state : test.states)
    state.initial = nullptr;
  Model model(test.program(), {1, nullptr});
  const Tensor x = floats({1, 1}, {1, 2});
  EXPECT_EQ(text_of<ValueError>([&] { model.call("affine", {x}); }),
            "affine: 2 tensors that it reads have no value: weight, bias\n"
            "  the weights of program 'test' are kept outside the artifact: load them first (load_state_dict, --weights=FILE)");
  EXPECT_EQ(text_of<ValueError>([&] { model.call("doubled", {x}); }),
            "doubled: 1 tensor that it reads has no value: weight\n"
            "  the weights of program 'test' are kept outside the artifact: load them first (load_state_dict, --weights=FILE)");
  // A part of them may be enough for a function.
  model.load_state_dict({{"tied.weight", floats({1, 2, 3, 4, 5, 6}, {3, 2})}}, false);
  EXPECT_EQ(values(model.call("doubled", {x})[0]), (std::vector<float>{6, 14, 22}));
  EXPECT_EQ(text_of<ValueError>([&] { model.call("affine", {x}); }),
            "affine: 1 tensor that it reads has no value: bias\n"
            "  the weights of program 'test' are kept outside the artifact: load them first (load_state_dict, --weights=FILE)");
  model.load_state_dict(weights(2, 1));
  EXPECT_EQ(values(model.call("affine", {x})[0]), (std::vector<float>{5, 5, 5}));
}

TEST(Model, OfManyAbsentStatesTheFirstAreNamed) {
  TestProgram test;
  std::vector<kiln_state> states(test.states.begin(), test.states.end());
  for (const char *path : {"extra.0", "extra.1", "extra.2"}) {
    states.push_back(test.states[1]);
    states.back().path = path;
  }
  for (kiln_state &state : states)
    state.initial = nullptr;
  test.descriptor.states = states.data();
  test.descriptor.state_count = static_cast<uint32_t>(states.size());
  constexpr uint32_t kRead[] = {0, 1, 2, 3, 5, 6, 7};
  test.functions[2].reads = kRead;
  auto text = [&](uint32_t count) {
    test.functions[2].read_count = count;
    return text_of<ValueError>([&] { Model(test.program(), {1, nullptr}).call("increment", {}); });
  };
  const std::string advice = "\n  the weights of program 'test' are kept outside the artifact: load them first (load_state_dict, --weights=FILE)";
  EXPECT_EQ(text(5), "increment: 5 tensors that it reads have no value: weight, bias, count, scratch, extra.0" + advice);
  EXPECT_EQ(text(7), "increment: 7 tensors that it reads have no value: weight, bias, count, scratch, extra.0 and 2 more" + advice);
}

TEST(Model, AWriteGivesAStateItsValue) {
  TestProgram test;
  test.states[0].initial = nullptr;
  Model model(test.program(), {1, nullptr});
  model.call("set_weight", {floats({1, 0, 0, 1, 1, 1}, {3, 2})});
  EXPECT_EQ(values(model.call("affine", {floats({3, 4}, {1, 2})})[0]), (std::vector<float>{13, 24, 37}));
}

//===----------------------------------------------------------------------===//
// Prepared values
//===----------------------------------------------------------------------===//

TEST(Prepared, ComputedOnceAndOnlyWhenNeeded) {
  TestProgram test;
  Model model(test.program(), {1, nullptr});
  const Tensor x = floats({1, 1}, {1, 2});
  const int transposed = test::transposed_runs, doubled = test::doubled_runs;
  auto runs = [&] { return std::pair(test::transposed_runs - transposed, test::doubled_runs - doubled); };
  EXPECT_EQ(runs(), std::pair(0, 0)); // not before the first call
  model.call("affine", {x});
  model.call("affine", {x});
  EXPECT_EQ(runs(), std::pair(1, 0));
  model.call("doubled", {x}); // needs the other one too, which is there
  EXPECT_EQ(runs(), std::pair(1, 1));
  model.call("increment", {}); // writes nothing that they come from
  model.call("doubled", {x});
  EXPECT_EQ(runs(), std::pair(1, 1));
  model.call("set_weight", {floats({0, 0, 0, 0, 0, 0}, {3, 2})});
  model.call("affine", {x});
  EXPECT_EQ(runs(), std::pair(2, 1));
  model.call("doubled", {x});
  EXPECT_EQ(runs(), std::pair(2, 2));
}

TEST(Prepared, SmallValuesAreFirstComputedWithoutThreads) {
  TestProgram test;
  for (kiln_prepare &prepare : test.prepares)
    for (auto &run : prepare.run)
      run = [](kiln_call *call) {
        call->services->parallel_for(call->executor, [](void *, int64_t) {}, nullptr, 2);
        return int32_t{KILN_OK};
      };
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
  };
  const auto before = threads();
  Model model(test.program(), {4, nullptr});
  model.call("doubled", {floats({1, 1}, {1, 2})});
  EXPECT_EQ(threads(), before);
}

TEST(Prepared, AfterAWriteInTheSameProgram) {
  TestProgram test;
  Model model(test.program(), {1, nullptr});
  const Tensor x = floats({1, 1}, {1, 2});
  for (float step = 1; step < 5; ++step) {
    model.call("set_weight", {floats(std::vector<float>(6, step), {3, 2})});
    EXPECT_EQ(values(model.call("doubled", {x})[0]), std::vector<float>(3, 4 * step));
    EXPECT_EQ(values(model.call("affine", {x})[0]), (std::vector<float>{2 * step + 10, 2 * step + 20, 2 * step + 30}));
  }
}

TEST(Prepared, OneThatFailsIsTriedAgain) {
  TestProgram test;
  static int failures = 0;
  failures = 1;
  for (auto &run : test.prepares[1].run)
    run = [](kiln_call *call) -> int32_t {
      if (failures-- > 0)
        return 5;
      for (int i = 0; i < 6; ++i)
        static_cast<float *>(call->outputs[0])[i] = static_cast<float>(i);
      return KILN_OK;
    };
  Model model(test.program(), {1, nullptr});
  const Tensor x = floats({1, 1}, {1, 2});
  EXPECT_EQ(text_of<Error>([&] { model.call("doubled", {x}); }), "prepare_1: compiled code returned the unknown status 5\n"
                                                                 "  module: head\n"
                                                                 "  operation: nn.embedding\n"
                                                                 "  source: model.cpp:12");
  EXPECT_EQ(values(model.call("doubled", {x})[0]), (std::vector<float>{3, 5, 7}));
}

} // namespace
} // namespace kiln::runtime
