// The interpreter, against numbers that PyTorch gives for the same program (the call is in the comment before each function).

//===----------------------------------------------------------------------===//
// Symbols, layers
//===----------------------------------------------------------------------===//

// RUN: kiln-interpret %s mlp --input=x=iota:2x3 | FileCheck %s --check-prefix=MLP
// RUN: kiln-interpret %s mlp --input=x=iota:1x3 --f64 | FileCheck %s --check-prefix=DOUBLE
//
// W = torch.tensor([[1., -1., .5], [0.25, 2., -1.]]); b = torch.tensor([.1, -.2])
// torch.tanh(torch.relu(F.linear(torch.arange(6.).reshape(2, 3), W, b)))
// MLP: output: float32[2, 2]
// MLP-NEXT: 0.09966799{{[0-9]*}} 0 0.9216685{{[0-9]*}} 0.9983511{{[0-9]*}}
//
// The same with everything converted by .double() first: tanh of the f32 value 0.1, which is 0.10000000149.
// DOUBLE: output: float64[1, 2]
// DOUBLE-NEXT: 0.0996679961 0
nn.state @weight parameter trainable : tensor<2x3xf32> = dense<[[1.0, -1.0, 0.5], [0.25, 2.0, -1.0]]>
nn.state @bias parameter trainable : tensor<2xf32> = dense<[0.1, -0.2]>
func.func @mlp(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"})
    -> (tensor<?x2xf32, #nn.shape<batch, 2>> {nn.name = "output"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<2x3xf32>
  %b = nn.read @bias : tensor<2xf32>
  %0 = nn.linear %x, %w, %b : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<2x3xf32>, tensor<2xf32>) -> tensor<?x2xf32, #nn.shape<batch, 2>>
  %1 = nn.relu %0 : tensor<?x2xf32, #nn.shape<batch, 2>>
  %2 = nn.tanh %1 : tensor<?x2xf32, #nn.shape<batch, 2>>
  return %2 : tensor<?x2xf32, #nn.shape<batch, 2>>
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

// RUN: kiln-interpret %s train --input=x=values:2x1:1,5 --state | FileCheck %s --check-prefix=TRAIN
//
// bn = torch.nn.BatchNorm1d(1, affine=False, eps=1); bn(torch.tensor([[1.], [5.]])); bn.running_mean, bn.running_var
// TRAIN: output: float32[2, 1]
// TRAIN-NEXT: -0.894427{{[0-9]*}} 0.894427{{[0-9]*}}
// TRAIN: running_mean: float32[1]
// TRAIN-NEXT: {{0.3(0000[0-9]*)?$}}
// TRAIN: running_var: float32[1]
// TRAIN-NEXT: {{1.7(0000[0-9]*)?$|1.69999[0-9]*$}}
nn.state @running_mean buffer : tensor<1xf32>
nn.state @running_var buffer : tensor<1xf32> = dense<1.0>
func.func @train(%x: tensor<?x1xf32, #nn.shape<batch, 1>> {nn.name = "x"})
    -> (tensor<?x1xf32, #nn.shape<batch, 1>> {nn.name = "output"}) attributes {nn.entry} {
  %m = nn.read @running_mean : tensor<1xf32>
  %v = nn.read @running_var : tensor<1xf32>
  %y:5 = nn.batch_norm %x running_mean %m running_var %v training = true momentum = 0.1 eps = 1.0
      : (tensor<?x1xf32, #nn.shape<batch, 1>>, tensor<1xf32>, tensor<1xf32>)
      -> (tensor<?x1xf32, #nn.shape<batch, 1>>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>)
  nn.write @running_mean, %y#1 : tensor<1xf32>
  nn.write @running_var, %y#2 : tensor<1xf32>
  return %y#0 : tensor<?x1xf32, #nn.shape<batch, 1>>
}

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

// RUN: kiln-interpret %s step --input=x=values:2x2:1,2,3,-1 --input=y=values:2:2,0 --state | FileCheck %s --check-prefix=STEP
//
// W = torch.nn.Parameter(torch.tensor([[1., -1.], [.25, 2.], [0., .5]])); adam = torch.optim.AdamW([W], lr=0.1, weight_decay=0.5, amsgrad=True)
// loss = F.cross_entropy(F.linear(x, W), y, weight=torch.tensor([1., 2., 3.]), label_smoothing=0.1); loss.backward(); adam.step()
// STEP: loss: float32[]
// STEP-NEXT: 2.55444{{[0-9]*}}
// STEP: fc: float32[3, 2]
// STEP-NEXT: {{0.85(0000[0-9]*)?}} {{-0.85(0000[0-9]*)?}} 0.1375{{[0-9]*}} {{1.8|1.79999[0-9]*}} {{0.1|0.099999[0-9]*}} {{0.575|0.57499[0-9]*}}
// STEP: adam.exp_avg: float32[3, 2]
// STEP-NEXT: 0.0107033{{[0-9]*}} -0.00466196{{[0-9]*}} 0.063202{{[0-9]*}} 0.13707{{[0-9]*}} -0.073905{{[0-9]*}} -0.132415{{[0-9]*}}
// STEP: adam.exp_avg_sq: float32[3, 2]
// STEP-NEXT: 1.14562{{[0-9]*}}e-05 2.17338{{[0-9]*}}e-06 0.00039945{{[0-9]*}} 0.001879{{[0-9]*}} 0.0005462{{[0-9]*}} 0.0017533{{[0-9]*}}
// STEP: adam.max_exp_avg_sq: float32[3, 2]
// STEP-NEXT: 1.14562{{[0-9]*}}e-05
// STEP: adam.step: float32[1]
// STEP-NEXT: 1
nn.state @fc parameter trainable : tensor<3x2xf32> = dense<[[1.0, -1.0], [0.25, 2.0], [0.0, 0.5]]>
nn.state @adam.exp_avg optimizer : tensor<3x2xf32>
nn.state @adam.exp_avg_sq optimizer : tensor<3x2xf32>
nn.state @adam.max_exp_avg_sq optimizer : tensor<3x2xf32>
nn.state @adam.step optimizer : tensor<1xf32>
nn.state @adam.lr hyperparameter : tensor<f64> = dense<0.1>
func.func @step(%x: tensor<?x2xf32, #nn.shape<batch, 2>> {nn.name = "x"}, %y: tensor<?xi64, #nn.shape<batch>> {nn.name = "y"})
    -> (tensor<f32> {nn.name = "loss"}) attributes {nn.entry} {
  %w = nn.read @fc : tensor<3x2xf32>
  %scale = nn.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %logits = nn.linear %x, %w : (tensor<?x2xf32, #nn.shape<batch, 2>>, tensor<3x2xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %loss = nn.cross_entropy %logits, %y weight %scale ignore_index = -100 label_smoothing = 0.1 reduction = "mean"
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>, tensor<3xf32>) -> tensor<f32>
  %one = nn.full 1.0 shape = [] dtype = f32 : tensor<f32>
  %glogits = nn.cross_entropy_backward %one, %logits, %y weight %scale ignore_index = -100 label_smoothing = 0.1 reduction = "mean"
      : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %columns = nn.permute %glogits dims = [1, 0] : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<3x?xf32, #nn.shape<3, batch>>
  %g = nn.matmul %columns, %x : (tensor<3x?xf32, #nn.shape<3, batch>>, tensor<?x2xf32, #nn.shape<batch, 2>>) -> tensor<3x2xf32>
  %m = nn.read @adam.exp_avg : tensor<3x2xf32>
  %v = nn.read @adam.exp_avg_sq : tensor<3x2xf32>
  %max = nn.read @adam.max_exp_avg_sq : tensor<3x2xf32>
  %before = nn.read @adam.step : tensor<1xf32>
  %lr = nn.read @adam.lr : tensor<f64>
  %steps = nn.add %before, %one : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  nn.write @adam.step, %steps : tensor<1xf32>
  %new:4 = nn.adam parameters(%w) gradients(%g) exp_avgs(%m) exp_avg_sqs(%v) max_exp_avg_sqs(%max) steps %steps lr %lr indices = [0]
      beta1 = 0.9 beta2 = 0.999 eps = 1.0e-8 weight_decay = 0.5 decoupled = true amsgrad = true maximize = false
      : (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<1xf32>, tensor<f64>)
      -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>)
  nn.write @fc, %new#0 : tensor<3x2xf32>
  nn.write @adam.exp_avg, %new#1 : tensor<3x2xf32>
  nn.write @adam.exp_avg_sq, %new#2 : tensor<3x2xf32>
  nn.write @adam.max_exp_avg_sq, %new#3 : tensor<3x2xf32>
  return %loss : tensor<f32>
}

// RUN: kiln-interpret %s step --input=x=values:2x2:1,2,3,-1 --input=y=values:2:2,0 --f64 | FileCheck %s --check-prefix=STEP64
// STEP64: loss: float64[]
// STEP64-NEXT: 2.55444{{[0-9]*}}

// RUN: not kiln-interpret %s step --input=x=values:1x2:1,2 --input=y=values:1:3 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: Target 3 is out of bounds.
// TARGET-NEXT: it is target number 0, but the input has 3 classes

// RUN: not kiln-interpret %s backward --input=x=values:1:1 2>&1 | FileCheck %s --check-prefix=BACKWARD
// BACKWARD: error: nn.backward has no kernel: run nn-differentiate first
func.func @backward(%x: tensor<1xf32> {nn.name = "x"}) -> (tensor<1xf32> {nn.name = "output"}) attributes {nn.entry} {
  %g = nn.backward %x to %x : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  return %g : tensor<1xf32>
}

//===----------------------------------------------------------------------===//
// Fused regions, prepared values
//===----------------------------------------------------------------------===//

// RUN: kiln-interpret %s packed --input=x=iota:2x3 | FileCheck %s --check-prefix=PACKED
//
// The first function without tanh, in fused form: torch.relu(F.linear(torch.arange(6.).reshape(2, 3), W, b)).
// PACKED: output: float32[2, 2]
// PACKED-NEXT: 0.100000001 0 1.60000002 3.54999995
nn.prepared @slot : tensor<1x3x4xf32> sources [@weight]
func.func private @prepare_0() attributes {nn.prepare} {
  %w = nn.read @weight : tensor<2x3xf32>
  %0 = nn.pack_panels %w panel = 4 : (tensor<2x3xf32>) -> tensor<1x3x4xf32>
  nn.store_prepared @slot, %0 : tensor<1x3x4xf32>
  return
}
func.func @packed(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"})
    -> (tensor<?x2xf32, #nn.shape<batch, 2>> {nn.name = "output"}) attributes {nn.entry} {
  %p = nn.load_prepared @slot : tensor<1x3x4xf32>
  %b = nn.read @bias : tensor<2xf32>
  %0 = nn.fused anchor "nn.packed_linear" attributes {out_features = 2 : i64} (%x, %p) extras (%b) maps [affine_map<(d0, d1) -> (d1)>]
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<1x3x4xf32>, tensor<2xf32>) -> tensor<?x2xf32, #nn.shape<batch, 2>> {
  ^bb0(%sum: f32, %bias: f32):
    %zero = arith.constant 0.0 : f32
    %1 = arith.addf %sum, %bias : f32
    %2 = arith.maximumf %1, %zero : f32
    nn.yield %2 : f32
  }
  return %0 : tensor<?x2xf32, #nn.shape<batch, 2>>
}

// RUN: kiln-interpret %s scalars --input=x=values:5:-2,-0.5,0.5,3,nan | FileCheck %s --check-prefix=SCALARS
//
// x = torch.tensor([-2, -.5, .5, 3, nan]); torch.relu(x); x.to(torch.int32) for the first four; x.bool(); torch.maximum(x, 1 / x)
// SCALARS: relu: float32[5]
// SCALARS-NEXT: 0 0 0.5 3 nan
// SCALARS: int: int32[5]
// SCALARS-NEXT: -2 0 0 3 {{.*}}
// SCALARS: bool: bool[5]
// SCALARS-NEXT: 1 1 1 1 1
// SCALARS: maximum: float32[5]
// SCALARS-NEXT: -0.5 -0.5 2 3 nan
func.func @scalars(%x: tensor<5xf32> {nn.name = "x"})
    -> (tensor<5xf32> {nn.name = "relu"}, tensor<5xi32> {nn.name = "int"}, tensor<5xi1> {nn.name = "bool"},
        tensor<5xf32> {nn.name = "maximum"}) attributes {nn.entry} {
  %relu = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<5xf32>) -> tensor<5xf32> {
  ^bb0(%a: f32):
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %zero : f32
    nn.yield %0 : f32
  }
  %int = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<5xf32>) -> tensor<5xi32> {
  ^bb0(%a: f32):
    %0 = arith.fptosi %a : f32 to i32
    nn.yield %0 : i32
  }
  %bool = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<5xf32>) -> tensor<5xi1> {
  ^bb0(%a: f32):
    %zero = arith.constant 0.0 : f32
    %0 = arith.cmpf une, %a, %zero : f32
    nn.yield %0 : i1
  }
  %maximum = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<5xf32>) -> tensor<5xf32> {
  ^bb0(%a: f32):
    %one = arith.constant 1.0 : f32
    %0 = arith.divf %one, %a : f32
    %1 = arith.maximumf %a, %0 : f32
    nn.yield %1 : f32
  }
  return %relu, %int, %bool, %maximum : tensor<5xf32>, tensor<5xi32>, tensor<5xi1>, tensor<5xf32>
}

//===----------------------------------------------------------------------===//
// Sizes in attributes
//===----------------------------------------------------------------------===//

// RUN: kiln-interpret %s sizes --input=x=iota:3x4 | FileCheck %s --check-prefix=SIZES
//
// x = torch.arange(12.).reshape(3, 4); torch.cat([x.reshape(-1)[:3], torch.ones(6)])
// SIZES: output: float32[9]
// SIZES-NEXT: 0 1 2 1 1 1 1 1 1
func.func @sizes(%x: tensor<?x4xf32, #nn.shape<n, 4>> {nn.name = "x"}) -> (tensor<?xf32, #nn.shape<3 * n>> {nn.name = "output"})
    attributes {nn.entry} {
  %0 = nn.reshape %x to [4 * n] : (tensor<?x4xf32, #nn.shape<n, 4>>) -> tensor<?xf32, #nn.shape<4 * n>>
  %1 = nn.slice %0 dim = 0 [0 : n : 1] : (tensor<?xf32, #nn.shape<4 * n>>) -> tensor<?xf32, #nn.shape<n>>
  %2 = nn.full 1.0 shape = [2 * n] dtype = f32 : tensor<?xf32, #nn.shape<2 * n>>
  %3 = nn.cat %1, %2 dim = 0 : (tensor<?xf32, #nn.shape<n>>, tensor<?xf32, #nn.shape<2 * n>>) -> tensor<?xf32, #nn.shape<3 * n>>
  return %3 : tensor<?xf32, #nn.shape<3 * n>>
}

// RUN: kiln-interpret %s mean_of_rows --input=x=iota:3x4 | FileCheck %s --check-prefix=MEAN
// RUN: not kiln-interpret %s mean_of_rows --input=x=iota:1x4 2>&1 | FileCheck %s --check-prefix=REQUIRE
//
// x = torch.arange(12.).reshape(3, 4); x.sum(0) / x.size(0), torch.tensor(2**53 + 1), x[-2:, 0]
// MEAN: output0: float32[4]
// MEAN-NEXT: 4 5 6 7
// MEAN: output1: int64[]
// MEAN-NEXT: 9007199254740993
// MEAN: output2: float32[2, 1]
// MEAN-NEXT: 4 8
// REQUIRE: error: at least two
func.func @mean_of_rows(%x: tensor<?x4xf32, #nn.shape<n, 4>> {nn.name = "x"})
    -> (tensor<4xf32> {nn.name = "output0"}, tensor<i64> {nn.name = "output1"},
        tensor<?x1xf32, #nn.shape<min(n, 2), 1>> {nn.name = "output2"}) attributes {nn.entry} {
  nn.require <n - 2> "at least two"
  %sum = nn.sum %x dims = [0] keepdim = false : (tensor<?x4xf32, #nn.shape<n, 4>>) -> tensor<4xf32>
  %n = nn.full #nn.dim<n> shape = [] dtype = f32 : tensor<f32>
  %mean = nn.div %sum, %n : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %large = nn.full 9007199254740993 shape = [] dtype = i64 : tensor<i64>
  %rows = nn.slice %x dim = 0 [max(n - 2, 0) : n : 1] : (tensor<?x4xf32, #nn.shape<n, 4>>) -> tensor<?x4xf32, #nn.shape<min(n, 2), 4>>
  %column = nn.slice %rows dim = 1 [0 : 1 : 1] : (tensor<?x4xf32, #nn.shape<min(n, 2), 4>>) -> tensor<?x1xf32, #nn.shape<min(n, 2), 1>>
  return %mean, %large, %column : tensor<4xf32>, tensor<i64>, tensor<?x1xf32, #nn.shape<min(n, 2), 1>>
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

// RUN: not kiln-interpret %s mlp --input=x=iota:2x4 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: mlp: input 'x': expected float32[batch, 3] with batch = 2, got float32[2, 4]

// RUN: not kiln-interpret %s mlp --input=x=iota:3 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: error: mlp: input 'x': expected float32[batch, 3], got float32[3]

// RUN: not kiln-interpret %s mlp 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: input 'x' is missing: --input=x=VALUE

// RUN: not kiln-interpret %s mlp --input=x=iota:2x3 --input=y=iota:1 2>&1 | FileCheck %s --check-prefix=EXTRA
// EXTRA: error: function 'mlp' has no input 'y'

// RUN: not kiln-interpret %s nothing 2>&1 | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: error: there is no function 'nothing' in {{.*}}interpreter.mlir

// RUN: not kiln-interpret %s lookup --input=i=values:1:7 2>&1 | FileCheck %s --check-prefix=INDEX
// INDEX: error: index out of range in self
// INDEX: in nn.embedding at table (model.cpp:7)
func.func @lookup(%i: tensor<1xi64> {nn.name = "i"}) -> (tensor<1x2xf32> {nn.name = "output"}) attributes {nn.entry} {
  %w = nn.full 1.0 shape = [3, 2] dtype = f32 : tensor<3x2xf32>
  %0 = nn.embedding %i, %w : (tensor<1xi64>, tensor<3x2xf32>) -> tensor<1x2xf32> loc(fused<"table">["model.cpp":7:3])
  return %0 : tensor<1x2xf32>
}

// For tools.test: reads what another call has written.
func.func @second(%y: tensor<2x2xf32> {nn.name = "y"}) -> (tensor<2x2xf32> {nn.name = "output"}) attributes {nn.entry} {
  %0 = nn.neg %y : tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
