// sum, mean over a set of dimensions; no dimensions given means all of them, as in PyTorch.
//
// Sums of integers and booleans are int64; floating-point sums accumulate in double.
#include <algorithm>

#include "families.h"
#include "kernels.h"
#include "kiln/semantics/reduced_dims.h"

namespace kiln::semantics {

std::vector<bool> reduced_dims(int64_t rank, std::span<const int64_t> dims) {
  std::vector<bool> reduced(static_cast<std::size_t>(std::max<int64_t>(rank, 1)), dims.empty());
  for (int64_t dim : dims) {
    const int64_t wrapped = wrap_dim(dim, rank);
    if (reduced[static_cast<std::size_t>(wrapped)])
      throw ValueError("dim " + std::to_string(wrapped) +
                       " appears multiple times in the list of dims");
    reduced[static_cast<std::size_t>(wrapped)] = true;
  }
  reduced.resize(
      static_cast<std::size_t>(rank)); // a tensor without dimensions was treated as having one
  return reduced;
}

namespace {

std::vector<bool> reduced_dimensions(int64_t rank, const Attributes &attributes) {
  return reduced_dims(rank, attributes.get<std::vector<int64_t>>("dims"));
}

template <bool kMean>
std::vector<TensorType> infer_reduction(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, kMean ? "nn.mean" : "nn.sum");
  const TensorType &input = *operands[0];
  if (kMean && !runtime::is_floating_point(input.dtype))
    throw ValueError("mean(): could not infer output dtype. Input dtype must be either a floating "
                     "point or complex dtype. Got: " +
                     std::string(runtime::scalar_type_name(input.dtype)));
  const std::vector<bool> reduced = reduced_dimensions(input.rank(), attributes);
  const bool keepdim = attributes.get<bool>("keepdim");
  TensorType result{runtime::is_integral(input.dtype) ? DType::Int64 : input.dtype, {}};
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    if (!reduced[d])
      result.sizes.push_back(input.sizes[d]);
    else if (keepdim)
      result.sizes.push_back(1);
  }
  return {result};
}

// Adds each element to the accumulator of its result; `strides` lead through the accumulators, 0
// along reduced dimensions.
template <class T, class Sum>
std::vector<Sum> sums(const Tensor &input, std::span<const int64_t> strides, int64_t count) {
  std::vector<Sum> result(static_cast<std::size_t>(count), Sum(0));
  const T *from = input.data<T>();
  for_each_position<2>(input.sizes(), {input.strides(), strides}, [&](const auto &offsets) {
    result[offsets[1]] += static_cast<Sum>(from[offsets[0]]);
  });
  return result;
}

template <bool kMean>
std::vector<Tensor> evaluate_reduction(std::span<const Tensor> operands,
                                       const Attributes &attributes) {
  const Tensor &input = operands[0];
  const std::vector<bool> reduced = reduced_dimensions(input.dim(), attributes);
  const bool keepdim = attributes.get<bool>("keepdim");
  std::vector<int64_t> result_sizes, strides(reduced.size(), 0);
  int64_t count = 1;
  double per_result = 1;
  for (std::size_t d = reduced.size(); d-- > 0;) {
    const int64_t size = input.sizes()[d];
    if (reduced[d]) {
      per_result *= static_cast<double>(size);
    } else {
      strides[d] = count;
      count *= size;
    }
    if (!reduced[d] || keepdim)
      result_sizes.insert(result_sizes.begin(), reduced[d] ? 1 : size);
  }
  return {dispatch_all(input.dtype(), kMean ? "mean" : "sum", [&]<class T>(Type<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      const std::vector<double> totals = sums<T, double>(input, strides, count);
      Tensor result(result_sizes, input.dtype());
      std::transform(totals.begin(), totals.end(), result.data<T>(), [&](double total) {
        return static_cast<T>(kMean ? total / per_result : total);
      });
      return result;
    } else {
      const std::vector<uint64_t> totals = sums<T, uint64_t>(input, strides, count); // wraps
      Tensor result(result_sizes, DType::Int64);
      std::transform(totals.begin(), totals.end(), result.data<int64_t>(),
                     [](uint64_t total) { return static_cast<int64_t>(total); });
      return result;
    }
  })};
}

} // namespace

std::span<const Operation> reduction_operations() {
  static const Operation operations[] = {
      saving_nothing({"nn.sum", infer_reduction<false>, through_float<evaluate_reduction<false>>}),
      saving_nothing({"nn.mean", infer_reduction<true>, through_float<evaluate_reduction<true>>})};
  return operations;
}

} // namespace kiln::semantics
