// What the handles of one program share, and the two steps that make it: finding a descriptor in a file, and checking it.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "kiln/runtime/program.h"

namespace kiln::runtime {

/// The struct of a descriptor at `from`, as this version knows it: what an earlier version's struct lacks at its end is zero, what a
/// later one has more is left out.
template <class T> T read_struct(const void *from) {
  uint32_t size;
  std::memcpy(&size, from, sizeof size); // what every struct begins with
  T result{};
  std::memcpy(&result, from, std::min<std::size_t>(size, sizeof result));
  return result;
}

/// A checked descriptor in readable form. Text and arrays point into the artifact, structs are copies.
struct ProgramParts {
  std::shared_ptr<void> library; ///< of dlopen, null for a linked-in program; destroyed last
  std::string origin;
  kiln_program descriptor{};
  std::deque<kiln_function> function_structs; ///< what Function::descriptor points to
  std::deque<kiln_prepare> prepare_structs;
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
  std::optional<CudaCode> cuda;
};

/// Fills `parts`, whose origin is known, from `descriptor`. Throws FileError on the first rule of abi.h that the descriptor breaks.
void read_descriptor(ProgramParts &parts, const kiln_program *descriptor);

/// Name of the one symbol kiln_program_* that a shared library exports, read from the file without running any of it. Throws
/// FileError when the file is not a whole shared library for this processor that exports exactly one.
std::string find_program_symbol(const std::string &path);

/// The instruction set that KILN_ISA names as `wanted`, on a processor that has `best`. Throws ValueError.
InstructionSet check_instruction_set(std::string_view wanted, InstructionSet best);

} // namespace kiln::runtime
