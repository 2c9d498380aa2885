//===- Dialect.h - The nn dialect ---------------------------------*- C++ -*-===//
//
// Declares the dialect, its attributes #nn.dim and #nn.shape, its enumerations and the resources that its effects name. What each
// means is said in the dialect's definition, NNBase.td and NNAttributes.td.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_DIALECT_H
#define KILN_IR_DIALECT_H

#include "kiln/semantics/dim_expr.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "kiln/ir/NNEnums.h.inc"

#include "kiln/ir/NNDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "kiln/ir/NNAttributes.h.inc"

namespace kiln::ir {

/// All states of the program, as one resource: reads and writes of it keep their order.
struct StateResource : public mlir::SideEffects::Resource::Base<StateResource> {
  llvm::StringRef getName() override { return "nn.state"; }
};

/// The call: what ends it writes to it.
struct CallResource : public mlir::SideEffects::Resource::Base<CallResource> {
  llvm::StringRef getName() override { return "nn.call"; }
};

/// All prepared values of the program, as one resource.
struct PreparedResource : public mlir::SideEffects::Resource::Base<PreparedResource> {
  llvm::StringRef getName() override { return "nn.prepared"; }
};

} // namespace kiln::ir

#endif // KILN_IR_DIALECT_H
