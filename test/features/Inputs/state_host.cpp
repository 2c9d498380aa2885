// A host that treats a compiled model's state as PyTorch's: state_dict, load_state_dict, strict and not.
//
//   state_host ARTIFACT WEIGHTS OTHER_MODELS_WEIGHTS COPY
#include <cstdio>
#include <cstring>

#include <kiln/runtime/files.h>
#include <kiln/runtime/model.h>

using namespace kiln::runtime;

static bool same(const StateDict &a, const StateDict &b) {
  if (a.keys() != b.keys())
    return false;
  for (const auto &[name, tensor] : a)
    if (tensor.dtype() != b.at(name).dtype() || tensor.nbytes() != b.at(name).nbytes() ||
        std::memcmp(tensor.data(), b.at(name).contiguous().data(), tensor.nbytes()) != 0)
      return false;
  return true;
}

int main(int, char **argv) {
  Model model(Program::load(argv[1]));
  const StateDict trained = load(argv[2]), other = load(argv[3]);

  std::printf("%s\n", model.load_state_dict(trained).text().c_str());
  std::printf("the model has the file's values, in the file's order: %s\n", same(model.state_dict(), trained) ? "yes" : "no");

  try {
    model.load_state_dict(other);
  } catch (const StateDictError &error) {
    std::printf("strict: %.*s\n", static_cast<int>(std::strcspn(error.what(), "\n")), error.what());
  }
  std::printf("nothing has changed: %s\n", same(model.state_dict(), trained) ? "yes" : "no");

  const IncompatibleKeys keys = model.load_state_dict(other, /*strict=*/false);
  std::printf("not strict: %zu missing, %zu unexpected\n", keys.missing_keys.size(), keys.unexpected_keys.size());

  save_safetensors(argv[4], model.state_dict());
  std::printf("read back: %s\n", same(load(argv[4]), trained) ? "equal" : "different");
}
