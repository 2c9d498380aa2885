//===- SizeSyntax.cpp - Size expressions as text -----------------------------===//
//
// A recursive-descent reader of size expressions on MLIR's tokens, bounded in length, depth and size of the result (dim_c1), and
// the short forms that ops use.
//
//   sum     := product (("+" | "-") product)*
//   product := factor ("*" factor | "floordiv" integer)*
//   factor  := "-" factor | integer | symbol | "(" sum ")" | ("max" | "min") "(" sum "," sum ")"
//
//===----------------------------------------------------------------------===//

#include "SizeSyntax.h"

#include "kiln/runtime/error.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::ir {

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

namespace {

/// Limits of dim_c1. Far above what models need, far below what could exhaust stack or memory.
constexpr unsigned kMaxTokens = 256, kMaxDepth = 32;
constexpr std::size_t kMaxTerms = 4096;

class SizeReader {
public:
  explicit SizeReader(AsmParser &parser) : parser(parser), begin(parser.getCurrentLocation()) {}

  FailureOr<DimExpr> sum() {
    FailureOr<DimExpr> left = product();
    while (succeeded(left)) {
      const bool plus = succeeded(parser.parseOptionalPlus());
      if (!plus && failed(parser.parseOptionalMinus()))
        break;
      FailureOr<DimExpr> right = product();
      if (failed(right))
        return failure();
      left = compute([&] { return plus ? *left + *right : *left - *right; });
    }
    return left;
  }

private:
  FailureOr<DimExpr> product() {
    FailureOr<DimExpr> left = factor();
    while (succeeded(left)) {
      if (succeeded(parser.parseOptionalStar())) {
        FailureOr<DimExpr> right = factor();
        if (failed(right))
          return failure();
        // Before it is computed: powers of sums grow fast.
        if (std::max<std::size_t>(left->terms().size(), 1) * std::max<std::size_t>(right->terms().size(), 1) > kMaxTerms)
          return tooLarge();
        left = compute([&] { return *left * *right; });
      } else if (succeeded(parser.parseOptionalKeyword("floordiv"))) {
        int64_t divisor = 0;
        if (countToken() || parser.parseInteger(divisor))
          return failure();
        left = compute([&] { return left->floordiv(divisor); });
      } else {
        break;
      }
    }
    return left;
  }

  FailureOr<DimExpr> factor() {
    if (countToken())
      return failure();
    if (succeeded(parser.parseOptionalMinus())) {
      FailureOr<DimExpr> operand = nested([&] { return factor(); });
      if (failed(operand))
        return failure();
      return compute([&] { return DimExpr(0) - *operand; });
    }
    if (succeeded(parser.parseOptionalLParen())) {
      FailureOr<DimExpr> inner = nested([&] { return sum(); });
      if (failed(inner) || parser.parseRParen())
        return failure();
      return inner;
    }
    int64_t number = 0;
    if (OptionalParseResult result = parser.parseOptionalInteger(number); result.has_value()) {
      if (failed(*result))
        return failure();
      return DimExpr(number);
    }
    StringRef name;
    SMLoc location = parser.getCurrentLocation();
    if (failed(parser.parseOptionalKeyword(&name)))
      return parser.emitError(location, "expected a size: a number, a symbol or an expression in them");
    // No word is reserved for these: a symbol is never followed by a parenthesis.
    if ((name == "max" || name == "min") && succeeded(parser.parseOptionalLParen()))
      return nested([&] { return extremum(name == "max"); });
    return compute([&] { return DimExpr::symbol(name); });
  }

  /// The two operands, after the opening parenthesis.
  FailureOr<DimExpr> extremum(bool isMaximum) {
    FailureOr<DimExpr> left = sum();
    if (failed(left) || parser.parseComma())
      return failure();
    FailureOr<DimExpr> right = sum();
    if (failed(right) || parser.parseRParen())
      return failure();
    return compute([&] { return isMaximum ? DimExpr::maximum(*left, *right) : DimExpr::minimum(*left, *right); });
  }

  template <class Parse> FailureOr<DimExpr> nested(Parse parse) {
    if (++depth > kMaxDepth)
      return tooLarge();
    FailureOr<DimExpr> result = parse();
    --depth;
    return result;
  }

  template <class Compute> FailureOr<DimExpr> compute(Compute body) {
    try {
      return body();
    } catch (const runtime::Error &error) {
      return parser.emitError(begin, error.what());
    }
  }

  ParseResult countToken() { return ++tokens > kMaxTokens ? ParseResult(tooLarge()) : success(); }
  InFlightDiagnostic tooLarge() {
    return parser.emitError(begin, "dim_c1: size expression is too large: at most ")
           << kMaxTokens << " tokens, " << kMaxDepth << " levels of nesting and " << kMaxTerms << " terms";
  }

  AsmParser &parser;
  SMLoc begin;
  unsigned tokens = 0, depth = 0;
};

} // namespace

FailureOr<DimExpr> parseSize(AsmParser &parser) { return SizeReader(parser).sum(); }

ParseResult parseSizes(AsmParser &parser, SmallVectorImpl<DimAttr> &sizes) {
  return parser.parseCommaSeparatedList([&]() -> ParseResult {
    FailureOr<DimExpr> size = parseSize(parser);
    if (failed(size))
      return failure();
    sizes.push_back(DimAttr::get(parser.getContext(), *size));
    return success();
  });
}

//===----------------------------------------------------------------------===//
// Directives of the op definitions
//===----------------------------------------------------------------------===//

ParseResult parseShape(OpAsmParser &parser, ShapeAttr &shape) {
  SmallVector<DimAttr> sizes;
  if (parser.parseLSquare())
    return failure();
  if (failed(parser.parseOptionalRSquare()) && (parseSizes(parser, sizes) || parser.parseRSquare()))
    return failure();
  shape = ShapeAttr::get(parser.getContext(), ArrayRef<DimAttr>(sizes));
  return success();
}

void printShape(OpAsmPrinter &printer, Operation *, ShapeAttr shape) { printer << '[' << shape.getText() << ']'; }

ParseResult parseRange(OpAsmParser &parser, DimAttr &start, DimAttr &end, IntegerAttr &step) {
  auto size = [&](DimAttr &result) -> ParseResult {
    FailureOr<DimExpr> value = parseSize(parser);
    if (failed(value))
      return failure();
    result = DimAttr::get(parser.getContext(), *value);
    return success();
  };
  int64_t stepValue = 1;
  if (parser.parseLSquare() || size(start) || parser.parseColon() || size(end) || parser.parseColon() ||
      parser.parseInteger(stepValue) || parser.parseRSquare())
    return failure();
  step = parser.getBuilder().getI64IntegerAttr(stepValue);
  return success();
}

void printRange(OpAsmPrinter &printer, Operation *, DimAttr start, DimAttr end, IntegerAttr step) {
  printer << '[' << start.getText() << " : " << end.getText() << " : " << step.getInt() << ']';
}

namespace {

ParseResult parseOneOrFunctionType(OpAsmParser &parser, MutableArrayRef<Type *> inputs, Type &output) {
  SMLoc location = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type))
    return failure();
  auto function = dyn_cast<FunctionType>(type);
  if (!function) {
    for (Type *input : inputs)
      *input = type;
    output = type;
    return success();
  }
  if (function.getNumInputs() != inputs.size() || function.getNumResults() != 1)
    return parser.emitError(location, "expected ") << inputs.size() << " operand types and one result type";
  for (auto [input, given] : llvm::zip_equal(inputs, function.getInputs()))
    *input = given;
  output = function.getResult(0);
  return success();
}

} // namespace

ParseResult parseElementwiseTypes(OpAsmParser &parser, Type &input, Type &output) {
  Type *inputs[] = {&input};
  return parseOneOrFunctionType(parser, inputs, output);
}

ParseResult parseElementwiseTypes(OpAsmParser &parser, Type &lhs, Type &rhs, Type &output) {
  Type *inputs[] = {&lhs, &rhs};
  return parseOneOrFunctionType(parser, inputs, output);
}

void printElementwiseTypes(OpAsmPrinter &printer, Operation *, Type input, Type output) {
  if (input == output)
    printer << output;
  else
    printer << '(' << input << ") -> " << output;
}

void printElementwiseTypes(OpAsmPrinter &printer, Operation *, Type lhs, Type rhs, Type output) {
  if (lhs == output && rhs == output)
    printer << output;
  else
    printer << '(' << lhs << ", " << rhs << ") -> " << output;
}

ParseResult parseStateKind(OpAsmParser &parser, StateKindAttr &kind) {
  SMLoc location = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<StateKind> value = symbolizeStateKind(keyword);
  if (!value)
    return parser.emitError(location, "expected parameter, buffer, optimizer, gradient, hyperparameter or generator, found '") << keyword << "'";
  kind = StateKindAttr::get(parser.getContext(), *value);
  return success();
}

void printStateKind(OpAsmPrinter &printer, Operation *, StateKindAttr kind) { printer << stringifyStateKind(kind.getValue()); }

ParseResult parseTypeAndInitial(OpAsmParser &parser, TypeAttr &type, ElementsAttr &initial) {
  Type parsed;
  if (parser.parseType(parsed))
    return failure();
  type = TypeAttr::get(parsed);
  if (failed(parser.parseOptionalEqual()))
    return success();
  SMLoc location = parser.getCurrentLocation();
  auto tensor = dyn_cast<RankedTensorType>(parsed);
  if (!tensor || !tensor.hasStaticShape())
    return parser.emitError(location, "state_c1: a state with an initial value has a static tensor type, found ") << parsed;
  Attribute value;
  if (parser.parseAttribute(value, tensor))
    return failure();
  initial = dyn_cast<ElementsAttr>(value);
  if (!initial)
    return parser.emitError(location, "expected an elements attribute");
  return success();
}

void printTypeAndInitial(OpAsmPrinter &printer, Operation *, TypeAttr type, ElementsAttr initial) {
  printer << type.getValue();
  if (!initial)
    return;
  printer << " = ";
  if (initial.getShapedType() == type.getValue())
    printer.printAttributeWithoutType(initial);
  else // Invalid, but what an error shows must be what is there.
    printer.printAttribute(initial);
}

} // namespace kiln::ir
