// A reader of the pickles that torch.save writes. It builds plain values and tensors; it never runs anything. Internal.
//
// A pickle is a program for a stack machine. Of its instructions only those that torch.save and torch.jit.save emit are known
// (protocol 2), and of the functions and classes it may name only those of a state_dict, each built in here; an object of a
// TorchScript class is its attributes, whatever the class. Values live in one arena and refer to each other
// by index: a value may contain itself, nesting costs no recursion, and memory is bounded by the pickle's length.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kiln/runtime/tensor.h"

namespace kiln::runtime::pickle {

using ValueId = uint32_t;
constexpr ValueId kNoValue = UINT32_MAX;

struct None {};
struct Tuple {
  std::vector<ValueId> items;
};
struct List {
  std::vector<ValueId> items;
};
struct Dict {
  std::vector<std::pair<ValueId, ValueId>> items;
  bool ordered = false;          // collections.OrderedDict
  ValueId attributes = kNoValue; // a dict, of an OrderedDict that had attributes
};
/// An object of a TorchScript class: a module.
struct Object {
  ValueId attributes = kNoValue; // a dict, once it is built
};
/// Functions and classes that a pickle may name.
enum class Global : uint8_t {
  OrderedDict,
  RebuildTensor,
  RebuildTensorV2,
  RebuildParameter,
  RestoreTypeTag,
  BuildList, // TorchScript's lists of one element type
  TypedStorage,
  UntypedStorage,
  ScriptClass, // any of the namespace __torch__
};
struct GlobalName {
  Global global;
  DType dtype; // of a TypedStorage
};
/// A storage, or the elements of one from `offset` to `offset + numel`.
struct StorageRef {
  std::shared_ptr<Storage> storage;
  DType dtype;
  int64_t offset = 0, numel = 0;
};

using Value = std::variant<None, bool, int64_t, double, std::string, Tuple, List, Dict, Object, GlobalName, StorageRef,
                           std::unique_ptr<Tensor>>;

/// Python's name of a value's type: "dict", "int", "Tensor", ...
const char *type_name(const Value &value);

/// All values of one pickle.
struct Pickle {
  std::vector<Value> values;
  ValueId root = kNoValue;
  std::size_t bytes = 0; // that it was read from
  const Value &operator[](ValueId id) const { return values[id]; }
};

/// Finds the storage `key` with `numel` elements of `dtype`. Throws FileError.
using StorageLoader = std::function<std::shared_ptr<Storage>(const std::string &key, DType dtype, int64_t numel)>;

/// Reads `data`, an entry named `entry` of the file `path`. Throws FileError naming the offset in the entry and the rule.
Pickle read(const std::string &path, const std::string &entry, std::span<const std::byte> data,
            const StorageLoader &load_storage);

/// Reads the pickle at `begin` of the file `path`, whose bytes are `data`; others follow it. It may refer to parts of storages, as
/// files from before PyTorch 1.6 do. Throws FileError naming the offset in the file and the rule.
Pickle read_at(const std::string &path, std::span<const std::byte> data, std::size_t begin, const StorageLoader &load_storage);

} // namespace kiln::runtime::pickle
