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
  func.func @predict(%arg0: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "output"}) attributes {nn.entry} {
    %0 = nn.read @fc1.weight : tensor<4x3xf32>
    %1 = nn.read @fc1.bias : tensor<4xf32>
    %2 = nn.read @bn.weight : tensor<4xf32>
    %3 = nn.read @bn.bias : tensor<4xf32>
    %4 = nn.read @bn.running_mean : tensor<4xf32>
    %5 = nn.read @bn.running_var : tensor<4xf32>
    %6 = nn.read @fc2.weight : tensor<3x4xf32>
    %7 = nn.read @fc2.bias : tensor<3xf32>
    %8 = nn.linear %arg0, %0, %1 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %output = nn.batch_norm %8 weight %2 bias %3 running_mean %4 running_var %5 training = false momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %9 = nn.relu %output : tensor<?x4xf32, #nn.shape<batch, 4>>
    %10 = nn.linear %9, %6, %7 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
    return %10 : tensor<?x3xf32, #nn.shape<batch, 3>>
  }
  func.func @train_step(%arg0: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}, %arg1: tensor<?xi64, #nn.shape<batch>> {nn.name = "y"}) -> (tensor<f32> {nn.name = "loss"}, tensor<4x3xf32> {nn.name = "w1"}, tensor<3x4xf32> {nn.name = "w2"}, tensor<4xf32> {nn.name = "b1"}) attributes {nn.entry} {
    %0 = nn.read @fc1.weight : tensor<4x3xf32>
    %1 = nn.read @fc1.bias : tensor<4xf32>
    %2 = nn.read @bn.weight : tensor<4xf32>
    %3 = nn.read @bn.bias : tensor<4xf32>
    %4 = nn.read @bn.running_mean : tensor<4xf32>
    %5 = nn.read @bn.running_var : tensor<4xf32>
    %6 = nn.read @fc2.weight : tensor<3x4xf32>
    %7 = nn.read @fc2.bias : tensor<3xf32>
    %8 = nn.read @generator : tensor<2xi64>
    %9 = nn.linear %arg0, %0, %1 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %output, %statistics:4 = nn.batch_norm %9 weight %2 bias %3 running_mean %4 running_var %5 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
    nn.write @bn.running_mean, %statistics#0 : tensor<4xf32>
    nn.write @bn.running_var, %statistics#1 : tensor<4xf32>
    %10 = nn.relu %output : tensor<?x4xf32, #nn.shape<batch, 4>>
    %11 = nn.dropout %10 generator %8 p = 2.500000e-01 training = true site = 0 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<2xi64>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %12 = nn.linear %11, %6, %7 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
    %13 = nn.cross_entropy %12, %arg1 ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean" : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<f32>
    %14 = nn.full 1.000000e+00 shape = [] dtype = f32 : tensor<f32>
    %15 = nn.cross_entropy_backward %14, %12, %arg1 ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean" : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
    %16 = nn.matmul %15, %6 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3x4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %17 = nn.permute %15 dims = [1, 0] : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<3x?xf32, #nn.shape<3, batch>>
    %18 = nn.matmul %17, %11 : (tensor<3x?xf32, #nn.shape<3, batch>>, tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<3x4xf32>
    %19 = nn.sum %15 dims = [0] keepdim = false : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<3xf32>
    %20 = nn.dropout %16 generator %8 p = 2.500000e-01 training = true site = 0 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<2xi64>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %21 = nn.full 0.000000e+00 shape = [] dtype = f32 : tensor<f32>
    %22 = nn.le %10, %21 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<f32>) -> tensor<?x4xi1, #nn.shape<batch, 4>>
    %23 = nn.where %22, %21, %20 : (tensor<?x4xi1, #nn.shape<batch, 4>>, tensor<f32>, tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %input_gradient, %weight_gradient, %bias_gradient = nn.batch_norm_backward %23, %9, %statistics#2, %statistics#3 weight %2 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>)
    %24 = nn.permute %input_gradient dims = [1, 0] : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<4x?xf32, #nn.shape<4, batch>>
    %25 = nn.matmul %24, %arg0 : (tensor<4x?xf32, #nn.shape<4, batch>>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<4x3xf32>
    %26 = nn.sum %input_gradient dims = [0] keepdim = false : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<4xf32>
    %27 = nn.read @optimizer.step : tensor<6xf32>
    %28 = nn.full 1.000000e+00 shape = [] dtype = f32 : tensor<f32>
    %29 = nn.add %27, %28 : (tensor<6xf32>, tensor<f32>) -> tensor<6xf32>
    nn.write @optimizer.step, %29 : tensor<6xf32>
    %30 = nn.read @optimizer.param_groups.0.lr : tensor<f64>
    %31 = nn.read @optimizer.exp_avg.fc1.weight : tensor<4x3xf32>
    %32 = nn.read @optimizer.exp_avg.fc1.bias : tensor<4xf32>
    %33 = nn.read @optimizer.exp_avg.bn.weight : tensor<4xf32>
    %34 = nn.read @optimizer.exp_avg.bn.bias : tensor<4xf32>
    %35 = nn.read @optimizer.exp_avg.fc2.weight : tensor<3x4xf32>
    %36 = nn.read @optimizer.exp_avg.fc2.bias : tensor<3xf32>
    %37 = nn.read @optimizer.exp_avg_sq.fc1.weight : tensor<4x3xf32>
    %38 = nn.read @optimizer.exp_avg_sq.fc1.bias : tensor<4xf32>
    %39 = nn.read @optimizer.exp_avg_sq.bn.weight : tensor<4xf32>
    %40 = nn.read @optimizer.exp_avg_sq.bn.bias : tensor<4xf32>
    %41 = nn.read @optimizer.exp_avg_sq.fc2.weight : tensor<3x4xf32>
    %42 = nn.read @optimizer.exp_avg_sq.fc2.bias : tensor<3xf32>
    %43:18 = nn.adam parameters(%0, %1, %2, %3, %6, %7) gradients(%25, %26, %weight_gradient, %bias_gradient, %18, %19) exp_avgs(%31, %32, %33, %34, %35, %36) exp_avg_sqs(%37, %38, %39, %40, %41, %42) steps %29 lr %30 indices = [0, 1, 2, 3, 4, 5] beta1 = 9.000000e-01 beta2 = 0.99899999999999999 eps = 1.000000e-08 weight_decay = 0.000000e+00 decoupled = false amsgrad = false maximize = false : (tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<6xf32>, tensor<f64>) -> (tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>, tensor<3xf32>)
    nn.write @fc1.weight, %43#0 : tensor<4x3xf32>
    nn.write @fc1.bias, %43#1 : tensor<4xf32>
    nn.write @bn.weight, %43#2 : tensor<4xf32>
    nn.write @bn.bias, %43#3 : tensor<4xf32>
    nn.write @fc2.weight, %43#4 : tensor<3x4xf32>
    nn.write @fc2.bias, %43#5 : tensor<3xf32>
    %44 = nn.constant dense<[0, 1]> : tensor<2xi64>
    %45 = nn.add %8, %44 : tensor<2xi64>
    nn.write @generator, %45 : tensor<2xi64>
    return %13, %43#0, %43#4, %43#1 : tensor<f32>, tensor<4x3xf32>, tensor<3x4xf32>, tensor<4xf32>
  }
}

