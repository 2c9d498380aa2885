//===- CrossEntropyForms.cpp - the kernels of a cross entropy -------------===//
//
// See CrossEntropyForms.h. What lies between two kernels is in f64, so that the loss is rounded once.
//
//===----------------------------------------------------------------------===//

#include "CrossEntropyForms.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace kiln::schedule {

namespace {

/// Operands of a kernel to be: values with their buffers; what the kernel before computed has no value.
struct Operands {
  SmallVector<Value> values;
  SmallVector<BufferType> types;

  void add(Value value) {
    values.push_back(value);
    types.push_back(BufferType::of(cast<RankedTensorType>(value.getType())));
  }
  void addIfThere(Value value) {
    if (value)
      add(value);
  }
  void addBetween(BufferType type) {
    values.push_back(Value());
    types.push_back(type);
  }
};

BufferType bufferOf(Value value) { return BufferType::of(cast<RankedTensorType>(value.getType())); }

/// `target`, the row's class, has the shape of the rows.
SmallVector<KernelForm, 1> forwardForms(ir::CrossEntropyOp op) {
  Builder builder(op.getContext());
  NamedAttribute ignore = builder.getNamedAttr("ignore_index", op.getIgnoreIndexAttr());
  NamedAttribute weighted = builder.getNamedAttr("weighted", builder.getBoolAttr(op.getWeight() != nullptr));
  NamedAttribute smoothing = builder.getNamedAttr("label_smoothing", op.getLabelSmoothingAttr());
  BufferType loss = bufferOf(op.getLoss());
  bool isEach = op.getReduction() == "none";
  BufferType rows = isEach ? loss : BufferType::get(builder.getF64Type(), bufferOf(op.getTarget()).getSizes());

  SmallVector<KernelForm, 1> forms;
  Operands first;
  first.add(op.getInput());
  first.add(op.getTarget());
  first.addIfThere(op.getWeight());
  forms.push_back(anchorForm(op.getLoc(), "nn.cross_entropy", {ignore, smoothing, weighted}, first.values, first.types, {rows}));
  if (isEach)
    return forms;
  Operands second;
  second.addBetween(rows);
  second.add(op.getTarget());
  second.addIfThere(op.getWeight());
  NamedAttribute mean = builder.getNamedAttr("mean", builder.getBoolAttr(op.getReduction() == "mean"));
  forms.push_back(
      anchorForm(op.getLoc(), "nn.cross_entropy_total", {ignore, mean, weighted}, second.values, second.types, {loss}));
  return forms;
}

SmallVector<KernelForm, 1> backwardForms(ir::CrossEntropyBackwardOp op) {
  Builder builder(op.getContext());
  NamedAttribute ignore = builder.getNamedAttr("ignore_index", op.getIgnoreIndexAttr());
  NamedAttribute weighted = builder.getNamedAttr("weighted", builder.getBoolAttr(op.getWeight() != nullptr));
  NamedAttribute smoothing = builder.getNamedAttr("label_smoothing", op.getLabelSmoothingAttr());
  bool isMean = op.getReduction() == "mean";
  BufferType scalar = BufferType::get(builder.getF64Type(), ArrayRef<semantics::DimExpr>());

  SmallVector<KernelForm, 1> forms;
  if (isMean) {
    Operands count;
    count.add(op.getTarget());
    count.addIfThere(op.getWeight());
    forms.push_back(anchorForm(op.getLoc(), "nn.cross_entropy_count", {ignore, weighted}, count.values, count.types, {scalar}));
  }
  Operands last;
  last.add(op.getGrad());
  last.add(op.getInput());
  last.add(op.getTarget());
  if (isMean)
    last.addBetween(scalar);
  last.addIfThere(op.getWeight());
  forms.push_back(anchorForm(op.getLoc(), "nn.cross_entropy_backward",
                             {ignore, smoothing, builder.getNamedAttr("mean", builder.getBoolAttr(isMean)), weighted},
                             last.values, last.types, {bufferOf(op.getOutput())}));
  return forms;
}

} // namespace

SmallVector<KernelForm, 1> formsOfCrossEntropy(Operation *op) {
  if (auto forward = dyn_cast<ir::CrossEntropyOp>(op))
    return forwardForms(forward);
  if (auto backward = dyn_cast<ir::CrossEntropyBackwardOp>(op))
    return backwardForms(backward);
  return {};
}

} // namespace kiln::schedule
