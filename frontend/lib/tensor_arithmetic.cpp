// Arithmetic: broadcasting, type promotion, and the in-place forms.
#include "autograd.h"
#include "errors.h"
#include "kiln/semantics/generator.h"
#include "kiln/semantics/operation.h"
#include "kiln/tensor.h"
#include "python_text.h"
#include "recorder.h"
#include "tensor_impl.h"

namespace kiln {

using detail::apply;
using detail::apply_elementwise;
using detail::fail;
using detail::make_view;
using detail::PromotionOperand;
using detail::require;

namespace {

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

// As a number of this type. An operand of arithmetic wraps round where it does not fit, as PyTorch's does; only fills complain.
runtime::Tensor number_value(const Scalar &number, DType dtype) {
  if (number.is_floating_point())
    return runtime::Tensor::scalar<double>(number.to_double()).to(dtype);
  return runtime::Tensor::scalar<int64_t>(number.to_int64()).to(dtype);
}

Scalar wrapped(const Scalar &number, DType dtype) {
  if (number.is_floating_point() || !runtime::is_integral(dtype))
    return number;
  return *number_value(number, dtype).to(DType::Int64).data<int64_t>();
}

// Either side of a binary operation.
struct Operand {
  Operand(const Tensor &tensor, const char *operation) : tensor(tensor) {
    promotion = {detail::dtype_of(*require(tensor, operation)), tensor.dim(), false};
  }
  Operand(const Scalar &number) : number(number) { promotion = {number.kind(), 0, true}; }

  // As a tensor of the common type.
  Tensor as(DType dtype) const {
    if (!number)
      return tensor.to(dtype);
    return detail::make_full({}, wrapped(*number, dtype), dtype);
  }

  Tensor tensor;
  std::optional<Scalar> number;
  PromotionOperand promotion;
};

// Arithmetic outside a recording: true when no side of it is recorded, so that a number stays a concrete tensor.
bool any_recorded(const Operand &a, const Operand &b) {
  detail::Recorder *recorder = detail::Recorder::current();
  if (!recorder)
    return false;
  for (const Operand *operand : {&a, &b})
    if (const detail::TensorImplPtr impl = operand->number ? nullptr : detail::TensorAccess::impl(operand->tensor);
        impl && (recorder->is_recorded(impl) || detail::begins_history(*impl)))
      return true;
  return false;
}

Tensor number_tensor(const Scalar &number, DType dtype) {
  return detail::wrap_concrete(number_value(number, dtype));
}

Tensor binary(const char *operation, const Operand &a, const Operand &b, bool to_floating = false) {
  DType common = detail::result_type({a.promotion, b.promotion});
  if (to_floating && runtime::is_integral(common))
    common = DType::Float32;
  const bool recorded = any_recorded(a, b);
  auto operand = [&](const Operand &side) {
    return side.number && !recorded ? number_tensor(*side.number, common) : side.as(common);
  };
  const Tensor left = operand(a), right = operand(b);
  return apply_elementwise(operation, {left, right});
}

Operand scaled(const Tensor &tensor, const Scalar &alpha, const char *operation) {
  const DType dtype = detail::dtype_of(*require(tensor, operation));
  if (alpha.is_boolean() && dtype != DType::Bool)
    fail("Boolean alpha only supported for Boolean results.");
  if (alpha.is_floating_point() && runtime::is_integral(dtype))
    fail("For integral input tensors, argument alpha must not be a floating point number.");
  return alpha.to_double() == 1 ? Operand(tensor, operation) : Operand(tensor.mul(alpha), operation);
}

Scalar scaled(const Scalar &number, const Scalar &alpha) {
  if (number.is_floating_point() || alpha.is_floating_point())
    return number.to_double() * alpha.to_double();
  if (number.is_boolean() && alpha.to_int64() == 1)
    return number;
  return number.to_int64() * alpha.to_int64();
}

void check_subtraction(const Operand &a, const Operand &b) {
  const bool left = a.promotion.dtype == DType::Bool, right = b.promotion.dtype == DType::Bool;
  if (left && right)
    fail("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
         "instead.");
  if (left || right)
    fail("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
         "`logical_not()` operator instead.");
}

Tensor add_operands(const Operand &a, const Operand &b) { return binary("nn.add", a, b); }
Tensor sub_operands(const Operand &a, const Operand &b) {
  check_subtraction(a, b);
  return binary("nn.sub", a, b);
}
Tensor mul_operands(const Operand &a, const Operand &b) { return binary("nn.mul", a, b); }
Tensor div_operands(const Operand &a, const Operand &b) { return binary("nn.div", a, b, /*to_floating=*/true); }

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

// Stores the result of an operation in `self`: same shape, a type that `self` can hold.
const Tensor &store(const Tensor &self, const Tensor &result) {
  if (result.sizes() != self.sizes())
    fail("output with shape " + detail::sizes_text(self.sizes()) + " doesn't match the broadcast shape " +
         detail::sizes_text(result.sizes()));
  if (!detail::can_cast(result.dtype(), self.dtype()))
    fail("result type " + std::string(runtime::scalar_type_name(result.dtype())) + " can't be cast to the desired output type " +
         std::string(runtime::scalar_type_name(self.dtype())));
  detail::write_elements(self, result.to(self.dtype()));
  return self;
}

template <class Compute> const Tensor &in_place(const Tensor &self, const Compute &compute) {
  detail::check_writable(self);
  return store(self, compute());
}

Tensor unary(const char *operation, const Tensor &input) {
  require(input, operation + 3); // without "nn."
  return apply_elementwise(operation, {input});
}

} // namespace

//===----------------------------------------------------------------------===//
// Binary
//===----------------------------------------------------------------------===//

Tensor Tensor::add(const Tensor &other, const Scalar &alpha) const {
  return add_operands(Operand(*this, "add"), scaled(other, alpha, "add"));
}
Tensor Tensor::add(const Scalar &other, const Scalar &alpha) const {
  return add_operands(Operand(*this, "add"), Operand(scaled(other, alpha)));
}
Tensor Tensor::sub(const Tensor &other, const Scalar &alpha) const {
  return sub_operands(Operand(*this, "sub"), scaled(other, alpha, "sub"));
}
Tensor Tensor::sub(const Scalar &other, const Scalar &alpha) const {
  return sub_operands(Operand(*this, "sub"), Operand(scaled(other, alpha)));
}
Tensor Tensor::mul(const Tensor &other) const { return mul_operands(Operand(*this, "mul"), Operand(other, "mul")); }
Tensor Tensor::mul(const Scalar &other) const { return mul_operands(Operand(*this, "mul"), Operand(other)); }
Tensor Tensor::div(const Tensor &other) const { return div_operands(Operand(*this, "div"), Operand(other, "div")); }
Tensor Tensor::div(const Scalar &other) const { return div_operands(Operand(*this, "div"), Operand(other)); }
Tensor Tensor::maximum(const Tensor &other) const {
  return binary("nn.maximum", Operand(*this, "maximum"), Operand(other, "maximum"));
}
Tensor Tensor::minimum(const Tensor &other) const {
  return binary("nn.minimum", Operand(*this, "minimum"), Operand(other, "minimum"));
}
Tensor operator+(const Scalar &a, const Tensor &b) { return add_operands(Operand(a), Operand(b, "add")); }
Tensor operator-(const Scalar &a, const Tensor &b) { return sub_operands(Operand(a), Operand(b, "rsub")); }
Tensor operator*(const Scalar &a, const Tensor &b) { return mul_operands(Operand(a), Operand(b, "mul")); }
Tensor operator/(const Scalar &a, const Tensor &b) { return div_operands(Operand(a), Operand(b, "div")); }

#define KILN_COMPARISON(name)                                                                                                    \
  Tensor Tensor::name(const Tensor &other) const {                                                                               \
    return binary("nn." #name, Operand(*this, #name), Operand(other, #name));                                                    \
  }                                                                                                                              \
  Tensor Tensor::name(const Scalar &other) const { return binary("nn." #name, Operand(*this, #name), Operand(other)); }
KILN_COMPARISON(eq)
KILN_COMPARISON(ne)
KILN_COMPARISON(lt)
KILN_COMPARISON(le)
KILN_COMPARISON(gt)
KILN_COMPARISON(ge)
#undef KILN_COMPARISON

namespace {
Tensor where_operands(const Tensor &condition, const Operand &input, const Operand &other) {
  const DType chosen = detail::dtype_of(*require(condition, "where"));
  if (chosen != DType::Bool)
    fail("where expected condition to be a boolean tensor, but got a tensor with dtype " +
         std::string(runtime::scalar_type_name(chosen)));
  const DType common = detail::result_type({input.promotion, other.promotion});
  const bool recorded = any_recorded(input, other) || any_recorded(Operand(condition, "where"), input);
  auto operand = [&](const Operand &side) {
    return side.number && !recorded ? number_tensor(*side.number, common) : side.as(common);
  };
  return apply_elementwise("nn.where", {condition, operand(input), operand(other)});
}
} // namespace

Tensor where(const Tensor &condition, const Tensor &input, const Tensor &other) {
  return where_operands(condition, Operand(input, "where"), Operand(other, "where"));
}
Tensor where(const Tensor &condition, const Scalar &input, const Tensor &other) {
  return where_operands(condition, Operand(input), Operand(other, "where"));
}
Tensor where(const Tensor &condition, const Tensor &input, const Scalar &other) {
  return where_operands(condition, Operand(input, "where"), Operand(other));
}
Tensor where(const Tensor &condition, const Scalar &input, const Scalar &other) {
  return where_operands(condition, Operand(input), Operand(other));
}
Tensor Tensor::where(const Tensor &condition, const Tensor &other) const { return kiln::where(condition, *this, other); }

const Tensor &Tensor::add_(const Tensor &other, const Scalar &alpha) const {
  return in_place(*this, [&] { return add(other, alpha); });
}
const Tensor &Tensor::add_(const Scalar &other, const Scalar &alpha) const {
  return in_place(*this, [&] { return add(other, alpha); });
}
const Tensor &Tensor::sub_(const Tensor &other, const Scalar &alpha) const {
  return in_place(*this, [&] { return sub(other, alpha); });
}
const Tensor &Tensor::sub_(const Scalar &other, const Scalar &alpha) const {
  return in_place(*this, [&] { return sub(other, alpha); });
}
const Tensor &Tensor::mul_(const Tensor &other) const {
  return in_place(*this, [&] { return mul(other); });
}
const Tensor &Tensor::mul_(const Scalar &other) const {
  return in_place(*this, [&] { return mul(other); });
}
const Tensor &Tensor::div_(const Tensor &other) const {
  return in_place(*this, [&] { return div(other); });
}
const Tensor &Tensor::div_(const Scalar &other) const {
  return in_place(*this, [&] { return div(other); });
}

//===----------------------------------------------------------------------===//
// Unary
//===----------------------------------------------------------------------===//

#define KILN_UNARY(name)                                                                                                         \
  Tensor Tensor::name() const { return unary("nn." #name, *this); }                                                              \
  const Tensor &Tensor::name##_() const {                                                                                        \
    return in_place(*this, [&] { return name(); });                                                                              \
  }
KILN_UNARY(neg)
KILN_UNARY(exp)
KILN_UNARY(log)
KILN_UNARY(sqrt)
KILN_UNARY(rsqrt)
KILN_UNARY(relu)
KILN_UNARY(sigmoid)
KILN_UNARY(tanh)
#undef KILN_UNARY

// A boolean is its own absolute value.
Tensor Tensor::abs() const { return detail::dtype_of(*require(*this, "abs")) == DType::Bool ? clone() : unary("nn.abs", *this); }
const Tensor &Tensor::abs_() const {
  return in_place(*this, [&] { return abs(); });
}

const Tensor &Tensor::fill_(const Scalar &value) const {
  detail::check_writable(*this);
  detail::Recorder *recorder = detail::Recorder::current();
  if (recorder && recorder->is_recorded(detail::TensorAccess::impl(*this))) {
    detail::write_elements(*this, detail::make_full(sizes().vec(), value, dtype()));
    return *this;
  }
  semantics::Attributes attributes{{"shape", std::vector<semantics::DimExpr>()}, {"dtype", dtype()}};
  value.is_floating_point() ? attributes.set("value", value.to_double()) : attributes.set("value", value.to_int64());
  const runtime::Tensor element = detail::checked([&] { return semantics::evaluate("nn.full", {}, attributes)[0]; });
  detail::write_elements(*this, detail::wrap_concrete(element).expand(sizes()));
  return *this;
}

const Tensor &Tensor::copy_(const Tensor &source) const {
  detail::check_writable(*this);
  require(source, "copy_");
  const std::vector<int64_t> shape = sizes().vec();
  const bool fits = source.dim() <= dim() && detail::broadcast_sizes(shape, source.sizes()) == shape;
  if (!fits)
    fail("output with shape " + detail::sizes_text(shape) + " doesn't match the broadcast shape " +
         detail::sizes_text(detail::broadcast_sizes(shape, source.sizes())));
  detail::write_elements(*this, source.to(dtype()).expand(shape));
  return *this;
}

//===----------------------------------------------------------------------===//
// Products, reductions, layers
//===----------------------------------------------------------------------===//

Tensor Tensor::matmul(const Tensor &other) const {
  require(*this, "matmul");
  require(other, "matmul");
  return apply("nn.matmul", {*this, other});
}

Tensor Tensor::mm(const Tensor &other) const {
  require(*this, "mm");
  require(other, "mm");
  if (dim() != 2)
    fail("mm: self must be a matrix, got " + std::to_string(dim()) + "-D tensor");
  if (other.dim() != 2)
    fail("mm: mat2 must be a matrix, got " + std::to_string(other.dim()) + "-D tensor");
  return matmul(other);
}

Tensor Tensor::bmm(const Tensor &other) const {
  require(*this, "bmm");
  require(other, "bmm");
  if (dim() != 3)
    fail("batch1 must be a 3D tensor");
  if (other.dim() != 3)
    fail("batch2 must be a 3D tensor");
  if (size(0) != other.size(0) || size(2) != other.size(1))
    fail("Expected size for first two dimensions of batch2 tensor to be: [" + detail::size_text(size(0)) + ", " +
         detail::size_text(size(2)) + "] but got: [" + detail::size_text(other.size(0)) + ", " +
         detail::size_text(other.size(1)) + "].");
  return matmul(other);
}

Tensor addmm(const Tensor &input, const Tensor &mat1, const Tensor &mat2, const Scalar &beta, const Scalar &alpha) {
  const Tensor product = mat1.mm(mat2);
  const Tensor scaled_product = alpha.to_double() == 1 ? product : product.mul(alpha);
  if (beta.to_double() == 0)
    return scaled_product;
  const Tensor scaled_input = beta.to_double() == 1 ? input : input.mul(beta);
  return scaled_input.expand(product.sizes()).add(scaled_product);
}

namespace {
Tensor reduce(const char *operation, const Tensor &input, IntArrayRef dims, bool keepdim) {
  require(input, operation + 3);
  return apply(operation, {input}, {{"dims", dims.vec()}, {"keepdim", keepdim}});
}
} // namespace

Tensor Tensor::sum() const { return reduce("nn.sum", *this, {}, false); }
Tensor Tensor::sum(IntArrayRef dims, bool keepdim) const { return reduce("nn.sum", *this, dims, keepdim); }
Tensor Tensor::mean() const { return reduce("nn.mean", *this, {}, false); }
Tensor Tensor::mean(IntArrayRef dims, bool keepdim) const { return reduce("nn.mean", *this, dims, keepdim); }

Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias) {
  require(input, "linear");
  require(weight, "linear");
  return apply("nn.linear", {input, weight, bias});
}

Tensor embedding(const Tensor &weight, const Tensor &indices, std::optional<int64_t> padding_idx) {
  require(weight, "embedding");
  require(indices, "embedding");
  semantics::Attributes attributes;
  if (padding_idx)
    attributes.set("padding_idx", *padding_idx);
  return apply("nn.embedding", {indices, weight}, attributes);
}

Tensor dropout(const Tensor &input, double p, bool train) {
  const auto impl = require(input, "dropout");
  if (!(p >= 0 && p <= 1))
    fail("dropout probability has to be between 0 and 1, but got " + detail::float_text(p));
  detail::Recorder *recorder = detail::Recorder::current();
  const bool recorded = recorder && recorder->is_recorded(impl);
  if (!train || p == 0) {
    if (!recorded)
      return input;
    // PyTorch returns the input itself: a view that shares its storage. The operation stays visible to the compiler.
    detail::ViewStep step;
    step.kind = detail::ViewStep::Kind::Dropout;
    step.p = p;
    return make_view(input, std::move(step), detail::geometry_of(*impl));
  }
  if (recorded) {
    const Tensor generator = p < 1 ? recorder->generator() : Tensor(); // nothing is drawn where nothing is kept
    const Tensor result =
        apply("nn.dropout", {input, generator}, {{"p", p}, {"training", true}, {"site", recorder->next_site()}});
    const detail::Geometry from = detail::geometry_of(*impl);
    return detail::with_geometry(result, detail::elementwise_geometry(from.sizes, {{from}}));
  }
  if (p == 1)
    return input.mul(zeros({}, input.dtype()));
  Tensor mask = empty_like(input);
  detail::checked([&] { semantics::default_generator().bernoulli_(mask.concrete(), 1 - p); });
  return input.mul(mask.div_(1 - p));
}

//===----------------------------------------------------------------------===//
// Random fills
//===----------------------------------------------------------------------===//

namespace {
const runtime::Tensor &random_target(const Tensor &tensor, const char *operation) {
  const auto impl = require(tensor, operation);
  detail::check_writable(tensor);
  detail::Recorder *recorder = detail::Recorder::current();
  if (impl->symbolic || (recorder && recorder->is_recorded(impl)))
    fail(std::string(operation) +
         " can't be recorded\nthe numbers would be drawn while recording and be the same at every call of the "
         "compiled function: initialise parameters outside of recorded functions, and use dropout for noise");
  return impl->value;
}
} // namespace

const Tensor &Tensor::uniform_(double from, double to) const {
  const runtime::Tensor &target = random_target(*this, "uniform_");
  detail::checked([&] { semantics::default_generator().uniform_(target, from, to); });
  return *this;
}
const Tensor &Tensor::normal_(double mean, double std) const {
  const runtime::Tensor &target = random_target(*this, "normal_");
  detail::checked([&] { semantics::default_generator().normal_(target, mean, std); });
  return *this;
}

} // namespace kiln
