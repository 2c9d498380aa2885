//===- peak_loops.h - loops at the machine's limit --------------*- C++ -*-===//
//
// What measures the processor: multiply-adds from registers to registers, and reads. Compiled once for each instruction set, so
// that compiled code is held against what its own set could do.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_PEAK_LOOPS_H
#define KILN_TOOLS_KILN_PEAK_LOOPS_H

#include <cstdint>

#include "kiln/runtime/program.h"

namespace kiln::tools {

struct PeakLoops {
  /// `steps` rounds of independent float32 multiply-adds; returns something that depends on all of them.
  float (*multiplyAdd)(int64_t steps, float factor, float addend);
  int64_t flopsPerStep;
  /// Reads `bytes`, a multiple of `readStep`, from memory aligned to 64 bytes.
  float (*read)(const void *data, int64_t bytes);
};

/// All `bytes` of PeakLoops::read are multiples of this.
inline constexpr int64_t readStep = 1024;

const PeakLoops &peakLoops(runtime::InstructionSet set);

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_PEAK_LOOPS_H
