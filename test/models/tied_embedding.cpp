// TiedEmbedding(1000, 64): the output projection's weight is the embedding's, one storage under two names.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct TiedEmbeddingImpl : nn::Module {
  TiedEmbeddingImpl(int64_t num_embeddings, int64_t embedding_dim) {
    embedding = register_module("embedding", nn::Embedding(num_embeddings, embedding_dim));
    output_projection =
        register_module("output_projection", nn::Linear(nn::LinearOptions(embedding_dim, num_embeddings).bias(false)));
    output_projection->weight = embedding->weight;
  }

  Tensor forward(Tensor x) { return output_projection(embedding(x)); }

  nn::Embedding embedding{nullptr};
  nn::Linear output_projection{nullptr};
};
KILN_MODULE(TiedEmbedding);

KILN_PROGRAM(tied_embedding) {
  TiedEmbedding model(1000, 64);
  program.function("predict", {{"x", {"batch", "length"}, kiln::kInt64}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
