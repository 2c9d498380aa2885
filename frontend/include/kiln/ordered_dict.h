// OrderedDict: names and values in order of insertion, as libtorch's.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kiln/runtime/error.h"

namespace kiln {

template <class Key, class Value> class OrderedDict {
public:
  /// An entry. Has libtorch's key() and value(), and decomposes: `for (const auto &[name, value] : dict)`.
  class Item : public std::pair<Key, Value> {
  public:
    using std::pair<Key, Value>::pair;
    const Key &key() const { return this->first; }
    Value &value() { return this->second; }
    const Value &value() const { return this->second; }
    const std::pair<Key, Value> &pair() const { return *this; }
    Value &operator*() { return this->second; }
    const Value &operator*() const { return this->second; }
    Value *operator->() { return &this->second; }
    const Value *operator->() const { return &this->second; }
  };

  explicit OrderedDict(std::string key_description = "Key") : key_description_(std::move(key_description)) {}

  /// Throws KeyError when the key is there already.
  Value &insert(Key key, Value value) {
    if (!index_.emplace(key, items_.size()).second)
      throw runtime::KeyError(key_description_ + " '" + key + "' already defined");
    items_.emplace_back(std::move(key), std::move(value));
    return items_.back().value();
  }
  /// Null when the key is not there.
  Value *find(const Key &key) {
    auto found = index_.find(key);
    return found == index_.end() ? nullptr : &items_[found->second].value();
  }
  const Value *find(const Key &key) const { return const_cast<OrderedDict *>(this)->find(key); }
  bool contains(const Key &key) const { return index_.count(key) != 0; }
  /// Throws KeyError when the key is not there.
  Value &operator[](const Key &key) {
    if (Value *value = find(key))
      return *value;
    throw runtime::KeyError(key_description_ + " '" + key + "' is not defined");
  }
  const Value &operator[](const Key &key) const { return const_cast<OrderedDict &>(*this)[key]; }
  /// False when the key was not there.
  bool erase(const Key &key) {
    auto found = index_.find(key);
    if (found == index_.end())
      return false;
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(found->second));
    index_.clear();
    for (std::size_t i = 0; i < items_.size(); ++i)
      index_.emplace(items_[i].key(), i);
    return true;
  }
  void clear() {
    items_.clear();
    index_.clear();
  }

  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  std::size_t size() const { return items_.size(); }
  bool is_empty() const { return items_.empty(); }
  const std::vector<Item> &items() const { return items_; }
  std::vector<Key> keys() const {
    std::vector<Key> result;
    for (const Item &item : items_)
      result.push_back(item.key());
    return result;
  }
  std::vector<Value> values() const {
    std::vector<Value> result;
    for (const Item &item : items_)
      result.push_back(item.value());
    return result;
  }
  std::vector<std::pair<Key, Value>> pairs() const { return std::vector<std::pair<Key, Value>>(items_.begin(), items_.end()); }

private:
  std::vector<Item> items_;
  std::unordered_map<Key, std::size_t> index_; // into items_
  std::string key_description_;
};

} // namespace kiln
