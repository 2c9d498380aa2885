//===- NNSemanticOp.td - Base class of computing operations -*- tablegen -*-===//
//
// Defines the base of every operation that has an entry in the table of kiln::semantics. Builders infer the result types; the
// verifier runs the same inference and compares.
//
// Two constraints are common to all of them. For an op `nn.<name>`:
// - <name>_c1: the operand types and attributes fit one another. The message goes on with PyTorch's text for the mistake.
// - <name>_c2: the result types are those that inference gives.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNSEMANTICOP
#define KILN_IR_NNSEMANTICOP

include "kiln/ir/NNAttributes.td"
include "kiln/ir/NNBase.td"
include "kiln/ir/NNInterfaces.td"

class NN_Op<string mnemonic, list<Trait> traits = []> : Op<NN_Dialect, mnemonic, traits>;

class NN_SemanticOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [Pure, SemanticOpInterface,
                                DeclareOpInterfaceMethods<InferTypeOpInterface,
                                                          ["inferReturnTypes", "refineReturnTypes"]>]> {
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, ::std::optional<::mlir::Location> location, ::mlir::ValueRange operands,
        ::mlir::DictionaryAttr attributes, ::mlir::OpaqueProperties properties, ::mlir::RegionRange,
        ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::kiln::ir::detail::inferTypes<$cppClass>(context, location, operands, attributes, properties, types);
    }
    ::llvm::LogicalResult $cppClass::refineReturnTypes(
        ::mlir::MLIRContext *context, ::std::optional<::mlir::Location> location, ::mlir::ValueRange operands,
        ::mlir::DictionaryAttr attributes, ::mlir::OpaqueProperties properties, ::mlir::RegionRange,
        ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::kiln::ir::detail::refineTypes<$cppClass>(context, location, operands, attributes, properties, types);
    }
  }];
}

#endif // KILN_IR_NNSEMANTICOP
