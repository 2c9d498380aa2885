// Broadcasting, dimension numbers and the other helpers of the shape functions.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "operands.h"

namespace kiln::semantics {

using runtime::DType;

std::vector<DimExpr> broadcast(const std::vector<DimExpr> &a, const std::vector<DimExpr> &b) {
  const std::size_t rank = std::max(a.size(), b.size());
  std::vector<DimExpr> result(rank);
  for (std::size_t i = 1; i <= rank; ++i) { // from the last dimension
    const DimExpr left = i <= a.size() ? a[a.size() - i] : 1,
                  right = i <= b.size() ? b[b.size() - i] : 1;
    if (left == right || right == 1) {
      result[rank - i] = left;
    } else if (left == 1) {
      result[rank - i] = right;
    } else {
      std::string message = "The size of tensor a (" + left.text() +
                            ") must match the size of tensor b (" + right.text() +
                            ") at non-singleton dimension " + std::to_string(rank - i) +
                            "\nthe shapes are " + shape_text(a) + " and " + shape_text(b);
      if (!left.is_constant() || !right.is_constant())
        message += "; sizes known only at run time must be the same expression on both sides, or 1";
      throw ValueError(message);
    }
  }
  return result;
}

int64_t wrap_dim(int64_t dim, int64_t rank) {
  const int64_t range =
      std::max<int64_t>(rank, 1); // a tensor without dimensions counts as one of one dimension
  if (dim < -range || dim >= range)
    throw IndexError("Dimension out of range (expected to be in range of [" +
                     std::to_string(-range) + ", " + std::to_string(range - 1) + "], but got " +
                     std::to_string(dim) + ")");
  return dim < 0 ? dim + range : dim;
}

void check_operands(OperandTypes operands, std::size_t least, std::size_t most,
                    std::string_view operation) {
  const std::string name(operation);
  if (operands.size() < least || operands.size() > most)
    throw ValueError(name + " takes " + std::to_string(least) +
                     (most == least ? "" : " to " + std::to_string(most)) + " operands, but got " +
                     std::to_string(operands.size()));
  for (std::size_t i = 0; i < least; ++i)
    if (!operands[i])
      throw ValueError(name + ": operand " + std::to_string(i) +
                       " is absent, but it is not optional");
}

std::optional<TensorType> optional_operand(OperandTypes operands, std::size_t index) {
  return index < operands.size() ? operands[index] : std::nullopt;
}

Tensor optional_operand(std::span<const Tensor> operands, std::size_t index) {
  return index < operands.size() ? operands[index] : Tensor();
}

DimExpr product(std::span<const DimExpr> sizes) {
  DimExpr result = 1;
  for (const DimExpr &size : sizes)
    result = result * size;
  return result;
}

std::string factor_text(const DimExpr &size) {
  const std::string text = size.text();
  return size.is_constant() || size.as_symbol() ? text : "(" + text + ")";
}

std::string_view cpp_type_name(DType dtype) {
  switch (dtype) {
  case DType::Bool:
    return "bool";
  case DType::UInt8:
    return "unsigned char";
  case DType::Int8:
    return "signed char";
  case DType::Int16:
    return "short int";
  case DType::Int32:
    return "int";
  case DType::Int64:
    return "long int";
  case DType::Float16:
    return "c10::Half";
  case DType::BFloat16:
    return "c10::BFloat16";
  case DType::Float32:
    return "float";
  case DType::Float64:
    return "double";
  }
  return "unknown";
}

std::string number_text(double value) {
  char buffer[32];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

std::string stream_text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%g", value);
  return buffer;
}

int64_t require_constant(const DimExpr &size, std::string_view what) {
  if (std::optional<int64_t> value = size.constant())
    return *value;
  throw ValueError(std::string(what) + " is " + size.text() +
                   ", which has a value only at run time");
}

std::vector<int64_t> require_constants(std::span<const DimExpr> sizes, std::string_view what) {
  std::vector<int64_t> result;
  for (const DimExpr &size : sizes)
    result.push_back(require_constant(size, what));
  return result;
}

void check_expandable(const std::vector<DimExpr> &sizes, const std::vector<DimExpr> &target) {
  for (std::size_t i = 1; i <= sizes.size(); ++i) {
    const DimExpr &size = sizes[sizes.size() - i], &wanted = target[target.size() - i];
    if (!(size == wanted) && !(size == 1))
      throw ValueError(
          "The expanded size of the tensor (" + wanted.text() + ") must match the existing size (" +
          size.text() + ") at non-singleton dimension " + std::to_string(target.size() - i) +
          ".  Target sizes: " + shape_text(target) + ".  Tensor sizes: " + shape_text(sizes));
  }
}

} // namespace kiln::semantics
