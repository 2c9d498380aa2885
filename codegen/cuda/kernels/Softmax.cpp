//===- Softmax.cpp - softmax, its logarithm and the gradients of both -----===//
//
// Calls of softmax.h.
//
//===----------------------------------------------------------------------===//

#include "KernelText.h"

using namespace mlir;

namespace kiln::codegen {

// The number of softmax.h; the emitted source asserts that they agree.
static constexpr unsigned kThreads = 256;
static constexpr int64_t kWarpThreads = 32;

llvm::Error writeSoftmax(KernelWriter &writer) {
  schedule::KernelOp kernel = writer.getKernel();
  std::vector<DimExpr> sizes = kernel.getAnchorType(0).getSizes();
  if (sizes.empty()) // one row of one score
    sizes.push_back(1);
  int64_t dim = semantics::wrap_dim(cast<IntegerAttr>(kernel.getAnchorAttribute("dim")).getInt(), sizes.size());
  DimExpr inner = productOf(ArrayRef(sizes).drop_front(dim + 1)), rows = productOf(ArrayRef(sizes).take_front(dim)) * inner;
  int64_t lanes = inner == DimExpr(1) ? kWarpThreads : 1;

  std::string type = *scalarTypeText(kernel.getBodyBlock().getArgument(0).getType());
  std::string operands = kernel.getNumAnchorOperands() == 1 ? "a0" : "a0, a1";
  writer.begin("", "kSoftmaxThreads", kThreads, {0, ceilDiv(rows, kThreads / lanes), {}, -1});
  writer.os() << "  " << kernel.getAnchor()->drop_front(StringRef("nn.").size()) << "_of_rows<" << lanes << ">(" << sizeText(rows) << ", "
              << sizeText(sizes[dim]) << ", " << sizeText(inner) << ", " << operands << ",\n      [=](i64 index, " << type << " element) {\n";
  if (llvm::Error error = writer.writeElement("        ", "element"))
    return error;
  writer.os() << "      });\n";
  writer.end();
  return llvm::Error::success();
}

} // namespace kiln::codegen
