// Judges the masks of dropout.cpp: dropout_host ARTIFACT.
#include <cmath>
#include <cstdio>
#include <cstring>

#include <kiln/runtime/model.h>

using namespace kiln::runtime;

static void say(const char *what, bool holds) { std::printf("%s: %s\n", what, holds ? "yes" : "no"); }

static bool same(const Tensor &a, const Tensor &b) { return std::memcmp(a.data(), b.data(), a.nbytes()) == 0; }

int main(int, char **argv) {
  const Program program = Program::load(argv[1]);
  Model model(program, {.threads = 2});
  const int64_t count = 100000;
  Tensor ones({count}, DType::Float32);
  for (int64_t i = 0; i < count; ++i)
    ones.data<float>()[i] = 1;
  auto step = [&](Model &model) { return model.call("train_step", {ones}).at(0); };

  model.manual_seed(5);
  const Tensor first = step(model);
  const bool masked = same(first, model.gradients().at("scale"));
  const Tensor second = step(model);
  int64_t kept = 0, both = 0;
  bool values = true;
  for (int64_t i = 0; i < count; ++i) {
    const float a = first.data<float>()[i], b = second.data<float>()[i];
    values &= a == 0 || std::abs(a - 4.0f / 3) < 1e-6f;
    kept += a != 0;
    both += a != 0 && b != 0;
  }
  // Five standard deviations of a binomial distribution with probability q.
  auto expected = [&](int64_t found, double q) { return std::abs(found - count * q) < 5 * std::sqrt(count * q * (1 - q)); };
  say("values are 0 and 1 / (1 - p)", values);
  say("three quarters are kept", expected(kept, 0.75));
  say("the gradient has the mask of the output", masked);
  say("the next step has another mask", !same(first, second));
  say("masks of two steps are independent", expected(both, 0.75 * 0.75));

  Model other(program, {.threads = 1});
  other.manual_seed(5);
  const bool begins = same(step(other), first);
  say("the same seed gives the same masks, on one thread too", begins && same(step(other), second));
  other.manual_seed(6);
  say("another seed gives others", !same(step(other), first));
}
