// Trains ConditionalNet for some steps, and looks at its batch normalisation: batch_norm_host ARTIFACT DIGITS WEIGHTS LOGITS.npy (the
// last two are written).
#include <cmath>
#include <cstdio>
#include <cstring>

#include <kiln/runtime/files.h>
#include <kiln/runtime/model.h>

using namespace kiln::runtime;

static bool same(const Tensor &a, const Tensor &b) { return std::memcmp(a.data(), b.data(), a.nbytes()) == 0; }

/// Mean and unbiased variance over the batch of each output of fc1, in double.
static void batch_statistics(const StateDict &state, const Tensor &images, std::vector<double> &means, std::vector<double> &variances) {
  const Tensor weight = state.at("fc1.weight"), bias = state.at("fc1.bias");
  const int64_t rows = images.size(0), in = images.size(1);
  for (int64_t channel = 0; channel < weight.size(0); ++channel) {
    double sum = 0, squares = 0;
    std::vector<double> values;
    for (int64_t row = 0; row < rows; ++row) {
      double value = bias.data<float>()[channel];
      for (int64_t i = 0; i < in; ++i)
        value += static_cast<double>(images.data<float>()[row * in + i]) * weight.data<float>()[channel * in + i];
      values.push_back(value);
      sum += value;
    }
    for (double value : values)
      squares += (value - sum / rows) * (value - sum / rows);
    means.push_back(sum / rows);
    variances.push_back(squares / (rows - 1));
  }
}

int main(int, char **argv) {
  Model model(Program::load(argv[1]));
  const StateDict digits = load(argv[2]);
  auto batch = [&](const char *name, int64_t step) { return digits.at(name).slice(0, step * 32, step * 32 + 32, 1).contiguous(); };
  const Tensor images = digits.at("images").slice(0, 0, 32, 1).contiguous();
  const Tensor untrained = model.call("predict", {digits.at("images")}).at(0);

  std::vector<double> means, variances;
  batch_statistics(model.snapshot(), images, means, variances);
  model.call("train_step", {images, batch("labels", 0)});
  const StateDict state = model.state_dict();
  bool moved = true;
  for (std::size_t i = 0; i < means.size(); ++i) {
    moved &= std::abs(state.at("bn1.running_mean").data<float>()[i] - 0.1 * means[i]) < 1e-6;
    moved &= std::abs(state.at("bn1.running_var").data<float>()[i] - (0.9 + 0.1 * variances[i])) < 1e-6;
  }
  std::printf("running statistics after a step: 0.9 of the old and 0.1 of the batch's: %s\n", moved ? "yes" : "no");
  auto tracked = [&] { return static_cast<long long>(state.at("bn1.num_batches_tracked").data<int64_t>()[0]); };
  std::printf("num_batches_tracked: %lld\n", tracked());
  for (int64_t step = 1; step < 5; ++step)
    model.call("train_step", {batch("images", step), batch("labels", step)});
  std::printf("num_batches_tracked after 4 more: %lld\n", tracked());

  const StateDict before = model.snapshot();
  const Tensor trained = model.call("predict", {digits.at("images")}).at(0);
  bool unchanged = true;
  for (const auto &[name, value] : before)
    unchanged &= same(value, state.at(name));
  std::printf("predicting changes no state: %s\n", unchanged ? "yes" : "no");
  std::printf("predicting again gives the same bits: %s\n", same(model.call("predict", {digits.at("images")}).at(0), trained) ? "yes" : "no");
  std::printf("the prediction before training was another: %s\n", same(trained, untrained) ? "no" : "yes");
  Model fresh(model.program());
  fresh.load_state_dict(before);
  std::printf("another model with these weights predicts the same bits: %s\n",
              same(fresh.call("predict", {digits.at("images")}).at(0), trained) ? "yes" : "no");
  save_safetensors(argv[3], before);
  save_npy(argv[4], trained);
}
