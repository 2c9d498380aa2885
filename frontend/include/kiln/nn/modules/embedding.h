// Embedding.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

/// Rows of a table by index.
class KILN_API EmbeddingImpl : public Module {
public:
  EmbeddingImpl(int64_t num_embeddings, int64_t embedding_dim) : EmbeddingImpl(EmbeddingOptions(num_embeddings, embedding_dim)) {}
  explicit EmbeddingImpl(const EmbeddingOptions &options);
  Tensor forward(const Tensor &input);
  void reset_parameters();
  std::string extra_repr() const override;

  EmbeddingOptions options;
  Tensor weight; ///< [num_embeddings, embedding_dim]
};
KILN_MODULE(Embedding);

} // namespace kiln::nn
