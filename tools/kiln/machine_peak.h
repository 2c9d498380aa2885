//===- machine_peak.h - what the machine could do ---------------*- C++ -*-===//
//
// Measures the rate of multiply-adds and the bandwidth of reads from each level of the memory, and says what bounds a piece of
// work: the roofline that `kiln bench` holds kernels against.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_MACHINE_PEAK_H
#define KILN_TOOLS_KILN_MACHINE_PEAK_H

#include <array>
#include <cstdint>
#include <string>

#include "kiln/runtime/program.h"
#include "llvm/ADT/StringRef.h"

namespace kiln::tools {

/// From the processor outwards.
enum class MemoryLevel { L1, L2, L3, Memory };
inline constexpr std::array allMemoryLevels = {MemoryLevel::L1, MemoryLevel::L2, MemoryLevel::L3, MemoryLevel::Memory};
/// "l1", "l2", "l3", "memory".
llvm::StringRef nameOf(MemoryLevel level);

/// Bytes of the caches; L1 and L2 are a core's own.
struct CacheSizes {
  int64_t l1, l2, l3;

  /// Of this machine; usual sizes where the system does not tell.
  static CacheSizes ofThisMachine();
  /// The level that work on so many bytes finds them in, when it is done again and again by `threads` threads.
  MemoryLevel levelOf(int64_t bytes, int threads) const;
};

/// What so many threads reach together.
struct MachinePeak {
  int threads = 0;
  double flops = 0;                ///< a second, float32
  std::array<double, 4> read = {}; ///< bytes a second, by level

  /// Seconds that the work takes at least.
  double secondsFor(double workFlops, double workBytes, MemoryLevel level) const;
  /// "fma", or the level whose bandwidth bounds the work.
  llvm::StringRef boundOf(double workFlops, double workBytes, MemoryLevel level) const;
};

/// Takes a second or two.
MachinePeak measurePeak(runtime::InstructionSet set, int threads, const CacheSizes &caches);

/// "AMD EPYC 9R45"; empty where the system does not tell.
std::string processorName();

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_MACHINE_PEAK_H
