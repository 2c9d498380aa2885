// See cuda_cases.h.
#include "cuda_cases.h"

#include "kiln/ir/Ops.h"
#include "kiln/ir/Registration.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Pipelines.h"
#include "kiln/schedule/Passes.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

namespace kiln::test {

/// By the beginnings of names: products of single matrices of floats, and everything element-wise but 16-bit floats.
static bool runsOnCuda(const std::string &name) {
  static const std::set<std::string> exceptions = {"matmul_batched", "matmul_broadcast",    "matmul_column", "matmul_dot",
                                                   "matmul_tn_i64",  "matmul_nt_i32",       "matmul_nt_i8",  "matmul_tn_batched",
                                                   "matmul_nt_broadcast"};
  if (exceptions.contains(name) || name.find("f16") != std::string::npos || name.ends_with("_to_all"))
    return false;
  if (name == "state_written_back" || name == "state_written_back_reshaped") // the latter write nothing
    return true;
  if (name == "dropout_evaluated") // a copy
    return true;
  for (const char *beginning :
       {"linear_", "matmul_", "products_f", "relu_", "sigmoid_", "tanh_", "neg_", "exp_", "log_", "sqrt_", "rsqrt_", "abs_", "add_", "sub_",
        "mul_", "div_", "maximum_", "minimum_", "eq_", "ne_", "lt_", "le_", "gt_", "ge_", "where_", "cast_", "arithmetic_", "chain", "sum", "mean",
        "softmax_", "stored_linear_", "stored_matmul_", "stored_mean_", "channel_affine", "batch_norm_eval_", "permute", "reshape", "expand", "full"})
    if (name.starts_with(beginning))
      return true;
  return false;
}

std::vector<KernelCase> cudaCases() {
  std::vector<KernelCase> cases;
  for (const KernelCase &kernelCase : kernelCases())
    if (runsOnCuda(kernelCase.name))
      cases.push_back(kernelCase);
  return cases;
}

mlir::FailureOr<codegen::CudaProgram> cudaProgramOf(const std::string &text, std::string &message) {
  mlir::DialectRegistry registry;
  ir::registerDialects(registry);
  passes::registerInterfaceModels(registry);
  registry.insert<schedule::ScheduleDialect>();
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    message += diagnostic.str() + "\n";
    return mlir::success();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  mlir::PassManager manager(&context);
  passes::buildOptimizationPipeline(manager, passes::OptimizationOptions());
  schedule::buildSchedulePipeline(manager, {.shareKernels = false});
  if (!module || failed(manager.run(*module)))
    return mlir::failure();
  mlir::FailureOr<codegen::CudaProgram> program = codegen::generateCuda(*module);
  if (succeeded(program))
    program->constants.clear(); // they are the context's
  return program;
}

std::string recordedModel(const std::string &name) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("kiln-cuda-" + std::to_string(getpid()) + "-" + name + ".mlir")).string();
  const std::string command = std::string(KILN_TEST_DRIVER) + " build " + KILN_TEST_MODELS + "/" + name + ".cpp -o " + path;
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error("failed: " + command);
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  std::filesystem::remove(path);
  return text.str();
}

} // namespace kiln::test
