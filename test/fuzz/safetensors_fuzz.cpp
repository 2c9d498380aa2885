// libFuzzer target: any bytes as a safetensors file. What is accepted is written and read again, and must be the same.
#include "fuzzed_file.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  const kiln::fuzz::FuzzedFile file(data, size);
  kiln::runtime::StateDict tensors;
  std::map<std::string, std::string> metadata;
  try {
    tensors = kiln::runtime::load_safetensors(file.path(), &metadata);
  } catch (const kiln::runtime::Error &) {
    return 0;
  }
  kiln::fuzz::touch(tensors);
  kiln::runtime::save_safetensors(kiln::fuzz::scratch_path(), tensors, metadata);
  std::map<std::string, std::string> again;
  kiln::fuzz::require_equal(tensors, kiln::runtime::load_safetensors(kiln::fuzz::scratch_path(), &again));
  kiln::fuzz::require(metadata == again, "other metadata comes back than was written");
  return 0;
}
