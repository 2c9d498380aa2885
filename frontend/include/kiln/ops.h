// Free functions on tensors, under libtorch's names.
#pragma once

#include <vector>

#include "kiln/tensor.h"

namespace kiln {

inline Tensor operator+(const Tensor &a, const Tensor &b) { return a.add(b); }
inline Tensor operator+(const Tensor &a, const Scalar &b) { return a.add(b); }
KILN_API Tensor operator+(const Scalar &a, const Tensor &b);
inline Tensor operator-(const Tensor &a, const Tensor &b) { return a.sub(b); }
inline Tensor operator-(const Tensor &a, const Scalar &b) { return a.sub(b); }
KILN_API Tensor operator-(const Scalar &a, const Tensor &b);
inline Tensor operator*(const Tensor &a, const Tensor &b) { return a.mul(b); }
inline Tensor operator*(const Tensor &a, const Scalar &b) { return a.mul(b); }
KILN_API Tensor operator*(const Scalar &a, const Tensor &b);
inline Tensor operator/(const Tensor &a, const Tensor &b) { return a.div(b); }
inline Tensor operator/(const Tensor &a, const Scalar &b) { return a.div(b); }
KILN_API Tensor operator/(const Scalar &a, const Tensor &b);

inline Tensor add(const Tensor &a, const Tensor &b, const Scalar &alpha = 1) { return a.add(b, alpha); }
inline Tensor add(const Tensor &a, const Scalar &b, const Scalar &alpha = 1) { return a.add(b, alpha); }
inline Tensor sub(const Tensor &a, const Tensor &b, const Scalar &alpha = 1) { return a.sub(b, alpha); }
inline Tensor sub(const Tensor &a, const Scalar &b, const Scalar &alpha = 1) { return a.sub(b, alpha); }
inline Tensor mul(const Tensor &a, const Tensor &b) { return a.mul(b); }
inline Tensor mul(const Tensor &a, const Scalar &b) { return a.mul(b); }
inline Tensor div(const Tensor &a, const Tensor &b) { return a.div(b); }
inline Tensor div(const Tensor &a, const Scalar &b) { return a.div(b); }
inline Tensor neg(const Tensor &x) { return x.neg(); }
inline Tensor abs(const Tensor &x) { return x.abs(); }
inline Tensor exp(const Tensor &x) { return x.exp(); }
inline Tensor log(const Tensor &x) { return x.log(); }
inline Tensor sqrt(const Tensor &x) { return x.sqrt(); }
inline Tensor rsqrt(const Tensor &x) { return x.rsqrt(); }
inline Tensor square(const Tensor &x) { return x.square(); }
inline Tensor relu(const Tensor &x) { return x.relu(); }
inline const Tensor &relu_(const Tensor &x) { return x.relu_(); }
inline Tensor sigmoid(const Tensor &x) { return x.sigmoid(); }
inline Tensor tanh(const Tensor &x) { return x.tanh(); }
inline Tensor softmax(const Tensor &x, int64_t dim, std::optional<DType> dtype = {}) { return x.softmax(dim, dtype); }
inline Tensor log_softmax(const Tensor &x, int64_t dim, std::optional<DType> dtype = {}) { return x.log_softmax(dim, dtype); }
inline Tensor maximum(const Tensor &a, const Tensor &b) { return a.maximum(b); }
inline Tensor minimum(const Tensor &a, const Tensor &b) { return a.minimum(b); }
inline Tensor matmul(const Tensor &a, const Tensor &b) { return a.matmul(b); }
inline Tensor mm(const Tensor &a, const Tensor &b) { return a.mm(b); }
inline Tensor bmm(const Tensor &a, const Tensor &b) { return a.bmm(b); }
/// beta * input + alpha * (mat1 @ mat2).
KILN_API Tensor addmm(const Tensor &input, const Tensor &mat1, const Tensor &mat2, const Scalar &beta = 1,
                      const Scalar &alpha = 1);
inline Tensor sum(const Tensor &x) { return x.sum(); }
inline Tensor sum(const Tensor &x, IntArrayRef dims, bool keepdim = false) { return x.sum(dims, keepdim); }
inline Tensor mean(const Tensor &x) { return x.mean(); }
inline Tensor mean(const Tensor &x, IntArrayRef dims, bool keepdim = false) { return x.mean(dims, keepdim); }

/// input @ weight^T + bias; any leading dimensions. `bias` may be undefined.
KILN_API Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias = {});
/// Zeroes elements with probability p and scales the rest by 1 / (1 - p) when `train`; else returns `input` itself.
KILN_API Tensor dropout(const Tensor &input, double p, bool train);
/// Rows of `weight` by index.
KILN_API Tensor embedding(const Tensor &weight, const Tensor &indices, std::optional<int64_t> padding_idx = {});

inline Tensor flatten(const Tensor &x, int64_t start_dim = 0, int64_t end_dim = -1) { return x.flatten(start_dim, end_dim); }
inline Tensor unflatten(const Tensor &x, int64_t dim, IntArrayRef sizes) { return x.unflatten(dim, sizes); }
inline Tensor reshape(const Tensor &x, IntArrayRef sizes) { return x.reshape(sizes); }
inline Tensor permute(const Tensor &x, IntArrayRef dims) { return x.permute(dims); }
inline Tensor transpose(const Tensor &x, int64_t dim0, int64_t dim1) { return x.transpose(dim0, dim1); }
inline Tensor squeeze(const Tensor &x) { return x.squeeze(); }
inline Tensor squeeze(const Tensor &x, int64_t dim) { return x.squeeze(dim); }
inline Tensor unsqueeze(const Tensor &x, int64_t dim) { return x.unsqueeze(dim); }
inline Tensor select(const Tensor &x, int64_t dim, int64_t index) { return x.select(dim, index); }
inline Tensor narrow(const Tensor &x, int64_t dim, int64_t start, int64_t length) { return x.narrow(dim, start, length); }
inline Tensor clone(const Tensor &x) { return x.clone(); }
inline std::vector<Tensor> chunk(const Tensor &x, int64_t chunks, int64_t dim = 0) { return x.chunk(chunks, dim); }
inline std::vector<Tensor> split(const Tensor &x, int64_t split_size, int64_t dim = 0) { return x.split(split_size, dim); }
KILN_API Tensor cat(const TensorList &tensors, int64_t dim = 0);
inline Tensor concat(const TensorList &tensors, int64_t dim = 0) { return cat(tensors, dim); }
KILN_API Tensor stack(const TensorList &tensors, int64_t dim = 0);

inline bool equal(const Tensor &a, const Tensor &b) { return a.equal(b); }
inline bool allclose(const Tensor &a, const Tensor &b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) {
  return a.allclose(b, rtol, atol, equal_nan);
}

} // namespace kiln
