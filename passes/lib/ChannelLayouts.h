//===- ChannelLayouts.h - values in two layouts -----------------*- C++ -*-===//
//
// What nn-channels-last knows of the values of a function: [N, C, ...] as the user's program has them, and [N, ..., C].
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_CHANNELLAYOUTS_H
#define KILN_PASSES_LIB_CHANNELLAYOUTS_H

#include "kiln/ir/Build.h"

#include <vector>

namespace kiln::passes {

using DimSizes = std::vector<semantics::DimExpr>;

inline mlir::RankedTensorType typeOf(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }
inline DimSizes sizesOf(mlir::Value value) { return ir::sizesOf(typeOf(value)); }

/// [N, C, ...] as [N, ..., C].
DimSizes rotatedLast(DimSizes sizes);
/// The value so, made where `builder` is.
mlir::Value rotatedLast(mlir::OpBuilder &builder, mlir::Location location, mlir::Value value);
/// Whether all but the channels, dimension 1, are single; N does not count.
bool hasOnePosition(const DimSizes &sizes);

class ChannelLayouts {
public:
  /// The value with its channels last; permuted where it is made, if need be, so that all uses can read it.
  mlir::Value last(mlir::Value value);
  /// The value [N, ..., C] as the user's program has it.
  mlir::Value first(mlir::Value value);

  /// Says that a value is computed with its channels last, as `last`.
  void setNative(mlir::Value value, mlir::Value last);
  bool isNative(mlir::Value value) const { return native.contains(value); }

private:
  /// Values by what the user's program calls them, and which of them are computed with their channels last.
  llvm::DenseMap<mlir::Value, mlir::Value> lasts;
  llvm::DenseSet<mlir::Value> native;
};

} // namespace kiln::passes

#endif // KILN_PASSES_LIB_CHANNELLAYOUTS_H
