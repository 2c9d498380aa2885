// Where a model runs.
#include "device_model.h"

#include <cstdlib>
#include <string>

#include "concat.h"

namespace kiln::runtime {

DeviceChoice choose_device(const Program &program, std::string_view wanted) {
  std::string_view source = "ModelOptions::device";
  if (const char *variable = std::getenv("KILN_DEVICE"); wanted.empty() && variable != nullptr) {
    wanted = variable;
    source = "KILN_DEVICE";
  }
  const std::string said = concat({"\n  in ", source, "; expected cpu, cuda or cuda:N"});
  if (wanted.empty())
    return {program.cuda() != nullptr, 0};
  const std::string_view kind = wanted.substr(0, wanted.find(':'));
  if (kind != "cpu" && kind != "cuda")
    throw ValueError(concat({"Expected one of cpu, cuda device type at start of device string: ", wanted, said}));
  DeviceChoice choice{kind == "cuda", 0};
  if (kind.size() != wanted.size()) {
    const std::string_view digits = wanted.substr(kind.size() + 1);
    if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string_view::npos)
      throw ValueError(concat({"Invalid device string: '", wanted, "'", said}));
    choice.index = std::atoi(std::string(digits).c_str());
  }
  if (choice.is_cuda && program.cuda() == nullptr)
    throw ValueError(concat({"program '", program.name(), "' (", program.origin(),
                             ") holds no code for CUDA\n  build it with --target=cuda:sm_80 (the architecture of the device)"}));
  return choice;
}

} // namespace kiln::runtime
