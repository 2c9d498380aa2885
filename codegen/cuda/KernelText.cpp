//===- KernelText.cpp - kernels of the schedule as CUDA C++ ---------------===//
//
// The table of writers, parameters, and the element that every kernel ends in.
//
//===----------------------------------------------------------------------===//

#include "KernelText.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::BufferType;
using schedule::KernelOp;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static std::string atomText(const DimExpr::Atom &atom) {
  switch (atom.kind) {
  case DimExpr::Atom::Kind::Symbol:
    return atom.symbol;
  case DimExpr::Atom::Kind::FloorDiv:
    return "floor_divided(" + sizeText(*atom.operand) + ", " + std::to_string(atom.divisor) + ")";
  case DimExpr::Atom::Kind::AtLeastZero:
    return "at_least_zero(" + sizeText(*atom.operand) + ")";
  }
  return "";
}

std::string sizeText(const DimExpr &expression) {
  if (auto constant = expression.constant())
    return std::to_string(*constant);
  std::vector<std::string> terms;
  for (const DimExpr::Term &term : expression.terms()) {
    std::vector<std::string> factors;
    if (term.coefficient != 1 || term.atoms.empty())
      factors.push_back(std::to_string(term.coefficient));
    for (const DimExpr::Atom &atom : term.atoms)
      factors.push_back(atomText(atom));
    terms.push_back(llvm::join(factors, " * "));
  }
  return llvm::join(terms, " + ");
}

std::string factorText(const DimExpr &expression) {
  std::string text = sizeText(expression);
  return text.find(' ') == std::string::npos ? text : "(" + text + ")";
}

DimExpr productOf(ArrayRef<DimExpr> sizes) {
  DimExpr product = 1;
  for (const DimExpr &size : sizes)
    product = product * size;
  return product;
}

DimExpr ceilDiv(const DimExpr &value, int64_t divisor) { return (value + DimExpr(divisor - 1)).floordiv(divisor); }

//===----------------------------------------------------------------------===//
// KernelWriter
//===----------------------------------------------------------------------===//

static std::string elementText(BufferType type) { return *scalarTypeText(type.getElementType()); }

void KernelWriter::begin(StringRef suffix, StringRef threads, unsigned threadCount, CudaForm form) {
  std::string name = (kernel.getSymName() + suffix).str();
  std::vector<std::string> parameters;
  // Operands of an anchor share memory with no result; an extra may be the result's own (InPlace.h).
  for (unsigned i = 0; i < kernel.getNumAnchorOperands(); ++i)
    parameters.push_back("const " + elementText(kernel.getAnchorType(i)) + " *KILN_RESTRICT a" + std::to_string(i));
  for (unsigned i = 0; i < kernel.getNumExtras(); ++i)
    parameters.push_back("const " + elementText(kernel.getExtraType(i)) + " *e" + std::to_string(i));
  for (unsigned i = 0; i < kernel.getNumResults(); ++i)
    parameters.push_back(elementText(kernel.getResultType(i)) + " *r" + std::to_string(i));
  for (Attribute size : kernel.getSizes())
    parameters.push_back("i64 " + cast<StringAttr>(size).getValue().str());
  form.kernel = program.kernels.size() + kernels.size();
  kernels.push_back({name, threadCount, static_cast<unsigned>(parameters.size())});
  forms.push_back(std::move(form));
  stream << "KILN_KERNEL(" << name << ", " << threads << ", (" << llvm::join(parameters, ", ") << ")) {\n";
}

/// Where an extra's element lies: its own strides, over the dimensions that its map names.
std::string KernelWriter::extraElement(unsigned number, Place place) {
  BufferType operand = kernel.getExtraType(number), result = kernel.getResultType();
  AffineMap map = kernel.getExtraMap(number);
  std::vector<DimExpr> sizes = operand.getSizes(), box = result.getSizes();
  std::string base = "e" + std::to_string(number);
  if (map.isIdentity() && sizes == box)
    return base + "[index]";

  // The number of the result's element along a dimension.
  bool hasRow = place == Place::RowAndColumn;
  auto indexAlong = [&](unsigned dim) {
    bool isLast = dim + 1 == box.size();
    if (hasRow && isLast)
      return std::string("column");
    unsigned last = hasRow ? box.size() - 1 : box.size();
    std::string whole = hasRow ? "row" : "index";
    DimExpr inner = productOf(ArrayRef(box).slice(dim + 1, last - dim - 1));
    if (!(inner == DimExpr(1)))
      whole += " / " + factorText(inner);
    return dim == 0 ? whole : whole + " % " + factorText(box[dim]);
  };
  std::vector<std::string> terms;
  DimExpr stride = 1;
  for (unsigned i = sizes.size(); i-- > 0;) {
    if (auto dim = dyn_cast<AffineDimExpr>(map.getResult(i))) {
      std::string index = indexAlong(dim.getPosition());
      bool isUnit = stride == DimExpr(1);
      terms.insert(terms.begin(), isUnit ? index : "(" + index + ") * " + factorText(stride));
    }
    stride = stride * sizes[i];
  }
  return base + "[" + (terms.empty() ? "0" : llvm::join(terms, " + ")) + "]";
}

llvm::Error KernelWriter::writeElement(StringRef indent, StringRef anchor, Place place) {
  std::vector<std::string> arguments;
  if (!anchor.empty())
    arguments.push_back(anchor.str());
  for (unsigned i = 0; i < kernel.getNumExtras(); ++i) {
    std::string name = "x" + std::to_string(i);
    stream << indent << "const " << elementText(kernel.getExtraType(i)) << " " << name << " = "
           << extraElement(i, place) << ";\n";
    arguments.push_back(name);
  }
  llvm::Expected<std::string> value = writeBody(kernel, arguments, indent, stream);
  if (!value)
    return value.takeError();
  stream << indent << "r0[index] = " << *value << ";\n";
  return llvm::Error::success();
}

void KernelWriter::commit() {
  program.source += text;
  program.forms[kernel.getSymName()] = std::move(forms);
  llvm::append_range(program.kernels, kernels);
}

//===----------------------------------------------------------------------===//
// Kernels by anchor
//===----------------------------------------------------------------------===//

static WriteKernel findWriter(StringRef anchor) {
  static const llvm::StringMap<WriteKernel> table = {
      {"", writeMap},
      {"nn.full", writeFull},
      {"nn.linear", writeProduct},
      {"nn.log_softmax", writeSoftmax},
      {"nn.log_softmax_backward", writeSoftmax},
      {"nn.matmul", writeProduct},
      {"nn.mean", writeReduction},
      {"nn.packed_linear", writeProduct},
      {"nn.softmax", writeSoftmax},
      {"nn.softmax_backward", writeSoftmax},
      {"nn.sum", writeReduction},
  };
  return table.lookup(anchor);
}

llvm::Error writeKernel(KernelOp kernel, CudaProgram &program) {
  StringRef anchor = kernel.getAnchor().value_or("");
  WriteKernel write = findWriter(anchor);
  if (!write)
    return llvm::createStringError("'%s' has no CUDA kernel", anchor.str().c_str());
  for (ArrayAttr types : {kernel.getAnchorTypes(), kernel.getExtraTypes(), kernel.getResultTypes()})
    for (Attribute type : types) {
      Type element = cast<BufferType>(cast<TypeAttr>(type).getValue()).getElementType();
      if (scalarTypeText(element))
        continue;
      std::string text;
      llvm::raw_string_ostream(text) << element;
      return llvm::createStringError("'%s' elements have no CUDA code", text.c_str());
    }
  KernelWriter writer(kernel, program);
  if (llvm::Error error = write(writer))
    return error;
  writer.commit();
  return llvm::Error::success();
}

} // namespace kiln::codegen
