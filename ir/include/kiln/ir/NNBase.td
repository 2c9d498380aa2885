//===- NNBase.td - The nn dialect: base definitions --------*- tablegen -*-===//
//
// Defines the dialect, its type constraints, its enumerations and the base classes that every op family builds on.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNBASE
#define KILN_IR_NNBASE

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Dialect
//===----------------------------------------------------------------------===//

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::kiln::ir";
  let summary = "Neural networks as torch.nn spells them, on tensors with named sizes";
  let description = [{
    A module of this dialect is one program: its state (`nn.state`, `nn.state_name`), its module tree (`nn.module`), and functions
    (`func.func`) of operations that read and write the state.

    Names, operand order and attributes of the computing operations are those of `kiln::semantics`, the table that gives each its
    result types and its reference kernel; the dialect adds nothing to their meaning. All of them are pure. Only `nn.read` and
    `nn.write` touch state, in program order.

    Sizes that are known only at run time are expressions in named symbols. A tensor type that has one carries all its sizes in its
    encoding, and `?` stands exactly where the size is not a constant:

    ```mlir
    tensor<?x784xf32, #nn.shape<batch, 784>>
    ```

    Equal names are equal sizes, in the whole function.

    The location of an operation is the user's own source line fused with the path of the module whose `forward` ran:
    `loc(fused<"blocks.2.fc1">["model.cpp":12:5])`.

    Discardable attributes of the dialect: `nn.program` (the program's name, on the module), `nn.entry` (a function that callers see),
    `nn.prepare` (a function that computes prepared values), `nn.name` (the name of an argument or result), `nn.dropout_module` (on an
    `nn.module` that is a Dropout, whose training option is its own mode).
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let extraClassDeclaration = [{
    /// The program's name, on the builtin module.
    static constexpr ::llvm::StringLiteral kProgramAttrName = "nn.program";
    /// Unit; a function that callers of the compiled program see.
    static constexpr ::llvm::StringLiteral kEntryAttrName = "nn.entry";
    /// Unit; a function that computes prepared values.
    static constexpr ::llvm::StringLiteral kPrepareAttrName = "nn.prepare";
    /// The name of an argument or result of an entry function.
    static constexpr ::llvm::StringLiteral kNameAttrName = "nn.name";

    /// Adds what folds operations of constants; called once, when the dialect is loaded.
    void registerFoldInterface();
  }];
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// Element types are those of kiln::runtime::DType. Where a size is `?`, either the encoding names it, or the type is *open*: so lazy
/// modules read from text begin, until nn-resolve-shapes has found the sizes. Nothing is inferred or evaluated on open types.
def NN_Tensor
    : Type<CPred<"::kiln::ir::isNNTensorType($_self) || ::kiln::ir::isOpenTensorType($_self)">,
           "ranked tensor of bool, ui8, i8, i16, i32, i64, f16, bf16, f32 or f64, with a #nn.shape encoding where a size is dynamic",
           "::mlir::RankedTensorType">;

def NN_Scalar : AnyTypeOf<[AnyFloat, AnySignlessInteger], "scalar of a float or signless integer type">;

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

def NN_StateKind : I32EnumAttr<"StateKind", "what a state is to its module", [
    I32EnumAttrCase<"Parameter", 0, "parameter">,
    I32EnumAttrCase<"Buffer", 1, "buffer">,
    I32EnumAttrCase<"Optimizer", 2, "optimizer">,
    I32EnumAttrCase<"Gradient", 3, "gradient">,
    I32EnumAttrCase<"Hyperparameter", 4, "hyperparameter">,
    I32EnumAttrCase<"Generator", 5, "generator">]> {
  let cppNamespace = "::kiln::ir";
  let genSpecializedAttr = 0;
}

def NN_StateKindAttr : EnumAttr<NN_Dialect, NN_StateKind, "kind">;

//===----------------------------------------------------------------------===//
// Resources
//===----------------------------------------------------------------------===//

def NN_StateResource : Resource<"::kiln::ir::StateResource">;
def NN_CallResource : Resource<"::kiln::ir::CallResource">;
def NN_PreparedResource : Resource<"::kiln::ir::PreparedResource">;

#endif // KILN_IR_NNBASE
