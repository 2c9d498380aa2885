//===- Map.cpp - kernels without a product or a reduction -----------------===//
//
// One thread an element, in a loop over as many as there are: maps, and nn.full of a size that the call alone knows.
//
//===----------------------------------------------------------------------===//

#include "KernelText.h"

using namespace mlir;

namespace kiln::codegen {

static constexpr unsigned kMapThreads = 256;

static llvm::Error writeElements(KernelWriter &writer, StringRef anchor, StringRef prologue) {
  schedule::KernelOp kernel = writer.getKernel();
  DimExpr elements = kernel.getResultType().getElements();
  std::string threads = std::to_string(kMapThreads);
  writer.begin("", threads, kMapThreads, {0, ceilDiv(elements, kMapThreads), {}, -1});
  writer.os() << prologue << "  for_each<" << threads << ">(" << sizeText(elements) << ", [=](i64 index) {\n";
  if (llvm::Error error = writer.writeElement("    ", anchor))
    return error;
  writer.os() << "  });\n";
  writer.end();
  return llvm::Error::success();
}

llvm::Error writeMap(KernelWriter &writer) { return writeElements(writer, "", ""); }

llvm::Error writeFull(KernelWriter &writer) {
  schedule::KernelOp kernel = writer.getKernel();
  std::string type = *scalarTypeText(kernel.getResultType().getElementType());
  std::string size = sizeText(cast<ir::DimAttr>(kernel.getAnchorAttribute("value")).getExpression());
  std::string value = type == "bool" ? "(" + size + ") != 0" : "static_cast<" + type + ">(" + size + ")";
  return writeElements(writer, "value", "  const " + type + " value = " + value + ";\n");
}

} // namespace kiln::codegen
