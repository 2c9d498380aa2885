// A program of our own for the tests, as the compiler would emit one: descriptors by hand, kernels in C++.
//
// State "weight" [3, 2] and "bias" [3] (parameters), "tied" an alias of "weight", "count" [] int64 (buffer), "scratch" [] float64
// (buffer, not persistent), "momentum" [3] (of an optimizer). Prepared values: "transposed" [2, 3] from "weight", and "doubled" [2, 3]
// from it.
//   affine(x: [batch, 2]) -> output: [batch, 3]      x weight^T + bias, with "transposed", in parallel over rows; two launches
//   doubled(x: [batch, 2]) -> output: [batch, 3]     2 (x weight^T), with "doubled"
//   increment() -> before: []                        count += 1
//   set_weight(value: [3, 2]) -> ()                  weight = value
//   pair(x: [n, m], y: [n], z: [m, m]) -> sum: [n], first: [m]     x's row sums plus y; z's first row
//   pick(indices: [n] int64) -> output: [n, 2]       rows of weight; IndexError
#pragma once

#include <array>
#include <atomic>

#include "kiln/runtime/model.h"

namespace kiln::runtime::test {

/// Everything a descriptor points to, so that tests can change any of it.
struct TestProgram {
  TestProgram();
  TestProgram(const TestProgram &) = delete;

  /// Gives it code for CUDA, of which `affine` has some.
  void add_cuda();
  Program program() const { return Program::from(&descriptor); }

  float weight[6] = {1, 2, 3, 4, 5, 6}; // [3, 2]
  float bias[3] = {10, 20, 30};
  int64_t count = 5;
  double scratch = 0.5;
  float momentum[3] = {0, 0, 0};

  std::array<kiln_state, 5> states;
  std::array<kiln_state_name, 6> state_names;
  std::array<kiln_prepared, 2> prepared;
  std::array<kiln_prepare, 2> prepares;
  std::array<kiln_function, 6> functions;
  std::array<kiln_argument, 7> inputs;
  std::array<kiln_argument, 6> outputs;
  std::array<kiln_module, 2> modules;
  std::array<kiln_site, 1> sites;
  std::array<kiln_launch, 2> launches;
  std::array<kiln_cuda_image, 2> images;
  std::array<kiln_cuda_kernel, 1> kernels;
  std::array<kiln_cuda_constant, 1> constants;
  kiln_cuda cuda;
  kiln_program descriptor;
};

/// How often each prepare function has run since the program started.
extern std::atomic<int> transposed_runs, doubled_runs;

} // namespace kiln::runtime::test
