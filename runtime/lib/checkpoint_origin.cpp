// What a checkpoint says of the program that wrote it.
#include "checkpoint_origin.h"

#include <set>

#include "concat.h"
#include "foreign_text.h"

namespace kiln::runtime {

namespace {

const Value::Dict *dict_at(const Value::Dict *dict, const char *key) {
  const Value *found = dict ? dict->find(key) : nullptr;
  return found ? found->get_if<Value::Dict>() : nullptr;
}

/// An entry that should be text: "missing", "unreadable", or what it says.
std::string text_of(const Value *entry) {
  const auto *text = entry ? entry->get_if<std::string>() : nullptr;
  return text ? *text : entry ? "unreadable" : "missing";
}

/// What the checkpoint says that the optimizer is; null where it says nothing, as PyTorch's don't. It may be no text.
const Value *type_at(const Value::Dict *own, std::string_view optimizer) {
  const Value *types = own ? own->find("optimizers") : nullptr;
  const auto *dict = types ? types->get_if<Value::Dict>() : nullptr;
  return dict ? dict->find(std::string(optimizer)) : types;
}

std::string one_line(const ModuleEntry &module) {
  std::string text = module.type + "(";
  for (char letter : module.extra_repr)
    text += letter == '\n' ? std::string(" ") : std::string(1, letter);
  return text + ")";
}

/// What the options of the first group are those of, by one that no other optimizer of PyTorch's has; "" where they are nobody's.
std::string type_by_options(const Value &source) {
  const Value::Dict *state = source.get_if<Value::Dict>();
  const Value *entry = state ? state->find("param_groups") : nullptr;
  const Value::List *groups = entry ? entry->items() : nullptr;
  const Value::Dict *group = groups && !groups->empty() ? groups->front().get_if<Value::Dict>() : nullptr;
  if (!group)
    return "";
  return group->find("amsgrad") ? "Adam" : group->find("dampening") ? "SGD" : "";
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

namespace {

/// Lines of differences, of which the first ones are shown.
class Differences {
public:
  void add(const std::string &what, const std::string &found, const std::string &expected) {
    if (count_++ < kShown)
      lines_ += concat({"\n  ", what, " is ", shown(found), ", expected ", expected});
  }
  std::string text() const { return count_ > kShown ? concat({lines_, "\n  and ", count_ - kShown, " more"}) : lines_; }

private:
  static constexpr std::size_t kShown = 3;
  std::string lines_;
  std::size_t count_ = 0;
};

std::string module_named(const std::string &path) { return path.empty() ? "the model" : "module " + in_quotes(path); }

void add_modules(const Program &program, const Value::Dict &modules, Differences &differences) {
  std::set<std::string> paths;
  for (const ModuleEntry &module : program.modules()) {
    paths.insert(module.path);
    if (const std::string found = text_of(modules.find(module.path)), expected = one_line(module); found != expected)
      differences.add(module_named(module.path), found, expected);
  }
  for (const auto &[key, value] : modules)
    if (const auto *path = std::get_if<std::string>(&key); path && !paths.contains(*path))
      differences.add(module_named(*path), text_of(&value), "none");
}

void add_optimizers(const Program &program, const Value::Dict &checkpoint, const Value::Dict &own, Differences &differences) {
  std::set<std::string> names;
  for (const OptimizerDescription &optimizer : program.optimizers()) {
    const std::string &name = *names.emplace(optimizer.name).first;
    if (!checkpoint.find(name))
      differences.add(concat({"optimizer '", name, "'"}), "missing", std::string(optimizer.type));
  }
  if (const Value::Dict *types = dict_at(&own, "optimizers"))
    for (const auto &[key, value] : *types)
      if (const auto *name = std::get_if<std::string>(&key); name && !names.contains(*name))
        differences.add("optimizer " + in_quotes(*name), text_of(&value), "none");
}

} // namespace

std::string origin_differences(const Program &program, const Value::Dict &checkpoint, const Value::Dict &own) {
  Differences differences;
  const Value::Dict *modules = dict_at(&own, "modules");
  if (modules)
    add_modules(program, *modules, differences);
  add_optimizers(program, checkpoint, own, differences);
  if (const std::string text = differences.text(); !text.empty())
    return text;
  return modules ? "\n  modules are the same: dtypes or ties of their state differ, or the parameters of optimizers"
                 : "\n  a fingerprint covers modules with their options, names, shapes and dtypes of their state, and the parameters of "
                   "optimizers";
}

std::string origin_text(const Program &program, const Value::Dict &own) {
  const Value *name = own.find("program");
  const auto *text = name ? name->get_if<std::string>() : nullptr;
  return concat({"the checkpoint ", (text && *text != program.name() ? concat({"of program ", in_quotes(*text), " "}) : ""),
                 "is of another architecture than program '", program.name(), "'"});
}

std::string type_difference(const OptimizerDescription &optimizer, const Value::Dict *own) {
  const Value *type = type_at(own, optimizer.name);
  const std::string found = text_of(type), expected(optimizer.type);
  return !type || found == expected ? "" : concat({"\n  type is ", shown(found), ", expected ", expected});
}

void check_optimizer_kind(const OptimizerDescription &optimizer, const Value &source, const Value::Dict *own) {
  const Value *type = type_at(own, optimizer.name);
  const auto *written = type ? type->get_if<std::string>() : nullptr;
  const std::string found = written ? *written : type_by_options(source), expected(optimizer.type);
  if (found.empty() || keep_the_same(found, expected))
    return;
  throw ValueError(
      concat({"the checkpoint is of another optimizer\n  found:    ", shown(found), "\n  expected: ", expected,
              "\n  optimizer: ", optimizer.name, "\n  what one keeps means nothing to the other: build the program with ",
              shown(found), ", or begin with the checkpoint's weights alone (--weights=FILE --key=model)"}));
}

} // namespace kiln::runtime
