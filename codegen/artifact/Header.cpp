//===- Header.cpp - The typed C++ header of a program ---------------------===//
//
// Implements writeHeader: a class with one method a function, whose parameters are the function's inputs by name. It holds no logic:
// everything is checked and done by kiln::runtime::Model.
//
//===----------------------------------------------------------------------===//

#include "kiln/codegen/Artifact.h"

#include "Descriptor.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace kiln;
using namespace kiln::codegen;

/// `name` as a C++ identifier: other characters become underscores, a keyword or a member of Model gets a trailing one.
static std::string identifier(llvm::StringRef name) {
  static const llvm::StringSet<> taken = {
      "alignas", "auto", "bool", "break", "case", "catch", "char", "class", "const", "continue", "default", "delete", "do", "double",
      "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "long",
      "mutable", "namespace", "new", "operator", "private", "protected", "public", "register", "return", "short", "signed", "sizeof",
      "static", "struct", "switch", "template", "this", "throw", "true", "try", "typedef", "typename", "union", "unsigned", "using",
      "virtual", "void", "volatile", "while", "alignof", "and", "and_eq", "asm", "bitand", "bitor", "char8_t", "char16_t", "char32_t",
      "compl", "concept", "consteval", "constexpr", "constinit", "const_cast", "co_await", "co_return", "co_yield", "decltype",
      "dynamic_cast", "noexcept", "not", "not_eq", "nullptr", "or", "or_eq", "reinterpret_cast", "requires", "static_assert",
      "static_cast", "thread_local", "typeid", "wchar_t", "xor", "xor_eq", "kiln", "std", "check", "options", "results", "call", "program", "state", "state_dict", "load_state_dict", "update_state",
      "named_parameters", "named_buffers", "snapshot", "gradients", "gradient_statistics", "zero_grad", "optimizer_state_dict",
      "load_optimizer_state_dict", "learning_rate", "set_learning_rate", "manual_seed", "checkpoint", "load_checkpoint",
      "instruction_set", "output_sizes", "Model"};
  std::string result;
  for (char c : name)
    result += llvm::isAlnum(c) || c == '_' ? c : '_';
  if (result.empty() || llvm::isDigit(result.front()))
    result.insert(0, "_");
  if (taken.contains(result))
    result += '_';
  return result;
}

static std::string describe(const ArgumentView &argument) {
  return (runtime::name(argument.getDType()).data() + llvm::Twine(" ") + argument.getShapeText()).str();
}

/// `name` as an identifier that is not in `seen`, which it joins.
static std::string uniqueIdentifier(llvm::StringRef name, llvm::StringSet<> &seen) {
  std::string result = identifier(name);
  while (!seen.insert(result).second)
    result += '_';
  return result;
}

/// The names of a function's arguments as distinct identifiers.
static std::vector<std::string> identifiers(const std::vector<ArgumentView> &arguments) {
  llvm::StringSet<> seen;
  std::vector<std::string> names;
  for (const ArgumentView &argument : arguments)
    names.push_back(uniqueIdentifier(argument.name, seen));
  return names;
}

/// `members` holds the names of the class so far.
static void writeMethod(llvm::raw_ostream &stream, const FunctionView &function, llvm::StringSet<> &members) {
  std::string method = uniqueIdentifier(function.name, members);
  std::vector<std::string> inputs = identifiers(function.inputs), outputs = identifiers(function.outputs);
  bool single = outputs.size() == 1;
  std::string resultType = single ? "kiln::runtime::Tensor" : uniqueIdentifier(method + "_outputs", members);

  stream << "\n";
  if (!single) {
    stream << "  /// Outputs of " << method << ".\n  struct " << resultType << " {\n";
    for (auto [output, outputName] : llvm::zip(function.outputs, outputs))
      stream << "    kiln::runtime::Tensor " << outputName << "; ///< " << describe(output) << "\n";
    stream << "  };\n";
  }
  for (auto [input, inputName] : llvm::zip(function.inputs, inputs))
    stream << "  /// " << inputName << ": " << describe(input) << "\n";
  if (single)
    stream << "  /// Returns " << outputs.front() << ": " << describe(function.outputs.front()) << "\n";
  if (!function.writes.empty())
    stream << "  /// Changes the model's state: runs alone, after the calls in flight.\n";
  stream << "  /// Throws kiln::runtime::Error when an input has another dtype, rank or size.\n";
  auto parameters = llvm::map_range(inputs, [](const std::string &input) { return "const kiln::runtime::Tensor &" + input; });
  std::vector<std::string> parameterList(parameters.begin(), parameters.end());
  parameterList.push_back("const kiln::runtime::CallOptions &options = {}");
  stream << "  " << resultType << " " << method << "("
         << llvm::join(parameterList, ", ") << ") {\n";
  stream << "    auto results = call(\"" << function.name << "\", std::initializer_list<kiln::runtime::TensorView>{"
         << llvm::join(inputs, ", ") << "}, options);\n";
  stream << "    return ";
  if (single) {
    stream << "std::move(results[0]);\n";
  } else {
    stream << "{";
    for (std::size_t i = 0; i < outputs.size(); ++i)
      stream << (i ? ", " : "") << "std::move(results[" << i << "])";
    stream << "};\n";
  }
  stream << "  }\n";
}

llvm::Error kiln::codegen::writeHeader(mlir::ModuleOp schedule, llvm::StringRef sourceName, llvm::StringRef path) {
  ProgramView program(schedule);
  std::string fingerprint = computeFingerprint(schedule), symbol = descriptorSymbol(program.name);
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    stream << "// The program `" << program.name << "`, generated by `kiln build` from " << sourceName << ". Do not edit.\n"
           << "#pragma once\n\n#include <initializer_list>\n#include <utility>\n\n#include <kiln/runtime/model.h>\n\n"
           << "/// In the object or static library that was built with this header.\n"
           << "extern \"C\" const kiln_program " << symbol << ";\n\n"
           << "namespace " << identifier(program.name) << " {\n\n"
           << "/// The program with weights of its own. Any number of threads may call it at once.\n"
           << "class Model : public kiln::runtime::Model {\npublic:\n"
           << "  /// The program linked into this one.\n"
           << "  explicit Model(const kiln::runtime::ModelOptions &options = {})\n"
           << "      : Model(kiln::runtime::Program::from(&" << symbol << "), options) {}\n"
           << "  /// One that was loaded. Throws kiln::runtime::ValueError when it was built from another architecture.\n"
           << "  explicit Model(kiln::runtime::Program loaded, const kiln::runtime::ModelOptions &options = {})\n"
           << "      : kiln::runtime::Model(check(std::move(loaded)), options) {}\n";
    llvm::StringSet<> members;
    for (const FunctionView &function : program.functions)
      writeMethod(stream, function, members);
    stream << "\nprivate:\n"
           << "  static kiln::runtime::Program check(kiln::runtime::Program loaded) {\n"
           << "    if (loaded.fingerprint() != \"" << fingerprint << "\")\n"
           << "      throw kiln::runtime::ValueError(loaded.origin() + \": built from another architecture than this header; "
              "build both from the same source\");\n"
           << "    return loaded;\n  }\n};\n\n} // namespace " << identifier(program.name) << "\n";
    return llvm::Error::success();
  });
}
