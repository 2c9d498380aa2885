// A safetensors file that is mapped already. Internal.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "file_io.h"
#include "kiln/runtime/state_dict.h"

namespace kiln::runtime {

/// What load_safetensors does.
StateDict read_safetensors(const std::shared_ptr<MappedFile> &file, std::map<std::string, std::string> *metadata = nullptr);

} // namespace kiln::runtime
