// dropout: the identity in evaluation mode, else each element kept with probability 1 - p and
// scaled by 1 / (1 - p).
//
// The mask is Philox's (kiln/semantics/philox.h), by generator state, site and the element's
// row-major index. As in PyTorch, a dropped element is multiplied by zero, not replaced by it: NaN
// and infinity stay visible. The gradient is the same operation on the output's gradient.
#include "families.h"
#include "kernels.h"
#include "kiln/semantics/philox.h"

namespace kiln::semantics {

namespace {

std::vector<TensorType> infer_dropout(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 2, "nn.dropout");
  const double p = attributes.get<double>("p");
  if (!(p >= 0 && p <= 1))
    throw ValueError("dropout probability has to be between 0 and 1, but got " + number_text(p));
  if (attributes.get<bool>("training") && p > 0 && !runtime::is_floating_point(operands[0]->dtype))
    throw ValueError("result type Float can't be cast to the desired output type " +
                     std::string(runtime::scalar_type_name(operands[0]->dtype)));
  attributes.get<int64_t>("site");
  const std::optional<TensorType> generator = optional_operand(operands, 1);
  if (generator && !(*generator == TensorType{DType::Int64, {2}}))
    throw ValueError("nn.dropout needs its generator as int64[2], seed and offset, but got " +
                     std::string(runtime::name(generator->dtype)) + generator->shape_text());
  if (!generator && attributes.get<bool>("training") && p > 0 && p < 1)
    throw ValueError("nn.dropout needs a generator in training");
  return {*operands[0]};
}

std::vector<Tensor> evaluate_dropout(std::span<const Tensor> operands,
                                     const Attributes &attributes) {
  const double p = attributes.get<double>("p");
  if (!attributes.get<bool>("training") || p == 0)
    return {operands[0].clone()};
  PhiloxStream stream{.site = static_cast<uint64_t>(attributes.get<int64_t>("site"))};
  if (p < 1) { // nothing is drawn where nothing is kept
    const Tensor generator = operands[1].contiguous();
    stream.seed = static_cast<uint64_t>(generator.data<int64_t>()[0]);
    stream.offset = static_cast<uint64_t>(generator.data<int64_t>()[1]);
  }
  Tensor result = operands[0].clone();
  dispatch_floating(result.dtype(), "dropout", [&]<class T>(Type<T>) {
    const T scale =
        static_cast<T>(1) / static_cast<T>(1 - p); // unused when p is 1: nothing is kept
    T *data = result.data<T>();
    for (int64_t i = 0; i < result.numel(); ++i)
      data[i] *= philox_keeps(stream, static_cast<uint64_t>(i), p) ? scale : T(0);
  });
  return {result};
}

// Where nothing is dropped, PyTorch's dropout is its input.
bool dropout_saves(const std::vector<bool> &, const Attributes &attributes) {
  return attributes.get<bool>("training") && attributes.get<double>("p") != 0;
}

} // namespace

std::span<const Operation> dropout_operations() {
  static const Operation operations[] = {
      saving_if(dropout_saves, {"nn.dropout", infer_dropout, through_float<evaluate_dropout>})};
  return operations;
}

} // namespace kiln::semantics
