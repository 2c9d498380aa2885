// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-channels-last))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-channels-last))" --remarks-filter=nn-channels-last --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-channels-last{panel=2}))" | FileCheck %s --check-prefix=PANEL
// RUN: not kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-channels-last{panel=0}))" 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: error: nn-channels-last: panel must be at least 1, and is 0

nn.state @weight parameter trainable : tensor<4x3x3x3xf32>
nn.state @bias parameter trainable : tensor<4xf32>
nn.state @second parameter trainable : tensor<4x4x3x3xf32>
nn.state @one_tap parameter trainable : tensor<4x3x1x1xf32> = dense<[[[[1.0]], [[-2.0]], [[0.5]]], [[[4.0]], [[3.0]], [[-1.0]]], [[[0.25]], [[2.0]], [[1.0]]], [[[-3.0]], [[1.0]], [[5.0]]]]>
nn.state @half_weight parameter trainable : tensor<4x3x3x3xf16>
nn.state @half_bias parameter trainable : tensor<4xf16>
nn.state @integer_weight buffer : tensor<4x3x3x3xi64>
nn.state @linear parameter trainable : tensor<2x16xf32>

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func private @no_entry
// CHECK: nn.conv
func.func private @no_entry(%x: tensor<2x3x6x6xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<2x4x4x4xf32> {
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x6xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x4x4xf32>
  return %y : tensor<2x4x4x4xf32>
}

// Without a convolution before them, poolings and what follows are computed as they are.
// CHECK-LABEL: func.func @no_convolution
// CHECK-NOT: permute
// CHECK-NOT: channels_last
// CHECK: return
func.func @no_convolution(%x: tensor<2x3x6x6xf32>) -> tensor<2x3x3x3xf32> attributes {nn.entry} {
  %r = nn.relu %x : tensor<2x3x6x6xf32>
  %y = nn.max_pool %r kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<2x3x6x6xf32>) -> tensor<2x3x3x3xf32>
  return %y : tensor<2x3x3x3xf32>
}

// CHECK-LABEL: func.func @integers
// CHECK: nn.conv
// REMARK: [Missed] channels-last | {{.*}}Function=integers{{.*}}Reason="the weight holds integers, which have no kernel for panels"
func.func @integers(%x: tensor<2x3x6x6xi64>) -> tensor<2x4x4x4xi64> attributes {nn.entry} {
  %w = nn.read @integer_weight : tensor<4x3x3x3xi64>
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x6xi64>, tensor<4x3x3x3xi64>) -> tensor<2x4x4x4xi64>
  return %y : tensor<2x4x4x4xi64>
}

// A bias is added in f32, before the sum is rounded.
// CHECK-LABEL: func.func @half
// CHECK: nn.conv %{{.*}}, %{{.*}}, %{{.*}} stride
// CHECK: nn.packed_conv
// REMARK: [Missed] channels-last | {{.*}}Function=half{{.*}}Reason="the bias is added before the sum is rounded to 16 bits"
func.func @half(%x: tensor<2x3x6x6xf16>) -> (tensor<2x4x4x4xf16>, tensor<2x4x4x4xf16>) attributes {nn.entry} {
  %w = nn.read @half_weight : tensor<4x3x3x3xf16>
  %b = nn.read @half_bias : tensor<4xf16>
  %y = nn.conv %x, %w, %b stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x6xf16>, tensor<4x3x3x3xf16>, tensor<4xf16>) -> tensor<2x4x4x4xf16>
  %z = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x6xf16>, tensor<4x3x3x3xf16>) -> tensor<2x4x4x4xf16>
  return %y, %z : tensor<2x4x4x4xf16>, tensor<2x4x4x4xf16>
}

//===----------------------------------------------------------------------===//
// One convolution
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @alone
// CHECK-SAME: %[[X:.*]]: tensor<?x3x6x6xf32, #nn.shape<batch, 3, 6, 6>>
// CHECK: %[[LAST:.*]] = nn.permute %[[X]] dims = [0, 2, 3, 1]
// CHECK-DAG: %[[W:.*]] = nn.read @weight
// CHECK-DAG: %[[B:.*]] = nn.read @bias
// CHECK: %[[WLAST:.*]] = nn.permute %[[W]] dims = [0, 2, 3, 1]
// CHECK: %[[MATRIX:.*]] = nn.reshape %[[WLAST]] to [1, 4, 27]
// CHECK: %[[PACKED:.*]] = nn.pack_panels %[[MATRIX]] panel = 32 : (tensor<1x4x27xf32>) -> tensor<1x1x27x32xf32>
// CHECK: %[[P:.*]] = nn.packed_conv %[[LAST]], %[[PACKED]] out_channels = 4 kernel_size = [3, 3] stride = [2, 1] padding_low = [1, 0] padding_high = [0, 1] dilation = [1, 1] groups = 1
// CHECK: %[[S:.*]] = nn.add %[[P]], %[[B]]
// CHECK: %[[Y:.*]] = nn.permute %[[S]] dims = [0, 3, 1, 2]
// CHECK: return %[[Y]]
// PANEL-LABEL: func.func @alone
// PANEL: nn.pack_panels %{{.*}} panel = 2 : (tensor<1x4x27xf32>) -> tensor<1x2x27x2xf32>
// REMARK: [Passed] channels-last | {{.*}}Function=alone | Module=conv, Remark="weight [4, 3, 3, 3] packed in panels of 32 output channels"
func.func @alone(%x: tensor<?x3x6x6xf32, #nn.shape<batch, 3, 6, 6>> {nn.name = "x"}) -> (tensor<?x4x3x5xf32, #nn.shape<batch, 4, 3, 5>> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<4x3x3x3xf32>
  %b = nn.read @bias : tensor<4xf32>
  %y = nn.conv %x, %w, %b stride = [2, 1] padding_low = [1, 0] padding_high = [0, 1] dilation = [1, 1] groups = 1
      : (tensor<?x3x6x6xf32, #nn.shape<batch, 3, 6, 6>>, tensor<4x3x3x3xf32>, tensor<4xf32>)
      -> tensor<?x4x3x5xf32, #nn.shape<batch, 4, 3, 5>> loc(fused<"conv">["model.cpp":1:1])
  return %y : tensor<?x4x3x5xf32, #nn.shape<batch, 4, 3, 5>>
}

// A weight that the function writes is packed in each call.
// CHECK-LABEL: func.func @written
// CHECK: nn.packed_conv
// REMARK: [Passed] channels-last | {{.*}}Function=written{{.*}}, in each call: 'written' writes the state 'weight' it depends on"
func.func @written(%x: tensor<2x3x6x6xf32>) -> tensor<2x4x4x4xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<4x3x3x3xf32>
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x6xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x4x4xf32>
  %n = nn.neg %w : tensor<4x3x3x3xf32>
  nn.write @weight, %n : tensor<4x3x3x3xf32>
  return %y : tensor<2x4x4x4xf32>
}

// A window of one tap at each position is a linear layer over the channels.
// CHECK-LABEL: func.func @pointwise
// CHECK: %[[M:.*]] = nn.reshape %{{.*}} to [4, 3] : (tensor<4x3x1x1xf32>) -> tensor<4x3xf32>
// CHECK: %[[P:.*]] = nn.pack_panels %[[M]] panel = 32
// CHECK: nn.packed_linear %{{.*}}, %[[P]] out_features = 4 : (tensor<2x6x5x3xf32>, tensor<1x3x32xf32>) -> tensor<2x6x5x4xf32>
// CHECK: nn.packed_conv {{.*}} kernel_size = [1, 1] stride = [2, 1]
func.func @pointwise(%x: tensor<2x3x6x5xf32> {nn.name = "x"}) -> (tensor<2x4x6x5xf32> {nn.name = "y"}, tensor<2x4x3x5xf32> {nn.name = "z"}) attributes {nn.entry} {
  %w = nn.read @one_tap : tensor<4x3x1x1xf32>
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x5xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x6x5xf32>
  %z = nn.conv %x, %w stride = [2, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x5xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x3x5xf32>
  return %y, %z : tensor<2x4x6x5xf32>, tensor<2x4x3x5xf32>
}

// Groups of few channels share a matrix, as many of them as have a panel's rows; where each channel is a group, all do.
// CHECK-LABEL: func.func @groups
// CHECK: nn.pack_panels %{{.*}} panel = 32 : (tensor<1x6x36xf32>) -> tensor<1x1x36x32xf32>
// CHECK: nn.packed_conv {{.*}} groups = 2
// CHECK: %[[TAPS:.*]] = nn.reshape %{{.*}} to [6, 3, 3, 1]
// CHECK: %[[ROWS:.*]] = nn.reshape %[[TAPS]] to [1, 6, 9]
// CHECK: nn.pack_panels %[[ROWS]] panel = 32 : (tensor<1x6x9xf32>) -> tensor<1x1x9x32xf32>
// CHECK: nn.packed_conv {{.*}} groups = 6
func.func @groups(%x: tensor<2x8x5x5xf32> {nn.name = "x"}, %w: tensor<6x4x3x3xf32> {nn.name = "w"}, %v: tensor<6x1x3x3xf32> {nn.name = "v"}) -> (tensor<2x6x1x1xf32> {nn.name = "y"}) attributes {nn.entry} {
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 2
      : (tensor<2x8x5x5xf32>, tensor<6x4x3x3xf32>) -> tensor<2x6x3x3xf32>
  %z = nn.conv %y, %v stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 6
      : (tensor<2x6x3x3xf32>, tensor<6x1x3x3xf32>) -> tensor<2x6x1x1xf32>
  return %z : tensor<2x6x1x1xf32>
}

// As many groups in a matrix as divide all of them: 12 of 24, whose 24 rows are in a panel.
// CHECK-LABEL: func.func @groups_of_two
// CHECK: nn.pack_panels %{{.*}} panel = 32 : (tensor<2x24x18xf32>) -> tensor<2x1x18x32xf32>
// CHECK: nn.packed_conv {{.*}} groups = 24
// PANEL-LABEL: func.func @groups_of_two
// PANEL: nn.pack_panels %{{.*}} panel = 2 : (tensor<24x2x18xf32>) -> tensor<24x1x18x2xf32>
func.func @groups_of_two(%x: tensor<2x48x5x5xf32> {nn.name = "x"}, %w: tensor<48x2x3x3xf32> {nn.name = "w"}) -> (tensor<2x48x3x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 24
      : (tensor<2x48x5x5xf32>, tensor<48x2x3x3xf32>) -> tensor<2x48x3x3xf32>
  return %y : tensor<2x48x3x3xf32>
}

// Groups of many channels have a matrix each: of many that are added up, and of many that are rows.
// CHECK-LABEL: func.func @groups_of_many
// CHECK: nn.pack_panels %{{.*}} panel = 32 : (tensor<2x4x153xf32>) -> tensor<2x1x153x32xf32>
// CHECK: nn.packed_conv {{.*}} groups = 2
// CHECK: nn.pack_panels %{{.*}} panel = 32 : (tensor<2x17x36xf32>) -> tensor<2x1x36x32xf32>
// CHECK: nn.packed_conv {{.*}} groups = 2
func.func @groups_of_many(%x: tensor<2x34x5x5xf32>, %w: tensor<8x17x3x3xf32>, %v: tensor<34x4x3x3xf32>) -> tensor<2x34x1x1xf32> attributes {nn.entry} {
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 2
      : (tensor<2x34x5x5xf32>, tensor<8x17x3x3xf32>) -> tensor<2x8x3x3xf32>
  %z = nn.conv %y, %v stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 2
      : (tensor<2x8x3x3xf32>, tensor<34x4x3x3xf32>) -> tensor<2x34x1x1xf32>
  return %z : tensor<2x34x1x1xf32>
}

//===----------------------------------------------------------------------===//
// Chains
//===----------------------------------------------------------------------===//

// A residual block and what follows: permutations at the border alone.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: %[[X:.*]]: tensor<2x3x6x6xf32>
// CHECK: %[[LAST:.*]] = nn.permute %[[X]] dims = [0, 2, 3, 1]
// CHECK: nn.packed_conv %[[LAST]]
// CHECK: %[[SCALED:.*]] = nn.mul %{{.*}}, %{{.*}} : (tensor<2x6x6x4xf32>, tensor<4xf32>)
// CHECK: %[[SHIFTED:.*]] = nn.add %[[SCALED]]
// CHECK: %[[R:.*]] = nn.relu %[[SHIFTED]]
// CHECK: %[[C:.*]] = nn.packed_conv %[[R]]
// CHECK: %[[A:.*]] = nn.add %[[C]], %[[R]]
// CHECK: %[[M:.*]] = nn.max_pool %[[A]] kernel_size = [3, 3] stride = [2, 2] padding = [1, 1] dilation = [1, 1] ceil_mode = false channels_last = true : (tensor<2x6x6x4xf32>) -> tensor<2x3x3x4xf32>
// CHECK: %[[V:.*]] = nn.avg_pool %[[M]] {{.*}} channels_last = true
// CHECK: %[[P:.*]] = nn.adaptive_avg_pool %[[V]] output_size = [1, 1] channels_last = true : (tensor<2x2x2x4xf32>) -> tensor<2x1x1x4xf32>
// CHECK-NOT: nn.permute
// CHECK: %[[Y:.*]] = nn.reshape %[[P]] to [2, 4, 1, 1]
// CHECK: return %[[Y]]
func.func @chain(%x: tensor<2x3x6x6xf32> {nn.name = "x"}) -> (tensor<2x4x1x1xf32> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<4x3x3x3xf32>
  %v = nn.read @second : tensor<4x4x3x3xf32>
  %b = nn.read @bias : tensor<4xf32>
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x6xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  %s = nn.channel_affine %c, %b, %b : (tensor<2x4x6x6xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x6x6xf32>
  %r = nn.relu %s : tensor<2x4x6x6xf32>
  %d = nn.conv %r, %v stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
      : (tensor<2x4x6x6xf32>, tensor<4x4x3x3xf32>) -> tensor<2x4x6x6xf32>
  %a = nn.add %d, %r : tensor<2x4x6x6xf32>
  %m = nn.max_pool %a kernel_size = [3, 3] stride = [2, 2] padding = [1, 1] dilation = [1, 1] ceil_mode = false
      : (tensor<2x4x6x6xf32>) -> tensor<2x4x3x3xf32>
  %g = nn.avg_pool %m kernel_size = [2, 2] stride = [1, 1] padding = [0, 0] ceil_mode = false count_include_pad = true
      : (tensor<2x4x3x3xf32>) -> tensor<2x4x2x2xf32>
  %p = nn.adaptive_avg_pool %g output_size = [1, 1] : (tensor<2x4x2x2xf32>) -> tensor<2x4x1x1xf32>
  return %p : tensor<2x4x1x1xf32>
}

// Operands that are broadcast, and one that is not there with its channels last.
// CHECK-LABEL: func.func @operands
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4x4xf32> {{.*}}, %[[R:.*]]: tensor<2x4x4x4xf32> {{.*}}, %[[C:.*]]: tensor<4x1x1xf32> {{.*}}, %[[ROW:.*]]: tensor<4x4xf32> {{.*}}, %[[G:.*]]: tensor<2x4x1x1xf32> {{.*}}, %[[S:.*]]: tensor<f32>
// CHECK-DAG: %[[RLAST:.*]] = nn.permute %[[R]] dims = [0, 2, 3, 1]
// CHECK-DAG: %[[GLAST:.*]] = nn.reshape %[[G]] to [2, 1, 1, 4]
// CHECK: %[[A:.*]] = nn.add %{{.*}}, %[[RLAST]]
// CHECK: %[[CWHOLE:.*]] = nn.reshape %[[C]] to [1, 4, 1, 1]
// CHECK: %[[CLAST:.*]] = nn.reshape %[[CWHOLE]] to [1, 1, 1, 4]
// CHECK: %[[M:.*]] = nn.mul %[[A]], %[[CLAST]]
// CHECK: %[[ROWWHOLE:.*]] = nn.reshape %[[ROW]] to [1, 1, 4, 4]
// CHECK: %[[ROWLAST:.*]] = nn.reshape %[[ROWWHOLE]] to [1, 4, 4, 1]
// CHECK: %[[N:.*]] = nn.mul %[[M]], %[[ROWLAST]]
// CHECK: %[[O:.*]] = nn.mul %[[N]], %[[GLAST]]
// CHECK: nn.mul %[[O]], %[[S]]
func.func @operands(%x: tensor<2x3x4x4xf32> {nn.name = "x"}, %r: tensor<2x4x4x4xf32> {nn.name = "r"}, %c: tensor<4x1x1xf32> {nn.name = "c"}, %row: tensor<4x4xf32> {nn.name = "row"}, %g: tensor<2x4x1x1xf32> {nn.name = "g"}, %s: tensor<f32> {nn.name = "s"}) -> (tensor<2x4x4x4xf32> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @one_tap : tensor<4x3x1x1xf32>
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x4x4xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x4x4xf32>
  %a = nn.add %y, %r : tensor<2x4x4x4xf32>
  %m = nn.mul %a, %c : (tensor<2x4x4x4xf32>, tensor<4x1x1xf32>) -> tensor<2x4x4x4xf32>
  %n = nn.mul %m, %row : (tensor<2x4x4x4xf32>, tensor<4x4xf32>) -> tensor<2x4x4x4xf32>
  %o = nn.mul %n, %g : (tensor<2x4x4x4xf32>, tensor<2x4x1x1xf32>) -> tensor<2x4x4x4xf32>
  %p = nn.mul %o, %s : (tensor<2x4x4x4xf32>, tensor<f32>) -> tensor<2x4x4x4xf32>
  return %p : tensor<2x4x4x4xf32>
}

// A value that is read in both layouts is permuted once.
// CHECK-LABEL: func.func @both
// CHECK: %[[C:.*]] = nn.packed_conv
// CHECK: %[[F:.*]] = nn.permute %[[C]] dims = [0, 3, 1, 2]
// CHECK: %[[R:.*]] = nn.relu %[[C]]
// CHECK: %[[RF:.*]] = nn.permute %[[R]] dims = [0, 3, 1, 2]
// CHECK: nn.sum %[[F]]
// CHECK: nn.mean %[[F]]
// CHECK: return %{{.*}}, %{{.*}}, %[[RF]]
func.func @both(%x: tensor<2x3x6x6xf32>) -> (tensor<6xf32>, tensor<6xf32>, tensor<2x4x6x6xf32>) attributes {nn.entry} {
  %w = nn.read @weight : tensor<4x3x3x3xf32>
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x6xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  %r = nn.relu %c : tensor<2x4x6x6xf32>
  %s = nn.sum %c dims = [0, 1, 2] keepdim = false : (tensor<2x4x6x6xf32>) -> tensor<6xf32>
  %m = nn.mean %c dims = [0, 1, 2] keepdim = false : (tensor<2x4x6x6xf32>) -> tensor<6xf32>
  return %s, %m, %r : tensor<6xf32>, tensor<6xf32>, tensor<2x4x6x6xf32>
}

// With one channel before and one position behind, nothing moves.
// CHECK-LABEL: func.func @single
// CHECK-NOT: nn.permute
// CHECK: return
func.func @single(%x: tensor<2x1x4x4xf32>, %w: tensor<3x1x4x4xf32>) -> tensor<2x3x1x1xf32> attributes {nn.entry} {
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x1x4x4xf32>, tensor<3x1x4x4xf32>) -> tensor<2x3x1x1xf32>
  return %y : tensor<2x3x1x1xf32>
}

//===----------------------------------------------------------------------===//
// Parts and means
//===----------------------------------------------------------------------===//

// Channels side by side, a mean that scales them, and slices.
// CHECK-LABEL: func.func @parts
// CHECK: %[[OTHER:.*]] = nn.permute %arg2 dims = [0, 2, 3, 1]
// CHECK: %[[C:.*]] = nn.packed_linear
// CHECK: %[[CAT:.*]] = nn.cat %[[C]], %[[OTHER]] dim = 3 : (tensor<2x6x5x4xf32>, tensor<2x6x5x2xf32>) -> tensor<2x6x5x6xf32>
// CHECK: %[[MEAN:.*]] = nn.mean %[[CAT]] dims = [1, 2] keepdim = true : (tensor<2x6x5x6xf32>) -> tensor<2x1x1x6xf32>
// CHECK: %[[SCALED:.*]] = nn.mul %[[CAT]], %[[MEAN]]
// CHECK: %[[PART:.*]] = nn.slice %[[SCALED]] dim = 3 {{\[}}1 : 5 : 1{{\]}}
// CHECK: %[[ROWS:.*]] = nn.slice %[[PART]] dim = 1 {{\[}}0 : 6 : 2{{\]}}
// CHECK: %[[SUM:.*]] = nn.sum %[[ROWS]] dims = [3] keepdim = true : (tensor<2x3x5x4xf32>) -> tensor<2x3x5x1xf32>
// CHECK: %[[Y:.*]] = nn.add %[[ROWS]], %[[SUM]]
// CHECK: %[[Z:.*]] = nn.mean %[[Y]] dims = [1, 2] keepdim = false : (tensor<2x3x5x4xf32>) -> tensor<2x4xf32>
// CHECK: return %[[Z]]
func.func @parts(%x: tensor<2x3x6x5xf32> {nn.name = "x"}, %w: tensor<4x3x1x1xf32> {nn.name = "w"}, %o: tensor<2x2x6x5xf32> {nn.name = "o"}) -> (tensor<2x4xf32> {nn.name = "z"}) attributes {nn.entry} {
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x5xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x6x5xf32>
  %cat = nn.cat %c, %o dim = 1 : (tensor<2x4x6x5xf32>, tensor<2x2x6x5xf32>) -> tensor<2x6x6x5xf32>
  %m = nn.mean %cat dims = [2, 3] keepdim = true : (tensor<2x6x6x5xf32>) -> tensor<2x6x1x1xf32>
  %s = nn.mul %cat, %m : (tensor<2x6x6x5xf32>, tensor<2x6x1x1xf32>) -> tensor<2x6x6x5xf32>
  %p = nn.slice %s dim = 1 [1 : 5 : 1] : (tensor<2x6x6x5xf32>) -> tensor<2x4x6x5xf32>
  %r = nn.slice %p dim = 2 [0 : 6 : 2] : (tensor<2x4x6x5xf32>) -> tensor<2x4x3x5xf32>
  %t = nn.sum %r dims = [1] keepdim = true : (tensor<2x4x3x5xf32>) -> tensor<2x1x3x5xf32>
  %y = nn.add %r, %t : (tensor<2x4x3x5xf32>, tensor<2x1x3x5xf32>) -> tensor<2x4x3x5xf32>
  %z = nn.mean %y dims = [2, 3] keepdim = false : (tensor<2x4x3x5xf32>) -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}

// The gradient of such a mean, of which each position gets its share; what is read in the user's layout alone stays in it.
// CHECK-LABEL: func.func @spread
// CHECK: %[[C:.*]] = nn.packed_linear
// CHECK: %[[R:.*]] = nn.reshape %arg2 to [2, 4, 1, 1]
// CHECK: %[[G:.*]] = nn.reshape %[[R]] to [2, 1, 1, 4]
// CHECK: %[[E:.*]] = nn.expand %[[G]] to [2, 6, 5, 4]
// CHECK: %[[M:.*]] = nn.mul %[[E]], %[[C]]
// CHECK: %[[Y:.*]] = nn.permute %[[M]] dims = [0, 3, 1, 2]
// CHECK: %[[Z:.*]] = nn.expand %[[R]] to [2, 4, 6, 5]
// CHECK: return %[[Y]], %[[Z]]
func.func @spread(%x: tensor<2x3x6x5xf32> {nn.name = "x"}, %w: tensor<4x3x1x1xf32> {nn.name = "w"}, %g: tensor<2x4xf32> {nn.name = "g"}) -> (tensor<2x4x6x5xf32> {nn.name = "y"}, tensor<2x4x6x5xf32> {nn.name = "z"}) attributes {nn.entry} {
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x6x5xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x6x5xf32>
  %r = nn.reshape %g to [2, 4, 1, 1] : (tensor<2x4xf32>) -> tensor<2x4x1x1xf32>
  %e = nn.expand %r to [2, 4, 6, 5] : (tensor<2x4x1x1xf32>) -> tensor<2x4x6x5xf32>
  %y = nn.mul %e, %c : tensor<2x4x6x5xf32>
  %z = nn.expand %r to [2, 4, 6, 5] : (tensor<2x4x1x1xf32>) -> tensor<2x4x6x5xf32>
  return %y, %z : tensor<2x4x6x5xf32>, tensor<2x4x6x5xf32>
}

//===----------------------------------------------------------------------===//
// A linear layer behind
//===----------------------------------------------------------------------===//

// The columns of its weight are permuted, which happens once; with a weight of this call, the data is.
// CHECK-LABEL: func.func @flatten
// CHECK-DAG: %[[L:.*]] = nn.read @linear
// CHECK: %[[C:.*]] = nn.packed_conv
// CHECK: %[[FLAT:.*]] = nn.reshape %[[C]] to [2, 16] : (tensor<2x2x2x4xf32>) -> tensor<2x16xf32>
// CHECK: %[[PLANES:.*]] = nn.reshape %[[L]] to [2, 4, 2, 2]
// CHECK: %[[LAST:.*]] = nn.permute %[[PLANES]] dims = [0, 2, 3, 1]
// CHECK: %[[COLUMNS:.*]] = nn.reshape %[[LAST]] to [2, 16]
// CHECK: nn.linear %[[FLAT]], %[[COLUMNS]]
func.func @flatten(%x: tensor<2x3x4x4xf32> {nn.name = "x"}) -> (tensor<2x2xf32> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<4x3x3x3xf32>
  %l = nn.read @linear : tensor<2x16xf32>
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x4x4xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x2x2xf32>
  %f = nn.reshape %c to [2, 16] : (tensor<2x4x2x2xf32>) -> tensor<2x16xf32>
  %y = nn.linear %f, %l : (tensor<2x16xf32>, tensor<2x16xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// CHECK-LABEL: func.func @flatten_moving
// CHECK: %[[F:.*]] = nn.permute %{{.*}} dims = [0, 3, 1, 2]
// CHECK: %[[FLAT:.*]] = nn.reshape %[[F]] to [2, 16]
// CHECK: nn.linear %[[FLAT]], %arg1
func.func @flatten_moving(%x: tensor<2x3x4x4xf32>, %l: tensor<2x16xf32>) -> tensor<2x2xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<4x3x3x3xf32>
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x4x4xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x2x2xf32>
  %f = nn.reshape %c to [2, 16] : (tensor<2x4x2x2xf32>) -> tensor<2x16xf32>
  %y = nn.linear %f, %l : (tensor<2x16xf32>, tensor<2x16xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @gradients
// CHECK-SAME: %[[G:.*]]: tensor<2x4x3x3xf32> {{.*}}, %[[X:.*]]: tensor<2x6x5x5xf32> {{.*}}, %[[W:.*]]: tensor<4x3x3x3xf32>
// CHECK-DAG: %[[GLAST:.*]] = nn.permute %[[G]] dims = [0, 2, 3, 1]
// CHECK-DAG: %[[XLAST:.*]] = nn.permute %[[X]] dims = [0, 2, 3, 1]
// CHECK: %[[SPLIT:.*]] = nn.reshape %[[W]] to [2, 2, 3, 9]
// CHECK: %[[ROWS:.*]] = nn.permute %[[SPLIT]] dims = [0, 2, 3, 1]
// CHECK: %[[MATRIX:.*]] = nn.reshape %[[ROWS]] to [1, 6, 18]
// CHECK: %[[PACKED:.*]] = nn.pack_panels %[[MATRIX]] panel = 32
// CHECK: %[[GX:.*]] = nn.packed_conv_backward_input %[[GLAST]], %[[PACKED]] in_channels = 6 input_size = [5, 5] kernel_size = [3, 3] stride = [2, 2] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 2
// CHECK: %[[GXFIRST:.*]] = nn.permute %[[GX]] dims = [0, 3, 1, 2]
// CHECK: %[[GW:.*]] = nn.conv_backward_weight %[[GLAST]], %[[XLAST]] kernel_size = [3, 3] stride = [2, 2] {{.*}} groups = 2 channels_last = true {{.*}} -> tensor<3x3x3x4xf32>
// CHECK: %[[GWFIRST:.*]] = nn.permute %[[GW]] dims = [3, 2, 0, 1]
// CHECK: return %[[GXFIRST]], %[[GWFIRST]]
func.func @gradients(%g: tensor<2x4x3x3xf32> {nn.name = "g"}, %x: tensor<2x6x5x5xf32> {nn.name = "x"}, %w: tensor<4x3x3x3xf32> {nn.name = "w"}) -> (tensor<2x6x5x5xf32> {nn.name = "gx"}, tensor<4x3x3x3xf32> {nn.name = "gw"}) attributes {nn.entry} {
  %gx = nn.conv_backward_input %g, %w input_size = [5, 5] stride = [2, 2] padding_low = [1, 1] padding_high = [1, 1]
      dilation = [1, 1] groups = 2 : (tensor<2x4x3x3xf32>, tensor<4x3x3x3xf32>) -> tensor<2x6x5x5xf32>
  %gw = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [2, 2] padding_low = [1, 1] padding_high = [1, 1]
      dilation = [1, 1] groups = 2 : (tensor<2x4x3x3xf32>, tensor<2x6x5x5xf32>) -> tensor<4x3x3x3xf32>
  return %gx, %gw : tensor<2x6x5x5xf32>, tensor<4x3x3x3xf32>
}

// Whole panels are moved as they are.
// PANEL-LABEL: func.func @whole_panels
// PANEL: %[[LAST:.*]] = nn.permute %{{.*}} dims = [0, 2, 3, 1] : (tensor<6x4x2x3xf32>) -> tensor<6x2x3x4xf32>
// PANEL: %[[SPLIT:.*]] = nn.reshape %[[LAST]] to [2, 3, 6, 2, 2]
// PANEL: %[[MOVED:.*]] = nn.permute %[[SPLIT]] dims = [0, 3, 2, 1, 4]
// PANEL: %[[PACKED:.*]] = nn.reshape %[[MOVED]] to [2, 2, 18, 2]
// PANEL: nn.packed_conv_backward_input %{{.*}}, %[[PACKED]] in_channels = 8
func.func @whole_panels(%g: tensor<2x6x4x3xf32> {nn.name = "g"}, %w: tensor<6x4x2x3xf32> {nn.name = "w"}) -> (tensor<2x8x5x5xf32> {nn.name = "gx"}) attributes {nn.entry} {
  %gx = nn.conv_backward_input %g, %w input_size = [5, 5] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 2 : (tensor<2x6x4x3xf32>, tensor<6x4x2x3xf32>) -> tensor<2x8x5x5xf32>
  return %gx : tensor<2x8x5x5xf32>
}

// A batch norm in training, its gradient and that of a bias: channels are the second of two dimensions, and the last that is kept.
// CHECK-LABEL: func.func @batch_norm
// CHECK: %[[C:.*]] = nn.packed_linear
// CHECK: %[[ROWS:.*]] = nn.reshape %[[C]] to [36 * batch, 4]
// CHECK: %[[N:.*]], %[[S:.*]]:2 = nn.batch_norm %[[ROWS]] training = true {{.*}} : (tensor<?x4xf32, #nn.shape<36 * batch, 4>>) -> (tensor<?x4xf32, #nn.shape<36 * batch, 4>>, tensor<4xf32>, tensor<4xf32>)
// CHECK: nn.reshape %[[N]] to [batch, 6, 6, 4]
// CHECK: nn.batch_norm_backward %{{.*}}, %{{.*}}, %[[S]]#0, %[[S]]#1 : (tensor<?x4xf32, #nn.shape<36 * batch, 4>>, tensor<?x4xf32, #nn.shape<36 * batch, 4>>, tensor<4xf32>, tensor<4xf32>)
// CHECK: nn.sum %{{.*}} dims = [0, 1, 2] keepdim = false : (tensor<?x6x6x4xf32, #nn.shape<batch, 6, 6, 4>>) -> tensor<4xf32>
func.func @batch_norm(%x: tensor<?x3x6x6xf32, #nn.shape<batch, 3, 6, 6>> {nn.name = "x"}, %w: tensor<4x3x1x1xf32> {nn.name = "w"}, %g: tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>> {nn.name = "g"}) -> (tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>> {nn.name = "y"}, tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>> {nn.name = "gx"}, tensor<4xf32> {nn.name = "gb"}) attributes {nn.entry} {
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<?x3x6x6xf32, #nn.shape<batch, 3, 6, 6>>, tensor<4x3x1x1xf32>) -> tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>
  %y, %mean, %inv_std = nn.batch_norm %c training = true momentum = 0.1 eps = 1.0e-5
      : (tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>) -> (tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>, tensor<4xf32>, tensor<4xf32>)
  %gx, %gw, %gb = nn.batch_norm_backward %g, %c, %mean, %inv_std
      : (tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>, tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>, tensor<4xf32>, tensor<4xf32>)
      -> (tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>, tensor<4xf32>, tensor<4xf32>)
  %b = nn.sum %gx dims = [0, 2, 3] keepdim = false : (tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>) -> tensor<4xf32>
  return %y, %gx, %b : tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>, tensor<?x4x6x6xf32, #nn.shape<batch, 4, 6, 6>>, tensor<4xf32>
}

// Gradients of poolings stay in the layout of the poolings; that of an average, which reads the cotangent alone, goes with who reads it.
// CHECK-LABEL: func.func @pool_gradients
// CHECK: %[[G:.*]] = nn.reshape %arg2 to [2, 1, 1, 4]
// CHECK: %[[C:.*]] = nn.packed_linear
// CHECK: %[[R:.*]] = nn.relu %[[C]]
// CHECK: %[[M:.*]] = nn.max_pool %[[R]] {{.*}} channels_last = true
// CHECK: %[[V:.*]] = nn.avg_pool %[[M]] {{.*}} channels_last = true
// CHECK: %[[GA:.*]] = nn.adaptive_avg_pool_backward %[[G]] input_size = [3, 3] channels_last = true : (tensor<2x1x1x4xf32>) -> tensor<2x3x3x4xf32>
// CHECK: %[[GV:.*]] = nn.mul %[[GA]], %[[V]]
// CHECK: %[[GM:.*]] = nn.avg_pool_backward %[[GV]] input_size = [4, 4] {{.*}} channels_last = true : (tensor<2x3x3x4xf32>) -> tensor<2x4x4x4xf32>
// CHECK: %[[GR:.*]] = nn.max_pool_backward %[[GM]], %[[R]] {{.*}} channels_last = true : (tensor<2x4x4x4xf32>, tensor<2x8x8x4xf32>) -> tensor<2x8x8x4xf32>
// CHECK: %[[Y:.*]] = nn.permute %[[GR]] dims = [0, 3, 1, 2]
// CHECK: return %[[Y]]
func.func @pool_gradients(%x: tensor<2x3x8x8xf32> {nn.name = "x"}, %w: tensor<4x3x1x1xf32> {nn.name = "w"}, %g: tensor<2x4x1x1xf32> {nn.name = "g"}) -> (tensor<2x4x8x8xf32> {nn.name = "gr"}) attributes {nn.entry} {
  %c = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<2x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<2x4x8x8xf32>
  %r = nn.relu %c : tensor<2x4x8x8xf32>
  %m = nn.max_pool %r kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<2x4x8x8xf32>) -> tensor<2x4x4x4xf32>
  %v = nn.avg_pool %m kernel_size = [2, 2] stride = [1, 1] padding = [0, 0] ceil_mode = false count_include_pad = true
      : (tensor<2x4x4x4xf32>) -> tensor<2x4x3x3xf32>
  %ga = nn.adaptive_avg_pool_backward %g input_size = [3, 3] : (tensor<2x4x1x1xf32>) -> tensor<2x4x3x3xf32>
  %gv = nn.mul %ga, %v : tensor<2x4x3x3xf32>
  %gm = nn.avg_pool_backward %gv input_size = [4, 4] kernel_size = [2, 2] stride = [1, 1] padding = [0, 0] ceil_mode = false
      count_include_pad = true : (tensor<2x4x3x3xf32>) -> tensor<2x4x4x4xf32>
  %gr = nn.max_pool_backward %gm, %r kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<2x4x4x4xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  return %gr : tensor<2x4x8x8xf32>
}

// Without a convolution they stay as they are.
// CHECK-LABEL: func.func @plain_pool_gradients
// CHECK-NOT: channels_last
// CHECK: return
func.func @plain_pool_gradients(%x: tensor<2x4x8x8xf32>, %g: tensor<2x4x4x4xf32>) -> (tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) attributes {nn.entry} {
  %0 = nn.max_pool_backward %g, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<2x4x4x4xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %1 = nn.adaptive_avg_pool_backward %g input_size = [8, 8] : (tensor<2x4x4x4xf32>) -> tensor<2x4x8x8xf32>
  return %0, %1 : tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>
}

// Where each channel is a group of its own, the gradient of the input reads the panels of the convolution.
// CHECK-LABEL: func.func @depthwise_gradients
// CHECK: %[[TAPS:.*]] = nn.reshape %{{.*}} to [4, 3, 3, 1]
// CHECK: %[[ROWS:.*]] = nn.reshape %[[TAPS]] to [1, 4, 9]
// CHECK: %[[PACKED:.*]] = nn.pack_panels %[[ROWS]] panel = 32 : (tensor<1x4x9xf32>) -> tensor<1x1x9x32xf32>
// CHECK: nn.packed_conv_backward_input %{{.*}}, %[[PACKED]] in_channels = 4 {{.*}} groups = 4
// CHECK: %[[GW:.*]] = nn.conv_backward_weight {{.*}} groups = 4 channels_last = true {{.*}} -> tensor<3x3x1x4xf32>
// CHECK: nn.permute %[[GW]] dims = [3, 2, 0, 1]
func.func @depthwise_gradients(%g: tensor<2x4x3x3xf32> {nn.name = "g"}, %x: tensor<2x4x6x5xf32> {nn.name = "x"}, %w: tensor<4x1x3x3xf32> {nn.name = "w"}) -> (tensor<2x4x6x5xf32> {nn.name = "gx"}, tensor<4x1x3x3xf32> {nn.name = "gw"}) attributes {nn.entry} {
  %gx = nn.conv_backward_input %g, %w input_size = [6, 5] stride = [2, 1] padding_low = [1, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 4 : (tensor<2x4x3x3xf32>, tensor<4x1x3x3xf32>) -> tensor<2x4x6x5xf32>
  %gw = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [2, 1] padding_low = [1, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 4 : (tensor<2x4x3x3xf32>, tensor<2x4x6x5xf32>) -> tensor<4x1x3x3xf32>
  return %gx, %gw : tensor<2x4x6x5xf32>, tensor<4x1x3x3xf32>
}

// A group of a single output channel: its input channels are the rows of the input's gradient, and addends of the weight's.
// CHECK-LABEL: func.func @single_output_gradients
// CHECK: nn.pack_panels %{{.*}} panel = 32 : (tensor<1x4x9xf32>) -> tensor<1x1x9x32xf32>
// CHECK: nn.packed_conv_backward_input {{.*}} groups = 2
// CHECK: nn.conv_backward_weight {{.*}} groups = 2 channels_last = true {{.*}} -> tensor<3x3x2x2xf32>
func.func @single_output_gradients(%g: tensor<2x2x3x3xf32> {nn.name = "g"}, %x: tensor<2x4x5x5xf32> {nn.name = "x"}, %w: tensor<2x2x3x3xf32> {nn.name = "w"}) -> (tensor<2x4x5x5xf32> {nn.name = "gx"}, tensor<2x2x3x3xf32> {nn.name = "gw"}) attributes {nn.entry} {
  %gx = nn.conv_backward_input %g, %w input_size = [5, 5] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 2 : (tensor<2x2x3x3xf32>, tensor<2x2x3x3xf32>) -> tensor<2x4x5x5xf32>
  %gw = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 2 : (tensor<2x2x3x3xf32>, tensor<2x4x5x5xf32>) -> tensor<2x2x3x3xf32>
  return %gx, %gw : tensor<2x4x5x5xf32>, tensor<2x2x3x3xf32>
}

// What has its channels last already stays as it is.
// CHECK-LABEL: func.func @last_before
// CHECK: %[[GW:.*]] = nn.conv_backward_weight %arg0, %arg1
// CHECK: return %[[GW]]
func.func @last_before(%g: tensor<2x3x3x2xf32>, %x: tensor<2x5x5x4xf32>) -> tensor<3x3x4x2xf32> attributes {nn.entry} {
  %gw = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 1 channels_last = true : (tensor<2x3x3x2xf32>, tensor<2x5x5x4xf32>) -> tensor<3x3x4x2xf32>
  return %gw : tensor<3x3x4x2xf32>
}

// Of many input channels, the weight's gradient stays as it is.
// CHECK-LABEL: func.func @single_output_of_many
// CHECK: nn.packed_conv_backward_input {{.*}} groups = 2
// CHECK: nn.conv_backward_weight {{.*}} groups = 2 :
// REMARK: [Missed] channels-last | {{.*}}Function=single_output_of_many{{.*}}Reason="each output channel is a group of many input channels, a column of its own"
func.func @single_output_of_many(%g: tensor<2x2x3x3xf32>, %x: tensor<2x34x5x5xf32>, %w: tensor<2x17x3x3xf32>) -> (tensor<2x34x5x5xf32>, tensor<2x17x3x3xf32>) attributes {nn.entry} {
  %gx = nn.conv_backward_input %g, %w input_size = [5, 5] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 2 : (tensor<2x2x3x3xf32>, tensor<2x17x3x3xf32>) -> tensor<2x34x5x5xf32>
  %gw = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 2 : (tensor<2x2x3x3xf32>, tensor<2x34x5x5xf32>) -> tensor<2x17x3x3xf32>
  return %gx, %gw : tensor<2x34x5x5xf32>, tensor<2x17x3x3xf32>
}

// The same values, whatever the layout, and whatever the panel.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-channels-last{panel=2}))" -o %t.mlir
// RUN: kiln-interpret %s groups --input=x=iota:2x8x5x5 --input=w=iota:6x4x3x3 --input=v=iota:6x1x3x3 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir groups --input=x=iota:2x8x5x5 --input=w=iota:6x4x3x3 --input=v=iota:6x1x3x3 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s operands --input=x=iota:2x3x4x4 --input=r=iota:2x4x4x4 --input=c=values:4x1x1:1,-2,3,4 --input=row=iota:4x4 --input=g=iota:2x4x1x1 --input=s=ones:scalar --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir operands --input=x=iota:2x3x4x4 --input=r=iota:2x4x4x4 --input=c=values:4x1x1:1,-2,3,4 --input=row=iota:4x4 --input=g=iota:2x4x1x1 --input=s=ones:scalar --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s pointwise --input=x=iota:2x3x6x5 --f64 --output=y=%t.before.npy --output=z=%t.before2.npy
// RUN: kiln-interpret %t.mlir pointwise --input=x=iota:2x3x6x5 --f64 --output=y=%t.after.npy --output=z=%t.after2.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.after2.npy %t.before2.npy --tolerance=1e-12
// RUN: kiln-interpret %s gradients --input=g=iota:2x4x3x3 --input=x=iota:2x6x5x5 --input=w=iota:4x3x3x3 --f64 --output=gx=%t.before.npy --output=gw=%t.before2.npy
// RUN: kiln-interpret %t.mlir gradients --input=g=iota:2x4x3x3 --input=x=iota:2x6x5x5 --input=w=iota:4x3x3x3 --f64 --output=gx=%t.after.npy --output=gw=%t.after2.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.after2.npy %t.before2.npy --tolerance=1e-12
// RUN: kiln-interpret %s batch_norm --input=x=iota:2x3x6x6 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=g=iota:2x4x6x6 --f64 --output=y=%t.before.npy --output=gx=%t.before2.npy
// RUN: kiln-interpret %t.mlir batch_norm --input=x=iota:2x3x6x6 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=g=iota:2x4x6x6 --f64 --output=y=%t.after.npy --output=gx=%t.after2.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.after2.npy %t.before2.npy --tolerance=1e-12
// RUN: kiln-interpret %s pool_gradients --input=x=iota:2x3x8x8 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=g=iota:2x4x1x1 --f64 --output=gr=%t.before.npy
// RUN: kiln-interpret %t.mlir pool_gradients --input=x=iota:2x3x8x8 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=g=iota:2x4x1x1 --f64 --output=gr=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s depthwise_gradients --input=g=iota:2x4x3x3 --input=x=iota:2x4x6x5 --input=w=iota:4x1x3x3 --f64 --output=gx=%t.before.npy --output=gw=%t.before2.npy
// RUN: kiln-interpret %t.mlir depthwise_gradients --input=g=iota:2x4x3x3 --input=x=iota:2x4x6x5 --input=w=iota:4x1x3x3 --f64 --output=gx=%t.after.npy --output=gw=%t.after2.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.after2.npy %t.before2.npy --tolerance=1e-12
// RUN: kiln-interpret %s parts --input=x=iota:2x3x6x5 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=o=iota:2x2x6x5 --f64 --output=z=%t.before.npy
// RUN: kiln-interpret %t.mlir parts --input=x=iota:2x3x6x5 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=o=iota:2x2x6x5 --f64 --output=z=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s spread --input=x=iota:2x3x6x5 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=g=iota:2x4 --f64 --output=y=%t.before.npy --output=z=%t.before2.npy
// RUN: kiln-interpret %t.mlir spread --input=x=iota:2x3x6x5 --input=w=values:4x3x1x1:1,-2,3,0,2,-1,5,4,1,-1,-1,2 --input=g=iota:2x4 --f64 --output=y=%t.after.npy --output=z=%t.after2.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.after2.npy %t.before2.npy --tolerance=1e-12
// RUN: kiln-interpret %s whole_panels --input=g=iota:2x6x4x3 --input=w=iota:6x4x2x3 --f64 --output=gx=%t.before.npy
// RUN: kiln-interpret %t.mlir whole_panels --input=g=iota:2x6x4x3 --input=w=iota:6x4x2x3 --f64 --output=gx=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12

// Where groups share a matrix.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-channels-last))" -o %t.mlir
// RUN: kiln-interpret %s groups --input=x=iota:2x8x5x5 --input=w=iota:6x4x3x3 --input=v=iota:6x1x3x3 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir groups --input=x=iota:2x8x5x5 --input=w=iota:6x4x3x3 --input=v=iota:6x1x3x3 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s groups_of_two --input=x=iota:2x48x5x5 --input=w=iota:48x2x3x3 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir groups_of_two --input=x=iota:2x48x5x5 --input=w=iota:48x2x3x3 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s gradients --input=g=iota:2x4x3x3 --input=x=iota:2x6x5x5 --input=w=iota:4x3x3x3 --f64 --output=gx=%t.before.npy --output=gw=%t.before2.npy
// RUN: kiln-interpret %t.mlir gradients --input=g=iota:2x4x3x3 --input=x=iota:2x6x5x5 --input=w=iota:4x3x3x3 --f64 --output=gx=%t.after.npy --output=gw=%t.after2.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.after2.npy %t.before2.npy --tolerance=1e-12
// RUN: kiln-interpret %s single_output_gradients --input=g=iota:2x2x3x3 --input=x=iota:2x4x5x5 --input=w=iota:2x2x3x3 --f64 --output=gx=%t.before.npy --output=gw=%t.before2.npy
// RUN: kiln-interpret %t.mlir single_output_gradients --input=g=iota:2x2x3x3 --input=x=iota:2x4x5x5 --input=w=iota:2x2x3x3 --f64 --output=gx=%t.after.npy --output=gw=%t.after2.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.after2.npy %t.before2.npy --tolerance=1e-12
