// RUN: kiln-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{'schedule.kernel' op size 'batch' uses 'batch', which is not a size of the kernel}}
schedule.kernel @k sizes ["s0"] [] extra [!schedule.buffer<f32, <batch>>] maps [affine_map<(d0) -> (d0)>] -> [!schedule.buffer<f32, <s0>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}

// -----

// expected-error @below {{'schedule.kernel' op map 0 may use dimensions and the constant 0 only}}
schedule.kernel @k sizes [] [] extra [!schedule.buffer<f32, <8>>] maps [affine_map<(d0) -> (d0 + 1)>] -> [!schedule.buffer<f32, <7>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}

// -----

// expected-error @below {{'schedule.kernel' op body must have 2 arguments, has 1}}
schedule.kernel @k sizes [] anchor "nn.sum" [!schedule.buffer<f32, <8>>] {dims = array<i64: 0>, keepdim = false}
    extra [!schedule.buffer<f32, <>>] maps [affine_map<() -> ()>] -> [!schedule.buffer<f32, <>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}

// -----

// expected-error @below {{'schedule.kernel' op body yields 'f32', the result holds 'f64'}}
schedule.kernel @k sizes [] [] extra [!schedule.buffer<f32, <8>>] maps [affine_map<(d0) -> (d0)>] -> [!schedule.buffer<f64, <8>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}

// -----

schedule.func @f symbols [] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <8>>
  // expected-error @below {{'schedule.view' op cannot see 8 elements as 9}}
  %y = schedule.view %x : !schedule.buffer<f32, <8>> to !schedule.buffer<f32, <3, 3>>
  schedule.return
}

// -----

schedule.func @f symbols ["n"] {
  // expected-error @below {{'schedule.input' op size 'm' uses 'm', which is not a size of the function}}
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <m>>
  schedule.return
}

// -----

schedule.func @f symbols [] {
  // expected-error @below {{'schedule.constant' op value of type 'tensor<2xf32>' does not fill a '!schedule.buffer<f32, <3>>'}}
  %x = schedule.constant dense<1.0> : tensor<2xf32> : !schedule.buffer<f32, <3>>
  schedule.return
}

// -----

schedule.func @f symbols [] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <8>>
  // expected-error @below {{'schedule.launch' op names no kernel: @nowhere}}
  schedule.launch @nowhere(%x) into(%x) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <8>> into !schedule.buffer<f32, <8>>
  schedule.return
}

// -----

schedule.kernel @copy sizes [] [] extra [!schedule.buffer<f32, <8>>] maps [affine_map<(d0) -> (d0)>] -> [!schedule.buffer<f32, <8>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}
schedule.func @f symbols [] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <7>>
  %y = schedule.output 0 "y" : !schedule.buffer<f32, <8>>
  // expected-error @below {{'schedule.launch' op operand 0 has 7 elements, the kernel's has 8}}
  schedule.launch @copy(%x) into(%y) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <7>> into !schedule.buffer<f32, <8>>
  schedule.return
}

// -----

// Kernels read while they write: destinations share memory with nothing that is not read in step, whatever buffer names it.

schedule.kernel @transpose sizes [] [] extra [!schedule.buffer<f32, <4, 4>>] maps [affine_map<(d0, d1) -> (d1, d0)>]
    -> [!schedule.buffer<f32, <4, 4>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}
schedule.func @same_buffer symbols [] {
  %x = schedule.arena : !schedule.buffer<f32, <4, 4>>
  // expected-error @below {{'schedule.launch' op destination 0 shares memory with operand 0, which the kernel reads while it writes}}
  schedule.launch @transpose(%x) into(%x) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>> into !schedule.buffer<f32, <4, 4>>
  schedule.return
}

// -----

schedule.kernel @transpose sizes [] [] extra [!schedule.buffer<f32, <4, 4>>] maps [affine_map<(d0, d1) -> (d1, d0)>]
    -> [!schedule.buffer<f32, <4, 4>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}
schedule.func @same_state symbols [] {
  %x = schedule.state @s : !schedule.buffer<f32, <2, 8>>
  %v = schedule.view %x : !schedule.buffer<f32, <2, 8>> to !schedule.buffer<f32, <4, 4>>
  %y = schedule.state @s : !schedule.buffer<f32, <4, 4>>
  // expected-error @below {{'schedule.launch' op destination 0 shares memory with operand 0, which the kernel reads while it writes}}
  schedule.launch @transpose(%v) into(%y) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>> into !schedule.buffer<f32, <4, 4>>
  schedule.return
}

// -----

schedule.kernel @copy sizes [] [] extra [!schedule.buffer<f32, <8>>] maps [affine_map<(d0) -> (d0)>] -> [!schedule.buffer<f32, <8>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}
schedule.func @same_bytes symbols ["n"] {
  %x = schedule.arena at <64 * n> : !schedule.buffer<f32, <8>>
  %y = schedule.arena at <64 * n + 32> : !schedule.buffer<f32, <8>>
  %z = schedule.arena at <64 * n + 16> : !schedule.buffer<f32, <8>>
  schedule.launch @copy(%x) into(%y) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <8>> into !schedule.buffer<f32, <8>>
  // expected-error @below {{'schedule.launch' op destination 0 shares memory with operand 0, which the kernel reads while it writes}}
  schedule.launch @copy(%x) into(%z) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <8>> into !schedule.buffer<f32, <8>>
  schedule.return
}

// -----

schedule.kernel @copy sizes [] [] extra [!schedule.buffer<f32, <8>>] maps [affine_map<(d0) -> (d0)>] -> [!schedule.buffer<f32, <8>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}
schedule.func @read_only symbols [] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <8>>
  %y = schedule.input 1 "y" : !schedule.buffer<f32, <8>>
  // expected-error @below {{'schedule.launch' op writes destination 0 to memory that is read only, schedule.input}}
  schedule.launch @copy(%x) into(%y) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <8>> into !schedule.buffer<f32, <8>>
  schedule.return
}

// -----

schedule.kernel @two sizes [] anchor "nn.batch_norm" [!schedule.buffer<f32, <8>>] {} extra [] maps []
    -> [!schedule.buffer<f32, <8>>, !schedule.buffer<f32, <8>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}
schedule.func @same_destination symbols [] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <8>>
  %y = schedule.output 0 "y" : !schedule.buffer<f32, <8>>
  // expected-error @below {{'schedule.launch' op destinations 0 and 1 share memory}}
  schedule.launch @two(%x) into(%y, %y) sizes [] grid [#nn.dim<1>] cost <0>
      : !schedule.buffer<f32, <8>> into !schedule.buffer<f32, <8>>, !schedule.buffer<f32, <8>>
  schedule.return
}

// -----

// A map reads in step what it has no permutation or broadcast of.

schedule.kernel @add sizes [] [] extra [!schedule.buffer<f32, <4, 4>>, !schedule.buffer<f32, <4>>]
    maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>] -> [!schedule.buffer<f32, <4, 4>>] {
^bb0(%x: f32, %y: f32):
  %0 = arith.addf %x, %y : f32
  schedule.yield %0 : f32
}
schedule.kernel @transpose sizes [] [] extra [!schedule.buffer<f32, <4, 4>>] maps [affine_map<(d0, d1) -> (d1, d0)>]
    -> [!schedule.buffer<f32, <4, 4>>] {
^bb0(%x: f32):
  schedule.yield %x : f32
}
schedule.func @f symbols [] {
  %x = schedule.input 0 "x" : !schedule.buffer<f32, <4>>
  %s = schedule.state @s : !schedule.buffer<f32, <4, 4>>
  %t = schedule.state @s : !schedule.buffer<f32, <4, 4>>
  schedule.launch @add(%s, %x) into(%t) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>>, !schedule.buffer<f32, <4>> into !schedule.buffer<f32, <4, 4>>
  // expected-error @below {{'schedule.launch' op destination 0 shares memory with operand 0, which the kernel reads while it writes}}
  schedule.launch @transpose(%s) into(%t) sizes [] grid [#nn.dim<1>] cost <0> : !schedule.buffer<f32, <4, 4>> into !schedule.buffer<f32, <4, 4>>
  schedule.return
}
