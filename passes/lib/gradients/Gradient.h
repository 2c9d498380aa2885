//===- Gradient.h - the gradient of one op, while it is built ---*- C++ -*-===//
//
// Defines Gradient, what a rule works with: the cotangents that come in, which operands ask for theirs, and the ops
// of the dialect to compose them from; and how a rule becomes a model of DifferentiableOpInterface.
//
// A rule is a function `void rule(OpTy op, Gradient &gradient)`. It gives a gradient to each operand that needs one,
// and builds nothing for the others. Formulas are PyTorch's (tools/autograd/derivatives.yaml), in the same order of
// operations, and use results instead of operands where PyTorch does, so that as little as possible is kept.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_GRADIENTS_GRADIENT_H
#define KILN_PASSES_LIB_GRADIENTS_GRADIENT_H

#include "kiln/ir/Build.h"
#include "kiln/ir/Types.h"

namespace kiln::passes {

class Gradient {
public:
  using Sizes = std::vector<semantics::DimExpr>;

  Gradient(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange cotangents, llvm::ArrayRef<bool> needed)
      : op(op), builder(builder), cotangents(cotangents), needed(needed), gradients(op->getNumOperands()) {}

  //===--------------------------------------------------------------------===//
  // What comes in and what goes out
  //===--------------------------------------------------------------------===//

  /// The cotangent of the first result, the only one that gradients flow into but for ops that say so themselves.
  mlir::Value cotangent() const { return cotangents.front(); }
  bool needs(unsigned operand) const { return needed[operand]; }

  /// Makes `gradient` that of operand `number`. Where the operand was stretched by broadcasting, the gradient is summed
  /// over the copies; so rules of broadcasting ops need not think of it.
  void give(unsigned number, mlir::Value gradient) { gradients[number] = summedTo(gradient, typeOf(op->getOperand(number))); }

  /// There is no gradient for an operand that needs one: an error at the user's line.
  [[noreturn]] void refuse(llvm::StringRef operandName);

  /// What a model's buildGradient returns: what `rule(gradient)` gives, nothing after an error.
  template <class Rule>
  static llvm::SmallVector<mlir::Value> buildBy(const Rule &rule, mlir::Operation *op, mlir::OpBuilder &builder,
                                                mlir::ValueRange cotangents, llvm::ArrayRef<bool> needed) {
    Gradient gradient(op, builder, cotangents, needed);
    try {
      rule(gradient);
    } catch (const Refused &) {
      return {};
    }
    return std::move(gradient.gradients);
  }

  //===--------------------------------------------------------------------===//
  // Constants
  //===--------------------------------------------------------------------===//

  /// A tensor without dimensions, of the element type of `like`.
  mlir::Value number(double value, mlir::Value like) { return full(value, {}, typeOf(like).getElementType()); }
  mlir::Value zeros(mlir::RankedTensorType type) { return full(0, ir::sizesOf(type), type.getElementType()); }
  mlir::Value full(double value, const Sizes &sizes, mlir::Type elementType);

  //===--------------------------------------------------------------------===//
  // Element-wise, with broadcasting
  //===--------------------------------------------------------------------===//

  mlir::Value neg(mlir::Value value);
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs) { return make<ir::MulOp>({lhs, rhs}); }
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs) { return make<ir::SubOp>({lhs, rhs}); }
  mlir::Value div(mlir::Value lhs, mlir::Value rhs) { return make<ir::DivOp>({lhs, rhs}); }
  mlir::Value where(mlir::Value condition, mlir::Value input, mlir::Value other) {
    return make<ir::WhereOp>({condition, input, other});
  }
  /// `value` divided by a size that may be known at run time only.
  mlir::Value dividedBySize(mlir::Value value, const semantics::DimExpr &size);

  //===--------------------------------------------------------------------===//
  // Shapes
  //===--------------------------------------------------------------------===//

  mlir::Value reshape(mlir::Value value, const Sizes &sizes);
  mlir::Value expand(mlir::Value value, const Sizes &sizes);
  /// The two last dimensions exchanged. Directly before a product, which reads it as it is in memory.
  mlir::Value transpose(mlir::Value matrices);
  /// All dimensions but the last as one: `[rows, columns]`.
  mlir::Value asMatrix(mlir::Value value);
  mlir::Value sum(mlir::Value value, llvm::ArrayRef<int64_t> dims, bool keepdim);
  /// Summed over the dimensions along which a value of `type` was stretched to the shape of `value`.
  mlir::Value summedTo(mlir::Value value, mlir::RankedTensorType type);

  mlir::Value matmul(mlir::Value lhs, mlir::Value rhs) { return make<ir::MatmulOp>({lhs, rhs}); }

  /// Any op with one result. Ends the rule where operands or attributes do not fit: a number that the element type can't hold.
  template <class OpTy> mlir::Value make(llvm::ArrayRef<mlir::Value> operands, const semantics::Attributes &attributes = {}) {
    return makeAll<OpTy>(operands, attributes)[0];
  }
  /// Any op; its results.
  template <class OpTy>
  mlir::ResultRange makeAll(llvm::ArrayRef<mlir::Value> operands, const semantics::Attributes &attributes = {}) {
    if (OpTy created = ir::createOp<OpTy>(builder, op->getLoc(), operands, attributes))
      return created->getResults();
    throw Refused(); // createOp has reported why
  }
  /// `value` as another element type; itself if that is its own.
  mlir::Value cast(mlir::Value value, mlir::Type elementType);
  /// 16-bit floats as f32, in which PyTorch's kernels compute on them; others as they are.
  mlir::Value widened(mlir::Value value);

  static mlir::RankedTensorType typeOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }
  static Sizes sizesOf(mlir::Value value) { return ir::sizesOf(typeOf(value)); }
  static int64_t rankOf(mlir::Value value) { return typeOf(value).getRank(); }

private:
  /// Ends a rule after an error was reported. Rules are straight lines of ops on each other's results, so none can go on without
  /// one. Thrown and caught within a model of the interface: it passes through no code of MLIR's.
  struct Refused {};

  mlir::Operation *op;
  mlir::OpBuilder &builder;
  mlir::ValueRange cotangents;
  llvm::ArrayRef<bool> needed;
  llvm::SmallVector<mlir::Value> gradients;
};

//===----------------------------------------------------------------------===//
// Rules as models of the interface
//===----------------------------------------------------------------------===//

template <class OpTy, void (*rule)(OpTy, Gradient &)>
struct GradientRule : ir::DifferentiableOpInterface::ExternalModel<GradientRule<OpTy, rule>, OpTy> {
  llvm::SmallVector<mlir::Value> buildGradient(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange cotangents,
                                               llvm::ArrayRef<bool> needed) const {
    return Gradient::buildBy([&](Gradient &gradient) { rule(llvm::cast<OpTy>(op), gradient); }, op, builder, cotangents, needed);
  }
};

/// An op through which no gradient flows.
template <class OpTy> struct StopsGradient : ir::DifferentiableOpInterface::ExternalModel<StopsGradient<OpTy>, OpTy> {
  bool propagatesGradient(mlir::Operation *, unsigned, unsigned) const { return false; }
  llvm::SmallVector<mlir::Value> buildGradient(mlir::Operation *op, mlir::OpBuilder &, mlir::ValueRange,
                                               llvm::ArrayRef<bool>) const {
    return llvm::SmallVector<mlir::Value>(op->getNumOperands());
  }
};

template <class OpTy, void (*rule)(OpTy, Gradient &)> void attachRule(mlir::MLIRContext *context) {
  OpTy::template attachInterface<GradientRule<OpTy, rule>>(*context);
}

// One function a family, each in a file of its own.
void attachBinaryGradients(mlir::MLIRContext *context);
void attachLayerGradients(mlir::MLIRContext *context);
void attachMovementGradients(mlir::MLIRContext *context);
void attachNormalizationGradients(mlir::MLIRContext *context);
void attachProductGradients(mlir::MLIRContext *context);
void attachReductionGradients(mlir::MLIRContext *context);
void attachUnaryGradients(mlir::MLIRContext *context);
void attachWindowGradients(mlir::MLIRContext *context);

} // namespace kiln::passes

#endif // KILN_PASSES_LIB_GRADIENTS_GRADIENT_H
