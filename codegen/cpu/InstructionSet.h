//===- InstructionSet.h - what kernels are compiled for -----------*- C++ -*-===//
//
// The levels of x86-64 of one artifact, each with the shape of its register tile. One table; nothing else in code generation
// names an instruction set.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_INSTRUCTIONSET_H
#define KILN_CODEGEN_CPU_INSTRUCTIONSET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace kiln::codegen {

struct InstructionSet {
  /// Suffix of function names, and the spelling of KILN_ISA: "v3".
  llvm::StringRef suffix;
  /// LLVM's name of the processor.
  llvm::StringRef cpu;
  int64_t vectorBytes;
  bool hasFma;
  /// Whether it converts between f16 and f32.
  bool hasHalfConversion;
  /// The accumulators of a matrix product: rows x vectors. As many as registers hold beside the operands.
  int64_t tileRows, tileVectors;
  /// Accumulators of a product with one row: enough to cover the latency of an addition.
  int64_t rowAccumulators;
  /// Rows of a tile of dot products, which has four columns.
  int64_t dotRows;
  /// Whether there are masked loads and stores, of 4 bytes and 8; elsewhere they are a branch a lane.
  bool hasMasks;
};

/// In the order of kiln_function::run.
llvm::ArrayRef<InstructionSet> instructionSets();

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_INSTRUCTIONSET_H
