//===- NNInterfaces.td - Op interfaces of the nn dialect ---*- tablegen -*-===//
//
// Defines the interfaces through which passes ask an op for its meaning, so that no pass has a switch over all ops.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNINTERFACES
#define KILN_IR_NNINTERFACES

include "mlir/IR/OpBase.td"

def SemanticOpInterface : OpInterface<"SemanticOpInterface"> {
  let cppNamespace = "::kiln::ir";
  let description = [{
    An op whose meaning is the entry of the same name in the table of `kiln::semantics`. Everything here has a default that asks
    that table; an op whose only optional operand is the last one gives `getSemanticOperandCount` itself.
  }];
  // The comparison of result types is here and not in InferTypeOpInterface's own verifier, which would add a second error to ours.
  let verify = [{ return ::kiln::ir::detail::verifySemanticOp($_op); }];
  let methods = [
    StaticInterfaceMethod<[{
        Number of operands of the semantics entry, absent optional ones included; -1 when all operands are always there.
      }], "int64_t", "getSemanticOperandCount", (ins), [{}], [{
        return ::kiln::ir::detail::semanticOperandCount<ConcreteOp>();
      }]>,
    InterfaceMethod<"Operands in the order of the semantics entry; an absent optional operand is a null Value.",
      "::llvm::SmallVector<::mlir::Value>", "getSemanticOperands", (ins), [{}], [{
        return ::kiln::ir::detail::semanticOperands($_op.getOperation());
      }]>,
    InterfaceMethod<"Attributes as the semantics entry takes them. Throws runtime::Error for a value that has no counterpart.",
      "::kiln::semantics::Attributes", "getSemanticAttributes", (ins), [{}], [{
        return ::kiln::ir::detail::semanticAttributes($_op.getOperation());
      }]>,
    InterfaceMethod<[{
        Runs the reference kernel. An absent optional operand is an undefined Tensor. Symbols in attributes are replaced by their
        values in `symbols`. Throws runtime::Error for operands or values that do not fit.
      }], "::std::vector<::kiln::runtime::Tensor>", "evaluate",
      (ins "::llvm::ArrayRef<::kiln::runtime::Tensor>":$operands,
           "const ::std::map<::std::string, int64_t> &":$symbols), [{}], [{
        return ::kiln::ir::detail::evaluateSemanticOp($_op.getOperation(), operands, symbols);
      }]>,
    InterfaceMethod<"Multiply-adds of one execution, an expression in the sizes; empty where there are none worth counting.",
      "::std::optional<::kiln::semantics::DimExpr>", "multiplyAdds", (ins), [{}], [{
        return ::kiln::ir::detail::multiplyAdds($_op.getOperation());
      }]>,
  ];
}

def ScalarBodyInterface : OpInterface<"ScalarBodyInterface"> {
  let cppNamespace = "::kiln::ir";
  let description = [{
    An op that computes each element of its result from one element of each operand (after broadcasting), and can say how in ops of
    `arith` and `math`. NaN, signed zeros and conversions behave as in PyTorch.
  }];
  let methods = [
    InterfaceMethod<[{
        Whether `buildScalarBody` may be called: some ops have a scalar form only for some attributes.
      }], "bool", "hasScalarBody", (ins), [{}], [{
        return true;
      }]>,
    InterfaceMethod<[{
        Builds the scalar form at the builder's insertion point. `scalars` holds one element of each operand, in the op's own order.
        Returns an element of the result. Scalars have the type that `scalarTypeOf` gives for their element type. f16 and bf16 are
        computed in f32 and rounded once, as PyTorch does.
      }], "::mlir::Value", "buildScalarBody",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$location, "::mlir::ValueRange":$scalars)>,
  ];
}

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::kiln::ir";
  let description = [{
    An op with a vector-Jacobian product: from the cotangents of its results to those of its operands, as other ops of the dialect.
    What nn-differentiate asks. Rules are attached from outside (passes/lib/gradients), so the dialect need not know them.
  }];
  let methods = [
    InterfaceMethod<[{
        Whether a gradient may flow from result `result` to operand `operand`. An op that stops gradients says no; what is not
        floating-point has none.
      }], "bool", "propagatesGradient", (ins "unsigned":$operand, "unsigned":$result), [{}], [{
        return ::kiln::ir::detail::areFloating($_op.getOperation(), operand, result);
      }]>,
    InterfaceMethod<[{
        Builds the gradient at the builder's insertion point, which the op, its operands and its results dominate. `cotangents` has a
        value of the result's type for each result, null where none flows in; at least one is there. `needed` says for each operand
        whether its cotangent is asked for; at least one is. Returns a value of the operand's type for each operand, null for those
        that were not asked for; nothing else is built for these. Returns no value at all after reporting an error.
      }], "::llvm::SmallVector<::mlir::Value>", "buildGradient",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$cotangents, "::llvm::ArrayRef<bool>":$needed)>,
  ];
}

#endif // KILN_IR_NNINTERFACES
