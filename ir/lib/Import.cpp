//===- Import.cpp - From a recorded program to a module -----------------------===//
//
// Declarations first (modules, states, names), then each function with one operation an entry. A recorded program is checked as
// it is read: what does not fit is an error at the entry's source line, not a crash.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Import.h"

#include "kiln/ir/Build.h"
#include "kiln/ir/Locations.h"
#include "kiln/ir/ModuleMarks.h"
#include "kiln/runtime/error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace kiln::ir {

using semantics::Frames;
using semantics::kAbsent;
using semantics::RecordedArgument;
using semantics::RecordedFunction;
using semantics::RecordedGradient;
using semantics::RecordedModule;
using semantics::RecordedOperation;
using semantics::RecordedOptimizer;
using semantics::RecordedParameterGroup;
using semantics::RecordedProgram;
using semantics::RecordedState;
using semantics::RecordedStateName;
using semantics::ValueId;

namespace {

ir::StateKind convert(semantics::StateKind kind) {
  switch (kind) {
  case semantics::StateKind::Parameter:
    return ir::StateKind::Parameter;
  case semantics::StateKind::Buffer:
    return ir::StateKind::Buffer;
  case semantics::StateKind::Optimizer:
    return ir::StateKind::Optimizer;
  case semantics::StateKind::Gradient:
    return ir::StateKind::Gradient;
  case semantics::StateKind::Hyperparameter:
    return ir::StateKind::Hyperparameter;
  case semantics::StateKind::Generator:
    return ir::StateKind::Generator;
  }
  return ir::StateKind::Buffer;
}

class Importer {
public:
  Importer(const RecordedProgram &program, MLIRContext &context, SourceResolver &resolver)
      : program(program), context(context), resolver(resolver), builder(&context) {}

  OwningOpRef<ModuleOp> run() {
    Location unknown = UnknownLoc::get(&context);
    OwningOpRef<ModuleOp> module = ModuleOp::create(unknown);
    if (!program.name.empty())
      (*module)->setAttr(NNDialect::kProgramAttrName, builder.getStringAttr(program.name));
    builder.setInsertionPointToEnd(module->getBody());
    for (const RecordedModule &entry : program.modules) {
      auto op = ModuleEntryOp::create(builder, makeLocation(&context, entry.path, std::nullopt), entry.path, entry.type,
                                      entry.extra_repr, entry.output_shape, entry.multiply_adds);
      if (entry.is_dropout)
        op->setAttr(kDropoutModuleAttrName, builder.getUnitAttr());
    }
    for (const RecordedState &state : program.states)
      if (failed(importState(state)))
        return nullptr;
    for (const RecordedStateName &name : program.state_names)
      StateNameOp::create(builder, unknown, name.name, name.state, /*non_persistent=*/!name.persistent);
    for (const RecordedGradient &gradient : program.gradients)
      GradientOp::create(builder, unknown, gradient.parameter, gradient.state, gradient.flag);
    for (const RecordedOptimizer &optimizer : program.optimizers)
      OptimizerOp::create(builder, unknown, optimizer.name, optimizer.type, optimizer.steps, groupsOf(optimizer));
    for (const RecordedFunction &function : program.functions) {
      builder.setInsertionPointToEnd(module->getBody());
      if (failed(importFunction(function)))
        return nullptr;
    }
    if (failed(verify(*module)))
      return nullptr;
    return module;
  }

private:
  LogicalResult importState(const RecordedState &state) {
    Location location = makeLocation(&context, parentOf(state.path), std::nullopt);
    if (!state.initial.defined())
      return emitError(location) << "state '" << state.path << "' has no initial value";
    if (!states.try_emplace(state.path).second)
      return emitError(location) << "state '" << state.path << "' is declared twice";
    RankedTensorType type = toTensorType(semantics::type_of(state.initial), &context);
    states[state.path] =
        StateOp::create(builder, location, state.path, convert(state.kind), state.trainable && isTrainable(state), type,
                        toElementsAttr(state.initial, &context, state.path));
    return success();
  }

  Attribute optionValue(const semantics::OptionValue &value) {
    if (const auto *flag = std::get_if<bool>(&value))
      return builder.getBoolAttr(*flag);
    if (const auto *number = std::get_if<int64_t>(&value))
      return builder.getI64IntegerAttr(*number);
    if (const auto *number = std::get_if<double>(&value))
      return builder.getF64FloatAttr(*number);
    if (const auto *numbers = std::get_if<std::vector<double>>(&value))
      return builder.getDenseF64ArrayAttr(*numbers);
    return builder.getUnitAttr();
  }

  ArrayAttr groupsOf(const RecordedOptimizer &optimizer) {
    auto symbol = [&](const std::string &path) { return FlatSymbolRefAttr::get(&context, path); };
    SmallVector<Attribute> groups;
    for (const RecordedParameterGroup &group : optimizer.groups) {
      SmallVector<FlatSymbolRefAttr> parameters = llvm::map_to_vector(group.parameters, symbol);
      SmallVector<OptionAttr> options;
      for (const auto &[name, value] : group.options)
        options.push_back(OptionAttr::get(&context, builder.getStringAttr(name), optionValue(value)));
      SmallVector<SlotAttr> slots;
      for (const auto &[name, paths] : group.slots) {
        SmallVector<Attribute> entries;
        for (const std::string &path : paths)
          entries.push_back(path.empty() ? Attribute(builder.getUnitAttr()) : Attribute(symbol(path)));
        slots.push_back(SlotAttr::get(&context, builder.getStringAttr(name), entries));
      }
      groups.push_back(ParameterGroupAttr::get(&context, parameters, symbol(group.learning_rate), options, slots));
    }
    return builder.getArrayAttr(groups);
  }

  static bool isTrainable(const RecordedState &state) {
    return state.kind == semantics::StateKind::Parameter && runtime::is_floating_point(state.initial.dtype());
  }

  static StringRef parentOf(StringRef path) { return path.contains('.') ? path.rsplit('.').first : StringRef(); }

  Location locationOf(StringRef modulePath, const Frames &frames) {
    return makeLocation(&context, modulePath, resolver.resolve(frames));
  }

  /// The types of the named values; failure after reporting an index that is out of range.
  FailureOr<SmallVector<Type>> typesOf(const RecordedFunction &function, ArrayRef<RecordedArgument> arguments,
                                       Location location) {
    SmallVector<Type> types;
    for (const RecordedArgument &argument : arguments) {
      if (!isValue(function, argument.value))
        return emitError(location) << "function '" << function.name << "': '" << argument.name << "' is not a recorded value";
      types.push_back(toTensorType(function.values[argument.value], &context));
    }
    return types;
  }

  static bool isValue(const RecordedFunction &function, ValueId value) {
    return value >= 0 && static_cast<std::size_t>(value) < function.values.size();
  }

  LogicalResult importFunction(const RecordedFunction &function) {
    Location location = locationOf("", function.frames);
    if (states.contains(function.name))
      return emitError(location) << "function '" << function.name
                                 << "' has the name of a parameter or buffer of the model; give one of them another name";
    FailureOr<SmallVector<Type>> inputs = typesOf(function, function.inputs, location);
    FailureOr<SmallVector<Type>> outputs = typesOf(function, function.outputs, location);
    if (failed(inputs) || failed(outputs))
      return failure();
    auto op = func::FuncOp::create(builder, location, function.name, builder.getFunctionType(*inputs, *outputs));
    op->setAttr(NNDialect::kEntryAttrName, builder.getUnitAttr());
    Block *body = op.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    values.assign(function.values.size(), Value());
    for (auto [index, input] : llvm::enumerate(function.inputs)) {
      op.setArgAttr(index, NNDialect::kNameAttrName, builder.getStringAttr(input.name));
      if (failed(define(function, input.value, body->getArgument(index), location)))
        return failure();
    }
    for (const semantics::RecordedCondition &condition : function.conditions)
      RequireOp::create(builder, locationOf("", condition.frames), DimAttr::get(&context, condition.expression),
                        builder.getStringAttr(condition.message));
    for (const RecordedOperation &operation : function.operations)
      if (failed(importOperation(function, operation)))
        return failure();
    SmallVector<Value> results;
    for (auto [index, output] : llvm::enumerate(function.outputs)) {
      op.setResultAttr(index, NNDialect::kNameAttrName, builder.getStringAttr(output.name));
      if (!values[output.value])
        return emitError(location) << "function '" << function.name << "': output '" << output.name << "' is never computed";
      results.push_back(values[output.value]);
    }
    func::ReturnOp::create(builder, location, results);
    return success();
  }

  /// Notes that `value` is recorded value `id`, if the types agree.
  LogicalResult define(const RecordedFunction &function, ValueId id, Value value, Location location) {
    if (!isValue(function, id))
      return emitError(location) << "function '" << function.name << "': result " << id << " is not a recorded value";
    if (values[id])
      return emitError(location) << "function '" << function.name << "': value " << id << " is defined twice";
    Type recorded = toTensorType(function.values[id], &context);
    if (value.getType() != recorded)
      return emitError(location) << "function '" << function.name << "': recorded with type " << recorded << ", is "
                                 << value.getType();
    values[id] = value;
    return success();
  }

  LogicalResult importOperation(const RecordedFunction &function, const RecordedOperation &operation) {
    Location location = locationOf(operation.module_path, operation.frames);
    SmallVector<Value> operands;
    for (ValueId operand : operation.operands) {
      if (operand != kAbsent && (!isValue(function, operand) || !values[operand]))
        return emitError(location) << "function '" << function.name << "': '" << operation.name << "' uses value " << operand
                                   << ", which is not computed before";
      operands.push_back(operand == kAbsent ? Value() : values[operand]);
    }
    FailureOr<Operation *> created = create(operation, operands, location);
    if (failed(created))
      return failure();
    if ((*created)->getNumResults() != operation.results.size())
      return emitError(location) << "'" << operation.name << "' has " << (*created)->getNumResults() << " results, recorded are "
                                 << operation.results.size();
    for (auto [id, result] : llvm::zip_equal(operation.results, (*created)->getResults()))
      if (failed(define(function, id, result, location)))
        return failure();
    return success();
  }

  FailureOr<Operation *> create(const RecordedOperation &operation, ArrayRef<Value> operands, Location location) {
    if (operation.name == ReadOp::getOperationName() || operation.name == WriteOp::getOperationName()) {
      const auto &path = operation.attributes.get<std::string>("state");
      auto state = states.find(path);
      if (state == states.end())
        return emitError(location) << "'" << operation.name << "' names state '" << path << "', which the program does not have";
      const bool isRead = operation.name == ReadOp::getOperationName();
      if (operands.size() != (isRead ? 0 : 1) || llvm::is_contained(operands, Value()))
        return emitError(location) << "'" << operation.name << "' has " << operands.size() << " operands";
      if (isRead)
        return ReadOp::create(builder, location, state->second).getOperation();
      return WriteOp::create(builder, location, path, operands[0]).getOperation();
    }
    if (operation.name == BackwardOp::getOperationName()) {
      if (operands.size() < 2 || !operands[0] || llvm::is_contained(operands.drop_front(2), Value()))
        return emitError(location) << "'" << operation.name << "' takes a loss, a gradient that may be absent, and targets";
      return BackwardOp::create(builder, location, operands[0], operands[1], operands.drop_front(2)).getOperation();
    }
    if (operation.name == ConstantOp::getOperationName())
      return createConstant(builder, location, operation.attributes.get<runtime::Tensor>("value")).getOperation();
    if (Operation *created = createOperation(builder, location, operation.name, operands, operation.attributes))
      return created;
    return failure();
  }

  const RecordedProgram &program;
  MLIRContext &context;
  SourceResolver &resolver;
  OpBuilder builder;
  llvm::StringMap<StateOp> states;
  SmallVector<Value> values; // by ValueId, of the function at hand
};

} // namespace

OwningOpRef<ModuleOp> importProgram(const RecordedProgram &program, MLIRContext &context, SourceResolver &resolver) {
  context.loadDialect<NNDialect, func::FuncDialect>();
  try {
    return Importer(program, context, resolver).run();
  } catch (const runtime::Error &error) {
    emitError(UnknownLoc::get(&context)) << "program '" << program.name << "': " << error.what();
    return nullptr;
  }
}

} // namespace kiln::ir
