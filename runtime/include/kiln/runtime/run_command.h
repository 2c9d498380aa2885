// The command line of a compiled program: what an artifact's executable does, and what `kiln run ARTIFACT` does.
//
//   [FUNCTION] [--weights=F] --input=NAME=FILE[:TENSOR] [--output=[NAME=]FILE] [--threads=N] [--repeat=N] [--help]
//
// FUNCTION may be left out when the program has one. FILE of an input is a .npy or .safetensors file (:TENSOR may be left out when it
// holds one tensor), `zeros:32x784` or `random:32x784`; these two take the input's dtype. `random` is the same on every machine and
// in every run: a generator seeded with the input's position gives floats from [0, 1), integers from 0 to 9, and booleans.
// An output that is not written to a file is described on stdout: name, dtype, shape, least, greatest and mean value, first values.
// `--repeat=N` calls N times and prints the median time of a call.
#pragma once

#include "kiln/runtime/export.h"
#include "kiln/runtime/program.h"

namespace kiln::runtime {

/// Runs the command line `argv[1] ... argv[argc - 1]`; `argv[0]` is the command's name for messages ("./digits",
/// "kiln run digits.so"). Results go to stdout, errors to stderr as "error: ...". Returns the exit code: 0; 1 for an error in what
/// the user gave (files, shapes, weights); 2 for a command line that is wrong; 3 for an internal error. Never throws.
/// `trains`: --help says that the word `train` is a command line of its own.
KILN_API int run_command(const Program &program, int argc, const char *const *argv, bool trains = false);

} // namespace kiln::runtime
