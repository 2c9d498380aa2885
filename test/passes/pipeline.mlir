// A small network with everything the pipeline is about: two linear layers, a batch norm and a dropout between them, a residual add.
#loc_fc1 = loc(fused<"fc1">["model.cpp":10:5])
#loc_bn = loc(fused<"bn">["model.cpp":11:5])
#loc_fc2 = loc(fused<"fc2">["model.cpp":12:5])
module attributes {nn.program = "net"} {
  nn.state @"fc1.weight" parameter trainable : tensor<4x3xf32> = dense<[[0.5, -1.0, 0.25], [1.5, 0.75, -0.5], [-0.25, 1.0, 2.0], [0.125, -2.0, 1.0]]>
  nn.state @"fc1.bias" parameter trainable : tensor<4xf32> = dense<[0.1, -0.2, 0.3, -0.4]>
  nn.state @"bn.weight" parameter trainable : tensor<4xf32> = dense<[1.5, 0.5, -1.0, 2.0]>
  nn.state @"bn.bias" parameter trainable : tensor<4xf32> = dense<[0.0, 1.0, -1.0, 0.5]>
  nn.state @"bn.running_mean" buffer : tensor<4xf32> = dense<[0.2, -0.3, 0.4, 0.0]>
  nn.state @"bn.running_var" buffer : tensor<4xf32> = dense<[1.0, 0.5, 2.0, 0.25]>
  nn.state @"fc2.weight" parameter trainable : tensor<4x4xf32> = dense<[[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.5], [0.5, 0.0, 1.0, 0.0], [0.0, 0.5, 0.0, 1.0]]>

  func.func @predict(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"})
      -> (tensor<?x4xf32, #nn.shape<batch, 4>> {nn.name = "output"}) attributes {nn.entry} {
    %w1 = nn.read @"fc1.weight" : tensor<4x3xf32>
    %b1 = nn.read @"fc1.bias" : tensor<4xf32>
    %h = nn.linear %x, %w1, %b1 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> loc(#loc_fc1)
    %g = nn.read @"bn.weight" : tensor<4xf32>
    %s = nn.read @"bn.bias" : tensor<4xf32>
    %m = nn.read @"bn.running_mean" : tensor<4xf32>
    %v = nn.read @"bn.running_var" : tensor<4xf32>
    %n = nn.batch_norm %h weight %g bias %s running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
        : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> loc(#loc_bn)
    %r = nn.relu %n : tensor<?x4xf32, #nn.shape<batch, 4>>
    %d = nn.dropout %r p = 2.000000e-01 training = false seed = 1 : tensor<?x4xf32, #nn.shape<batch, 4>>
    %w2 = nn.read @"fc2.weight" : tensor<4x4xf32>
    %o = nn.linear %d, %w2 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4x4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> loc(#loc_fc2)
    %y = nn.add %o, %d : tensor<?x4xf32, #nn.shape<batch, 4>>
    %z = nn.relu %y : tensor<?x4xf32, #nn.shape<batch, 4>>
    return %z : tensor<?x4xf32, #nn.shape<batch, 4>>
  }
}
