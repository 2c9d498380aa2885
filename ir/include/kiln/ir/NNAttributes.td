//===- NNAttributes.td - Attributes of the nn dialect ------*- tablegen -*-===//
//
// Defines #nn.dim and #nn.shape: size expressions in named symbols, kept as the canonical text of kiln::semantics::DimExpr, so that
// equal expressions are equal attributes. And the parts of `nn.optimizer`: its parameter groups, their options and slots.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNATTRIBUTES
#define KILN_IR_NNATTRIBUTES

include "kiln/ir/NNBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/TensorEncoding.td"

class NN_Attr<string name, string attrMnemonic, list<Trait> traits = []> : AttrDef<NN_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def NN_DimAttr : NN_Attr<"Dim", "dim"> {
  let summary = "a size: a number, or an expression in named symbols";
  let description = [{
    A polynomial with integer coefficients over symbols, `floordiv` by positive constants and `max(..., 0)`. Symbols are sizes, so
    never negative. `max` and `min` of any two expressions are read; both are kept as a maximum with 0. Printed in canonical form: two
    expressions that are equal as polynomials are the same attribute.

    ```mlir
    #nn.dim<784>
    #nn.dim<2 * batch + 1>
    #nn.dim<(length + 1) floordiv 2>
    #nn.dim<max(batch - 3, 0)>
    ```

    Constraints:
    - dim_c1: an expression has at most 256 tokens, parentheses are nested at most 32 deep, and no product has more than 4096 terms.
  }];
  let parameters = (ins StringRefParameter<"canonical text of the expression">:$text);
  let builders = [AttrBuilder<(ins "const ::kiln::semantics::DimExpr &":$expression), [{
    return $_get($_ctxt, ::llvm::StringRef(expression.text()));
  }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// The expression; reads the canonical text.
    ::kiln::semantics::DimExpr getExpression() const;
    /// The value of a constant; empty otherwise.
    ::std::optional<int64_t> getConstant() const;
  }];
}

def NN_ShapeAttr : NN_Attr<"Shape", "shape",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding, ["verifyEncoding"]>]> {
  let summary = "the sizes of a tensor, as expressions in named symbols";
  let description = [{
    The encoding of every tensor type that has a dynamic size, and the value of attributes that are shapes.

    ```mlir
    tensor<?x784xf32, #nn.shape<batch, 784>>
    ```

    Constraints, as an encoding:
    - shape_c1: as many sizes as the tensor has dimensions.
    - shape_c2: a dimension is `?` exactly where its size is not a constant; elsewhere both are the same number.
    - shape_c3: at least one size is not a constant (a static tensor has no encoding).
  }];
  let parameters = (ins ArrayRefParameter<"::kiln::ir::DimAttr">:$dims);
  let builders = [AttrBuilder<(ins "::llvm::ArrayRef<::kiln::semantics::DimExpr>":$sizes), [{
    ::llvm::SmallVector<DimAttr> dims;
    for (const auto &size : sizes)
      dims.push_back(DimAttr::get($_ctxt, size));
    return $_get($_ctxt, ::llvm::ArrayRef<DimAttr>(dims));
  }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return static_cast<int64_t>(getDims().size()); }
    /// The sizes as expressions; reads the canonical texts.
    ::std::vector<::kiln::semantics::DimExpr> getSizes() const;
    /// "batch, 784".
    ::std::string getText() const;
  }];
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

def NN_OptionAttr : NN_Attr<"Option", "option"> {
  let summary = "an option of a parameter group, as PyTorch's param_groups holds it";
  let description = [{
    ```mlir
    #nn.option<"eps" = 1.000000e-08 : f64>
    ```

    Constraints:
    - option_c1: the value is `unit` (None), a bool, an i64, an f64 or an array of f64 (a tuple).
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::Attribute":$value);
  let assemblyFormat = "`<` $name `=` $value `>`";
  let genVerifyDecl = 1;
}

def NN_SlotAttr : NN_Attr<"Slot", "slot"> {
  let summary = "the states in which an optimizer keeps one value a parameter";
  let description = [{
    ```mlir
    #nn.slot<"momentum_buffer" = [@"optimizer.momentum_buffer.weight", unit]> // the second parameter has none
    ```

    Constraints:
    - slot_c1: an entry is a symbol or `unit`.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, ArrayRefParameter<"::mlir::Attribute">:$states);
  let assemblyFormat = "`<` $name `=` `[` $states `]` `>`";
  let genVerifyDecl = 1;
}

def NN_ParameterGroupAttr : NN_Attr<"ParameterGroup", "parameter_group"> {
  let summary = "parameters that an optimizer treats alike";
  let description = [{
    Options are those of PyTorch's `param_groups`, in its order, without `params` and `lr`. Written without the mnemonic inside
    `nn.optimizer`.

    ```mlir
    #nn.parameter_group<{parameters = [@w, @b], lr = @"optimizer.param_groups.0.lr", options = {eps = 1.000000e-08 : f64},
                         slots = {exp_avg = [@"optimizer.exp_avg.w", @"optimizer.exp_avg.b"]}}>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::FlatSymbolRefAttr">:$parameters, "::mlir::FlatSymbolRefAttr":$learningRate,
                    ArrayRefParameter<"::kiln::ir::OptionAttr">:$options, ArrayRefParameter<"::kiln::ir::SlotAttr">:$slots);
  let hasCustomAssemblyFormat = 1;
}

#endif // KILN_IR_NNATTRIBUTES
