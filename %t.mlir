#map = affine_map<(d0, d1) -> (d1)>
#map1 = affine_map<(d0, d1) -> (d0, d1)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1) -> (d0, 0)>
module {
  nn.state @fc1.weight parameter trainable : tensor<4x3xf32> = dense<[[1.000000e-01, -2.000000e-01, 3.000000e-01], [4.000000e-01, 5.000000e-01, -6.000000e-01], [-0.699999988, 8.000000e-01, 0.899999976], [2.000000e-01, 1.000000e-01, -3.000000e-01]]>
  nn.state @fc1.bias parameter trainable : tensor<4xf32> = dense<[1.000000e-01, 2.000000e-01, -3.000000e-01, 4.000000e-01]>
  nn.state @bn.weight parameter trainable : tensor<4xf32> = dense<[1.000000e+00, 0.899999976, 1.100000e+00, 1.200000e+00]>
  nn.state @bn.bias parameter trainable : tensor<4xf32> = dense<[0.000000e+00, 1.000000e-01, -1.000000e-01, 2.000000e-01]>
  nn.state @bn.running_mean buffer : tensor<4xf32>
  nn.state @bn.running_var buffer : tensor<4xf32> = dense<1.000000e+00>
  nn.state @fc2.weight parameter trainable : tensor<3x4xf32> = dense<[[1.000000e-01, -2.000000e-01, 3.000000e-01, 4.000000e-01], [5.000000e-01, -6.000000e-01, 0.699999988, 8.000000e-01], [-0.899999976, 1.000000e-01, 2.000000e-01, 3.000000e-01]]>
  nn.state @fc2.bias parameter trainable : tensor<3xf32> = dense<[1.000000e-01, 2.000000e-01, 3.000000e-01]>
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
  nn.state @optimizer.param_groups.0.lr hyperparameter : tensor<f64> = dense<1.000000e-03>
  nn.state @generator generator : tensor<2xi64> = dense<[17, 0]>
  nn.optimizer "optimizer" type "Adam" steps @optimizer.step groups [{parameters = [@fc1.weight, @fc1.bias, @bn.weight, @bn.bias, @fc2.weight, @fc2.bias], lr = @optimizer.param_groups.0.lr, options = {}, slots = {exp_avg = [@optimizer.exp_avg.fc1.weight, @optimizer.exp_avg.fc1.bias, @optimizer.exp_avg.bn.weight, @optimizer.exp_avg.bn.bias, @optimizer.exp_avg.fc2.weight, @optimizer.exp_avg.fc2.bias], exp_avg_sq = [@optimizer.exp_avg_sq.fc1.weight, @optimizer.exp_avg_sq.fc1.bias, @optimizer.exp_avg_sq.bn.weight, @optimizer.exp_avg_sq.bn.bias, @optimizer.exp_avg_sq.fc2.weight, @optimizer.exp_avg_sq.fc2.bias]}}]
  nn.prepared @bn.add : tensor<4xf32> sources [@bn.bias, @bn.running_mean, @bn.running_var, @bn.weight, @fc1.bias]
  nn.prepared @fc1.pack_panels : tensor<1x3x32xf32> sources [@bn.running_var, @bn.weight, @fc1.weight]
  nn.prepared @pack_panels : tensor<1x4x32xf32> sources [@fc2.weight]
  func.func @predict(%arg0: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "output"}) attributes {nn.entry} {
    %0 = nn.read @fc2.bias : tensor<3xf32>
    %1 = nn.load_prepared @bn.add : tensor<4xf32>
    %2 = nn.load_prepared @fc1.pack_panels : tensor<1x3x32xf32>
    %3 = nn.fused anchor "nn.packed_linear" attributes {out_features = 4 : i64}(%arg0, %2) extras(%1) maps [#map] : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<1x3x32xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> {
    ^bb0(%arg1: f32, %arg2: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %6 = arith.addf %arg1, %arg2 : f32
      %7 = arith.cmpf olt, %6, %cst : f32
      %8 = arith.select %7, %cst, %6 : f32
      nn.yield %8 : f32
    }
    %4 = nn.load_prepared @pack_panels : tensor<1x4x32xf32>
    %5 = nn.fused anchor "nn.packed_linear" attributes {out_features = 3 : i64}(%3, %4) extras(%0) maps [#map] : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<1x4x32xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> {
    ^bb0(%arg1: f32, %arg2: f32):
      %6 = arith.addf %arg1, %arg2 : f32
      nn.yield %6 : f32
    }
    return %5 : tensor<?x3xf32, #nn.shape<batch, 3>>
  }
  func.func @train_step(%arg0: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}, %arg1: tensor<?xi64, #nn.shape<batch>> {nn.name = "y"}) -> (tensor<f32> {nn.name = "loss"}, tensor<4x3xf32> {nn.name = "w1"}, tensor<3x4xf32> {nn.name = "w2"}, tensor<4xf32> {nn.name = "b1"}) attributes {nn.entry} {
    %0 = nn.constant dense<[0, 1]> : tensor<2xi64>
    %1 = nn.read @fc1.weight : tensor<4x3xf32>
    %2 = nn.read @fc1.bias : tensor<4xf32>
    %3 = nn.read @bn.weight : tensor<4xf32>
    %4 = nn.read @bn.bias : tensor<4xf32>
    %5 = nn.read @bn.running_mean : tensor<4xf32>
    %6 = nn.read @bn.running_var : tensor<4xf32>
    %7 = nn.read @fc2.weight : tensor<3x4xf32>
    %8 = nn.read @fc2.bias : tensor<3xf32>
    %9 = nn.read @generator : tensor<2xi64>
    %10 = nn.fused anchor "nn.linear"(%arg0, %1) extras(%2) maps [#map] : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> {
    ^bb0(%arg2: f32, %arg3: f32):
      %42 = arith.addf %arg2, %arg3 : f32
      nn.yield %42 : f32
    }
    %output, %statistics:4 = nn.batch_norm %10 weight %3 bias %4 running_mean %5 running_var %6 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
    nn.write @bn.running_mean, %statistics#0 : tensor<4xf32>
    nn.write @bn.running_var, %statistics#1 : tensor<4xf32>
    %11 = nn.fused() extras(%output) maps [#map1] : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>> {
    ^bb0(%arg2: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %42 = arith.cmpf olt, %arg2, %cst : f32
      %43 = arith.select %42, %cst, %arg2 : f32
      nn.yield %43 : f32
    }
    %12 = nn.dropout %11 generator %9 p = 2.500000e-01 training = true site = 0 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<2xi64>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %13 = nn.fused anchor "nn.linear"(%12, %7) extras(%8) maps [#map] : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> {
    ^bb0(%arg2: f32, %arg3: f32):
      %42 = arith.addf %arg2, %arg3 : f32
      nn.yield %42 : f32
    }
    %14 = nn.cross_entropy %13, %arg1 ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean" : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<f32>
    %15 = nn.full 1.000000e+00 shape = [] dtype = f32 : tensor<f32>
    %16 = nn.cross_entropy_backward %15, %13, %arg1 ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean" : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
    %17 = nn.matmul %16, %7 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3x4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %18 = nn.permute %16 dims = [1, 0] : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<3x?xf32, #nn.shape<3, batch>>
    %19 = nn.matmul %18, %12 : (tensor<3x?xf32, #nn.shape<3, batch>>, tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<3x4xf32>
    %20 = nn.sum %16 dims = [0] keepdim = false : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<3xf32>
    %21 = nn.fused anchor "nn.dropout" attributes {p = 2.500000e-01 : f64, site = 0 : i64, training = true}(%17, %9) extras(%11) maps [#map1] : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<2xi64>, tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>> {
    ^bb0(%arg2: f32, %arg3: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %42 = arith.cmpf ole, %arg3, %cst : f32
      %43 = arith.select %42, %cst, %arg2 : f32
      nn.yield %43 : f32
    }
    %input_gradient, %weight_gradient, %bias_gradient = nn.batch_norm_backward %21, %10, %statistics#2, %statistics#3 weight %3 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>)
    %22 = nn.permute %input_gradient dims = [1, 0] : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<4x?xf32, #nn.shape<4, batch>>
    %23 = nn.matmul %22, %arg0 : (tensor<4x?xf32, #nn.shape<4, batch>>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<4x3xf32>
    %24 = nn.sum %input_gradient dims = [0] keepdim = false : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<4xf32>
    %25 = nn.read @optimizer.step : tensor<6xf32>
    %26 = nn.fused() extras(%25) maps [#map2] : (tensor<6xf32>) -> tensor<6xf32> {
    ^bb0(%arg2: f32):
      %cst = arith.constant 1.000000e+00 : f32
      %42 = arith.addf %arg2, %cst : f32
      nn.yield %42 : f32
    }
    nn.write @optimizer.step, %26 : tensor<6xf32>
    %27 = nn.read @optimizer.param_groups.0.lr : tensor<f64>
    %28 = nn.read @optimizer.exp_avg.fc1.weight : tensor<4x3xf32>
    %29 = nn.read @optimizer.exp_avg.fc1.bias : tensor<4xf32>
    %30 = nn.read @optimizer.exp_avg.bn.weight : tensor<4xf32>
    %31 = nn.read @optimizer.exp_avg.bn.bias : tensor<4xf32>
    %32 = nn.read @optimizer.exp_avg.fc2.weight : tensor<3x4xf32>
    %33 = nn.read @optimizer.exp_avg.fc2.bias : tensor<3xf32>
    %34 = nn.read @optimizer.exp_avg_sq.fc1.weight : tensor<4x3xf32>
    %35 = nn.read @optimizer.exp_avg_sq.fc1.bias : tensor<4xf32>
    %36 = nn.read @optimizer.exp_avg_sq.bn.weight : tensor<4xf32>
    %37 = nn.read @optimizer.exp_avg_sq.bn.bias : tensor<4xf32>
    %38 = nn.read @optimizer.exp_avg_sq.fc2.weight : tensor<3x4xf32>
    %39 = nn.read @optimizer.exp_avg_sq.fc2.bias : tensor<3xf32>
    %40:18 = nn.adam parameters(%1, %2, %3, %4, %7, %8) gradients(%23, %24, %weight_gradient, %bias_gradient, %19, %20) exp_avgs(%28, %29, %30, %31, %32, %33) exp_avg_sqs(%34, %35, %36, %37, %38, %39) steps %26 lr %27 indices = [0, 1, 2, 3, 4, 5] beta1 = 9.000000e-01 beta2 = 0.99899999999999999 eps = 1.000000e-08 weight_decay = 0.000000e+00 decoupled = false amsgrad = false maximize = false : (tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<6xf32>, tensor<f64>) -> (tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>)
    nn.write @fc1.weight, %40#0 : tensor<4x3xf32>
    nn.write @fc1.bias, %40#1 : tensor<4xf32>
    nn.write @bn.weight, %40#2 : tensor<4xf32>
    nn.write @bn.bias, %40#3 : tensor<4xf32>
    nn.write @fc2.weight, %40#4 : tensor<3x4xf32>
    nn.write @fc2.bias, %40#5 : tensor<3xf32>
    %41 = nn.fused() extras(%9, %0) maps [#map2, #map2] : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64> {
    ^bb0(%arg2: i64, %arg3: i64):
      %42 = arith.addi %arg2, %arg3 : i64
      nn.yield %42 : i64
    }
    nn.write @generator, %41 : tensor<2xi64>
    return %14, %40#0, %40#4, %40#1 : tensor<f32>, tensor<4x3xf32>, tensor<3x4xf32>, tensor<4xf32>
  }
  func.func private @prepare_0() attributes {nn.prepare} {
    %0 = nn.read @fc1.bias : tensor<4xf32>
    %1 = nn.read @bn.weight : tensor<4xf32>
    %2 = nn.read @bn.bias : tensor<4xf32>
    %3 = nn.read @bn.running_mean : tensor<4xf32>
    %4 = nn.read @bn.running_var : tensor<4xf32>
    %5 = nn.fused() extras(%4, %1) maps [#map2, #map2] : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%arg0: f32, %arg1: f32):
      %cst = arith.constant 1.000000e+00 : f32
      %cst_0 = arith.constant 9.99999974E-6 : f32
      %11 = arith.addf %arg0, %cst_0 : f32
      %12 = math.sqrt %11 : f32
      %13 = arith.divf %cst, %12 : f32
      %14 = arith.mulf %arg1, %13 : f32
      nn.yield %14 : f32
    }
    %6 = nn.fused() extras(%3, %5, %2, %0) maps [#map2, #map2, #map2, #map2] : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%arg0: f32, %arg1: f32, %arg2: f32, %arg3: f32):
      %11 = arith.mulf %arg0, %arg1 : f32
      %12 = arith.subf %arg2, %11 : f32
      %13 = arith.mulf %arg3, %arg1 : f32
      %14 = arith.addf %13, %12 : f32
      nn.yield %14 : f32
    }
    %7 = nn.read @fc1.weight : tensor<4x3xf32>
    %8 = nn.reshape %5 to [4, 1] : (tensor<4xf32>) -> tensor<4x1xf32>
    %9 = nn.fused() extras(%7, %8) maps [#map1, #map3] : (tensor<4x3xf32>, tensor<4x1xf32>) -> tensor<4x3xf32> {
    ^bb0(%arg0: f32, %arg1: f32):
      %11 = arith.mulf %arg0, %arg1 : f32
      nn.yield %11 : f32
    }
    %10 = nn.pack_panels %9 panel = 32 : (tensor<4x3xf32>) -> tensor<1x3x32xf32>
    nn.store_prepared @bn.add, %6 : tensor<4xf32>
    nn.store_prepared @fc1.pack_panels, %10 : tensor<1x3x32xf32>
    return
  }
  func.func private @prepare_1() attributes {nn.prepare} {
    %0 = nn.read @fc2.weight : tensor<3x4xf32>
    %1 = nn.pack_panels %0 panel = 32 : (tensor<3x4xf32>) -> tensor<1x4x32xf32>
    nn.store_prepared @pack_panels, %1 : tensor<1x4x32xf32>
    return
  }
}

