//===- Windows.cpp - windows over the last dimensions ---------------------===//
//
// Ranges are computed, not tested for: no tap is looked at that lies outside the input.
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

using namespace mlir;

namespace kiln::codegen {

ArrayRef<int64_t> listAttribute(KernelContext &context, StringRef name) {
  return cast<DenseI64ArrayAttr>(context.kernel.getAnchorAttribute(name)).asArrayRef();
}

bool isChannelsLast(KernelContext &context) {
  auto attribute = dyn_cast_if_present<BoolAttr>(context.kernel.getAnchorAttribute("channels_last"));
  return attribute && attribute.getValue();
}

Windows::Windows(KernelContext &context, ArrayRef<DimExpr> input, ArrayRef<DimExpr> output, ArrayRef<DimExpr> kernel,
                 StringRef low)
    : b(context.b) {
  size_t missing = dims.size() - input.size();
  bool isDilated = static_cast<bool>(context.kernel.getAnchorAttribute("dilation"));
  for (size_t d = 0; d < input.size(); ++d)
    dims[missing + d] = {input[d],
                         output[d],
                         kernel[d],
                         listAttribute(context, "stride")[d],
                         listAttribute(context, low)[d],
                         isDilated ? listAttribute(context, "dilation")[d] : 1};
}

Value Windows::ceilDiv(Value nonNegative, int64_t divisor) const { return b.div(b.add(nonNegative, divisor - 1), divisor); }

Range Windows::clamped(Value begin, Value end, const DimExpr &size) const {
  end = b.minimum(end, b.size(size));
  return {b.minimum(begin, end), end};
}

// Both ranges solve 0 <= at * stride - low + tap * dilation < input.

Range Windows::tapsAt(int64_t dim, Value at) const {
  const Dim &d = dims[dim];
  // Numbers that are known make loops of known length.
  DimExpr end = (d.output - 1) * d.stride + (d.kernel - 1) * d.dilation + 1;
  if (d.low == 0 && (d.input - end).is_never_negative())
    return {b.constant(0), b.size(d.kernel)};
  Value zero = b.constant(0), first = b.sub(b.constant(d.low), b.mul(at, d.stride));
  return clamped(ceilDiv(b.maximum(first, zero), d.dilation), ceilDiv(b.maximum(b.add(first, b.size(d.input)), zero), d.dilation),
                 d.kernel);
}

Range Windows::positionsOf(int64_t dim, Value tap) const {
  const Dim &d = dims[dim];
  Value zero = b.constant(0), first = b.sub(b.constant(d.low), b.mul(tap, d.dilation));
  return clamped(ceilDiv(b.maximum(first, zero), d.stride), ceilDiv(b.maximum(b.add(first, b.size(d.input)), zero), d.stride),
                 d.output);
}

/// Solves 0 <= at + low - tap * dilation <= (output - 1) * stride.
Range Windows::tapsReading(int64_t dim, Value at) const {
  const Dim &d = dims[dim];
  Value zero = b.constant(0), farthest = b.add(at, d.low);
  Value nearest = b.sub(farthest, b.size((d.output - 1) * d.stride));
  return clamped(ceilDiv(b.maximum(nearest, zero), d.dilation), b.add(b.div(farthest, d.dilation), 1), d.kernel);
}

Range Windows::interior(int64_t dim) const {
  Value begin = positionsOf(dim, b.constant(0)).begin, end = positionsOf(dim, b.sub(b.size(dims[dim].kernel), b.constant(1))).end;
  return {begin, b.maximum(begin, end)};
}

Value Windows::inputAt(int64_t dim, Value at, Value tap) const {
  const Dim &d = dims[dim];
  return b.sub(b.add(b.mul(at, d.stride), b.mul(tap, d.dilation)), b.constant(d.low));
}

void Windows::overColumns(ArrayRef<int64_t> widths, function_ref<void(Value, int64_t, Range)> body) const {
  Value zero = b.constant(0), size = b.size(dims[2].output);
  auto single = [&](Value column) { body(column, 1, tapsAt(2, column)); };
  Range inside = interior(2);
  Value position = zero;
  for (int64_t width : widths) {
    if (width == 1)
      continue;
    if (position == zero) { // the padding before
      b.loop(zero, inside.begin, 1, single);
      position = inside.begin;
    }
    Value end = b.add(position, b.roundDown(b.sub(inside.end, position), width));
    b.loop(position, end, width, [&](Value column) { body(column, width, {zero, b.size(dims[2].kernel)}); });
    position = end;
  }
  b.loop(position, size, 1, single);
}

SmallVector<int64_t, 3> Windows::widthsOf(int64_t lanes) {
  SmallVector<int64_t, 3> widths = {lanes};
  if (lanes > 4)
    widths.push_back(4);
  if (lanes > 1)
    widths.push_back(1);
  return widths;
}

} // namespace kiln::codegen
