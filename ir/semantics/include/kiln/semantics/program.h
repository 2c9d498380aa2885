// A recorded program as plain data: what the DSL hands to the compiler.
//
// The DSL's recorder fills it, after the traces with different probe sizes have been merged: sizes
// are symbolic, types are inferred. The dialect's importer (kiln/ir/Import.h) turns it into a
// module of the nn dialect, one op an entry, and resolves `frames` to source lines.
#pragma once

#include <cstdint>
#include <string>
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
  /// "nn.constant" {value: Tensor} -> value.
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

enum class StateKind : uint8_t { Parameter, Buffer, Optimizer };

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
};

struct RecordedProgram {
  std::string name;
  std::vector<RecordedState> states;
  std::vector<RecordedStateName> state_names;
  std::vector<RecordedModule> modules;
  std::vector<RecordedFunction> functions;
};

/// Throws ValueError, naming function and operation, unless: names are there and unique; every
/// value is defined once, before its uses, and its type is what `infer` says; states read and
/// written exist and have the value's type; modules follow their parents.
KILN_API void check_program(const RecordedProgram &program);

} // namespace kiln::semantics
