//===- kiln-opt.cpp - Passes on textual modules -------------------------------===//
//
// MLIR's optimizer driver with Kiln's dialects and passes. Everything of MLIR's debugging surface is in it: --mlir-timing,
// --mlir-pass-statistics, --mlir-pass-pipeline-crash-reproducer, --remarks-filter, --mlir-print-ir-tree-dir, --verify-roundtrip.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Registration.h"
#include "kiln/ir/Statistics.h"
#ifdef KILN_OPT_HAS_PASSES
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#endif
#ifdef KILN_OPT_HAS_SCHEDULE
#include "kiln/schedule/Passes.h"
#include "kiln/schedule/Schedule.h"
#endif
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  kiln::ir::registerDialects(registry);
  registry.insert<mlir::affine::AffineDialect, mlir::LLVM::LLVMDialect, mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                  mlir::vector::VectorDialect>();
  mlir::registerTransformsPasses(); // canonicalize, cse, symbol-dce, ...
#ifdef KILN_OPT_HAS_PASSES
  kiln::passes::registerInterfaceModels(registry);
  kiln::passes::registerKilnPasses();
#endif
#ifdef KILN_OPT_HAS_SCHEDULE
  registry.insert<kiln::schedule::ScheduleDialect>();
  kiln::schedule::registerSchedulePasses();
#endif
  auto [input, output] = mlir::registerAndParseCLIOptions(argc, argv, "Kiln's optimizer driver\n", registry);
  kiln::ir::StatisticsReport statistics;
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));
}
