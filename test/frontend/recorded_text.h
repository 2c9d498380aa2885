// A recorded program as text, so that tests read like programs.
#pragma once

#include <string>

#include "kiln/recording.h"

namespace kiln::test {

/// One line an operation: "%3 [batch, 128] = linear %0 %1 %2 @fc1". Attributes in braces, state as @path... see
/// recorded_text.cpp.
std::string text(const semantics::RecordedFunction &function);
/// The only function of a program, or the one of this name.
const semantics::RecordedFunction &function(const recording::Recording &recording, const std::string &name = "");
/// Values that the function returns for these inputs, computed by the reference kernels; state is read from, and written to,
/// `state`. Gradients are taken by central differences, in double.
std::vector<runtime::Tensor> interpret(const semantics::RecordedFunction &function, const std::vector<runtime::Tensor> &inputs,
                                       std::map<std::string, runtime::Tensor> &state);
/// Initial values of a program's state.
std::map<std::string, runtime::Tensor> initial_state(const recording::Recording &recording);

} // namespace kiln::test
