// A recorded program as plain data: what the DSL hands to the compiler.
//
// The DSL's recorder fills it, after the traces with different probe sizes have been merged: sizes
// are symbolic, types are inferred. The dialect's importer (kiln/ir/Import.h) turns it into a
// module of the nn dialect, one op an entry, and resolves `frames` to source lines.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kiln/semantics/operation.h"

namespace kiln::semantics {

/// Return addresses of a recorded call, innermost first.
using Frames = std::vector<std::uintptr_t>;

/// Index into RecordedFunction::values; -1 is an absent optional operand.
using ValueId = int32_t;
constexpr ValueId kAbsent = -1;

struct RecordedOperation {
  /// "nn.linear", ...; or "nn.read" {state: path} -> value, "nn.write" (value) {state: path},
  /// "nn.constant" {value: Tensor} -> value, "nn.backward" (loss, gradient?, targets...) -> one
  /// gradient a target, of its type.
  std::string name;
  std::vector<ValueId> operands;
  Attributes attributes;
  std::vector<ValueId> results;
  std::string
      module_path; // module whose forward was running: "blocks.2.fc1"; "" for the root or none
  Frames frames;
};

struct RecordedArgument {
  std::string name;
  ValueId value = kAbsent;
};

/// What the sizes of a call must satisfy for the function to compute what the model's code would.
struct RecordedCondition {
  DimExpr expression;  // must not be negative
  std::string message; // for the caller whose sizes make it negative
  Frames frames;       // the code that asks for it
};

struct RecordedFunction {
  std::string name;
  std::vector<RecordedArgument> inputs; // types in `values`; symbols are the named dimensions
  std::vector<RecordedArgument>
      outputs; // named "output", or "output0", "output1", ... unless the user named them
  std::vector<TensorType> values;
  std::vector<RecordedOperation> operations; // in program order
  std::vector<RecordedCondition> conditions; // checked when a call begins
  Frames frames;                             // where program.function(...) was called
};

/// Parameters and buffers are the model's own. The others are what training keeps between calls, and
/// are in no state_dict(): the optimizers' slots and counts of steps; gradients that outlive a call
/// (and the state "gradients.defined"); what the host may change between steps (learning rates); the
/// random generator's seed and offset.
enum class StateKind : uint8_t {
  Parameter,
  Buffer,
  Optimizer,
  Gradient,
  Hyperparameter,
  Generator
};

/// One storage; `names` has several entries for tied weights. `path` is the first name.
struct RecordedState {
  std::string path;
  StateKind kind = StateKind::Parameter;
  bool trainable = true;
  Tensor initial; // contiguous
};

/// A name of a state, in state_dict() order (all names, not persistent ones too).
struct RecordedStateName {
  std::string name;
  std::string state; // RecordedState::path
  bool persistent = true;
};

/// A module, in pre-order, after lazy resolution.
struct RecordedModule {
  int32_t parent = -1; // index
  std::string name;    // last part of the path
  std::string path;
  std::string type;          // "Linear": PyTorch's class name
  std::string extra_repr;    // may be several lines
  std::string output_shape;  // "[batch, 128]" of the first recorded call; "" when never called
  std::string multiply_adds; // expression text; "" for none. Own ops only, not the children's.
  bool is_dropout = false;   // nn::Dropout, or a class derived from it: its option training is its mode
};

/// The path of the state of kind Gradient that tells, an element a gradient, whether it is defined.
inline constexpr const char *kGradientFlags = "gradients.defined";

/// The .grad of a parameter, where it outlives the call that computes it.
struct RecordedGradient {
  std::string parameter; // RecordedState::path
  std::string state;     // likewise: kind Gradient, the parameter's type, zeros while undefined
  int64_t flag = 0;      // its element of the state kGradientFlags
};

/// The value of an optimizer's option: None, bool, int, float, tuple of floats.
using OptionValue = std::variant<std::monostate, bool, int64_t, double, std::vector<double>>;

/// One entry of PyTorch's `param_groups`.
struct RecordedParameterGroup {
  std::vector<std::string> parameters; // paths of states
  std::string learning_rate;           // path: kind Hyperparameter, a float64 scalar
  /// PyTorch's keys, in its order, without "params" and "lr".
  std::vector<std::pair<std::string, OptionValue>> options;
  /// "exp_avg" -> for each parameter the path of the state that holds it, empty where there is none.
  std::vector<std::pair<std::string, std::vector<std::string>>> slots;
};

/// Its parameters are numbered through all groups, in order.
struct RecordedOptimizer {
  std::string name;  // "optimizer", "optimizer1", ...: what its states' paths begin with
  std::string type;  // "Adam"
  std::string steps; // path: kind Optimizer, float32, the number of steps of each parameter
  std::vector<RecordedParameterGroup> groups;
};

struct RecordedProgram {
  std::string name;
  std::vector<RecordedState> states;
  std::vector<RecordedStateName> state_names;
  std::vector<RecordedModule> modules;
  std::vector<RecordedFunction> functions;
  std::vector<RecordedGradient> gradients;
  std::vector<RecordedOptimizer> optimizers;
};

/// Throws ValueError, naming function and operation, unless: names are there and unique; every
/// value is defined once, before its uses, and its type is what `infer` says; states read and
/// written exist and have the value's type; modules follow their parents; gradients and optimizers
/// name states of the kinds and types that the comments above give.
KILN_API void check_program(const RecordedProgram &program);

} // namespace kiln::semantics
