//===- TrainingSyntax.cpp - Optimizers as text --------------------------------===//
//
// Reads and prints the operand lists of optimizer steps, and parameter groups.
//
//===----------------------------------------------------------------------===//

#include "TrainingSyntax.h"

using namespace mlir;

namespace kiln::ir {

//===----------------------------------------------------------------------===//
// Operand lists
//===----------------------------------------------------------------------===//

namespace {

constexpr StringLiteral kSgdLists[] = {"parameters", "gradients", "momentum_buffers"};
constexpr StringLiteral kAdamLists[] = {"parameters", "gradients", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs"};

ParseResult parseLists(OpAsmParser &parser, ArrayRef<StringLiteral> names, UnresolvedOperands &operands, IntegerAttr &count) {
  for (StringRef name : names) {
    if (name == names.back() && failed(parser.parseOptionalKeyword(name)))
      break; // The last list is there for some options only.
    if (name != names.back() && parser.parseKeyword(name))
      return failure();
    const std::size_t before = operands.size();
    SMLoc location = parser.getCurrentLocation();
    if (parser.parseOperandList(operands, OpAsmParser::Delimiter::Paren))
      return failure();
    const auto length = static_cast<int64_t>(operands.size() - before);
    if (!count)
      count = parser.getBuilder().getI64IntegerAttr(length);
    if (count.getInt() != length)
      return parser.emitError(location) << "expected as many " << name << " as parameters (" << count.getInt() << "), found "
                                        << length;
  }
  for (StringRef name : {"steps", "lr"})
    if (parser.parseKeyword(name) || parser.parseOperand(operands.emplace_back()))
      return failure();
  return success();
}

/// Operands that do not fit the lists (of an operation that the verifier refuses) are printed in the last one.
void printLists(OpAsmPrinter &printer, ArrayRef<StringLiteral> names, OperandRange operands, IntegerAttr count) {
  const unsigned last = operands.size() < 2 ? 0 : operands.size() - 2;
  unsigned next = 0;
  for (StringRef name : names) {
    if (name == names.back() && next == last)
      break;
    const auto wanted = static_cast<unsigned>(std::clamp<int64_t>(count.getInt(), 0, last - next));
    const unsigned length = name == names.back() ? last - next : wanted;
    printer << name << '(' << operands.slice(next, length) << ") ";
    next += length;
  }
  printer << "steps " << operands.slice(last, operands.size() >= 2 ? 1 : 0) << " lr "
          << operands.drop_front(operands.size() >= 2 ? last + 1 : last);
}

} // namespace

ParseResult parseSgdOperands(OpAsmParser &parser, UnresolvedOperands &operands, IntegerAttr &count) {
  return parseLists(parser, kSgdLists, operands, count);
}

void printSgdOperands(OpAsmPrinter &printer, Operation *, OperandRange operands, IntegerAttr count) {
  printLists(printer, kSgdLists, operands, count);
}

ParseResult parseAdamOperands(OpAsmParser &parser, UnresolvedOperands &operands, IntegerAttr &count) {
  return parseLists(parser, kAdamLists, operands, count);
}

void printAdamOperands(OpAsmPrinter &printer, Operation *, OperandRange operands, IntegerAttr count) {
  printLists(printer, kAdamLists, operands, count);
}

//===----------------------------------------------------------------------===//
// Parameter groups
//===----------------------------------------------------------------------===//

namespace {

/// "{name = ..., name = ...}", where `entry` reads what follows the equals sign.
ParseResult parseNamed(AsmParser &parser, llvm::function_ref<ParseResult(StringAttr name)> entry) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, [&]() -> ParseResult {
    std::string name;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual())
      return failure();
    return entry(parser.getBuilder().getStringAttr(name));
  });
}

ParseResult parseStates(AsmParser &parser, SmallVectorImpl<Attribute> &states) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                        [&] { return parser.parseAttribute(states.emplace_back()); });
}

ParseResult parseGroup(AsmParser &parser, ParameterGroupAttr &group) {
  SmallVector<FlatSymbolRefAttr> parameters;
  FlatSymbolRefAttr learningRate;
  SmallVector<OptionAttr> options;
  SmallVector<SlotAttr> slots;
  MLIRContext *context = parser.getContext();
  auto emitError = [&, location = parser.getCurrentLocation()] { return parser.emitError(location); };
  if (parser.parseLBrace() || parser.parseKeyword("parameters") || parser.parseEqual() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&] { return parser.parseAttribute(parameters.emplace_back()); }) ||
      parser.parseComma() || parser.parseKeyword("lr") || parser.parseEqual() || parser.parseAttribute(learningRate) ||
      parser.parseComma() || parser.parseKeyword("options") || parser.parseEqual() || parseNamed(parser, [&](StringAttr name) {
        Attribute value;
        if (parser.parseAttribute(value))
          return failure();
        options.push_back(OptionAttr::getChecked(emitError, context, name, value));
        return success(options.back() != nullptr);
      }))
    return failure();
  if (parser.parseComma() || parser.parseKeyword("slots") || parser.parseEqual() || parseNamed(parser, [&](StringAttr name) {
        SmallVector<Attribute> states;
        if (parseStates(parser, states))
          return failure();
        slots.push_back(SlotAttr::getChecked(emitError, context, name, ArrayRef<Attribute>(states)));
        return success(slots.back() != nullptr);
      }) ||
      parser.parseRBrace())
    return failure();
  group = ParameterGroupAttr::get(context, parameters, learningRate, options, slots);
  return success();
}

void printGroup(AsmPrinter &printer, ParameterGroupAttr group) {
  llvm::raw_ostream &stream = printer.getStream();
  auto printList = [&](auto attributes) {
    llvm::interleaveComma(attributes, stream, [&](Attribute attribute) { printer.printAttribute(attribute); });
  };
  stream << "{parameters = [";
  printList(group.getParameters());
  stream << "], lr = ";
  printer.printAttribute(group.getLearningRate());
  stream << ", options = {";
  llvm::interleaveComma(group.getOptions(), stream, [&](OptionAttr option) {
    printer.printKeywordOrString(option.getName());
    stream << " = ";
    printer.printAttribute(option.getValue());
  });
  stream << "}, slots = {";
  llvm::interleaveComma(group.getSlots(), stream, [&](SlotAttr slot) {
    printer.printKeywordOrString(slot.getName());
    stream << " = [";
    printList(slot.getStates());
    stream << ']';
  });
  stream << "}}";
}

} // namespace

ParseResult parseParameterGroups(OpAsmParser &parser, ArrayAttr &groups) {
  SmallVector<Attribute> parsed;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
        ParameterGroupAttr group;
        if (parseGroup(parser, group))
          return failure();
        parsed.push_back(group);
        return success();
      }))
    return failure();
  groups = parser.getBuilder().getArrayAttr(parsed);
  return success();
}

void printParameterGroups(OpAsmPrinter &printer, Operation *, ArrayAttr groups) {
  printer << '[';
  llvm::interleaveComma(groups.getAsRange<ParameterGroupAttr>(), printer.getStream(),
                        [&](ParameterGroupAttr group) { printGroup(printer, group); });
  printer << ']';
}

Attribute ParameterGroupAttr::parse(AsmParser &parser, Type) {
  ParameterGroupAttr group;
  if (parser.parseLess() || parseGroup(parser, group) || parser.parseGreater())
    return {};
  return group;
}

void ParameterGroupAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printGroup(printer, *this);
  printer << '>';
}

LogicalResult OptionAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, StringAttr name, Attribute value) {
  auto isDouble = [](Attribute attribute) {
    auto number = dyn_cast<FloatAttr>(attribute);
    return number && number.getType().isF64();
  };
  auto isInteger = [](Attribute attribute) {
    auto number = dyn_cast<IntegerAttr>(attribute);
    return number && number.getType().isSignlessInteger(64);
  };
  if (isa<UnitAttr, BoolAttr, DenseF64ArrayAttr>(value) || isDouble(value) || isInteger(value))
    return success();
  return emitError() << "option_c1: option " << name << " is unit, a bool, an i64, an f64 or an array of f64, found " << value;
}

LogicalResult SlotAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, StringAttr name, ArrayRef<Attribute> states) {
  for (Attribute state : states)
    if (!isa<FlatSymbolRefAttr, UnitAttr>(state))
      return emitError() << "slot_c1: an entry of slot " << name << " is a symbol or unit, found " << state;
  return success();
}

} // namespace kiln::ir
