//===- kiln-interpret.cpp - The reference interpreter on textual modules -------===//
//
//   kiln-interpret MODULE.mlir FUNCTION --input=NAME=VALUE... [--f64] [--output=NAME=FILE.npy...] [--state]
//
// VALUE is a .npy file, or zeros:2x3, ones:2x3, iota:2x3 (0, 1, 2, ... in row-major order), or values:2x3:1,-2,nan,... . The last
// four take the input's dtype. `scalar` stands for the shape without dimensions. Results, and with --state all states after the
// call, are printed as "name: dtype[sizes]" and the values in row-major order, unless they go to a file.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Interpreter.h"
#include "kiln/ir/Registration.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/files.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;
using namespace kiln;
using runtime::DType;
using runtime::Tensor;

namespace {

cl::opt<std::string> moduleFile(cl::Positional, cl::Required, cl::desc("MODULE"));
cl::opt<std::string> functionName(cl::Positional, cl::Required, cl::desc("FUNCTION"));
cl::list<std::string> inputOptions("input",
                                   cl::desc("Value of an input: FILE.npy, zeros:2x3, ones:2x3, iota:2x3 or values:2x3:1,2,..."),
                                   cl::value_desc("NAME=VALUE"));
cl::list<std::string> outputOptions("output", cl::desc("Write an output to a .npy file instead of printing it"),
                                    cl::value_desc("NAME=FILE"));
cl::opt<bool> computeInDouble("f64", cl::desc("Convert floating-point inputs, states and constants to f64 and compute in it"));
cl::opt<bool> printState("state", cl::desc("Print all states after the call"));

/// "2x3" or "scalar". Throws ValueError.
std::vector<int64_t> parseSizes(StringRef text) {
  std::vector<int64_t> sizes;
  if (text == "scalar")
    return sizes;
  SmallVector<StringRef> parts;
  text.split(parts, 'x');
  for (StringRef part : parts) {
    int64_t size = 0;
    if (part.getAsInteger(10, size) || size < 0)
      throw runtime::ValueError("'" + text.str() + "' is not a shape such as 2x3 or scalar");
    sizes.push_back(size);
  }
  return sizes;
}

Tensor fromDoubles(ArrayRef<double> values, std::vector<int64_t> sizes, DType dtype) {
  return Tensor::from(std::span<const double>(values), std::move(sizes)).to(dtype);
}

/// What follows NAME= of --input. Throws runtime::Error.
Tensor parseValue(StringRef text, DType dtype) {
  auto [kind, rest] = text.split(':');
  auto [shape, list] = rest.split(':');
  if (kind == "zeros")
    return Tensor(parseSizes(shape), dtype);
  if (kind != "ones" && kind != "iota" && kind != "values")
    return runtime::load_npy(text.str());
  Tensor zeros(parseSizes(shape), DType::Float64);
  std::vector<double> values(static_cast<std::size_t>(zeros.numel()), 1.0);
  if (kind == "iota")
    for (std::size_t index = 0; index < values.size(); ++index)
      values[index] = static_cast<double>(index);
  if (kind == "values") {
    SmallVector<StringRef> parts;
    list.split(parts, ',', -1, /*KeepEmpty=*/false);
    values.clear();
    for (StringRef part : parts)
      if (double number = 0; !part.getAsDouble(number))
        values.push_back(number);
      else
        throw runtime::ValueError("'" + part.str() + "' is not a number");
  }
  return fromDoubles(values, parseSizes(shape), dtype);
}

void printTensor(StringRef name, const Tensor &tensor) {
  outs() << name << ": " << runtime::name(tensor.dtype()) << tensor.shape_text() << "\n ";
  const bool isFloat = runtime::is_floating_point(tensor.dtype());
  Tensor wide = tensor.to(isFloat ? DType::Float64 : DType::Int64).contiguous();
  for (int64_t index = 0; index < wide.numel(); ++index)
    if (isFloat)
      outs() << format(" %.9g", wide.data<double>()[index]);
    else
      outs() << ' ' << wide.data<int64_t>()[index];
  outs() << "\n";
}

/// NAME=REST of every option, with a message for one that has no '='.
std::map<std::string, std::string> split(const cl::list<std::string> &options, StringRef flag) {
  std::map<std::string, std::string> result;
  for (const std::string &option : options) {
    auto [name, value] = StringRef(option).split('=');
    if (value.empty())
      throw runtime::ValueError("--" + flag.str() + "=" + option + ": expected NAME=VALUE");
    result[name.str()] = value.str();
  }
  return result;
}

void run(mlir::ModuleOp module) {
  auto function = module.lookupSymbol<mlir::func::FuncOp>(functionName);
  if (!function)
    throw runtime::KeyError("there is no function '" + functionName + "' in " + moduleFile);
  std::map<std::string, std::string> given = split(inputOptions, "input"), files = split(outputOptions, "output");
  std::vector<Tensor> inputs;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto nameAttr = function.getArgAttrOfType<mlir::StringAttr>(index, ir::NNDialect::kNameAttrName);
    std::string name = nameAttr ? nameAttr.str() : std::to_string(index);
    auto value = given.find(name);
    if (value == given.end())
      throw runtime::KeyError("input '" + name + "' is missing: --input=" + name + "=VALUE");
    inputs.push_back(parseValue(value->second, ir::toSemanticType(function.getArgument(index).getType()).dtype));
    given.erase(value);
  }
  if (!given.empty())
    throw runtime::KeyError("function '" + functionName + "' has no input '" + given.begin()->first + "'");
  ir::StateStore states(module);
  std::vector<Tensor> results = ir::interpret(function, inputs, states, {computeInDouble});
  for (unsigned index = 0; index < results.size(); ++index) {
    auto nameAttr = function.getResultAttrOfType<mlir::StringAttr>(index, ir::NNDialect::kNameAttrName);
    std::string name = nameAttr ? nameAttr.str() : std::to_string(index);
    if (auto file = files.find(name); file != files.end())
      runtime::save_npy(file->second, results[index]);
    else
      printTensor(name, results[index]);
  }
  if (printState)
    for (auto state : module.getOps<ir::StateOp>())
      printTensor(state.getPath(), states.get(state.getPath().str()));
}

} // namespace

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Runs a function of a module of the nn dialect by the reference interpreter\n");
  mlir::DialectRegistry registry;
  ir::registerDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceFile<mlir::ModuleOp>(moduleFile, &context);
  if (!module)
    return 1;
  try {
    run(*module);
    return 0;
  } catch (const runtime::Error &error) {
    errs() << "error: " << error.what() << "\n";
    return 1;
  }
}
