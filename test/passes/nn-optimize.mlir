// The whole pipeline on a small network with what it is about: two linear layers, a batch norm and a dropout between them, a
// residual add.
// RUN: kiln-opt %s --nn-optimize -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: kiln-opt %s --nn-optimize --remarks-filter=nn-.* --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: kiln-opt %s --nn-optimize="hoist=false fuse=false layout=false fold-batch-norm=false" | FileCheck %s --check-prefix=PLAIN

// Nothing is printed unless remarks are asked for.
// RUN: kiln-opt %s --nn-optimize -o /dev/null 2>&1 | count 0

// The same values, before and after.
// RUN: kiln-interpret %s predict --input=x=iota:5x3 --f64 --output=output=%t.before.npy
// RUN: kiln-interpret %t.mlir predict --input=x=iota:5x3 --f64 --output=output=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s predict --input=x=zeros:0x3 --output=output=%t.before.npy
// RUN: kiln-interpret %t.mlir predict --input=x=zeros:0x3 --output=output=%t.after.npy
// RUN: tensor-tool equal %t.after.npy %t.before.npy

// Running it twice changes nothing more.
// RUN: kiln-opt %t.mlir --nn-optimize | diff - %t.mlir

// CHECK-DAG: nn.prepared @bn.add : tensor<4xf32> sources [@bn.bias, @bn.running_mean, @bn.running_var, @bn.weight, @fc1.bias]
// CHECK-DAG: nn.prepared @fc1.pack_panels : tensor<1x3x32xf32> sources [@bn.running_var, @bn.weight, @fc1.weight]
// CHECK-DAG: nn.prepared @fc2.pack_panels : tensor<1x4x32xf32> sources [@fc2.weight]
// CHECK-LABEL: func.func @predict
// CHECK-DAG: %[[BIAS:.*]] = nn.load_prepared @bn.add
// CHECK-DAG: %[[PANELS:.*]] = nn.load_prepared @fc1.pack_panels
// CHECK: %[[H:.*]] = nn.fused anchor "nn.packed_linear" attributes {out_features = 4 : i64}(%{{.*}}, %[[PANELS]]) extras(%[[BIAS]])
// CHECK: arith.addf
// CHECK: arith.select
// CHECK: nn.yield
// CHECK: %[[PANELS2:.*]] = nn.load_prepared @fc2.pack_panels
// CHECK: %[[Y:.*]] = nn.fused anchor "nn.packed_linear" attributes {out_features = 4 : i64}(%[[H]], %[[PANELS2]]) extras(%[[H]])
// CHECK: arith.addf
// CHECK: arith.select
// CHECK: nn.yield
// CHECK: return %[[Y]]
// CHECK: func.func private @prepare_0
// CHECK: nn.store_prepared @bn.add
// CHECK: nn.store_prepared @fc1.pack_panels
// CHECK: func.func private @prepare_1
// CHECK: nn.store_prepared @fc2.pack_panels

// REMARK-DAG: model.cpp:11:5: remark: [Passed] batch_norm | Category:nn-specialize-mode | Function=predict | Module=bn
// REMARK-DAG: remark: [Passed] dropout | Category:nn-specialize-mode
// REMARK-DAG: model.cpp:11:5: remark: [Passed] fold | Category:nn-fold-batch-norm | Function=predict | Module=bn, Remark="folded into nn.linear of fc1 (model.cpp:10)"
// REMARK-DAG: model.cpp:10:5: remark: [Passed] pack | Category:nn-layout | Function=predict | Module=fc1
// REMARK-DAG: model.cpp:10:5: remark: [Passed] hoist | Category:nn-hoist-prepare | Function=predict | Module=fc1, Remark="[1, 3, 32] computed once, not at each call"
// REMARK-DAG: model.cpp:10:5: remark: [Passed] fuse | Category:nn-fuse | Function=predict | Module=fc1, Remark="nn.packed_linear <- add, relu"
// REMARK-DAG: remark: [Missed] fuse | Category:nn-fuse | Function=predict | Reason="its result has 2 uses, 1 of them outside this region"

// PLAIN-NOT: nn.prepared
// PLAIN-LABEL: func.func @predict
// PLAIN: nn.linear
// PLAIN: nn.channel_affine
// PLAIN: nn.relu
// PLAIN-NOT: nn.dropout
// PLAIN-NOT: nn.fused
// PLAIN: return

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
    %d = nn.dropout %r p = 2.000000e-01 training = false site = 1 : (tensor<?x4xf32, #nn.shape<batch, 4>>) -> tensor<?x4xf32, #nn.shape<batch, 4>>
    %w2 = nn.read @"fc2.weight" : tensor<4x4xf32>
    %o = nn.linear %d, %w2 : (tensor<?x4xf32, #nn.shape<batch, 4>>, tensor<4x4xf32>) -> tensor<?x4xf32, #nn.shape<batch, 4>> loc(#loc_fc2)
    %y = nn.add %o, %d : tensor<?x4xf32, #nn.shape<batch, 4>>
    %z = nn.relu %y : tensor<?x4xf32, #nn.shape<batch, 4>>
    return %z : tensor<?x4xf32, #nn.shape<batch, 4>>
  }
}
