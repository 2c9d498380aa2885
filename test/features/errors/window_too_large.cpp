// A window that fits the input nowhere is found by the call, which alone knows the size: PyTorch's text, with the size's name.
// RUN: kiln build %s -o %t.so 2>&1 | count 0
// RUN: tensor-tool head 3 %{data}/digits_test.safetensors:images %t.npy
// RUN: %{status} 1 kiln run %t.so predict --input=x=%t.npy 2>&1 | FileCheck %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(window_too_large) {
  nn::Conv1d conv(784, 4, 5);
  program.function("predict", {{"x", {"length", 784}}}, [&](Tensor x) { return conv(x.t()); });
}
// CHECK: error: Calculated padded input size per channel: (length). Kernel size: (5). Kernel size can't be greater than actual input size
// CHECK: window_too_large.cpp:[[#@LINE-3]]
