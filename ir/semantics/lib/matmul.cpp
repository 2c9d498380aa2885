// matmul: torch.matmul's cases by rank.
//
// A vector on the left counts as one row, on the right as one column, and that dimension is dropped
// from the result. Leading dimensions of both are broadcast. The texts differ by case because
// PyTorch reaches different products: dot, mv, mm and bmm.
#include "families.h"
#include "kernels.h"
#include "matrix_product.h"

namespace kiln::semantics {

namespace {

using Sizes = std::vector<DimExpr>;

std::string type_text(DType dtype) { return std::string(runtime::scalar_type_name(dtype)); }

void check_bool(DType dtype, const char *kernel) {
  if (dtype == DType::Bool)
    throw ValueError("\"" + std::string(kernel) + "\" not implemented for 'Bool'");
}

// Matrix shapes of both operands after vectors have become matrices, and the broadcast leading
// dimensions.
struct Problem {
  Sizes batch;
  DimExpr rows, depth, columns;
  bool drops_rows = false, drops_columns = false; // a vector on the left, on the right

  Sizes result_sizes() const {
    Sizes sizes = batch;
    if (!drops_rows)
      sizes.push_back(rows);
    if (!drops_columns)
      sizes.push_back(columns);
    return sizes;
  }
};

std::string operands_text(const TensorType &lhs, const TensorType &rhs) {
  return "\nmatmul of " + lhs.shape_text() + " and " + rhs.shape_text();
}

// The cases that PyTorch turns into one product of two matrices, or of a matrix and a vector.
void check_folded(const TensorType &lhs, const TensorType &rhs, const DimExpr &rows,
                  const DimExpr &depth) {
  const DimExpr &found = rhs.sizes[0];
  if (rhs.sizes.size() == 1) {
    if (!(depth == found))
      throw ValueError("size mismatch, got input (" + rows.text() + "), mat (" + factor_text(rows) +
                       "x" + factor_text(depth) + "), vec (" + found.text() + ")" +
                       operands_text(lhs, rhs));
    if (lhs.dtype != rhs.dtype)
      throw ValueError("addmv input tensors must have the same dtype, but got " +
                       type_text(rhs.dtype) + ", " + type_text(lhs.dtype) + ", and " +
                       type_text(rhs.dtype));
    return check_bool(lhs.dtype, "addmv_impl_cpu");
  }
  if (!(depth == found))
    throw ValueError("mm: mat1 and mat2 shapes cannot be multiplied (" + factor_text(rows) + "x" +
                     factor_text(depth) + " and " + factor_text(found) + "x" +
                     factor_text(rhs.sizes[1]) + ")" + operands_text(lhs, rhs));
  if (lhs.dtype != rhs.dtype)
    throw ValueError("expected m1 and m2 to have the same dtype, but got: " +
                     std::string(cpp_type_name(lhs.dtype)) +
                     " != " + std::string(cpp_type_name(rhs.dtype)));
  check_bool(lhs.dtype, "addmm_impl_cpu_");
}

void check_dot(const TensorType &lhs, const TensorType &rhs) {
  if (lhs.dtype != rhs.dtype)
    throw ValueError("dot : expected both vectors to have same dtype, but found " +
                     type_text(lhs.dtype) + " and " + type_text(rhs.dtype));
  const std::string left = lhs.sizes[0].text(), right = rhs.sizes[0].text();
  if (!(lhs.sizes[0] == rhs.sizes[0]))
    throw ValueError("inconsistent tensor size, expected tensor [" + left + "] and src [" + right +
                     "] to have the same number of elements, but got " + left + " and " + right +
                     " elements respectively");
  check_bool(lhs.dtype, "dot");
}

void check_batched(const TensorType &lhs, const TensorType &rhs, const Problem &problem) {
  const DimExpr &found = rhs.sizes[rhs.sizes.size() - 2];
  if (!(problem.depth == found)) {
    const std::string batch = product(problem.batch).text();
    throw ValueError("Expected size for first two dimensions of batch2 tensor to be: [" + batch +
                     ", " + problem.depth.text() + "] but got: [" + batch + ", " + found.text() +
                     "]." + operands_text(lhs, rhs));
  }
  if (lhs.dtype != rhs.dtype)
    throw ValueError("expected scalar type " + type_text(lhs.dtype) + " but found " +
                     type_text(rhs.dtype));
  check_bool(lhs.dtype, "bmm");
}

// Checks and describes the product.
Problem describe(const TensorType &lhs, const TensorType &rhs) {
  const std::size_t left_rank = lhs.sizes.size(), right_rank = rhs.sizes.size();
  if (left_rank == 0 || right_rank == 0)
    throw ValueError("both arguments to matmul need to be at least 1D, but they are " +
                     std::to_string(left_rank) + "D and " + std::to_string(right_rank) + "D");
  Problem problem;
  problem.drops_rows = left_rank == 1;
  problem.drops_columns = right_rank == 1;
  problem.depth = lhs.sizes.back();
  problem.rows = left_rank == 1 ? DimExpr(1) : lhs.sizes[left_rank - 2];
  problem.columns = right_rank == 1 ? DimExpr(1) : rhs.sizes.back();
  const Sizes left_batch(lhs.sizes.begin(), lhs.sizes.end() - std::min<std::size_t>(left_rank, 2));
  const Sizes right_batch(rhs.sizes.begin(),
                          rhs.sizes.end() - std::min<std::size_t>(right_rank, 2));
  problem.batch = broadcast(left_batch, right_batch);
  if (left_rank == 1 && right_rank == 1)
    check_dot(lhs, rhs);
  else if (right_rank <= 2)
    check_folded(lhs, rhs, product(left_batch) * problem.rows, problem.depth);
  else
    check_batched(lhs, rhs, problem);
  return problem;
}

std::vector<TensorType> infer_matmul(OperandTypes operands, const Attributes &) {
  check_operands(operands, 2, 2, "nn.matmul");
  return {{operands[0]->dtype, describe(*operands[0], *operands[1]).result_sizes()}};
}

// [batch..., R, C] of `tensor`, its leading dimensions expanded and made one.
Tensor as_batches(Tensor tensor, const std::vector<int64_t> &batch, int64_t rows, int64_t columns) {
  std::vector<int64_t> sizes = batch;
  sizes.push_back(rows);
  sizes.push_back(columns);
  int64_t count = 1;
  for (int64_t size : batch)
    count *= size;
  return tensor.expand(sizes).reshape({count, rows, columns});
}

std::vector<Tensor> evaluate_matmul(std::span<const Tensor> operands, const Attributes &) {
  const Problem problem = describe(type_of(operands[0]), type_of(operands[1]));
  const std::vector<int64_t> batch = require_constants(problem.batch, "a size");
  const int64_t rows = require_constant(problem.rows, "a size"),
                depth = require_constant(problem.depth, "a size"),
                columns = require_constant(problem.columns, "a size");
  const Tensor lhs = as_batches(operands[0], batch, rows, depth);
  const Tensor rhs = as_batches(problem.drops_columns ? operands[1].unsqueeze(1) : operands[1],
                                batch, depth, columns)
                         .transpose(1, 2);
  Tensor result({lhs.size(0), rows, columns}, lhs.dtype());
  for (int64_t b = 0; b < lhs.size(0); ++b)
    matrix_product(lhs.select(0, b), rhs.select(0, b), {}, result.select(0, b), "bmm");
  return {result.view(require_constants(problem.result_sizes(), "a size"))};
}

DimExpr matmul_multiply_adds(OperandTypes operands, const Attributes &) {
  const Problem problem = describe(*operands[0], *operands[1]);
  return product(problem.batch) * problem.rows * problem.depth * problem.columns;
}

} // namespace

std::span<const Operation> matmul_operations() {
  static const Operation operations[] = {
      {"nn.matmul", infer_matmul, through_float<evaluate_matmul>, matmul_multiply_adds}};
  return operations;
}

} // namespace kiln::semantics
