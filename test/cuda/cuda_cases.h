// Which of the programs that kernels are tested with can run on CUDA.
#pragma once

#include "kernel_cases.h"

#include "kiln/codegen/Cuda.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace kiln::test {

/// The cases whose function has CUDA code after optimisation, by their names.
std::vector<KernelCase> cudaCases();
/// What device code compiles of a program's text; fails where none of it can run there. `message` gets the diagnostics.
mlir::FailureOr<codegen::CudaProgram> cudaProgramOf(const std::string &text, std::string &message);
/// The module that `kiln build` records of test/models/NAME.cpp, as text.
std::string recordedModel(const std::string &name);

} // namespace kiln::test
