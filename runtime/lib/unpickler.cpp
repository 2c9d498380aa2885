// The stack machine of pickle protocol 2, as far as torch.save and torch.jit.save use it.
#include "unpickler.h"

#include <bit>
#include <cstring>
#include <unordered_map>

#include "concat.h"

#include "foreign_text.h"
#include "utf8.h"

namespace kiln::runtime::pickle {

namespace {

constexpr std::size_t kMaxValues = 16'000'000; // some hundred thousand tensors; bounds the arena of a hostile file
constexpr std::size_t kMaxDimensions = 64;     // PyTorch's own limit; the same tuple may be the size of many tensors
constexpr std::size_t kMaxMarks = 1'000;       // nesting of tuples, lists and dicts under construction

// Python's names, from pickletools.
// clang-format off
enum class Op : uint8_t {
  Mark = '(', Stop = '.', None = 'N', NewTrue = 0x88, NewFalse = 0x89, BinInt = 'J', BinInt1 = 'K', BinInt2 = 'M', Long1 = 0x8a,
  BinFloat = 'G', BinUnicode = 'X', ShortBinString = 'U', EmptyList = ']', Append = 'a', Appends = 'e', EmptyTuple = ')', Tuple1 = 0x85,
  Tuple2 = 0x86, Tuple3 = 0x87, Tuple = 't', EmptyDict = '}', SetItem = 's', SetItems = 'u', BinPut = 'q', LongBinPut = 'r',
  BinGet = 'h', LongBinGet = 'j', Global = 'c', Reduce = 'R', NewObj = 0x81, Build = 'b', BinPersId = 'Q',
  Proto = 0x80,
};
// clang-format on

struct KnownGlobal {
  std::string_view name;
  GlobalName global;
};
constexpr KnownGlobal kGlobals[] = {
    {"collections.OrderedDict", {Global::OrderedDict, DType::Float32}},
    {"torch._utils._rebuild_tensor", {Global::RebuildTensor, DType::Float32}},
    {"torch._utils._rebuild_tensor_v2", {Global::RebuildTensorV2, DType::Float32}},
    {"torch._utils._rebuild_parameter", {Global::RebuildParameter, DType::Float32}},
    {"torch.jit._pickle.restore_type_tag", {Global::RestoreTypeTag, DType::Float32}},
    {"torch.jit._pickle.build_intlist", {Global::BuildList, DType::Float32}},
    {"torch.jit._pickle.build_boollist", {Global::BuildList, DType::Float32}},
    {"torch.jit._pickle.build_doublelist", {Global::BuildList, DType::Float32}},
    {"torch.jit._pickle.build_tensorlist", {Global::BuildList, DType::Float32}},
    {"torch.storage.UntypedStorage", {Global::UntypedStorage, DType::UInt8}},
    {"torch.DoubleStorage", {Global::TypedStorage, DType::Float64}},
    {"torch.FloatStorage", {Global::TypedStorage, DType::Float32}},
    {"torch.HalfStorage", {Global::TypedStorage, DType::Float16}},
    {"torch.BFloat16Storage", {Global::TypedStorage, DType::BFloat16}},
    {"torch.LongStorage", {Global::TypedStorage, DType::Int64}},
    {"torch.IntStorage", {Global::TypedStorage, DType::Int32}},
    {"torch.ShortStorage", {Global::TypedStorage, DType::Int16}},
    {"torch.CharStorage", {Global::TypedStorage, DType::Int8}},
    {"torch.ByteStorage", {Global::TypedStorage, DType::UInt8}},
    {"torch.BoolStorage", {Global::TypedStorage, DType::Bool}},
};

class Machine {
public:
  /// `entry` is empty for a pickle among others in the file itself.
  Machine(const std::string &path, std::string_view entry, std::span<const std::byte> data, std::size_t begin,
          const StorageLoader &load_storage)
      : path_(path), entry_(entry), data_(data), load_storage_(load_storage), position_(begin), at_(begin) {}

  Pickle run() {
    const std::size_t begin = position_;
    const auto protocol = data_.subspan(begin);
    if (protocol.size() < 2 || protocol[0] != std::byte{0x80})
      fail("a pickle must begin with its protocol");
    if (protocol[1] != std::byte{2})
      fail(concat({"pickle protocol ", static_cast<int>(protocol[1]),
                   " is not supported; torch.save writes 2 unless pickle_protocol is given"}));
    position_ += 2;
    while (!stopped_) {
      at_ = position_;
      execute(static_cast<Op>(byte()));
    }
    at_ = position_;
    if (!is_among_others() && position_ != data_.size())
      fail("expected nothing after the pickle's end");
    pickle_.bytes = position_ - begin;
    return std::move(pickle_);
  }

private:
  [[noreturn]] void fail(const std::string &rule) const {
    throw FileError(path_, concat({shown(entry_), is_among_others() ? "" : " ", "offset ", at_}), rule);
  }
  bool is_among_others() const { return entry_.empty(); }

  //===--------------------------------------------------------------------===//
  // Input
  //===--------------------------------------------------------------------===//

  std::span<const std::byte> take(std::size_t count) {
    if (data_.size() - position_ < count)
      fail("the pickle ends in the middle of an instruction");
    const auto part = data_.subspan(position_, count);
    position_ += count;
    return part;
  }
  template <class T> T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  uint8_t byte() { return number<uint8_t>(); }
  std::string text(std::size_t count) {
    const auto bytes = take(count);
    std::string result(reinterpret_cast<const char *>(bytes.data()), count);
    if (!is_utf8(result))
      fail("a text is not valid UTF-8");
    return result;
  }
  std::string line() {
    const auto rest = data_.subspan(position_);
    const void *end = std::memchr(rest.data(), '\n', rest.size());
    if (!end)
      fail("the pickle ends in the middle of an instruction");
    std::string result = text(static_cast<std::size_t>(static_cast<const std::byte *>(end) - rest.data()));
    ++position_;
    return result;
  }

  //===--------------------------------------------------------------------===//
  // Stack, memo and arena
  //===--------------------------------------------------------------------===//

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  void push_id(ValueId id) { stack_.push_back(id); }
  void push(Value value) {
    if (pickle_.values.size() >= kMaxValues)
      fail(concat({"the pickle makes more than ", kMaxValues, " values"}));
    pickle_.values.push_back(std::move(value));
    push_id(static_cast<ValueId>(pickle_.values.size() - 1));
  }
  ValueId pop() {
    if (stack_.size() <= floor())
      fail("the pickle takes a value from an empty stack");
    const ValueId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  ValueId top() {
    const ValueId id = pop();
    push_id(id);
    return id;
  }
  // Everything above the last mark, in order.
  std::vector<ValueId> pop_mark() {
    if (marks_.empty())
      fail("the pickle refers to a mark that is not there");
    std::vector<ValueId> ids(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return ids;
  }
  void get(uint32_t index) {
    auto found = memo_.find(index);
    if (found == memo_.end())
      fail(concat({"the memo has no entry ", index}));
    push_id(found->second);
  }
  Value &value(ValueId id) { return pickle_.values[id]; }
  template <class T> T *as(ValueId id) { return std::get_if<T>(&value(id)); }
  // The value as a T, which `what` must be.
  template <class T> T &require(ValueId id, const char *what, const char *expected) {
    if (T *result = as<T>(id))
      return *result;
    fail(concat({what, " must be ", expected, ", found ", type_name(value(id))}));
  }

  //===--------------------------------------------------------------------===//
  // Instructions
  //===--------------------------------------------------------------------===//

  void execute(Op op) {
    switch (op) {
    case Op::Mark:
      if (marks_.size() >= kMaxMarks)
        fail(concat({"values are nested more than ", kMaxMarks, " deep"}));
      return marks_.push_back(stack_.size());
    case Op::Stop:
      pickle_.root = pop();
      if (!stack_.empty() || !marks_.empty())
        fail("the pickle ends with values left on its stack");
      stopped_ = true;
      return;
    case Op::None: return push(pickle::None());
    case Op::NewTrue: return push(true);
    case Op::NewFalse: return push(false);
    case Op::BinInt: return push(int64_t(number<int32_t>()));
    case Op::BinInt1: return push(int64_t(number<uint8_t>()));
    case Op::BinInt2: return push(int64_t(number<uint16_t>()));
    case Op::Long1: return push(long1());
    case Op::BinFloat: return push(std::bit_cast<double>(__builtin_bswap64(number<uint64_t>()))); // big-endian, as no other
    case Op::BinUnicode: return push(text(number<uint32_t>()));
    case Op::ShortBinString: return push(text(number<uint8_t>())); // Python 2's text
    case Op::EmptyList: return push(List());
    case Op::EmptyTuple: return push(pickle::Tuple());
    case Op::EmptyDict: return push(Dict());
    case Op::Tuple1: return tuple(1);
    case Op::Tuple2: return tuple(2);
    case Op::Tuple3: return tuple(3);
    case Op::Tuple: return push(pickle::Tuple{pop_mark()});
    case Op::Append: {
      const ValueId item = pop();
      return append({item});
    }
    case Op::Appends: return append(pop_mark());
    case Op::SetItem: {
      const ValueId item = pop(), key = pop();
      return set_items({key, item});
    }
    case Op::SetItems: return set_items(pop_mark());
    case Op::BinPut: {
      const uint8_t index = byte();
      memo_[index] = top();
      return;
    }
    case Op::LongBinPut: {
      const auto index = number<uint32_t>();
      memo_[index] = top();
      return;
    }
    case Op::BinGet: return get(byte());
    case Op::LongBinGet: return get(number<uint32_t>());
    case Op::Global: return global();
    case Op::Reduce: return reduce();
    case Op::NewObj: return new_object();
    case Op::Build: return build();
    case Op::BinPersId: return persistent_id();
    case Op::Proto: break;
    }
    fail(concat({"the instruction 0x", Piece::hex(static_cast<uint8_t>(op), 2), " is not one that torch.save writes"}));
  }

  int64_t long1() {
    const std::size_t count = byte();
    if (count > sizeof(int64_t))
      fail("an integer does not fit 64 bits");
    int64_t result = 0;
    const auto bytes = take(count);
    std::memcpy(&result, bytes.data(), count);
    if (count > 0 && count < 8 && (bytes[count - 1] & std::byte{0x80}) != std::byte{0})
      result -= int64_t(1) << (8 * count);
    return result;
  }

  void tuple(std::size_t count) {
    pickle::Tuple result;
    result.items.resize(count);
    while (count-- > 0)
      result.items[count] = pop();
    push(std::move(result));
  }

  void append(const std::vector<ValueId> &items) {
    List &list = require<List>(top(), "the target of an append", "a list");
    list.items.insert(list.items.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<ValueId> &items) {
    Dict &dict = require<Dict>(top(), "the target of an item assignment", "a dict");
    if (items.size() % 2 != 0)
      fail("a key is without its value");
    for (std::size_t i = 0; i < items.size(); i += 2)
      dict.items.emplace_back(items[i], items[i + 1]);
  }

  void global() {
    const std::string module = line(), name = concat({module, ".", line()});
    for (const KnownGlobal &known : kGlobals)
      if (known.name == name)
        return push(known.global);
    if (name.starts_with("__torch__."))
      return push(GlobalName{Global::ScriptClass, DType::Float32});
    if (module == "torch" && name.ends_with("Storage"))
      fail(concat({"the element type of ", shown(name), " is not supported"}));
    fail(concat({shown(name), " is not part of a state_dict and is refused: loading it could run code. Save model.state_dict(), not the model"}));
  }

  void reduce() {
    const ValueId arguments_id = pop(), function_id = pop();
    const auto &function = require<GlobalName>(function_id, "what is called", "a known function");
    const auto &arguments = require<pickle::Tuple>(arguments_id, "the arguments of a call", "a tuple").items;
    switch (function.global) {
    case Global::OrderedDict: return ordered_dict(arguments);
    case Global::RebuildTensor:
      if (arguments.size() != 4)
        fail(concat({"_rebuild_tensor has ", arguments.size(), " arguments, expected 4"}));
      return rebuild_tensor(arguments);
    case Global::RebuildTensorV2:
      if (arguments.size() != 6 && arguments.size() != 7)
        fail(concat({"_rebuild_tensor_v2 has ", arguments.size(), " arguments, expected 6 or 7"}));
      // The last argument holds bits of a tensor (conjugate, negative) that change its values.
      if (arguments.size() == 7 && !as<pickle::None>(arguments[6]) &&
          !require<Dict>(arguments[6], "a tensor's metadata", "a dict").items.empty())
        fail("a tensor with metadata (a conjugate or negative view) is not supported");
      return rebuild_tensor(arguments);
    case Global::RebuildParameter:
      if (arguments.size() != 3)
        fail(concat({"_rebuild_parameter has ", arguments.size(), " arguments, expected 3"}));
      require<std::unique_ptr<Tensor>>(arguments[0], "the data of a parameter", "a tensor");
      return push_id(arguments[0]);
    case Global::RestoreTypeTag: // (value, its type's name)
      if (arguments.size() != 2)
        fail(concat({"restore_type_tag has ", arguments.size(), " arguments, expected 2"}));
      return push_id(arguments[0]);
    case Global::BuildList: {
      if (arguments.size() != 1)
        fail(concat({"a list's builder has ", arguments.size(), " arguments, expected 1"}));
      const ValueId items = arguments[0];
      require<List>(items, "the argument of a list's builder", "a list");
      return push_id(items);
    }
    case Global::TypedStorage:
    case Global::UntypedStorage: fail("a storage type is called");
    case Global::ScriptClass: fail("a class of TorchScript is called");
    }
  }

  // Without arguments, or as Python 2 wrote them, of a list of [key, value].
  void ordered_dict(const std::vector<ValueId> &arguments) {
    if (arguments.size() > 1)
      fail(concat({"collections.OrderedDict has ", arguments.size(), " arguments, expected a list of items or none"}));
    Dict dict;
    dict.ordered = true;
    if (!arguments.empty())
      for (ValueId id : require<List>(arguments[0], "the items of collections.OrderedDict", "a list").items) {
        const auto &item = require<List>(id, "an item of collections.OrderedDict", "a list").items;
        if (item.size() != 2)
          fail("an item of collections.OrderedDict must be a key and a value");
        dict.items.emplace_back(item[0], item[1]);
      }
    push(std::move(dict));
  }

  void new_object() {
    const ValueId arguments = pop();
    const auto &type = require<GlobalName>(pop(), "what an object is made of", "a class of TorchScript");
    if (type.global != Global::ScriptClass)
      fail("what an object is made of must be a class of TorchScript");
    if (!require<pickle::Tuple>(arguments, "the arguments of a new object", "a tuple").items.empty())
      fail("a new object must be made without arguments");
    push(Object());
  }

  std::vector<int64_t> integers(ValueId id, const char *what) {
    std::vector<int64_t> result;
    const auto &items = require<pickle::Tuple>(id, what, "a tuple").items;
    if (items.size() > kMaxDimensions)
      fail(concat({what, " has ", items.size(), " numbers; tensors have ", kMaxDimensions, " dimensions at most"}));
    for (ValueId item : items)
      result.push_back(require<int64_t>(item, what, "a tuple of integers"));
    return result;
  }

  void rebuild_tensor(const std::vector<ValueId> &arguments) {
    const auto &storage = require<StorageRef>(arguments[0], "the storage of a tensor", "a storage");
    const int64_t offset = require<int64_t>(arguments[1], "the offset of a tensor", "an integer");
    auto sizes = integers(arguments[2], "the size of a tensor"), strides = integers(arguments[3], "the stride of a tensor");
    std::unique_ptr<Tensor> tensor;
    try {
      // Within a part of a storage, an offset is the part's.
      int64_t begin;
      if (offset < 0 || __builtin_add_overflow(storage.offset, offset, &begin))
        fail(concat({"Tensor: invalid storage offset ", offset}));
      tensor = std::make_unique<Tensor>(storage.storage, std::move(sizes), std::move(strides), begin, storage.dtype);
    } catch (const FileError &) {
      throw;
    } catch (const Error &error) {
      fail(error.what());
    }
    // Of a whole storage the tensor has asked this itself.
    if (tensor->numel() > 0 && last_element(*tensor) >= storage.offset + storage.numel)
      fail(concat({"a tensor reaches beyond the ", storage.numel, " elements of its part of a storage"}));
    push(std::move(tensor));
  }

  // Where the last element of a tensor that has any lies in its storage.
  static int64_t last_element(const Tensor &tensor) {
    int64_t last = tensor.offset();
    for (std::size_t i = 0; i < tensor.sizes().size(); ++i)
      last += (tensor.sizes()[i] - 1) * tensor.strides()[i];
    return last;
  }

  // An object's attributes: a state_dict's, a module's of TorchScript.
  void build() {
    const ValueId attributes = pop();
    require<Dict>(attributes, "the attributes of an object", "a dict");
    if (Object *object = as<Object>(top())) {
      object->attributes = attributes;
      return;
    }
    Dict &object = require<Dict>(top(), "an object with attributes", "an OrderedDict");
    if (!object.ordered)
      fail("an object with attributes must be an OrderedDict, found dict");
    object.attributes = attributes;
  }

  // ('storage', type, key, location, numel); among other pickles, one more: None or (key, offset, numel) of a part
  void persistent_id() {
    const auto &items = require<pickle::Tuple>(pop(), "a persistent id", "a tuple").items;
    const std::string *kind = items.size() == (is_among_others() ? 6 : 5) ? as<std::string>(items[0]) : nullptr;
    if (!kind || *kind != "storage")
      fail(concat({"a persistent id must be ('storage', type, key, location, number of elements", is_among_others() ? ", view)" : ")"}));
    const auto &type = require<GlobalName>(items[1], "the type of a storage", "a storage type");
    if (type.global == Global::UntypedStorage)
      fail("a storage without an element type is not supported");
    if (type.global != Global::TypedStorage)
      fail("the type of a storage must be a storage type");
    const auto &key = require<std::string>(items[2], "the key of a storage", "a string");
    require<std::string>(items[3], "the location of a storage", "a string"); // whatever device it was: here it is memory
    const int64_t numel = require<int64_t>(items[4], "the number of elements of a storage", "an integer");
    StorageRef result{load_storage_(key, type.dtype, numel), type.dtype, 0, numel};
    if (is_among_others() && !as<pickle::None>(items[5])) {
      const auto &part = require<pickle::Tuple>(items[5], "a part of a storage", "a tuple").items;
      if (part.size() != 3)
        fail("a part of a storage must be (key, offset, number of elements)");
      require<std::string>(part[0], "the key of a part of a storage", "a string");
      result.offset = require<int64_t>(part[1], "the offset of a part of a storage", "an integer");
      result.numel = require<int64_t>(part[2], "the number of elements of a part of a storage", "an integer");
      if (result.offset < 0 || result.numel < 0 || result.offset > numel || result.numel > numel - result.offset)
        fail(concat({"a part of ", result.numel, " elements from ", result.offset, " on lies outside its storage of ", numel}));
    }
    push(std::move(result));
  }

  const std::string &path_;
  std::string_view entry_;
  std::span<const std::byte> data_;
  const StorageLoader &load_storage_;
  std::size_t position_, at_; // `at_`: where the current instruction begins
  bool stopped_ = false;
  std::vector<ValueId> stack_;
  std::vector<std::size_t> marks_; // heights of the stack
  std::unordered_map<uint32_t, ValueId> memo_;
  Pickle pickle_;
};

} // namespace

const char *type_name(const Value &value) {
  static constexpr const char *kNames[] = {"NoneType", "bool", "int",    "float", "str",     "tuple",
                                           "list",     "dict", "object", "type",  "storage", "Tensor"};
  static_assert(std::size(kNames) == std::variant_size_v<Value>);
  return kNames[value.index()];
}

Pickle read(const std::string &path, const std::string &entry, std::span<const std::byte> data,
            const StorageLoader &load_storage) {
  return Machine(path, entry, data, 0, load_storage).run();
}

Pickle read_at(const std::string &path, std::span<const std::byte> data, std::size_t begin, const StorageLoader &load_storage) {
  return Machine(path, "", data, begin, load_storage).run();
}

} // namespace kiln::runtime::pickle
