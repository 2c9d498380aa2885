//===- PackedDepthwise.cpp - each channel a group of its own --------------===//
//
// Convolutions of channels-last data, and the gradient of their input, where no sum is over channels: lanes are channels, and the
// panels hold a vector of weights for each tap. The vectors of a panel are summed up together, over the taps inside the operand;
// none is looked at that lies outside.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "PackedPanels.h"
#include "Windows.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

std::vector<DimExpr> spatialSizes(schedule::BufferType type) {
  std::vector<DimExpr> sizes = type.getSizes();
  return {sizes.begin() + 1, sizes.end() - 1};
}

class PackedDepthwise {
public:
  explicit PackedDepthwise(KernelContext &context)
      : context(context), b(context.b), isBackward(context.kernel.getAnchor() == "nn.packed_conv_backward_input"),
        source(context.kernel.getAnchorType(0)), element(source.getElementType()), compute(KernelBuilder::computeType(element)),
        lanes(b.lanesOf(compute)), writer(b, context.kernel, context.extras, context.results.front()),
        windows(context, spatialSizes(isBackward ? context.kernel.getResultType() : source),
                spatialSizes(isBackward ? source : context.kernel.getResultType()), kernelSizes(context), "padding_low"),
        channels(source.getSizes().back()) {}

  LogicalResult emit();

private:
  using Body = function_ref<Values(Value tap, Value place, ValueRange sums)>;

  static std::vector<DimExpr> kernelSizes(KernelContext &context) {
    ArrayRef<int64_t> sizes = listAttribute(context, "kernel_size");
    return {sizes.begin(), sizes.end()};
  }
  const DimExpr &sourceSize(int64_t dim) const { return isBackward ? windows.dims[dim].output : windows.dims[dim].input; }
  const DimExpr &resultSize(int64_t dim) const { return isBackward ? windows.dims[dim].input : windows.dims[dim].output; }

  void emitPanels(const PackedPanels &panels, Value first, Value count);
  void emitRow(const PackedPanels &panels, Value weights, Value part, Value firstColumn, int64_t together, Value number);
  Values overTaps(int64_t dim, Value at, ValueRange sums, Body body);

  KernelContext &context;
  KernelBuilder &b;
  bool isBackward;
  schedule::BufferType source;
  Type element, compute;
  int64_t lanes;
  ResultWriter writer;
  Windows windows;
  DimExpr channels;
  LogicalResult result = success();
};

LogicalResult PackedDepthwise::emit() {
  std::vector<DimExpr> packed = context.kernel.getAnchorType(1).getSizes();
  int64_t panel = *packed[3].constant(), unit = schedule::panelsOfUnit(panel);
  if (panel % lanes != 0)
    return context.error() << "has panels of " << panel << " channels, which vectors of " << lanes << " do not divide";
  PackedPanels panels{context.anchors[1], element, panel, lanes, b.size(packed[2]), channels};
  b.loop(context.begin1, context.end1, 1, [&](Value number) {
    Value first = b.mul(number, unit);
    emitPanels(panels, first, b.minimum(b.constant(unit), b.sub(b.size(packed[1]), first)));
  });
  return result;
}

void PackedDepthwise::emitPanels(const PackedPanels &panels, Value first, Value count) {
  std::optional<int64_t> columns = channels.constant();
  int64_t vectors = panels.panel / lanes;
  if (columns && *columns < panels.panel)
    vectors = std::max<int64_t>(1, llvm::divideCeil(*columns, lanes));
  int64_t together = largestDivisor(vectors, b.target.rowAccumulators);
  b.loop(first, b.add(first, count), 1, [&](Value p) {
    Value weights = b.pointer(panels.base, element, b.mul(b.mul(p, panels.inner), panels.panel));
    b.loop(b.constant(0), b.constant(vectors * lanes), together * lanes, [&](Value part) {
      Value firstColumn = b.add(b.mul(p, panels.panel), part);
      panels.unlessPadding(b, firstColumn, [&] {
        b.loop(context.begin0, context.end0, 1,
               [&](Value number) { emitRow(panels, weights, part, firstColumn, together, number); });
      });
    });
  });
}

/// Calls `body` for the taps of a dimension that join position `at` of the result to one of the operand, with that.
Values PackedDepthwise::overTaps(int64_t dim, Value at, ValueRange sums, Body body) {
  const Windows::Dim &d = windows.dims[dim];
  Range taps = isBackward ? windows.tapsReading(dim, at) : windows.tapsAt(dim, at);
  return b.loop(taps.begin, taps.end, 1, sums, [&](Value tap, ValueRange carried) -> Values {
    if (!isBackward)
      return body(tap, windows.inputAt(dim, at, tap), carried);
    Value distance = b.sub(b.add(at, d.low), b.mul(tap, d.dilation));
    if (d.stride == 1)
      return body(tap, distance, carried);
    return b.choose(
        b.equal(b.rem(distance, b.constant(d.stride)), b.constant(0)), carried.getTypes(),
        [&] { return body(tap, b.div(distance, d.stride), carried); }, [&] { return Values(carried); });
  });
}

/// Some vectors of one position of the result; `weights` are those of the panel, `part` the place of the vectors in it.
void PackedDepthwise::emitRow(const PackedPanels &panels, Value weights, Value part, Value firstColumn, int64_t together,
                              Value number) {
  auto columnOf = [&](int64_t j) { return b.add(firstColumn, j * lanes); };
  Value positions = b.size(resultSize(0) * resultSize(1) * resultSize(2)), position = b.rem(number, positions);
  Value line = b.div(position, b.size(resultSize(2))), height = b.size(resultSize(1));
  std::array<Value, 3> at = {b.div(line, height), b.rem(line, height), b.rem(position, b.size(resultSize(2)))};
  Value sample = b.mul(b.div(number, positions), b.size(sourceSize(0) * sourceSize(1) * sourceSize(2)));
  Values sums(together, b.constant(KernelBuilder::vectorOf(compute, lanes), 0));
  sums = overTaps(0, at[0], sums, [&](Value kz, Value z, ValueRange sums) {
    return overTaps(1, at[1], sums, [&](Value ky, Value y, ValueRange sums) {
      Value sourceLine = b.add(b.mul(z, b.size(sourceSize(1))), y);
      Value firstTap = b.mul(b.add(b.mul(kz, b.size(windows.dims[1].kernel)), ky), b.size(windows.dims[2].kernel));
      return overTaps(2, at[2], sums, [&](Value kx, Value x, ValueRange sums) {
        Value place = b.add(b.mul(sourceLine, b.size(sourceSize(2))), x);
        Value from = b.mul(b.add(sample, place), b.size(channels));
        Value weight = b.add(b.mul(b.add(firstTap, kx), panels.panel), part);
        Values next;
        for (int64_t j = 0; j < together; ++j) {
          Value offset = b.add(from, columnOf(j)), mask = panels.mask(b, columnOf(j));
          Value value =
              mask ? b.loadMasked(context.anchors[0], element, offset, mask) : b.load(context.anchors[0], element, offset, lanes);
          Value w = b.load(weights, element, b.add(weight, j * lanes), lanes);
          next.push_back(b.multiplyAdd(b.widened(value), b.widened(w), sums[j]));
        }
        return next;
      });
    });
  });
  Row row(writer.getBox(), number);
  for (int64_t j = 0; j < together; ++j)
    if (failed(writer.write(row, columnOf(j), lanes, b.rounded(sums[j], element), panels.mask(b, columnOf(j)))))
      result = failure();
}

} // namespace

bool isPackedDepthwise(KernelContext &context) {
  int64_t groups = cast<IntegerAttr>(context.kernel.getAnchorAttribute("groups")).getInt();
  return groups > 1 && context.kernel.getAnchorType(0).getSizes().back() == DimExpr(groups) &&
         context.kernel.getResultType().getSizes().back() == DimExpr(groups);
}

LogicalResult emitPackedDepthwise(KernelContext &context) { return PackedDepthwise(context).emit(); }

} // namespace kiln::codegen
