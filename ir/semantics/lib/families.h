// The families of operations: one function a family, listed once in operation.cpp.
//
// A function returning a span, not an object that registers itself: a linker drops unreferenced
// objects of a static library, and with them such registrations.
#pragma once

#include <span>

#include "kiln/semantics/operation.h"

namespace kiln::semantics {

std::span<const Operation> elementwise_unary_operations();
std::span<const Operation> elementwise_binary_operations();
std::span<const Operation> comparison_operations();
std::span<const Operation> detach_operations();
std::span<const Operation> linear_operations();
std::span<const Operation> matmul_operations();
std::span<const Operation> convolution_operations();
std::span<const Operation> packed_convolution_operations();
std::span<const Operation> pooling_operations();
std::span<const Operation> pooling_gradient_operations();
std::span<const Operation> normalization_operations();
std::span<const Operation> normalization_gradient_operations();
std::span<const Operation> dropout_operations();
std::span<const Operation> embedding_operations();
std::span<const Operation> shape_operations();
std::span<const Operation> cast_operations();
std::span<const Operation> creation_operations();
std::span<const Operation> reduction_operations();
std::span<const Operation> softmax_operations();
std::span<const Operation> cross_entropy_operations();
std::span<const Operation> optimizer_operations();

/// An operation whose node in PyTorch keeps no tensor for backward.
inline Operation saving_nothing(Operation operation) {
  operation.saves_for_backward = never_saves;
  return operation;
}

/// An operation whose node in PyTorch keeps tensors for backward in those calls that `saves` says.
inline Operation saving_if(bool (*saves)(const std::vector<bool> &, const Attributes &),
                           Operation operation) {
  operation.saves_for_backward = saves;
  return operation;
}

/// An operation through which no gradient flows.
inline Operation without_gradient(Operation operation) {
  operation.differentiable = false;
  return saving_nothing(std::move(operation));
}

} // namespace kiln::semantics
