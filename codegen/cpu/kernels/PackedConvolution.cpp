//===- PackedConvolution.cpp - convolutions of channels-last data ---------===//
//
// input [N, ..., C] and panels of weights: a product whose rows are output positions and whose k runs over taps and the channels of
// each. A tile's rows are any neighbouring positions, also of several lines and samples; for each tap they point to where their
// channels lie in the input, or to zeros where the tap is in the padding. So nothing is copied, and the innermost loop is the one of
// all products.
//
// Few channels would make that loop too short. There, the lines of the input that an output line reads are copied to the stack with
// their padding, so that the taps of a window's line and their channels are one run of k; without padding the input itself is read so.
//
// The gradient of the input is the same product: its rows are input positions, and a tap leads to the output position whose window has
// it there, if there is one.
//
// The taps are taken in blocks where a tile's weights would not stay in a second cache; sums wait on the stack in between, as they are
// in registers, so an element's bits depend on no block.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "PackedPanels.h"
#include "RegisterTile.h"
#include "Windows.h"

#include "kiln/schedule/GridUnits.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// Bytes of a tile's weights that stay in a second cache beside the input that a tile reads.
constexpr int64_t kWeightBytes = 384 * 1024;
/// Rows whose sums wait on the stack.
constexpr int64_t kWaitingRows = 96;
/// Fewest products in a run of k that pay for finding the rows of a tap.
constexpr int64_t kShortRun = 16;
/// Bytes of lines copied with their padding.
constexpr int64_t kLineBytes = 96 * 1024;
/// Channels of a run at most, which is as many zeros as there are.
constexpr int64_t kLongestRun = 4096;
constexpr int64_t kAlignment = 64;

class PackedConvolution {
public:
  explicit PackedConvolution(KernelContext &context)
      : context(context), b(context.b), isBackward(context.kernel.getAnchor() == "nn.packed_conv_backward_input"),
        writer(b, context.kernel, context.extras, context.results.front()),
        windows(context, spatialSizes(isBackward ? context.kernel.getResultType() : context.kernel.getAnchorType(0)),
                spatialSizes(isBackward ? context.kernel.getAnchorType(0) : context.kernel.getResultType()),
                sizesOf(listAttribute(context, "kernel_size")), "padding_low") {}

  LogicalResult emit();

private:
  /// The position of a tile's row: the first element of its sample in the operand, and where its first tap is.
  struct Place {
    Value sample;
    std::array<Value, 3> begin;
  };
  using Rows = SmallVector<Place, 8>;

  void emitPanels(Value group, Value first, Value count);
  void emitTiles(const PackedPanels &panels, Value group, Value firstColumn, const Values &weights);

  /// Positions one by one, each tap's channels a run of k.
  void emitByTaps(Value group, const Values &weights, function_ref<void(Value row, int64_t vector, Value sum)> write);
  Values accumulateTaps(const Rows &rows, Value group, const Values &weights, Value firstTap, Value endTap, ValueRange sums);
  /// Lines of output positions, each line of taps a run of k.
  void emitByLines(const Values &weights, function_ref<void(Value row, int64_t vector, Value sum)> write);
  void copyLines(Value lines, Value sample, Value z, Value y);

  static std::vector<DimExpr> sizesOf(ArrayRef<int64_t> sizes) { return {sizes.begin(), sizes.end()}; }
  static std::vector<DimExpr> spatialSizes(schedule::BufferType type) {
    std::vector<DimExpr> sizes = type.getSizes();
    return {sizes.begin() + 1, sizes.end() - 1};
  }
  /// Sizes of the operand, and of the result, of which rows are positions.
  const DimExpr &sourceSize(size_t dim) const { return isBackward ? windows.dims[dim].output : windows.dims[dim].input; }
  const DimExpr &resultSize(size_t dim) const { return isBackward ? windows.dims[dim].input : windows.dims[dim].output; }
  DimExpr sourcePositions() const { return isBackward ? windows.outputs() : windows.inputs(); }
  DimExpr resultPositions() const { return isBackward ? windows.inputs() : windows.outputs(); }
  /// Whether taps may lie outside the operand.
  bool isPadded() const {
    return isBackward || llvm::any_of(listAttribute(context, "padding_low"), [](int64_t size) { return size != 0; }) ||
           llvm::any_of(listAttribute(context, "padding_high"), [](int64_t size) { return size != 0; });
  }
  /// Elements of a line with its padding; 0 where the input's width is not known.
  int64_t paddedWidth() const {
    std::optional<int64_t> width = windows.dims[2].input.constant();
    return width ? (*width + windows.dims[2].low + listAttribute(context, "padding_high").back()) * channels : 0;
  }
  int64_t lineCount() const { return *windows.dims[0].kernel.constant() * *windows.dims[1].kernel.constant(); }
  int64_t lineRun() const { return *windows.dims[2].kernel.constant() * channels; }
  bool goesByLines() const {
    if (isBackward || groups != 1 || windows.dims[2].dilation != 1 || channels >= kShortRun)
      return false;
    return !isPadded() || (paddedWidth() > 0 && lineCount() * paddedWidth() * KernelBuilder::bytesOf(element) <= kLineBytes);
  }
  struct Source {
    Value pointer, isInside;
  };
  Place placeOf(Value row);
  Source sourceOf(const Place &place, const std::array<Value, 3> &taps, Value group);
  RegisterTile newTile(const Values &weights, Value offset, int64_t run) const;

  KernelContext &context;
  KernelBuilder &b;
  bool isBackward;
  ResultWriter writer;
  Windows windows;
  Type element, compute;
  int64_t groups = 1, channels = 0, groupChannels = 0, panel = 0, lanes = 1;
  Value zeros, lines, waiting;
  LogicalResult result = success();
};

LogicalResult PackedConvolution::emit() {
  element = context.kernel.getAnchorType(0).getElementType();
  if (!isa<FloatType>(element))
    return context.error() << "is compiled for floating-point types, not for " << element;
  std::optional<int64_t> inputChannels = context.kernel.getAnchorType(0).getSizes().back().constant();
  if (!inputChannels)
    return context.error() << "is compiled for a known number of channels";
  compute = KernelBuilder::computeType(element);
  lanes = b.lanesOf(compute);
  groups = cast<IntegerAttr>(context.kernel.getAnchorAttribute("groups")).getInt();
  channels = *inputChannels;
  groupChannels = channels / groups;
  std::vector<DimExpr> packed = context.kernel.getAnchorType(1).getSizes();
  panel = *packed[3].constant();
  if (panel % lanes != 0)
    return context.error() << "has panels of " << panel << " channels, which vectors of " << lanes << " do not divide";

  if (isPadded() && !goesByLines()) {
    int64_t count = llvm::alignTo(std::min(groupChannels, kLongestRun), lanes);
    zeros = b.scratch(element, count, kAlignment);
    Value none = b.rounded(b.constant(KernelBuilder::vectorOf(compute, lanes), 0), element);
    b.loop(b.constant(0), b.constant(count), lanes, [&](Value i) { b.store(none, zeros, i); });
  }

  // A unit of the second axis is some panels of a matrix.
  int64_t unit = schedule::panelsOfUnit(panel);
  Value panels = b.size(packed[1]), units = b.div(b.add(panels, unit - 1), unit);
  bool isWhole = packed[1].constant() && *packed[1].constant() % unit == 0;
  b.loop(context.begin1, context.end1, 1, [&](Value number) {
    Value first = b.mul(b.rem(number, units), unit);
    Value count = isWhole ? b.constant(unit) : b.minimum(b.constant(unit), b.sub(panels, first));
    emitPanels(b.div(number, units), first, count);
  });
  return result;
}

void PackedConvolution::emitPanels(Value group, Value first, Value count) {
  std::vector<DimExpr> packed = context.kernel.getAnchorType(1).getSizes();
  DimExpr features = context.kernel.getResultType().getSizes().back().floordiv(*packed[0].constant());
  Value inner = b.size(packed[2]);
  Value matrix = b.mul(b.mul(b.mul(group, b.size(packed[1])), inner), panel);
  PackedPanels panels{b.pointer(context.anchors[1], element, matrix), element, panel, lanes, inner, features};
  panels.forEachTile(b, first, count,
                     [&](Value firstColumn, const Values &weights) { emitTiles(panels, group, firstColumn, weights); });
}

void PackedConvolution::emitTiles(const PackedPanels &panels, Value group, Value firstColumn, const Values &weights) {
  Value groupColumn = b.mul(group, b.size(panels.features));
  auto write = [&](Value number, int64_t vector, Value sum) {
    Row row(writer.getBox(), number);
    Value column = b.add(firstColumn, vector * lanes);
    if (failed(writer.write(row, b.add(groupColumn, column), lanes, b.rounded(sum, element), panels.mask(b, column))))
      result = failure();
  };
  if (goesByLines())
    emitByLines(weights, write);
  else
    emitByTaps(group, weights, write);
}

/// A tile whose k begins `offset` values of k behind the panels' first, in runs of `run`.
RegisterTile PackedConvolution::newTile(const Values &weights, Value offset, int64_t run) const {
  RegisterTile tile;
  tile.left = tile.right = element;
  tile.lanes = lanes;
  tile.rowStep = b.constant(1);
  tile.columnStep = b.constant(panel);
  tile.unroll = run % 2 == 0 ? 2 : 1;
  for (Value vector : weights)
    tile.columns.push_back(b.pointer(vector, element, b.mul(offset, panel)));
  return tile;
}

//===----------------------------------------------------------------------===//
// Tap by tap
//===----------------------------------------------------------------------===//

PackedConvolution::Place PackedConvolution::placeOf(Value row) {
  Value positions = b.size(resultPositions()), position = b.rem(row, positions);
  Value width = b.size(resultSize(2)), height = b.size(resultSize(1)), line = b.div(position, width);
  std::array<Value, 3> at = {b.div(line, height), b.rem(line, height), b.rem(position, width)};
  Place place;
  place.sample = b.mul(b.div(row, positions), b.size(sourcePositions() * DimExpr(channels)));
  for (int64_t d = 0; d < 3; ++d)
    place.begin[d] = isBackward ? b.add(at[d], windows.dims[d].low) : windows.inputAt(d, at[d], b.constant(0));
  return place;
}

/// Where a row's channels of a tap lie, and whether they do (null: always).
PackedConvolution::Source PackedConvolution::sourceOf(const Place &place, const std::array<Value, 3> &taps, Value group) {
  std::array<Value, 3> at;
  Source source;
  auto require = [&](Value condition) {
    source.isInside = source.isInside ? Value(arith::AndIOp::create(b, source.isInside, condition)) : condition;
  };
  for (size_t d = 0; d < 3; ++d) {
    Value distance = b.mul(taps[d], windows.dims[d].dilation);
    at[d] = isBackward ? b.sub(place.begin[d], distance) : b.add(place.begin[d], distance);
    if (!isPadded() || d < 3 - listAttribute(context, "stride").size())
      continue; // inside, or a dimension that is not there
    if (int64_t stride = windows.dims[d].stride; isBackward && stride > 1) {
      require(b.equal(b.rem(at[d], b.constant(stride)), b.constant(0)));
      at[d] = b.div(at[d], stride);
    }
    // Negative numbers are large ones without a sign.
    require(arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at[d], b.size(sourceSize(d))));
  }
  Value position = b.add(b.mul(b.add(b.mul(at[0], b.size(sourceSize(1))), at[1]), b.size(sourceSize(2))), at[2]);
  Value offset = b.add(b.add(place.sample, b.mul(position, channels)), b.mul(group, groupChannels));
  source.pointer = b.pointer(context.anchors[0], element, offset);
  return source;
}

/// The products of taps firstTap, ..., endTap - 1, in this order.
Values PackedConvolution::accumulateTaps(const Rows &rows, Value group, const Values &weights, Value firstTap, Value endTap,
                                         ValueRange sums) {
  Value taps2 = b.size(windows.dims[2].kernel), taps1 = b.size(windows.dims[1].kernel);
  // Where a stride lies between the positions that a tap leads to, most taps of most rows lead nowhere.
  bool mayLeadNowhere = isBackward && llvm::any_of(windows.dims, [](const Windows::Dim &dim) { return dim.stride > 1; });
  return b.loop(firstTap, endTap, 1, sums, [&](Value tap, ValueRange carried) {
    Value line = b.div(tap, taps2), firstK = b.mul(tap, groupChannels);
    std::array<Value, 3> taps = {b.div(line, taps1), b.rem(line, taps1), b.rem(tap, taps2)};
    SmallVector<Source, 8> sources;
    for (const Place &place : rows)
      sources.push_back(sourceOf(place, taps, group));
    auto run = [&](Value begin, Value end, ValueRange carried) {
      RegisterTile tile = newTile(weights, b.add(firstK, begin), groupChannels);
      for (const Source &source : sources) {
        Value row = b.pointer(source.pointer, element, begin);
        tile.rows.push_back(source.isInside ? Value(LLVM::SelectOp::create(b, source.isInside, row, zeros)) : row);
      }
      return tile.accumulate(b, b.constant(0), b.sub(end, begin), carried);
    };
    auto channelsOfTap = [&]() -> Values {
      Value all = b.constant(groupChannels);
      if (groupChannels <= kLongestRun)
        return run(b.constant(0), all, carried);
      return b.loop(b.constant(0), all, kLongestRun, carried, [&](Value begin, ValueRange carried) {
        return run(begin, b.minimum(b.add(begin, kLongestRun), all), carried);
      });
    };
    if (!mayLeadNowhere)
      return channelsOfTap();
    Value isAny = sources.front().isInside;
    for (const Source &source : ArrayRef(sources).drop_front())
      isAny = arith::OrIOp::create(b, isAny, source.isInside);
    return b.choose(isAny, ValueRange(carried).getTypes(), channelsOfTap, [&] { return Values(carried); });
  });
}

void PackedConvolution::emitByTaps(Value group, const Values &weights, function_ref<void(Value, int64_t, Value)> write) {
  int64_t vectors = weights.size(), width = vectors * lanes, taps = *windows.taps().constant();
  int64_t tapBytes = std::max<int64_t>(1, groupChannels * width * KernelBuilder::bytesOf(element));
  int64_t tapsTogether = std::max<int64_t>(1, kWeightBytes / tapBytes);
  bool isSplit = tapsTogether < taps;
  if (isSplit) { // in equal parts
    tapsTogether = llvm::divideCeil(taps, llvm::divideCeil(taps, tapsTogether));
    if (!waiting)
      waiting = b.scratch(compute, (kWaitingRows + kRowsBeyond) * b.target.tileVectors * lanes, kAlignment);
  }
  auto tilesOf = [&](Value begin, Value end, Value firstTap, Value endTap) {
    forEachTile(b, begin, end, [&](Value firstRow, int64_t rows, Value valid) {
      Rows places;
      for (int64_t r = 0; r < rows; ++r)
        places.push_back(placeOf(b.add(firstRow, valid ? b.minimum(b.constant(r), b.sub(valid, b.constant(1))) : b.constant(r))));
      Values sums(rows * vectors, b.constant(KernelBuilder::vectorOf(compute, lanes), 0));
      if (!isSplit) {
        sums = accumulateTaps(places, group, weights, firstTap, endTap, sums);
        forEachValidRow(b, rows, valid, [&](int64_t r) {
          for (int64_t j = 0; j < vectors; ++j)
            write(b.add(firstRow, r), j, sums[r * vectors + j]);
        });
        return;
      }
      auto at = [&](int64_t r, int64_t j) { return b.add(b.mul(b.add(b.sub(firstRow, begin), r), width), j * lanes); };
      sums = b.choose(
          b.equal(firstTap, b.constant(0)), ValueRange(sums).getTypes(), [&] { return sums; },
          [&] {
            Values loaded;
            for (int64_t r = 0; r < rows; ++r)
              for (int64_t j = 0; j < vectors; ++j)
                loaded.push_back(b.load(waiting, compute, at(r, j), lanes));
            return loaded;
          });
      sums = accumulateTaps(places, group, weights, firstTap, endTap, sums);
      auto finish = [&] {
        forEachValidRow(b, rows, valid, [&](int64_t r) {
          for (int64_t j = 0; j < vectors; ++j)
            write(b.add(firstRow, r), j, sums[r * vectors + j]);
        });
      };
      b.when(b.equal(endTap, b.constant(taps)), finish, [&] {
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < vectors; ++j)
            b.store(sums[r * vectors + j], waiting, at(r, j));
      });
    });
  };
  if (!isSplit) {
    tilesOf(context.begin0, context.end0, b.constant(0), b.constant(taps));
    return;
  }
  b.loop(context.begin0, context.end0, kWaitingRows, [&](Value begin) {
    Value end = b.minimum(b.add(begin, kWaitingRows), context.end0);
    b.loop(b.constant(0), b.constant(taps), tapsTogether, [&](Value firstTap) {
      tilesOf(begin, end, firstTap, b.minimum(b.add(firstTap, tapsTogether), b.constant(taps)));
    });
  });
}

//===----------------------------------------------------------------------===//
// Line by line
//===----------------------------------------------------------------------===//

/// The input's lines that the windows of an output line read, one after another, zeros where they are padding.
void PackedConvolution::copyLines(Value to, Value sample, Value z, Value y) {
  int64_t width = paddedWidth(), before = windows.dims[2].low * channels, inside = *windows.dims[2].input.constant() * channels;
  Value height = b.size(windows.dims[1].input), taps1 = b.size(windows.dims[1].kernel);
  Value scalarZero = b.rounded(b.constant(compute, 0), element);
  Value vectorZero = b.rounded(b.constant(KernelBuilder::vectorOf(compute, lanes), 0), element);
  auto clear = [&](Value begin, Value end) {
    Value middle = b.add(begin, b.roundDown(b.sub(end, begin), lanes));
    b.loop(begin, middle, lanes, [&](Value i) { b.store(vectorZero, to, i); });
    b.loop(middle, end, 1, [&](Value i) { b.store(scalarZero, to, i); });
  };
  b.loop(b.constant(0), b.constant(lineCount()), 1, [&](Value line) {
    Value atZ = windows.inputAt(0, z, b.div(line, taps1)), atY = windows.inputAt(1, y, b.rem(line, taps1));
    Value begin = b.mul(line, width), end = b.add(begin, width);
    Value isInside =
        arith::AndIOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, atZ, b.size(windows.dims[0].input)),
                              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, atY, height));
    b.when(
        isInside,
        [&] {
          Value from = b.add(sample, b.mul(b.add(b.mul(atZ, height), atY), inside));
          Value first = b.add(begin, before), last = b.add(first, inside);
          clear(begin, first);
          Value whole = b.roundDown(b.constant(inside), lanes);
          b.loop(b.constant(0), whole, lanes,
                 [&](Value i) { b.store(b.load(context.anchors[0], element, b.add(from, i), lanes), to, b.add(first, i)); });
          b.loop(whole, b.constant(inside), 1,
                 [&](Value i) { b.store(b.load(context.anchors[0], element, b.add(from, i)), to, b.add(first, i)); });
          clear(last, end);
        },
        [&] { clear(begin, end); });
  });
}

void PackedConvolution::emitByLines(const Values &weights, function_ref<void(Value, int64_t, Value)> write) {
  bool isCopied = isPadded();
  int64_t vectors = weights.size(), run = lineRun();
  if (isCopied && !lines)
    lines = b.scratch(element, lineCount() * paddedWidth(), kAlignment);
  Value length = b.size(windows.dims[2].output), height = b.size(windows.dims[1].output);
  Value inputHeight = b.size(windows.dims[1].input), inputLine = b.mul(b.size(windows.dims[2].input), channels);
  Value taps1 = b.size(windows.dims[1].kernel), pitch = b.constant(windows.dims[2].stride * channels);
  // The lines that the range has a part of.
  Value firstLine = b.div(context.begin0, length), endLine = b.div(b.add(context.end0, b.sub(length, b.constant(1))), length);
  b.loop(firstLine, endLine, 1, [&](Value number) {
    Value lineBegin = b.mul(number, length);
    Value begin = b.maximum(context.begin0, lineBegin), end = b.minimum(context.end0, b.add(lineBegin, length));
    Value planeLines = b.mul(height, b.size(windows.dims[0].output)), inPlane = b.rem(number, planeLines);
    Value z = b.div(inPlane, height), y = b.rem(inPlane, height);
    Value sample = b.mul(b.div(number, planeLines), b.size(windows.inputs() * DimExpr(channels)));
    if (isCopied)
      copyLines(lines, sample, z, y);
    forEachTile(b, begin, end, [&](Value firstRow, int64_t rows, Value valid) {
      Value column = b.mul(b.sub(firstRow, lineBegin), pitch);
      Values sums(rows * vectors, b.constant(KernelBuilder::vectorOf(compute, lanes), 0));
      sums = b.loop(b.constant(0), b.constant(lineCount()), 1, sums, [&](Value line, ValueRange carried) {
        RegisterTile tile = newTile(weights, b.mul(line, run), run);
        Value base;
        if (isCopied) {
          base = b.pointer(lines, element, b.add(b.mul(line, paddedWidth()), column));
        } else {
          Value atZ = windows.inputAt(0, z, b.div(line, taps1)), atY = windows.inputAt(1, y, b.rem(line, taps1));
          Value from = b.add(sample, b.mul(b.add(b.mul(atZ, inputHeight), atY), inputLine));
          base = b.pointer(context.anchors[0], element, b.add(from, column));
        }
        tile.addRows(b, base, pitch, rows, valid);
        return tile.accumulate(b, b.constant(0), b.constant(run), carried);
      });
      forEachValidRow(b, rows, valid, [&](int64_t r) {
        for (int64_t j = 0; j < vectors; ++j)
          write(b.add(firstRow, r), j, sums[r * vectors + j]);
      });
    });
  });
}

} // namespace

LogicalResult emitPackedConv(KernelContext &context) {
  if (isPackedGroups(context))
    return emitPackedGroups(context);
  return PackedConvolution(context).emit();
}

} // namespace kiln::codegen
