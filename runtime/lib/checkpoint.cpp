// Checkpoints in files: a Model's checkpoint with the place of the training loop beside it.
#include "kiln/runtime/checkpoint.h"

#include "concat.h"
#include "kiln/runtime/files.h"

namespace kiln::runtime {

namespace {

template <class T> const T &entry(const Value::Dict &dict, const char *key) {
  const Value *value = dict.find(key);
  const auto *found = value ? value->get_if<T>() : nullptr;
  if (!found)
    throw KeyError(concat({"'", key, "'\n  'kiln.train' of the checkpoint has no such entry"}));
  return *found;
}

const Value::Dict *dict_under(const Value &value, const char *key) {
  const auto *dict = value.get_if<Value::Dict>();
  const Value *found = dict ? dict->find(key) : nullptr;
  return found ? found->get_if<Value::Dict>() : nullptr;
}

std::optional<TrainingProgress> progress_of(const Value &checkpoint) {
  const auto *dict = checkpoint.get_if<Value::Dict>();
  const Value *kiln = dict ? dict->find("kiln") : nullptr;
  const auto *train = kiln ? dict_under(*kiln, "train") : nullptr;
  if (!train)
    return std::nullopt;
  TrainingProgress result{entry<int64_t>(*train, "epoch"), static_cast<uint64_t>(entry<int64_t>(*train, "seed")),
                          entry<std::string>(*train, "shuffle")};
  if (train->find("batch_size")) // earlier versions did not say
    result.batch_size = entry<int64_t>(*train, "batch_size");
  if (result.epoch < 0)
    throw ValueError("'kiln.train' of the checkpoint: epoch is " + std::to_string(result.epoch));
  return result;
}

/// Throws the error again with the file's name at its end.
template <class E> [[noreturn]] void name_file(const E &error, const std::string &path) {
  throw E(concat({error.what(), "\n  checkpoint: ", path}));
}

} // namespace

void save_checkpoint(const std::string &path, const Model &model, const std::optional<TrainingProgress> &progress) {
  Value checkpoint = model.checkpoint();
  if (progress) {
    Value *kiln = checkpoint.get_if<Value::Dict>()->find("kiln");
    kiln->get_if<Value::Dict>()->set("train", Value::Dict{{"epoch", progress->epoch},
                                                          {"seed", static_cast<int64_t>(progress->seed)},
                                                          {"shuffle", progress->shuffle},
                                                          {"batch_size", progress->batch_size}});
  }
  save_torch(path, checkpoint);
}

std::optional<TrainingProgress> load_checkpoint(const std::string &path, Model &model, bool ignore_fingerprint) {
  const Value checkpoint = load_torch_value(path);
  try {
    const auto progress = progress_of(checkpoint);
    model.load_checkpoint(checkpoint, ignore_fingerprint);
    return progress;
  } catch (const StateDictError &error) {
    name_file(error, path);
  } catch (const KeyError &error) {
    name_file(error, path);
  } catch (const TypeError &error) {
    name_file(error, path);
  } catch (const ValueError &error) {
    name_file(error, path);
  }
}

void save_weights(const std::string &path, const Model &model) {
  if (path.ends_with(".pt"))
    return save_torch(path, model.snapshot());
  if (!path.ends_with(".safetensors"))
    throw ValueError(concat({"'", path, "': expected a file that ends in .safetensors or .pt"}));
  save_safetensors(path, model.snapshot(), {{"format", "pt"}, {"kiln.fingerprint", std::string(model.program().fingerprint())}});
}

} // namespace kiln::runtime
