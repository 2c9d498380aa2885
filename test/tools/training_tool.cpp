// training-tool: runs a compiled training step many times and writes what it returned.
//
//   training-tool ARTIFACT FUNCTION BATCHES.safetensors LOSSES.npy [--weights=F] [--save=F.safetensors] [--threads=N]
//                 [--steps=S --batch=B --stride=R]
//
// BATCHES holds a tensor for each of the function's inputs, with a dimension of steps before the input's own. With --steps it holds
// data sets of N rows instead: step s takes rows (s * B + j) * R mod N for j = 0 ... B - 1. LOSSES receives the function's first output
// of every step, float64. Exit status 2 for a wrong command line.
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/runtime/files.h"
#include "kiln/runtime/model.h"

using namespace kiln::runtime;

namespace {

/// Rows (step * size + j) * stride modulo the number of rows, for j = 0 ... size - 1.
Tensor batch_of(const Tensor &data, int64_t step, int64_t size, int64_t stride) {
  std::vector<int64_t> sizes(data.sizes().begin(), data.sizes().end());
  const int64_t rows = sizes[0], row_bytes = data.nbytes() / rows;
  sizes[0] = size;
  Tensor batch(sizes, data.dtype());
  for (int64_t j = 0; j < size; ++j) {
    const int64_t row = (step * size + j) * stride % rows;
    std::memcpy(static_cast<char *>(batch.data()) + j * row_bytes, static_cast<const char *>(data.data()) + row * row_bytes, row_bytes);
  }
  return batch;
}

int run(const std::vector<std::string> &words, const std::map<std::string, std::string> &options) {
  auto option = [&](const char *name) {
    auto found = options.find(name);
    return found == options.end() ? std::string() : found->second;
  };
  ModelOptions model_options;
  if (const std::string threads = option("threads"); !threads.empty())
    model_options.threads = std::stoi(threads);
  Model model(Program::load(words[0]), model_options);
  if (const std::string weights = option("weights"); !weights.empty())
    model.load_state_dict(load(weights));

  const StateDict batches = load(words[2]);
  std::vector<Tensor> columns;
  const Program &program = model.program();
  for (const Argument &input : program.functions()[program.function_index(words[1])].inputs)
    columns.push_back(batches.at(input.name).to(input.dtype).contiguous());
  const bool by_rows = options.contains("steps");
  const int64_t steps = by_rows ? std::stoll(option("steps")) : columns.at(0).size(0);
  Tensor losses = Tensor({steps}, DType::Float64);
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<Tensor> inputs;
    for (const Tensor &column : columns)
      inputs.push_back(by_rows ? batch_of(column, step, std::stoll(options.at("batch")), std::stoll(options.at("stride")))
                               : column.select(0, step));
    losses.data<double>()[step] = model.call(words[1], inputs).at(0).to(DType::Float64).data<double>()[0];
  }
  save_npy(words[3], losses);
  if (const std::string path = option("save"); !path.empty())
    save_safetensors(path, model.state_dict());
  return 0;
}

} // namespace

int main(int count, char **values) {
  std::vector<std::string> words;
  std::map<std::string, std::string> options;
  for (int i = 1; i < count; ++i) {
    const std::string word = values[i];
    const std::size_t equals = word.find('=');
    if (word.starts_with("--") && equals != std::string::npos)
      options[word.substr(2, equals - 2)] = word.substr(equals + 1);
    else
      words.push_back(word);
  }
  if (words.size() != 4) {
    std::fprintf(stderr, "usage: training-tool ARTIFACT FUNCTION BATCHES LOSSES [--weights=F] [--save=F] [--threads=N]\n"
                         "                     [--steps=S --batch=B --stride=R]\n");
    return 2;
  }
  try {
    return run(words, options);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "training-tool: %s\n", error.what());
    return 1;
  }
}
