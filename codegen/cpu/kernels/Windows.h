//===- Windows.h - windows over the last dimensions ----------------*- C++ -*-===//
//
// The geometry of convolutions and pooling as code. One to three spatial dimensions are always seen as three: a missing one has
// size 1 and one tap. Along a dimension, tap k of output position i reads input position i * stride - low + k * dilation, which
// is padding where it lies outside.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_WINDOWS_H
#define KILN_CODEGEN_CPU_KERNELS_WINDOWS_H

#include "../KernelEmitter.h"

#include <array>

namespace kiln::codegen {

/// A range of positions or taps, end excluded; never of negative length.
struct Range {
  Value begin, end;
};

class Windows {
public:
  /// Sizes of the spatial dimensions, one each; the attributes `stride`, `dilation` (1 without it) and `low` of the kernel.
  Windows(KernelContext &context, llvm::ArrayRef<DimExpr> input, llvm::ArrayRef<DimExpr> output, llvm::ArrayRef<DimExpr> kernel,
          llvm::StringRef low);

  struct Dim {
    DimExpr input = 1, output = 1, kernel = 1;
    int64_t stride = 1, low = 0, dilation = 1;
  };
  std::array<Dim, 3> dims; // outermost first

  DimExpr inputs() const { return dims[0].input * dims[1].input * dims[2].input; }
  DimExpr outputs() const { return dims[0].output * dims[1].output * dims[2].output; }
  DimExpr taps() const { return dims[0].kernel * dims[1].kernel * dims[2].kernel; }
  /// Rows of output positions along the last dimension, and of input positions.
  DimExpr outputRows() const { return dims[0].output * dims[1].output; }
  DimExpr inputRows() const { return dims[0].input * dims[1].input; }

  /// The taps of output position `at` that lie inside the input.
  Range tapsAt(int64_t dim, Value at) const;
  /// The first and last taps with which windows could read input position `at`; where a stride leaves positions out, only some
  /// between them do.
  Range tapsReading(int64_t dim, Value at) const;
  /// The output positions whose tap `tap` lies inside the input.
  Range positionsOf(int64_t dim, Value tap) const;
  /// The output positions all of whose taps lie inside the input.
  Range interior(int64_t dim) const;
  /// The input position that tap `tap` of output position `at` reads.
  Value inputAt(int64_t dim, Value at, Value tap) const;

  /// Calls `body` for all output positions of a row: vectors where all taps are inside the input, else one position. `taps` are
  /// those inside the input, for every lane.
  void overColumns(llvm::ArrayRef<int64_t> widths, llvm::function_ref<void(Value column, int64_t lanes, Range taps)> body) const;

  /// Widths to cover a row of positions with: a full vector, one of four, and one element.
  static llvm::SmallVector<int64_t, 3> widthsOf(int64_t lanes);

private:
  Value ceilDiv(Value nonNegative, int64_t divisor) const;
  Range clamped(Value begin, Value end, const DimExpr &size) const;

  KernelBuilder &b;
};

/// An attribute of the kernel's anchor that is a list of numbers.
llvm::ArrayRef<int64_t> listAttribute(KernelContext &context, llvm::StringRef name);

/// Whether data is [N, ..., C] and not [..., C, ...].
bool isChannelsLast(KernelContext &context);

/// The sizes of a buffer from dimension `first` on.
inline std::vector<DimExpr> sizesFrom(schedule::BufferType type, int64_t first) {
  std::vector<DimExpr> sizes = type.getSizes();
  return {sizes.begin() + first, sizes.end()};
}
/// Its last `count` sizes.
inline std::vector<DimExpr> lastSizes(schedule::BufferType type, int64_t count) {
  return sizesFrom(type, type.getRank() - count);
}

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_WINDOWS_H
