//===- Binary.cpp - gradients of ops on pairs of elements -----------------===//
//
// Rules of the binary element-wise ops and of selection. All of them broadcast: `give` sums over what was stretched.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

using namespace mlir;

namespace kiln::passes {
namespace {

void add(ir::AddOp, Gradient &gradient) {
  for (unsigned operand : {0, 1})
    if (gradient.needs(operand))
      gradient.give(operand, gradient.cotangent());
}

void sub(ir::SubOp, Gradient &gradient) {
  if (gradient.needs(0))
    gradient.give(0, gradient.cotangent());
  if (gradient.needs(1))
    gradient.give(1, gradient.neg(gradient.cotangent()));
}

void mul(ir::MulOp op, Gradient &gradient) {
  if (gradient.needs(0))
    gradient.give(0, gradient.mul(gradient.cotangent(), op.getRhs()));
  if (gradient.needs(1))
    gradient.give(1, gradient.mul(gradient.cotangent(), op.getLhs()));
}

/// g / b, and -g * ((a / b) / b), where a / b is the result.
void div(ir::DivOp op, Gradient &gradient) {
  if (gradient.needs(0))
    gradient.give(0, gradient.div(gradient.cotangent(), op.getRhs()));
  if (gradient.needs(1))
    gradient.give(1, gradient.mul(gradient.neg(gradient.cotangent()), gradient.div(op.getOutput(), op.getRhs())));
}

/// The operand that lost gets nothing, and each of two equal ones half. `Lost` compares an operand with the other; false
/// for NaN, so both operands get the whole gradient there.
template <class OpTy, class Lost> void extremum(OpTy op, Gradient &gradient) {
  Value cotangent = gradient.cotangent(), lhs = op.getLhs(), rhs = op.getRhs();
  Value isTie = gradient.make<ir::EqOp>({lhs, rhs});
  Value shared = gradient.where(isTie, gradient.div(cotangent, gradient.number(2, cotangent)), cotangent);
  for (auto [operand, own, other] : {std::tuple(0, lhs, rhs), std::tuple(1, rhs, lhs)})
    if (gradient.needs(operand))
      gradient.give(operand, gradient.where(gradient.make<Lost>({own, other}), gradient.number(0, cotangent), shared));
}

void where(ir::WhereOp op, Gradient &gradient) {
  Value cotangent = gradient.cotangent(), zero = gradient.number(0, cotangent);
  if (gradient.needs(1))
    gradient.give(1, gradient.where(op.getCondition(), cotangent, zero));
  if (gradient.needs(2))
    gradient.give(2, gradient.where(op.getCondition(), zero, cotangent));
}

} // namespace

void attachBinaryGradients(MLIRContext *context) {
  attachRule<ir::AddOp, add>(context);
  attachRule<ir::SubOp, sub>(context);
  attachRule<ir::MulOp, mul>(context);
  attachRule<ir::DivOp, div>(context);
  attachRule<ir::MaximumOp, extremum<ir::MaximumOp, ir::LtOp>>(context);
  attachRule<ir::MinimumOp, extremum<ir::MinimumOp, ir::GtOp>>(context);
  attachRule<ir::WhereOp, where>(context);
}

} // namespace kiln::passes
