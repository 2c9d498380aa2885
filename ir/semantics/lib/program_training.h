// Checks of what a recorded program holds for training.
#pragma once

#include "kiln/semantics/program.h"

namespace kiln::semantics {

/// The result types of nn.backward (loss, gradient?, targets...): the targets' types. Throws
/// ValueError with PyTorch's text for a loss without gradient that is not one number.
std::vector<TensorType> infer_backward(OperandTypes operands);

/// Throws ValueError that begins with `where` unless the program's gradients and optimizers name
/// states of the right kinds and types, each once.
void check_training(const RecordedProgram &program, const std::string &where);

} // namespace kiln::semantics
