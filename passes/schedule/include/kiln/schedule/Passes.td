//===- Passes.td - passes of the schedule ------------------*- tablegen -*-===//
//
// The lowering from the nn dialect to the schedule, and the planning of memory.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_PASSES_TD
#define KILN_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def NnToSchedulePass : Pass<"nn-to-schedule", "::mlir::ModuleOp"> {
  let summary = "Lowers functions of the nn dialect to kernels and launches";
  let description = [{
    Every function becomes a `schedule.func`; every op that computes becomes a launch of a kernel. Kernels are shared between launches
    that differ in symbols and places only, and are named after what they compute.

    * A reshape is a view of its operand's memory.
    * Dimensions that all operands of a kernel walk through alike are merged, so that a map over contiguous buffers is one flat loop.
    * A permutation, an expansion or a cast is a map: it becomes part of no other kernel here (that is fusion's work), but costs one
      pass over the data and no kernel of its own kind. A permutation that only swaps the last two dimensions of an operand of a matrix
      product is folded into the product.
    * A value that a function returns is computed in the caller's memory directly. It is copied where it is returned twice, or is
      an input, a state or a constant.
    * A state's value is read in place; if the function writes the state before the value's last use, the value is copied first.
      Writing back the value itself, in whatever shape, is nothing.
    * A state's new value is computed in the state itself, where no later op looks at the old one and the kernel that computes it reads the
      old one, if at all, in step; else it is copied where the program writes it.
    * A cross entropy is two kernels where it ends in a sum, so that its rows can be split.

    Run-time sizes of inputs must be symbols or constants. Arena buffers have no place yet: `schedule-plan-memory` gives them one.
  }];
  let dependentDialects = ["::kiln::schedule::ScheduleDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def ScheduleShareKernelsPass : Pass<"schedule-share-kernels", "::mlir::ModuleOp"> {
  let summary = "Makes one kernel of those that differ in constant sizes only";
  let description = [{
    A network's layers often differ in nothing but their widths; code for each width takes time to compile and memory, and gains little where
    a kernel walks through blocks anyway. Kernels of one anchor, body and pattern of sizes (equal sizes at the same places) become one;
    the sizes in which they differ become run-time sizes, given by each launch. Such a size keeps the largest factor that all its values
    share (`16 * s1` for 784 and 512), so that a back end still knows what divides it.

    Small sizes are part of what a kernel is: last dimensions of at most `keep` (panels, a handful of classes) and any size of at most
    `keep-anywhere` (a dimension that is broadcast, a few rows). Anchors whose code is worth having for every size
    (convolutions) keep their kernels.
  }];
  let options = [
    Option<"keep", "keep", "int64_t", /*default=*/"64", "Largest last dimension that is never made a run-time size">,
    Option<"keepAnywhere", "keep-anywhere", "int64_t", /*default=*/"3", "Largest size that is never made a run-time size">,
  ];
}

def SchedulePlanMemoryPass : Pass<"schedule-plan-memory", "::kiln::schedule::FuncOp"> {
  let summary = "Gives each temporary its place in the arena";
  let description = [{
    First fit by lifetime. A temporary lives from the launch that writes it first to the last launch that touches it, views included;
    two whose lives do not overlap may share bytes.

    Sizes are expressions, so offsets are too. Temporaries whose sizes are constant multiples of one expression (`2048 * batch`,
    `1024 * batch`) are packed together as numbers, in units of that expression; those of different expressions get regions of their
    own, because nothing is known about their order. A size that is not a multiple of 64 bytes is rounded up. All offsets are
    multiples of 64 for any value of the symbols.
  }];
  let options = [
    Option<"share", "share", "bool", /*default=*/"true", "Let temporaries that are not alive together share bytes">,
  ];
}

#endif // KILN_SCHEDULE_PASSES_TD
