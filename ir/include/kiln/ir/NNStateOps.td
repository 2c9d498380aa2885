//===- NNStateOps.td - State, modules, prepared values ------*- tablegen -*-===//
//
// Defines what a program's module holds beside functions, and the operations that read and write it.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNSTATEOPS
#define KILN_IR_NNSTATEOPS

include "kiln/ir/NNSemanticOp.td"
include "mlir/IR/SymbolInterfaces.td"

//===----------------------------------------------------------------------===//
// Declarations at module level
//===----------------------------------------------------------------------===//

class NN_DeclarationOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [HasParent<"::mlir::ModuleOp">]>;

def NN_StateOp : NN_DeclarationOp<"state", [Symbol]> {
  let summary = "one storage that outlives calls: a parameter, a buffer or a piece of optimizer state";
  let description = [{
    Named by its first path in the module tree. Tied weights are one state with several `nn.state_name`s. Without an initial value
    it begins as zeros.

    Parameters and buffers are the model's own. The other kinds are what training keeps between calls, and are in no `state_dict()`:
    optimizer (moments, counts of steps), gradient (see `nn.gradient`), hyperparameter (what the host may change between steps: learning
    rates) and generator (i64[2], seed and offset of the random numbers).

    ```mlir
    nn.state @"net.0.weight" parameter trainable : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
    nn.state @"net.1.num_batches_tracked" buffer : tensor<i64> = dense<0>
    ```

    Constraints:
    - state_c1: no size is symbolic (one may be open, before nn-resolve-shapes).
    - state_c2: the initial value has the state's type, and a resource as many bytes as that needs.
    - state_c3: only a parameter of floating-point type is trainable.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, NN_StateKindAttr:$kind, UnitAttr:$trainable,
                   TypeAttrOf<NN_Tensor>:$type, OptionalAttr<ElementsAttr>:$initial);
  let assemblyFormat = [{
    $sym_name custom<StateKind>($kind) (`trainable` $trainable^)? attr-dict `:` custom<TypeAndInitial>($type, $initial)
  }];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
    /// "net.0.weight".
    ::llvm::StringRef getPath() { return getSymName(); }
  }];
  let hasVerifier = 1;
}

def NN_StateNameOp : NN_DeclarationOp<"state_name", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a name in the module tree for a state; in the order of state_dict()";
  let description = [{
    ```mlir
    nn.state_name "net.0.weight" of @"net.0.weight"
    nn.state_name "output.weight" of @"net.0.weight"      // tied
    nn.state_name "mask" of @mask non_persistent          // not in state_dict()
    ```

    Constraints:
    - state_name_c1: the symbol is an `nn.state`.
    - state_name_c2: no other `nn.state_name` has this name.
  }];
  let arguments = (ins StrAttr:$name, FlatSymbolRefAttr:$state, UnitAttr:$non_persistent);
  let assemblyFormat = "$name `of` $state (`non_persistent` $non_persistent^)? attr-dict";
}

def NN_ModuleEntryOp : NN_DeclarationOp<"module"> {
  let summary = "a module of the user's model, in pre-order";
  let description = [{
    Parent and name follow from the path; the root's is empty. `output_shape` is that of the first recorded call and
    `multiply_adds` an expression in the symbols, own operations only; both are empty for a module that was never called.

    ```mlir
    nn.module "" type "Sequential"
    nn.module "0" type "Linear" extra_repr "in_features=784, out_features=10, bias=True"
        output_shape "[batch, 10]" multiply_adds "7840 * batch"
    ```

    Constraints:
    - module_c1: the parent's entry comes before.
    - module_c2: no other entry has this path.
  }];
  let arguments = (ins StrAttr:$path, StrAttr:$type, DefaultValuedStrAttr<StrAttr, "">:$extra_repr,
                   DefaultValuedStrAttr<StrAttr, "">:$output_shape, DefaultValuedStrAttr<StrAttr, "">:$multiply_adds);
  let assemblyFormat = [{
    $path `type` $type (`extra_repr` $extra_repr^)? (`output_shape` $output_shape^)? (`multiply_adds` $multiply_adds^)?
    attr-dict
  }];
  let extraClassDeclaration = [{
    /// "blocks.2" of "blocks.2.fc1"; "" of a child of the root; empty of the root.
    ::std::optional<::llvm::StringRef> getParentPath();
    /// "fc1" of "blocks.2.fc1"; "" of the root.
    ::llvm::StringRef getLeafName();
  }];
  let hasVerifier = 1;
}

def NN_PreparedOp : NN_DeclarationOp<"prepared", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a value derived from state alone, kept between calls";
  let description = [{
    Computed by the `nn.prepare` function that stores it, whenever one of `sources` has changed since.

    ```mlir
    nn.prepared @"predict.net.0.packed" : tensor<2x8x32xf32> sources [@"net.0.weight"]
    ```

    Constraints:
    - prepared_c1: the type is static.
    - prepared_c2: each source is an `nn.state`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<NN_Tensor>:$type, FlatSymbolRefArrayAttr:$sources);
  let assemblyFormat = "$sym_name `:` $type `sources` $sources attr-dict";
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
  }];
  let hasVerifier = 1;
}

def NN_GradientOp : NN_DeclarationOp<"gradient", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "where a parameter's .grad is kept between calls";
  let description = [{
    `flag` is the element of the state `gradients.defined` that tells whether the gradient is there (in PyTorch: is not None). While
    it is not, the buffer holds zeros.

    ```mlir
    nn.state @weight parameter trainable : tensor<2xf32>
    nn.state @gradients.weight gradient : tensor<2xf32>
    nn.state @gradients.defined gradient : tensor<1xi1>
    nn.gradient of @weight in @gradients.weight flag 0
    ```

    Constraints:
    - gradient_c1: the parameter is an `nn.state` of kind parameter, and no other `nn.gradient` is its.
    - gradient_c2: the state is an `nn.state` of kind gradient that has the parameter's type.
    - gradient_c3: there is a state `gradients.defined` of kind gradient, one dimension of i1; `flag` is the number of an element,
      and no other `nn.gradient` has it.
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameter, FlatSymbolRefAttr:$state, I64Attr:$flag);
  let assemblyFormat = "`of` $parameter `in` $state `flag` $flag attr-dict";
  let extraClassDeclaration = [{
    /// The state that holds all flags.
    static constexpr ::llvm::StringLiteral kFlagsPath = "gradients.defined";
  }];
}

def NN_OptimizerOp : NN_DeclarationOp<"optimizer", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "an optimizer of the program: its parameter groups and what it keeps between steps";
  let description = [{
    For the host: learning rates, checkpoints in PyTorch's form. Parameters are numbered through all groups, in order; `steps` counts
    the steps of each by that number.

    ```mlir
    nn.optimizer "optimizer" type "SGD" steps @optimizer.step groups [
      {parameters = [@weight], lr = @optimizer.param_groups.0.lr, options = {momentum = 9.000000e-01 : f64, nesterov = false},
       slots = {momentum_buffer = [@optimizer.momentum_buffer.weight]}}]
    ```

    Constraints:
    - optimizer_c1: no other `nn.optimizer` has this name.
    - optimizer_c2: `steps` is an `nn.state` of kind optimizer, f32 with one dimension of the number of parameters.
    - optimizer_c3: a parameter is an `nn.state` of kind parameter, and in no group twice.
    - optimizer_c4: a learning rate is an `nn.state` of kind hyperparameter, an f64 scalar.
    - optimizer_c5: a slot has an entry for each parameter of the group: an `nn.state` of kind optimizer of the parameter's type, or
      `unit`.
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$type, FlatSymbolRefAttr:$steps,
                   TypedArrayAttrBase<NN_ParameterGroupAttr, "array of parameter groups">:$groups);
  let assemblyFormat = "$name `type` $type `steps` $steps `groups` custom<ParameterGroups>($groups) attr-dict";
}

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

def NN_ReadOp : NN_Op<"read", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a state at this point of the program";
  let description = [{
    ```mlir
    %w = nn.read @"net.0.weight" : tensor<16x8xf32>
    ```

    Constraints:
    - read_c1: the symbol is an `nn.state` of the result's type.
  }];
  let arguments = (ins Arg<FlatSymbolRefAttr, "path", [MemRead<NN_StateResource>]>:$state);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$state attr-dict `:` type($output)";
  let builders = [OpBuilder<(ins "StateOp":$state)>];
}

def NN_WriteOp : NN_Op<"write", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "replaces the value of a state; later reads see it";
  let description = [{
    ```mlir
    nn.write @"bn.running_mean", %mean : tensor<8xf32>
    ```

    Constraints:
    - write_c1: the symbol is an `nn.state` of the value's type.
  }];
  let arguments = (ins Arg<FlatSymbolRefAttr, "path", [MemWrite<NN_StateResource>]>:$state, NN_Tensor:$value);
  let assemblyFormat = "$state `,` $value attr-dict `:` type($value)";
}

def NN_LoadPreparedOp : NN_Op<"load_prepared", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a prepared value, up to date with its sources as of the beginning of the call";
  let description = [{
    ```mlir
    %p = nn.load_prepared @"predict.net.0.packed" : tensor<2x8x32xf32>
    ```

    Constraints:
    - load_prepared_c1: the symbol is an `nn.prepared` of the result's type.
  }];
  let arguments = (ins Arg<FlatSymbolRefAttr, "slot", [MemRead<NN_PreparedResource>]>:$slot);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$slot attr-dict `:` type($output)";
  let builders = [OpBuilder<(ins "PreparedOp":$slot)>];
}

def NN_StorePreparedOp : NN_Op<"store_prepared", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "gives a prepared value, in a function marked nn.prepare";
  let description = [{
    ```mlir
    nn.store_prepared @"predict.net.0.packed", %v : tensor<2x8x32xf32>
    ```

    Constraints:
    - store_prepared_c1: the symbol is an `nn.prepared` of the value's type.
    - store_prepared_c2: the function has the attribute `nn.prepare`.
  }];
  let arguments = (ins Arg<FlatSymbolRefAttr, "slot", [MemWrite<NN_PreparedResource>]>:$slot, NN_Tensor:$value);
  let assemblyFormat = "$slot `,` $value attr-dict `:` type($value)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Conditions of a call
//===----------------------------------------------------------------------===//

def NN_RequireOp : NN_Op<"require", [MemoryEffects<[MemWrite<NN_CallResource>]>]> {
  let summary = "refuses calls with sizes that the function is not for";
  let description = [{
    The condition must not be negative; where it is, the call fails with the message before anything runs. The model's code does
    something else for such sizes, or fails.

    ```mlir
    nn.require <batch - 3> "narrow(): length must be non-negative." // at least three
    ```

    Constraints:
    - require_c1: it is in a function, each symbol of the condition is a size of one of its inputs.
  }];
  let arguments = (ins NN_DimAttr:$condition, StrAttr:$message);
  let assemblyFormat = "$condition $message attr-dict";
  let hasVerifier = 1;
}

#endif // KILN_IR_NNSTATEOPS
