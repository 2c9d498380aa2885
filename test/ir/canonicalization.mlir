// Folders and canonicalisation: first what must stay as it is, then what goes.
//
// RUN: kiln-opt %s --canonicalize | FileCheck %s

//===----------------------------------------------------------------------===//
// Must not fold
//===----------------------------------------------------------------------===//

// -0.0 + 0.0 is 0.0.
// CHECK-LABEL: @add_positive_zero
// CHECK: nn.add
func.func @add_positive_zero(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<0.0> : tensor<4xf32>
  %0 = nn.add %x, %zero : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -0.0 - -0.0 is 0.0.
// CHECK-LABEL: @sub_negative_zero
// CHECK: nn.sub
func.func @sub_negative_zero(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<-0.0> : tensor<4xf32>
  %0 = nn.sub %x, %zero : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// NaN and infinities.
// CHECK-LABEL: @sub_itself
// CHECK: nn.sub
func.func @sub_itself(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.sub %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: @mul_zero
// CHECK: nn.mul
func.func @mul_zero(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<0.0> : tensor<4xf32>
  %0 = nn.mul %x, %zero : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Multiplication by 1/3 rounds differently.
// CHECK-LABEL: @div_three
// CHECK: nn.div
func.func @div_three(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = nn.constant dense<3.0> : tensor<4xf32>
  %0 = nn.div %x, %three : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// The result is larger than the operand that would remain.
// CHECK-LABEL: @mul_one_broadcast
// CHECK: nn.mul
func.func @mul_one_broadcast(%x: tensor<4xf32>) -> tensor<2x4xf32> {
  %one = nn.constant dense<1.0> : tensor<2x1xf32>
  %0 = nn.mul %x, %one : (tensor<4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// f64 -> f32 -> f64 loses digits.
// CHECK-LABEL: @cast_there_and_back
// CHECK-COUNT-2: nn.cast
func.func @cast_there_and_back(%x: tensor<4xf64>) -> tensor<4xf64> {
  %0 = nn.cast %x to f32 : (tensor<4xf64>) -> tensor<4xf32>
  %1 = nn.cast %0 to f64 : (tensor<4xf32>) -> tensor<4xf64>
  return %1 : tensor<4xf64>
}

// The mask belongs to the call.
// CHECK-LABEL: @dropout_in_training
// CHECK: nn.dropout
func.func @dropout_in_training() -> tensor<4xf32> {
  %c = nn.constant dense<1.0> : tensor<4xf32>
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  %0 = nn.dropout %c generator %generator p = 0.5 training = true site = 3 : (tensor<4xf32>, tensor<2xi64>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// A state may change between calls, and so may what depends on it.
// CHECK-LABEL: @read
// CHECK-NEXT: nn.read @s
// CHECK-NEXT: nn.neg
nn.state @s parameter : tensor<2xf32> = dense<1.0>
func.func @read() -> tensor<2xf32> {
  %0 = nn.read @s : tensor<2xf32>
  %1 = nn.neg %0 : tensor<2xf32>
  return %1 : tensor<2xf32>
}

// Reads and writes keep their order, and a write whose value nobody reads stays.
// CHECK-LABEL: @read_write_read
// CHECK-NEXT: %[[OLD:.*]] = nn.read @s
// CHECK-NEXT: nn.write @s, %arg0
// CHECK-NEXT: %[[NEW:.*]] = nn.read @s
// CHECK-NEXT: return %[[OLD]], %[[NEW]]
func.func @read_write_read(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0 = nn.read @s : tensor<2xf32>
  nn.write @s, %x : tensor<2xf32>
  %1 = nn.read @s : tensor<2xf32>
  return %0, %1 : tensor<2xf32>, tensor<2xf32>
}

// 65537 elements are more than the folder evaluates.
// CHECK-LABEL: @too_large
// CHECK: nn.neg
func.func @too_large() -> tensor<65537xf32> {
  %c = nn.constant dense<1.0> : tensor<65537xf32>
  %0 = nn.neg %c : tensor<65537xf32>
  return %0 : tensor<65537xf32>
}

// An error of the kernel is left to run time.
// CHECK-LABEL: @bad_index
// CHECK: nn.embedding
func.func @bad_index() -> tensor<1x2xf32> {
  %i = nn.constant dense<7> : tensor<1xi64>
  %w = nn.constant dense<1.0> : tensor<3x2xf32>
  %0 = nn.embedding %i, %w : (tensor<1xi64>, tensor<3x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// Shorter than their values.
// CHECK-LABEL: @full_and_expand
// CHECK: nn.full
// CHECK: nn.expand
func.func @full_and_expand() -> (tensor<100xf32>, tensor<100xf32>) {
  %0 = nn.full 1.0 shape = [100] dtype = f32 : tensor<100xf32>
  %c = nn.constant dense<1.0> : tensor<1xf32>
  %1 = nn.expand %c to [100] : (tensor<1xf32>) -> tensor<100xf32>
  return %0, %1 : tensor<100xf32>, tensor<100xf32>
}

// The same open type may be two sizes.
// CHECK-LABEL: @open_slice
// CHECK: nn.slice
func.func @open_slice(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = nn.slice %x dim = 0 [0 : 2 : 1] : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// A detached value is not its operand until gradients have been taken; a NaN differs from itself; an arm of another shape would
// have to be stretched.
// CHECK-LABEL: @kept_for_training
// CHECK-NEXT: %[[D:.*]] = nn.detach %arg0
// CHECK-NEXT: %[[E:.*]] = nn.eq %[[D]], %[[D]]
// CHECK-NEXT: %[[W:.*]] = nn.where %[[E]], %arg1, %arg1
// CHECK-NEXT: return %[[W]]
func.func @kept_for_training(%x: tensor<4xf32>, %y: tensor<1xf32>) -> tensor<4xf32> {
  %0 = nn.detach %x : tensor<4xf32>
  %1 = nn.eq %0, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %2 = nn.where %1, %y, %y : (tensor<4xi1>, tensor<1xf32>, tensor<1xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @selections
// CHECK-NEXT: %[[D:.*]] = nn.detach %arg1
// CHECK-NEXT: return %arg1, %arg1, %arg2, %[[D]]
func.func @selections(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %true = nn.full 1.0 shape = [] dtype = i1 : tensor<i1>
  %false = nn.constant dense<false> : tensor<4xi1>
  %0 = nn.where %c, %x, %x : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.where %true, %x, %y : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.where %false, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.detach %x : tensor<4xf32>
  %4 = nn.detach %3 : tensor<4xf32>
  return %0, %1, %2, %4 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Sums and steps of an optimizer are evaluated as everything else: 0.5 * 2 = 1 is the step, lr * g.
// CHECK-LABEL: @step_of_constants
// CHECK-NEXT: nn.constant dense<[2.000000e+00, 3.000000e+00]> : tensor<2xf32>
func.func @step_of_constants() -> tensor<2xf32> {
  %p = nn.constant dense<[3.0, 4.0]> : tensor<2xf32>
  %g = nn.constant dense<2.0> : tensor<2xf32>
  %steps = nn.constant dense<1.0> : tensor<1xf32>
  %lr = nn.constant dense<0.5> : tensor<f64>
  %0 = nn.sgd parameters(%p) gradients(%g) steps %steps lr %lr indices = [0] momentum = 0.0 dampening = 0.0 weight_decay = 0.0
      nesterov = false maximize = false : (tensor<2xf32>, tensor<2xf32>, tensor<1xf32>, tensor<f64>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: @identities
// CHECK-NEXT: return %arg0, %arg0, %arg0, %arg0, %arg0, %arg0, %arg0, %arg0, %arg0
func.func @identities(%x: tensor<?x4xf32, #nn.shape<batch, 4>>)
    -> (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>,
        tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>,
        tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>) {
  %minus_zero = nn.constant dense<-0.0> : tensor<4xf32>
  %zero = nn.constant dense<0.0> : tensor<f32>
  %one = nn.full 1.0 shape = [batch, 1] dtype = f32 : tensor<?x1xf32, #nn.shape<batch, 1>>
  %0 = nn.add %x, %minus_zero : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %1 = nn.add %minus_zero, %x : (tensor<4xf32>, tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %2 = nn.sub %x, %zero : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<f32>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %3 = nn.mul %x, %one : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x1xf32, #nn.shape<batch, 1>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %4 = nn.div %x, %one : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x1xf32, #nn.shape<batch, 1>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %5 = nn.maximum %x, %x : tensor<?x4xf32, #nn.shape<batch, 4>>
  %6 = nn.dropout %x p = 0.5 training = false site = 1 : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %7 = nn.dropout %x p = 0.0 training = true site = 1 : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %8 = nn.cast %x to f32 : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8
      : tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>,
        tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>,
        tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>
}

// Integers have one zero.
// CHECK-LABEL: @integers
// CHECK-NEXT: return %arg0, %arg0
func.func @integers(%x: tensor<4xi64>) -> (tensor<4xi64>, tensor<4xi64>) {
  %zero = nn.constant dense<0> : tensor<4xi64>
  %one = nn.constant dense<1> : tensor<4xi64>
  %0 = nn.add %x, %zero : tensor<4xi64>
  %1 = nn.mul %x, %one : tensor<4xi64>
  return %0, %1 : tensor<4xi64>, tensor<4xi64>
}

// CHECK-LABEL: @twice
// CHECK-NEXT: %[[R:.*]] = nn.relu %arg0
// CHECK-NEXT: %[[A:.*]] = nn.abs %arg0
// CHECK-NEXT: return %[[R]], %[[A]], %arg0
func.func @twice(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = nn.relu %x : tensor<4xf32>
  %1 = nn.relu %0 : tensor<4xf32>
  %2 = nn.abs %x : tensor<4xf32>
  %3 = nn.abs %2 : tensor<4xf32>
  %4 = nn.neg %x : tensor<4xf32>
  %5 = nn.neg %4 : tensor<4xf32>
  return %1, %3, %5 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @reshape_of_reshape
// CHECK-NEXT: %[[R:.*]] = nn.reshape %arg0 to [2, 2, 2] : (tensor<8xf32>) -> tensor<2x2x2xf32>
// CHECK-NEXT: return %[[R]], %arg0
func.func @reshape_of_reshape(%x: tensor<8xf32>) -> (tensor<2x2x2xf32>, tensor<8xf32>) {
  %0 = nn.reshape %x to [2, 4] : (tensor<8xf32>) -> tensor<2x4xf32>
  %1 = nn.reshape %0 to [2, 2, 2] : (tensor<2x4xf32>) -> tensor<2x2x2xf32>
  %2 = nn.reshape %0 to [8] : (tensor<2x4xf32>) -> tensor<8xf32>
  return %1, %2 : tensor<2x2x2xf32>, tensor<8xf32>
}

// CHECK-LABEL: @permute_of_permute
// CHECK-NEXT: %[[P:.*]] = nn.permute %arg0 dims = [1, 0, 2] : (tensor<2x3x4xf32>) -> tensor<3x2x4xf32>
// CHECK-NEXT: return %[[P]], %arg0
func.func @permute_of_permute(%x: tensor<2x3x4xf32>) -> (tensor<3x2x4xf32>, tensor<2x3x4xf32>) {
  %0 = nn.permute %x dims = [2, 0, 1] : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  %1 = nn.permute %0 dims = [2, 1, 0] : (tensor<4x2x3xf32>) -> tensor<3x2x4xf32>
  %2 = nn.permute %0 dims = [1, 2, 0] : (tensor<4x2x3xf32>) -> tensor<2x3x4xf32>
  return %1, %2 : tensor<3x2x4xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: @expand_of_expand
// CHECK-NEXT: %[[E:.*]] = nn.expand %arg0 to [2, 3, 4] : (tensor<1x4xf32>) -> tensor<2x3x4xf32>
// CHECK-NEXT: return %[[E]], %arg0
func.func @expand_of_expand(%x: tensor<1x4xf32>) -> (tensor<2x3x4xf32>, tensor<1x4xf32>) {
  %0 = nn.expand %x to [3, 4] : (tensor<1x4xf32>) -> tensor<3x4xf32>
  %1 = nn.expand %0 to [2, 3, 4] : (tensor<3x4xf32>) -> tensor<2x3x4xf32>
  %2 = nn.expand %x to [1, 4] : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %1, %2 : tensor<2x3x4xf32>, tensor<1x4xf32>
}

// CHECK-LABEL: @whole
// CHECK-NEXT: return %arg0, %arg1, %arg0
func.func @whole(%x: tensor<?xf32, #nn.shape<n>>, %y: tensor<?xf32, #nn.shape<n>>)
    -> (tensor<?xf32, #nn.shape<n>>, tensor<?xf32, #nn.shape<n>>, tensor<?xf32, #nn.shape<n>>) {
  %0 = nn.slice %x dim = 0 [0 : n : 1] : (tensor<?xf32, #nn.shape<n>>) -> tensor<?xf32, #nn.shape<n>>
  %1 = nn.slice_scatter %x, %y dim = 0 [0 : n : 1] : (tensor<?xf32, #nn.shape<n>>, tensor<?xf32, #nn.shape<n>>) -> tensor<?xf32, #nn.shape<n>>
  %2 = nn.cat %x dim = 0 : (tensor<?xf32, #nn.shape<n>>) -> tensor<?xf32, #nn.shape<n>>
  return %0, %1, %2 : tensor<?xf32, #nn.shape<n>>, tensor<?xf32, #nn.shape<n>>, tensor<?xf32, #nn.shape<n>>
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

// 1 * 3 + 2 * 4 = 11, 11 + 0.5.
// CHECK-LABEL: @evaluate
// CHECK-NEXT: %[[C:.*]] = nn.constant dense<1.150000e+01> : tensor<1xf32>
// CHECK-NEXT: return %[[C]]
func.func @evaluate() -> tensor<1xf32> {
  %x = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %w = nn.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %b = nn.constant dense<0.5> : tensor<1xf32>
  %0 = nn.linear %x, %w, %b : (tensor<2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}

// An operand in the middle is absent: mean 1, variance 4, eps 0, weight 3: (5 - 1) / 2 * 3.
// CHECK-LABEL: @absent_operand
// CHECK-NEXT: nn.constant dense<6.000000e+00> : tensor<1x1xf32>
func.func @absent_operand() -> tensor<1x1xf32> {
  %x = nn.constant dense<5.0> : tensor<1x1xf32>
  %w = nn.constant dense<3.0> : tensor<1xf32>
  %m = nn.constant dense<1.0> : tensor<1xf32>
  %v = nn.constant dense<4.0> : tensor<1xf32>
  %0 = nn.batch_norm %x weight %w running_mean %m running_var %v training = false momentum = 0.1 eps = 0.0
      : (tensor<1x1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// CHECK-LABEL: @bools
// CHECK-NEXT: nn.constant dense<[true, false, true]> : tensor<3xi1>
func.func @bools() -> tensor<3xi1> {
  %x = nn.constant dense<[2.0, 0.0, 0x7FC00000]> : tensor<3xf32>
  %0 = nn.cast %x to i1 : (tensor<3xf32>) -> tensor<3xi1>
  return %0 : tensor<3xi1>
}
