//===- interpreted_program.cpp - the interpreter behind an artifact's face ===//
//
// Fills the tables of kiln/runtime/abi.h from a module. The functions in them are plain C functions without a place for a
// closure, so each number of a function has an instance of a template; which program it belongs to is a global.
//
//===----------------------------------------------------------------------===//

#include "interpreted_program.h"

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "command_line.h"
#include "diagnostics.h"
#include "kiln/ir/Attributes.h"
#include "kiln/ir/Interpreter.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Types.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace llvm;

namespace kiln::tools {

using runtime::DType;
using runtime::Tensor;

struct InterpretedProgram::Tables {
  mlir::ModuleOp module;
  bool computeInDouble;
  kiln_program program = {};

  // What the tables point into. Deques: elements never move.
  std::deque<std::string> texts;
  std::deque<std::vector<int64_t>> sizes;
  std::deque<std::vector<uint32_t>> indices;
  std::deque<std::vector<kiln_dim>> dims;
  std::deque<std::vector<const char *>> names;
  std::deque<std::vector<kiln_argument>> arguments;
  std::deque<Tensor> initialValues;
  std::vector<kiln_state> states;
  std::vector<kiln_state_name> stateNames;
  std::vector<kiln_module> modules;
  std::vector<kiln_function> functions;
  std::vector<mlir::func::FuncOp> entries; // in the order of `functions`
  std::map<std::string, uint32_t> stateIndices;

  const char *keep(std::string text) { return texts.emplace_back(std::move(text)).c_str(); }

  void addState(ir::StateOp op);
  void addModule(ir::ModuleEntryOp op);
  void addFunction(mlir::func::FuncOp function);
  void addArguments(mlir::func::FuncOp function, kiln_function &entry);
  void finish();

  void measure(size_t index, const int64_t *symbols, int64_t *outputSizes) const;
  void run(size_t index, kiln_call &call) const;
};

//===----------------------------------------------------------------------===//
// Functions without closures
//===----------------------------------------------------------------------===//

static const InterpretedProgram::Tables *current = nullptr;
constexpr size_t maxFunctions = 128;

template <size_t Index> static void measureFunction(const int64_t *symbols, int64_t *outputSizes, int64_t *arenaBytes) {
  *arenaBytes = 0;
  current->measure(Index, symbols, outputSizes);
}
template <size_t Index> static int32_t runFunction(kiln_call *call) {
  current->run(Index, *call);
  return KILN_OK;
}

using MeasurePointer = void (*)(const int64_t *, int64_t *, int64_t *);
using RunPointer = int32_t (*)(kiln_call *);
template <size_t... Index> static constexpr auto makeFunctions(std::index_sequence<Index...>) {
  return std::array<std::pair<MeasurePointer, RunPointer>, sizeof...(Index)>{{{measureFunction<Index>, runFunction<Index>}...}};
}
static constexpr auto numberedFunctions = makeFunctions(std::make_index_sequence<maxFunctions>());

void InterpretedProgram::Tables::measure(size_t index, const int64_t *symbols, int64_t *outputSizes) const {
  const kiln_function &entry = functions[index];
  std::map<std::string, int64_t> values;
  for (uint32_t i = 0; i < entry.symbol_count; ++i)
    values[entry.symbols[i]] = symbols[i];
  mlir::func::FuncOp function = entries[index];
  for (mlir::Type type : function.getResultTypes())
    for (const semantics::DimExpr &size : ir::sizesOf(cast<mlir::RankedTensorType>(type)))
      *outputSizes++ = size.evaluate(values);
}

void InterpretedProgram::Tables::run(size_t index, kiln_call &call) const {
  const kiln_function &entry = functions[index];
  auto wrap = [](const void *data, const std::vector<int64_t> &sizes, DType dtype) {
    int64_t bytes = runtime::element_size(dtype);
    for (int64_t size : sizes)
      bytes *= size;
    auto storage = runtime::Storage::wrap(const_cast<void *>(data), bytes, {});
    return Tensor(storage, sizes, runtime::contiguous_strides(sizes), 0, dtype);
  };

  std::vector<Tensor> inputs;
  for (uint32_t i = 0; i < entry.input_count; ++i) {
    std::vector<int64_t> sizes;
    for (uint32_t dim = 0; dim < entry.inputs[i].rank; ++dim) {
      const kiln_dim &size = entry.inputs[i].dims[dim];
      sizes.push_back(size.symbol < 0 ? size.value : call.symbols[size.symbol]);
    }
    inputs.push_back(wrap(call.inputs[i], sizes, static_cast<DType>(entry.inputs[i].dtype)));
  }

  // The interpreter replaces a state's tensor when it writes it, so the model's memory is only read until the copy at the end.
  ir::StateStore store;
  std::vector<Tensor> stateTensors;
  for (size_t i = 0; i < states.size(); ++i) {
    std::vector<int64_t> sizes(states[i].sizes, states[i].sizes + states[i].rank);
    stateTensors.push_back(wrap(call.state[i], sizes, static_cast<DType>(states[i].dtype)));
    store.set(states[i].path, stateTensors.back());
  }

  ir::InterpreterOptions options;
  options.computeInDouble = computeInDouble;
  std::vector<Tensor> outputs = ir::interpret(entries[index], inputs, store, options);
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor output = outputs[i].to(static_cast<DType>(entry.outputs[i].dtype)).contiguous();
    if (output.nbytes())
      std::memcpy(call.outputs[i], output.data(), output.nbytes());
  }
  for (uint32_t i = 0; i < entry.write_count; ++i) {
    uint32_t state = entry.writes[i];
    stateTensors[state].copy_(store.get(states[state].path).clone());
  }
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

void InterpretedProgram::Tables::addState(ir::StateOp op) {
  mlir::RankedTensorType type = op.getTensorType();
  kiln_state state = {};
  state.struct_size = sizeof state;
  state.kind = static_cast<uint32_t>(op.getKind()); // one numbering
  DType dtype = *ir::toDType(type.getElementType());
  state.dtype = static_cast<uint32_t>(dtype);
  state.rank = type.getRank();
  state.trainable = op.getTrainable();
  state.path = keep(op.getPath().str());
  state.sizes = sizes.emplace_back(type.getShape().begin(), type.getShape().end()).data();
  auto initial = op.getInitial();
  initialValues.push_back(initial ? ir::toTensor(*initial).contiguous() : Tensor(sizes.back(), dtype));
  state.initial = initialValues.back().data();
  stateIndices[op.getPath().str()] = states.size();
  states.push_back(state);
}

void InterpretedProgram::Tables::addModule(ir::ModuleEntryOp op) {
  kiln_module entry = {};
  entry.struct_size = sizeof entry;
  entry.parent = -1;
  if (auto parent = op.getParentPath())
    for (size_t i = 0; i < modules.size(); ++i)
      if (*parent == modules[i].path)
        entry.parent = i;
  entry.name = keep(op.getLeafName().str());
  entry.path = keep(op.getPath().str());
  entry.type = keep(op.getType().str());
  entry.extra_repr = keep(op.getExtraRepr().str());
  entry.output_shape = keep(op.getOutputShape().str());
  entry.multiply_adds = keep(op.getMultiplyAdds().str());
  modules.push_back(entry);
}

static std::string nameOr(mlir::StringAttr name, StringRef otherwise) { return name ? name.getValue().str() : otherwise.str(); }

void InterpretedProgram::Tables::addArguments(mlir::func::FuncOp function, kiln_function &entry) {
  std::vector<kiln_argument> &inputs = arguments.emplace_back(), &outputs = arguments.emplace_back();
  std::vector<const char *> &symbols = names.emplace_back();
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    semantics::TensorType type = ir::toSemanticType(function.getArgumentTypes()[i]);
    std::vector<kiln_dim> &inputDims = dims.emplace_back();
    for (const semantics::DimExpr &size : type.sizes) {
      kiln_dim dim = {size.constant().value_or(0), -1, 0};
      if (auto symbol = size.as_symbol()) {
        dim.symbol = std::distance(symbols.begin(), find_if(symbols, [&](const char *known) { return *symbol == known; }));
        if (dim.symbol == static_cast<int32_t>(symbols.size()))
          symbols.push_back(keep(*symbol));
      } else if (!size.is_constant()) {
        report(Severity::Error,
               ("function '" + function.getName() + "': the size " + size.text() + " of an input is neither a number nor a name")
                   .str());
        throw CommandFailure{UserError};
      }
      inputDims.push_back(dim);
    }
    auto name = function.getArgAttrOfType<mlir::StringAttr>(i, ir::NNDialect::kNameAttrName);
    inputs.push_back({sizeof(kiln_argument), static_cast<uint32_t>(type.dtype), static_cast<uint32_t>(type.rank()),
                      keep(nameOr(name, "input" + std::to_string(i))), inputDims.data(), keep(type.shape_text())});
  }
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    semantics::TensorType type = ir::toSemanticType(function.getResultTypes()[i]);
    DType dtype = computeInDouble && runtime::is_floating_point(type.dtype) ? DType::Float64 : type.dtype;
    auto name = function.getResultAttrOfType<mlir::StringAttr>(i, ir::NNDialect::kNameAttrName);
    outputs.push_back({sizeof(kiln_argument), static_cast<uint32_t>(dtype), static_cast<uint32_t>(type.rank()),
                       keep(nameOr(name, "output" + std::to_string(i))), nullptr, keep(type.shape_text())});
  }
  entry.symbol_count = symbols.size();
  entry.symbols = symbols.data();
  entry.input_count = inputs.size();
  entry.inputs = inputs.data();
  entry.output_count = outputs.size();
  entry.outputs = outputs.data();
}

void InterpretedProgram::Tables::addFunction(mlir::func::FuncOp function) {
  size_t index = functions.size();
  if (index == maxFunctions) {
    report(Severity::Error, "the interpreter runs programs of at most " + std::to_string(maxFunctions) + " functions");
    throw CommandFailure{UserError};
  }
  kiln_function entry = {};
  entry.struct_size = sizeof entry;
  entry.name = keep(function.getName().str());
  addArguments(function, entry);

  std::set<uint32_t> reads, writes;
  function.walk([&](ir::ReadOp read) { reads.insert(stateIndices.at(read.getState().str())); });
  function.walk([&](ir::WriteOp write) { writes.insert(stateIndices.at(write.getState().str())); });
  entry.read_count = reads.size();
  entry.reads = indices.emplace_back(reads.begin(), reads.end()).data();
  entry.write_count = writes.size();
  entry.writes = indices.emplace_back(writes.begin(), writes.end()).data();

  entry.measure = numberedFunctions[index].first;
  entry.run[KILN_ISA_X86_64_V2] = numberedFunctions[index].second;
  functions.push_back(entry);
  entries.push_back(function);
}

void InterpretedProgram::Tables::finish() {
  program.struct_size = sizeof program;
  program.abi_major = KILN_ABI_MAJOR;
  program.abi_minor = KILN_ABI_MINOR;
  auto name = module->getAttrOfType<mlir::StringAttr>(ir::NNDialect::kProgramAttrName);
  program.name = keep(nameOr(name, "program"));
  program.fingerprint = keep(std::string(64, '0'));
  program.target = "x86_64";
  program.function_count = functions.size();
  program.functions = functions.data();
  program.state_count = states.size();
  program.states = states.data();
  program.state_name_count = stateNames.size();
  program.state_names = stateNames.data();
  program.module_count = modules.size();
  program.modules = modules.data();
  program.gradient_flags = program.generator = -1;
}

InterpretedProgram::InterpretedProgram(mlir::ModuleOp module, bool computeInDouble) : tables(std::make_unique<Tables>()) {
  tables->module = module;
  tables->computeInDouble = computeInDouble;
  for (auto op : module.getOps<ir::StateOp>())
    tables->addState(op);
  for (auto op : module.getOps<ir::StateNameOp>())
    tables->stateNames.push_back({sizeof(kiln_state_name), tables->stateIndices.at(op.getState().str()), !op.getNonPersistent(),
                                  tables->keep(op.getName().str())});
  for (auto op : module.getOps<ir::ModuleEntryOp>())
    tables->addModule(op);
  for (auto function : module.getOps<mlir::func::FuncOp>())
    if (function->hasAttr(ir::NNDialect::kEntryAttrName))
      tables->addFunction(function);
  tables->finish();
  current = tables.get();
}

InterpretedProgram::~InterpretedProgram() { current = nullptr; }

runtime::Program InterpretedProgram::program() const { return runtime::Program::from(&tables->program); }

} // namespace kiln::tools
