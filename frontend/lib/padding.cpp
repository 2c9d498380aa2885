// F::pad: elements put around the last dimensions.
//
// Padding is movement: every mode is parts of the input (or constants) one after another, dimension by dimension.
#include "errors.h"
#include "geometry.h"
#include "kiln/kiln.h"
#include "tensor_impl.h"

namespace kiln::nn::functional {

using kiln::detail::fail;
using kiln::detail::sizes_text;

namespace {

/// Elements before and behind one dimension.
struct Pad {
  int64_t dim, low, high;
};

void check_lengths(const Tensor &input, const std::vector<int64_t> &pad, bool is_constant) {
  if (pad.size() % 2 != 0)
    fail("Padding length must be divisible by 2");
  const auto rank = static_cast<std::size_t>(input.dim()), padded = pad.size() / 2;
  if (padded > rank)
    fail("Padding length should be less than or equal to two times the input dimension but got padding length " +
         std::to_string(pad.size()) + " and input of dimension " + std::to_string(rank));
  if (!is_constant && (padded == 0 || (rank != padded + 1 && rank != padded + 2)))
    fail("Padding size " + std::to_string(pad.size()) + " is not supported for " + std::to_string(rank) +
         "D input tensor.\nSupported combinations for non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads last "
         "dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n  - 4D or 5D input: padding size = 6 (pads "
         "last 3 dimensions)");
}

/// What reflection and replication need: something to copy. `padded` is the number of padded dimensions.
void check_not_empty(const Tensor &input, int64_t padded) {
  const int64_t first = input.dim() - padded - 1; // the channels
  for (int64_t d = first; d < input.dim(); ++d)
    if (input.size(d) == 0)
      fail("Expected " + std::to_string(padded + 1) + "D or " + std::to_string(padded + 2) +
           "D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: " +
           sizes_text(input.sizes()));
}

Tensor constant_padded(const Tensor &input, const Pad &pad, double value) {
  auto filled = [&](int64_t count) {
    std::vector<int64_t> sizes = input.sizes().vec();
    sizes[static_cast<std::size_t>(pad.dim)] = count;
    return full(sizes, value, TensorOptions(input.dtype()));
  };
  std::vector<Tensor> parts;
  if (pad.low > 0)
    parts.push_back(filled(pad.low));
  parts.push_back(input);
  if (pad.high > 0)
    parts.push_back(filled(pad.high));
  return cat(parts, pad.dim);
}

/// The edge is the mirror, and not repeated: one element at a time, for nothing reads backwards. For messages: which argument of
/// PyTorch's kernel the padding is, and the sizes before any padding.
Tensor reflected(const Tensor &input, const Pad &pad, int64_t argument, IntArrayRef unpadded) {
  const int64_t size = input.size(pad.dim);
  if (pad.low >= size || pad.high >= size)
    fail("Argument #" + std::to_string(argument) +
         ": Padding size should be less than the corresponding input dimension, but got: padding (" + std::to_string(pad.low) +
         ", " + std::to_string(pad.high) + ") at dimension " + std::to_string(pad.dim) + " of input " + sizes_text(unpadded));
  std::vector<Tensor> parts;
  for (int64_t i = pad.low; i > 0; --i)
    parts.push_back(input.narrow(pad.dim, i, 1));
  parts.push_back(input);
  for (int64_t i = 0; i < pad.high; ++i)
    parts.push_back(input.narrow(pad.dim, size - 2 - i, 1));
  return cat(parts, pad.dim);
}

Tensor replicated(const Tensor &input, const Pad &pad) {
  auto edge = [&](int64_t position, int64_t count) {
    std::vector<int64_t> sizes = input.sizes().vec();
    sizes[static_cast<std::size_t>(pad.dim)] = count;
    return input.narrow(pad.dim, position, 1).expand(sizes);
  };
  std::vector<Tensor> parts;
  if (pad.low > 0)
    parts.push_back(edge(0, pad.low));
  parts.push_back(input);
  if (pad.high > 0)
    parts.push_back(edge(input.size(pad.dim) - 1, pad.high));
  return cat(parts, pad.dim);
}

Tensor wrapped(const Tensor &input, const Pad &pad) {
  const int64_t size = input.size(pad.dim);
  if (pad.low > size || pad.high > size)
    fail("Padding value causes wrapping around more than once.");
  std::vector<Tensor> parts;
  if (pad.low > 0)
    parts.push_back(input.narrow(pad.dim, size - pad.low, pad.low));
  parts.push_back(input);
  if (pad.high > 0)
    parts.push_back(input.narrow(pad.dim, 0, pad.high));
  return cat(parts, pad.dim);
}

} // namespace

Tensor pad(const Tensor &input, const PadFuncOptions &options) {
  kiln::detail::require(input, "pad");
  const auto &mode = options.mode();
  const bool is_constant = std::holds_alternative<enumtype::kConstant>(mode);
  check_lengths(input, options.pad(), is_constant);
  if (!is_constant && options.value() != 0) {
    static const char *const names[] = {"constant", "reflect", "replicate", "circular"}; // the variant's order
    fail("Padding mode \"" + std::string(names[mode.index()]) + "\" doesn't take in value argument");
  }
  const auto padded = static_cast<int64_t>(options.pad().size()) / 2;
  if (std::holds_alternative<enumtype::kReflect>(mode) || std::holds_alternative<enumtype::kReplicate>(mode))
    check_not_empty(input, padded);
  Tensor result = input;
  for (int64_t i = 0; i < padded; ++i) {
    const int64_t dim = input.dim() - 1 - i;
    int64_t low = options.pad()[static_cast<std::size_t>(2 * i)], high = options.pad()[static_cast<std::size_t>(2 * i + 1)];
    if (low < 0 || high < 0) { // taken away
      const int64_t before = std::max<int64_t>(-low, 0), behind = std::max<int64_t>(-high, 0);
      result = result.narrow(dim, before, result.size(dim) - before - behind);
      low = std::max<int64_t>(low, 0);
      high = std::max<int64_t>(high, 0);
    }
    if (low == 0 && high == 0)
      continue;
    const Pad pad{dim, low, high};
    if (is_constant)
      result = constant_padded(result, pad, options.value());
    else if (std::holds_alternative<enumtype::kReflect>(mode))
      result = reflected(result, pad, 4 + 2 * i, input.sizes());
    else if (std::holds_alternative<enumtype::kReplicate>(mode))
      result = replicated(result, pad);
    else
      result = wrapped(result, pad);
  }
  return result.is_same(input) ? input.clone() : result;
}

} // namespace kiln::nn::functional
