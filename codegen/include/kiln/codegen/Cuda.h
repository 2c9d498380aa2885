//===- Cuda.h - schedule to CUDA C++ ------------------------------*- C++ -*-===//
//
// The CUDA back end: the kernels of a scheduled program as source text on the primitives of device.h, and that text compiled by NVRTC,
// which is loaded when it is needed. The schedule is the one that the CPU back end reads. A program for CUDA is a program for the
// processor with more in it: functions that have no CUDA code, and prepare functions, run there.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CUDA_H
#define KILN_CODEGEN_CUDA_H

#include "kiln/semantics/dim_expr.h"

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace kiln::codegen {

//===----------------------------------------------------------------------===//
// Source
//===----------------------------------------------------------------------===//

/// A function of the source that can be launched; its place in CudaProgram::kernels is its number in the descriptor.
struct CudaKernel {
  std::string name;
  unsigned threads, arguments;
};

/// One way to launch a kernel of the schedule. Expressions are in the kernel's own sizes.
struct CudaForm {
  unsigned kernel; ///< in CudaProgram::kernels
  /// As many blocks as there is work for; fewer do as well.
  semantics::DimExpr blocks;
  /// The form is for launches whose `rows` are at most `mostRows`; the last form of a kernel is for any (mostRows < 0).
  semantics::DimExpr rows;
  int64_t mostRows = -1;
};

/// A program's CUDA code.
struct CudaProgram {
  std::string source;
  std::vector<CudaKernel> kernels;
  llvm::StringMap<std::vector<CudaForm>> forms; ///< by the name of the schedule's kernel
  llvm::StringSet<> functions;                  ///< those whose launches all have CUDA code
  std::vector<mlir::ElementsAttr> constants;    ///< that they read
};

/// Writes the kernels of all functions that can run on CUDA, and warns, where the reason lies, of each that can't. Fails with an
/// error where none can.
mlir::FailureOr<CudaProgram> generateCuda(mlir::ModuleOp scheduled);

/// A header that the source includes, by the name that it includes it with.
struct DeviceHeader {
  llvm::StringRef name, text;
};
llvm::ArrayRef<DeviceHeader> deviceHeaders();

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

/// Architectures by number: 80 is sm_80. Ascending, each once.
using CudaArchitectures = std::vector<unsigned>;

/// Reads "sm_80,sm_90"; empty text is the default. The error says what there is.
llvm::Expected<CudaArchitectures> parseCudaArchitectures(llvm::StringRef text);

/// Machine code for one architecture, or PTX, which the driver compiles for it and later ones.
struct CudaImage {
  unsigned architecture;
  bool isPtx;
  std::string bytes;
};

/// What the toolkit's assembler tells of a kernel on an architecture.
struct CudaResources {
  std::string kernel;
  unsigned architecture, registers = 0, sharedBytes = 0, spillBytes = 0, stackBytes = 0;
};

struct CudaImages {
  std::vector<CudaImage> images;
  std::vector<CudaResources> resources;
};

/// An error that says what is missing, and where it was looked for, unless the toolkit is there and compiles for these architectures.
llvm::Error checkCudaToolkit(const CudaArchitectures &architectures);

/// Compiles to machine code for each architecture, and to PTX for the last.
llvm::Expected<CudaImages> compileCuda(llvm::StringRef source, const CudaArchitectures &architectures);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CUDA_H
