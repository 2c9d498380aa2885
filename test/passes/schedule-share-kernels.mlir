// RUN: kiln-opt %s --nn-to-schedule --schedule-share-kernels --split-input-file | FileCheck %s
// RUN: kiln-opt %s --nn-to-schedule --schedule-share-kernels="keep=0 keep-anywhere=0" --split-input-file | FileCheck %s --check-prefix=ALL

// Two layers of different widths: one kernel. The sizes keep their common factors, and what both have (batch) is one size.
// CHECK-LABEL: schedule.func @mlp
func.func @mlp(%x: tensor<?x784xf32, #nn.shape<batch, 784>>, %w1: tensor<512x784xf32>, %w2: tensor<256x512xf32>, %w3: tensor<10x256xf32>)
    -> tensor<?x10xf32, #nn.shape<batch, 10>> attributes {nn.entry} {
  // CHECK: schedule.launch @[[LINEAR:f32_linear_nxn]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<49>, #nn.dim<2>]
  // CHECK: schedule.launch @[[LINEAR]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<32>, #nn.dim<1>]
  // A few columns have code of their own.
  // CHECK: schedule.launch @f32_linear_256x10({{.*}} sizes [#nn.dim<batch>]
  // ALL: schedule.launch @[[LINEAR:f32_linear_nxn]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<49>, #nn.dim<256>]
  // ALL: schedule.launch @[[LINEAR]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<32>, #nn.dim<128>]
  // ALL: schedule.launch @[[LINEAR]]({{.*}} sizes [#nn.dim<batch>, #nn.dim<16>, #nn.dim<5>]
  %a = nn.linear %x, %w1 : (tensor<?x784xf32, #nn.shape<batch, 784>>, tensor<512x784xf32>) -> tensor<?x512xf32, #nn.shape<batch, 512>>
  %b = nn.linear %a, %w2 : (tensor<?x512xf32, #nn.shape<batch, 512>>, tensor<256x512xf32>) -> tensor<?x256xf32, #nn.shape<batch, 256>>
  %c = nn.linear %b, %w3 : (tensor<?x256xf32, #nn.shape<batch, 256>>, tensor<10x256xf32>) -> tensor<?x10xf32, #nn.shape<batch, 10>>
  return %c : tensor<?x10xf32, #nn.shape<batch, 10>>
}
// CHECK: schedule.kernel @[[LINEAR]] sizes ["s0", "s1", "s2"] anchor "nn.linear"
// CHECK-SAME: [!schedule.buffer<f32, <s0, 16 * s1>>, !schedule.buffer<f32, <256 * s2, 16 * s1>>]
// CHECK-SAME: -> [!schedule.buffer<f32, <s0, 256 * s2>>]
// CHECK: schedule.kernel @f32_linear_256x10 sizes ["s0"]
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
