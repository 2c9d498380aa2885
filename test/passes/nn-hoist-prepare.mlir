// RUN: kiln-opt %s --nn-hoist-prepare --split-input-file | FileCheck %s
// RUN: kiln-opt %s --nn-hoist-prepare --split-input-file --remarks-filter=nn-hoist-prepare --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// There is nothing to compute in a plain read, a constant, a fill, or a reshape or expansion of one.
// CHECK-NOT: nn.prepared
// CHECK-LABEL: func.func @nothing_to_compute
// CHECK: nn.read @weight
// CHECK: nn.reshape
// CHECK: nn.expand
// CHECK: nn.full
// CHECK: nn.constant
// CHECK-NOT: nn.load_prepared
// CHECK-LABEL: func.func @scalars
// CHECK: nn.read @scalar
// CHECK: nn.mul
// CHECK-NOT: nn.load_prepared
// CHECK-LABEL: func.func @depends_on_an_input
// CHECK: nn.neg
// CHECK-NOT: nn.load_prepared
// CHECK-LABEL: func.func @random
// CHECK: nn.dropout
// CHECK-NOT: nn.load_prepared
// CHECK-LABEL: func.func private @no_entry
// CHECK: nn.neg
// CHECK-NOT: nn.load_prepared
// CHECK-NOT: func.func private @prepare
nn.state @weight parameter trainable : tensor<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]>
nn.state @scalar parameter trainable : tensor<f32> = dense<2.0>

func.func @nothing_to_compute(%x: tensor<4x6xf32>) -> tensor<4x6xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<2x3xf32>
  %r = nn.reshape %w to [6] : (tensor<2x3xf32>) -> tensor<6xf32>
  %e = nn.expand %r to [4, 6] : (tensor<6xf32>) -> tensor<4x6xf32>
  %f = nn.full 1.0 shape = [4, 6] dtype = f32 : tensor<4x6xf32>
  %c = nn.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %0 = nn.add %x, %e : tensor<4x6xf32>
  %1 = nn.add %0, %f : tensor<4x6xf32>
  %2 = nn.add %1, %c : (tensor<4x6xf32>, tensor<6xf32>) -> tensor<4x6xf32>
  return %2 : tensor<4x6xf32>
}

// Cheaper to compute than to load.
func.func @scalars(%x: tensor<4xf32>) -> tensor<4xf32> attributes {nn.entry} {
  %s = nn.read @scalar : tensor<f32>
  %t = nn.mul %s, %s : tensor<f32>
  %y = nn.mul %x, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

func.func @depends_on_an_input(%x: tensor<2x3xf32>) -> tensor<2x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<2x3xf32>
  %n = nn.add %w, %x : tensor<2x3xf32>
  %y = nn.neg %n : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

func.func @random() -> tensor<2x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<2x3xf32>
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  %y = nn.dropout %w generator %generator p = 5.000000e-01 training = true site = 3 : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

func.func private @no_entry() -> tensor<2x3xf32> {
  %w = nn.read @weight : tensor<2x3xf32>
  %y = nn.neg %w : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

// A function that writes a source keeps its own computation: a prepared value would be stale within the very call. Others load it.
// CHECK: nn.prepared @fc.neg : tensor<2x3xf32> sources [@weight]
// CHECK-LABEL: func.func @step
// CHECK: nn.neg
// CHECK-NOT: nn.load_prepared
// CHECK: nn.write @weight
// CHECK-LABEL: func.func @predict
// CHECK-NEXT: %[[P:.*]] = nn.load_prepared @fc.neg
// CHECK-NEXT: return %[[P]]
// CHECK-LABEL: func.func private @prepare_0() attributes {nn.prepare}
// CHECK-NEXT: %[[W:.*]] = nn.read @weight
// CHECK-NEXT: %[[N:.*]] = nn.neg %[[W]]
// CHECK-NEXT: nn.store_prepared @fc.neg, %[[N]]
// CHECK-NEXT: return
// REMARK: [Missed] hoist | Category:nn-hoist-prepare | Function=step | Module=fc, Reason="'step' writes the state 'weight' it depends on"
// REMARK: [Passed] hoist | {{.*}}Function=predict | Module=fc, Remark="[2, 3] computed once, not at each call"
nn.state @weight parameter trainable : tensor<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]>

func.func @step() -> tensor<2x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<2x3xf32>
  %y = nn.neg %w : tensor<2x3xf32> loc(fused<"fc">["model.cpp":1:1])
  nn.write @weight, %y : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

func.func @predict() -> tensor<2x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<2x3xf32>
  %y = nn.neg %w : tensor<2x3xf32> loc(fused<"fc">["model.cpp":1:1])
  return %y : tensor<2x3xf32>
}

// -----

// Equal computations of two functions share a slot. Slots that share a computation (exp) share a prepare function; others do not,
// even if they read the same state.
// CHECK-DAG: nn.prepared @neg : tensor<3xf32> sources [@a]
// CHECK-DAG: nn.prepared @relu : tensor<3xf32> sources [@a]
// CHECK-DAG: nn.prepared @abs : tensor<3xf32> sources [@a]
// CHECK-DAG: nn.prepared @add : tensor<3xf32> sources [@a, @b]
// CHECK-LABEL: func.func @one
// CHECK-DAG: nn.load_prepared @neg
// CHECK-DAG: nn.load_prepared @relu
// CHECK-DAG: nn.load_prepared @abs
// CHECK-NOT: nn.read
// CHECK-LABEL: func.func @two
// CHECK-DAG: nn.load_prepared @neg
// CHECK-DAG: nn.load_prepared @add
// CHECK-NOT: nn.read
// CHECK-LABEL: func.func private @prepare_0()
// CHECK: nn.exp
// CHECK-NOT: nn.exp
// CHECK-DAG: nn.store_prepared @neg
// CHECK-DAG: nn.store_prepared @relu
// CHECK-NOT: nn.store_prepared
// CHECK-LABEL: func.func private @prepare_1()
// CHECK: nn.store_prepared @abs
// CHECK-NOT: nn.store_prepared
// CHECK-LABEL: func.func private @prepare_2()
// CHECK: nn.store_prepared @add
// CHECK-NOT: nn.store_prepared
// REMARK: [Passed] hoist | {{.*}}Function=two{{.*}}Remark="[3] computed once, shared with an equal value"
nn.state @a parameter trainable : tensor<3xf32> = dense<[1.0, -2.0, 3.0]>
nn.state @b parameter trainable : tensor<3xf32> = dense<[4.0, -5.0, 6.0]>

func.func @one(%x: tensor<3xf32> {nn.name = "x"}) -> (tensor<3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %a = nn.read @a : tensor<3xf32>
  %e = nn.exp %a : tensor<3xf32>
  %n = nn.neg %e : tensor<3xf32>
  %r = nn.relu %e : tensor<3xf32>
  %s = nn.abs %a : tensor<3xf32>
  %0 = nn.add %x, %n : tensor<3xf32>
  %1 = nn.mul %0, %r : tensor<3xf32>
  %2 = nn.add %1, %s : tensor<3xf32>
  return %2 : tensor<3xf32>
}

func.func @two(%x: tensor<3xf32> {nn.name = "x"}) -> (tensor<3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %b = nn.read @b : tensor<3xf32>
  %a = nn.read @a : tensor<3xf32>
  %e = nn.exp %a : tensor<3xf32>
  %n = nn.neg %e : tensor<3xf32>
  %s = nn.add %b, %a : tensor<3xf32>
  %0 = nn.add %x, %n : tensor<3xf32>
  %1 = nn.mul %0, %s : tensor<3xf32>
  return %1 : tensor<3xf32>
}

// -----

// A constant weight: computed once, from nothing. The expansion stays in the function, where fusion takes it up; what is computed
// before it leaves. A name that a state has already gets a number.
// CHECK: nn.prepared @pack_panels : tensor<1x2x4xf32> sources []
// CHECK: nn.prepared @neg_0 : tensor<3xf32> sources [@neg]
// CHECK-LABEL: func.func @predict
// CHECK: nn.load_prepared @pack_panels
// CHECK: %[[N:.*]] = nn.load_prepared @neg_0
// CHECK: nn.expand %[[N]]
nn.state @neg parameter trainable : tensor<3xf32> = dense<[1.0, -2.0, 3.0]>

func.func @predict(%x: tensor<5x2xf32> {nn.name = "x"}) -> (tensor<5x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %p = nn.pack_panels %w panel = 4 : (tensor<3x2xf32>) -> tensor<1x2x4xf32>
  %h = nn.packed_linear %x, %p out_features = 3 : (tensor<5x2xf32>, tensor<1x2x4xf32>) -> tensor<5x3xf32>
  %b = nn.read @neg : tensor<3xf32>
  %n = nn.neg %b : tensor<3xf32>
  %e = nn.expand %n to [5, 3] : (tensor<3xf32>) -> tensor<5x3xf32>
  %y = nn.add %h, %e : tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// -----

// A program that trains. What predict computes from the weight is kept until train_step writes it; the frozen encoder's panels serve both
// functions and depend on nothing that is written. In train_step itself nothing of the trained weight is hoisted, before or after the
// write, and neither is what depends on learning rate and steps.
// CHECK: nn.prepared @pack_panels : tensor<1x3x4xf32> sources [@frozen]
// CHECK: nn.prepared @pack_panels_0 : tensor<1x2x4xf32> sources [@weight]
// CHECK-LABEL: func.func @predict
// CHECK: nn.load_prepared @pack_panels
// CHECK: nn.load_prepared @pack_panels_0
// CHECK-LABEL: func.func @train_step
// CHECK: nn.load_prepared @pack_panels :
// CHECK-NOT: nn.load_prepared
// CHECK: nn.exp
// CHECK: nn.add
// CHECK: nn.sgd
// CHECK: nn.write @weight
// CHECK-NEXT: nn.read @weight
// CHECK-NEXT: nn.exp
// REMARK: [Missed] hoist | {{.*}}Function=train_step{{.*}}Reason="'train_step' writes the state 'weight' it depends on"
nn.state @frozen parameter : tensor<2x3xf32>
nn.state @weight parameter trainable : tensor<4x2xf32>
nn.state @step optimizer : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>

func.func @predict(%x: tensor<5x3xf32> {nn.name = "x"}) -> tensor<5x4xf32> attributes {nn.entry} {
  %f = nn.read @frozen : tensor<2x3xf32>
  %p = nn.pack_panels %f panel = 4 : (tensor<2x3xf32>) -> tensor<1x3x4xf32>
  %h = nn.packed_linear %x, %p out_features = 2 : (tensor<5x3xf32>, tensor<1x3x4xf32>) -> tensor<5x2xf32>
  %w = nn.read @weight : tensor<4x2xf32>
  %q = nn.pack_panels %w panel = 4 : (tensor<4x2xf32>) -> tensor<1x2x4xf32>
  %y = nn.packed_linear %h, %q out_features = 4 : (tensor<5x2xf32>, tensor<1x2x4xf32>) -> tensor<5x4xf32>
  return %y : tensor<5x4xf32>
}

func.func @train_step(%x: tensor<5x3xf32> {nn.name = "x"}, %g: tensor<4x2xf32> {nn.name = "g"}) -> (tensor<5x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) attributes {nn.entry} {
  %f = nn.read @frozen : tensor<2x3xf32>
  %p = nn.pack_panels %f panel = 4 : (tensor<2x3xf32>) -> tensor<1x3x4xf32>
  %h = nn.packed_linear %x, %p out_features = 2 : (tensor<5x3xf32>, tensor<1x3x4xf32>) -> tensor<5x2xf32>
  %w = nn.read @weight : tensor<4x2xf32>
  %before = nn.exp %w : tensor<4x2xf32>
  %s = nn.read @step : tensor<2xf32>
  %one = nn.full 1.000000e+00 shape = [] dtype = f32 : tensor<f32>
  %t = nn.add %s, %one : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  nn.write @step, %t : tensor<2xf32>
  %lr = nn.read @lr : tensor<f64>
  %v = nn.sgd parameters(%w) gradients(%g) steps %t lr %lr indices = [0] momentum = 0.000000e+00 dampening = 0.000000e+00
    weight_decay = 0.000000e+00 nesterov = false maximize = false : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<2xf32>, tensor<f64>) -> tensor<4x2xf32>
  nn.write @weight, %v : tensor<4x2xf32>
  %r = nn.read @weight : tensor<4x2xf32>
  %after = nn.exp %r : tensor<4x2xf32>
  return %h, %before, %after : tensor<5x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

// The row that is read is known at a call only, though it has a static size.
// CHECK-NOT: nn.prepared
// CHECK-LABEL: func.func @row
// CHECK: nn.exp
nn.state @table parameter trainable : tensor<9x3xf32>

func.func @row(%x: tensor<?xf32, #nn.shape<length>>) -> tensor<1x3xf32> attributes {nn.entry} {
  %t = nn.read @table : tensor<9x3xf32>
  %r = nn.slice %t dim = 0 [length : length + 1 : 1] : (tensor<9x3xf32>) -> tensor<1x3xf32>
  %e = nn.exp %r : tensor<1x3xf32>
  return %e : tensor<1x3xf32>
}
