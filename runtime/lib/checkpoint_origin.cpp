// What a checkpoint says of the program that wrote it.
#include "checkpoint_origin.h"

namespace kiln::runtime {

namespace {

const Value::Dict *dict_at(const Value::Dict *dict, const char *key) {
  const Value *found = dict ? dict->find(key) : nullptr;
  return found ? found->get_if<Value::Dict>() : nullptr;
}

/// The text under a key; "" where there is none.
std::string text_at(const Value::Dict *dict, const std::string &key) {
  const Value *found = dict ? dict->find(key) : nullptr;
  const auto *text = found ? found->get_if<std::string>() : nullptr;
  return text ? *text : "";
}

std::string one_line(const ModuleEntry &module) {
  std::string text = module.type + "(";
  for (char letter : module.extra_repr)
    text += letter == '\n' ? std::string(" ") : std::string(1, letter);
  return text + ")";
}

/// What the options of the first group are those of; "" where they are nobody's.
std::string type_by_options(const Value &source) {
  const Value::Dict *state = source.get_if<Value::Dict>();
  const Value *entry = state ? state->find("param_groups") : nullptr;
  const Value::List *groups = entry ? entry->items() : nullptr;
  const Value::Dict *group = groups && !groups->empty() ? groups->front().get_if<Value::Dict>() : nullptr;
  if (!group)
    return "";
  return group->find("betas") ? "Adam" : group->find("momentum") ? "SGD" : "";
}

/// Adam and AdamW keep the same values.
bool keep_the_same(const std::string &a, const std::string &b) { return (a == "SGD") == (b == "SGD"); }

} // namespace

Value::Dict describe_origin(const Program &program) {
  Value::Dict result{{"fingerprint", std::string(program.fingerprint())}, {"program", std::string(program.name())}};
  Value::Dict modules, optimizers;
  for (const ModuleEntry &module : program.modules())
    modules.set(module.path, one_line(module));
  for (const OptimizerDescription &optimizer : program.optimizers())
    optimizers.set(std::string(optimizer.name), std::string(optimizer.type));
  result.set("modules", std::move(modules));
  if (!optimizers.empty())
    result.set("optimizers", std::move(optimizers));
  return result;
}

std::string module_differences(const Program &program, const Value::Dict &own) {
  const Value::Dict *modules = dict_at(&own, "modules");
  if (!modules)
    return "\n  a fingerprint covers modules with their options, names, shapes and dtypes of their state, and the parameters of "
           "optimizers";
  std::string result;
  auto add = [&](const std::string &path, const std::string &found, const std::string &expected) {
    const std::string what = path.empty() ? "the model" : "module '" + path + "'";
    result += "\n  " + what + " is " + found + ", expected " + expected;
  };
  for (const ModuleEntry &module : program.modules()) {
    const std::string found = text_at(modules, module.path), expected = one_line(module);
    if (found != expected)
      add(module.path, found.empty() ? "missing" : found, expected);
  }
  for (const auto &[key, value] : *modules) {
    const auto *path = std::get_if<std::string>(&key);
    bool known = !path;
    for (const ModuleEntry &module : program.modules())
      known = known || module.path == *path;
    if (!known)
      add(*path, text_at(modules, *path), "none");
  }
  return result.empty() ? "\n  modules are the same: dtypes or ties of their state differ, or the parameters of optimizers" : result;
}

std::string type_difference(const OptimizerDescription &optimizer, const Value::Dict *own) {
  const std::string found = text_at(dict_at(own, "optimizers"), std::string(optimizer.name)), expected(optimizer.type);
  return found.empty() || found == expected ? "" : "\n  type is " + found + ", expected " + expected;
}

void check_optimizer_kind(const OptimizerDescription &optimizer, const Value &source, const Value::Dict *own) {
  const std::string written = text_at(dict_at(own, "optimizers"), std::string(optimizer.name)), expected(optimizer.type);
  const std::string found = written.empty() ? type_by_options(source) : written;
  if (found.empty() || keep_the_same(found, expected))
    return;
  throw ValueError("the checkpoint is of another optimizer\n  found:    " + found + "\n  expected: " + expected + "\n  optimizer: " +
                   std::string(optimizer.name) + "\n  what one keeps means nothing to the other: build the program with " + found +
                   ", or begin with the checkpoint's weights alone (--weights=FILE --key=model)");
}

} // namespace kiln::runtime
