//===- ScalarText.cpp - a kernel's body as C++ ----------------------------===//
//
// One table from operations to expressions. Where C++ and MLIR differ (integers that wrap, conversions that saturate, NaN in
// comparisons) the expression is written so that MLIR's meaning holds.
//
//===----------------------------------------------------------------------===//

#include "ScalarText.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace kiln::codegen {

std::optional<std::string> scalarTypeText(Type type) {
  if (type.isF32())
    return "f32";
  if (type.isF64())
    return "f64";
  if (type.isInteger(1))
    return "bool";
  for (unsigned width : {8, 16, 32, 64})
    if (type.isInteger(width)) // signless, signed or unsigned: the bits are the same
      return "i" + std::to_string(width);
  return std::nullopt;
}

/// Expressions by operation: {0}, {1}, {2} are operands, {t} is the type of the result.
static const llvm::StringMap<StringRef> &expressions() {
  static const llvm::StringMap<StringRef> table = {
      {"arith.addf", "{0} + {1}"},
      {"arith.subf", "{0} - {1}"},
      {"arith.mulf", "{0} * {1}"},
      {"arith.divf", "{0} / {1}"},
      {"arith.negf", "-{0}"},
      {"arith.select", "{0} ? {1} : {2}"},
      {"arith.addi", "add_wrapped({0}, {1})"},
      {"arith.subi", "sub_wrapped({0}, {1})"},
      {"arith.muli", "mul_wrapped({0}, {1})"},
      {"arith.andi", "static_cast<{t}>({0} & {1})"},
      {"arith.ori", "static_cast<{t}>({0} | {1})"},
      {"arith.xori", "static_cast<{t}>({0} ^ {1})"},
      {"arith.maxsi", "maximum({0}, {1})"},
      {"arith.minsi", "minimum({0}, {1})"},
      {"arith.maxui", "maximum_unsigned({0}, {1})"},
      {"arith.minui", "minimum_unsigned({0}, {1})"},
      {"arith.extf", "static_cast<{t}>({0})"},
      {"arith.truncf", "static_cast<{t}>({0})"},
      {"arith.extsi", "static_cast<{t}>({0})"},
      {"arith.extui", "static_cast<{t}>(unsigned_of({0}))"},
      {"arith.trunci", "truncated<{t}>({0})"},
      {"arith.sitofp", "static_cast<{t}>({0})"},
      {"arith.uitofp", "static_cast<{t}>(unsigned_of({0}))"},
      {"arith.fptosi", "to_integer<{t}>({0})"},
      {"math.exp", "math_exp({0})"},
      {"math.log", "math_log({0})"},
      {"math.tanh", "math_tanh({0})"},
      {"math.sqrt", "math_sqrt({0})"},
      {"math.absf", "math_absf({0})"},
      {"math.absi", "abs_wrapped({0})"},
      {"math.fma", "multiply_add({0}, {1}, {2})"},
  };
  return table;
}

static StringRef comparison(arith::CmpFPredicate predicate) {
  switch (predicate) {
  case arith::CmpFPredicate::AlwaysFalse: return "false";
  case arith::CmpFPredicate::OEQ: return "{0} == {1}";
  case arith::CmpFPredicate::OGT: return "{0} > {1}";
  case arith::CmpFPredicate::OGE: return "{0} >= {1}";
  case arith::CmpFPredicate::OLT: return "{0} < {1}";
  case arith::CmpFPredicate::OLE: return "{0} <= {1}";
  case arith::CmpFPredicate::ONE: return "{0} < {1} || {0} > {1}";
  case arith::CmpFPredicate::ORD: return "{0} == {0} && {1} == {1}";
  case arith::CmpFPredicate::UEQ: return "!({0} < {1} || {0} > {1})";
  case arith::CmpFPredicate::UGT: return "!({0} <= {1})";
  case arith::CmpFPredicate::UGE: return "!({0} < {1})";
  case arith::CmpFPredicate::ULT: return "!({0} >= {1})";
  case arith::CmpFPredicate::ULE: return "!({0} > {1})";
  case arith::CmpFPredicate::UNE: return "{0} != {1}";
  case arith::CmpFPredicate::UNO: return "{0} != {0} || {1} != {1}";
  case arith::CmpFPredicate::AlwaysTrue: return "true";
  }
  return "";
}

static StringRef comparison(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq: return "{0} == {1}";
  case arith::CmpIPredicate::ne: return "{0} != {1}";
  case arith::CmpIPredicate::slt: return "{0} < {1}";
  case arith::CmpIPredicate::sle: return "{0} <= {1}";
  case arith::CmpIPredicate::sgt: return "{0} > {1}";
  case arith::CmpIPredicate::sge: return "{0} >= {1}";
  case arith::CmpIPredicate::ult: return "unsigned_of({0}) < unsigned_of({1})";
  case arith::CmpIPredicate::ule: return "unsigned_of({0}) <= unsigned_of({1})";
  case arith::CmpIPredicate::ugt: return "unsigned_of({0}) > unsigned_of({1})";
  case arith::CmpIPredicate::uge: return "unsigned_of({0}) >= unsigned_of({1})";
  }
  return "";
}

/// A literal that reads back as the same bits.
static std::string literal(TypedAttr value, StringRef type) {
  if (auto integer = dyn_cast<IntegerAttr>(value)) {
    if (integer.getType().isInteger(1))
      return integer.getValue().isZero() ? "false" : "true";
    // The smallest number has no literal: what follows a minus is a positive one.
    std::string digits = llvm::toString(integer.getValue().abs(), 10, /*Signed=*/false);
    if (integer.getValue().isMinSignedValue())
      return ("static_cast<" + type + ">(" + digits + "ull)").str();
    return ("static_cast<" + type + ">(" + (integer.getValue().isNegative() ? "-" : "") + digits + "ll)").str();
  }
  llvm::APFloat number = cast<FloatAttr>(value).getValue();
  if (number.isNaN())
    return ("nan_" + type + "()").str();
  std::string text = number.isNegative() ? "-" : "";
  number.clearSign();
  if (number.isInfinity())
    return (text + "infinity_" + type + "()").str();
  llvm::SmallString<32> digits;
  number.toString(digits, /*FormatPrecision=*/0, /*FormatMaxPadding=*/6);
  text += digits;
  if (digits.find_first_of(".E") == StringRef::npos)
    text += ".0";
  return text + (type == "f32" ? "f" : "");
}

static std::optional<std::string> expressionOf(Operation &op, StringRef type) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return literal(cast<TypedAttr>(constant.getValue()), type);
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return comparison(compare.getPredicate()).str();
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return comparison(compare.getPredicate()).str();
  // A sign-extended bool is -1; no scalar body has one.
  if (isa<arith::ExtSIOp>(op) && op.getOperand(0).getType().isInteger(1))
    return std::nullopt;
  auto found = expressions().find(op.getName().getStringRef());
  return found == expressions().end() ? std::nullopt : std::optional<std::string>(found->second.str());
}

/// `expression` with {0}, {1}, ... and {t} replaced.
static std::string filled(StringRef expression, ArrayRef<std::string> operands, StringRef type) {
  std::string text;
  while (!expression.empty()) {
    size_t brace = expression.find('{');
    text += expression.take_front(brace);
    if (brace == StringRef::npos)
      break;
    char slot = expression[brace + 1];
    text += slot == 't' ? type : StringRef(operands[slot - '0']);
    expression = expression.drop_front(brace + 3);
  }
  return text;
}

llvm::Expected<std::string> writeBody(schedule::KernelOp kernel, ArrayRef<std::string> arguments, StringRef indent,
                                      llvm::raw_ostream &stream) {
  Block &body = kernel.getBodyBlock();
  llvm::DenseMap<Value, std::string> texts;
  for (auto [argument, text] : llvm::zip_equal(body.getArguments(), arguments))
    texts[argument] = text;
  unsigned next = 0;
  for (Operation &op : body.without_terminator()) {
    std::optional<std::string> type = op.getNumResults() == 1 ? scalarTypeText(op.getResult(0).getType()) : std::nullopt;
    std::optional<std::string> expression = type ? expressionOf(op, *type) : std::nullopt;
    if (!expression) {
      std::string types;
      llvm::raw_string_ostream typeStream(types);
      llvm::interleaveComma(op.getResultTypes(), typeStream);
      return llvm::createStringError("'%s' on '%s' has no CUDA code", op.getName().getStringRef().str().c_str(), types.c_str());
    }
    SmallVector<std::string> operands;
    for (Value operand : op.getOperands())
      operands.push_back(texts.lookup(operand));
    std::string text = filled(*expression, operands, *type);
    if (isa<arith::ConstantOp>(op)) {
      texts[op.getResult(0)] = text.front() == '-' ? "(" + text + ")" : text;
      continue;
    }
    std::string name = "v" + std::to_string(next++);
    stream << indent << "const " << *type << " " << name << " = " << text << ";\n";
    texts[op.getResult(0)] = name;
  }
  return texts.lookup(cast<schedule::YieldOp>(body.getTerminator()).getValue());
}

} // namespace kiln::codegen
