// The whole pipeline on a program that trains: two linear layers with batch norm and dropout between them, cross-entropy, Adam; and a
// prediction of the same model.
// RUN: kiln-opt %s --nn-optimize -o %t.mlir
// RUN: FileCheck %s < %t.mlir

// Nothing is said of it: what trains may be in training mode, and the prediction is not.
// RUN: kiln-opt %s --nn-optimize -o /dev/null 2>&1 | count 0

// The same values as those of the gradients as they were built, in float64.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" -o %t.plain.mlir
// RUN: kiln-interpret %t.plain.mlir train_step --input=x=iota:5x3 --input=y=values:5:0,1,2,1,-100 --f64 --output=loss=%t.0.npy --output=w1=%t.1.npy --output=w2=%t.2.npy --output=b1=%t.3.npy
// RUN: kiln-interpret %t.mlir train_step --input=x=iota:5x3 --input=y=values:5:0,1,2,1,-100 --f64 --output=loss=%t.4.npy --output=w1=%t.5.npy --output=w2=%t.6.npy --output=b1=%t.7.npy
// RUN: tensor-tool compare %t.4.npy %t.0.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.5.npy %t.1.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.6.npy %t.2.npy --tolerance=1e-12
// RUN: tensor-tool compare %t.7.npy %t.3.npy --tolerance=1e-12

// Weights that train_step writes are packed for predict alone, and its writes make the slots stale.
// CHECK-DAG: nn.prepared @fc1.pack_panels : tensor<1x3x32xf32> sources [@bn.running_var, @bn.weight, @fc1.weight]
// CHECK-DAG: nn.prepared @bn.add : tensor<4xf32> sources [@bn.bias, @bn.running_mean, @bn.running_var, @bn.weight, @fc1.bias]
// CHECK-LABEL: func.func @predict
// CHECK: nn.load_prepared @fc1.pack_panels
// CHECK: nn.fused anchor "nn.packed_linear"

// Reads of what is written are as of the beginning; the first layer has no dX; the relu's mask joins the dropout before it; the
// gradient of a bias is a sum of what the products read anyway.
// CHECK-LABEL: func.func @train_step
// CHECK-NOT: nn.load_prepared
// CHECK: %[[H:.*]] = nn.fused anchor "nn.linear"
// CHECK: arith.addf
// CHECK: %[[N:.*]], %[[STATISTICS:.*]]:4 = nn.batch_norm %[[H]]
// CHECK: %[[R:.*]] = nn.fused() extras(%[[N]])
// CHECK: arith.cmpf olt
// CHECK: arith.select
// CHECK: %[[D:.*]] = nn.dropout %[[R]] generator
// CHECK: %[[LOGITS:.*]] = nn.fused anchor "nn.linear"{{.*}}(%[[D]],
// CHECK: nn.cross_entropy %[[LOGITS]]
// CHECK: %[[DLOGITS:.*]] = nn.cross_entropy_backward %{{.*}}, %[[LOGITS]]
// CHECK: %[[DD:.*]] = nn.matmul %[[DLOGITS]], %{{.*}} : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3x4xf32>)
// CHECK: nn.permute %[[DLOGITS]] dims = [1, 0]
// CHECK: nn.sum %[[DLOGITS]] dims = [0]
// CHECK: %[[DN:.*]] = nn.fused anchor "nn.dropout" attributes {{.*}}(%[[DD]], %{{.*}}) extras(%[[R]])
// CHECK: arith.cmpf ole
// CHECK: arith.select
// CHECK: %[[DH:.*]], %{{.*}}, %{{.*}} = nn.batch_norm_backward %[[DN]], %[[H]], %[[STATISTICS]]#2, %[[STATISTICS]]#3
// CHECK: nn.permute %[[DH]] dims = [1, 0]
// CHECK: nn.sum %[[DH]] dims = [0]
// CHECK: nn.adam
// CHECK: nn.write @generator
nn.state @fc1.weight parameter trainable : tensor<4x3xf32> = dense<[[0.1, -0.2, 0.3], [0.4, 0.5, -0.6], [-0.7, 0.8, 0.9], [0.2, 0.1, -0.3]]>
nn.state @fc1.bias parameter trainable : tensor<4xf32> = dense<[0.1, 0.2, -0.3, 0.4]>
nn.state @bn.weight parameter trainable : tensor<4xf32> = dense<[1.0, 0.9, 1.1, 1.2]>
nn.state @bn.bias parameter trainable : tensor<4xf32> = dense<[0.0, 0.1, -0.1, 0.2]>
nn.state @bn.running_mean buffer : tensor<4xf32>
nn.state @bn.running_var buffer : tensor<4xf32> = dense<1.0>
nn.state @fc2.weight parameter trainable : tensor<3x4xf32> = dense<[[0.1, -0.2, 0.3, 0.4], [0.5, -0.6, 0.7, 0.8], [-0.9, 0.1, 0.2, 0.3]]>
nn.state @fc2.bias parameter trainable : tensor<3xf32> = dense<[0.1, 0.2, 0.3]>
nn.state @optimizer.exp_avg.fc1.weight optimizer : tensor<4x3xf32>
nn.state @optimizer.exp_avg.fc1.bias optimizer : tensor<4xf32>
nn.state @optimizer.exp_avg.bn.weight optimizer : tensor<4xf32>
nn.state @optimizer.exp_avg.bn.bias optimizer : tensor<4xf32>
nn.state @optimizer.exp_avg.fc2.weight optimizer : tensor<3x4xf32>
nn.state @optimizer.exp_avg.fc2.bias optimizer : tensor<3xf32>
nn.state @optimizer.exp_avg_sq.fc1.weight optimizer : tensor<4x3xf32>
nn.state @optimizer.exp_avg_sq.fc1.bias optimizer : tensor<4xf32>
nn.state @optimizer.exp_avg_sq.bn.weight optimizer : tensor<4xf32>
nn.state @optimizer.exp_avg_sq.bn.bias optimizer : tensor<4xf32>
nn.state @optimizer.exp_avg_sq.fc2.weight optimizer : tensor<3x4xf32>
nn.state @optimizer.exp_avg_sq.fc2.bias optimizer : tensor<3xf32>
nn.state @optimizer.step optimizer : tensor<6xf32>
nn.state @optimizer.param_groups.0.lr hyperparameter : tensor<f64> = dense<0.001>
nn.state @generator generator : tensor<2xi64> = dense<[17, 0]>
nn.optimizer "optimizer" type "Adam" steps @optimizer.step groups [
  {parameters = [@fc1.weight, @fc1.bias, @bn.weight, @bn.bias, @fc2.weight, @fc2.bias], lr = @optimizer.param_groups.0.lr, options = {},
   slots = {exp_avg = [@optimizer.exp_avg.fc1.weight, @optimizer.exp_avg.fc1.bias, @optimizer.exp_avg.bn.weight, @optimizer.exp_avg.bn.bias,
                       @optimizer.exp_avg.fc2.weight, @optimizer.exp_avg.fc2.bias],
            exp_avg_sq = [@optimizer.exp_avg_sq.fc1.weight, @optimizer.exp_avg_sq.fc1.bias, @optimizer.exp_avg_sq.bn.weight,
                          @optimizer.exp_avg_sq.bn.bias, @optimizer.exp_avg_sq.fc2.weight, @optimizer.exp_avg_sq.fc2.bias]}}]

func.func @predict(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "output"}) attributes {nn.entry} {
  %w1 = nn.read @fc1.weight : tensor<4x3xf32>
  %b1 = nn.read @fc1.bias : tensor<4xf32>
  %bw = nn.read @bn.weight : tensor<4xf32>
  %bb = nn.read @bn.bias : tensor<4xf32>
  %bm = nn.read @bn.running_mean : tensor<4xf32>
  %bv = nn.read @bn.running_var : tensor<4xf32>
  %w2 = nn.read @fc2.weight : tensor<3x4xf32>
  %b2 = nn.read @fc2.bias : tensor<3xf32>
  %h = nn.linear %x, %w1, %b1 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> loc(fused<"fc1">["model.cpp":10:5])
  %n = nn.batch_norm %h weight %bw bias %bb running_mean %bm running_var %bv training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> loc(fused<"bn">["model.cpp":11:5])
  %r = nn.relu %n : tensor<?x4xf32, #nn.shape<batch, 4>>
  %y = nn.linear %r, %w2, %b2 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  return %y : tensor<?x3xf32, #nn.shape<batch, 3>>
}

func.func @train_step(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}, %y: tensor<?xi64, #nn.shape<batch>> {nn.name = "y"})
    -> (tensor<f32> {nn.name = "loss"}, tensor<4x3xf32> {nn.name = "w1"}, tensor<3x4xf32> {nn.name = "w2"}, tensor<4xf32> {nn.name = "b1"}) attributes {nn.entry} {
  %w1 = nn.read @fc1.weight : tensor<4x3xf32>
  %b1 = nn.read @fc1.bias : tensor<4xf32>
  %bw = nn.read @bn.weight : tensor<4xf32>
  %bb = nn.read @bn.bias : tensor<4xf32>
  %bm = nn.read @bn.running_mean : tensor<4xf32>
  %bv = nn.read @bn.running_var : tensor<4xf32>
  %w2 = nn.read @fc2.weight : tensor<3x4xf32>
  %b2 = nn.read @fc2.bias : tensor<3xf32>
  %generator = nn.read @generator : tensor<2xi64>
  %h = nn.linear %x, %w1, %b1 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> loc(fused<"fc1">["model.cpp":10:5])
  %n, %nm, %nv, %m, %i = nn.batch_norm %h weight %bw bias %bb running_mean %bm running_var %bv training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
    -> (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) loc(fused<"bn">["model.cpp":11:5])
  nn.write @bn.running_mean, %nm : tensor<4xf32>
  nn.write @bn.running_var, %nv : tensor<4xf32>
  %r = nn.relu %n : tensor<?x4xf32, #nn.shape<batch, 4>>
  %d = nn.dropout %r generator %generator p = 2.500000e-01 training = true site = 0
    : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<2xi64>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
  %z = nn.linear %d, %w2, %b2 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %loss = nn.cross_entropy %z, %y ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean"
    : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<f32>
  %g:6 = nn.backward %loss to %w1, %b1, %bw, %bb, %w2, %b2 : (tensor<f32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>)
    -> (tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>)
  %s0 = nn.read @optimizer.step : tensor<6xf32>
  %one = nn.full 1.000000e+00 shape = [] dtype = f32 : tensor<f32>
  %s = nn.add %s0, %one : (tensor<6xf32>, tensor<f32>) -> tensor<6xf32>
  nn.write @optimizer.step, %s : tensor<6xf32>
  %lr = nn.read @optimizer.param_groups.0.lr : tensor<f64>
  %e0 = nn.read @optimizer.exp_avg.fc1.weight : tensor<4x3xf32>
  %e1 = nn.read @optimizer.exp_avg.fc1.bias : tensor<4xf32>
  %e2 = nn.read @optimizer.exp_avg.bn.weight : tensor<4xf32>
  %e3 = nn.read @optimizer.exp_avg.bn.bias : tensor<4xf32>
  %e4 = nn.read @optimizer.exp_avg.fc2.weight : tensor<3x4xf32>
  %e5 = nn.read @optimizer.exp_avg.fc2.bias : tensor<3xf32>
  %v0 = nn.read @optimizer.exp_avg_sq.fc1.weight : tensor<4x3xf32>
  %v1 = nn.read @optimizer.exp_avg_sq.fc1.bias : tensor<4xf32>
  %v2 = nn.read @optimizer.exp_avg_sq.bn.weight : tensor<4xf32>
  %v3 = nn.read @optimizer.exp_avg_sq.bn.bias : tensor<4xf32>
  %v4 = nn.read @optimizer.exp_avg_sq.fc2.weight : tensor<3x4xf32>
  %v5 = nn.read @optimizer.exp_avg_sq.fc2.bias : tensor<3xf32>
  %u:18 = nn.adam parameters(%w1, %b1, %bw, %bb, %w2, %b2) gradients(%g#0, %g#1, %g#2, %g#3, %g#4, %g#5)
    exp_avgs(%e0, %e1, %e2, %e3, %e4, %e5) exp_avg_sqs(%v0, %v1, %v2, %v3, %v4, %v5) steps %s lr %lr indices = [0, 1, 2, 3, 4, 5]
    beta1 = 9.000000e-01 beta2 = 9.990000e-01 eps = 1.000000e-08 weight_decay = 0.000000e+00 decoupled = false amsgrad = false maximize = false
    : (tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>,
       tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>,
       tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>,
       tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<6xf32>, tensor<f64>)
    -> (tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>,
        tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>,
        tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>)
  nn.write @fc1.weight, %u#0 : tensor<4x3xf32>
  nn.write @fc1.bias, %u#1 : tensor<4xf32>
  nn.write @bn.weight, %u#2 : tensor<4xf32>
  nn.write @bn.bias, %u#3 : tensor<4xf32>
  nn.write @fc2.weight, %u#4 : tensor<3x4xf32>
  nn.write @fc2.bias, %u#5 : tensor<3xf32>
  %step = nn.constant dense<[0, 1]> : tensor<2xi64>
  %next = nn.add %generator, %step : tensor<2xi64>
  nn.write @generator, %next : tensor<2xi64>
  return %loss, %u#0, %u#4, %u#1 : tensor<f32>, tensor<4x3xf32>, tensor<3x4xf32>, tensor<4xf32>
}
