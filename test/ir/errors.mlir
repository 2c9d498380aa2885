// Each constraint of the operations, broken once. Inference's own messages are PyTorch's; the label says which constraint of which op.
//
// RUN: kiln-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

func.func @no_encoding(%x: tensor<?xf32>) {
  // expected-error @+1 {{'nn.relu' op operand #0 must be ranked tensor of bool, ui8, i8, i16, i32, i64, f16, bf16, f32 or f64 (with a #nn.shape encoding if a size is dynamic, else without encoding), but got 'tensor<?xf32>'}}
  %0 = nn.relu %x : tensor<?xf32>
  return
}

// -----

func.func @element_type(%x: tensor<2xi3>) {
  // expected-error @+1 {{'nn.neg' op operand #0 must be ranked tensor of bool, ui8, i8, i16, i32, i64, f16, bf16, f32 or f64 (with a #nn.shape encoding if a size is dynamic, else without encoding), but got 'tensor<2xi3>'}}
  %0 = nn.neg %x : tensor<2xi3>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

func.func @relu_c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{'nn.relu' op relu_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.relu %x : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @add_c1(%x: tensor<2xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{'nn.add' op add_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.add %x, %y : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @add_c2(%x: tensor<2x1xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{'nn.add' op add_c2: expected type 'tensor<2x3xf32>', found 'tensor<2x1xf32>'}}
  %0 = nn.add %x, %y : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x1xf32>
  return
}
