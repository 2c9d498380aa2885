// RUN: kiln-opt %s --nn-to-schedule --split-input-file --verify-diagnostics

// expected-error @below {{input 0 of 'f' has the size '2 * n'; a size of an input must be a number or a single symbol}}
func.func @f(%x: tensor<?xf32, #nn.shape<2 * n>>) -> tensor<?xf32, #nn.shape<2 * n>> attributes {nn.entry} {
  return %x : tensor<?xf32, #nn.shape<2 * n>>
}

// -----

// expected-error @below {{prepare function 'p' must have no inputs}}
func.func @p(%x: tensor<3xf32>) attributes {nn.prepare} {
  return
}
