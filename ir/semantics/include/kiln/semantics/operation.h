// What an operation means, free of MLIR: its result types and its reference kernel.
//
// One `Operation` an op of the nn dialect, in one table by name ("nn.linear"). Three users: the
// DSL's eager mode and its recorder, the dialect's shape-inference and interpretation interfaces,
// and the constant folder. Adding an op means one file section here (infer + evaluate +
// registration) and one definition in the dialect.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kiln/runtime/tensor.h"
#include "kiln/semantics/dim_expr.h"

namespace kiln::semantics {

using runtime::DType;
using runtime::Tensor;

/// An op's compile-time argument. Integers that may depend on run-time sizes are DimExpr (a plain
/// number is a constant DimExpr); integers that never do (a dimension's number, padding_idx) are
/// int64_t.
using Attribute =
    std::variant<bool, int64_t, double, std::string, DType, DimExpr, std::vector<int64_t>,
                 std::vector<double>, std::vector<DimExpr>, Tensor>;

class KILN_API Attributes {
public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> values)
      : values_(values) {}
  bool has(const std::string &name) const { return values_.count(name) != 0; }
  /// Throws KeyError when missing, TypeError when of another alternative.
  template <class T> const T &get(const std::string &name) const;
  /// The attribute, or null when missing or of another alternative.
  template <class T> const T *get_if(const std::string &name) const {
    auto found = values_.find(name);
    return found == values_.end() ? nullptr : std::get_if<T>(&found->second);
  }
  /// The attribute, or `otherwise` when missing.
  template <class T> T get_or(const std::string &name, T otherwise) const {
    return has(name) ? get<T>(name) : otherwise;
  }
  void set(std::string name, Attribute value) { values_[std::move(name)] = std::move(value); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  std::size_t size() const { return values_.size(); }

private:
  std::map<std::string, Attribute> values_;
};

/// Element type and sizes of a value; a size is a constant or symbolic.
struct KILN_API TensorType {
  DType dtype = DType::Float32;
  std::vector<DimExpr> sizes;
  int64_t rank() const { return static_cast<int64_t>(sizes.size()); }
  bool is_static() const;
  /// "[batch, 784]".
  std::string shape_text() const;
  bool operator==(const TensorType &) const = default;
};
KILN_API TensorType type_of(const Tensor &tensor);
/// "[batch, 784]".
KILN_API std::string shape_text(std::span<const DimExpr> sizes);

/// Operand types in order; an absent optional operand is empty.
using OperandTypes = std::span<const std::optional<TensorType>>;

/// See Operation::saves_for_backward.
inline bool always_saves(const std::vector<bool> &, const Attributes &) { return true; }
inline bool never_saves(const std::vector<bool> &, const Attributes &) { return false; }

struct KILN_API Operation {
  std::string name; // "nn.linear"
  /// Result types. Throws ValueError / IndexError / TypeError with PyTorch's text for operands that
  /// do not fit.
  std::vector<TensorType> (*infer)(OperandTypes operands, const Attributes &attributes) = nullptr;
  /// The reference kernel: any strides in, contiguous tensors out (fresh storage; views are never
  /// returned). An absent optional operand is an undefined Tensor. Called with operands that
  /// `infer` accepts; throws IndexError for bad index values. Computes in the operands' own
  /// floating type; sums accumulate in double.
  std::vector<Tensor> (*evaluate)(std::span<const Tensor> operands,
                                  const Attributes &attributes) = nullptr;
  /// Multiply-adds of one call as an expression in the sizes (linear: batch * in * out); null where
  /// it has none worth counting.
  DimExpr (*multiply_adds)(OperandTypes operands, const Attributes &attributes) = nullptr;
  /// Whether a gradient can flow through it. False: its results never require one (comparisons,
  /// nn.detach, constants, gradients, optimizer steps).
  bool differentiable = true;
  /// Whether PyTorch's node of a call keeps tensors for backward, so that going backward through it
  /// a second time is an error; not where the node knows all from sizes (add, reshape, sum).
  /// `requires_grad` says of each operand whether it requires a gradient: what only the gradients
  /// of others need is not kept.
  bool (*saves_for_backward)(const std::vector<bool> &requires_grad,
                             const Attributes &attributes) = always_saves;
};

/// Null when no such op is registered.
KILN_API const Operation *find_operation(std::string_view name);
/// All operations, sorted by name.
KILN_API std::vector<const Operation *> all_operations();
/// infer, checked: throws KeyError for an unknown op.
KILN_API std::vector<TensorType> infer(std::string_view name, OperandTypes operands,
                                       const Attributes &attributes);
/// infer, then evaluate.
KILN_API std::vector<Tensor> evaluate(std::string_view name, std::span<const Tensor> operands,
                                      const Attributes &attributes);

/// PyTorch's broadcasting of two shapes. Throws ValueError: "The size of tensor a (2) must match
/// the size of tensor b (3) at non-singleton dimension 1". A symbolic size against a different
/// non-1 size that is not known to be equal is an error too.
KILN_API std::vector<DimExpr> broadcast(const std::vector<DimExpr> &a,
                                        const std::vector<DimExpr> &b);
/// PyTorch's `dim` wrap: [-rank, rank-1], with its IndexError text.
KILN_API int64_t wrap_dim(int64_t dim, int64_t rank);

template <class T> const T &Attributes::get(const std::string &name) const {
  auto found = values_.find(name);
  if (found == values_.end())
    throw runtime::KeyError("attribute '" + name + "' is missing");
  if (const T *value = std::get_if<T>(&found->second))
    return *value;
  throw runtime::TypeError("attribute '" + name + "' has another type");
}

} // namespace kiln::semantics
