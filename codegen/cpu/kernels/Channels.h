//===- Channels.h - walks over the channels of [N, C, ...] --------*- C++ -*-===//
//
// What batch norm and its gradient have in common: a unit is a channel, dimension 1. Without further dimensions neighbouring
// channels are neighbours in memory, and lanes are channels; else lanes are elements of one channel. Statistics are computed in
// double precision.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_CHANNELS_H
#define KILN_CODEGEN_CPU_KERNELS_CHANNELS_H

#include "Precision.h"

namespace kiln::codegen {

class Channels {
public:
  /// Those of an anchor operand.
  Channels(KernelContext &context, unsigned operand);

  /// Neighbouring channels that are computed together.
  struct Group {
    Value first;
    int64_t lanes; // one for each channel
  };

  /// Calls `body` for all channels of the context's range.
  void overGroups(llvm::function_ref<void(Group)> body);
  /// Calls `body` for all elements of a group, `lanes` from an offset on.
  void overElements(Group group, llvm::function_ref<void(Value offset, int64_t lanes)> body);
  /// Adds up the `count` values, f64, that `body` gives for each element; a lane for each channel.
  Values sumElements(Group group, size_t count, llvm::function_ref<Values(Value offset, int64_t lanes)> body);

  /// What is one value a channel, in the lanes that `overElements` calls with.
  Value spread(Value value, int64_t lanes) { return areNeighbours ? value : b.broadcast(value, lanes); }
  /// The number of elements of a channel, f64.
  Value countElements(Group group);
  /// Elements of a tensor of the operand's shape, f64.
  Value loadElements(Value base, Value offset, int64_t lanes) { return toDouble(b, b.load(base, element, offset, lanes)); }
  /// A group's values in a vector of channels, f64, and back.
  Value load(Value base, Type type, Group group) { return toDouble(b, b.load(base, type, group.first, group.lanes)); }
  void store(Value value, Type type, Value base, Group group) { b.store(b.rounded(value, type), base, group.first); }

  /// The operand's element type.
  Type getElementType() const { return element; }

private:
  /// Calls `body` for the elements of a group in vectors; carries values for whole vectors and others for single elements.
  Values carryOver(Group group, ValueRange wide, ValueRange single,
                   llvm::function_ref<Values(Value offset, int64_t lanes, ValueRange)> body);

  KernelContext &context;
  KernelBuilder &b;
  Type element;
  DimExpr samples, channels, positions = 1;
  bool areNeighbours; // channels in memory
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_CHANNELS_H
