// Gradients of single operations against central differences.
//
// A case is one operation on operands with values. Its loss is the sum of the first result times random weights, so every element
// of the cotangent is different. The loss is interpreted, in float64, at values a little apart; its gradients come from
// nn-differentiate and the same interpreter, once with that pass alone and once after the whole pipeline.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "kiln/ir/Ops.h"
#include "kiln/semantics/operation.h"

namespace kiln::passes::testing {

using runtime::DType;
using runtime::Tensor;

/// Numbers from one seed. Small integers and floats for shapes, options and values.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}

  int64_t integer(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine); }
  double real(double low, double high) { return std::uniform_real_distribution<double>(low, high)(engine); }
  bool coin() { return integer(0, 1) == 1; }
  template <class T> const T &oneOf(const std::vector<T> &choices) {
    return choices[static_cast<size_t>(integer(0, static_cast<int64_t>(choices.size()) - 1))];
  }

  /// `rank` sizes between 1 and 4, now and then 0.
  std::vector<int64_t> shape(int64_t rank);
  std::vector<int64_t> shape() { return shape(integer(0, 3)); }
  /// A shape that broadcasts to `target`: some sizes are 1, some leading dimensions are gone.
  std::vector<int64_t> broadcastable(const std::vector<int64_t> &target);

  /// float64 values in [low, high).
  Tensor values(const std::vector<int64_t> &sizes, double low = -2, double high = 2);
  /// float64 values `offset` plus even multiples of 0.1: values of different offsets are never equal, nor near 0.
  Tensor spaced(const std::vector<int64_t> &sizes, double offset);
  Tensor integers(const std::vector<int64_t> &sizes, int64_t low, int64_t high);
  Tensor bools(const std::vector<int64_t> &sizes);

private:
  std::mt19937_64 engine;
};

struct Case {
  std::string operation;
  /// An undefined tensor is an absent optional operand.
  std::vector<Tensor> operands;
  semantics::Attributes attributes;
  /// Operands that gradients are asked for.
  std::vector<size_t> targets;
  /// Whether every size of 3 and more may be a symbol instead, in operands and in attributes that are shapes or sizes.
  bool symbolic = true;

  /// "nn.linear [2, 3] [4, 3] -": for messages.
  std::string text() const;
};

/// Fails the current test unless all gradients of the case agree with central differences.
void expectGradients(const Case &given);

/// The gradients of the case's loss, as interpreted after nn-differentiate, with the given weights of the loss.
std::vector<Tensor> gradientsOf(const Case &given, const Tensor &weights);

/// The operations that have a rule, in their families, each with a maker of random cases.
struct Family {
  std::string name;
  Case (*make)(Random &);
};
const std::vector<Family> &families();

} // namespace kiln::passes::testing
