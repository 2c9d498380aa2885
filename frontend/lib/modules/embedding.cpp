// Embedding.
#include "kiln/nn/modules/embedding.h"

#include "../errors.h"
#include "kiln/nn/functional.h"
#include "kiln/nn/init.h"
#include "run.h"

namespace kiln::nn {

EmbeddingImpl::EmbeddingImpl(const EmbeddingOptions &given) : options(given) {
  const int64_t count = options.num_embeddings();
  if (options.padding_idx()) {
    int64_t &row = *options.padding_idx();
    if (row < -count || row >= count)
      kiln::detail::fail("Padding_idx must be within num_embeddings");
    row = row < 0 ? row + count : row;
  }
  weight = register_parameter("weight", kiln::empty({count, options.embedding_dim()}));
  reset_parameters();
}

void EmbeddingImpl::reset_parameters() {
  init::normal_(weight);
  if (options.padding_idx()) {
    NoGradGuard guard;
    weight.select(0, *options.padding_idx()).zero_();
  }
}

Tensor EmbeddingImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] {
    return functional::embedding(input, weight, functional::EmbeddingFuncOptions().padding_idx(options.padding_idx()));
  });
}

std::string EmbeddingImpl::extra_repr() const {
  std::string text = std::to_string(options.num_embeddings()) + ", " + std::to_string(options.embedding_dim());
  if (options.padding_idx())
    text += ", padding_idx=" + std::to_string(*options.padding_idx());
  return text;
}

} // namespace kiln::nn
