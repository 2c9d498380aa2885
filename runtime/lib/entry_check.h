// Checks at the entry of a call: inputs and outputs against the function's declaration.
#pragma once

#include <span>
#include <vector>

#include "kiln/runtime/model.h"

namespace kiln::runtime {

/// Throws ValueError or TypeError unless `inputs` fit the declaration. Fills `symbols`, one value for each of function.symbols.
void check_inputs(const Function &function, std::span<const TensorView> inputs, std::span<int64_t> symbols);

/// Throws ValueError unless there are as many outputs as the function has.
void check_output_count(const Function &function, std::size_t count);

/// Throws ValueError or TypeError unless `output` has the dtype and sizes of output `index`, and no element of it is there twice.
void check_output(const Function &function, std::size_t index, const TensorView &output, std::span<const int64_t> sizes);

/// The errors of an output whose memory is the model's state, and of two outputs that share memory.
[[noreturn]] void fail_output_in_state(const Function &function, std::size_t index);
[[noreturn]] void fail_outputs_overlap(const Function &function, std::size_t one, std::size_t other);

} // namespace kiln::runtime
