// An error is at the user's source line and names the module, where the location has them.
//
// RUN: not kiln-opt %s 2>&1 | FileCheck %s
//
// CHECK: model.cpp:12:5: error: 'nn.relu' op relu_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'
// CHECK: model.cpp:12:5: note: in module 'blocks.2.act'
func.func @f(%x: tensor<2xf32>) {
  %0 = nn.relu %x : (tensor<2xf32>) -> tensor<3xf32> loc(fused<"blocks.2.act">["model.cpp":12:5])
  return
}
