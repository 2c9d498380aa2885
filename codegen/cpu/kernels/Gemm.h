//===- Gemm.h - products of matrices that lie as they lie ---------*- C++ -*-===//
//
// left [rows, inner] times right [inner, columns], either of them transposed in memory, neither packed beforehand: what training
// multiplies, whose operands are new in every call.
//
// Blocks of the right operand, and of a transposed left one, are copied to the stack in the order in which tiles read them
// (kGemmStackBytes in all); sums that span several blocks of k wait there too. Every element is added up in the order of k and written
// once, so its bits depend on the shape alone, and an operand of the epilogue may be the result's own memory.
//
// Blocking after K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_GEMM_H
#define KILN_CODEGEN_CPU_KERNELS_GEMM_H

#include "RegisterTile.h"

namespace kiln::codegen {

/// A matrix in memory. Row-major in [rows, inner] for a left operand and [inner, columns] for a right one, or transposed.
struct GemmOperand {
  Type element;
  Value base;
  bool isTransposed;
  /// Elements from one row in memory to the next.
  Value pitch;
};

class Gemm {
public:
  /// Stores `lanes` sums at columns column, column + 1, ...; lanes where `mask` is false are not there.
  using Write = llvm::function_ref<void(Value row, Value column, int64_t lanes, Value sum, Value mask)>;

  /// `innerSize` is the number of products in a sum, `columns` that of the whole result's columns, of which ranges begin at multiples of
  /// the schedule's blocks. `canMask`: whether `write` takes masks.
  Gemm(KernelBuilder &b, GemmOperand left, GemmOperand right, const DimExpr &innerSize, const DimExpr &columns, bool canMask);

  /// Whether copying the right operand pays: not when there are always fewer rows than this.
  static bool isWorth(const DimExpr &rows) { return !rows.constant() || *rows.constant() >= 4; }

  void emit(Value firstRow, Value endRow, Value firstColumn, Value endColumn, Write write);

private:
  /// A block of the result, and of k; or a strip of one, which is as wide as a tile.
  struct Block {
    Value row, rows;
    Value column, columns;
    Value k, depth;
    /// A strip's copy of the right operand.
    Value packed;
  };

  void emitBlock(const Block &block, Write write);
  void forEachStrip(const Block &block, llvm::function_ref<void(const Block &)> body);
  void emitTile(const Block &block, Value row, int64_t rows, Value valid, Value column, int64_t vectors, Write write);
  void writeVector(const Block &block, Value row, Value column, Value sum, bool isPart, Write write);
  void packLeft(const Block &block);
  void packRight(const Block &block);
  void packRows(const Block &block);
  void packTransposed(const Block &block);
  Value isFirst(const Block &block) { return b.equal(block.k, b.constant(0)); }
  Value isLast(const Block &block) { return b.atLeast(b.add(block.k, block.depth), inner); }
  bool isSplit() const;
  Value blockDepth() const;
  Value groupColumns(Value blocks, Value depth) const;

  KernelBuilder &b;
  GemmOperand left, right;
  DimExpr innerSize;
  Value inner;
  bool canMask, hasWholeTiles;
  Type compute;
  int64_t lanes, width, blockRows, unroll;
  Value packedLeft, packedRight, partial, spill;
};

/// Bytes of the stack that a product uses at most.
constexpr int64_t kGemmStackBytes = 256 * 1024;

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_GEMM_H
