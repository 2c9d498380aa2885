//===- program_builder.h - Random programs, one operation at a time -*- C++ -*-===//
//
// Keeps what a random program has so far: values with their types, states, inputs, operations. An operation is added when inference
// accepts it, so a recipe may propose what does not fit; what it is refused for is not an error.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TEST_RANDOM_PROGRAM_BUILDER_H
#define KILN_TEST_RANDOM_PROGRAM_BUILDER_H

#include <functional>
#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kiln/semantics/program.h"

namespace kiln::random {

using runtime::DType;
using semantics::Attributes;
using semantics::DimExpr;
using semantics::kAbsent;
using semantics::TensorType;
using semantics::ValueId;

/// The same sequence from the same seed on every machine: the standard library's distributions are not.
class Random {
public:
  explicit Random(uint64_t seed) : generator(static_cast<std::mt19937_64::result_type>(seed)) {}

  /// From [0, limit).
  int64_t below(int64_t limit) { return static_cast<int64_t>(generator() % static_cast<uint64_t>(limit)); }
  /// From [low, high].
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool oneIn(int64_t count) { return below(count) == 0; }
  /// From [-1, 1).
  double real() { return static_cast<double>(generator() >> 11) * 0x1p-52 - 1; }
  template <class T> T pick(std::initializer_list<T> values) { return values.begin()[below(static_cast<int64_t>(values.size()))]; }
  template <class T> const T &pick(const std::vector<T> &values) { return values[below(static_cast<int64_t>(values.size()))]; }

private:
  std::mt19937_64 generator;
};

/// An input of the function and which values it takes.
struct Input {
  ValueId value;
  int64_t limit = 10; // integers are from [0, limit)
};

class ProgramBuilder {
public:
  explicit ProgramBuilder(uint64_t seed);

  Random random;
  /// Most floating-point values of a program have one type, as in models.
  DType dtype;

  const TensorType &type(ValueId value) const { return function().values[value]; }
  size_t valueCount() const { return function().values.size(); }

  ValueId addInput(TensorType type, int64_t limit = 10);
  /// A state with an initial value from [-1, 1), and a read of it. Only parameters are differentiated by.
  ValueId addState(const TensorType &type, semantics::StateKind kind = semantics::StateKind::Parameter);
  /// Whether an input has the size of this name: it has a value then.
  bool binds(std::string_view symbol) const;
  /// The path of the state that a value was read from; empty for others.
  std::string stateOf(ValueId value) const;
  void write(const std::string &state, ValueId value);
  /// Reads a state again: what has been written to it since.
  ValueId read(const std::string &state);

  /// The results, or nothing where inference refuses the operation or its results would be too large.
  std::optional<std::vector<ValueId>> add(const std::string &name, std::vector<ValueId> operands, Attributes attributes = {});
  /// The first result of such an operation, kAbsent where it is refused.
  ValueId addOne(const std::string &name, std::vector<ValueId> operands, Attributes attributes = {});
  /// The gradients of a scalar; of the types of `targets`.
  std::vector<ValueId> addBackward(ValueId loss, const std::vector<ValueId> &targets);

  /// Any value that fits, later ones more often; kAbsent where none does.
  ValueId anyValue(const std::function<bool(const TensorType &)> &fits);
  ValueId anyFloating(int64_t lowestRank = 0, int64_t highestRank = 5);

  /// How many elements a shape has where every symbol is as large as it gets in a run.
  static int64_t largestCount(const std::vector<DimExpr> &sizes);

  /// Ends the program with these outputs.
  void finish(const std::vector<ValueId> &outputs);

  semantics::RecordedProgram program;
  std::vector<Input> inputs;

private:
  semantics::RecordedFunction &function() { return program.functions[0]; }
  const semantics::RecordedFunction &function() const { return program.functions[0]; }
  ValueId addValue(TensorType type);

  std::vector<std::string> sources; // of values: the state that was read
};

} // namespace kiln::random

#endif // KILN_TEST_RANDOM_PROGRAM_BUILDER_H
