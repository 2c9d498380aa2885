// What passes counted is shown by MLIR's own option, under the pass's name; what nobody asks for is not printed.

// RUN: kiln-opt %s --nn-optimize --nn-schedule --mlir-pass-statistics -o /dev/null 2>&1 | FileCheck %s
// RUN: kiln-opt %s --nn-optimize --nn-schedule -o /dev/null 2>&1 | count 0
// RUN: kiln build %s --emit=schedule -o %t.mlir --mlir-pass-statistics 2>&1 | FileCheck %s

// CHECK-DAG: {{^ *}}1 nn-specialize-mode{{ +}}- Number of dropouts removed{{$}}
// CHECK-DAG: {{^ *}}2 nn-layout{{ +}}- Number of matrix products whose weight is read from panels{{$}}
// CHECK-DAG: {{^ *}}2 nn-hoist-prepare{{ +}}- Number of prepared values{{$}}
// CHECK-DAG: {{^ *}}2 nn-fuse{{ +}}- Number of regions with an anchor{{$}}
// CHECK-DAG: {{^ *}}4 nn-to-schedule{{ +}}- Number of launches, of which each names a kernel{{$}}
// CHECK-DAG: {{^ *}}1 schedule-plan-memory{{ +}}- Number of temporaries placed{{$}}

module attributes {nn.program = "two_layers"} {
  nn.state @v parameter trainable : tensor<4x3xf32>
  nn.state @w parameter trainable : tensor<4x4xf32>
  func.func @predict(%x: tensor<5x3xf32> {nn.name = "x"}) -> (tensor<5x4xf32> {nn.name = "y"}) attributes {nn.entry} {
    %v = nn.read @v : tensor<4x3xf32>
    %w = nn.read @w : tensor<4x4xf32>
    %0 = nn.linear %x, %v : (tensor<5x3xf32>, tensor<4x3xf32>) -> tensor<5x4xf32>
    %1 = nn.relu %0 : tensor<5x4xf32>
    %2 = nn.dropout %1 p = 5.000000e-01 training = false site = 0 : (tensor<5x4xf32>) -> tensor<5x4xf32>
    %3 = nn.linear %2, %w : (tensor<5x4xf32>, tensor<4x4xf32>) -> tensor<5x4xf32>
    %4 = nn.tanh %3 : tensor<5x4xf32>
    return %4 : tensor<5x4xf32>
  }
}
