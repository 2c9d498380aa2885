//===- Unary.cpp - gradients of ops on single elements --------------------===//
//
// Rules of the unary element-wise ops, of type conversion, and of those that stop gradients.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

using namespace mlir;

namespace kiln::passes {
namespace {

/// threshold_backward: 0 where the result is at most 0. NaN is not, so its gradient passes.
void relu(ir::ReluOp op, Gradient &gradient) {
  Value zero = gradient.number(0, op.getOutput());
  Value isOff = gradient.make<ir::LeOp>({op.getOutput(), zero});
  gradient.give(0, gradient.where(isOff, zero, gradient.cotangent()));
}

/// g * (1 - y) * y
void sigmoid(ir::SigmoidOp op, Gradient &gradient) {
  Value result = op.getOutput();
  Value rest = gradient.sub(gradient.number(1, result), result);
  gradient.give(0, gradient.mul(gradient.mul(gradient.cotangent(), rest), result));
}

/// g * (1 - y * y)
void tanh(ir::TanhOp op, Gradient &gradient) {
  Value result = op.getOutput();
  Value slope = gradient.sub(gradient.number(1, result), gradient.mul(result, result));
  gradient.give(0, gradient.mul(gradient.cotangent(), slope));
}

void neg(ir::NegOp, Gradient &gradient) { gradient.give(0, gradient.neg(gradient.cotangent())); }

void exp(ir::ExpOp op, Gradient &gradient) { gradient.give(0, gradient.mul(gradient.cotangent(), op.getOutput())); }

void log(ir::LogOp op, Gradient &gradient) { gradient.give(0, gradient.div(gradient.cotangent(), op.getInput())); }

/// g / (2 * y)
void sqrt(ir::SqrtOp op, Gradient &gradient) {
  Value twice = gradient.mul(gradient.number(2, op.getOutput()), op.getOutput());
  gradient.give(0, gradient.div(gradient.cotangent(), twice));
}

/// -0.5 * g * y^3
void rsqrt(ir::RsqrtOp op, Gradient &gradient) {
  Value result = op.getOutput();
  Value cube = gradient.mul(gradient.mul(result, result), result);
  gradient.give(0, gradient.mul(gradient.mul(gradient.number(-0.5, result), gradient.cotangent()), cube));
}

/// g * sgn(x): 0 at 0 and for NaN. A product, not a selection: infinity times 0 is NaN.
void abs(ir::AbsOp op, Gradient &gradient) {
  Value input = op.getInput(), zero = gradient.number(0, input);
  Value negative = gradient.where(gradient.make<ir::LtOp>({input, zero}), gradient.number(-1, input), zero);
  Value sign = gradient.where(gradient.make<ir::GtOp>({input, zero}), gradient.number(1, input), negative);
  gradient.give(0, gradient.mul(gradient.cotangent(), sign));
}

void cast(ir::CastOp op, Gradient &gradient) {
  gradient.give(0, gradient.cast(gradient.cotangent(), gradient.typeOf(op.getInput()).getElementType()));
}

/// The same elements are kept, with the same scale: the mask is a function of generator, site and index.
void dropout(ir::DropoutOp op, Gradient &gradient) {
  Value cotangent = gradient.cotangent();
  if (op.getTraining() && !op.getP().isZero())
    cotangent = gradient.make<ir::DropoutOp>(
        {cotangent, op.getGenerator()},
        {{"p", op.getP().convertToDouble()}, {"training", true}, {"site", static_cast<int64_t>(op.getSite())}});
  gradient.give(0, cotangent);
}

} // namespace

void attachUnaryGradients(MLIRContext *context) {
  attachRule<ir::ReluOp, relu>(context);
  attachRule<ir::SigmoidOp, sigmoid>(context);
  attachRule<ir::TanhOp, tanh>(context);
  attachRule<ir::NegOp, neg>(context);
  attachRule<ir::ExpOp, exp>(context);
  attachRule<ir::LogOp, log>(context);
  attachRule<ir::SqrtOp, sqrt>(context);
  attachRule<ir::RsqrtOp, rsqrt>(context);
  attachRule<ir::AbsOp, abs>(context);
  attachRule<ir::CastOp, cast>(context);
  attachRule<ir::DropoutOp, dropout>(context);
  ir::DetachOp::attachInterface<StopsGradient<ir::DetachOp>>(*context);
  // A step of an optimizer is no part of a loss: PyTorch makes it under no_grad.
  ir::SgdOp::attachInterface<StopsGradient<ir::SgdOp>>(*context);
  ir::AdamOp::attachInterface<StopsGradient<ir::AdamOp>>(*context);
}

} // namespace kiln::passes
