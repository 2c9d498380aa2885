// libFuzzer target: any bytes as a file of weights in any format, and as whatever else torch.save writes.
#include "fuzzed_file.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  const kiln::fuzz::FuzzedFile file(data, size);
  try {
    kiln::fuzz::touch(kiln::runtime::load(file.path()));
  } catch (const kiln::runtime::Error &) {
  }
  try {
    kiln::fuzz::touch(kiln::runtime::load_torch_value(file.path()));
  } catch (const kiln::runtime::Error &) {
  }
  return 0;
}
