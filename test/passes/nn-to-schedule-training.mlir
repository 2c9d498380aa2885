// RUN: kiln-opt %s --nn-to-schedule --split-input-file | FileCheck %s
// RUN: kiln-opt %s --nn-to-schedule --split-input-file --verify-roundtrip -o /dev/null

// Permutations of the last two dimensions are part of the product; what else uses them keeps them.

!x = tensor<?x24xf32, #nn.shape<batch, 24>>
!t = tensor<24x?xf32, #nn.shape<24, batch>>
!b = tensor<?x5x6xf32, #nn.shape<batch, 5, 6>>
!s = tensor<?x6x5xf32, #nn.shape<batch, 6, 5>>
!c = tensor<?x6x6xf32, #nn.shape<batch, 6, 6>>
module attributes {nn.program = "transposed"} {
  // CHECK-LABEL: schedule.func @products
  // CHECK:         %[[X:.*]] = schedule.input 0
  // CHECK:         %[[B:.*]] = schedule.input 1
  // CHECK-NOT:     schedule.launch @f32_move
  // CHECK:         schedule.launch @f32_matmul_tn_nx24_nx24(%[[X]], %[[X]]) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<24>, #nn.dim<1>] cost <18 * batch>
  // CHECK:         schedule.launch @f32_matmul_tn_nx5x6_nx5x6_relu(%[[B]], %[[B]]) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<batch>, #nn.dim<1>]
  func.func @products(%x: !x, %b: !b) -> (tensor<24x24xf32>, !c) attributes {nn.entry} {
    %t = nn.permute %x dims = [1, 0] : (!x) -> !t
    %y = nn.matmul %t, %x : (!t, !x) -> tensor<24x24xf32>
    %s = nn.permute %b dims = [0, 2, 1] : (!b) -> !s
    %z = nn.fused anchor "nn.matmul" (%s, %b) extras() maps [] : (!s, !b) -> !c {
    ^bb0(%sum: f32):
      %zero = arith.constant 0.0 : f32
      %1 = arith.maximumf %sum, %zero : f32
      nn.yield %1 : f32
    }
    return %y, %z : tensor<24x24xf32>, !c
  }
  // CHECK-LABEL: schedule.func @shared
  // CHECK:         schedule.launch @f32_move_24xn
  // CHECK:         schedule.launch @f32_matmul_tn_nx24_nx24
  func.func @shared(%x: !x) -> (tensor<24x24xf32>, !t) attributes {nn.entry} {
    %t = nn.permute %x dims = [1, 0] : (!x) -> !t
    %y = nn.matmul %t, %x : (!t, !x) -> tensor<24x24xf32>
    return %y, %t : tensor<24x24xf32>, !t
  }
  // Another permutation is not a transposition.
  // CHECK-LABEL: schedule.func @other
  // CHECK:         schedule.launch @f32_move_5xnx6
  // CHECK:         schedule.launch @f32_matmul_5xnx6_6x7
  func.func @other(%b: !b, %w: tensor<6x7xf32>) -> tensor<5x?x7xf32, #nn.shape<5, batch, 7>> attributes {nn.entry} {
    %t = nn.permute %b dims = [1, 0, 2] : (!b) -> tensor<5x?x6xf32, #nn.shape<5, batch, 6>>
    %y = nn.matmul %t, %w : (tensor<5x?x6xf32, #nn.shape<5, batch, 6>>, tensor<6x7xf32>) -> tensor<5x?x7xf32, #nn.shape<5, batch, 7>>
    return %y : tensor<5x?x7xf32, #nn.shape<5, batch, 7>>
  }
  // CHECK-LABEL: schedule.kernel @f32_matmul_tn_nx24_nx24 sizes ["s0"] anchor "nn.matmul"
  // CHECK-SAME:    [!schedule.buffer<f32, <s0, 24>>, !schedule.buffer<f32, <s0, 24>>] {transposed = array<i1: true, false>}
}

// -----

// Rows that one softmax each is taken over are independent.

!x = tensor<?x10xf32, #nn.shape<batch, 10>>
!i = tensor<?x6x5xf32, #nn.shape<batch, 6, 5>>
module attributes {nn.program = "softmax"} {
  // CHECK-LABEL: schedule.func @softmax
  // CHECK:         schedule.launch @f32_log_softmax_nx10({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<batch>]
  // CHECK:         schedule.launch @f32_log_softmax_nx6x5({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<5 * batch>]
  // CHECK:         schedule.launch @f32_log_softmax({{.*}}) into({{.*}}) sizes [] grid [#nn.dim<1>]
  // CHECK:         schedule.launch @f32_softmax_nx10({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<batch>]
  // CHECK:         schedule.launch @f32_softmax_backward_nx6x5({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<5 * batch>]
  // CHECK:         schedule.launch @f32_log_softmax_backward_nx6x5({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<6 * batch>]
  func.func @softmax(%x: !x, %i: !i, %s: tensor<f32>) -> (!x, !i, tensor<f32>, !x, !i, !i) attributes {nn.entry} {
    %0 = nn.log_softmax %x dim = -1 : !x
    %1 = nn.log_softmax %i dim = 1 : !i
    %2 = nn.log_softmax %s dim = 0 : tensor<f32>
    %3 = nn.softmax %x dim = 1 : !x
    %4 = nn.softmax_backward %i, %i dim = 1 : !i
    %5 = nn.log_softmax_backward %i, %i dim = 2 : !i
    return %0, %1, %2, %3, %4, %5 : !x, !i, tensor<f32>, !x, !i, !i
  }
}

// -----

// A loss that is a sum takes two kernels: rows, which can be split, and their sum.

!x = tensor<?x10xf32, #nn.shape<batch, 10>>
!t = tensor<?xi64, #nn.shape<batch>>
!l = tensor<?xf32, #nn.shape<batch>>
module attributes {nn.program = "losses"} {
  // CHECK-LABEL: schedule.func @mean
  // CHECK:         %[[X:.*]] = schedule.input 0
  // CHECK:         %[[T:.*]] = schedule.input 1
  // CHECK:         %[[LOSS:.*]] = schedule.output 0
  // CHECK:         %[[GRADIENT:.*]] = schedule.output 1
  // CHECK:         %[[ROWS:.*]] = schedule.arena : !schedule.buffer<f64, <batch>>
  // CHECK:         schedule.launch @f64_cross_entropy_nx10(%[[X]], %[[T]]) into(%[[ROWS]]) sizes [#nn.dim<batch>] grid [#nn.dim<batch>]
  // CHECK:         schedule.launch @f32_cross_entropy_total_n(%[[ROWS]], %[[T]]) into(%[[LOSS]]) sizes [#nn.dim<batch>] grid [#nn.dim<1>]
  // CHECK:         %[[COUNT:.*]] = schedule.arena : !schedule.buffer<f64, <>>
  // CHECK:         schedule.launch @f64_cross_entropy_count_n(%[[T]]) into(%[[COUNT]])
  // CHECK:         schedule.launch @f32_cross_entropy_backward_nx10(%[[LOSS]], %[[X]], %[[T]], %[[COUNT]]) into(%[[GRADIENT]]) sizes [#nn.dim<batch>] grid [#nn.dim<batch>]
  func.func @mean(%x: !x, %t: !t) -> (tensor<f32>, !x) attributes {nn.entry} {
    %y = nn.cross_entropy %x, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean" : (!x, !t) -> tensor<f32>
    %g = nn.cross_entropy_backward %y, %x, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean"
        : (tensor<f32>, !x, !t) -> !x
    return %y, %g : tensor<f32>, !x
  }
  // CHECK-LABEL: schedule.func @each
  // CHECK-NOT:     schedule.arena
  // CHECK:         schedule.launch @f32_cross_entropy_nx10(%{{.*}}, %{{.*}}, %{{.*}}) into
  // CHECK-NEXT:    schedule.launch @f32_cross_entropy_backward_nx10{{.*}}(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) into
  // CHECK-NEXT:    schedule.return
  func.func @each(%x: !x, %t: !t, %w: tensor<10xf32>, %c: !l) -> (!l, !x) attributes {nn.entry} {
    %y = nn.cross_entropy %x, %t weight %w ignore_index = -100 label_smoothing = 0.0 reduction = "none"
        : (!x, !t, tensor<10xf32>) -> !l
    %g = nn.cross_entropy_backward %c, %x, %t weight %w ignore_index = -100 label_smoothing = 0.0 reduction = "none"
        : (!l, !x, !t, tensor<10xf32>) -> !x
    return %y, %g : !l, !x
  }
}

// -----

// One launch for all parameters of a group: blocks of 4096 elements, none of two parameters.

module attributes {nn.program = "optimizer"} {
  // CHECK-LABEL: schedule.func @step
  // CHECK:         schedule.launch @f32_adam_2({{.*}}) into({{.*}}) sizes [] grid [#nn.dim<4>]
  func.func @step(%p: tensor<100x100xf32>, %q: tensor<5xf32>, %steps: tensor<2xf32>, %lr: tensor<f64>)
      -> (tensor<100x100xf32>, tensor<5xf32>) attributes {nn.entry} {
    %r:6 = nn.adam parameters(%p, %q) gradients(%p, %q) exp_avgs(%p, %q) exp_avg_sqs(%p, %q) steps %steps lr %lr indices = [0, 1]
        beta1 = 9.000000e-01 beta2 = 9.990000e-01 eps = 1.000000e-08 weight_decay = 0.000000e+00 decoupled = false amsgrad = false
        maximize = false
        : (tensor<100x100xf32>, tensor<5xf32>, tensor<100x100xf32>, tensor<5xf32>, tensor<100x100xf32>, tensor<5xf32>,
           tensor<100x100xf32>, tensor<5xf32>, tensor<2xf32>, tensor<f64>)
        -> (tensor<100x100xf32>, tensor<5xf32>, tensor<100x100xf32>, tensor<5xf32>, tensor<100x100xf32>, tensor<5xf32>)
    return %r#0, %r#1 : tensor<100x100xf32>, tensor<5xf32>
  }
}

// -----

// Comparisons and selections are maps; a table's gradient is split by rows of the table, a batch norm's by channels,
// in blocks where these are neighbours in memory.

!x = tensor<?x6xf32, #nn.shape<batch, 6>>
module attributes {nn.program = "others"} {
  // CHECK-LABEL: schedule.func @f
  // CHECK:         schedule.launch @bool_cmp{{.*}}_n({{.*}}) into({{.*}}) sizes [#nn.dim<6 * batch>]
  // CHECK:         schedule.launch @f32_select_n({{.*}}) into({{.*}}) sizes [#nn.dim<6 * batch>]
  // CHECK:         schedule.launch @f32_embedding_backward_50x6({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<50>]
  // CHECK:         schedule.launch @f32_batch_norm_backward_nx6({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<1>]
  // CHECK:         schedule.launch @f32_dropout_nx6({{.*}}) into({{.*}}) sizes [#nn.dim<batch>] grid [#nn.dim<batch>]
  func.func @f(%x: !x, %y: !x, %i: tensor<?xi64, #nn.shape<batch>>, %c: tensor<6xf32>, %g: tensor<2xi64>)
      -> (!x, tensor<50x6xf32>, !x, tensor<6xf32>, tensor<6xf32>, !x) attributes {nn.entry} {
    %0 = nn.gt %x, %y : (!x, !x) -> tensor<?x6xi1, #nn.shape<batch, 6>>
    %1 = nn.where %0, %x, %y : (tensor<?x6xi1, #nn.shape<batch, 6>>, !x, !x) -> !x
    %2 = nn.embedding_backward %x, %i num_embeddings = <50> : (!x, tensor<?xi64, #nn.shape<batch>>) -> tensor<50x6xf32>
    %3, %4, %5 = nn.batch_norm_backward %x, %y, %c, %c weight %c
        : (!x, !x, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> (!x, tensor<6xf32>, tensor<6xf32>)
    %6 = nn.dropout %x generator %g p = 5.000000e-01 training = true site = 3 : (!x, tensor<2xi64>) -> !x
    return %1, %2, %3, %4, %5, %6 : !x, tensor<50x6xf32>, !x, tensor<6xf32>, tensor<6xf32>, !x
  }
}
