// RUN: kiln-opt %s --nn-to-schedule --schedule-share-kernels --split-input-file | FileCheck %s
// RUN: kiln-opt %s --nn-to-schedule --schedule-share-kernels="keep=0 keep-anywhere=0" --split-input-file | FileCheck %s --check-prefix=ALL

// Two layers of different widths: one kernel. The sizes keep their common factors, and what both have (batch) is one size.
// CHECK-LABEL: schedule.func @mlp
func.func @mlp(%x: tensor<?x784xf32, #nn.shape<batch, 784>>, %w1: tensor<512x784xf32>, %w2: tensor<256x512xf32>, %w3: tensor<48x256xf32>)
    -> tensor<?x48xf32, #nn.shape<batch, 48>> attributes {nn.entry} {
  // CHECK: schedule.launch @[[LINEAR:f32_linear_nxn]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<49>, #nn.dim<2>]
  // CHECK: schedule.launch @[[LINEAR]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<32>, #nn.dim<1>]
  // A few columns have code of their own.
  // CHECK: schedule.launch @f32_linear_256x48({{.*}} sizes [#nn.dim<batch>]
  // ALL: schedule.launch @[[LINEAR:f32_linear_nxn]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<49>, #nn.dim<32>]
  // ALL: schedule.launch @[[LINEAR]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<32>, #nn.dim<16>]
  // ALL: schedule.launch @[[LINEAR]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<16>, #nn.dim<3>]
  %a = nn.linear %x, %w1 : (tensor<?x784xf32, #nn.shape<batch, 784>>, tensor<512x784xf32>) -> tensor<?x512xf32, #nn.shape<batch, 512>>
  %b = nn.linear %a, %w2 : (tensor<?x512xf32, #nn.shape<batch, 512>>, tensor<256x512xf32>) -> tensor<?x256xf32, #nn.shape<batch, 256>>
  %c = nn.linear %b, %w3 : (tensor<?x256xf32, #nn.shape<batch, 256>>, tensor<48x256xf32>) -> tensor<?x48xf32, #nn.shape<batch, 48>>
  return %c : tensor<?x48xf32, #nn.shape<batch, 48>>
}
// CHECK: schedule.kernel @[[LINEAR]] sizes ["s0", "s1", "s2"] anchor "nn.linear"
// CHECK-SAME: [!schedule.buffer<f32, <s0, 16 * s1>>, !schedule.buffer<f32, <256 * s2, 16 * s1>>]
// CHECK-SAME: -> [!schedule.buffer<f32, <s0, 256 * s2>>]
// CHECK: schedule.kernel @f32_linear_256x48 sizes ["s0"]
// CHECK-NOT: schedule.kernel
// ALL-COUNT-1: schedule.kernel
// ALL-NOT: schedule.kernel

// -----

// Sizes that are equal in one kernel and not in the other: not the same pattern, since a kernel may count on them.
// CHECK-LABEL: schedule.func @square
// ALL-LABEL: schedule.func @square
// CHECK: schedule.launch @f32_matmul_128x128_128x128(
// CHECK: schedule.launch @f32_matmul_128x128_128x256(
func.func @square(%x: tensor<128x128xf32>, %y: tensor<128x256xf32>) -> (tensor<128x128xf32>, tensor<128x256xf32>) attributes {nn.entry} {
  %a = nn.matmul %x, %x : (tensor<128x128xf32>, tensor<128x128xf32>) -> tensor<128x128xf32>
  %b = nn.matmul %x, %y : (tensor<128x128xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  return %a, %b : tensor<128x128xf32>, tensor<128x256xf32>
}

// -----

// A number in one kernel and a size in the other: a size in both. A broadcast dimension stays one.
// CHECK-LABEL: schedule.func @mixed
// CHECK: schedule.launch @[[SUM:f32_sum_nxn]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<3>]
// CHECK: schedule.launch @[[SUM]]({{.*}} sizes [#nn.dim<127>, #nn.dim<1>]
// CHECK: schedule.kernel @[[SUM]] {{.*}}[!schedule.buffer<f32, <s0, 100 * s1>>]
func.func @mixed(%x: tensor<?x300xf32, #nn.shape<batch, 300>>, %y: tensor<127x100xf32>) -> (tensor<300xf32>, tensor<100xf32>)
    attributes {nn.entry} {
  %a = nn.sum %x dims = [0] keepdim = false : (tensor<?x300xf32, #nn.shape<batch, 300>>) -> tensor<300xf32>
  %b = nn.sum %y dims = [0] keepdim = false : (tensor<127x100xf32>) -> tensor<100xf32>
  return %a, %b : tensor<300xf32>, tensor<100xf32>
}

// -----

// Convolutions have code for every size.
// CHECK-LABEL: schedule.func @conv
// CHECK-COUNT-2: schedule.kernel @f32_conv
func.func @conv(%x: tensor<1x96x80x80xf32>, %v: tensor<96x96x3x3xf32>, %w: tensor<128x96x3x3xf32>)
    -> (tensor<1x96x78x78xf32>, tensor<1x128x78x78xf32>) attributes {nn.entry} {
  %a = nn.conv %x, %v stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<1x96x80x80xf32>, tensor<96x96x3x3xf32>) -> tensor<1x96x78x78xf32>
  %b = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<1x96x80x80xf32>, tensor<128x96x3x3xf32>) -> tensor<1x128x78x78xf32>
  return %a, %b : tensor<1x96x78x78xf32>, tensor<1x128x78x78xf32>
}

// -----

// Packed layers: the panels' width and a layer of another remainder are code of their own; how many panels there are is not. A layer whose
// sizes are no whole vectors would take whole tiles from the others.
// CHECK-LABEL: schedule.func @packed
// CHECK: schedule.launch @[[PACKED:f32_packed_linear_nxn]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<49>, #nn.dim<2>, #nn.dim<2>]
// CHECK: schedule.launch @[[PACKED]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<32>, #nn.dim<1>, #nn.dim<1>]
// CHECK: schedule.launch @f32_packed_linear_256x100(
// CHECK: schedule.kernel @[[PACKED]] {{.*}}[!schedule.buffer<f32, <s0, 16 * s1>>, !schedule.buffer<f32, <8 * s2, 16 * s1, 32>>] {} extra
func.func @packed(%x: tensor<?x784xf32, #nn.shape<batch, 784>>, %p: tensor<16x784x32xf32>, %q: tensor<8x512x32xf32>,
                  %r: tensor<4x256x32xf32>) -> tensor<?x100xf32, #nn.shape<batch, 100>> attributes {nn.entry} {
  %a = nn.packed_linear %x, %p out_features = 512
      : (tensor<?x784xf32, #nn.shape<batch, 784>>, tensor<16x784x32xf32>) -> tensor<?x512xf32, #nn.shape<batch, 512>>
  %b = nn.packed_linear %a, %q out_features = 256
      : (tensor<?x512xf32, #nn.shape<batch, 512>>, tensor<8x512x32xf32>) -> tensor<?x256xf32, #nn.shape<batch, 256>>
  %c = nn.packed_linear %b, %r out_features = 100
      : (tensor<?x256xf32, #nn.shape<batch, 256>>, tensor<4x256x32xf32>) -> tensor<?x100xf32, #nn.shape<batch, 100>>
  return %c : tensor<?x100xf32, #nn.shape<batch, 100>>
}

// -----

// A dimension of size 1 decides what a unit of the grid is, whatever the options say.
// ALL-LABEL: schedule.func @units
// ALL: schedule.launch @f32_sum_128x300x1(
// ALL: schedule.launch @f32_sum_128x300x100(
func.func @units(%x: tensor<128x300x1xf32>, %y: tensor<128x300x100xf32>) -> (tensor<128x300xf32>, tensor<128x300xf32>) attributes {nn.entry} {
  %a = nn.sum %x dims = [2] keepdim = false : (tensor<128x300x1xf32>) -> tensor<128x300xf32>
  %b = nn.sum %y dims = [2] keepdim = false : (tensor<128x300x100xf32>) -> tensor<128x300xf32>
  return %a, %b : tensor<128x300xf32>, tensor<128x300xf32>
}
