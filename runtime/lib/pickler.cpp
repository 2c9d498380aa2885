// Pickle protocol 2, writing, as far as torch.save uses it; the counterpart of unpickler.cpp.
#include "pickler.h"

#include <bit>
#include <cstring>
#include <unordered_map>

#include "concat.h"
#include "torch_pickle.h"
#include "utf8.h"

namespace kiln::runtime::pickle {

namespace {

using Root = kiln::runtime::Value; // pickle::Value is a reader's

/// PyTorch's storage type of an element type.
const char *storage_type(DType dtype) {
  switch (dtype) {
  case DType::Bool: return "BoolStorage";
  case DType::UInt8: return "ByteStorage";
  case DType::Int8: return "CharStorage";
  case DType::Int16: return "ShortStorage";
  case DType::Int32: return "IntStorage";
  case DType::Int64: return "LongStorage";
  case DType::Float16: return "HalfStorage";
  case DType::BFloat16: return "BFloat16Storage";
  case DType::Float32: return "FloatStorage";
  case DType::Float64: return "DoubleStorage";
  }
  return "";
}

class Writer {
public:
  Pickled write(const Root &root) {
    out_ = "\x80\x02";
    value(root, 0);
    out_ += '.';
    return {std::move(out_), std::move(storages_)};
  }

private:
  template <class T> void raw(T number) { out_.append(reinterpret_cast<const char *>(&number), sizeof number); }

  /// Writes what `make` writes the first time that `name` comes, and a reference to it after.
  template <class Make> void memoised(const std::string &name, Make make) {
    const auto [place, added] = memo_.try_emplace(name, static_cast<uint32_t>(memo_.size()));
    const uint32_t index = place->second;
    if (added)
      make();
    out_ += added ? (index < 256 ? 'q' : 'r') : (index < 256 ? 'h' : 'j');
    if (index < 256)
      raw(static_cast<uint8_t>(index));
    else
      raw(index);
  }

  void text(const std::string &value) {
    if (!is_utf8(value) || value.size() > UINT32_MAX)
      throw ValueError("a text is not valid UTF-8, or longer than a .pt file can hold");
    memoised("text " + value, [&] {
      out_ += 'X';
      raw(static_cast<uint32_t>(value.size()));
      out_ += value;
    });
  }
  void global(const std::string &module, const std::string &name) {
    memoised(concat({"global ", module, " ", name}), [&] { out_ += concat({"c", module, "\n", name, "\n"}); });
  }

  void integer(int64_t value) {
    if (value >= 0 && value < 256) {
      out_ += 'K';
      raw(static_cast<uint8_t>(value));
    } else if (value >= 0 && value < 65536) {
      out_ += 'M';
      raw(static_cast<uint16_t>(value));
    } else if (value == static_cast<int32_t>(value)) {
      out_ += 'J';
      raw(static_cast<int32_t>(value));
    } else {
      out_ += "\x8a\x08";
      raw(value);
    }
  }

  void value(const Root &root, int depth) {
    if (depth > kMaxValueDepth)
      throw ValueError(concat({"values are nested more than ", kMaxValueDepth, " deep"}));
    if (root.is_none())
      out_ += 'N';
    else if (const auto *flag = root.get_if<bool>())
      out_ += *flag ? '\x88' : '\x89';
    else if (const auto *number = root.get_if<int64_t>())
      integer(*number);
    else if (const auto *real = root.get_if<double>()) {
      out_ += 'G';
      raw(__builtin_bswap64(std::bit_cast<uint64_t>(*real)));
    } else if (const auto *string = root.get_if<std::string>())
      text(*string);
    else if (const auto *data = root.get_if<Tensor>())
      tensor(*data);
    else if (const auto *dict = root.get_if<Root::Dict>())
      this->dict(*dict, depth);
    else if (root.get_if<Root::Tuple>())
      sequence("(", *root.items(), "t", depth);
    else
      sequence("](", *root.items(), "e", depth);
  }

  void sequence(const char *begin, const std::vector<Root> &items, const char *end, int depth) {
    if (items.empty()) {
      out_ += *begin == '(' ? ')' : ']';
      return;
    }
    out_ += begin;
    for (const Root &item : items)
      value(item, depth + 1);
    out_ += end;
  }

  void dict(const Root::Dict &dict, int depth) {
    if (dict.ordered)
      ordered_dict();
    else
      out_ += '}';
    if (!dict.empty()) {
      out_ += '(';
      for (const auto &[key, item] : dict) {
        if (const auto *name = std::get_if<std::string>(&key))
          text(*name);
        else
          integer(std::get<int64_t>(key));
        value(item, depth + 1);
      }
      out_ += 'u';
    }
    if (dict.ordered && dict.attributes) {
      value(*dict.attributes, depth + 1);
      out_ += 'b';
    }
  }

  void ordered_dict() {
    global("collections", "OrderedDict");
    out_ += ")R";
  }

  void tuple(std::span<const int64_t> numbers) {
    out_ += '(';
    for (int64_t number : numbers)
      integer(number);
    out_ += 't';
  }

  /// torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)
  void tensor(const Tensor &tensor) {
    if (!tensor.defined())
      throw ValueError("an undefined tensor can't be saved");
    global("torch._utils", "_rebuild_tensor_v2");
    out_ += '(';
    storage(tensor);
    integer(tensor.offset());
    tuple(tensor.sizes());
    tuple(tensor.strides());
    out_ += '\x89';
    ordered_dict();
    out_ += "tR";
  }

  /// The persistent id ('storage', type, key, 'cpu', number of elements).
  void storage(const Tensor &tensor) {
    const auto [place, added] = keys_.try_emplace(tensor.storage().get(), storages_.size(), tensor.dtype());
    const auto &[key, dtype] = place->second;
    if (added)
      storages_.push_back(tensor.storage());
    else if (dtype != tensor.dtype())
      throw ValueError(concat({"Cannot save multiple tensors or storages that view the same data as different types\n  they are ",
                               name(dtype), " and ", name(tensor.dtype())}));
    out_ += '(';
    text("storage");
    global("torch", storage_type(dtype));
    text(std::to_string(key));
    text("cpu");
    integer(static_cast<int64_t>(tensor.storage()->bytes() / element_size(dtype)));
    out_ += "tQ";
  }

  std::string out_;
  std::unordered_map<std::string, uint32_t> memo_;
  std::unordered_map<const Storage *, std::pair<std::size_t, DType>> keys_;
  std::vector<std::shared_ptr<Storage>> storages_;
};

} // namespace

Pickled write(const Root &value) { return Writer().write(value); }

} // namespace kiln::runtime::pickle
