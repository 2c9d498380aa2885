//===- Passes.td - nn to nn passes -------------------------*- tablegen -*-===//
//
// The passes that rewrite the nn dialect into itself. Each description says what the pass does, what it leaves alone
// and what it does not guarantee; each fold or fusion, done or missed, is an MLIR remark whose category is the pass's
// name.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_PASSES_TD
#define KILN_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

def DiagnosePass : Pass<"nn-diagnose", "::mlir::ModuleOp"> {
  let summary = "Warns about programs that are valid and most likely not meant";
  let description = [{
    Looks for what PyTorch's users find out too late, and says it as a warning at the user's own line. The module is
    not changed.

    - A layer in training mode (`nn.batch_norm` that updates running statistics, `nn.dropout` with 0 < p) in an entry
      function that trains nothing. A function trains when it asks for gradients (`nn.backward`) or writes a trainable
      state, a gradient or an optimizer's state. One that returns a value without dimensions, a loss, is left alone; and
      where no function trains but one returns a loss, all are: the program may be trained from outside. Batch norms
      without running statistics use the batch's own in either mode.

    One warning an entry function, at its first such layer, the others are notes. The pass does not guarantee to find
    every mistake; it prefers silence. (What optimizers hold and miss is said while recording, where the user's line is
    known.)
  }];
}

//===----------------------------------------------------------------------===//
// Meaning: shapes and mode
//===----------------------------------------------------------------------===//

def ResolveShapesPass : Pass<"nn-resolve-shapes", "::mlir::ModuleOp"> {
  let summary = "Makes every type as precise as its operands allow, and resolves lazily shaped states";
  let description = [{
    Recorded programs come with inferred types; IR written by hand, or made by a tool, need not. This pass
    1. gives each unnamed dimension of an argument a symbol of its own: `<argument>_<dimension>`;
    2. runs the ops' shape inference in program order and replaces every result type that is less precise than the inferred one;
    3. finds the sizes of a state whose type leaves dimensions open (a LazyLinear's weight) from the ops that read it, through the
       interface `OperandSizesInterface`, and gives the state and all its reads that type;
    4. updates the results of the function's own type.

    Sizes that contradict each other are an error that names the module that makes the value and the module that takes
    it. An open size that no use determines, or that two uses determine differently, is an error at the state, with
    notes at the uses.

    The pass does not guarantee that types are static: an argument's dimension stays symbolic. It never makes a type
    less precise and changes no op but for its result types.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def SpecializeModePass : Pass<"nn-specialize-mode", "::mlir::func::FuncOp"> {
  let summary = "Removes what evaluation mode makes trivial: dropout vanishes, batch norm becomes an affine map";
  let description = [{
    - `nn.dropout` with `training = false`, or with `p = 0`, is replaced by its input.
    - `nn.batch_norm` with `training = false` and running statistics becomes arithmetic on vectors of channels and one
      map over the data:

          scale = weight * rsqrt(running_var + eps)
          shift = bias - running_mean * scale
          output = nn.channel_affine(input, scale, shift)

      which is also the order of operations of PyTorch's CPU kernel. An absent weight counts as ones, an absent bias
      as zeros; neither is materialised.

    Ops in training mode are left alone, each with a missed remark, and so is a batch norm without statistics. The
    arithmetic is not folded here: it depends on state alone, so `nn-fold-batch-norm` and `nn-hoist-prepare` take it
    out of the function.
  }];
}

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

def DifferentiatePass : Pass<"nn-differentiate", "::mlir::func::FuncOp"> {
  let summary = "Replaces nn.backward by the ops that compute the gradients";
  let description = [{
    Reverse-mode differentiation of straight-line code, one rule an op (`DifferentiableOpInterface`; the rules are in
    lib/gradients). For each `nn.backward`, in program order, the ops that depend on a target and that the loss depends
    on are asked for their vector-Jacobian products, from the loss back to the targets; a value that several ops use
    gets the sum. The new ops stand in the request's place and carry the locations of the ops they are gradients of, so
    profiles and errors name the user's module and line.

    Nothing is built that no target needs: a frozen weight has no gradient, and neither has the input of the first
    layer. A target that the loss does not depend on gets zeros. Targets may be arguments, states as they were read, and
    values computed on the way; one that was computed from another does not stop the gradient of that other.

    No gradient flows through `nn.detach`, comparisons, integers, updated running statistics and steps of optimizers.
    Gradients are constants for later requests, as in PyTorch without `create_graph`. All `nn.detach` are removed at the
    end, so run the pass on functions without requests as well.

    An op on the way that has no rule is an error at the user's line. What gradients read of the forward computation
    stays alive until then; `nn-rematerialize` shortens that. Remarks say what was differentiated, and for each value
    that is kept, that it is.
  }];
}

def RematerializePass : Pass<"nn-rematerialize", "::mlir::func::FuncOp"> {
  let summary = "Computes cheap values again instead of keeping them for gradients";
  let description = [{
    A value that is used early and late, as most values of a forward computation that gradients read are, takes memory in
    between. Where all its late uses are element-wise ops of its shape, so that a copy becomes part of their fused
    regions, and where what it is computed from is in memory then anyway (inputs, states that the function does not
    write, values with later uses of their own), each late use gets a copy of the computation.

    Late are uses with at least `min-distance` kernels of another kind (products, reductions, movements) between them and
    the use before. What a copy costs is the sum of its scalar ops for one element, in units of an addition: 4 for a
    division or square root, 8 for a transcendental function. Several ops are copied where their sum is at most
    `max-cost`.

    The pass looks at uses, not at what is a gradient; a residual connection is the same to it. Results are the same bits:
    the same ops on the same values. Run it directly before `nn-fuse`: CSE in between would take the copies away. It does
    not solve the general problem of least memory under a budget; it takes what is nearly free.
  }];
  let options = [
    Option<"maxCost", "max-cost", "unsigned", /*default=*/"16",
           "Scalar work a copy may cost for each element, in units of an addition">,
    Option<"minElements", "min-elements", "int64_t", /*default=*/"1024",
           "Keep values of constant size with fewer elements than this">,
    Option<"minDistance", "min-distance", "unsigned", /*default=*/"2",
           "Kernels between two uses from which on the later one is late">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

//===----------------------------------------------------------------------===//
// Algebra on weights
//===----------------------------------------------------------------------===//

def FoldBatchNormPass : Pass<"nn-fold-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "Multiplies the affine map of a batch norm into the weights before it";
  let description = [{
    Rewrites `channel_affine(linear(x, W, b), scale, shift)` to `linear(x, W * scale[:, None], b * scale + shift)`,
    for every op that implements `ChannelScalableInterface`, when
    - the affine map is the only use of the op's result, and its channels are the op's output features;
    - W, b, scale and shift depend on states and constants alone, and the function writes none of those states.

    Then the new weight and bias depend on states alone as well, and `nn-hoist-prepare` computes them once, not once a
    call. Everything else gets a missed remark with the reason.

    Results change by rounding: the product is rounded before the sum over inputs instead of after it. The pass does
    not fold a batch norm into the layer after it, where only a bias would remain to be added; fusion makes that case
    free.
  }];
}

def ChannelsLastPass : Pass<"nn-channels-last", "::mlir::func::FuncOp"> {
  let summary = "Convolutions and what follows them compute on data with its channels last";
  let description = [{
    In entry functions, rewrites `conv(x, W, b)` to `packed_conv(last(x), pack_panels(W)) + b`, where last permutes
    `[N, C, ...]` to `[N, ..., C]` and W's channels come last before it is packed; a window of one tap at each position is
    `packed_linear`. Its gradients and what depends on it stay in this layout:

    - element-wise ops, whose other operands are permuted or reshaped to fit; `nn.channel_affine` becomes a multiplication
      and an addition;
    - `nn.conv_backward_input`, whose weight is packed with input channels as rows; `nn.conv_backward_weight`, whose result is
      permuted back (unless each output channel is a group of many input channels);
    - `nn.batch_norm` and its gradient, on `[positions, C]`;
    - pooling and its gradients, with the attribute `channels_last`;
    - concatenations and slices; sums and means that keep their dimensions; and others over all positions, whose results are the
      same in both layouts;
    - `nn.expand`, and the gradient of an average, if who reads them reads such a value beside them;
    - `nn.linear` after a flattening reshape: the columns of its weight are permuted instead of the data, where the weight
      depends on states alone and the function writes none of them, so that `nn-hoist-prepare` does it once.

    Whatever else reads such a value reads a permutation of it, made once; a function's inputs and results and its states
    keep the layout that they have. A chain of the ops above has no permutation inside. Where at most one of channels and
    positions is more than one, a reshape takes the permutation's place.

    A weight that is not fixed is packed in each call, unlike that of a linear layer: each of its elements is used at every
    position of the output. Convolutions of integers stay as they are, and so do those of 16-bit floats with a bias, whose sum
    is rounded once, after the bias, each with a missed remark.

    Results are the same but for the order of additions, and where weights are not finite: a tap in the padding is 0 times its
    weight, which an infinite or NaN weight makes NaN. So is, in the gradient of the input, a tap that leads to no position of the
    output. PyTorch has NaN in the same places of a convolution where it copies windows to a matrix, and none where its direct
    kernels run, nor in gradients. Convolutions in groups of few channels, and `nn.conv` itself, leave these taps out. In the gradient of
    a weight of few input channels, a tap in the padding is 0 times a cotangent.

    The pass does not weigh whether permutations at the border cost more than is won.
  }];
  let options = [
    Option<"panel", "panel", "int64_t", /*default=*/"32",
           "Output channels a panel; the kernels' register tile divides it">,
  ];
}

def LayoutPass : Pass<"nn-layout", "::mlir::func::FuncOp"> {
  let summary = "Gives the weights of matrix products the layout that the kernels read";
  let description = [{
    In entry functions, rewrites `linear(x, W, b)` to `packed_linear(x, pack_panels(W)) + b` when W depends on states
    and constants alone and the function writes none of those states, so that `nn-hoist-prepare` packs once, not once
    a call. Panels are `[ceil(N / panel)][K][panel]`, padded with zeros, whatever the instruction set; the last
    panel's padding is never stored to a result.

    A weight that is computed from an input, or written by the function itself, stays in its own layout, with a missed
    remark: packing at each call costs as much memory traffic as a product with few rows. Its bias becomes an add all
    the same, for fusion to take up. The layout of inputs, outputs and states does not change.

    Layers of integers stay as they are, and so do layers of 16-bit floats with a bias, whose sum is rounded once, after
    the bias.
  }];
  let options = [
    Option<"panel", "panel", "int64_t", /*default=*/"32",
           "Output features a panel; the kernels' register tile divides it">,
  ];
}

def HoistPreparePass : Pass<"nn-hoist-prepare", "::mlir::ModuleOp"> {
  let summary = "Moves what depends on state alone out of the entry functions";
  let description = [{
    In each entry function, a value that pure ops compute from states and constants alone is the same at every call
    until one of those states is written. Such values move into functions `func.func private @prepare_N() attributes
    {nn.prepare}`, which store them to `nn.prepared` slots; the entry function reads the slot with `nn.load_prepared`.
    A slot lists its sources, the states it was computed from: whoever writes one of them makes the slot stale, and
    the runtime runs the slot's prepare function before the next reader. A slot without sources is computed once.

    Equal computations of several functions share a slot. Slots that share a computation share a prepare function;
    others have their own, so that a write recomputes what depends on it and nothing else.

    Not hoisted: plain reads, constants and fills, and reshapes and expansions of those, for there is nothing to
    compute; values of fewer than `min-elements` elements computed from such values alone; values with a symbolic
    size; and in a function that writes a source, whatever depends on it, because it would be stale within the very
    call.

    The pass does not guarantee a minimum of memory: a slot lives beside the states it was computed from.
  }];
  let options = [
    Option<"minElements", "min-elements", "int64_t", /*default=*/"2",
           "Leave a computation in place when no value in it has at least this many elements">,
  ];
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

def FusePass : Pass<"nn-fuse", "::mlir::func::FuncOp"> {
  let summary = "Joins element-wise ops to each other and to the anchor that produces their input";
  let description = [{
    Forms `nn.fused` regions: at most one anchor (an op with the trait that says its kernel can have an epilogue:
    matrix products, embedding, sums, concatenation, dropout in training) and the element-wise ops after it, written as one scalar region
    through `ScalarBodyInterface`. So an element travels from the anchor's accumulator to memory once, and what lies
    between is never stored.

    A region grows from its last op backwards. A producer joins when all its uses are in the region, its shape is the
    region's, and it is element-wise, or the anchor of choice. Other operands become extra operands, read through an
    affine map that says which dimensions they are broadcast along; an `nn.expand` before one joins its map, and
    scalar constants become constants of the region. Where two anchors meet (`fc(x) + shortcut(x)`), the later one is
    the anchor and the other's result is read. An anchor whose result is itself broadcast by a later operand keeps its
    own iteration space: the region ends there.

    Values with several uses outside the region are not computed twice; they end their region, with a missed remark.
    Reshapes and other movements of data end a region too. Ops keep their order of evaluation within an element, so
    results are those of the ops one by one, bit for bit.
  }];
  let options = [
    Option<"maxOps", "max-ops", "unsigned", /*default=*/"64",
           "Element-wise ops a region may have; longer chains are cut">,
    Option<"wrapSingleOps", "wrap-single-ops", "bool", /*default=*/"true",
           "Put a lone element-wise op into a region of its own as well, so that what follows meets one form only">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

#endif // KILN_PASSES_PASSES_TD
