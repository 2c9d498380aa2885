// Checkpoints: from the values of a pickle to a Value.
//
// In a pickle values refer to each other, so that a list may contain itself, or a few bytes stand for a list of lists that doubles at
// each level. A Value is a tree: the depth and, in proportion to the pickle's length, the size of what is built are bounded.
#include "concat.h"

#include "kiln/runtime/files.h"
#include "torch_pickle.h"

namespace kiln::runtime {

namespace {

using pickle::Pickle;
using pickle::ValueId;

class TreeBuilder {
public:
  TreeBuilder(const std::string &path, const Pickle &pickle)
      : path_(path), pickle_(pickle), budget_(value_budget(pickle)) {}

  Value build(ValueId id, int depth = 0) {
    if (depth > kMaxValueDepth)
      fail(concat({"values are nested more than ", kMaxValueDepth, " deep"}));
    spend(1);
    return std::visit([&](const auto &value) { return convert(value, depth); }, pickle_[id]);
  }

private:
  [[noreturn]] void fail(const std::string &rule) const { throw FileError(path_, "", rule); }

  void spend(std::size_t cost) {
    if (cost > budget_)
      fail("the pickle repeats its values too often");
    budget_ -= cost;
  }

  Value convert(const pickle::None &, int) { return {}; }
  Value convert(bool value, int) { return value; }
  Value convert(int64_t value, int) { return value; }
  Value convert(double value, int) { return value; }
  Value convert(const std::string &value, int) {
    spend(value.size());
    return value;
  }
  Value convert(const std::unique_ptr<Tensor> &value, int) { return *value; }
  Value convert(const pickle::Tuple &value, int depth) { return Value::Tuple{build_all(value.items, depth)}; }
  Value convert(const pickle::List &value, int depth) { return build_all(value.items, depth); }
  Value convert(const pickle::Dict &value, int depth) {
    Value::Dict result(value.ordered);
    for (const auto &[key, item] : value.items)
      result.set(build_key(key), build(item, depth + 1));
    if (value.attributes != pickle::kNoValue)
      result.attributes = std::make_shared<const Value>(build(value.attributes, depth + 1));
    return result;
  }
  Value convert(const pickle::Object &, int) { fail("expected a value, found an object of a TorchScript class"); }
  Value convert(const pickle::GlobalName &, int) { fail("expected a value, found a type"); }
  Value convert(const pickle::StorageRef &, int) { fail("expected a value, found a storage outside a tensor"); }

  std::vector<Value> build_all(const std::vector<ValueId> &ids, int depth) {
    std::vector<Value> result;
    for (ValueId id : ids)
      result.push_back(build(id, depth + 1));
    return result;
  }

  Value::Key build_key(ValueId id) {
    if (const auto *text = std::get_if<std::string>(&pickle_[id])) {
      spend(text->size());
      return *text;
    }
    if (const auto *number = std::get_if<int64_t>(&pickle_[id]))
      return *number;
    fail(concat({"a key of a dict is of type ", pickle::type_name(pickle_[id]), ", expected str or int"}));
  }

  const std::string &path_;
  const Pickle &pickle_;
  std::size_t budget_;
};

} // namespace

Value load_torch_value(const std::string &path) {
  const Pickle pickle = read_torch_pickle(MappedFile::open(path));
  return TreeBuilder(path, pickle).build(pickle.root);
}

} // namespace kiln::runtime
