//===- ScheduleOps.td - the schedule dialect ---------------*- tablegen -*-===//
//
// What runs, where its data lies, and how far apart it can be pulled: explicit buffers, kernels, launches. A schedule is read by every
// back end, so nothing in it depends on one: no tile sizes, no instruction sets, no threads. The dialect's description has the rules.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_OPS_TD
#define KILN_SCHEDULE_OPS_TD

include "kiln/ir/NNAttributes.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Dialect
//===----------------------------------------------------------------------===//

def Schedule_Dialect : Dialect {
  let name = "schedule";
  let cppNamespace = "::kiln::schedule";
  let summary = "Explicit buffers, kernels and launches";
  let description = [{
    The last form of a program that all back ends share. A module holds the program's states, names and modules as the nn dialect
    declares them, `schedule.kernel`s, and one `schedule.func` for each function of the program.

    * A **buffer** is a contiguous row-major region of memory. Buffers are named by the ops that say where they lie: an input, an
      output, a state, a prepared value, a constant, or a range of the call's arena.
    * A **kernel** is a computation from buffers to buffers, free of any place: it has sizes of its own, so that launches with different
      symbols share it.
    * A **launch** writes its destinations wholly and reads its operands; launches of a function run in order. Destinations never
      overlap operands or each other: kernels read while they write, and are compiled on that promise. The exception is an operand that
      the kernel reads in step with a result (InPlace.h says which those are): the result may be that operand's very memory.
    * A launch's **grid** counts its independent units of work (rows and panels of a product, elements of a map). A back end may run
      units in any order and any grouping. A launch's **cost** estimates the whole launch in nanoseconds on one ordinary core, for
      deciding whether it is worth splitting.
  }];
  let dependentDialects = ["::kiln::ir::NNDialect"];
  let useDefaultTypePrinterParser = 1;
}

class Schedule_Op<string mnemonic, list<Trait> traits = []> : Op<Schedule_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Types and attributes
//===----------------------------------------------------------------------===//

def Schedule_Buffer : TypeDef<Schedule_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "A contiguous row-major region of memory";
  let description = [{
    An element type and sizes, which may be symbolic. `i1` elements take a byte each.

    ```mlir
    !schedule.buffer<f32, <batch, 784>>
    !schedule.buffer<i64, <>>            // one element
    ```
  }];
  let parameters = (ins "::mlir::Type":$elementType, "::kiln::ir::ShapeAttr":$shape);
  let assemblyFormat = "`<` $elementType `,` $shape `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The buffer of a tensor's values.
    static BufferType of(::mlir::RankedTensorType tensor);
    ::std::vector<::kiln::semantics::DimExpr> getSizes() const;
    int64_t getRank() const { return getShape().getRank(); }
    /// The type that an element has in the bodies of kernels: i8 for ui8.
    ::mlir::Type getScalarType() const;
    /// Bytes of one element.
    int64_t getElementBytes() const;
    /// Number of elements, and of bytes.
    ::kiln::semantics::DimExpr getElements() const;
    ::kiln::semantics::DimExpr getBytes() const;
  }];
  let builders = [TypeBuilderWithInferredContext<(ins "::mlir::Type":$elementType,
                                                       "::llvm::ArrayRef<::kiln::semantics::DimExpr>":$sizes), [{
    return $_get(elementType.getContext(), elementType, ::kiln::ir::ShapeAttr::get(elementType.getContext(), sizes));
  }]>];
}

def Schedule_DimArrayAttr : TypedArrayAttrBase<NN_DimAttr, "array of size expressions">;
def Schedule_BufferArrayAttr
    : TypedArrayAttrBase<TypeAttrOf<Schedule_Buffer>, "array of buffer types">;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def Schedule_KernelOp : Schedule_Op<"kernel", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "A computation from buffers to buffers";
  let description = [{
    An optional anchor (an op of the nn dialect, by name, with its attributes) that reads the first operands, and a scalar body that
    turns the anchor's element, and one element of each further operand, into the element that is stored. Without an
    anchor the kernel is a map. `extra_maps` say which element a further operand gives for a result index; a constant 0 is a
    broadcast dimension.

    `sizes` names the run-time sizes; shapes and attributes are expressions in these and nothing else. A launch gives them values.

    An anchor with several results (batch norm in training) has one result type each; the body applies to the first.

    ```mlir
    schedule.kernel @f32_packed_linear_784x512_bias_relu sizes ["s0"]
        anchor "nn.packed_linear" [!schedule.buffer<f32, <s0, 784>>, !schedule.buffer<f32, <16, 784, 32>>] {out_features = 512 : i64}
        extra [!schedule.buffer<f32, <512>>] maps [affine_map<(d0, d1) -> (d1)>]
        -> [!schedule.buffer<f32, <s0, 512>>] {
    ^bb0(%product: f32, %bias: f32):
      %sum = arith.addf %product, %bias : f32
      %zero = arith.constant 0.0 : f32
      %negative = arith.cmpf olt, %sum, %zero : f32
      %relu = arith.select %negative, %zero, %sum : f32
      schedule.yield %relu : f32
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$sizes, OptionalAttr<StrAttr>:$anchor,
      Schedule_BufferArrayAttr:$anchor_types, OptionalAttr<DictionaryAttr>:$anchor_attributes,
      Schedule_BufferArrayAttr:$extra_types, AffineMapArrayAttr:$extra_maps,
      Schedule_BufferArrayAttr:$result_types);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `sizes` $sizes (`anchor` $anchor^)? $anchor_types ($anchor_attributes^)? `extra` $extra_types `maps` $extra_maps
    `->` $result_types $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    BufferType getAnchorType(unsigned index);
    BufferType getExtraType(unsigned index);
    BufferType getResultType(unsigned index = 0);
    unsigned getNumAnchorOperands() { return getAnchorTypes().size(); }
    unsigned getNumExtras() { return getExtraTypes().size(); }
    unsigned getNumResults() { return getResultTypes().size(); }
    unsigned getNumOperands() { return getNumAnchorOperands() + getNumExtras(); }
    ::mlir::AffineMap getExtraMap(unsigned index);
    /// The anchor's attribute, or null.
    ::mlir::Attribute getAnchorAttribute(::llvm::StringRef name);
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
  }];
}

def Schedule_YieldOp : Schedule_Op<"yield", [Pure, Terminator, HasParent<"KernelOp">]> {
  let summary = "The element that a kernel stores";
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

def Schedule_FuncOp : Schedule_Op<"func", [Symbol, IsolatedFromAbove, SingleBlock, NoRegionArguments]> {
  let summary = "A function of the program, or one that prepares values";
  let description = [{
    Launches in order, on buffers. `symbols` names the run-time sizes of its inputs. `arena_bytes` is set by
    `schedule-plan-memory`. With `prepare`, the outputs are prepared values, in the order of `targets`. `conditions` are expressions in
    the symbols that must not be negative: a call whose inputs break one is refused before anything runs, with the message of the
    same number.

    ```mlir
    schedule.func @predict symbols ["batch"] arena <2048 * batch> {
      %x = schedule.input 0 "x" : !schedule.buffer<f32, <batch, 784>>
      %y = schedule.output 0 "output" : !schedule.buffer<f32, <batch, 10>>
      ...
      schedule.return
    }
    schedule.func @prepare_0 symbols [] prepare [@"predict.fc.packed"] arena <0> { ... }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$symbols, OptionalAttr<FlatSymbolRefArrayAttr>:$targets,
      OptionalAttr<Schedule_DimArrayAttr>:$conditions, OptionalAttr<StrArrayAttr>:$messages, OptionalAttr<NN_DimAttr>:$arena_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `symbols` $symbols (`prepare` $targets^)? (`conditions` $conditions^ (`messages` $messages^)?)?
    (`arena` $arena_bytes^)? $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    bool isPrepare() { return getTargets().has_value(); }
    ::mlir::Block &getBodyBlock() { return getBody().front(); }
  }];
}

def Schedule_ReturnOp : Schedule_Op<"return", [Terminator, HasParent<"FuncOp">]> {
  let summary = "The end of a function";
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

class Schedule_BufferOp<string mnemonic, list<Trait> traits = []>
    : Schedule_Op<mnemonic, !listconcat([Pure, HasParent<"FuncOp">], traits)> {
  let results = (outs Schedule_Buffer:$buffer);
}

def Schedule_InputOp : Schedule_BufferOp<"input"> {
  let summary = "An input of the call; read only";
  let arguments = (ins I64Attr:$index, StrAttr:$name);
  let assemblyFormat = "$index $name attr-dict `:` qualified(type($buffer))";
}

def Schedule_OutputOp : Schedule_BufferOp<"output"> {
  let summary = "An output of the call";
  let description = [{
    The caller's memory, written directly by the launch that computes it. It may be read after that.
  }];
  let arguments = (ins I64Attr:$index, StrAttr:$name);
  let assemblyFormat = "$index $name attr-dict `:` qualified(type($buffer))";
}

def Schedule_StateOp : Schedule_BufferOp<"state"> {
  let summary = "A parameter or buffer of the model";
  let arguments = (ins FlatSymbolRefAttr:$state);
  let assemblyFormat = "$state attr-dict `:` qualified(type($buffer))";
}

def Schedule_PreparedOp : Schedule_BufferOp<"prepared"> {
  let summary = "A value that a prepare function computed from state; read only but in its own prepare function";
  let arguments = (ins FlatSymbolRefAttr:$slot);
  let assemblyFormat = "$slot attr-dict `:` qualified(type($buffer))";
}

def Schedule_ConstantOp : Schedule_BufferOp<"constant"> {
  let summary = "Values that are part of the program";
  let arguments = (ins ElementsAttr:$value);
  let assemblyFormat = "$value attr-dict `:` qualified(type($buffer))";
  let hasVerifier = 1;
}

def Schedule_ArenaOp : Schedule_BufferOp<"arena"> {
  let summary = "A temporary";
  let description = [{
    Lives from the launch that writes it to the last that reads it. `schedule-plan-memory` gives it an offset in bytes, a
    multiple of 64 for any value of the symbols.

    ```mlir
    %t = schedule.arena : !schedule.buffer<f32, <batch, 512>>                     // before planning
    %t = schedule.arena at <2048 * batch> : !schedule.buffer<f32, <batch, 512>>
    ```
  }];
  let arguments = (ins OptionalAttr<NN_DimAttr>:$offset);
  let assemblyFormat = "(`at` $offset^)? attr-dict `:` qualified(type($buffer))";
}

def Schedule_ViewOp : Schedule_BufferOp<"view"> {
  let summary = "The same memory with other sizes";
  let arguments = (ins Schedule_Buffer:$source);
  let assemblyFormat = "$source attr-dict `:` qualified(type($source)) `to` qualified(type($buffer))";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

def Schedule_LaunchOp : Schedule_Op<"launch", [AttrSizedOperandSegments, HasParent<"FuncOp">,
                                               DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                               MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "One run of a kernel";
  let description = [{
    Operands in the kernel's order: the anchor's, then the extras; destinations in the order of its results. `sizes` are the
    values of the kernel's sizes. The op's location is what an error at run time names.

    ```mlir
    schedule.launch @f32_packed_linear_784x512_bias_relu(%x, %w, %b) into (%y) sizes [#nn.dim<batch>]
        grid [#nn.dim<batch>, #nn.dim<16>] cost <12544 * batch> : ...
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Schedule_Buffer>:$reads, Variadic<Schedule_Buffer>:$writes,
      Schedule_DimArrayAttr:$sizes, Schedule_DimArrayAttr:$grid, NN_DimAttr:$cost);
  let assemblyFormat = [{
    $kernel `(` $reads `)` `into` `(` $writes `)` `sizes` $sizes `grid` $grid `cost` $cost attr-dict
    `:` type($reads) `into` type($writes)
  }];
}

#endif // KILN_SCHEDULE_OPS_TD
