// RUN: kiln-opt %s --nn-to-schedule --split-input-file | FileCheck %s
// RUN: kiln-opt %s --nn-to-schedule --split-input-file --verify-roundtrip -o /dev/null

// Kernels are shared: a map over contiguous buffers is one flat kernel, whatever the shapes and whosever the symbols. The last launch
// writes the output; an input that is returned is copied.

!x = tensor<?x6xf32, #nn.shape<batch, 6>>
!flat = tensor<?xf32, #nn.shape<6 * batch>>
module attributes {nn.program = "shared"} {
  // CHECK-LABEL: schedule.func @f symbols ["batch"]
  // CHECK:         %[[X:.*]] = schedule.input 0 "x" : !schedule.buffer<f32, <batch, 6>>
  // CHECK:         %[[B:.*]] = schedule.input 1 "b" : !schedule.buffer<f32, <6>>
  // CHECK:         %[[Y:.*]] = schedule.output 0 "y" : !schedule.buffer<f32, <batch, 6>>
  // CHECK:         %[[Z:.*]] = schedule.output 1 "z" : !schedule.buffer<f32, <batch, 6>>
  // CHECK:         %[[SUM:.*]] = schedule.arena : !schedule.buffer<f32, <batch, 6>>
  // CHECK:         schedule.launch @f32_add_nx6(%[[X]], %[[B]]) into(%[[SUM]]) sizes [#nn.dim<batch>] grid [#nn.dim<batch>]
  // CHECK:         %[[RELU:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_relu_n(%[[SUM]]) into(%[[RELU]]) sizes [#nn.dim<6 * batch>] grid [#nn.dim<(3 * batch + 31) floordiv 32>]
  // CHECK:         %[[FLAT:.*]] = schedule.view %[[RELU]] : !schedule.buffer<f32, <batch, 6>> to !schedule.buffer<f32, <6 * batch>>
  // CHECK:         %[[OUT:.*]] = schedule.view %[[Y]] : !schedule.buffer<f32, <batch, 6>> to !schedule.buffer<f32, <6 * batch>>
  // CHECK:         schedule.launch @f32_relu_n(%[[FLAT]]) into(%[[OUT]]) sizes [#nn.dim<6 * batch>]
  // CHECK:         schedule.launch @f32_copy_n(%[[X]]) into(%[[Z]])
  // CHECK-NEXT:    schedule.return
  func.func @f(%x: !x {nn.name = "x"}, %b: tensor<6xf32> {nn.name = "b"}) -> (!x {nn.name = "y"}, !x {nn.name = "z"})
      attributes {nn.entry} {
    %0 = nn.add %x, %b : (!x, tensor<6xf32>) -> !x
    %1 = nn.relu %0 : !x
    %2 = nn.reshape %1 to [6 * batch] : (!x) -> !flat
    %3 = nn.relu %2 : !flat
    %4 = nn.reshape %3 to [batch, 6] : (!flat) -> !x
    return %4, %x : !x, !x
  }
  // CHECK-LABEL: schedule.func @g symbols ["n"]
  // CHECK:         schedule.launch @f32_relu_n({{.*}}) into({{.*}}) sizes [#nn.dim<n>] grid [#nn.dim<(n + 63) floordiv 64>]
  func.func @g(%x: tensor<?xf32, #nn.shape<n>>) -> tensor<?xf32, #nn.shape<n>> attributes {nn.entry} {
    %1 = nn.relu %x : tensor<?xf32, #nn.shape<n>>
    return %1 : tensor<?xf32, #nn.shape<n>>
  }
  // CHECK-LABEL: schedule.kernel @f32_add_nx6 sizes ["s0"]
  // CHECK-LABEL: schedule.kernel @f32_relu_n sizes ["s0"]
  // CHECK-NEXT:    ^bb0(%[[ELEMENT:.*]]: f32):
  // CHECK:         %[[ZERO:.*]] = arith.constant 0.0
  // CHECK:         %[[MAX:.*]] = arith.maximumf %[[ELEMENT]], %[[ZERO]]
  // CHECK:         schedule.yield %[[MAX]] : f32
  // CHECK-NOT:   schedule.kernel @f32_relu
}

// -----

// Leading dimensions of a product are merged, those of the epilogue's operands too.

!x = tensor<?x3x8xf32, #nn.shape<batch, 3, 8>>
!y = tensor<?x3x40xf32, #nn.shape<batch, 3, 40>>
module attributes {nn.program = "products"} {
  // CHECK-LABEL: schedule.func @f symbols ["batch"]
  // CHECK:         schedule.launch @f32_packed_linear_8x40_bias_relu_add({{.*}}) into({{.*}}) sizes [#nn.dim<3 * batch>] grid [#nn.dim<3 * batch>, #nn.dim<2>]
  // CHECK-LABEL: schedule.kernel @f32_packed_linear_8x40_bias_relu_add sizes ["s0"] anchor "nn.packed_linear"
  // CHECK-SAME:    [!schedule.buffer<f32, <s0, 8>>, !schedule.buffer<f32, <2, 8, 32>>] {out_features = 40 : i64}
  // CHECK-SAME:    extra [!schedule.buffer<f32, <40>>, !schedule.buffer<f32, <s0, 40>>]
  // CHECK-SAME:    -> [!schedule.buffer<f32, <s0, 40>>]
  func.func @f(%x: !x, %p: tensor<2x8x32xf32>, %b: tensor<40xf32>, %r: !y) -> !y attributes {nn.entry} {
    %y = nn.fused anchor "nn.packed_linear" attributes {out_features = 40 : i64} (%x, %p) extras(%b, %r)
        maps [affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]
        : (!x, tensor<2x8x32xf32>, tensor<40xf32>, !y) -> !y {
    ^bb0(%sum: f32, %bias: f32, %residual: f32):
      %0 = arith.addf %sum, %bias : f32
      %zero = arith.constant 0.0 : f32
      %1 = arith.maximumf %0, %zero : f32
      %2 = arith.addf %1, %residual : f32
      nn.yield %2 : f32
    }
    return %y : !y
  }
}

// -----

// A value that was read from a state is read in place, unless the state is written before its last use. So is a new value computed:
// nn-to-schedule-state.mlir has more of that.

module attributes {nn.program = "state"} {
  nn.state @s buffer : tensor<3xf32>
  // CHECK-LABEL: schedule.func @step symbols []
  // CHECK:         %[[X:.*]] = schedule.input 0
  // CHECK:         %[[OUT0:.*]] = schedule.output 0
  // CHECK:         %[[OUT1:.*]] = schedule.output 1
  // CHECK:         %[[STATE:.*]] = schedule.state @s
  // CHECK:         %[[SAVED:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_copy_3(%[[STATE]]) into(%[[SAVED]])
  // CHECK:         schedule.launch @f32_add_3(%[[SAVED]], %[[X]]) into(%[[OUT1]])
  // CHECK:         %[[TARGET:.*]] = schedule.state @s
  // CHECK:         schedule.launch @f32_copy_3(%[[OUT1]]) into(%[[TARGET]])
  // CHECK:         schedule.launch @f32_copy_3(%[[SAVED]]) into(%[[OUT0]])
  func.func @step(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) attributes {nn.entry} {
    %old = nn.read @s : tensor<3xf32>
    %new = nn.add %old, %x : tensor<3xf32>
    nn.write @s, %new : tensor<3xf32>
    return %old, %new : tensor<3xf32>, tensor<3xf32>
  }
  // CHECK-LABEL: schedule.func @accumulate symbols []
  // CHECK:         %[[NEW:.*]] = schedule.state @s
  // CHECK:         %[[OLD:.*]] = schedule.state @s
  // CHECK-NOT:     schedule.launch @f32_copy
  // CHECK:         schedule.launch @f32_add_3(%[[OLD]], %{{.*}}) into(%[[NEW]])
  func.func @accumulate(%x: tensor<3xf32>) attributes {nn.entry} {
    %old = nn.read @s : tensor<3xf32>
    %new = nn.add %old, %x : tensor<3xf32>
    nn.write @s, %new : tensor<3xf32>
    return
  }
}

// -----

// A prepare function writes its targets; what is only a view of another value is copied.

module attributes {nn.program = "prepare"} {
  nn.state @w parameter : tensor<40x8xf32>
  nn.prepared @packed : tensor<2x8x32xf32> sources [@w]
  nn.prepared @flat : tensor<320xf32> sources [@w]
  // CHECK-LABEL: schedule.func @prepare_0 symbols [] prepare [@packed, @flat]
  // CHECK:         %[[PACKED:.*]] = schedule.prepared @packed
  // CHECK:         %[[FLAT:.*]] = schedule.prepared @flat
  // CHECK:         %[[W:.*]] = schedule.state @w
  // CHECK:         schedule.launch @f32_pack_panels_40x8(%[[W]]) into(%[[PACKED]]) sizes [] grid [#nn.dim<2>]
  // CHECK:         %[[VIEW:.*]] = schedule.view %[[W]]
  // CHECK:         schedule.launch @f32_copy_320(%[[VIEW]]) into(%[[FLAT]])
  func.func private @prepare_0() attributes {nn.prepare} {
    %w = nn.read @w : tensor<40x8xf32>
    %p = nn.pack_panels %w panel = 32 : (tensor<40x8xf32>) -> tensor<2x8x32xf32>
    nn.store_prepared @packed, %p : tensor<2x8x32xf32>
    %f = nn.reshape %w to [320] : (tensor<40x8xf32>) -> tensor<320xf32>
    nn.store_prepared @flat, %f : tensor<320xf32>
    return
  }
}

// -----

// What moves elements is a map; what has no scalar form is an anchor, with the attributes of its op. Sizes in attributes are the
// kernel's own too.

!x = tensor<?x4xf32, #nn.shape<n, 4>>
module attributes {nn.program = "anchors"} {
  // CHECK-LABEL: schedule.func @f symbols ["n"]
  // CHECK:         schedule.launch @f32_move_4xn({{.*}}) into({{.*}}) sizes [#nn.dim<n>]
  // CHECK:         schedule.launch @f32_slice_nx4({{.*}}) into({{.*}}) sizes [#nn.dim<2 * n>, #nn.dim<n>]
  // CHECK-LABEL: schedule.kernel @f32_move_4xn sizes ["s0"]
  // CHECK-SAME:    maps [#[[MAP:.*]]] -> [!schedule.buffer<f32, <4, s0>>]
  // CHECK-LABEL: schedule.kernel @f32_slice_nx4 sizes ["s0", "s1"] anchor "nn.slice" [!schedule.buffer<f32, <s0, 4>>]
  // CHECK-SAME:    {dim = 0 : i64, end = #nn.dim<s0>, start = #nn.dim<s1>, step = 1 : i64}
  func.func @f(%x: !x, %y: !x) -> (tensor<4x?xf32, #nn.shape<4, n>>, !x) attributes {nn.entry} {
    %0 = nn.permute %x dims = [1, 0] : (!x) -> tensor<4x?xf32, #nn.shape<4, n>>
    %1 = nn.cat %x, %y dim = 0 : (!x, !x) -> tensor<?x4xf32, #nn.shape<2 * n, 4>>
    %2 = nn.slice %1 dim = 0 [n : 2 * n : 1] : (tensor<?x4xf32, #nn.shape<2 * n, 4>>) -> !x
    return %0, %2 : tensor<4x?xf32, #nn.shape<4, n>>, !x
  }
}
