//===- Lowering.cpp - schedule to the LLVM dialect ------------------------===//
//
// Builds all functions of a program, then lowers what they are written in (scf, arith, math, vector) to the LLVM dialect.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "CudaCalls.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::FuncOp;
using schedule::KernelOp;
using schedule::LaunchOp;

/// The op that each kernel is needed for first: where an error about the kernel is reported.
static llvm::StringMap<Location> firstLaunches(ModuleOp module) {
  llvm::StringMap<Location> locations;
  module.walk([&](LaunchOp launch) { locations.try_emplace(launch.getKernel(), launch.getLoc()); });
  return locations;
}

static LogicalResult emitProgram(ModuleOp scheduled, const CpuOptions &options, const CudaProgram *cuda, CpuModule &output) {
  OpBuilder builder = OpBuilder::atBlockEnd(output.module->getBody());
  ProgramContext program(scheduled, output);
  llvm::StringMap<Location> launches = firstLaunches(scheduled);
  LaunchFunctions shared(builder);
  llvm::StringMap<LaunchedKernel> kernels;
  SmallVector<std::pair<KernelOp, Location>> launched; // by number
  bool hasFailed = false;                              // go on after an error: the others have errors of their own
  for (KernelOp kernel : scheduled.getOps<KernelOp>()) {
    auto launch = launches.find(kernel.getSymName());
    if (launch == launches.end())
      continue;
    FailureOr<const KernelEmitter *> emitter = kernelEmitterOf(kernel, launch->second);
    hasFailed |= failed(emitter);
    if (failed(emitter))
      continue;
    FailureOr<LLVM::LLVMFuncOp> check = emitCheck(builder, kernel, launch->second, **emitter);
    hasFailed |= failed(check);
    if (succeeded(check))
      kernels[kernel.getSymName()] = {*emitter, static_cast<unsigned>(launched.size()), shared.task(kernel), *check};
    launched.push_back({kernel, launch->second});
  }
  SmallVector<LLVM::GlobalOp> tables; // by place in options.instructionSets
  for (unsigned set : options.instructionSets) {
    const InstructionSet &target = instructionSets()[set];
    SmallVector<LLVM::LLVMFuncOp> functions;
    for (auto [kernel, location] : launched) {
      FailureOr<LLVM::LLVMFuncOp> function = emitKernel(builder, kernel, location, *kernels[kernel.getSymName()].emitter, target);
      hasFailed |= failed(function);
      if (succeeded(function))
        functions.push_back(*function);
    }
    if (hasFailed)
      return failure();
    tables.push_back(emitKernelTable(builder, functions, target));
  }
  for (FuncOp function : scheduled.getOps<FuncOp>()) {
    FailureOr<LLVM::LLVMFuncOp> run = emitRun(builder, function, kernels, shared, program);
    if (failed(run))
      return failure();
    for (auto [set, table] : llvm::zip(options.instructionSets, tables))
      emitRunEntry(builder, function, *run, table, instructionSets()[set]);
  }
  for (FuncOp function : scheduled.getOps<FuncOp>()) {
    if (!function.isPrepare())
      emitMeasure(builder, function);
    if (cuda && cuda->functions.contains(function.getSymName()) && failed(emitCudaRun(builder, function, *cuda, program.index)))
      return failure();
  }
  return success();
}

static LogicalResult convertToLLVM(ModuleOp module) {
  if (failed(verify(module)))
    return failure();
  PassManager pm(module.getContext());
  pm.enableVerifier(false); // once, at the end
  // Function by function, so that MLIR runs them on several threads.
  OpPassManager &functions = pm.nest<LLVM::LLVMFuncOp>();
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(createConvertVectorToLLVMPass());
  functions.addPass(createConvertMathToLLVMPass());
  functions.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass()); // knows modules only
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

FailureOr<CpuModule> lowerToLLVM(ModuleOp scheduled, const CpuOptions &options, const CudaProgram *cuda) {
  MLIRContext *context = scheduled.getContext();
  context->loadDialect<LLVM::LLVMDialect, arith::ArithDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect,
                       cf::ControlFlowDialect>();
  CpuModule output;
  output.module = ModuleOp::create(UnknownLoc::get(context));
  if (failed(emitProgram(scheduled, options, cuda, output)))
    return failure();
  if (failed(convertToLLVM(*output.module))) {
    scheduled.emitError() << "internal error: the kernels do not lower to LLVM";
    return failure();
  }
  return output;
}

} // namespace kiln::codegen
