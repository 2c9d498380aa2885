// What the shape functions share: reading operands, and the texts of common errors.
#pragma once

#include <string>

#include "kiln/semantics/operation.h"

namespace kiln::semantics {

using runtime::IndexError;
using runtime::ValueError;

/// Throws ValueError unless there are `least` to `most` operands and the first `least` are present.
void check_operands(OperandTypes operands, std::size_t least, std::size_t most,
                    std::string_view operation);
/// The operand, or empty when absent or beyond the end.
std::optional<TensorType> optional_operand(OperandTypes operands, std::size_t index);
/// The kernel's counterpart: an undefined Tensor when absent.
Tensor optional_operand(std::span<const Tensor> operands, std::size_t index);

/// Product of sizes.
DimExpr product(std::span<const DimExpr> sizes);
/// A size inside a text such as "2x5": an expression of several parts is put in parentheses.
std::string factor_text(const DimExpr &size);
/// The C++ spelling that PyTorch's messages use for an element type: "float", "c10::Half", "long
/// int".
std::string_view cpp_type_name(DType dtype);
/// Shortest text that reads back as `value`, with ".0" after a whole number, as Python prints
/// floats.
std::string number_text(double value);
/// As a C++ stream prints it, which messages of PyTorch's C++ do.
std::string stream_text(double value);

/// The value of a size that a kernel needs. Throws ValueError when it is symbolic.
int64_t require_constant(const DimExpr &size, std::string_view what);
std::vector<int64_t> require_constants(std::span<const DimExpr> sizes, std::string_view what);

/// Throws ValueError with PyTorch's text unless a tensor of `sizes` expands to `target`.
void check_expandable(const std::vector<DimExpr> &sizes, const std::vector<DimExpr> &target);

} // namespace kiln::semantics
