//===- Interpreter.cpp - Reference interpreter of the nn dialect ---------------===//
//
// Runs one function: binds its symbols to the sizes of the inputs, then each operation in order. Every result is checked against
// its type, so shape inference and the reference kernels check each other.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Interpreter.h"

#include "FusedInterpreter.h"
#include "kiln/ir/Locations.h"
#include "kiln/runtime/error.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace kiln::ir {

using runtime::DType;
using runtime::Tensor;
using semantics::DimExpr;
using Symbols = std::map<std::string, int64_t>;

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

StateStore::StateStore(ModuleOp module) {
  for (auto state : module.getOps<StateOp>()) {
    std::vector<int64_t> sizes(state.getTensorType().getShape().begin(), state.getTensorType().getShape().end());
    values[state.getPath().str()] = state.getInitial()
                                        ? toTensor(*state.getInitial())
                                        : Tensor(std::move(sizes), *toDType(state.getTensorType().getElementType()));
  }
}

const Tensor &StateStore::get(const std::string &path) const {
  auto found = values.find(path);
  if (found == values.end())
    throw runtime::KeyError("there is no state '" + path + "'");
  return found->second;
}

void StateStore::set(const std::string &path, Tensor value) { values[path] = std::move(value); }

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {

class FunctionRunner {
public:
  FunctionRunner(func::FuncOp function, StateStore &states, llvm::StringMap<Tensor> &prepared, const InterpreterOptions &options)
      : function(function), states(states), prepared(prepared), options(options) {}

  std::vector<Tensor> run(ArrayRef<Tensor> inputs) {
    if (function.isExternal())
      throw runtime::ValueError("function '" + function.getName().str() + "' has no body");
    if (!function.getBody().hasOneBlock())
      throw runtime::ValueError("function '" + function.getName().str() +
                                "' has more than one block, which the interpreter can't run");
    bindInputs(inputs);
    for (Operation &op : function.getBody().front().without_terminator())
      runLocated(op);
    std::vector<Tensor> results;
    for (Value result : function.getBody().front().getTerminator()->getOperands())
      results.push_back(values.lookup(result));
    return results;
  }

private:
  //===--------------------------------------------------------------------===//
  // Inputs
  //===--------------------------------------------------------------------===//

  Tensor widened(const Tensor &tensor) const {
    return options.computeInDouble && runtime::is_floating_point(tensor.dtype()) ? tensor.to(DType::Float64) : tensor;
  }

  /// A value in double that the program has in `dtype`.
  Tensor rounded(Tensor value, DType dtype) const { return options.rounding ? options.rounding(value, dtype) : std::move(value); }

  std::string inputName(unsigned index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, NNDialect::kNameAttrName);
    return function.getName().str() + ": input " + (name ? "'" + name.str() + "'" : std::to_string(index));
  }

  void bindInputs(ArrayRef<Tensor> inputs) {
    if (inputs.size() != function.getNumArguments())
      throw runtime::ValueError(function.getName().str() + ": expected " + std::to_string(function.getNumArguments()) +
                                " inputs, got " + std::to_string(inputs.size()));
    std::vector<semantics::TensorType> types;
    for (unsigned index = 0; index < inputs.size(); ++index) {
      types.push_back(toSemanticType(function.getArgument(index).getType()));
      bindSymbols(types.back(), inputs[index], inputName(index));
    }
    // Expressions after all symbols are known.
    for (unsigned index = 0; index < inputs.size(); ++index) {
      for (int64_t dim = 0; dim < types[index].rank(); ++dim)
        if (types[index].sizes[dim].evaluate(symbols) != inputs[index].size(dim))
          throw mismatch(types[index], inputs[index], inputName(index));
      const bool isWider = options.computeInDouble && runtime::is_floating_point(types[index].dtype);
      values[function.getArgument(index)] = isWider ? rounded(widened(inputs[index]), types[index].dtype) : inputs[index];
    }
  }

  runtime::ValueError mismatch(const semantics::TensorType &type, const Tensor &input, const std::string &name) const {
    std::string bound;
    for (const auto &[symbol, value] : symbols)
      bound += (bound.empty() ? " with " : ", ") + symbol + " = " + std::to_string(value);
    return runtime::ValueError(name + ": expected " + std::string(runtime::name(type.dtype)) + type.shape_text() + bound +
                               ", got " + std::string(runtime::name(input.dtype())) + input.shape_text());
  }

  void bindSymbols(const semantics::TensorType &type, const Tensor &input, const std::string &name) {
    if (!input.defined())
      throw runtime::ValueError(name + ": the tensor is not defined");
    if (input.dtype() != type.dtype || input.dim() != type.rank())
      throw mismatch(type, input, name);
    for (int64_t dim = 0; dim < type.rank(); ++dim)
      if (std::optional<std::string> symbol = type.sizes[dim].as_symbol())
        symbols.try_emplace(*symbol, input.size(dim));
  }

  //===--------------------------------------------------------------------===//
  // Operations
  //===--------------------------------------------------------------------===//

  /// Adds the operation and its place to errors.
  void runLocated(Operation &op) {
    try {
      runOperation(&op);
    } catch (const runtime::IndexError &error) {
      throw runtime::IndexError(error.what() + placeOf(op));
    } catch (const runtime::Error &error) {
      throw runtime::ValueError(error.what() + placeOf(op));
    }
  }

  static std::string placeOf(Operation &op) {
    std::string place = describeLocation(op.getLoc());
    return "\n  in " + op.getName().getStringRef().str() + (place.empty() ? "" : " at " + place);
  }

  void define(Value value, Tensor tensor) {
    semantics::TensorType type = toSemanticType(value.getType());
    const bool isWider = options.computeInDouble && runtime::is_floating_point(type.dtype);
    bool fits = tensor.dim() == type.rank() && tensor.dtype() == (isWider ? DType::Float64 : type.dtype);
    for (int64_t dim = 0; fits && dim < type.rank(); ++dim)
      fits = type.sizes[dim].evaluate(symbols) == tensor.size(dim);
    if (!fits)
      throw runtime::TypeError("the value is " + std::string(runtime::name(tensor.dtype())) + tensor.shape_text() +
                               ", its type says " + std::string(runtime::name(type.dtype)) + type.shape_text());
    values[value] = isWider ? rounded(std::move(tensor), type.dtype) : std::move(tensor);
  }

  void runOperation(Operation *op) {
    if (auto constant = dyn_cast<ConstantOp>(op))
      return define(constant, widened(toTensor(constant.getValue())));
    if (auto require = dyn_cast<RequireOp>(op)) {
      if (require.getCondition().getExpression().evaluate(symbols) < 0)
        throw runtime::ValueError(require.getMessage().str());
      return;
    }
    if (auto read = dyn_cast<ReadOp>(op))
      return define(read, widened(states.get(read.getState().str())));
    if (auto write = dyn_cast<WriteOp>(op))
      return states.set(write.getState().str(), values.lookup(write.getValue()));
    if (auto load = dyn_cast<LoadPreparedOp>(op)) {
      auto found = prepared.find(load.getSlot());
      if (found == prepared.end())
        throw runtime::KeyError("no function prepares '" + load.getSlot().str() + "'");
      return define(load, found->second);
    }
    if (auto store = dyn_cast<StorePreparedOp>(op)) {
      prepared[store.getSlot()] = values.lookup(store.getValue());
      return;
    }
    if (auto fused = dyn_cast<FusedOp>(op))
      return runFused(fused);
    if (auto semantic = dyn_cast<SemanticOpInterface>(op)) {
      std::vector<Tensor> results =
          evaluate(op->getName().getStringRef(), semantic.getSemanticOperands(), semantic.getSemanticAttributes());
      for (auto [value, result] : llvm::zip_equal(op->getResults(), results))
        define(value, std::move(result));
      return;
    }
    if (isa<BackwardOp>(op))
      throw runtime::ValueError("nn.backward has no kernel: run nn-differentiate first");
    throw runtime::TypeError("the interpreter does not know operation '" + op->getName().getStringRef().str() + "'");
  }

  static bool makesFloats(StringRef name, ArrayRef<Tensor> operands, const semantics::Attributes &attributes) {
    std::vector<std::optional<semantics::TensorType>> types;
    for (const Tensor &operand : operands) {
      if (!operand.defined() || runtime::is_floating_point(operand.dtype()))
        return false;
      types.push_back(semantics::type_of(operand));
    }
    return !types.empty() && runtime::is_floating_point(semantics::infer(std::string_view(name), types, attributes).front().dtype);
  }

  std::vector<Tensor> evaluate(StringRef name, ArrayRef<Value> operands, semantics::Attributes attributes) {
    std::vector<Tensor> tensors;
    for (Value operand : operands)
      tensors.push_back(operand ? values.lookup(operand) : Tensor());
    attributes = withSymbols(std::move(attributes), symbols);
    // What makes floats of integers computes in double too: sqrt of an integer, a quotient of two.
    if (options.computeInDouble && makesFloats(name, tensors, attributes))
      for (Tensor &tensor : tensors)
        tensor = tensor.to(DType::Float64);
    // Conversions to a floating-point type, and constants of one, are in double too.
    if (options.computeInDouble && attributes.has("dtype") && runtime::is_floating_point(attributes.get<DType>("dtype")))
      attributes.set("dtype", DType::Float64);
    return semantics::evaluate(std::string_view(name), tensors, attributes);
  }

  void runFused(FusedOp op) {
    std::vector<int64_t> sizes;
    for (const DimExpr &size : sizesOf(op.getOutputType()))
      sizes.push_back(size.evaluate(symbols));
    std::vector<Tensor> arguments;
    if (op.getAnchor())
      arguments = evaluate(*op.getAnchor(), op.getSemanticAnchorOperands(), op.getSemanticAnchorAttributes());
    for (unsigned index = 0; index < op.getExtraOperands().size(); ++index)
      arguments.push_back(viewThroughMap(values.lookup(op.getExtraOperands()[index]), op.getExtraMap(index), sizes));
    define(op, runScalarBody(op, arguments, sizes, options.computeInDouble));
  }

  /// The view of `tensor` whose element at an index of the iteration space is the one that `map` gives.
  static Tensor viewThroughMap(const Tensor &tensor, AffineMap map, const std::vector<int64_t> &sizes) {
    std::vector<int64_t> strides(sizes.size(), 0);
    for (auto [dim, result] : llvm::enumerate(map.getResults()))
      if (auto position = dyn_cast<AffineDimExpr>(result))
        strides[position.getPosition()] += tensor.strides()[dim];
    return Tensor(tensor.storage(), sizes, strides, tensor.offset(), tensor.dtype());
  }

  func::FuncOp function;
  StateStore &states;
  llvm::StringMap<Tensor> &prepared;
  const InterpreterOptions &options;
  llvm::DenseMap<Value, Tensor> values;
  Symbols symbols;
};

/// Runs the prepare functions of the slots that `function` loads, and first those that these load.
void prepareFor(func::FuncOp function, ModuleOp module, StateStore &states, llvm::StringMap<Tensor> &prepared,
                const InterpreterOptions &options, llvm::SmallPtrSetImpl<Operation *> &active) {
  if (function.isExternal())
    return;
  for (auto load : function.getBody().front().getOps<LoadPreparedOp>()) {
    if (prepared.contains(load.getSlot()))
      continue;
    for (auto prepare : module.getOps<func::FuncOp>()) {
      const bool stores = !prepare.isExternal() && llvm::any_of(prepare.getBody().front().getOps<StorePreparedOp>(),
                                                                [&](auto store) { return store.getSlot() == load.getSlot(); });
      if (!stores)
        continue;
      if (!active.insert(prepare).second)
        throw runtime::ValueError("prepared value '" + load.getSlot().str() + "' depends on itself");
      prepareFor(prepare, module, states, prepared, options, active);
      FunctionRunner(prepare, states, prepared, options).run({});
      active.erase(prepare);
      break;
    }
  }
}

} // namespace

std::vector<Tensor> interpret(func::FuncOp function, ArrayRef<Tensor> inputs, StateStore &states,
                              const InterpreterOptions &options) {
  llvm::StringMap<Tensor> prepared;
  llvm::SmallPtrSet<Operation *, 4> active;
  prepareFor(function, function->getParentOfType<ModuleOp>(), states, prepared, options, active);
  return FunctionRunner(function, states, prepared, options).run(inputs);
}

} // namespace kiln::ir
