// Softmax and its logarithm over one dimension.
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

} // namespace

Tensor Tensor::softmax(int64_t dim, std::optional<DType> dtype) const {
  return detail::apply("nn.softmax", {converted(*this, "softmax", dim, dtype)}, {{"dim", dim}});
}

Tensor Tensor::log_softmax(int64_t dim, std::optional<DType> dtype) const {
  return detail::apply("nn.log_softmax", {converted(*this, "log_softmax", dim, dtype)}, {{"dim", dim}});
}

} // namespace kiln
