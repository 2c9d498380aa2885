// A host program: classifies handwritten digits with a compiled model, and says how well and how fast.
//
//   classify WEIGHTS IMAGES
//
// WEIGHTS is a state_dict (.pt or .safetensors), IMAGES a .safetensors file with `images` [N, 784] and `labels` [N]. "deep_mlp.h"
// was written by `kiln build`; this program links that model and Kiln's runtime, nothing else: no compiler, no framework.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <vector>

#include "deep_mlp.h"
#include "kiln/runtime/files.h"

using kiln::runtime::Tensor;

/// Index of the largest of each row's scores: the digit that the model sees.
static std::vector<int64_t> predictions(const Tensor &scores) {
  const int64_t classes = scores.size(1);
  std::vector<int64_t> result;
  for (int64_t row = 0; row < scores.size(0); ++row) {
    const float *begin = scores.data<float>() + row * classes;
    result.push_back(std::max_element(begin, begin + classes) - begin);
  }
  return result;
}

/// Median microseconds of a call.
static double time_call(deep_mlp::Model &model, const Tensor &images) {
  std::vector<double> times;
  for (int call = 0; call < 201; ++call) {
    const auto start = std::chrono::steady_clock::now();
    model.predict(images);
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

int main(int argc, char **argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s WEIGHTS IMAGES\n", argv[0]);
    return 2;
  }
  deep_mlp::Model model;
  model.load_state_dict(kiln::runtime::load(argv[1]));

  const auto data = kiln::runtime::load(argv[2]);
  const Tensor images = data.at("images"), labels = data.at("labels");
  const std::vector<int64_t> digits = predictions(model.predict(images));
  int64_t right = 0;
  for (int64_t i = 0; i < labels.numel(); ++i)
    right += digits[i] == labels.data<int64_t>()[i];

  std::printf("accuracy       %.2f %% (%lld of %lld digits)\n", 100.0 * right / labels.numel(), static_cast<long long>(right),
              static_cast<long long>(labels.numel()));
  std::printf("time a call    %.1f us for 1 image, %.1f us for 32\n", time_call(model, images.slice(0, 0, 1, 1)),
              time_call(model, images.slice(0, 0, 32, 1)));
  return 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
