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
      {"all_but_one", {"batch", 3}, [](Tensor x) { return x.slice(0, 1); }, "[max(batch - 1, 0), 3]"},
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
      {"sum_of_sizes",
       {"a", "b", 2},
       [](Tensor x) {
         return kiln::cat({x.flatten(), kiln::zeros({x.size(0) + x.size(1)})}, 0);
       },
       "[2 * a * b + a + b]"},
      {"difference_of_sizes",
       {"a", "b"},
       [](Tensor x) {
         return kiln::cat({x.flatten(), kiln::zeros({2 * x.size(0) + 3 * x.size(1) + 1})}, 0);
       },
       "[a * b + 2 * a + 3 * b + 1]"},
      {"even_part", {"n", 2}, [](Tensor x) { return x.slice(0, 0, x.size(0) / 2 * 2); }, "[2 * (n floordiv 2), 2]"},
      {"rounded_up",
       {"n"},
       [](Tensor x) {
         return kiln::cat({x, kiln::ones({(x.size(0) + 1) / 2})}, 0);
       },
       "[n + (n + 1) floordiv 2]"},
      {"remainder",
       {"n"},
       [](Tensor x) {
         return kiln::cat({x, kiln::ones({x.size(0) % 3})}, 0);
       },
       "[2 * n - 3 * (n floordiv 3)]"},
      {"padding_to_four",
       {"n"},
       [](Tensor x) {
         return kiln::cat({x, kiln::zeros({(4 - x.size(0) % 4) % 4})}, 0);
       },
       "[4 * ((n + 3) floordiv 4)]"},
      {"large_divisor",
       {"n"},
       [](Tensor x) {
         return kiln::cat({x, kiln::zeros({x.size(0) / 100})}, 0);
       },
       "[n + n floordiv 100]"},
      {"half_times_other",
       {"n", "m"},
       [](Tensor x) {
         return kiln::cat({x.flatten(), kiln::zeros({x.size(0) / 2 * x.size(1)})}, 0);
       },
       "[m * n + m * (n floordiv 2)]"},
      {"all_but_three", {"n", 3}, [](Tensor x) { return x.slice(0, 0, -3); }, "[max(n - 3, 0), 3]"},
      {"last_three", {"n", 3}, [](Tensor x) { return x.slice(0, -3); }, "[n - max(n - 3, 0), 3]"},
      {"without_ends", {"n", 3}, [](Tensor x) { return x.slice(0, 2, -2); }, "[max(max(n - 2, 0) - 2, 0), 3]"},
      {"near_the_end", {"n", 3}, [](Tensor x) { return x.slice(0, -5, -2); }, "[-max(n - 5, 0) + max(n - 2, 0), 3]"},
      {"at_most_five", {"n", 3}, [](Tensor x) { return x.slice(0, 0, 5); }, "[n - max(n - 5, 0), 3]"},
      {"write_to_last_two",
       {"n", 3},
       [](Tensor x) {
         Tensor y = x * 1;
         y.slice(0, -2).mul_(10);
         return y;
       },
       "[n, 3]"},
      {"mean_by_hand", {"n", 3}, [](Tensor x) { return x.sum(0) / x.size(0); }, "[3]"},
      {"times_size", {"n", "m"}, [](Tensor x) { return x * x.size(1) - x.numel(); }, "[n, m]"},
      {"times_reciprocal", {"n", 3}, [](Tensor x) { return x * (1.0 / static_cast<double>(x.size(0))); }, "[n, 3]"},
      {"times_quotient", {"n", 3}, [](Tensor x) { return x * (0.3 / static_cast<double>(x.size(0))); }, "[n, 3]"},
      {"times_float_quotient", {"n", 3}, [](Tensor x) { return x * (2.0f / static_cast<float>(x.size(0))); }, "[n, 3]"},
      {"times_half_size", {"n", 3}, [](Tensor x) { return x * (0.3 * static_cast<double>(x.size(0))); }, "[n, 3]"},
      {"unbiased", {"n", 3}, [](Tensor x) { return x.sum(0) * (1.0 / static_cast<double>(x.size(0) + 1)); }, "[3]"},
      {"filled_with_size", {"n"}, [](Tensor x) { return x + kiln::full({x.size(0)}, x.size(0), kiln::kInt64); }, "[n]"},
      {"contiguous_copy", {"n", 3}, [](Tensor x) { return x.t().contiguous().view({-1}); }, "[3 * n]"},
      {"written_after_trivial_expand",
       {"n", 3},
       [](Tensor x) {
         Tensor y = x * 1;
         y.expand({x.size(0), 3}).add_(1);
         y.unsqueeze(0).expand({1, -1, 3}).mul_(2);
         return y;
       },
       "[n, 3]"},
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

// Whether a call with this size, and one more for each further name, meets the function's conditions.
bool accepts(const semantics::RecordedFunction &recorded, int64_t size) {
  std::map<std::string, int64_t> symbols;
  for (const semantics::RecordedArgument &input : recorded.inputs)
    for (const semantics::DimExpr &dim : recorded.values[static_cast<std::size_t>(input.value)].sizes)
      if (auto symbol = dim.as_symbol())
        symbols[*symbol] = size++;
  return std::all_of(recorded.conditions.begin(), recorded.conditions.end(),
                     [&](const semantics::RecordedCondition &condition) { return condition.expression.evaluate(symbols) >= 0; });
}

TEST(Sizes, BecomeExpressions) {
  const recording::Recording recording = recording::record_program("sizes_cases");
  semantics::check_program(recording.program);
  for (const SizesCase &test : cases()) {
    const semantics::RecordedFunction &recorded = function(recording, test.name);
    const auto &type = recorded.values[static_cast<std::size_t>(recorded.outputs[0].value)];
    EXPECT_EQ(type.shape_text(), test.output) << test.name;
    for (int64_t size : {0, 1, 2, 3, 4, 9, 250}) {
      if (!accepts(recorded, size))
        continue;
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
