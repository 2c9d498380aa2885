// Value: what a checkpoint is made of. None, booleans, integers, floats, text, tensors, and lists, tuples and dicts of values.
//
// A Value is what Python would hold: a tensor in it shares its storage, everything else is the value's own. Dicts keep the order of
// insertion and have keys of text or integers, as the state_dict of an optimizer has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kiln/runtime/export.h"
#include "kiln/runtime/program.h"
#include "kiln/runtime/state_dict.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

class KILN_API Value {
public:
  using Key = std::variant<std::string, int64_t>;
  using List = std::vector<Value>;
  struct Tuple {
    std::vector<Value> items;
  };
  struct Item;
  class Dict;

  Value(); // None
  Value(bool value);
  Value(int value) : Value(static_cast<int64_t>(value)) {}
  Value(int64_t value);
  Value(double value);
  Value(const char *value) : Value(std::string(value)) {}
  Value(std::string value);
  Value(Tensor value);
  Value(List value);
  Value(Tuple value);
  Value(Dict value);
  /// An optimizer's option; several numbers become a tuple.
  explicit Value(const OptionValue &value);
  Value(const Value &);
  Value(Value &&) noexcept;
  Value &operator=(const Value &);
  Value &operator=(Value &&) noexcept;
  ~Value();

  bool is_none() const;
  /// Null when the value is of another type. T: bool, int64_t, double, std::string, Tensor, List, Tuple, Dict.
  template <class T> const T *get_if() const;
  template <class T> T *get_if() { return const_cast<T *>(std::as_const(*this).template get_if<T>()); }
  /// The number that a bool, an int, a float or a tensor of one element is; none for other values.
  std::optional<double> number() const;
  /// The items of a list or a tuple; null for other values.
  const List *items() const;
  /// Python's name of the type: "NoneType", "int", "dict", "Tensor", ...
  const char *type_name() const;
  /// As Python prints it, tensors by shape alone and long values cut short; for messages.
  std::string text() const;

private:
  struct Content;
  std::unique_ptr<Content> content_; // null: None
};

struct Value::Item {
  Key key;
  Value value;
};

/// A dict in the order of insertion.
class KILN_API Value::Dict {
public:
  /// `ordered`: Python's collections.OrderedDict, which state_dicts are; else a plain dict.
  explicit Dict(bool ordered = false) : ordered(ordered) {}
  Dict(std::initializer_list<std::pair<Key, Value>> items);

  /// Appends an entry; a key that is already there keeps its place and gets the new value.
  void set(Key key, Value value);
  /// Null when there is no such key.
  const Value *find(const Key &key) const;
  Value *find(const Key &key) { return const_cast<Value *>(std::as_const(*this).find(key)); }
  bool contains(const Key &key) const { return find(key) != nullptr; }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  std::vector<Item>::const_iterator begin() const { return items_.begin(); }
  std::vector<Item>::const_iterator end() const { return items_.end(); }

  bool ordered = false;
  /// Attributes of an OrderedDict: a dict, such as {"_metadata": ...} of a state_dict. Null: none.
  std::shared_ptr<const Value> attributes;

private:
  std::vector<Item> items_;
  std::map<Key, std::size_t> index_; // into items_
};

/// The state_dict as PyTorch keeps it: an OrderedDict of tensors that are shared, not copied, with module versions as `_metadata`.
KILN_API Value to_value(const StateDict &tensors);
/// The other way. `what` names the value in messages. Throws TypeError unless it is a dict from text to tensors.
KILN_API StateDict to_state_dict(const Value &value, const std::string &what = "the state_dict");

} // namespace kiln::runtime
