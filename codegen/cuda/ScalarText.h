//===- ScalarText.h - a kernel's body as C++ ----------------------*- C++ -*-===//
//
// Turns what a fused region computes of one element (operations of arith and math on scalars) into C++ statements on device.h.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CUDA_SCALARTEXT_H
#define KILN_CODEGEN_CUDA_SCALARTEXT_H

#include "kiln/schedule/Schedule.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>

namespace kiln::codegen {

/// "f32", as device.h names it; empty for types that device code does not compute with.
std::optional<std::string> scalarTypeText(mlir::Type type);

/// Writes one constant a line for each operation of the body, indented by `indent`, and returns the text of the value that is yielded.
/// `arguments` are texts for the block's arguments. An error names what has no CUDA code.
llvm::Expected<std::string> writeBody(schedule::KernelOp kernel, llvm::ArrayRef<std::string> arguments, llvm::StringRef indent,
                                      llvm::raw_ostream &stream);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CUDA_SCALARTEXT_H
