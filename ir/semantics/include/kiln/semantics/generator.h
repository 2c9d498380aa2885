// PyTorch's CPU random number generator: the same seed gives the same numbers.
//
// A 32-bit Mersenne twister and, on top of it, PyTorch's ways to turn its words into numbers.
// Initialisers and dropout masks of eager tensors draw from it, so `manual_seed(0)` followed by the
// construction of a model gives PyTorch's parameters. Compiled functions do not: they use Philox
// (philox.h).
//
// Bit for bit equal to PyTorch on x86-64 CPUs with AVX2, which PyTorch's own results depend on:
// older CPUs round `uniform_` and large float `normal_` fills differently in the last place.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "kiln/runtime/tensor.h"

namespace kiln::semantics {

using runtime::DType;
using runtime::Tensor;

/// The seed of a generator nobody seeded, as in PyTorch.
constexpr uint64_t kDefaultSeed = 67280421310721;

/// One stream of random numbers. The members that fill tensors change `tensor` in place whatever
/// its strides, in the order of its elements in memory (PyTorch's order). They lock: any thread may
/// call them.
class KILN_API Generator {
public:
  explicit Generator(uint64_t seed = kDefaultSeed) { manual_seed(seed); }

  /// Starts again from `seed`. Only its low 32 bits seed the twister, as in PyTorch.
  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const { return seed_; }

  /// The next 32 random bits, and the next two words as 64 bits. Not locked: for one thread.
  uint32_t random();
  uint64_t random64();

  /// Uniform numbers in [low, high). Floating-point tensors. Throws ValueError with PyTorch's text.
  void uniform_(const Tensor &tensor, double low = 0, double high = 1);
  /// Normally distributed numbers. Floating-point tensors. Throws ValueError with PyTorch's text.
  void normal_(const Tensor &tensor, double mean = 0, double std = 1);
  /// 1 with probability `p`, else 0. Any element type. Throws ValueError with PyTorch's text.
  void bernoulli_(const Tensor &tensor, double p = 0.5);
  /// Integers in [low, high), converted to the tensor's type (torch.randint). Throws ValueError
  /// with PyTorch's text.
  void random_(const Tensor &tensor, int64_t low, int64_t high);
  /// Integers over the whole non-negative range that the tensor's type represents exactly.
  void random_(const Tensor &tensor);
  /// 0 ... n-1 in random order, int64. Throws ValueError for a negative n.
  Tensor randperm(int64_t n);

private:
  static constexpr int kStateSize = 624;
  void refill();
  double uniform_double();
  float uniform_float();
  double normal_double();
  template <class T> T uniform01();
  template <class T>
  void fill_normal(const Tensor &tensor, double mean, double std, bool blocks_first);

  uint64_t seed_ = kDefaultSeed;
  std::array<uint32_t, kStateSize> state_{};
  int position_ = kStateSize;         // next word of state_; kStateSize: used up
  std::optional<double> next_normal_; // the second number of a Box-Muller pair
  std::mutex mutex_;
};

/// The generator that eager code draws from (torch.manual_seed seeds it).
KILN_API Generator &default_generator();

} // namespace kiln::semantics
