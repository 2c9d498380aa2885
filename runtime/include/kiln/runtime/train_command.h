// The command line that trains a compiled program: what `kiln train ARTIFACT` does, and `train` as an artifact's executable's first
// argument.
//
//   [--function=train_step] --input=NAME=FILE[:TENSOR] ... --epochs=N --batch-size=N [--seed=N] --save=W [options]
//
// Inputs are whole data sets, one sample a row of each; the function is called with mini-batches of them, in a new order each epoch
// (data_loader.h says which), and its first output is the loss. On a terminal a bar shows how far the epoch is; when the epoch is
// done, a line says its number, the mean loss over its samples, what --eval found, and the rate.
//
//   --eval=F           after each epoch calls F, which needs some of the inputs (or those of --eval-input), in batches. If its first
//                      output is [N, C] and there is one input of integers [N] that F does not take, these are scores and labels, and
//                      the accuracy is told; if the output is one number, its mean is.
//   --checkpoint=C     writes a .pt after each epoch (checkpoint.h) that PyTorch reads too
//   --resume=C         goes on from one: the same bits as if training had never stopped; a warning says when they can't be the same,
//                      as with another --batch-size. --ignore-fingerprint takes one of other options of optimizers too
//   --save=W           writes the weights at the end, .safetensors or .pt
#pragma once

#include "kiln/runtime/export.h"
#include "kiln/runtime/program.h"

namespace kiln::runtime {

/// Runs the command line `argv[1] ... argv[argc - 1]`; `argv[0]` is the command's name for messages ("kiln train digits.so"). Lines
/// go to stdout, errors to stderr as "error: ...". Returns the exit code: 0; 1 for an error in what the user gave (files, shapes,
/// labels); 2 for a command line that is wrong; 3 for an internal error. Never throws.
KILN_API int train_command(const Program &program, int argc, const char *const *argv);

} // namespace kiln::runtime
