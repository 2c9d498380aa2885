//===- InstructionSet.cpp - what kernels are compiled for -----------------===//
//
// Tiles as measured: with AVX-512, 8 x 2 leaves registers for loads at any row stride; AVX2 has 16 registers, of which 6 x 2
// accumulate; without fused multiply-add, 4 x 2.
//
//===----------------------------------------------------------------------===//

#include "InstructionSet.h"

namespace kiln::codegen {

llvm::ArrayRef<InstructionSet> instructionSets() {
  static const InstructionSet sets[] = {
      {"v2", "x86-64-v2", 16, false, false, 4, 2, 8, 2, false},
      {"v3", "x86-64-v3", 32, true, true, 6, 2, 8, 3, true},
      {"v4", "x86-64-v4", 64, true, true, 8, 2, 8, 4, true},
  };
  return sets;
}

} // namespace kiln::codegen
