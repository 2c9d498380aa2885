// Each constraint that does not come from shape inference, broken once: types, state, modules, prepared values, fused regions, the
// dialect's attributes. Those of inference are in inference-errors.mlir.
//
// RUN: kiln-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

func.func @element_type(%x: tensor<2xi3>) {
  // expected-error @+1 {{'nn.neg' op operand #0 must be ranked tensor of bool, ui8, i8, i16, i32, i64, f16, bf16, f32 or f64, with a #nn.shape encoding where a size is dynamic, but got 'tensor<2xi3>'}}
  %0 = nn.neg %x : tensor<2xi3>
  return
}

// -----

func.func @foreign_encoding(%x: tensor<2xf32, "mine">) {
  // expected-error @+1 {{'nn.neg' op operand #0 must be ranked tensor of bool, ui8, i8, i16, i32, i64, f16, bf16, f32 or f64, with a #nn.shape encoding where a size is dynamic, but got 'tensor<2xf32, "mine">'}}
  %0 = nn.neg %x : tensor<2xf32, "mine">
  return
}

// -----

// Generic form, with segments that do not fit.
func.func @segments(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.batch_norm' op operand count (1) does not match with the total size (2) specified in attribute 'operandSegmentSizes'}}
  %0 = "nn.batch_norm"(%x) <{eps = 0.1 : f64, momentum = 0.1 : f64, training = true, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0>}>
      : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @constant_c1() {
  // expected-error @+1 {{'nn.constant' op constant_c1: the resource 'short' does not hold the bytes that type 'tensor<3xf32>' needs}}
  %0 = nn.constant dense_resource<short> : tensor<3xf32>
  return
}

{-#
  dialect_resources: {builtin: {short: "0x040000000000803F00000040"}}
#-}

// -----

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

// expected-error @+1 {{'nn.state' op state_c1: the size of a state is constant, found 'tensor<?xf32, #nn.shape<batch>>'}}
nn.state @state_c1 parameter : tensor<?xf32, #nn.shape<batch>>

// -----

// expected-error @+1 {{state_c1: a state with an initial value has a static tensor type, found 'tensor<?xf32>'}}
nn.state @state_c1_initial parameter : tensor<?xf32> = dense<0.0>

// -----

// expected-error @+1 {{'nn.state' op state_c2: the initial value has type 'tensor<3xf32>', the state has 'tensor<2xf32>'}}
"nn.state"() <{sym_name = "state_c2", kind = #nn<kind parameter>, type = tensor<2xf32>, initial = dense<0.0> : tensor<3xf32>}> : () -> ()

// -----

// A resource whose data is not in the file.
// expected-error @+1 {{'nn.state' op state_c2: the resource 'missing' does not hold the bytes that type 'tensor<2xf32>' needs}}
nn.state @state_c2_resource parameter : tensor<2xf32> = dense_resource<missing>

// -----

// expected-error @+1 {{'nn.state' op state_c3: only a parameter of floating-point type is trainable, this is a buffer of 'f32'}}
nn.state @state_c3_buffer buffer trainable : tensor<2xf32>

// -----

// expected-error @+1 {{'nn.state' op state_c3: only a parameter of floating-point type is trainable, this is a parameter of 'i64'}}
nn.state @state_c3_integer parameter trainable : tensor<2xi64>

// -----

// expected-error @+1 {{expected parameter, buffer, optimizer, gradient, hyperparameter or generator, found 'weight'}}
nn.state @kind weight : tensor<2xf32>

// -----

func.func @inside() {
  // expected-error @+1 {{'nn.state' op expects parent op 'builtin.module'}}
  nn.state @inside parameter : tensor<2xf32>
  return
}

// -----

// expected-error @+1 {{'nn.state_name' op state_name_c1: there is no nn.state @weight}}
nn.state_name "weight" of @weight

// -----

nn.state @weight parameter : tensor<2xf32>
// expected-note @+1 {{by this one}}
nn.state_name "weight" of @weight
// expected-error @+1 {{'nn.state_name' op state_name_c2: the name "weight" is taken}}
nn.state_name "weight" of @weight

// -----

func.func @read_c1() {
  // expected-error @+1 {{'nn.read' op read_c1: there is no nn.state @weight}}
  %0 = nn.read @weight : tensor<2xf32>
  return
}

// -----

// A symbol, but not of a state.
func.func @read_c1_function() {
  // expected-error @+1 {{'nn.read' op read_c1: there is no nn.state @read_c1_function}}
  %0 = nn.read @read_c1_function : tensor<2xf32>
  return
}

// -----

// expected-note @+1 {{declared here}}
nn.state @weight parameter : tensor<2xf32>
func.func @read_c1_type() {
  // expected-error @+1 {{'nn.read' op read_c1: @weight has type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.read @weight : tensor<3xf32>
  return
}

// -----

// expected-note @+1 {{declared here}}
nn.state @weight parameter : tensor<2xf32>
func.func @write_c1(%x: tensor<2xf64>) {
  // expected-error @+1 {{'nn.write' op write_c1: @weight has type 'tensor<2xf32>', found 'tensor<2xf64>'}}
  nn.write @weight, %x : tensor<2xf64>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

nn.module "" type "Net"
// expected-error @+1 {{'nn.module' op module_c1: the entry of its parent "block" does not come before}}
nn.module "block.0" type "Linear"

// -----

// expected-note @+1 {{by this one}}
nn.module "" type "Net"
// expected-error @+1 {{'nn.module' op module_c2: the path "" is taken}}
nn.module "" type "Net"

// -----

//===----------------------------------------------------------------------===//
// Prepared values
//===----------------------------------------------------------------------===//

// expected-error @+1 {{'nn.prepared' op prepared_c1: the size of a prepared value is constant, found 'tensor<?xf32, #nn.shape<batch>>'}}
nn.prepared @prepared_c1 : tensor<?xf32, #nn.shape<batch>> sources []

// -----

// expected-error @+1 {{'nn.prepared' op prepared_c2: there is no nn.state @weight}}
nn.prepared @prepared_c2 : tensor<2xf32> sources [@weight]

// -----

func.func @load_prepared_c1() {
  // expected-error @+1 {{'nn.load_prepared' op load_prepared_c1: there is no nn.prepared @slot}}
  %0 = nn.load_prepared @slot : tensor<2xf32>
  return
}

// -----

// expected-note @+1 {{declared here}}
nn.prepared @slot : tensor<2xf32> sources []
func.func @store_prepared_c1(%x: tensor<3xf32>) attributes {nn.prepare} {
  // expected-error @+1 {{'nn.store_prepared' op store_prepared_c1: @slot has type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  nn.store_prepared @slot, %x : tensor<3xf32>
  return
}

// -----

nn.prepared @slot : tensor<2xf32> sources []
func.func @store_prepared_c2(%x: tensor<2xf32>) attributes {nn.entry} {
  // expected-error @+1 {{'nn.store_prepared' op store_prepared_c2: only a function marked nn.prepare stores prepared values}}
  nn.store_prepared @slot, %x : tensor<2xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Fused regions
//===----------------------------------------------------------------------===//

func.func @fused_c1_name(%x: tensor<2xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c1: there is no operation 'nn.fft' to be the anchor}}
  %0 = nn.fused anchor "nn.fft" (%x) extras () maps [] : (tensor<2xf32>) -> tensor<2xf32> {
  ^bb0(%a: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c1_operands(%x: tensor<2x3xf32>, %w: tensor<4x5xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c1: anchor 'nn.linear': mm: mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)}}
  %0 = nn.fused anchor "nn.linear" (%x, %w) extras () maps [] : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x4xf32> {
  ^bb0(%a: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c1_space(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c1: the anchor 'nn.linear' gives 'tensor<2x4xf32>', which is not the iteration space of 'tensor<2x3xf32>'}}
  %0 = nn.fused anchor "nn.linear" (%x, %w) extras () maps [] : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x3xf32> {
  ^bb0(%a: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c1_absent(%x: tensor<2xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c1: anchor attributes or operands without an anchor}}
  %0 = nn.fused (%x) extras () maps [] : (tensor<2xf32>) -> tensor<2xf32> {
    %c = arith.constant 0.0 : f32
    nn.yield %c : f32
  }
  return
}

// -----

func.func @fused_c2_count(%x: tensor<2xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c2: 0 maps for 1 extra operands}}
  %0 = nn.fused () extras (%x) maps [] : (tensor<2xf32>) -> tensor<2xf32> {
  ^bb0(%a: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c2_rank(%x: tensor<2x3xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c2: the map of extra operand 1 goes from 2 to 2 dimensions, it should go from 2 to 1}}
  %0 = nn.fused () extras (%x, %b) maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]
      : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32> {
  ^bb0(%a: f32, %c: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c2_result(%x: tensor<2xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c2: result 0 of the map of extra operand 0 is neither a dimension nor the constant 0}}
  %0 = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0 + 1)>] : (tensor<2xf32>) -> tensor<2xf32> {
  ^bb0(%a: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c3_size(%x: tensor<3xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c3: dimension 0 of extra operand 0 has size 3, dimension 0 of the result has batch}}
  %0 = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<3xf32>) -> tensor<?xf32, #nn.shape<batch>> {
  ^bb0(%a: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c3_broadcast(%x: tensor<3xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c3: dimension 0 of extra operand 0 is broadcast but has size 3}}
  %0 = nn.fused () extras (%x) maps [affine_map<(d0) -> (0)>] : (tensor<3xf32>) -> tensor<2xf32> {
  ^bb0(%a: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @require_c1(%x: tensor<?xf32, #nn.shape<n>>) {
  // expected-error @+1 {{'nn.require' op require_c1: no input of the function has the size 'batch'}}
  nn.require <batch - 1> "empty"
  return
}

// -----

func.func @full() {
  // expected-error @+1 {{expected a number (f64 or i64) or a size, #nn.dim<...>, found "one"}}
  %0 = nn.full "one" shape = [] dtype = f32 : tensor<f32>
  return
}

// -----

func.func @fused_c4(%x: tensor<2xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c4: the block should take ('f32'), found ('f32', 'f32')}}
  %0 = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<2xf32>) -> tensor<2xf32> {
  ^bb0(%a: f32, %b: f32):
    nn.yield %a : f32
  }
  return
}

// -----

func.func @fused_c5(%x: tensor<2xf32>) {
  // expected-error @+1 {{'nn.fused' op fused_c5: the body has an operation 'nn.full' that is not of arith or math}}
  %0 = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<2xf32>) -> tensor<2xf32> {
  ^bb0(%a: f32):
    %1 = nn.full 1.0 shape = [2] dtype = f32 : tensor<2xf32>
    nn.yield %a : f32
  }
  return
}

// -----

func.func @yield_c1(%x: tensor<2xf32>) {
  %0 = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<2xf32>) -> tensor<2xf64> {
  ^bb0(%a: f32):
    // expected-error @+1 {{'nn.yield' op yield_c1: expected 'f64', found 'f32'}}
    nn.yield %a : f32
  }
  return
}

// -----

//===----------------------------------------------------------------------===//
// Attributes of the dialect
//===----------------------------------------------------------------------===//

// expected-error @+1 {{'func.func' op nn.program belongs on a builtin.module}}
func.func private @program() attributes {nn.program = "digits"}

// -----

// expected-error @+1 {{'builtin.module' op nn.program is the program's name, a string that is not empty; found ""}}
module attributes {nn.program = ""} {}

// -----

// expected-error @+1 {{'func.func' op nn.entry takes no value; found 1 : i64}}
func.func private @entry() attributes {nn.entry = 1}

// -----

// expected-error @+1 {{'func.func' op is marked both nn.entry and nn.prepare}}
func.func private @both() attributes {nn.entry, nn.prepare}

// -----

// expected-error @+1 {{'func.func' op nn.name of argument 0 is a string that is not empty; found 3 : i64}}
func.func private @name(tensor<2xf32> {nn.name = 3})

// -----

// expected-error @+1 {{'func.func' op arguments 0 and 1 have the same name "x"}}
func.func private @arguments(tensor<2xf32> {nn.name = "x"}, tensor<2xf32> {nn.name = "x"})

// -----

// expected-error @+1 {{'func.func' op results 0 and 1 have the same name "y"}}
func.func private @results() -> (tensor<2xf32> {nn.name = "y"}, tensor<2xf32> {nn.name = "y"})
