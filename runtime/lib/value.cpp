// Value and its conversions from and to StateDict.
#include "kiln/runtime/value.h"

#include <array>
#include <charconv>
#include <type_traits>

#include "concat.h"
#include "foreign_text.h"

namespace kiln::runtime {

struct Value::Content {
  std::variant<bool, int64_t, double, std::string, Tensor, List, Tuple, Dict> value;
};

Value::Value() = default;
Value::Value(bool value) : content_(new Content{value}) {}
Value::Value(int64_t value) : content_(new Content{value}) {}
Value::Value(double value) : content_(new Content{value}) {}
Value::Value(std::string value) : content_(new Content{std::move(value)}) {}
Value::Value(Tensor value) : content_(new Content{std::move(value)}) {}
Value::Value(List value) : content_(new Content{std::move(value)}) {}
Value::Value(Tuple value) : content_(new Content{std::move(value)}) {}
Value::Value(Dict value) : content_(new Content{std::move(value)}) {}
Value::Value(const OptionValue &option)
    : Value(std::visit(
          []<class T>(const T &value) -> Value {
            if constexpr (std::is_same_v<T, std::monostate>)
              return {};
            else if constexpr (std::is_same_v<T, std::vector<double>>)
              return Tuple{List(value.begin(), value.end())};
            else
              return value;
          },
          option)) {}
Value::Value(const Value &other) : content_(other.content_ ? new Content(*other.content_) : nullptr) {}
Value::Value(Value &&) noexcept = default;
Value &Value::operator=(const Value &other) { return *this = Value(other); }
Value &Value::operator=(Value &&) noexcept = default;
Value::~Value() = default;

bool Value::is_none() const { return content_ == nullptr; }

template <class T> const T *Value::get_if() const { return content_ ? std::get_if<T>(&content_->value) : nullptr; }
template KILN_API const bool *Value::get_if() const;
template KILN_API const int64_t *Value::get_if() const;
template KILN_API const double *Value::get_if() const;
template KILN_API const std::string *Value::get_if() const;
template KILN_API const Tensor *Value::get_if() const;
template KILN_API const Value::List *Value::get_if() const;
template KILN_API const Value::Tuple *Value::get_if() const;
template KILN_API const Value::Dict *Value::get_if() const;

std::optional<double> Value::number() const {
  if (const bool *value = get_if<bool>())
    return *value;
  if (const int64_t *value = get_if<int64_t>())
    return static_cast<double>(*value);
  if (const double *value = get_if<double>())
    return *value;
  if (const Tensor *value = get_if<Tensor>(); value && value->defined() && value->numel() == 1)
    return value->to(DType::Float64).item<double>();
  return std::nullopt;
}

const Value::List *Value::items() const {
  if (const Tuple *tuple = get_if<Tuple>())
    return &tuple->items;
  return get_if<List>();
}

const char *Value::type_name() const {
  static constexpr std::array kNames = {"bool", "int", "float", "str", "Tensor", "list", "tuple", "dict"};
  static_assert(kNames.size() == std::variant_size_v<decltype(Content::value)>);
  return content_ ? kNames[content_->value.index()] : "NoneType";
}

namespace {

/// The shortest text that reads back as the same float, with Python's mark of a float.
std::string float_text(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  return text.find_first_not_of("-0123456789") == text.npos ? text + ".0" : text;
}

void append(std::string &text, const Value &value);

/// Items of a list, and of lists in it: the first few of each, and no more where the whole text has become long.
void append_items(std::string &text, const Value::List &items) {
  constexpr std::size_t kShown = 6, kLongest = 200;
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += i == 0 ? "" : ", ";
    if (i == kShown || text.size() > kLongest) {
      text += "...";
      return;
    }
    append(text, items[i]);
  }
}

void append(std::string &text, const Value &value) {
  if (value.is_none())
    text += "None";
  else if (const bool *truth = value.get_if<bool>())
    text += *truth ? "True" : "False";
  else if (const int64_t *number = value.get_if<int64_t>())
    text += std::to_string(*number);
  else if (const double *number = value.get_if<double>())
    text += float_text(*number);
  else if (const std::string *words = value.get_if<std::string>())
    text += in_quotes(*words);
  else if (const Tensor *tensor = value.get_if<Tensor>())
    text += "Tensor of shape " + (tensor->defined() ? tensor->shape_text() : "undefined");
  else if (const Value::Dict *dict = value.get_if<Value::Dict>())
    text += "dict of " + std::to_string(dict->size()) + " items";
  else {
    const bool is_tuple = value.get_if<Value::Tuple>() != nullptr;
    text += is_tuple ? "(" : "[";
    append_items(text, *value.items());
    text += !is_tuple ? "]" : value.items()->size() == 1 ? ",)" : ")";
  }
}

} // namespace

std::string Value::text() const {
  std::string text;
  append(text, *this);
  return text;
}

//===----------------------------------------------------------------------===//
// Dict
//===----------------------------------------------------------------------===//

Value::Dict::Dict(std::initializer_list<std::pair<Key, Value>> items) {
  for (const auto &[key, value] : items)
    set(key, value);
}

void Value::Dict::set(Key key, Value value) {
  const auto [place, added] = index_.try_emplace(key, items_.size());
  if (added)
    items_.push_back({std::move(key), std::move(value)});
  else
    items_[place->second].value = std::move(value);
}

const Value *Value::Dict::find(const Key &key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &items_[found->second].value;
}

//===----------------------------------------------------------------------===//
// State dicts
//===----------------------------------------------------------------------===//

Value to_value(const StateDict &tensors) {
  Value::Dict result(/*ordered=*/true);
  for (const auto &[name, tensor] : tensors)
    result.set(name, tensor);
  Value::Dict versions(/*ordered=*/true);
  for (const auto &[module, version] : tensors.module_versions())
    versions.set(module, Value::Dict{{"version", version}});
  if (!versions.empty())
    result.attributes = std::make_shared<const Value>(Value::Dict{{"_metadata", std::move(versions)}});
  return result;
}

namespace {

void read_versions(const Value::Dict &dict, StateDict &result) {
  const auto *attributes = dict.attributes ? dict.attributes->get_if<Value::Dict>() : nullptr;
  const Value *metadata = attributes ? attributes->find("_metadata") : nullptr;
  const auto *modules = metadata ? metadata->get_if<Value::Dict>() : nullptr;
  if (!modules)
    return;
  for (const auto &[key, facts] : *modules) {
    const auto *entries = facts.get_if<Value::Dict>();
    const Value *version = entries ? entries->find("version") : nullptr;
    const auto *path = std::get_if<std::string>(&key);
    if (const auto *number = version ? version->get_if<int64_t>() : nullptr; path && number)
      result.set_module_version(*path, *number);
  }
}

} // namespace

StateDict to_state_dict(const Value &value, const std::string &what) {
  const auto *dict = value.get_if<Value::Dict>();
  if (!dict)
    throw TypeError(concat(
        {"Expected state_dict to be dict-like, got <class '", value.type_name(), "'>.\n  ", what, " is no dict of tensors"}));
  StateDict result;
  for (const auto &[key, item] : *dict) {
    const auto *name = std::get_if<std::string>(&key);
    const auto *tensor = item.get_if<Tensor>();
    if (!name)
      throw TypeError(concat({what, ": the key ", std::get<int64_t>(key), " is of type int, expected str"}));
    if (!tensor)
      throw TypeError(concat({what, ": ", in_quotes(*name), " is of type ", item.type_name(), ", expected Tensor"}));
    result.insert(*name, *tensor);
  }
  read_versions(*dict, result);
  return result;
}

} // namespace kiln::runtime
