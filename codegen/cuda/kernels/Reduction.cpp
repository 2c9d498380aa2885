//===- Reduction.cpp - sums and means -------------------------------------===//
//
// Calls of reduction.h. As on the processor, floats are added in f64 and integers in the result's type.
//
//===----------------------------------------------------------------------===//

#include "KernelText.h"

#include "kiln/semantics/reduced_dims.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::KernelOp;

// The numbers of reduction.h; the emitted source asserts that they agree.
static constexpr unsigned kThreads = 256;
static constexpr int64_t kResultsOfBlock = 8;

namespace {
/// Where the elements of a result lie in the operand.
struct ReductionShape {
  DimExpr count = 1;
  std::string offset; // of element `i` of result `index`
};
} // namespace

static ReductionShape shapeOf(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getAnchorType(0).getSizes();
  std::vector<bool> isReduced =
      semantics::reduced_dims(sizes.size(), cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute("dims")).asArrayRef());

  ReductionShape shape;
  std::vector<std::string> terms;
  DimExpr stride = 1, kept = 1; // of the dimensions further in
  for (size_t d = sizes.size(); d-- > 0;) {
    DimExpr &inner = isReduced[d] ? shape.count : kept;
    if (!(sizes[d] == DimExpr(1))) {
      std::string index = isReduced[d] ? "i" : "index";
      if (!(inner == DimExpr(1)))
        index += " / " + factorText(inner);
      bool isOutermost = true; // of its kind: nothing to take the remainder of
      for (size_t outer = 0; outer < d; ++outer)
        isOutermost &= isReduced[outer] != isReduced[d] || sizes[outer] == DimExpr(1);
      if (!isOutermost)
        index += " % " + factorText(sizes[d]);
      terms.insert(terms.begin(), stride == DimExpr(1) ? index : "(" + index + ") * " + factorText(stride));
    }
    inner = inner * sizes[d];
    stride = stride * sizes[d];
  }
  shape.offset = terms.empty() ? "0" : llvm::join(terms, " + ");
  return shape;
}

llvm::Error writeReduction(KernelWriter &writer) {
  KernelOp kernel = writer.getKernel();
  Type element = kernel.getAnchorType(0).getElementType();
  std::string result = *scalarTypeText(kernel.getBodyBlock().getArgument(0).getType());
  bool isFloat = isa<FloatType>(element);
  std::string sum = isFloat ? "f64" : result;
  ReductionShape shape = shapeOf(kernel);
  std::string count = sizeText(shape.count), results = sizeText(kernel.getResultType().getElements());
  std::string loaded = "a0[" + shape.offset + "]";
  if (element.isInteger(1) || element.isUnsignedInteger())
    loaded = "unsigned_of(" + loaded + ")";
  // An operand without elements has sums and means too.
  writer.begin("", "kReductionThreads", kThreads, {0, ceilDiv(kernel.getResultType().getElements(), kResultsOfBlock), {}, -1});
  writer.os() << "  sum_by_warps<" << sum << ">(" << results << ", " << count << ",\n"
              << "      [=]([[maybe_unused]] i64 index, [[maybe_unused]] i64 i) { return " << loaded << "; },\n"
              << "      [=](i64 index, " << sum << " sum) {\n"
              << "        const " << result << " total = static_cast<" << result << ">(sum"
              << (*kernel.getAnchor() == "nn.mean" ? " / static_cast<f64>(" + count + ")" : "") << ");\n";
  if (llvm::Error error = writer.writeElement("        ", "total"))
    return error;
  writer.os() << "      });\n";
  writer.end();
  return llvm::Error::success();
}

} // namespace kiln::codegen
