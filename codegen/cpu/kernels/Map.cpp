//===- Map.cpp - element by element ---------------------------------------===//
//
// Everything is in the body and the maps.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

namespace kiln::codegen {

mlir::LogicalResult emitMap(KernelContext &context) { return emitRows(context, nullptr); }

} // namespace kiln::codegen
