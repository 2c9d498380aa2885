// Philox4x32-10: random numbers as a function of a stream and an element's index.
//
// Compiled code and the interpreter must draw the same numbers in any order and on any number of
// threads, so dropout consumes nothing in the order of elements: element `i` of an operation has a
// number of its own. The generator is that of Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3" (SC 2011).
//
// A stream is the program's generator state, seed and offset (which a call that draws advances by
// one), and the operation's site (its number in the program). Layout, part of the compiled code's
// contract; lo and hi are the low and high 32 bits:
//   key     = (lo(seed), hi(seed))
//   counter = (lo(i / 4), hi(i / 4), lo(offset), lo(site) ^ hi(offset))
//   word    = word number i % 4 of the four results: four consecutive elements share an evaluation
//   uniform = (word >> 8) * 2^-24, 24 bits, in [0, 1)
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

/// The numbers of one operation in one call.
struct PhiloxStream {
  uint64_t seed = 0, offset = 0, site = 0;
};

/// The element's 24 random bits: its uniform is this times 2^-24.
constexpr uint32_t philox_bits24(const PhiloxStream &stream, uint64_t element) {
  const auto low = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const auto high = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  const uint64_t block = element / 4;
  const std::array<uint32_t, 4> words = philox4x32(
      {low(block), high(block), low(stream.offset), low(stream.site) ^ high(stream.offset)},
      {low(stream.seed), high(stream.seed)});
  return words[element % 4] >> 8;
}

/// The element's uniform number in [0, 1), exact in float.
constexpr float philox_uniform(const PhiloxStream &stream, uint64_t element) {
  return static_cast<float>(philox_bits24(stream, element)) * 0x1p-24f;
}

/// Whether dropout with probability `p` keeps the element: where its uniform is at least p. The
/// same as philox_bits24 >= philox_threshold(p), which compiled code compares.
constexpr uint32_t philox_threshold(double p) {
  const double scaled = p * 0x1p24; // exact
  const uint32_t floor = static_cast<uint32_t>(scaled);
  return floor < scaled ? floor + 1 : floor;
}
constexpr bool philox_keeps(const PhiloxStream &stream, uint64_t element, double p) {
  return philox_bits24(stream, element) >= philox_threshold(p);
}

} // namespace kiln::semantics
