// Philox4x32-10: random numbers as a function of a seed and an element's index.
//
// Compiled code, the interpreter and the eager mode must draw the same numbers in any order and on
// any number of threads, so dropout does not consume a stream: element `i` of an operation with
// seed `s` has a number of its own. The generator is that of Salmon, Moraes, Dror and Shaw,
// "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
//
// Layout (part of the compiled code's contract):
//   key     = (low 32 bits of s, high 32 bits of s)
//   counter = (low 32 bits of i / 4, high 32 bits of i / 4, 0, 0)     four consecutive elements
//   share one evaluation word    = word number i % 4 of the four results uniform = (word >> 8) *
//   2^-24                                     24 bits, in [0, 1)
#pragma once

#include <array>
#include <cstdint>

namespace kiln::semantics {

/// The ten-round bijection.
constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                             std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0], product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

/// The element's 24 random bits: its uniform is this times 2^-24.
constexpr uint32_t philox_bits24(uint64_t seed, uint64_t element) {
  const uint64_t block = element / 4;
  const std::array<uint32_t, 4> words =
      philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return words[element % 4] >> 8;
}

/// The element's uniform number in [0, 1), exact in float.
constexpr float philox_uniform(uint64_t seed, uint64_t element) {
  return static_cast<float>(philox_bits24(seed, element)) * 0x1p-24f;
}

/// Whether dropout with probability `p` keeps the element: where its uniform is at least p. The
/// same as philox_bits24 >= philox_threshold(p), which compiled code compares.
constexpr uint32_t philox_threshold(double p) {
  const double scaled = p * 0x1p24; // exact
  const uint32_t floor = static_cast<uint32_t>(scaled);
  return floor < scaled ? floor + 1 : floor;
}
constexpr bool philox_keeps(uint64_t seed, uint64_t element, double p) {
  return philox_bits24(seed, element) >= philox_threshold(p);
}

} // namespace kiln::semantics
