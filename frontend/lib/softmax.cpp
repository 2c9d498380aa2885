// Softmax and its logarithm over one dimension.
//
// Softmax is the exponential of nn.log_softmax. In float32 its elements are as near to the exact ones as those of PyTorch's kernel,
// which divides by the sum instead: the same in absolute terms, twice as far relatively where an element is tiny. 16-bit logarithms
// would lose too much, so they are kept in float32.
#include "errors.h"
#include "kiln/tensor.h"
#include "tensor_impl.h"

namespace kiln {

namespace {

Tensor converted(const Tensor &input, const char *name, int64_t dim, std::optional<DType> dtype) {
  detail::require(input, name);
  const Tensor result = dtype ? input.to(*dtype) : input;
  if (!result.is_floating_point()) {
    const int64_t rank = result.dim(), last = dim < 0 ? dim + 1 : dim + 1 - rank;
    detail::fail("\"" + std::string(name) + (last >= 0 ? "_lastdim_kernel_impl" : "_kernel_impl") + "\" not implemented for '" +
                 std::string(runtime::scalar_type_name(result.dtype())) + "'\nconvert it first, or pass the dtype to compute in: " +
                 name + "(x, dim, kFloat32)");
  }
  return result;
}

Tensor log_softmax_of(const Tensor &input, int64_t dim) { return detail::apply("nn.log_softmax", {input}, {{"dim", dim}}); }

} // namespace

Tensor Tensor::log_softmax(int64_t dim, std::optional<DType> dtype) const {
  return log_softmax_of(converted(*this, "log_softmax", dim, dtype), dim);
}

Tensor Tensor::softmax(int64_t dim, std::optional<DType> dtype) const {
  const Tensor input = converted(*this, "softmax", dim, dtype);
  const bool is_narrow = input.dtype() == kFloat16 || input.dtype() == kBFloat16;
  const Tensor result = log_softmax_of(is_narrow ? input.to(kFloat32) : input, dim).exp();
  return is_narrow ? result.to(input.dtype()) : result;
}

} // namespace kiln
