// The names of a recorded program while they are settled.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "program_recorder.h"

namespace kiln::detail {

struct ProgramRecorder::Layout {
  recording::Recording recording;
  std::vector<nn::detail::PathModule> modules; // as RecordedProgram::modules; null for the container of named models
  std::unordered_map<const nn::Module *, std::size_t> module_of; // first place in `modules`
  std::unordered_map<const runtime::Storage *, std::string> state_path;
  std::set<int32_t> read_states;

  /// A path for a state: `wanted`, or with a number behind it where that is taken. What training adds so never meets a parameter of
  /// the same name, nor a state a function; the names in state_dict are recorded beside the paths and stay what they are.
  std::string fresh_path(const std::string &wanted) {
    std::string path = wanted;
    for (int number = 1; !taken.insert(path).second; ++number)
      path = wanted + "_" + std::to_string(number);
    return path;
  }
  std::unordered_set<std::string> taken; // paths of states and names of functions, which share a namespace in the IR

  // Training.
  std::vector<std::string> training_path;   // by index of TrainingStates; "" for what is no state of its own
  std::map<int32_t, int64_t> gradient_flag; // by parameter: of gradients that outlive a call
};

} // namespace kiln::detail
