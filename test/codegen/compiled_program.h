// A program compiled from text, with the interpreter beside it: what the tests of code generation compare.
#pragma once

#include "kiln/codegen/Artifact.h"
#include "kiln/runtime/model.h"
#include "kiln/runtime/tensor.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace kiln::test {

/// Whether the optimisation pipeline runs before the schedule. Without it every op is a kernel of its own.
enum class Optimize { No, Yes };

class CompiledProgram {
public:
  /// Parses, optimises, schedules, compiles and links. `ok()` is false after an error, with `message()`. `compiledBefore` is what
  /// `scheduleText()` gave for a program that has been tested: the same schedule is not compiled again.
  CompiledProgram(const std::string &text, Optimize optimize, bool embedWeights = true, const codegen::ArtifactOptions &options = {},
                  const std::string &compiledBefore = "");
  ~CompiledProgram();

  bool ok() const { return error.empty(); }
  /// Whether the schedule is the one that had been compiled before: there is no library then.
  bool isKnown() const { return known; }
  /// The schedule, as text.
  std::string scheduleText();
  const std::string &message() const { return error; }
  /// The shared library, in a temporary folder of its own.
  std::string path() const { return folder + "/program.so"; }
  const std::string &temporaryFolder() const { return folder; }
  /// The program as it was parsed.
  mlir::ModuleOp source() { return *original; }
  /// The program as it was compiled.
  mlir::ModuleOp scheduled() { return *lowered; }

  /// The value that a state has in models and in the interpreter from now on.
  void setState(const std::string &path, const runtime::Tensor &value) { states[path] = value; }
  /// Values for all floating-point states that are the same in every run.
  void randomizeStates();
  /// What the program means: computed in double where `inDouble`.
  std::vector<runtime::Tensor> interpret(const std::string &function, const std::vector<runtime::Tensor> &inputs,
                                         bool inDouble = true);
  /// A model with those states, for an instruction set ("v2").
  runtime::Model model(const std::string &instructionSet, int threads);

private:
  bool schedule(Optimize optimize, bool shareKernels);
  bool compile(const codegen::ArtifactOptions &options);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> original, lowered;
  std::map<std::string, runtime::Tensor> states;
  std::string folder, error;
  bool known = false;
};

/// A tensor of the given type with values from a fixed generator: floats from [-2, 2), integers from [0, limit).
runtime::Tensor randomTensor(std::vector<int64_t> sizes, runtime::DType dtype, uint32_t seed, int64_t limit = 10);

/// The largest difference, relative to the largest expected value (at least 1); infinity where one is NaN and the other is not.
double largestDifference(const runtime::Tensor &actual, const runtime::Tensor &expected);

/// Whether two tensors hold the same bytes, NaNs and zeros of either sign included.
bool sameBits(const runtime::Tensor &a, const runtime::Tensor &b);

/// The instruction sets that this processor can run.
std::vector<std::string> runnableInstructionSets();

} // namespace kiln::test
