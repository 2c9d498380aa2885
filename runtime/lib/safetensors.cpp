// The safetensors format: an 8-byte length, a JSON header of that length, then the tensors' bytes without holes.
//
// The header is read as a stream of JSON events, not as a tree: nothing is kept but the entries, a key that appears twice is
// seen, and the nesting is bounded by the state machine, which knows the only shape that a header may have.
#include <algorithm>
#include <set>

#include "concat.h"
#include "foreign_text.h"
#include "json.h"
#include "kiln/runtime/files.h"
#include "safetensors.h"

namespace kiln::runtime {

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000; // the format's limit

struct DTypeName {
  std::string_view name;
  DType dtype;
};
constexpr DTypeName kDTypes[] = {
    {"F64", DType::Float64}, {"F32", DType::Float32}, {"F16", DType::Float16}, {"BF16", DType::BFloat16}, {"I64", DType::Int64},
    {"I32", DType::Int32},   {"I16", DType::Int16},   {"I8", DType::Int8},     {"U8", DType::UInt8},      {"BOOL", DType::Bool},
};

std::string_view dtype_name(DType dtype) { return std::ranges::find(kDTypes, dtype, &DTypeName::dtype)->name; }

struct Entry {
  std::string name;
  std::optional<DType> dtype;
  std::optional<std::vector<int64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets; // begin, end, from the start of the data
};

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

// Receives JSON events and builds the entries. Throws FileError at the first rule that is broken.
class HeaderReader final : public JsonEvents {
public:
  explicit HeaderReader(const std::string &path) : path_(path) {}

  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  void start_object() override {
    switch (state_) {
    case State::Start:
      state_ = State::Header;
      break;
    case State::Value:
      state_ = name_ == "__metadata__" ? State::Metadata : State::Entry;
      break;
    default:
      other("an object");
    }
  }

  void key(std::string text) override {
    if (state_ == State::Header) {
      if (!names_.insert(text).second)
        fail(text, "the key appears twice");
      name_ = text;
      if (name_ != "__metadata__")
        entries.push_back({name_, {}, {}, {}});
      state_ = State::Value;
      return;
    }
    field_ = text;
    if (state_ == State::Metadata) {
      if (metadata.count(field_))
        fail(name_, concat({"the key ", in_quotes(field_), " appears twice"}));
      state_ = State::MetadataValue;
      return;
    }
    const Entry &entry = entries.back();
    const bool known = field_ == "dtype" || field_ == "shape" || field_ == "data_offsets";
    if (!known)
      fail(name_, concat({"has a field ", in_quotes(field_), "; a tensor has dtype, shape and data_offsets"}));
    if (field_ == "dtype" ? entry.dtype.has_value() : field_ == "shape" ? entry.shape.has_value() : entry.offsets.has_value())
      fail(name_, concat({"the field '", field_, "' appears twice"}));
    state_ = State::Field;
  }

  void end_object() override {
    if (state_ == State::Header) {
      state_ = State::End;
      return;
    }
    if (state_ == State::Entry) {
      const Entry &entry = entries.back();
      const char *missing = !entry.dtype ? "dtype" : !entry.shape ? "shape" : !entry.offsets ? "data_offsets" : nullptr;
      if (missing)
        fail(name_, concat({"the field '", missing, "' is missing"}));
    }
    state_ = State::Header;
  }

  void start_array() override {
    if (state_ != State::Field || field_ == "dtype")
      return other("an array");
    numbers_.clear();
    state_ = State::Numbers;
  }

  void end_array() override {
    Entry &entry = entries.back();
    if (field_ == "shape") {
      entry.shape.emplace();
      for (uint64_t size : numbers_) {
        if (size > static_cast<uint64_t>(INT64_MAX))
          fail(name_, concat({"the size ", size, " in its shape does not fit 63 bits"}));
        entry.shape->push_back(static_cast<int64_t>(size));
      }
    } else {
      if (numbers_.size() != 2)
        fail(name_, concat({"data_offsets has ", numbers_.size(), " numbers, expected 2"}));
      entry.offsets = numbers_;
    }
    state_ = State::Entry;
  }

  void string(std::string text) override {
    if (state_ == State::MetadataValue) {
      metadata[field_] = text;
      state_ = State::Metadata;
      return;
    }
    if (state_ != State::Field || field_ != "dtype")
      return other("a string");
    const auto *found = std::ranges::find(kDTypes, std::string_view(text), &DTypeName::name);
    if (found == std::end(kDTypes))
      fail(name_, concat({"dtype ", in_quotes(text), " is not supported; expected F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL"}));
    entries.back().dtype = found->dtype;
    state_ = State::Entry;
  }

  void number(uint64_t value) override {
    if (state_ != State::Numbers)
      return other("a number");
    numbers_.push_back(value);
  }

  void other(const char *found) override {
    switch (state_) {
    case State::Value:
      fail(name_, concat({"expected an object, found ", found}));
    case State::MetadataValue:
      fail(name_, concat({"expected a string for ", in_quotes(field_), ", found ", found}));
    case State::Field:
      fail(name_,
           concat({"expected ", field_ == "dtype" ? "a string" : "an array of integers", " for ", field_, ", found ", found}));
    case State::Numbers:
      fail(name_, concat({"expected an integer of 0 or more in ", field_, ", found ", found}));
    default:
      throw FileError(path_, "header", concat({"expected an object, found ", found}));
    }
  }

  void error(std::size_t position) override {
    throw FileError(path_, concat({"offset ", kLengthBytes + position}), "the header is not valid JSON (UTF-8)");
  }

private:
  enum class State { Start, Header, Value, Metadata, MetadataValue, Entry, Field, Numbers, End };

  [[noreturn]] void fail(const std::string &name, const std::string &rule) const {
    throw FileError(path_, in_quotes(name), rule);
  }

  const std::string &path_;
  State state_ = State::Start;
  std::set<std::string> names_;
  std::string name_, field_;
  std::vector<uint64_t> numbers_;
};

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

uint64_t checked_bytes(const std::string &path, const Entry &entry) {
  uint64_t bytes = element_size(*entry.dtype);
  bool overflowed = false;
  if (std::ranges::find(*entry.shape, 0) != entry.shape->end())
    return 0;
  for (int64_t size : *entry.shape)
    overflowed |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes);
  if (overflowed || bytes > static_cast<uint64_t>(INT64_MAX))
    throw FileError(path, in_quotes(entry.name), concat({"shape ", shape_text(*entry.shape), " is too large"}));
  return bytes;
}

// Every byte of the data belongs to exactly one tensor, and every tensor has the bytes that its shape and dtype need.
void check_layout(const std::string &path, const std::vector<Entry> &entries, uint64_t data_bytes) {
  std::vector<const Entry *> order;
  for (const Entry &entry : entries)
    order.push_back(&entry);
  std::ranges::sort(order, {}, [](const Entry *entry) { return std::pair((*entry->offsets)[0], (*entry->offsets)[1]); });
  uint64_t position = 0;
  for (const Entry *entry : order) {
    const uint64_t begin = (*entry->offsets)[0], end = (*entry->offsets)[1];
    const std::string where = in_quotes(entry->name), offsets = concat({"data_offsets [", begin, ", ", end, "]"});
    if (end < begin)
      throw FileError(path, where, offsets + " end before they begin");
    if (end > data_bytes)
      throw FileError(path, where,
                      concat({offsets, " lie outside the data of ", data_bytes, " bytes; the file is truncated or damaged"}));
    if (begin < position)
      throw FileError(path, where, concat({offsets, " overlap the tensor before, which ends at ", position}));
    if (begin > position)
      throw FileError(path, where, concat({offsets, " leave a hole after the tensor before, which ends at ", position}));
    const uint64_t bytes = checked_bytes(path, *entry);
    if (end - begin != bytes)
      throw FileError(path, where,
                      concat({offsets, " hold ", end - begin, " bytes, but shape ", shape_text(*entry->shape), " of ",
                              dtype_name(*entry->dtype), " needs ", bytes}));
    position = end;
  }
  if (position != data_bytes)
    throw FileError(path, "", concat({"the tensors end at byte ", position, " of the data, but there are ", data_bytes}));
}

} // namespace

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

StateDict load_safetensors(const std::string &path, std::map<std::string, std::string> *metadata) {
  return read_safetensors(MappedFile::open(path), metadata);
}

StateDict read_safetensors(const std::shared_ptr<MappedFile> &file, std::map<std::string, std::string> *metadata) {
  const std::string &path = file->path();
  if (file->size() < kLengthBytes)
    throw FileError(
        path, "",
        concat({"the file has ", file->size(), " bytes, too few for a safetensors header; it is truncated or of another kind"}));
  const auto header_bytes = file->number<uint64_t>(0);
  if (header_bytes > kMaxHeaderBytes)
    throw FileError(path, "offset 0",
                    concat({"the header is ", header_bytes, " bytes long, above the format's limit of ", kMaxHeaderBytes,
                            "; the file is damaged or no safetensors file"}));
  if (header_bytes > file->size() - kLengthBytes)
    throw FileError(path, "offset 0",
                    concat({"the header is ", header_bytes, " bytes long, but only ", file->size() - kLengthBytes,
                            " follow; the file is truncated"}));
  const std::string_view header = file->text(kLengthBytes, header_bytes);
  if (!header.starts_with('{'))
    throw FileError(path, "offset 8", "the header must begin with '{'");

  HeaderReader reader(path);
  parse_json(header, reader);
  const std::size_t data_begin = kLengthBytes + header_bytes;
  check_layout(path, reader.entries, file->size() - data_begin);

  StateDict tensors;
  for (Entry &entry : reader.entries) {
    const std::size_t begin = data_begin + (*entry.offsets)[0], bytes = (*entry.offsets)[1] - (*entry.offsets)[0];
    Tensor tensor = from_file(path, in_quotes(entry.name), [&] {
      auto strides = contiguous_strides(*entry.shape);
      return Tensor(mapped_storage(file, begin, bytes, *entry.dtype), std::move(*entry.shape), std::move(strides), 0,
                    *entry.dtype);
    });
    tensors.insert(std::move(entry.name), std::move(tensor));
  }
  if (metadata)
    *metadata = std::move(reader.metadata);
  return tensors;
}

void save_safetensors(const std::string &path, const StateDict &tensors, const std::map<std::string, std::string> &metadata) {
  // The header keeps the order of the dict; the data is sorted by element size, so that each tensor is aligned.
  std::vector<const StateDict::value_type *> layout;
  for (const auto &entry : tensors) {
    if (entry.first == "__metadata__")
      throw FileError(path, "'__metadata__'", "the format keeps this name for itself");
    if (!entry.second.defined())
      throw FileError(path, in_quotes(entry.first), "the tensor is undefined");
    layout.push_back(&entry);
  }
  std::ranges::sort(layout, {}, [&](const StateDict::value_type *entry) {
    // The address is the place in the dict: the sort keeps the order of equal sizes.
    return std::pair(-static_cast<int>(element_size(entry->second.dtype())), entry);
  });
  std::map<const StateDict::value_type *, uint64_t> begins;
  uint64_t position = 0;
  for (const StateDict::value_type *entry : layout) {
    begins[entry] = position;
    if (__builtin_add_overflow(position, entry->second.nbytes(), &position))
      throw FileError(path, in_quotes(entry->first), "the tensors do not fit a file");
  }

  std::string text = "{";
  const auto append_string = [&](const std::string &string) {
    if (!append_json_string(text, string))
      throw FileError(path, "", "a name or a piece of metadata is not valid UTF-8");
  };
  const auto append_key = [&](const std::string &key) {
    if (!text.ends_with('{'))
      text += ',';
    append_string(key);
    text += ':';
  };
  if (!metadata.empty()) {
    append_key("__metadata__");
    text += '{';
    for (const auto &[key, value] : metadata) {
      append_key(key);
      append_string(value);
    }
    text += '}';
  }
  for (const StateDict::value_type &entry : tensors) {
    append_key(entry.first);
    text += concat({"{\"dtype\":\"", dtype_name(entry.second.dtype()), "\",\"shape\":["});
    for (int64_t size : entry.second.sizes())
      text += concat({text.ends_with('[') ? "" : ",", size});
    const uint64_t begin = begins[&entry];
    text += concat({"],\"data_offsets\":[", begin, ",", begin + entry.second.nbytes(), "]}"});
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxHeaderBytes)
    throw FileError(path, "",
                    concat({"the header would be ", text.size(), " bytes long, above the format's limit of ", kMaxHeaderBytes}));

  AtomicFile file(path);
  const uint64_t length = text.size();
  file.write(&length, sizeof(length));
  file.write(text);
  for (const StateDict::value_type *entry : layout) {
    const Tensor contiguous = entry->second.contiguous();
    file.write(contiguous.data(), contiguous.nbytes());
  }
  file.commit();
}

} // namespace kiln::runtime
