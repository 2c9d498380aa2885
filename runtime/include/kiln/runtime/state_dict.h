// StateDict: names and tensors in order, and loading one into a model with PyTorch's rules and texts.
//
// A StateDict shares the storage of its tensors: `model.state_dict()` is a window on the model, not a copy, as in PyTorch.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kiln/runtime/export.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

/// A map from names to tensors that keeps the order of insertion, as Python's dict does.
class KILN_API StateDict {
public:
  using value_type = std::pair<std::string, Tensor>;
  using const_iterator = std::vector<value_type>::const_iterator;

  StateDict() = default;
  StateDict(std::initializer_list<value_type> entries);

  /// Appends an entry; a name that is already there keeps its place and gets the new tensor.
  void insert(std::string name, Tensor tensor);
  /// Null when there is no such name.
  const Tensor *find(std::string_view name) const;
  /// Throws KeyError when there is no such name, with the nearest.
  const Tensor &at(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Removes a name; false when it was not there.
  bool erase(std::string_view name);
  void clear();

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  /// Names in order.
  std::vector<std::string> keys() const;
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

  /// Where a name is looked for, in the text of at()'s error; "in the state_dict" unless it is said to be elsewhere.
  void set_place(std::string place) { place_ = std::move(place); }

  /// The version that PyTorch keeps for a module ("net.1") in the `_metadata` of a state_dict; empty when there is none, as in
  /// every file but .pt. See copy_state_dict for the one rule that reads it.
  std::optional<int64_t> module_version(std::string_view module_path) const;
  void set_module_version(std::string module_path, int64_t version);
  const std::map<std::string, int64_t, std::less<>> &module_versions() const { return versions_; }

private:
  std::vector<value_type> entries_;
  std::map<std::string, std::size_t, std::less<>> index_; // into entries_
  std::map<std::string, int64_t, std::less<>> versions_;
  std::string place_ = "in the state_dict";
};

/// What loading found: names of the model that the source lacks, and names of the source that the model lacks.
struct KILN_API IncompatibleKeys {
  std::vector<std::string> missing_keys, unexpected_keys;
  bool empty() const { return missing_keys.empty() && unexpected_keys.empty(); }
  /// As PyTorch prints it: "<All keys matched successfully>", or both lists.
  std::string text() const;
  bool operator==(const IncompatibleKeys &) const = default;
};

/// Copies `source` into the tensors of `targets`, as `Module.load_state_dict` does: sizes must match, element types are converted,
/// a one-element vector may fill a scalar.
///
/// Collects every difference and throws one StateDictError with PyTorch's text, in PyTorch's order; nothing has changed then. With
/// `strict` false, missing and unexpected names are only returned; a size mismatch is an error still. `targets` are in state_dict
/// order; several names may share one tensor (tied weights).
///
/// BatchNorm's `num_batches_tracked` may be missing where the source has no module version of 2 or more, as in PyTorch: files from
/// before that buffer, and formats without versions, load.
///
/// `module_paths` are the model's modules in pre-order ("" for the root); they decide the order in which unexpected names are
/// listed. Without them the modules are those that appear in the names of `targets`.
KILN_API IncompatibleKeys copy_state_dict(const std::string &model_type, const StateDict &targets, const StateDict &source,
                                          bool strict = true, std::span<const std::string> module_paths = {});

} // namespace kiln::runtime
