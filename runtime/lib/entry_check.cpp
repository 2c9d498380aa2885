// Entry checks and their messages: dtype first, then rank, then the first dimension that is wrong, then both shapes whole.
#include "entry_check.h"

#include "concat.h"
#include "strided_copy.h"

namespace kiln::runtime {

namespace {

std::string quoted(std::string_view name) { return concat({"'", name, "'"}); }

std::string place(const Function &function, const char *kind, const Argument &argument) {
  return concat({function.name, ": ", kind, " ", quoted(argument.name), ": "});
}

/// The two lines at the end of every message about one tensor.
std::string expected_and_found(std::string_view expected_shape, const Argument &argument, const TensorView &view) {
  return concat({"\n  expected: ", name(argument.dtype), " ", expected_shape, "\n  found:    ", name(view.dtype), " ",
                 shape_text(view.sizes)});
}

std::string dimensions(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " dimension" : " dimensions");
}

/// What inputs and outputs have in common: defined, dtype, rank.
void check_kind(const Function &function, const char *kind, const Argument &argument, std::string_view expected_shape,
                const TensorView &view) {
  if (!view.defined)
    throw ValueError(concat({place(function, kind, argument), "is an undefined tensor\n  expected: ", argument.type_text()}));
  if (view.dtype != argument.dtype)
    throw TypeError(concat({place(function, kind, argument), "expected dtype ", name(argument.dtype), ", found ",
                            name(view.dtype), expected_and_found(expected_shape, argument, view)}));
  if (static_cast<int64_t>(view.sizes.size()) != argument.rank)
    throw ValueError(concat({place(function, kind, argument), "expected ", dimensions(static_cast<std::size_t>(argument.rank)),
                             ", found ", view.sizes.size(), expected_and_found(expected_shape, argument, view)}));
}

/// What comes after the entry multiplies sizes and strides freely.
void check_memory(const Function &function, const char *kind, const Argument &argument, const TensorView &view) {
  if (!fits_memory(view.sizes, view.strides, element_size(view.dtype)))
    throw ValueError(concat({place(function, kind, argument), "sizes ", shape_text(view.sizes),
                             (view.strides.empty() ? "" : " with strides " + shape_text(view.strides)),
                             " reach further than there can be memory"}));
}

[[noreturn]] void fail_count(const Function &function, std::size_t found) {
  // The texts with which PyTorch refuses a call of a compiled (scripted) module.
  const std::string declaration = " Declaration: " + function.declaration();
  if (found < function.inputs.size())
    throw ValueError(
        concat({function.name, "() is missing value for argument ", quoted(function.inputs[found].name), ".", declaration}));
  throw ValueError(concat({function.name, "() expected at most ", function.inputs.size(), " argument(s) but received ", found,
                           " argument(s).", declaration}));
}

std::string shapes_of(const Argument &argument, const TensorView &view) {
  return concat({"\n  input ", quoted(argument.name), ": expected ", argument.shape_text, ", found ", shape_text(view.sizes)});
}

/// A symbol that has one value in an earlier dimension and another one in dimension `dim` of input `index`.
[[noreturn]] void fail_symbol(const Function &function, std::span<const TensorView> inputs, std::size_t index,
                              std::size_t dim) {
  const int32_t symbol = function.inputs[index].dims[dim].symbol;
  std::size_t first = 0, first_dim = 0;
  auto carries = [&] { return function.inputs[first].dims[first_dim].symbol == symbol; };
  for (first = 0; first <= index; ++first) {
    const std::size_t rank = function.inputs[first].dims.size();
    for (first_dim = 0; first_dim < rank && !carries(); ++first_dim)
      ;
    if (first_dim < rank)
      break;
  }
  const Argument &one = function.inputs[first], &other = function.inputs[index];
  std::string message = concat({function.name, ": dimension ", quoted(function.symbols[static_cast<std::size_t>(symbol)]), " is ",
                                inputs[first].sizes[first_dim]});
  const std::string found = std::to_string(inputs[index].sizes[dim]);
  if (first == index)
    message += concat({" in dimension ", first_dim, " of input ", quoted(one.name), " but ", found, " in dimension ", dim,
                       shapes_of(one, inputs[first])});
  else
    message += concat({" in input ", quoted(one.name), " but ", found, " in input ", quoted(other.name),
                       shapes_of(one, inputs[first]), shapes_of(other, inputs[index])});
  throw ValueError(message);
}

} // namespace

void check_inputs(const Function &function, std::span<const TensorView> inputs, std::span<int64_t> symbols) {
  if (inputs.size() != function.inputs.size())
    fail_count(function, inputs.size());
  for (int64_t &value : symbols)
    value = -1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Argument &argument = function.inputs[i];
    check_kind(function, "input", argument, argument.shape_text, inputs[i]);
    for (std::size_t d = 0; d < argument.dims.size(); ++d) {
      const kiln_dim &dim = argument.dims[d];
      const int64_t size = inputs[i].sizes[d];
      if (size < 0)
        throw ValueError(concat({place(function, "input", argument), "size ", size, " in dimension ", d, " is negative"}));
      if (dim.symbol < 0) {
        if (size != dim.value)
          throw ValueError(concat({place(function, "input", argument), "expected size ", dim.value, " in dimension ", d,
                                   ", found ", size, expected_and_found(argument.shape_text, argument, inputs[i])}));
        continue;
      }
      int64_t &value = symbols[static_cast<std::size_t>(dim.symbol)];
      if (value < 0)
        value = size;
      else if (value != size)
        fail_symbol(function, inputs, i, d);
    }
    check_memory(function, "input", argument, inputs[i]);
  }
}

void check_output_count(const Function &function, std::size_t count) {
  if (count != function.outputs.size())
    throw ValueError(
        concat({function.name, ": expected ", function.outputs.size(), (function.outputs.size() == 1 ? " output" : " outputs"),
                ", found ", count, "\n  declaration: ", function.declaration()}));
}

void check_output(const Function &function, std::size_t index, const TensorView &output,
                  std::span<const int64_t> sizes) {
  const Argument &argument = function.outputs[index];
  const char *kind = "output";
  bool fits = output.defined && output.dtype == argument.dtype && output.sizes.size() == sizes.size();
  for (std::size_t d = 0; fits && d < sizes.size(); ++d)
    fits = output.sizes[d] == sizes[d];
  if (!fits) {
    const std::string shape = shape_text(sizes);
    check_kind(function, kind, argument, shape, output);
    for (std::size_t d = 0; d < sizes.size(); ++d)
      if (output.sizes[d] != sizes[d])
        throw ValueError(concat({place(function, kind, argument), "expected size ", sizes[d], " in dimension ", d, ", found ",
                                 output.sizes[d], expected_and_found(shape, argument, output)}));
  }
  check_memory(function, kind, argument, output);
  for (std::size_t d = 0; d < output.strides.size(); ++d)
    if (output.strides[d] == 0 && output.sizes[d] > 1)
      throw ValueError(concat({"unsupported operation: more than one element of the written-to tensor refers to a single memory "
                               "location. Please clone() the tensor before performing the operation.\n  ",
                               place(function, kind, argument), "has stride 0 in dimension ", d}));
}

void fail_output_in_state(const Function &function, std::size_t index) {
  throw ValueError(place(function, "output", function.outputs[index]) +
                   "lies in the model's own state\n  give it memory of its own");
}

void fail_outputs_overlap(const Function &function, std::size_t one, std::size_t other) {
  throw ValueError(concat({function.name, ": outputs ", quoted(function.outputs[one].name), " and ",
                           quoted(function.outputs[other].name), " share memory\n  give each memory of its own"}));
}

} // namespace kiln::runtime
