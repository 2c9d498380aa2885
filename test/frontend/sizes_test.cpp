// Sizes known only at run time: expressions found from recordings with different numbers, and code that can't have any.
#include <functional>

#include "expectations.h"
#include "kiln/recording.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;

namespace {

struct SizesCase {
  std::string name;
  std::vector<kiln::Dim> dims;
  std::function<Tensor(Tensor)> code;
  std::string output; // shape of the result
};

const std::vector<SizesCase> &cases() {
  static const std::vector<SizesCase> all = {
      {"flatten", {"batch", 4, 7}, [](Tensor x) { return x.flatten(1); }, "[batch, 28]"},
      {"flatten_two_names", {"batch", "length", 8}, [](Tensor x) { return x.flatten(0, 1); }, "[batch * length, 8]"},
      {"view_of_size",
       {"batch", 6},
       [](Tensor x) {
         return x.view({x.size(0), 2, 3});
       },
       "[batch, 2, 3]"},
      {"view_inferred",
       {"batch", 6},
       [](Tensor x) {
         return x.view({-1, 3});
       },
       "[2 * batch, 3]"},
      {"view_number", {"batch", 6}, [](Tensor x) { return x.view({-1}); }, "[6 * batch]"},
      {"product_of_sizes",
       {"batch", "length", 8},
       [](Tensor x) {
         return x.view({x.size(0) * x.size(1), 8});
       },
       "[batch * length, 8]"},
      {"cat",
       {"batch", 3},
       [](Tensor x) {
         return kiln::cat({x, x, kiln::ones({1, 3})}, 0);
       },
       "[2 * batch + 1, 3]"},
      {"zeros",
       {"batch", 3},
       [](Tensor x) {
         return kiln::cat({x, kiln::zeros({x.size(0) + 2, 3})}, 0);
       },
       "[2 * batch + 2, 3]"},
      {"half", {"batch", 8}, [](Tensor x) { return x.t().slice(1, 0, x.size(0) / 2).t(); }, "[batch floordiv 2, 8]"},
      {"all_but_one", {"batch", 3}, [](Tensor x) { return x.slice(0, 1); }, "[batch - 1, 3]"},
      {"heads",
       {"batch", "length", 8},
       [](Tensor x) {
         return x.view({x.size(0), x.size(1), 2, 4}).transpose(1, 2);
       },
       "[batch, 2, length, 4]"},
      {"expand_to_size",
       {"batch", 3},
       [](Tensor x) {
         return kiln::zeros({1, 3}).expand({x.size(0), 3}) + x;
       },
       "[batch, 3]"},
      {"repeat",
       {"batch", 3},
       [](Tensor x) {
         return x.repeat({2, 1});
       },
       "[2 * batch, 3]"},
      {"outer", {"n", 1}, [](Tensor x) { return x * x.t(); }, "[n, n]"},
      {"mean_over_names", {"batch", "length", 4}, [](Tensor x) { return x.mean({1}); }, "[batch, 4]"},
      {"every_other", {"batch", 4}, [](Tensor x) { return x.slice(0, {}, {}, 2); }, "[(batch + 1) floordiv 2, 4]"},
  };
  return all;
}

KILN_PROGRAM(sizes_cases) {
  for (const SizesCase &test : cases())
    program.function(test.name, {{"x", test.dims}}, [&](Tensor x) { return test.code(x); });
}

KILN_PROGRAM(static_sizes) {
  nn::Linear linear(3, 2);
  program.function("predict", {{"x", {5, 3}}}, [&](Tensor x) { return linear(x); });
}

KILN_PROGRAM(scalar_input) {
  program.function("scale", {{"x", {"n"}}, {"factor", {}}}, [&](Tensor x, Tensor factor) { return x * factor; });
}

} // namespace

namespace kiln::test {
namespace {

TEST(Sizes, BecomeExpressions) {
  const recording::Recording recording = recording::record_program("sizes_cases");
  semantics::check_program(recording.program);
  for (const SizesCase &test : cases()) {
    const semantics::RecordedFunction &recorded = function(recording, test.name);
    const auto &type = recorded.values[static_cast<std::size_t>(recorded.outputs[0].value)];
    EXPECT_EQ(type.shape_text(), test.output) << test.name;
    for (int64_t size : {1, 4, 9}) {
      std::vector<int64_t> sizes;
      for (const Dim &dim : test.dims)
        sizes.push_back(dim.is_named() ? size++ : dim.value());
      const Tensor x = kiln::randn(sizes);
      std::map<std::string, runtime::Tensor> state;
      expect_close(Tensor(interpret(recorded, {x.concrete()}, state)[0]), test.code(x), test.name);
    }
  }
}

TEST(Sizes, MayAllBeNumbers) {
  EXPECT_EQ(text(function(recording::record_program("static_sizes"))), "%1 [2, 3] = read {state=weight}\n"
                                                                       "%2 [2] = read {state=bias}\n"
                                                                       "%3 [5, 2] = linear %0 %1 %2\n"
                                                                       "return output=%3\n");
  EXPECT_EQ(text(function(recording::record_program("scalar_input"))), "%2 [n] = mul %0 %1\nreturn output=%2\n");
}

} // namespace
} // namespace kiln::test
