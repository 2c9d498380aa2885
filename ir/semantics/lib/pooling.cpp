// max_pool, max_pool_indices, avg_pool and adaptive_avg_pool, over the last one to three
// dimensions.
#include "pooling.h"

#include <limits>

#include "channels_last.h"
#include "families.h"
#include "kiln/semantics/window_error.h"

namespace kiln::semantics {

//===----------------------------------------------------------------------===//
// Attributes and sizes
//===----------------------------------------------------------------------===//

namespace {

// "kH: 2 kW: 3".
std::string by_dimension(const std::string &prefix, const std::vector<int64_t> &values) {
  const std::string letters = "THW";
  std::string text;
  for (std::size_t d = 0; d < values.size(); ++d)
    text +=
        (d ? " " : "") + prefix + letters[3 - values.size() + d] + ": " + std::to_string(values[d]);
  return text;
}

// Of one dimension, in PyTorch's order (pooling_output_shape).
void check_window(int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  if (stride == 0)
    throw ValueError("stride should not be zero");
  if (padding < 0)
    throw ValueError("pad must be non-negative, but got pad: " + std::to_string(padding));
  if (kernel > 0 && padding > ((kernel - 1) * dilation + 1) / 2)
    throw ValueError("pad should be at most half of effective kernel size, but got pad=" +
                     std::to_string(padding) + ", kernel_size=" + std::to_string(kernel) +
                     " and dilation=" + std::to_string(dilation));
}

void check_rank(const TensorType &input, std::size_t rank, const std::string &function) {
  const auto given = input.sizes.size();
  const std::string low = std::to_string(rank + 1), high = std::to_string(rank + 2);
  if (given != rank + 1 && given != rank + 2) {
    if (function == "max_pool" && rank == 1)
      throw ValueError(
          "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
          "input, but got:" +
          input.shape_text());
    if (rank == 1)
      throw ValueError("Expected 2 to 3 dimensions, but got " + std::to_string(given) +
                       "-dimensional tensor for argument #1 'self' (while checking arguments for " +
                       function + "1d)");
    if (function == "max_pool" || rank == 3)
      throw ValueError("non-empty " + low + "D or " + high +
                       "D (batch mode) tensor expected for input\nthe input "
                       "of " +
                       function + std::to_string(rank) + "d is " + input.shape_text());
    throw ValueError("Expected " + low + "D or " + high +
                     "D (batch mode) tensor with optional 0 dim batch size for input, but got:" +
                     input.shape_text());
  }
  for (std::size_t d = given - rank - 1; d < given; ++d)
    if (input.sizes[d] == 0)
      throw ValueError("Expected " + low + "D or " + high +
                       "D (batch mode) tensor with optional 0 dim batch size for input, but got:" +
                       input.shape_text());
}

// Dilation does not count here.
void check_half(const Pooling &pooling, const std::string &function) {
  const std::size_t rank = pooling.rank();
  bool is_half = true;
  for (std::size_t d = 0; d < rank; ++d)
    is_half = is_half && pooling.padding[d] <= pooling.kernel[d] / 2;
  if (is_half)
    return;
  if (rank == 1)
    throw ValueError(function +
                     "1d() padding should be at most half of kernel size, but got padding=" +
                     std::to_string(pooling.padding[0]) +
                     " and kernel_size=" + std::to_string(pooling.kernel[0]));
  auto each = [&](const std::string &prefix, const std::vector<int64_t> &values,
                  const std::string &order, const char *is, const char *separator) {
    std::string text;
    for (char letter : order) {
      const std::size_t d = rank - 3 + std::string("THW").find(letter);
      text += (text.empty() ? "" : separator) + prefix + letter + is + std::to_string(values[d]);
    }
    return text;
  };
  const std::string given = rank == 2 ? each("pad", pooling.padding, "WH", " = ", ", ") + ", " +
                                            each("k", pooling.kernel, "WH", " = ", ", ")
                                      : each("k", pooling.kernel, "TWH", ": ", " ") + " " +
                                            each("pad", pooling.padding, "TWH", ": ", " ");
  throw ValueError("pad should be smaller than or equal to half of kernel size, but got " + given);
}

DimExpr pooled_size(const DimExpr &input, const Pooling &pooling, std::size_t d) {
  const int64_t stride = pooling.stride[d], padding = pooling.padding[d];
  const DimExpr room = input + 2 * padding - pooling.dilation[d] * (pooling.kernel[d] - 1) - 1;
  if (!pooling.ceil_mode)
    return room.floordiv(stride) + 1;
  // A last window that would begin in the padding on the right is left out.
  return DimExpr::minimum((room + (stride - 1)).floordiv(stride) + 1,
                          (input + padding + (stride - 1)).floordiv(stride));
}

} // namespace

Pooling pooling_attributes(const Attributes &attributes, std::string_view operation) {
  Pooling pooling;
  pooling.kernel = attributes.get<std::vector<int64_t>>("kernel_size");
  if (pooling.kernel.empty() || pooling.kernel.size() > 3)
    throw ValueError(std::string(operation) +
                     " is over one to three dimensions, but kernel_size has " +
                     std::to_string(pooling.kernel.size()) + " values");
  pooling.stride = window_attribute(attributes, "stride", pooling.rank(), operation);
  pooling.padding = window_attribute(attributes, "padding", pooling.rank(), operation);
  pooling.dilation = attributes.has("dilation")
                         ? window_attribute(attributes, "dilation", pooling.rank(), operation)
                         : std::vector<int64_t>(pooling.rank(), 1);
  pooling.ceil_mode = attributes.get<bool>("ceil_mode");
  for (std::size_t d = 0; d < pooling.rank(); ++d)
    check_window(pooling.kernel[d], pooling.stride[d], pooling.padding[d], pooling.dilation[d]);
  auto check_positive = [](const std::string &what, const std::string &prefix,
                           const std::vector<int64_t> &values) {
    if (std::any_of(values.begin(), values.end(), [](int64_t value) { return value <= 0; }))
      throw ValueError(what + " should be greater than zero, but got " +
                       by_dimension(prefix, values));
  };
  check_positive("kernel size", "k", pooling.kernel);
  check_positive("stride", "d", pooling.stride);
  check_positive("dilation", "dilation", pooling.dilation);
  return pooling;
}

std::vector<DimExpr> pooled_sizes(const TensorType &input, const Pooling &pooling,
                                  const std::string &function) {
  const std::size_t rank = pooling.rank();
  check_rank(input, rank, function);
  check_half(pooling, function);
  const std::size_t first = input.sizes.size() - rank;
  std::vector<DimExpr> sizes = input.sizes;
  bool is_too_small = false;
  for (std::size_t d = 0; d < rank; ++d) {
    sizes[first + d] = pooled_size(input.sizes[first + d], pooling, d);
    const std::optional<int64_t> size = sizes[first + d].constant();
    is_too_small = is_too_small || (size && *size < 1);
  }
  if (!is_too_small)
    return sizes;
  auto spatial = [first](const std::vector<DimExpr> &whole) { // with the number of planes before it
    std::vector<DimExpr> part(whole.begin() + static_cast<std::ptrdiff_t>(first) - 1, whole.end());
    for (DimExpr &size : part)
      if (std::optional<int64_t> value = size.constant(); value && *value < 0)
        size = 0;
    return cross_text(part);
  };
  throw WindowError("Given input size: (" + spatial(input.sizes) + "). Calculated output size: (" +
                    spatial(sizes) + "). Output size is too small");
}

Windows pooling_windows(const Pooling &pooling, std::span<const int64_t> input,
                        std::span<const int64_t> output) {
  return {input, output, pooling.kernel, pooling.stride, pooling.padding, pooling.dilation};
}

int64_t average_divisor(const Windows &windows, const std::array<int64_t, 3> &position,
                        const Attributes &attributes) {
  if (attributes.has("divisor_override"))
    return attributes.get<int64_t>("divisor_override");
  const bool counts_padding = attributes.get<bool>("count_include_pad");
  int64_t divisor = 1;
  for (std::size_t d = 0; d < 3; ++d) {
    const Windows::Dim &dim = windows.dims[d];
    const int64_t begin = position[d] * dim.stride - dim.low;
    const int64_t end =
        std::min(begin + dim.kernel, dim.input + dim.low); // padding is alike on both sides
    divisor *=
        counts_padding ? end - begin : std::min(end, dim.input) - std::max<int64_t>(begin, 0);
  }
  return divisor;
}

namespace {

//===----------------------------------------------------------------------===//
// Maxima
//===----------------------------------------------------------------------===//

std::vector<DimExpr> infer_max_sizes(OperandTypes operands, const Attributes &attributes,
                                     const std::string &operation) {
  check_operands(operands, 1, 1, operation);
  const TensorType &input = *operands[0];
  std::vector<DimExpr> sizes =
      pooled_sizes(input, pooling_attributes(attributes, operation), "max_pool");
  if (input.dtype == DType::Bool)
    throw ValueError("\"max_pool2d\" not implemented for 'Bool'");
  return sizes;
}

std::vector<TensorType> infer_max_pool(OperandTypes operands, const Attributes &attributes) {
  std::vector<DimExpr> sizes = infer_max_sizes(operands, attributes, "nn.max_pool");
  return {{operands[0]->dtype, std::move(sizes)}};
}
std::vector<TensorType> infer_max_pool_indices(OperandTypes operands,
                                               const Attributes &attributes) {
  return {{DType::Int64, infer_max_sizes(operands, attributes, "nn.max_pool_indices")}};
}

template <class T>
constexpr T kLowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::lowest();

// Where the maximum of each window is, as an offset into its plane: the first of equal ones, the
// last NaN. -1 where dilation takes all taps past the input.
template <class T> std::vector<int64_t> places_of_maxima(const Windows &windows, const T *plane) {
  std::vector<int64_t> places(static_cast<std::size_t>(windows.outputs()), -1);
  windows.for_each_segment([&](int64_t, int64_t to, int64_t from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      int64_t &place = places[static_cast<std::size_t>(to + i)];
      const int64_t candidate = from + i * windows.step();
      const T value = plane[candidate];
      if (place < 0 || value > plane[place] || value != value)
        place = candidate;
    }
  });
  return places;
}

// Calls `store(output, plane, place)` for the maximum of every window of every plane.
template <class T, class Store>
void for_each_maximum(const Tensor &input, const Attributes &attributes,
                      const std::vector<int64_t> &sizes, Store store) {
  const Pooling pooling = pooling_attributes(attributes, "nn.max_pool");
  const Tensor planes = as_planes(input, pooling.rank());
  const Windows windows = pooling_windows(pooling, spatial_sizes(input, pooling.rank()),
                                          std::span(sizes).last(pooling.rank()));
  for (int64_t p = 0; p < planes.size(0); ++p) {
    const T *plane = planes.data<T>() + p * windows.inputs();
    const std::vector<int64_t> places = places_of_maxima(windows, plane);
    for (int64_t i = 0; i < windows.outputs(); ++i)
      store(p * windows.outputs() + i, plane, places[static_cast<std::size_t>(i)]);
  }
}

std::vector<int64_t> result_sizes(const Tensor &input, const Attributes &attributes,
                                  std::vector<TensorType> (*infer)(OperandTypes,
                                                                   const Attributes &)) {
  const std::vector<std::optional<TensorType>> types = {type_of(input)};
  return require_constants(infer(types, attributes)[0].sizes, "a size of the output");
}

std::vector<Tensor> evaluate_max_pool(std::span<const Tensor> operands,
                                      const Attributes &attributes) {
  const Tensor &input = operands[0];
  const std::vector<int64_t> sizes = result_sizes(input, attributes, infer_max_pool);
  Tensor result(sizes, input.dtype());
  dispatch_numbers(input.dtype(), "max_pool2d", [&]<class T>(Type<T>) {
    for_each_maximum<T>(input, attributes, sizes, [&](int64_t i, const T *plane, int64_t place) {
      result.data<T>()[i] = place >= 0 ? plane[place] : kLowest<T>;
    });
  });
  return {result};
}

std::vector<Tensor> evaluate_max_pool_indices(std::span<const Tensor> operands,
                                              const Attributes &attributes) {
  const Tensor &input = operands[0];
  const std::vector<int64_t> sizes = result_sizes(input, attributes, infer_max_pool_indices);
  Tensor result(sizes, DType::Int64);
  dispatch_numbers(input.dtype(), "max_pool2d", [&]<class T>(Type<T>) {
    for_each_maximum<T>(input, attributes, sizes, [&](int64_t i, const T *, int64_t place) {
      result.data<int64_t>()[i] = place;
    });
  });
  return {result};
}

//===----------------------------------------------------------------------===//
// Averages
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_avg_pool(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.avg_pool");
  const TensorType &input = *operands[0];
  if (attributes.has("divisor_override") && attributes.get<int64_t>("divisor_override") == 0)
    throw ValueError("divisor must be not zero");
  TensorType result{input.dtype,
                    pooled_sizes(input, pooling_attributes(attributes, "nn.avg_pool"), "avg_pool")};
  if (!runtime::is_floating_point(input.dtype) && input.dtype != DType::Int64)
    throw ValueError("\"avg_pool2d\" not implemented for '" +
                     std::string(runtime::scalar_type_name(input.dtype)) + "'");
  return {result};
}

std::vector<Tensor> evaluate_avg_pool(std::span<const Tensor> operands,
                                      const Attributes &attributes) {
  const Pooling pooling = pooling_attributes(attributes, "nn.avg_pool");
  const Tensor &input = operands[0];
  const Tensor planes = as_planes(input, pooling.rank());
  const std::vector<int64_t> sizes = result_sizes(input, attributes, infer_avg_pool);
  const Windows windows = pooling_windows(pooling, spatial_sizes(input, pooling.rank()),
                                          std::span(sizes).last(pooling.rank()));
  Tensor result(sizes, input.dtype());
  dispatch_numbers(input.dtype(), "avg_pool2d", [&]<class T>(Type<T>) {
    using Sum = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
    for (int64_t p = 0; p < planes.size(0); ++p) {
      const T *from = planes.data<T>() + p * windows.inputs();
      T *to = result.data<T>() + p * windows.outputs();
      std::vector<Sum> sums(static_cast<std::size_t>(windows.outputs()), 0);
      windows.for_each_segment([&](int64_t, int64_t out, int64_t in, int64_t count) {
        for (int64_t i = 0; i < count; ++i)
          sums[static_cast<std::size_t>(out + i)] +=
              static_cast<Sum>(from[in + i * windows.step()]);
      });
      windows.for_each_output([&](int64_t i, const std::array<int64_t, 3> &position) {
        const int64_t divisor = average_divisor(windows, position, attributes);
        to[i] = static_cast<T>(sums[static_cast<std::size_t>(i)] / static_cast<Sum>(divisor));
      });
    }
  });
  return {result};
}

std::vector<TensorType> infer_adaptive_avg_pool(OperandTypes operands,
                                                const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.adaptive_avg_pool");
  const TensorType &input = *operands[0];
  const auto &target = attributes.get<std::vector<DimExpr>>("output_size");
  const std::size_t rank = target.size(), given = input.sizes.size();
  if (rank == 0 || rank > 3)
    throw ValueError("nn.adaptive_avg_pool is over one to three dimensions, but output_size is " +
                     shape_text(target));
  const std::string function = "adaptive_avg_pool" + std::to_string(rank) + "d";
  if (given != rank + 1 && given != rank + 2) {
    if (rank == 1)
      throw ValueError("Expected 2 to 3 dimensions, but got " + std::to_string(given) +
                       "-dimensional tensor for argument #1 'self' (while checking arguments for " +
                       function + ")");
    throw ValueError(function + "(): Expected " + std::to_string(rank + 1) + "D or " +
                     std::to_string(rank + 2) + "D tensor, but got " + input.shape_text());
  }
  for (const DimExpr &size : target)
    if (std::optional<int64_t> value = size.constant(); value && *value < 0) {
      std::string values = shape_text(target);
      values.front() = '{', values.back() = '}';
      throw ValueError(
          function + ": elements of output_size must be greater than or equal to 0 but received " +
          values);
    }
  for (std::size_t d = given - rank; d < given; ++d)
    if (input.sizes[d] == 0)
      throw ValueError(
          function +
          "(): Expected input to have non-zero size for non-batch dimensions, but input has "
          "sizes " +
          input.shape_text() + " with dimension " + std::to_string(d) + " being empty");
  if (!runtime::is_floating_point(input.dtype))
    throw ValueError("\"adaptive_avg_pool2d\" not implemented for '" +
                     std::string(runtime::scalar_type_name(input.dtype)) + "'");
  TensorType result = input;
  std::copy(target.begin(), target.end(), result.sizes.end() - static_cast<std::ptrdiff_t>(rank));
  return {result};
}

std::vector<Tensor> evaluate_adaptive_avg_pool(std::span<const Tensor> operands,
                                               const Attributes &attributes) {
  const Tensor &input = operands[0];
  const std::vector<int64_t> sizes = result_sizes(input, attributes, infer_adaptive_avg_pool);
  const std::size_t rank = attributes.get<std::vector<DimExpr>>("output_size").size();
  const Tensor planes = as_planes(input, rank);
  Tensor result(sizes, input.dtype());
  const std::vector<int64_t> from = spatial_sizes(input, rank), to = spatial_sizes(result, rank);
  dispatch_floating(input.dtype(), "adaptive_avg_pool2d", [&]<class T>(Type<T>) {
    const int64_t outputs = planes.size(0) == 0 ? 0 : result.numel() / planes.size(0);
    for (int64_t p = 0; p < planes.size(0); ++p) {
      const T *plane = planes.data<T>() + p * planes.size(1);
      std::vector<double> averages(static_cast<std::size_t>(outputs), 0);
      for_each_adaptive(from, to, [&](int64_t out, int64_t in, int64_t area) {
        averages[static_cast<std::size_t>(out)] +=
            static_cast<double>(plane[in]) / static_cast<double>(area);
      });
      std::transform(averages.begin(), averages.end(), result.data<T>() + p * outputs,
                     [](double average) { return static_cast<T>(average); });
    }
  });
  return {result};
}

//===----------------------------------------------------------------------===//
// Channels last
//===----------------------------------------------------------------------===//

bool has_channels_last(const TensorType &input, const Attributes &attributes) {
  if (attributes.has("output_size"))
    return is_channels_last<std::vector<DimExpr>>(attributes, "output_size", input.rank(),
                                                  "nn.adaptive_avg_pool");
  return is_channels_last<std::vector<int64_t>>(
      attributes, "kernel_size", input.rank(),
      attributes.has("count_include_pad") ? "nn.avg_pool" : "nn.max_pool");
}

} // namespace

std::span<const Operation> pooling_operations() {
  static const Operation operations[] = {
      {"nn.max_pool", infer_either<infer_max_pool, has_channels_last>,
       evaluate_either<through_float<evaluate_max_pool>, has_channels_last>},
      without_gradient({"nn.max_pool_indices", infer_max_pool_indices,
                        through_float<evaluate_max_pool_indices>}),
      {"nn.avg_pool", infer_either<infer_avg_pool, has_channels_last>,
       evaluate_either<through_float<evaluate_avg_pool>, has_channels_last>},
      {"nn.adaptive_avg_pool", infer_either<infer_adaptive_avg_pool, has_channels_last>,
       evaluate_either<through_float<evaluate_adaptive_avg_pool>, has_channels_last>}};
  return operations;
}

} // namespace kiln::semantics
