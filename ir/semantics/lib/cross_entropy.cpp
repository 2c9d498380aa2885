// cross_entropy with class indices, and its gradient.
//
// Everything is computed in double from scores less their largest, so that no exponential
// overflows. The formulas, with what becomes of ignored targets and of weights that sum to zero, are
// those of torch.nn.functional.cross_entropy.
#include <algorithm>
#include <cmath>

#include "families.h"
#include "kernels.h"
#include "softmax.h"

namespace kiln::semantics {

namespace {

enum class Reduction { None, Mean, Sum };

Reduction reduction_of(const Attributes &attributes) {
  const auto &name = attributes.get<std::string>("reduction");
  if (name == "mean")
    return Reduction::Mean;
  if (name == "sum")
    return Reduction::Sum;
  if (name == "none")
    return Reduction::None;
  throw ValueError(name + " is not a valid value for reduction\nit is one of none, mean, sum");
}

std::string type_text(DType dtype) { return std::string(runtime::scalar_type_name(dtype)); }

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

// PyTorch has a function of its own for vectors and matrices, for images, and for other ranks, each
// with its messages.
void check_target_shape(const TensorType &input, const TensorType &target) {
  const std::size_t rank = input.sizes.size();
  if (input.sizes == target.sizes)
    throw ValueError("Expected floating point type for target with class probabilities, got " +
                     type_text(target.dtype) + "\nthe target " + target.shape_text() +
                     " has the shape of the input; class indices have no dimension of classes");
  if (rank == 0)
    throw ValueError("Expected 1 or more dimensions (got 0)");
  if (rank == 1) {
    if (target.sizes.size() == 1 && !(target.sizes[0] == 1))
      throw ValueError("For 1D input, 1D target must have size 1, but got target size: " +
                       target.sizes[0].text());
    if (target.sizes.size() > 1)
      throw ValueError("0D or 1D target tensor expected, multi-target not supported");
    return;
  }
  std::vector<DimExpr> expected = input.sizes;
  expected.erase(expected.begin() + 1);
  if (target.sizes == expected)
    return;
  std::string shapes = "\nthe input is " + input.shape_text() + ", so the target must be " +
                       shape_text(expected);
  if (runtime::is_floating_point(target.dtype)) // meant as probabilities, perhaps
    shapes += " of class indices (int64), or " + input.shape_text() + " of class probabilities (" +
              std::string(runtime::name(input.dtype)) + ")";
  shapes += ", but it is " + target.shape_text();
  const DimExpr targets = target.sizes.empty() ? DimExpr(0) : target.sizes[0];
  if (!(input.sizes[0] == targets))
    throw ValueError("Expected input batch_size (" + input.sizes[0].text() +
                     ") to match target batch_size (" + targets.text() + ")." + shapes);
  if (rank == 2)
    throw ValueError("0D or 1D target tensor expected, multi-target not supported" + shapes);
  if (rank != 4)
    throw ValueError("Expected target size " + shape_text(expected) + ", got " +
                     target.shape_text() + shapes);
  if (target.sizes.size() != 3)
    throw ValueError("only batches of spatial targets supported (3D tensors) but got targets of "
                     "dimension: " +
                     std::to_string(target.sizes.size()) + shapes);
  throw ValueError("size mismatch (got input: " + input.shape_text() +
                   " , target: " + target.shape_text() + shapes);
}

void check_weight(const TensorType &input, const TensorType &weight) {
  const DimExpr &classes = input.sizes[input.sizes.size() == 1 ? 0 : 1];
  if (weight.sizes.size() != 1 || !(weight.sizes[0] == classes)) {
    if (input.sizes.size() > 2)
      throw ValueError("weight tensor should be defined either for all or no classes\nthere are " +
                       classes.text() + " classes, but the weight is " + weight.shape_text());
    throw ValueError("weight tensor should be defined either for all " + classes.text() +
                     " classes or no classes but got weight tensor of shape: " +
                     weight.shape_text());
  }
  if (weight.dtype != input.dtype)
    throw ValueError("expected scalar type " + type_text(input.dtype) + " but found " +
                     type_text(weight.dtype) + "\nthe weight has the input's type");
}

TensorType loss_type(const TensorType &input, const TensorType &target,
                     const std::optional<TensorType> &weight, const Attributes &attributes) {
  const Reduction reduction = reduction_of(attributes);
  attributes.get<int64_t>("ignore_index");
  if (const double smoothing = attributes.get<double>("label_smoothing"); !(smoothing <= 1))
    throw ValueError("label_smoothing must be between 0.0 and 1.0. Got: " + stream_text(smoothing));
  if (runtime::is_floating_point(target.dtype) && input.sizes == target.sizes)
    throw ValueError("nn.cross_entropy takes class indices as its target, but got class "
                     "probabilities of type " +
                     type_text(target.dtype));
  check_target_shape(input, target);
  if (!runtime::is_floating_point(input.dtype))
    throw ValueError("\"log_softmax_lastdim_kernel_impl\" not implemented for '" +
                     type_text(input.dtype) + "'");
  if (weight)
    check_weight(input, *weight);
  if (target.dtype == DType::UInt8)
    throw ValueError("expected scalar type Long but found Byte\nconvert the target (nn.cast) first");
  if (target.dtype != DType::Int64)
    throw ValueError(
        "expected target dtype to be Long or Byte, but got " + type_text(target.dtype) +
        "\nclass indices are of dtype int64 (Long) or uint8 (Byte), but the target is " +
        std::string(runtime::name(target.dtype)) +
        ": declare the input with kInt64, as in {\"y\", {\"batch\"}, kInt64}, or convert it with "
        "to(kInt64)");
  // The target of a vector may be [1], the loss has no dimension all the same.
  const bool each = reduction == Reduction::None && input.sizes.size() > 1;
  return {input.dtype, each ? target.sizes : std::vector<DimExpr>{}};
}

std::vector<TensorType> infer_cross_entropy(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 2, 3, "nn.cross_entropy");
  return {loss_type(*operands[0], *operands[1], optional_operand(operands, 2), attributes)};
}

std::vector<TensorType> infer_cross_entropy_backward(OperandTypes operands,
                                                     const Attributes &attributes) {
  check_operands(operands, 3, 4, "nn.cross_entropy_backward");
  const TensorType loss =
      loss_type(*operands[1], *operands[2], optional_operand(operands, 3), attributes);
  if (!(*operands[0] == loss))
    throw ValueError("nn.cross_entropy_backward needs a gradient of the loss's type " +
                     std::string(runtime::name(loss.dtype)) + loss.shape_text() + ", but got " +
                     std::string(runtime::name(operands[0]->dtype)) + operands[0]->shape_text());
  return {*operands[1]};
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

// The operands as the kernels walk over them: scores are [N, C, R], `position` counts [N, R].
struct Problem {
  Tensor scores, targets;      // contiguous
  std::vector<double> weights; // ones where there are none
  int64_t batch = 1, classes = 0, rest = 1;
  int64_t ignore_index = 0;
  double smoothing = 0;
  Reduction reduction = Reduction::Mean;

  Problem(const Tensor &input, const Tensor &target, const Tensor &weight,
          const Attributes &attributes)
      : scores(input.contiguous()), targets(target.contiguous()),
        ignore_index(attributes.get<int64_t>("ignore_index")),
        smoothing(std::max(attributes.get<double>("label_smoothing"), 0.0)),
        reduction(reduction_of(attributes)) {
    classes = input.size(input.dim() == 1 ? 0 : 1);
    if (input.dim() > 1)
      batch = input.size(0);
    for (int64_t d = 2; d < input.dim(); ++d)
      rest *= input.size(d);
    weights.assign(static_cast<std::size_t>(classes), 1.0);
    if (weight.defined()) {
      const Tensor wide = weight.to(DType::Float64).contiguous();
      std::copy_n(wide.data<double>(), classes, weights.begin());
    }
    check_targets();
  }

  int64_t count() const { return batch * rest; }
  int64_t target(int64_t position) const { return targets.data<int64_t>()[position]; }
  bool is_ignored(int64_t position) const { return target(position) == ignore_index; }
  /// Of class 0; class c is c * rest further on.
  int64_t first(int64_t position) const {
    return position / rest * classes * rest + position % rest;
  }

  void check_targets() const {
    for (int64_t i = 0; i < count(); ++i)
      if (!is_ignored(i) && (target(i) < 0 || target(i) >= classes))
        throw IndexError("Target " + std::to_string(target(i)) +
                         " is out of bounds.\nit is target number " + std::to_string(i) +
                         ", but the input has " + std::to_string(classes) + " classes");
  }

  /// What the mean divides by.
  double total_weight() const {
    double total = 0;
    for (int64_t i = 0; i < count(); ++i)
      if (!is_ignored(i))
        total += weights[static_cast<std::size_t>(target(i))];
    return total;
  }

  /// The logarithms of softmax at one position.
  template <class T> void log_probabilities(int64_t position, std::span<double> result) const {
    log_softmax(scores.data<T>() + first(position), rest, result);
  }
};

std::vector<Tensor> evaluate_cross_entropy(std::span<const Tensor> operands,
                                           const Attributes &attributes) {
  const Problem problem(operands[0], operands[1], optional_operand(operands, 2), attributes);
  const bool each = problem.reduction == Reduction::None;
  Tensor result(each && operands[0].dim() > 1 ? sizes_of(operands[1]) : std::vector<int64_t>{},
                operands[0].dtype());
  dispatch_floating(result.dtype(), "cross_entropy", [&]<class T>(Type<T>) {
    std::vector<double> log_probabilities(static_cast<std::size_t>(problem.classes));
    const double smoothing_of_class = problem.smoothing / static_cast<double>(problem.classes);
    double total = 0;
    for (int64_t i = 0; i < problem.count(); ++i) {
      double loss = 0;
      if (!problem.is_ignored(i)) {
        problem.log_probabilities<T>(i, log_probabilities);
        const auto target = static_cast<std::size_t>(problem.target(i));
        loss = -problem.weights[target] * log_probabilities[target];
        if (problem.smoothing > 0) {
          double smooth = 0;
          for (std::size_t c = 0; c < log_probabilities.size(); ++c)
            smooth -= problem.weights[c] * log_probabilities[c];
          loss = (1 - problem.smoothing) * loss + smoothing_of_class * smooth;
        }
      }
      if (each)
        result.data<T>()[i] = static_cast<T>(loss);
      total += loss;
    }
    if (problem.reduction == Reduction::Mean)
      total /= problem.total_weight(); // 0 / 0 where all targets are ignored
    if (!each)
      *result.data<T>() = static_cast<T>(total);
  });
  return {result};
}

std::vector<Tensor> evaluate_cross_entropy_backward(std::span<const Tensor> operands,
                                                    const Attributes &attributes) {
  const Problem problem(operands[1], operands[2], optional_operand(operands, 3), attributes);
  const Tensor grad = operands[0].contiguous();
  Tensor result(sizes_of(operands[1]), operands[1].dtype());
  dispatch_floating(result.dtype(), "cross_entropy_backward", [&]<class T>(Type<T>) {
    const bool each = problem.reduction == Reduction::None;
    const double divisor = problem.reduction == Reduction::Mean ? problem.total_weight() : 1;
    std::vector<double> log_probabilities(static_cast<std::size_t>(problem.classes));
    std::vector<double> gradient(log_probabilities.size()); // of the logarithms
    for (int64_t i = 0; i < problem.count(); ++i) {
      T *to = result.data<T>() + problem.first(i);
      if (problem.is_ignored(i)) {
        for (int64_t c = 0; c < problem.classes; ++c)
          to[c * problem.rest] = T(0);
        continue;
      }
      problem.log_probabilities<T>(i, log_probabilities);
      const double scale = static_cast<double>(grad.data<T>()[each ? i : 0]) / divisor;
      double sum = 0;
      for (std::size_t c = 0; c < gradient.size(); ++c) {
        double share = problem.smoothing / static_cast<double>(problem.classes);
        if (static_cast<int64_t>(c) == problem.target(i))
          share += 1 - problem.smoothing;
        // A share of 0 is 0 even where the scale is not finite.
        gradient[c] = share == 0 ? 0 : -share * problem.weights[c] * scale;
        sum += gradient[c];
      }
      for (std::size_t c = 0; c < gradient.size(); ++c)
        to[static_cast<int64_t>(c) * problem.rest] =
            static_cast<T>(gradient[c] - std::exp(log_probabilities[c]) * sum);
    }
  });
  return {result};
}

} // namespace

std::span<const Operation> cross_entropy_operations() {
  static const Operation operations[] = {
      {"nn.cross_entropy", infer_cross_entropy, through_float<evaluate_cross_entropy>},
      without_gradient({"nn.cross_entropy_backward", infer_cross_entropy_backward,
                        through_float<evaluate_cross_entropy_backward>})};
  return operations;
}

} // namespace kiln::semantics
