// libFuzzer target: any bytes as a .npy file. What is accepted is written and read again, and must be the same.
#include "fuzzed_file.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  const kiln::fuzz::FuzzedFile file(data, size);
  kiln::runtime::Tensor array;
  try {
    array = kiln::runtime::load_npy(file.path());
  } catch (const kiln::runtime::Error &) {
    return 0;
  }
  kiln::fuzz::touch(array);
  kiln::runtime::save_npy(kiln::fuzz::scratch_path(), array);
  kiln::fuzz::require_equal({{"array", array}}, {{"array", kiln::runtime::load_npy(kiln::fuzz::scratch_path())}});
  return 0;
}
