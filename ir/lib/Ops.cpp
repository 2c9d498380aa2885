//===- Ops.cpp - Generated definitions of all operations ----------------------===//
//
// The code that mlir-tblgen makes of the op definitions; what is written by hand is in the files of the families.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"

#include "SizeSyntax.h"
#include "TrainingSyntax.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace kiln::ir;

#define GET_OP_CLASSES
#include "kiln/ir/NNOps.cpp.inc"
