// What the handles of one program share, and the two steps that make it: finding a descriptor in a file, and checking it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kiln/runtime/program.h"

namespace kiln::runtime {

/// A checked descriptor in readable form. Text and arrays point into the artifact.
struct ProgramParts {
  std::shared_ptr<void> library; ///< of dlopen, null for a linked-in program; destroyed last
  std::string origin;
  const kiln_program *descriptor = nullptr;
  std::vector<Function> functions;
  std::vector<State> states;
  std::vector<StateName> state_names;
  std::vector<PreparedValue> prepared;
  std::vector<Prepare> prepares;
  std::vector<ModuleEntry> modules;
  std::vector<Site> sites;
  std::vector<Gradient> gradients;
  std::vector<OptimizerDescription> optimizers;
  std::optional<uint32_t> gradient_flags, generator;
  std::vector<InstructionSet> instruction_sets;
};

/// Fills `parts` from `parts.descriptor`. Throws FileError on the first rule of abi.h that the descriptor breaks.
void read_descriptor(ProgramParts &parts);

/// Name of the one symbol kiln_program_* that a shared library exports, read from the file without running any of it. Throws
/// FileError when the file is not a whole shared library for this processor that exports exactly one.
std::string find_program_symbol(const std::string &path);

/// The instruction set that KILN_ISA names as `wanted`, on a processor that has `best`. Throws ValueError.
InstructionSet check_instruction_set(std::string_view wanted, InstructionSet best);

} // namespace kiln::runtime
