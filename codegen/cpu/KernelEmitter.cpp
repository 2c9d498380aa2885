//===- KernelEmitter.cpp - kernels by anchor ------------------------------===//
//
// The table, and the loops that most kernels share.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "kernels/Kernels.h"
#include "kiln/schedule/GridUnits.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::kFlatBlock;

const KernelEmitter *findKernelEmitter(StringRef anchor) {
  static const llvm::StringMap<KernelEmitter> table = {
      {"", {emitMap}},
      {"nn.adam", {emitAdam, nullptr, 1, false}},
      {"nn.adaptive_avg_pool", {emitAdaptiveAvgPool}},
      {"nn.adaptive_avg_pool_backward", {emitAdaptiveAvgPoolBackward}},
      {"nn.avg_pool", {emitAvgPool}},
      {"nn.avg_pool_backward", {emitAvgPoolBackward}},
      {"nn.batch_norm", {emitBatchNorm, checkBatchNorm, 1, false}},
      {"nn.batch_norm_backward", {emitBatchNormBackward, nullptr, 1, false}},
      {"nn.cat", {emitCat}},
      {"nn.conv", {emitConv}},
      {"nn.conv_backward_input", {emitConvBackwardInput}},
      {"nn.conv_backward_weight", {emitConvBackwardWeight}},
      {"nn.cross_entropy", {emitCrossEntropy, checkCrossEntropy, 1, false}},
      {"nn.cross_entropy_backward", {emitCrossEntropyBackward, checkCrossEntropyBackward, 1, false}},
      {"nn.cross_entropy_count", {emitCrossEntropyCount, nullptr, 1, false}},
      {"nn.cross_entropy_total", {emitCrossEntropyTotal, nullptr, 1, false}},
      {"nn.dropout", {emitDropout}},
      {"nn.embedding", {emitEmbedding, checkEmbedding}},
      {"nn.embedding_backward", {emitEmbeddingBackward, checkEmbeddingBackward, 1, false}},
      {"nn.full", {emitFull}},
      {"nn.linear", {emitLinear, nullptr, 256}},
      {"nn.log_softmax", {emitLogSoftmax}},
      {"nn.log_softmax_backward", {emitLogSoftmaxBackward}},
      {"nn.matmul", {emitMatmul, nullptr, 256}},
      {"nn.max_pool", {emitMaxPool}},
      {"nn.max_pool_backward", {emitMaxPoolBackward, nullptr, 1, false}},
      {"nn.max_pool_indices", {emitMaxPoolIndices}},
      {"nn.mean", {emitReduction}},
      {"nn.pack_panels", {emitPackPanels}},
      {"nn.packed_conv", {emitPackedConv, nullptr, 96}},
      {"nn.packed_conv_backward_input", {emitPackedConv, nullptr, 96}},
      {"nn.packed_linear", {emitPackedLinear, nullptr, 96}},
      {"nn.sgd", {emitSgd, nullptr, 1, false}},
      {"nn.slice", {emitSlice}},
      {"nn.slice_scatter", {emitSliceScatter}},
      {"nn.softmax", {emitSoftmax}},
      {"nn.softmax_backward", {emitSoftmaxBackward}},
      {"nn.sum", {emitReduction}},
  };
  auto entry = table.find(anchor);
  return entry == table.end() ? nullptr : &entry->second;
}

InFlightDiagnostic KernelContext::error() {
  InFlightDiagnostic diagnostic = emitError(location);
  if (kernel.getAnchor())
    diagnostic << "'" << *kernel.getAnchor() << "' ";
  return diagnostic;
}

/// One row: whole vectors, then single elements.
static LogicalResult emitColumns(KernelContext &context, ResultWriter &writer, Row &row, Value begin, Value end,
                                 AnchorElement anchorElement, int64_t lanes = 0) {
  KernelBuilder &b = context.b;
  LogicalResult result = success();
  auto element = [&](Value column, int64_t lanes) {
    Value anchor = anchorElement ? anchorElement(row, column, lanes) : Value();
    if (failed(writer.write(row, column, lanes, anchor)))
      result = failure();
  };
  if (lanes == 0)
    lanes = writer.lanes();
  Value middle = begin;
  if (lanes > 1) {
    middle = b.add(begin, b.roundDown(b.sub(end, begin), lanes));
    b.loop(begin, middle, lanes, [&](Value column) { element(column, lanes); });
  }
  b.loop(middle, end, 1, [&](Value column) { element(column, 1); });
  return result;
}

LogicalResult emitRows(KernelContext &context, AnchorElement anchorElement, int64_t lanes) {
  KernelBuilder &b = context.b;
  ResultWriter writer(b, context.kernel, context.extras, context.results.front());
  const Box &box = writer.getBox();
  Value columns = b.size(box.columns());
  LogicalResult result = success();
  if (box.rank() <= 1) {
    Row row(box, b.constant(0));
    // The range may be empty: with no elements there are no blocks.
    Value end = b.minimum(b.mul(context.end0, kFlatBlock), columns);
    Value begin = b.minimum(b.mul(context.begin0, kFlatBlock), end);
    return emitColumns(context, writer, row, begin, end, anchorElement, lanes);
  }
  b.loop(context.begin0, context.end0, 1, [&](Value number) {
    Row row(box, number);
    if (failed(emitColumns(context, writer, row, b.constant(0), columns, anchorElement, lanes)))
      result = failure();
  });
  return result;
}

LogicalResult emitBox(KernelContext &context, ResultWriter &writer, int64_t fractions, AnchorElement anchorElement) {
  KernelBuilder &b = context.b;
  const Box &box = writer.getBox();
  LogicalResult result = success();
  auto part = [&](Value whole, Value unit) { return b.div(b.mul(whole, unit), fractions); };
  if (box.rank() <= 1) {
    Row row(box, b.constant(0));
    Value columns = b.size(box.columns());
    return emitColumns(context, writer, row, part(columns, context.begin0), part(columns, context.end0), anchorElement);
  }
  Value rows = b.size(box.rows());
  b.loop(part(rows, context.begin0), part(rows, context.end0), 1, [&](Value number) {
    Row row(box, number);
    if (failed(emitColumns(context, writer, row, b.constant(0), b.size(box.columns()), anchorElement)))
      result = failure();
  });
  return result;
}

} // namespace kiln::codegen
