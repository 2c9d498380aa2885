// Eager tensors: numbers, types, strides, text and errors as PyTorch's.
#include <cmath>
#include <functional>

#include "expectations.h"

namespace kiln::test {
namespace {

namespace F = nn::functional;

Tensor in(const std::string &name) { return expected_tensor("eager.safetensors", name); }
void check(const std::string &name, const Tensor &found) {
  expect_close(found, expected_tensor("eager.safetensors", "out." + name), name);
}

TEST(Tensor, Arithmetic) {
  const Tensor a = in("a"), b = in("b"), i = in("i");
  check("add", a + b);
  check("sub_alpha", kiln::sub(a, b, 2));
  check("mul_scalar", a * 0.1);
  check("rsub", 1 - a);
  check("rdiv", 2 / a);
  check("relu", kiln::relu(a));
  check("sigmoid", kiln::sigmoid(a));
  check("tanh", kiln::tanh(a));
  check("exp", kiln::exp(a));
  check("log", a.abs().log());
  check("rsqrt", a.abs().rsqrt());
  check("maximum", kiln::maximum(a, b));
}

TEST(Tensor, TypePromotion) {
  const Tensor i = in("i");
  check("div_integers", i / 4);
  check("integer_plus_float", i + 0.5);
  check("integer_plus_half_tensor", i + kiln::tensor(0.5, kFloat64));
  check("integer_times_true", i * true);
  check("int32_plus_int64", i.to(kInt32) + i);
  check("int32_plus_scalar_tensor", i.to(kInt32) + kiln::tensor(3));
  check("sqrt_integer", i.abs().sqrt());
  check("minimum_mixed", kiln::minimum(i, kiln::tensor(0.5)));
  check("cat_mixed", kiln::cat({i, kiln::zeros({1, 3})}, 0));
}

TEST(Tensor, ProductsAndReductions) {
  const Tensor a = in("a"), b = in("b"), m = in("m"), i = in("i");
  check("matmul", a.matmul(m));
  check("matmul_vector", a.matmul(b));
  check("addmm", kiln::addmm(kiln::ones({5}), a, m, 0.5, 2));
  check("bmm", kiln::bmm(a.reshape({1, 3, 4}).expand({2, 3, 4}), m.repeat({2, 1, 1})));
  check("sum", a.sum());
  check("sum_dims", a.sum({0}, true));
  check("mean", a.mean(1));
  check("sum_integers", i.sum(1));
}

TEST(Tensor, Softmax) {
  const Tensor a = in("a"), i = in("i"), infinities = kiln::tensor({0.0, INFINITY, -INFINITY, 1.0, -INFINITY, -INFINITY}, kFloat32);
  check("softmax", kiln::softmax(20 * a, 1));
  check("log_softmax", kiln::log_softmax(20 * a, 1));
  check("softmax_columns", a.t().softmax(-1));
  check("log_softmax_columns", a.t().log_softmax(-1));
  check("softmax_middle", F::softmax(a.reshape({3, 2, 2}), 1));
  check("log_softmax_middle", F::log_softmax(a.reshape({3, 2, 2}), 1));
  check("softmax_integers", F::softmax(i, F::SoftmaxFuncOptions(0).dtype(kFloat64)));
  check("log_softmax_integers", F::log_softmax(i, F::LogSoftmaxFuncOptions(0).dtype(kFloat64)));
  check("softmax_scalar", a[0][0].softmax(0));
  check("log_softmax_scalar", a[0][0].log_softmax(0));
  check("softmax_infinities", nn::Softmax(1)(infinities.reshape({3, 2})));
  check("log_softmax_infinities", nn::LogSoftmax(1)(infinities.reshape({3, 2})));
  // Rounded from float32 once; PyTorch's softmax is a unit off in places.
  const Tensor narrow = 3 * a.to(kBFloat16);
  expect_close(narrow.softmax(0).to(kFloat32), expected_tensor("eager.safetensors", "out.softmax_half"), "softmax", 0x1p-7);
  check("log_softmax_half", narrow.log_softmax(0).to(kFloat32));
  const std::string advice = "\nconvert it first, or pass the dtype to compute in: ";
  EXPECT_EQ(message_of([&] { i.softmax(1); }),
            "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'" + advice + "softmax(x, dim, kFloat32)");
  EXPECT_EQ(message_of([&] { i.log_softmax(-2); }),
            "\"log_softmax_kernel_impl\" not implemented for 'Long'" + advice + "log_softmax(x, dim, kFloat32)");
  EXPECT_EQ(message_of([&] { a.softmax(2); }), "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
}

TEST(Tensor, ShapesAndCopies) {
  const Tensor a = in("a"), b = in("b");
  check("cat", kiln::cat({a, b.unsqueeze(0)}, 0));
  check("stack", kiln::stack({a, 2 * a}, 1));
  check("permute", a.reshape({3, 2, 2}).permute({2, 0, 1}));
  check("repeat", b.repeat({2, 3}));
  check("to_int", (3 * a).to(kInt64));
  check("to_bool", kiln::tensor({0.0, 0.5, std::nan("")}).to(kBool));
  check("arange", kiln::arange(1, 2, 0.25));
  check("eye", kiln::eye(2, 3));
  check("embedding", kiln::embedding(a, kiln::tensor({{0, 2}, {1, 1}})));
  check("flatten", a.reshape({3, 2, 2}).flatten(1));
}

TEST(Tensor, InPlaceWritesAreSeenThroughViews) {
  Tensor x = in("a").clone();
  x[1] += 1;
  x.slice(1, 1, 3) *= 2;
  x.t()[0] -= 5;
  check("in_place_views", x);
  Tensor y = kiln::zeros({2, 2});
  y[0] = kiln::ones({2});
  y.select(1, 1) = 7;
  EXPECT_EQ(values(y), (std::vector<double>{1, 7, 0, 7}));
}

TEST(Tensor, StridesOfElementwiseResults) {
  const Tensor c = kiln::zeros({2, 3, 4});
  std::string found;
  for (const Tensor &value :
       {c.permute({2, 0, 1}).relu(), c.transpose(1, 2) + 1, c.permute({1, 2, 0}) + kiln::zeros({4, 2}), c.expand({2, 3, 4}).neg(),
        kiln::zeros({1, 3}).expand({2, 3}) + 1, c.permute({2, 1, 0}).clone(), kiln::zeros({3, 1}).t() + kiln::zeros({4, 1}),
        c.slice(2, {}, {}, 2).relu(), c.permute({2, 0, 1}).to(kFloat64)}) {
    for (std::size_t d = 0; d < value.strides().size(); ++d)
      found += (d ? "," : "") + std::to_string(value.strides()[d]);
    found += "\n";
  }
  EXPECT_EQ(found, read_file("frontend/strides.txt"));
}

TEST(Tensor, Text) {
  const std::map<std::string, Tensor> tensors = {{"scalar", kiln::tensor(1.5)},
                                                 {"integers", kiln::tensor({1, -20, 300})},
                                                 {"booleans", kiln::tensor({true, false})},
                                                 {"whole_floats", kiln::tensor({{1.0, 2.0}, {-3.0, 40.0}})},
                                                 {"fractions", kiln::tensor({0.1, -2.25, 3.0})},
                                                 {"scientific", kiln::tensor({1e-7, 1.0, -250.0})},
                                                 {"not_finite", kiln::tensor({std::nan(""), INFINITY, -1.5})},
                                                 {"zeros", kiln::zeros({2, 3})},
                                                 {"double", kiln::tensor({0.5, 1.25}, kFloat64)},
                                                 {"requires_grad", kiln::ones({2}, kiln::requires_grad())},
                                                 {"empty", kiln::zeros({0})},
                                                 {"empty_rows", kiln::zeros({0, 3}, kInt64)},
                                                 {"cube", kiln::arange(12).reshape({2, 3, 2})},
                                                 {"long_line", kiln::arange(40)},
                                                 {"summary", kiln::arange(2000)},
                                                 {"summary_matrix", kiln::arange(3000).reshape({50, 60}) / 2}};
  for (const auto &[name, tensor] : tensors)
    EXPECT_EQ(tensor.text(), expected_text("tensors.txt", name)) << name;
  EXPECT_EQ(Tensor().text(), "None");
}

TEST(Tensor, RandomNumbersArePyTorchs) {
  manual_seed(3);
  expect_identical(kiln::rand({4, 5}), expected_tensor("initial.safetensors", "random.rand"), "rand");
  expect_identical(kiln::randn({4, 5}), expected_tensor("initial.safetensors", "random.randn"), "randn");
  manual_seed(5);
  expect_identical(kiln::dropout(kiln::ones({6, 7}), 0.3, true), expected_tensor("initial.safetensors", "random.dropout"),
                   "dropout");
  const Tensor x = kiln::ones({2});
  EXPECT_TRUE(kiln::dropout(x, 0.3, false).is_same(x)) << "in evaluation the input itself is returned";
}

TEST(Tensor, Errors) {
  const Tensor x = kiln::zeros({2, 3});
  const Tensor integers = kiln::tensor({1, 2}), boolean = kiln::tensor({true});
  const std::map<std::string, std::function<void()>> cases = {
      {"integer_requires_grad", [&] { integers.requires_grad_(); }},
      {"view_transposed", [&] { x.t().view(-1); }},
      {"view_expanded",
       [&] {
         kiln::zeros({3}).expand({2, 3}).view(6);
       }},
      {"view_size",
       [&] {
         x.view({4, 2});
       }},
      {"view_two_unknown",
       [&] {
         x.view({-1, -1});
       }},
      {"view_ambiguous",
       [&] {
         kiln::zeros({0, 3}).view({-1, 0});
       }},
      {"permute_rank",
       [&] {
         x.permute({0, 1, 2});
       }},
      {"permute_twice",
       [&] {
         x.permute({0, 0});
       }},
      {"dim_range", [&] { x.transpose(0, 2); }},
      {"select_range", [&] { x.select(0, 2); }},
      {"narrow_range", [&] { x.narrow(1, 2, 2); }},
      {"expand_size",
       [&] {
         x.expand({2, 4});
       }},
      {"expand_rank", [&] { x.expand({3}); }},
      {"t_rank",
       [&] {
         kiln::zeros({2, 2, 2}).t();
       }},
      {"flatten_order", [&] { x.flatten(1, 0); }},
      {"unflatten_size",
       [&] {
         x.unflatten(1, {2, 2});
       }},
      {"split_sum",
       [&] {
         x.split({1, 1}, 1);
       }},
      {"chunk_zero", [&] { x.chunk(0); }},
      {"cat_empty", [&] { kiln::cat({}); }},
      {"stack_sizes",
       [&] {
         kiln::stack({kiln::zeros({2}), kiln::zeros({3})});
       }},
      {"add_shapes",
       [&] {
         x + kiln::zeros({2, 4});
       }},
      {"add_in_place_grows", [&] { kiln::zeros({3}).add_(x); }},
      {"add_in_place_type", [&] { integers.add_(0.5); }},
      {"div_in_place_type", [&] { integers.div_(2); }},
      {"copy_grows", [&] { kiln::zeros({3}).copy_(x); }},
      {"expanded_in_place", [&] { kiln::zeros({1}).expand({3}).add_(1); }},
      {"leaf_in_place", [&] { kiln::ones({2}, kiln::requires_grad()).add_(1); }},
      {"leaf_view_in_place",
       [&] {
         kiln::ones({2}, kiln::requires_grad()).view({2, 1}).add_(1);
       }},
      {"bool_subtraction", [&] { boolean - boolean; }},
      {"bool_negation", [&] { -boolean; }},
      {"bool_several", [&] { static_cast<void>(static_cast<bool>(x)); }},
      {"bool_empty", [&] { static_cast<void>(static_cast<bool>(kiln::zeros({0}))); }},
      {"item_several", [&] { x.item<float>(); }},
      {"mm_rank", [&] { kiln::mm(kiln::zeros({2}), x); }},
      {"mm_shapes", [&] { kiln::mm(x, x); }},
      {"bmm_shapes",
       [&] {
         kiln::bmm(kiln::zeros({2, 3, 4}), kiln::zeros({2, 3, 4}));
       }},
      {"mean_integers", [&] { integers.mean(); }},
      {"arange_sign", [&] { kiln::arange(0, 5, -1); }},
      {"tensor_ragged",
       [&] {
         kiln::tensor({{1, 2}, {3}});
       }},
  };
  for (const auto &[name, action] : cases)
    expect_torch_error(name, action);
}

TEST(Tensor, NoGradGuardAllowsWritesToParameters) {
  const Tensor weight = kiln::ones({2}, kiln::requires_grad());
  {
    NoGradGuard guard;
    weight.add_(1);
  }
  EXPECT_EQ(values(weight), (std::vector<double>{2, 2}));
}

TEST(Tensor, UndefinedTensorsSayWhatToDo) {
  const Tensor none;
  EXPECT_FALSE(none.defined());
  EXPECT_EQ(message_of([&] { none.relu(); }), "Expected a proper Tensor but got None (or an undefined Tensor in C++) for "
                                              "argument #0 'self' of relu\na parameter registered "
                                              "without a tensor is undefined, and .grad before backward(): ask defined() first");
  EXPECT_EQ(message_of([&] { none.sizes(); }), "sizes of an undefined Tensor (None)\nask defined() first");
}

} // namespace
} // namespace kiln::test
