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
  // CHECK:         %[[NEGATIVE:.*]] = arith.cmpf olt, %[[ELEMENT]], %[[ZERO]]
  // CHECK:         %[[RELU:.*]] = arith.select %[[NEGATIVE]], %[[ZERO]], %[[ELEMENT]]
  // CHECK:         schedule.yield %[[RELU]] : f32
  // CHECK-NOT:   schedule.kernel @f32_relu
}

// -----

// Leading dimensions of a product are merged, those of the epilogue's operands too.

!x = tensor<?x3x8xf32, #nn.shape<batch, 3, 8>>
!y = tensor<?x3x40xf32, #nn.shape<batch, 3, 40>>
module attributes {nn.program = "products"} {
  // CHECK-LABEL: schedule.func @f symbols ["batch"]
  // CHECK:         schedule.launch @f32_packed_linear_8x40_bias_relu_add({{.*}}) into({{.*}}) sizes [#nn.dim<3 * batch>] grid [#nn.dim<3 * batch>, #nn.dim<1>]
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
      %negative = arith.cmpf olt, %0, %zero : f32
      %1 = arith.select %negative, %zero, %0 : f32
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

// -----

// Writing back what was read changes nothing, whatever shape it took in between: no launch reads the state and writes it. After another
// write it is a write like any other, of the value that was saved.

module attributes {nn.program = "back"} {
  nn.state @s buffer : tensor<2x3xf32>
  // CHECK-LABEL: schedule.func @same symbols []
  // CHECK-NOT:     schedule.launch
  // CHECK:         schedule.return
  func.func @same() attributes {nn.entry} {
    %old = nn.read @s : tensor<2x3xf32>
    nn.write @s, %old : tensor<2x3xf32>
    return
  }
  // CHECK-LABEL: schedule.func @reshaped symbols []
  // CHECK:         %[[OUT:.*]] = schedule.output 0
  // CHECK:         %[[STATE:.*]] = schedule.state @s
  // CHECK-NOT:     schedule.launch
  // CHECK:         schedule.launch @f32_copy_6(%[[STATE]]) into(%[[OUT]])
  // CHECK-NEXT:    schedule.return
  func.func @reshaped() -> tensor<2x3xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<2x3xf32>
    %flat = nn.reshape %old to [6] : (tensor<2x3xf32>) -> tensor<6xf32>
    %back = nn.reshape %flat to [2, 3] : (tensor<6xf32>) -> tensor<2x3xf32>
    nn.write @s, %back : tensor<2x3xf32>
    return %old : tensor<2x3xf32>
  }
  // CHECK-LABEL: schedule.func @after_another symbols []
  // CHECK:         %[[X:.*]] = schedule.input 0
  // CHECK:         %[[STATE:.*]] = schedule.state @s
  // CHECK:         %[[SAVED:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_copy_6(%[[STATE]]) into(%[[SAVED]])
  // CHECK:         schedule.launch @f32_copy_6(%[[X]]) into(%{{.*}})
  // CHECK:         %[[FLAT:.*]] = schedule.view %[[SAVED]]
  // CHECK:         %[[BACK:.*]] = schedule.view %[[FLAT]]
  // CHECK:         %[[TARGET:.*]] = schedule.state @s
  // CHECK:         schedule.launch @f32_copy_6(%[[BACK]]) into(%[[TARGET]])
  func.func @after_another(%x: tensor<2x3xf32>) attributes {nn.entry} {
    %old = nn.read @s : tensor<2x3xf32>
    nn.write @s, %x : tensor<2x3xf32>
    %flat = nn.reshape %old to [6] : (tensor<2x3xf32>) -> tensor<6xf32>
    %back = nn.reshape %flat to [2, 3] : (tensor<6xf32>) -> tensor<2x3xf32>
    nn.write @s, %back : tensor<2x3xf32>
    return
  }
}

// -----

// Elements of ui8 are i8 in bodies, where the operations know what is unsigned; f16 is computed in f32 and rounded once. Names say
// what is computed, not how.

module attributes {nn.program = "elements"} {
  // CHECK-LABEL: schedule.kernel @ui8_max_4 sizes []
  // CHECK-NEXT:    ^bb0(%[[A:.*]]: i8, %[[B:.*]]: i8):
  // CHECK-NEXT:      %[[M:.*]] = arith.maxui %[[A]], %[[B]] : i8
  // CHECK-NEXT:      schedule.yield %[[M]] : i8
  // CHECK-LABEL: schedule.kernel @f16_cast_4 sizes []
  // CHECK:           arith.uitofp %{{.*}} : i8 to f32
  // CHECK-NEXT:      arith.truncf %{{.*}} : f32 to f16
  // CHECK-LABEL: schedule.kernel @f16_sigmoid_4 sizes []
  // CHECK-NEXT:    ^bb0(%[[E:.*]]: f16):
  // CHECK:           arith.extf %[[E]] : f16 to f32
  // CHECK-NOT:       f16
  // CHECK:           %[[R:.*]] = arith.truncf %{{.*}} : f32 to f16
  // CHECK-NEXT:      schedule.yield %[[R]] : f16
  // CHECK-LABEL: schedule.kernel @f32_minimum_4 sizes []
  // CHECK-LABEL: schedule.kernel @ui8_fill_4 sizes []
  // CHECK:           arith.constant -56 : i8
  func.func @f(%x: tensor<4xui8>, %y: tensor<4xui8>, %z: tensor<4xf32>)
      -> (tensor<4xf16>, tensor<4xf32>, tensor<4xui8>) attributes {nn.entry} {
    %0 = nn.maximum %x, %y : tensor<4xui8>
    %1 = nn.cast %0 to f16 : (tensor<4xui8>) -> tensor<4xf16>
    %2 = nn.sigmoid %1 : tensor<4xf16>
    %3 = nn.minimum %z, %z : tensor<4xf32>
    %4 = nn.full 200.0 shape = [4] dtype = ui8 : tensor<4xui8>
    return %2, %3, %4 : tensor<4xf16>, tensor<4xf32>, tensor<4xui8>
  }
}

// -----

// What the sizes of a call must satisfy: what the program asks for, and what slices need that can't be shown. A size as an element
// is a kernel's own size.

module attributes {nn.program = "sizes"} {
  // CHECK-LABEL: schedule.func @f symbols ["n"]
  // CHECK-SAME:    conditions [#nn.dim<n - 2>, #nn.dim<n - 5>, #nn.dim<-n + 127>]
  // CHECK-SAME:    messages ["at least two\0A  (model.cpp:3)", "sizes are too small: slice needs n - 5 to be 0 or more\0A  ({{.*}}mlir:{{[0-9]+}})",
  // CHECK-SAME:    "value cannot be converted to type int8_t without overflow\0Athe value is n\0A  ({{.*}}"]
  // CHECK:         schedule.launch @f32_full{{.*}} sizes [#nn.dim<n>]
  // CHECK:       schedule.kernel @f32_full{{.*}} sizes ["s0"] anchor "nn.full" [] {dtype = f32, shape = #nn.shape<>, value = #nn.dim<s0>}
  func.func @f(%x: tensor<?xf32, #nn.shape<n>> {nn.name = "x"})
      -> (tensor<5xf32>, tensor<?xf32, #nn.shape<min(n, 3)>>, tensor<f32>, tensor<i8>) attributes {nn.entry} {
    nn.require <n - 2> "at least two" loc("source/model.cpp":3:7)
    %0 = nn.slice %x dim = 0 [0 : 5 : 1] : (tensor<?xf32, #nn.shape<n>>) -> tensor<5xf32>
    %1 = nn.slice %x dim = 0 [max(n - 3, 0) : n : 1] : (tensor<?xf32, #nn.shape<n>>) -> tensor<?xf32, #nn.shape<min(n, 3)>>
    %2 = nn.full #nn.dim<n> shape = [] dtype = f32 : tensor<f32>
    %3 = nn.full #nn.dim<n> shape = [] dtype = i8 : tensor<i8>
    return %0, %1, %2, %3 : tensor<5xf32>, tensor<?xf32, #nn.shape<min(n, 3)>>, tensor<f32>, tensor<i8>
  }
}
