// RUN: kiln-opt %s --schedule-plan-memory --split-input-file | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline='builtin.module(schedule.func(schedule-plan-memory{share=false}))' --split-input-file | FileCheck %s --check-prefix=APART
// RUN: kiln-opt %s --schedule-plan-memory --split-input-file --remarks-filter=schedule-plan-memory --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#id = affine_map<(d0) -> (d0)>
schedule.kernel @f32_copy_n sizes ["s0"] [] extra [!schedule.buffer<f32, <s0>>] maps [#id] -> [!schedule.buffer<f32, <s0>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}

// A chain needs two buffers, whatever its length: the third takes the first one's place. Sizes are 1024, 1024 and 512 bytes a unit.
// CHECK-LABEL: schedule.func @chain symbols ["n"] arena <2048 * n>
// APART-LABEL: schedule.func @chain symbols ["n"] arena <2560 * n>
// REMARK: [Passed] planned | {{.*}}Remark="chain needs 2048 * n bytes of memory for its temporaries, 2560 * n bytes without sharing"
schedule.func @chain symbols ["n"] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <n, 256>>
  %y = schedule.output 0 "y" : !schedule.buffer<f32, <n, 256>>
  // CHECK: schedule.arena at <0>
  // APART: schedule.arena at <0>
  %a = schedule.arena : !schedule.buffer<f32, <n, 256>>
  schedule.launch @f32_copy_n(%x) into(%a) sizes [#nn.dim<256 * n>] grid [#nn.dim<4 * n>] cost <n> : !schedule.buffer<f32, <n, 256>> into !schedule.buffer<f32, <n, 256>>
  // CHECK: schedule.arena at <1024 * n>
  // APART: schedule.arena at <1024 * n>
  %b = schedule.arena : !schedule.buffer<f32, <n, 256>>
  schedule.launch @f32_copy_n(%a) into(%b) sizes [#nn.dim<256 * n>] grid [#nn.dim<4 * n>] cost <n> : !schedule.buffer<f32, <n, 256>> into !schedule.buffer<f32, <n, 256>>
  // CHECK: schedule.arena at <0>
  // APART: schedule.arena at <2048 * n>
  %c = schedule.arena : !schedule.buffer<f32, <n, 128>>
  schedule.launch @f32_copy_n(%b) into(%c) sizes [#nn.dim<256 * n>] grid [#nn.dim<4 * n>] cost <n> : !schedule.buffer<f32, <n, 256>> into !schedule.buffer<f32, <n, 128>>
  schedule.launch @f32_copy_n(%c) into(%y) sizes [#nn.dim<256 * n>] grid [#nn.dim<4 * n>] cost <n> : !schedule.buffer<f32, <n, 128>> into !schedule.buffer<f32, <n, 256>>
  schedule.return
}

// A view keeps its buffer alive.
// CHECK-LABEL: schedule.func @view symbols [] arena <192>
schedule.func @view symbols [] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <4, 4>>
  %y = schedule.output 0 "y" : !schedule.buffer<f32, <4, 4>>
  // CHECK: schedule.arena at <0>
  %a = schedule.arena : !schedule.buffer<f32, <4, 4>>
  %v = schedule.view %a : !schedule.buffer<f32, <4, 4>> to !schedule.buffer<f32, <16>>
  schedule.launch @f32_copy_n(%x) into(%a) sizes [#nn.dim<16>] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>> into !schedule.buffer<f32, <4, 4>>
  // CHECK: schedule.arena at <64>
  %b = schedule.arena : !schedule.buffer<f32, <4, 4>>
  schedule.launch @f32_copy_n(%a) into(%b) sizes [#nn.dim<16>] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>> into !schedule.buffer<f32, <4, 4>>
  // CHECK: schedule.arena at <128>
  %c = schedule.arena : !schedule.buffer<f32, <4, 4>>
  schedule.launch @f32_copy_n(%b) into(%c) sizes [#nn.dim<16>] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>> into !schedule.buffer<f32, <4, 4>>
  schedule.launch @f32_copy_n(%v) into(%y) sizes [#nn.dim<16>] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <16>> into !schedule.buffer<f32, <4, 4>>
  schedule.launch @f32_copy_n(%c) into(%y) sizes [#nn.dim<16>] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>> into !schedule.buffer<f32, <4, 4>>
  schedule.return
}

// Sizes that can't be compared have regions of their own; one that is no multiple of 64 bytes is rounded up, and a tiny one as a whole.
// CHECK-LABEL: schedule.func @symbols symbols ["m", "n"] arena <128 * m + 64 * (({{.*}}) floordiv {{.*}})>
schedule.func @symbols symbols ["m", "n"] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <m, 20>>
  // CHECK: schedule.arena at <0> : !schedule.buffer<f32, <m, 20>>
  %a = schedule.arena : !schedule.buffer<f32, <m, 20>>
  schedule.launch @f32_copy_n(%x) into(%a) sizes [#nn.dim<20 * m>] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <m, 20>> into !schedule.buffer<f32, <m, 20>>
  // CHECK: schedule.arena at <128 * m> : !schedule.buffer<f32, <n>>
  %b = schedule.arena : !schedule.buffer<f32, <n>>
  schedule.launch @f32_copy_n(%a) into(%b) sizes [#nn.dim<n>] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <m, 20>> into !schedule.buffer<f32, <n>>
  schedule.return
}
