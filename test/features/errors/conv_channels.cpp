// A convolution over images that have another number of channels.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(conv_channels) {
  nn::Sequential model(nn::Conv2d(3, 16, 3), nn::MaxPool2d(2), nn::Conv2d(8, 32, 3));
  program.function("predict", {{"x", {"batch", 3, "height", 32}}}, [&](Tensor x) { return model(x); });
}
//      CHECK:{{.*}}conv_channels.cpp:[[#@LINE-2]]:{{[0-9]+}}: error: Given groups=1, weight of size [32, 8, 3, 3], expected input[batch, 16, height floordiv 2 - 1, 15] to have 8 channels, but got 16 channels instead
// CHECK-NEXT:{{ +}}[[#@LINE-3]] |   program.function("predict", {{[{][{]}}"x", {"batch", 3, "height", 32}}}, [&](Tensor x) { return model(x); });
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:in module '2' (Conv2d(8, 32, kernel_size=(3, 3), stride=(1, 1)))
// CHECK-NEXT:operands of conv: float32[batch, 16, height floordiv 2 - 1, 15], float32[32, 8, 3, 3], float32[32]
// CHECK-NEXT:[batch, 16, height floordiv 2 - 1, 15] comes from module '1' (MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False))
