//===- InstructionSet.cpp - what kernels are compiled for -----------------===//
//
// Tiles as measured: 6 x 4 of AVX-512's 32 registers and 6 x 2 of AVX2's 16 accumulate; without fused multiply-add, 4 x 2. Wide tiles
// beat high ones of the same area, also where both fit: a row costs an instruction of its own for each k, which a vector shares.
//
//===----------------------------------------------------------------------===//

#include "InstructionSet.h"

namespace kiln::codegen {

llvm::ArrayRef<InstructionSet> instructionSets() {
  static const InstructionSet sets[] = {
      {"v2", "x86-64-v2", 16, false, false, 4, 2, 8, 2, false},
      {"v3", "x86-64-v3", 32, true, true, 6, 2, 8, 3, true},
      {"v4", "x86-64-v4", 64, true, true, 6, 4, 8, 4, true},
  };
  return sets;
}

} // namespace kiln::codegen
