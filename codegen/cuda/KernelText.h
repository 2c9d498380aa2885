//===- KernelText.h - kernels of the schedule as CUDA C++ ---------*- C++ -*-===//
//
// One writer an anchor, found by name in one table, as in the CPU back end. Adding a kernel kind means a file in kernels/, a line in
// KernelText.cpp, and, where it needs them, primitives or a loop of their own in device/.
//
// A kernel's parameters are its buffers in the schedule's order, anchor operands a0, a1, ..., extras e0, ..., results r0, ..., and then
// its sizes by name.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CUDA_KERNELTEXT_H
#define KILN_CODEGEN_CUDA_KERNELTEXT_H

#include "ScalarText.h"
#include "kiln/codegen/Cuda.h"

namespace kiln::codegen {

using semantics::DimExpr;

/// A size expression in C++; names are those of the kernel's parameters.
std::string sizeText(const DimExpr &expression);
/// The same as an operand of a product.
std::string factorText(const DimExpr &expression);
/// The product of sizes, and one divided, rounded up.
DimExpr productOf(llvm::ArrayRef<DimExpr> sizes);
DimExpr ceilDiv(const DimExpr &value, int64_t divisor);

/// Writes functions of one kernel of the schedule.
class KernelWriter {
public:
  KernelWriter(schedule::KernelOp kernel, CudaProgram &program) : kernel(kernel), program(program), stream(text) {}

  schedule::KernelOp getKernel() const { return kernel; }
  llvm::raw_ostream &os() { return stream; }

  /// KILN_KERNEL(...) { of the form that `suffix` names; the form is launched as `form` says.
  void begin(llvm::StringRef suffix, llvm::StringRef threads, unsigned threadCount, CudaForm form);
  void end() { stream << "}\n\n"; }

  /// What the statements around an element know of it: its place in the result, row-major, as `index`; and of products `row` and
  /// `column` too.
  enum class Place { Index, RowAndColumn };
  /// The statements that compute and store one element, indented; `anchor` is the name of the anchor's element, none in a map.
  llvm::Error writeElement(llvm::StringRef indent, llvm::StringRef anchor, Place place = Place::Index);

  /// Adds what was written to the program.
  void commit();

private:
  std::string extraElement(unsigned number, Place place);

  schedule::KernelOp kernel;
  CudaProgram &program;
  std::string text;
  llvm::raw_string_ostream stream;
  std::vector<CudaForm> forms;
  std::vector<CudaKernel> kernels;
};

using WriteKernel = llvm::Error (*)(KernelWriter &);

llvm::Error writeFull(KernelWriter &writer);
llvm::Error writeMap(KernelWriter &writer);
llvm::Error writeProduct(KernelWriter &writer);
llvm::Error writeReduction(KernelWriter &writer);
llvm::Error writeSoftmax(KernelWriter &writer);

/// Writes all forms of a kernel. An error says what has no CUDA code, and nothing is written.
llvm::Error writeKernel(schedule::KernelOp kernel, CudaProgram &program);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CUDA_KERNELTEXT_H
