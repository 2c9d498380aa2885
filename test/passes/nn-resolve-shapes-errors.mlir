// Sizes that contradict each other, or that nothing determines.
// RUN: kiln-opt %s --mlir-very-unsafe-disable-verifier-on-parsing --nn-resolve-shapes --split-input-file --verify-diagnostics

nn.state @"net.2.weight" parameter trainable : tensor<10x128xf32>
func.func @mismatch(%x: tensor<?x256xf32> {nn.name = "x"}) -> tensor<?x10xf32> {
  // expected-note-re @+1 {{nn.linear of {{.*}} takes [10, 128] from state 'net.2.weight'}}
  %w = nn.read @"net.2.weight" : tensor<10x128xf32>
  // expected-note-re @+1 {{nn.linear of {{.*}} takes [x_0, 256] from nn.relu of {{.*}}}}
  %h = nn.relu %x : tensor<?x256xf32>
  // expected-error @+1 {{mat1 and mat2 shapes cannot be multiplied (}}
  %y = nn.linear %h, %w : (tensor<?x256xf32>, tensor<10x128xf32>) -> tensor<?x10xf32>
  return %y : tensor<?x10xf32>
}

// -----

func.func @declared_otherwise(%x: tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32> {
  // expected-error @+1 {{the result of nn.relu is declared as 'tensor<4x3xf32>' and is 'tensor<?x3xf32, #nn.shape<batch, 3>>'}}
  %y = nn.relu %x : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// expected-error @+1 {{result 0 of function 'signature' is declared as 'tensor<?x4xf32>' and is 'tensor<?x3xf32, #nn.shape<batch, 3>>'}}
func.func @signature(%x: tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x4xf32> {
  // expected-note @+1 {{made by nn.relu}}
  %y = nn.relu %x : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// expected-error @+1 {{the sizes of state 'w' are not known: its type is 'tensor<4x?xf32>', and no function reads it}}
nn.state @w parameter trainable : tensor<4x?xf32>

// -----

// expected-error @+1 {{size 0 of state 'w' is not determined by its uses; its type is 'tensor<?x?xf32>'}}
nn.state @w parameter trainable : tensor<?x?xf32>
func.func @open(%x: tensor<?x3xf32> {nn.name = "x"}) -> tensor<?x?xf32> {
  %w = nn.read @w : tensor<?x?xf32>
  // expected-note @+1 {{nn.linear of nn-resolve-shapes-errors.mlir:}}
  %y = nn.linear %x, %w : (tensor<?x3xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// expected-error @+1 {{size 1 of state 'w' must be a constant, and would be x_1; its type is 'tensor<4x?xf32>'}}
nn.state @w parameter trainable : tensor<4x?xf32>
func.func @symbolic(%x: tensor<?x?xf32> {nn.name = "x"}) -> tensor<?x?xf32> {
  %w = nn.read @w : tensor<4x?xf32>
  // expected-note @+1 {{reads it}}
  %y = nn.linear %x, %w : (tensor<?x?xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// expected-error @+1 {{size 1 of state 'w' is ambiguous: its uses require 3 and 5}}
nn.state @w parameter trainable : tensor<4x?xf32>
func.func @two_uses(%x: tensor<?x3xf32>, %z: tensor<?x5xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %w = nn.read @w : tensor<4x?xf32>
  // expected-note @+1 {{requires 3}}
  %0 = nn.linear %x, %w : (tensor<?x3xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  // expected-note @+1 {{requires 5}}
  %1 = nn.linear %z, %w : (tensor<?x5xf32>, tensor<4x?xf32>) -> tensor<?x?xf32>
  return %0, %1 : tensor<?x?xf32>, tensor<?x?xf32>
}

// -----

// expected-error @+1 {{the sizes of state 'w' are not known}}
nn.state @w parameter trainable : tensor<?xf32>
func.func @unknown_use(%x: tensor<?x3xf32>) {
  %w = nn.read @w : tensor<?xf32>
  return
}
