// Options of layers and of the functional forms: structs with chained setters, as in libtorch.
//
//   nn::Linear(nn::LinearOptions(784, 10).bias(false))
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kiln/tensor.h"

/// An option: `name(value)` sets it and returns the options, `name()` reads it.
#define KILN_ARG(Type, name)                                                                                                     \
public:                                                                                                                          \
  auto name(const Type &new_##name)->decltype(*this) {                                                                           \
    this->name##_ = new_##name;                                                                                                  \
    return *this;                                                                                                                \
  }                                                                                                                              \
  auto name(Type &&new_##name)->decltype(*this) {                                                                                \
    this->name##_ = std::move(new_##name);                                                                                       \
    return *this;                                                                                                                \
  }                                                                                                                              \
  const Type &name() const noexcept { return this->name##_; }                                                                    \
  Type &name() noexcept { return this->name##_; }                                                                                \
                                                                                                                                 \
private:                                                                                                                         \
  Type name##_

namespace kiln::nn {

struct LinearOptions {
  LinearOptions(int64_t in_features, int64_t out_features) : in_features_(in_features), out_features_(out_features) {}
  KILN_ARG(int64_t, in_features);
  KILN_ARG(int64_t, out_features);
  KILN_ARG(bool, bias) = true;
};

struct LazyLinearOptions {
  LazyLinearOptions(int64_t out_features) : out_features_(out_features) {}
  KILN_ARG(int64_t, out_features);
  KILN_ARG(bool, bias) = true;
};

struct BatchNormOptions {
  BatchNormOptions(int64_t num_features) : num_features_(num_features) {}
  KILN_ARG(int64_t, num_features);
  KILN_ARG(double, eps) = 1e-5;
  /// Weight of the new value in the running statistics; empty: the average over all batches.
  KILN_ARG(std::optional<double>, momentum) = 0.1;
  /// Learnable scale and shift.
  KILN_ARG(bool, affine) = true;
  /// With `affine`: whether there is a shift.
  KILN_ARG(bool, bias) = true;
  KILN_ARG(bool, track_running_stats) = true;
};
using BatchNorm1dOptions = BatchNormOptions;
using BatchNorm2dOptions = BatchNormOptions;
using BatchNorm3dOptions = BatchNormOptions;

struct ReLUOptions {
  ReLUOptions(bool inplace = false) : inplace_(inplace) {}
  KILN_ARG(bool, inplace);
};

struct SoftmaxOptions {
  SoftmaxOptions(int64_t dim) : dim_(dim) {}
  /// The dimension whose elements add up to 1.
  KILN_ARG(int64_t, dim);
};
using LogSoftmaxOptions = SoftmaxOptions;

struct DropoutOptions {
  DropoutOptions(double p = 0.5) : p_(p) {}
  /// Probability that an element is zeroed.
  KILN_ARG(double, p);
  KILN_ARG(bool, inplace) = false;
};

struct FlattenOptions {
  KILN_ARG(int64_t, start_dim) = 1;
  KILN_ARG(int64_t, end_dim) = -1;
};

struct UnflattenOptions {
  UnflattenOptions(int64_t dim, std::vector<int64_t> sizes) : dim_(dim), sizes_(std::move(sizes)) {}
  KILN_ARG(int64_t, dim);
  KILN_ARG(std::vector<int64_t>, sizes);
};

struct EmbeddingOptions {
  EmbeddingOptions(int64_t num_embeddings, int64_t embedding_dim)
      : num_embeddings_(num_embeddings), embedding_dim_(embedding_dim) {}
  KILN_ARG(int64_t, num_embeddings);
  KILN_ARG(int64_t, embedding_dim);
  /// This row starts as zeros and is not trained; negative counts from the end.
  KILN_ARG(std::optional<int64_t>, padding_idx) = std::nullopt;
};

namespace functional {

using ReLUFuncOptions = ReLUOptions;

struct SoftmaxFuncOptions {
  SoftmaxFuncOptions(int64_t dim) : dim_(dim) {}
  KILN_ARG(int64_t, dim);
  /// What the input is converted to before.
  KILN_ARG(std::optional<DType>, dtype);
};
using LogSoftmaxFuncOptions = SoftmaxFuncOptions;

struct DropoutFuncOptions {
  KILN_ARG(double, p) = 0.5;
  KILN_ARG(bool, inplace) = false;

public:
  /// Whether anything is dropped: not unless this is given, as in libtorch. In Python it is the other way round.
  DropoutFuncOptions &training(bool new_training) {
    training() = new_training;
    return *this;
  }
  const bool &training() const noexcept { return training_; }
  bool &training() noexcept {
    has_training_ = true;
    return training_;
  }
  /// Whether it was given.
  bool has_training() const noexcept { return has_training_; }

private:
  bool training_ = false, has_training_ = false;
};

struct BatchNormFuncOptions {
  KILN_ARG(Tensor, weight);
  KILN_ARG(Tensor, bias);
  KILN_ARG(bool, training) = false;
  KILN_ARG(double, momentum) = 0.1;
  KILN_ARG(double, eps) = 1e-5;
};

struct EmbeddingFuncOptions {
  KILN_ARG(std::optional<int64_t>, padding_idx) = std::nullopt;
};

} // namespace functional
} // namespace kiln::nn
