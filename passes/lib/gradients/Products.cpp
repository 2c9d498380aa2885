//===- Products.cpp - gradients of matrix products ------------------------===//
//
// Rules of linear and matmul. With Y = X Wᵀ they are dX = dY W and dW = dYᵀ X; a transposed operand is an nn.permute
// of the two last dimensions directly before the product, which kernels read in place. Leading dimensions are folded
// into rows, so that each gradient is one product of two matrices.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

using namespace mlir;

namespace kiln::passes {
namespace {

/// [n] as [n, 1].
Value column(Gradient &gradient, Value vector) {
  Gradient::Sizes sizes = gradient.sizesOf(vector);
  sizes.push_back(1);
  return gradient.reshape(vector, sizes);
}

/// [..., n] as [..., 1, n].
Value rows(Gradient &gradient, Value vectors) {
  Gradient::Sizes sizes = gradient.sizesOf(vectors);
  sizes.insert(sizes.end() - 1, 1);
  return gradient.reshape(vectors, sizes);
}

void linear(ir::LinearOp op, Gradient &gradient) {
  Value cotangent = gradient.cotangent(), input = op.getInput();
  if (gradient.rankOf(input) == 1) {
    if (gradient.needs(0))
      gradient.give(0, gradient.matmul(cotangent, op.getWeight()));
    if (gradient.needs(1))
      gradient.give(1, gradient.mul(column(gradient, cotangent), input)); // outer product
    if (op.getBias() && gradient.needs(2))
      gradient.give(2, cotangent);
    return;
  }
  Value matrix = gradient.asMatrix(cotangent); // [rows, out]
  if (gradient.needs(0))
    gradient.give(0, gradient.reshape(gradient.matmul(matrix, op.getWeight()), gradient.sizesOf(input)));
  if (gradient.needs(1))
    gradient.give(1, gradient.matmul(gradient.transpose(matrix), gradient.asMatrix(input)));
  if (op.getBias() && gradient.needs(2))
    gradient.give(2, gradient.sum(matrix, {0}, /*keepdim=*/false));
}

//===----------------------------------------------------------------------===//
// matmul, by the ranks of its operands
//===----------------------------------------------------------------------===//

/// [k] x [k] -> []
void innerProduct(Gradient &gradient, Value lhs, Value rhs) {
  if (gradient.needs(0))
    gradient.give(0, gradient.mul(gradient.cotangent(), rhs));
  if (gradient.needs(1))
    gradient.give(1, gradient.mul(gradient.cotangent(), lhs));
}

/// [..., m, k] x [k] -> [..., m]
void matricesTimesVector(Gradient &gradient, Value lhs, Value rhs) {
  Value cotangent = gradient.cotangent();
  if (gradient.needs(0))
    gradient.give(0, gradient.mul(column(gradient, cotangent), rhs)); // outer products
  if (!gradient.needs(1))
    return;
  Value matrix = gradient.asMatrix(lhs);
  Value vector = gradient.reshape(cotangent, {gradient.sizesOf(matrix)[0]});
  gradient.give(1, gradient.matmul(gradient.transpose(matrix), vector));
}

/// [k] x [..., k, n] -> [..., n]
void vectorTimesMatrices(Gradient &gradient, Value lhs, Value rhs) {
  Value cotangent = gradient.cotangent();
  if (gradient.needs(0)) {
    Value products = gradient.matmul(rhs, column(gradient, cotangent)); // [..., k, 1]
    Gradient::Sizes sizes = gradient.sizesOf(products);
    sizes.pop_back();
    gradient.give(0, gradient.reshape(products, sizes));
  }
  if (gradient.needs(1))
    gradient.give(1, gradient.mul(column(gradient, lhs), rows(gradient, cotangent))); // outer products
}

/// [..., m, k] x [k, n] -> [..., m, n]
void matricesTimesMatrix(Gradient &gradient, Value lhs, Value rhs) {
  Value matrix = gradient.asMatrix(gradient.cotangent());
  if (gradient.needs(0))
    gradient.give(0, gradient.reshape(gradient.matmul(matrix, gradient.transpose(rhs)), gradient.sizesOf(lhs)));
  if (gradient.needs(1))
    gradient.give(1, gradient.matmul(gradient.transpose(gradient.asMatrix(lhs)), matrix));
}

/// [..., m, k] x [..., k, n] -> [..., m, n]; what was stretched is summed by `give`.
void matricesTimesMatrices(Gradient &gradient, Value lhs, Value rhs) {
  if (gradient.needs(0))
    gradient.give(0, gradient.matmul(gradient.cotangent(), gradient.transpose(rhs)));
  if (gradient.needs(1))
    gradient.give(1, gradient.matmul(gradient.transpose(lhs), gradient.cotangent()));
}

void matmul(ir::MatmulOp op, Gradient &gradient) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  const int64_t left = gradient.rankOf(lhs), right = gradient.rankOf(rhs);
  if (left == 1 && right == 1)
    return innerProduct(gradient, lhs, rhs);
  if (right == 1)
    return matricesTimesVector(gradient, lhs, rhs);
  if (left == 1)
    return vectorTimesMatrices(gradient, lhs, rhs);
  return right == 2 ? matricesTimesMatrix(gradient, lhs, rhs) : matricesTimesMatrices(gradient, lhs, rhs);
}

} // namespace

void attachProductGradients(MLIRContext *context) {
  attachRule<ir::LinearOp, linear>(context);
  attachRule<ir::MatmulOp, matmul>(context);
}

} // namespace kiln::passes
