// RUN: kiln-opt %s --nn-to-schedule --split-input-file | FileCheck %s
// RUN: kiln-opt %s --nn-to-schedule --split-input-file --verify-roundtrip -o /dev/null

// New values of states are computed in the states themselves, where nobody looks at the old value any more.

// A value that needs nothing of the old one, computed long before it is written.

module attributes {nn.program = "gradient"} {
  nn.state @g parameter : tensor<4x8xf32>
  // CHECK-LABEL: schedule.func @f
  // CHECK:         %[[X:.*]] = schedule.input 0
  // CHECK:         %[[G:.*]] = schedule.input 1
  // CHECK:         %[[OUT:.*]] = schedule.output 0
  // CHECK:         %[[STATE:.*]] = schedule.state @g
  // CHECK-NOT:     schedule.launch
  // CHECK:         schedule.launch @f32_matmul_tn_3x4_3x8(%[[G]], %[[X]]) into(%[[STATE]])
  // CHECK-NEXT:    schedule.launch @f32_relu_{{.*}}(%[[X]]) into(%[[OUT]])
  // CHECK-NEXT:    schedule.return
  func.func @f(%x: tensor<3x8xf32>, %g: tensor<3x4xf32>) -> tensor<3x8xf32> attributes {nn.entry} {
    %t = nn.permute %g dims = [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
    %w = nn.matmul %t, %x : (tensor<4x3xf32>, tensor<3x8xf32>) -> tensor<4x8xf32>
    %y = nn.relu %x : tensor<3x8xf32>
    nn.write @g, %w : tensor<4x8xf32>
    return %y : tensor<3x8xf32>
  }
}

// -----

// A map reads the old value in step, in whatever shape it is written. Two states may change in one kernel.

module attributes {nn.program = "in_step"} {
  nn.state @s buffer : tensor<3x4xf32>
  nn.state @p parameter : tensor<8xf32>
  nn.state @m optimizer : tensor<8xf32>
  nn.state @steps optimizer : tensor<1xf32>
  nn.state @lr hyperparameter : tensor<f64>
  // CHECK-LABEL: schedule.func @map
  // CHECK:         %[[X:.*]] = schedule.input 0
  // CHECK:         %[[TARGET:.*]] = schedule.state @s
  // CHECK:         %[[AS:.*]] = schedule.view %[[TARGET]]
  // CHECK-NOT:     schedule.arena
  // CHECK:         schedule.launch @f32_add_12(%{{.*}}, %[[X]]) into(%[[AS]])
  // CHECK-NOT:     schedule.launch
  // CHECK:         schedule.return
  func.func @map(%x: tensor<12xf32>) attributes {nn.entry} {
    %old = nn.read @s : tensor<3x4xf32>
    %flat = nn.reshape %old to [12] : (tensor<3x4xf32>) -> tensor<12xf32>
    %new = nn.add %flat, %x : tensor<12xf32>
    %back = nn.reshape %new to [3, 4] : (tensor<12xf32>) -> tensor<3x4xf32>
    nn.write @s, %back : tensor<3x4xf32>
    return
  }
  // CHECK-LABEL: schedule.func @step
  // CHECK:         %[[G:.*]] = schedule.input 0
  // CHECK-DAG:     %[[NEWP:.*]] = schedule.state @p
  // CHECK-DAG:     %[[NEWM:.*]] = schedule.state @m
  // CHECK-DAG:     %[[NEWSTEPS:.*]] = schedule.state @steps
  // CHECK:         schedule.launch @f32_add(%{{.*}}) into(%[[NEWSTEPS]])
  // CHECK:         schedule.launch @f32_sgd_1(%{{.*}}, %[[G]], %{{.*}}, %[[NEWSTEPS]], %{{.*}}) into(%[[NEWP]], %[[NEWM]]) sizes [] grid [#nn.dim<1>]
  // CHECK-NEXT:    schedule.return
  func.func @step(%g: tensor<8xf32>) attributes {nn.entry} {
    %p = nn.read @p : tensor<8xf32>
    %m = nn.read @m : tensor<8xf32>
    %n = nn.read @steps : tensor<1xf32>
    %lr = nn.read @lr : tensor<f64>
    %one = nn.constant dense<1.0> : tensor<1xf32>
    %steps = nn.add %n, %one : tensor<1xf32>
    %newp, %newm = nn.sgd parameters(%p) gradients(%g) momentum_buffers(%m) steps %steps lr %lr indices = [0]
        momentum = 9.000000e-01 dampening = 0.000000e+00 weight_decay = 0.000000e+00 nesterov = false maximize = false
        : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<1xf32>, tensor<f64>) -> (tensor<8xf32>, tensor<8xf32>)
    nn.write @p, %newp : tensor<8xf32>
    nn.write @m, %newm : tensor<8xf32>
    nn.write @steps, %steps : tensor<1xf32>
    return
  }
}

// -----

// A gradient is accumulated by the product that computes what is added, which stores each element once.

module attributes {nn.program = "accumulate"} {
  nn.state @g gradient : tensor<4x8xf32>
  // CHECK-LABEL: schedule.func @f
  // CHECK:         %[[NEW:.*]] = schedule.state @g
  // CHECK:         %[[OLD:.*]] = schedule.state @g
  // CHECK-NOT:     schedule.launch
  // CHECK:         schedule.launch @f32_matmul_tn_3x4_3x8_add(%{{.*}}, %{{.*}}, %[[OLD]]) into(%[[NEW]])
  // CHECK-NEXT:    schedule.return
  func.func @f(%x: tensor<3x8xf32>, %g: tensor<3x4xf32>) attributes {nn.entry} {
    %old = nn.read @g : tensor<4x8xf32>
    %t = nn.permute %g dims = [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
    %new = nn.fused anchor "nn.matmul" (%t, %x) extras (%old) maps [affine_map<(d0, d1) -> (d0, d1)>]
        : (tensor<4x3xf32>, tensor<3x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
    ^bb0(%sum: f32, %before: f32):
      %0 = arith.addf %before, %sum : f32
      nn.yield %0 : f32
    }
    nn.write @g, %new : tensor<4x8xf32>
    return
  }
}

// -----

// Running statistics are read in step with what they become.

module attributes {nn.program = "statistics"} {
  nn.state @mean buffer : tensor<5xf32>
  nn.state @var buffer : tensor<5xf32>
  // CHECK-LABEL: schedule.func @f
  // CHECK:         %[[OUT:.*]] = schedule.output 0
  // CHECK:         %[[MEAN:.*]] = schedule.state @mean
  // CHECK:         %[[VAR:.*]] = schedule.state @var
  // CHECK:         schedule.launch @f32_batch_norm_4x5(%{{.*}}, %{{.*}}, %{{.*}}) into(%[[OUT]], %[[MEAN]], %[[VAR]], %{{.*}}, %{{.*}})
  // CHECK-NEXT:    schedule.return
  func.func @f(%x: tensor<4x5xf32>) -> tensor<4x5xf32> attributes {nn.entry} {
    %m = nn.read @mean : tensor<5xf32>
    %v = nn.read @var : tensor<5xf32>
    %y, %nm, %nv, %bm, %bs = nn.batch_norm %x running_mean %m running_var %v training = true momentum = 1.000000e-01
        eps = 1.000000e-05 : (tensor<4x5xf32>, tensor<5xf32>, tensor<5xf32>)
        -> (tensor<4x5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>)
    nn.write @mean, %nm : tensor<5xf32>
    nn.write @var, %nv : tensor<5xf32>
    return %y : tensor<4x5xf32>
  }
}

// -----

// Hazards. Each function goes by way of the arena.

module attributes {nn.program = "hazards"} {
  nn.state @s buffer : tensor<4x4xf32>
  nn.state @v buffer : tensor<4xf32>

  // The old value is read after the new one is computed.
  // CHECK-LABEL: schedule.func @read_later
  // CHECK:         %[[NEW:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_add_{{.*}} into(%[[NEW]])
  // CHECK:         schedule.launch @f32_mul_
  // CHECK:         %[[TARGET:.*]] = schedule.state @s
  // CHECK:         schedule.launch @f32_copy_16(%[[NEW]]) into(%[[TARGET]])
  func.func @read_later(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %new = nn.add %old, %x : tensor<4x4xf32>
    %y = nn.mul %old, %x : tensor<4x4xf32>
    nn.write @s, %new : tensor<4x4xf32>
    return %y : tensor<4x4xf32>
  }

  // A reshape of the old value is.
  // CHECK-LABEL: schedule.func @view_later
  // CHECK:         %[[NEW:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_add_{{.*}} into(%[[NEW]])
  // CHECK:         schedule.launch @f32_copy_16(%[[NEW]]) into(%{{.*}})
  func.func @view_later(%x: tensor<4x4xf32>) -> tensor<16xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %flat = nn.reshape %old to [16] : (tensor<4x4xf32>) -> tensor<16xf32>
    %new = nn.add %old, %x : tensor<4x4xf32>
    %y = nn.exp %flat : tensor<16xf32>
    nn.write @s, %new : tensor<4x4xf32>
    return %y : tensor<16xf32>
  }

  // A transposition of it is, which a product folds: the read is where the product is.
  // CHECK-LABEL: schedule.func @transposed_later
  // CHECK:         %[[NEW:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_add_{{.*}} into(%[[NEW]])
  // CHECK:         schedule.launch @f32_matmul_nt_4x4_4x4
  // CHECK:         schedule.launch @f32_copy_16(%[[NEW]]) into(%{{.*}})
  func.func @transposed_later(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %t = nn.permute %old dims = [1, 0] : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %new = nn.add %old, %x : tensor<4x4xf32>
    %y = nn.matmul %x, %t : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    nn.write @s, %new : tensor<4x4xf32>
    return %y : tensor<4x4xf32>
  }

  // And where the state is written before the product, the old value is saved.
  // CHECK-LABEL: schedule.func @transposed_after_write
  // CHECK:         %[[SAVED:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_copy_16(%{{.*}}) into(%[[SAVED]])
  // CHECK:         schedule.launch @f32_matmul_nt_4x4_4x4(%{{.*}}, %[[SAVED]])
  func.func @transposed_after_write(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %t = nn.permute %old dims = [1, 0] : (tensor<4x4xf32>) -> tensor<4x4xf32>
    nn.write @s, %x : tensor<4x4xf32>
    %y = nn.matmul %x, %t : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    return %y : tensor<4x4xf32>
  }

  // A slice of the old value is read where it is taken: here later.
  // CHECK-LABEL: schedule.func @slice_later
  // CHECK:         %[[NEW:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_add_{{.*}} into(%[[NEW]])
  // CHECK:         schedule.launch @f32_slice_
  // CHECK:         schedule.launch @f32_copy_16(%[[NEW]]) into(%{{.*}})
  func.func @slice_later(%x: tensor<4x4xf32>) -> tensor<2x4xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %new = nn.add %old, %x : tensor<4x4xf32>
    %y = nn.slice %old dim = 0 [1 : 3 : 1] : (tensor<4x4xf32>) -> tensor<2x4xf32>
    nn.write @s, %new : tensor<4x4xf32>
    return %y : tensor<2x4xf32>
  }

  // A slice that was taken before has memory of its own, and is no hazard.
  // CHECK-LABEL: schedule.func @slice_before
  // CHECK:         %[[STATE:.*]] = schedule.state @s
  // CHECK:         %[[SLICE:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_slice_{{.*}} into(%[[SLICE]])
  // CHECK:         schedule.launch @f32_add_{{.*}} into(%[[STATE]])
  // CHECK-NOT:     schedule.launch @f32_copy
  // CHECK:         schedule.return
  func.func @slice_before(%x: tensor<4x4xf32>) -> tensor<2x4xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %part = nn.slice %old dim = 0 [1 : 3 : 1] : (tensor<4x4xf32>) -> tensor<2x4xf32>
    %new = nn.add %old, %x : tensor<4x4xf32>
    %y = nn.exp %part : tensor<2x4xf32>
    nn.write @s, %new : tensor<4x4xf32>
    return %y : tensor<2x4xf32>
  }

  // The function returns the old value.
  // CHECK-LABEL: schedule.func @returned
  // CHECK:         %[[OUT:.*]] = schedule.output 0
  // CHECK:         %[[SAVED:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_copy_16(%{{.*}}) into(%[[SAVED]])
  // CHECK:         %[[NEW:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_add_{{.*}}(%[[SAVED]], %{{.*}}) into(%[[NEW]])
  // CHECK:         schedule.launch @f32_copy_16(%[[NEW]]) into(%{{.*}})
  // CHECK:         schedule.launch @f32_copy_16(%[[SAVED]]) into(%[[OUT]])
  func.func @returned(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %new = nn.add %old, %x : tensor<4x4xf32>
    nn.write @s, %new : tensor<4x4xf32>
    return %old : tensor<4x4xf32>
  }

  // The new value is an output too: computed there, then copied.
  // CHECK-LABEL: schedule.func @output
  // CHECK:         %[[OUT:.*]] = schedule.output 0
  // CHECK:         schedule.launch @f32_add_{{.*}} into(%[[OUT]])
  // CHECK:         %[[STATE:.*]] = schedule.state @s
  // CHECK:         schedule.launch @f32_copy_16(%[[OUT]]) into(%[[STATE]])
  func.func @output(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %new = nn.add %old, %x : tensor<4x4xf32>
    nn.write @s, %new : tensor<4x4xf32>
    return %new : tensor<4x4xf32>
  }

  // The kernel reads other elements than it writes: a product, a transposition, a broadcast vector.
  // CHECK-LABEL: schedule.func @out_of_step
  // CHECK:         schedule.launch @f32_matmul_4x4_4x4(%{{.*}}, %{{.*}}) into(%[[A:.*]]) sizes
  // CHECK:         schedule.launch @f32_copy_16(%[[A]])
  // CHECK:         schedule.launch @f32_add_{{.*}}(%{{.*}}, %{{.*}}) into(%[[B:.*]]) sizes
  // CHECK:         schedule.launch @f32_sum_{{.*}}(%[[B]]) into(%[[C:.*]]) sizes
  func.func @out_of_step(%x: tensor<4x4xf32>) attributes {nn.entry} {
    %old = nn.read @s : tensor<4x4xf32>
    %new = nn.matmul %old, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    nn.write @s, %new : tensor<4x4xf32>
    %v = nn.read @v : tensor<4xf32>
    %w = nn.add %x, %v : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
    %u = nn.sum %w dims = [0] keepdim = false : (tensor<4x4xf32>) -> tensor<4xf32>
    nn.write @v, %u : tensor<4xf32>
    return
  }

  // Two writes: the first is a copy, whose value is read between; the second is computed in place.
  // CHECK-LABEL: schedule.func @twice
  // CHECK:         %[[STATE:.*]] = schedule.state @v
  // CHECK:         %[[FIRST:.*]] = schedule.arena
  // CHECK:         schedule.launch @f32_add_4({{.*}}) into(%[[FIRST]])
  // CHECK:         schedule.launch @f32_copy_4(%[[FIRST]]) into(%{{.*}})
  // CHECK:         %[[BETWEEN:.*]] = schedule.state @v
  // CHECK:         schedule.launch @f32_mul_4(%[[BETWEEN]], %{{.*}}) into(%[[STATE]])
  // CHECK-NEXT:    schedule.return
  func.func @twice(%x: tensor<4xf32>) attributes {nn.entry} {
    %old = nn.read @v : tensor<4xf32>
    %first = nn.add %old, %x : tensor<4xf32>
    nn.write @v, %first : tensor<4xf32>
    %between = nn.read @v : tensor<4xf32>
    %second = nn.mul %between, %x : tensor<4xf32>
    nn.write @v, %second : tensor<4xf32>
    return
  }

  // What a state is read as between the computation of its new value and the write is the old one.
  // CHECK-LABEL: schedule.func @read_between
  // CHECK:         schedule.launch @f32_exp_4(%{{.*}}) into(%[[NEW:.*]]) sizes
  // CHECK:         %[[OLD:.*]] = schedule.state @v
  // CHECK:         schedule.launch @f32_relu_4(%[[OLD]])
  // CHECK:         schedule.launch @f32_copy_4(%[[NEW]]) into(%{{.*}})
  func.func @read_between(%x: tensor<4xf32>) -> tensor<4xf32> attributes {nn.entry} {
    %new = nn.exp %x : tensor<4xf32>
    %old = nn.read @v : tensor<4xf32>
    %y = nn.relu %old : tensor<4xf32>
    nn.write @v, %new : tensor<4xf32>
    return %y : tensor<4xf32>
  }
}

// -----

// One value for two states: the second is copied from the first. And two states that trade places both save what they read.

module attributes {nn.program = "two_states"} {
  nn.state @a buffer : tensor<4xf32>
  nn.state @b buffer : tensor<4xf32>
  // CHECK-LABEL: schedule.func @both
  // CHECK:         %[[A:.*]] = schedule.state @a
  // CHECK:         schedule.launch @f32_exp_4(%{{.*}}) into(%[[A]])
  // CHECK:         %[[B:.*]] = schedule.state @b
  // CHECK:         schedule.launch @f32_copy_4(%[[A]]) into(%[[B]])
  func.func @both(%x: tensor<4xf32>) attributes {nn.entry} {
    %new = nn.exp %x : tensor<4xf32>
    nn.write @a, %new : tensor<4xf32>
    nn.write @b, %new : tensor<4xf32>
    return
  }
  // CHECK-LABEL: schedule.func @swap
  // CHECK:         %[[NEWB:.*]] = schedule.state @b
  // CHECK:         %[[A:.*]] = schedule.state @a
  // CHECK:         %[[B:.*]] = schedule.state @b
  // CHECK:         schedule.launch @f32_add_4(%[[B]], %{{.*}}) into(%[[FORA:.*]]) sizes
  // CHECK:         schedule.launch @f32_mul_4(%[[B]], %[[A]]) into(%[[NEWB]])
  // CHECK:         schedule.launch @f32_copy_4(%[[FORA]]) into
  func.func @swap(%x: tensor<4xf32>) attributes {nn.entry} {
    %a = nn.read @a : tensor<4xf32>
    %b = nn.read @b : tensor<4xf32>
    %fora = nn.add %b, %x : tensor<4xf32>
    %forb = nn.mul %b, %a : tensor<4xf32>
    nn.write @a, %fora : tensor<4xf32>
    nn.write @b, %forb : tensor<4xf32>
    return
  }
}
