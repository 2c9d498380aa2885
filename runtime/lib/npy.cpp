// NumPy's .npy format: a magic string, a version, a Python dict literal that describes the array, then its bytes.
//
// The literal is parsed by a grammar of just what numpy.save writes: three known keys, in any order, with a string, a boolean and a
// tuple of integers.
#include <algorithm>
#include <optional>

#include "concat.h"

#include "foreign_text.h"
#include "kiln/runtime/files.h"
#include "npy.h"
#include "zip_archive.h"

namespace kiln::runtime {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;     // numpy aligns the data so
constexpr std::size_t kMaxHeader = 10'000; // numpy.load's own limit
constexpr std::size_t kGrowthDigits = 21;  // numpy leaves room for the growing size to become this wide

struct TypeCode {
  std::string_view code; // kind and bytes
  DType dtype;
};
constexpr TypeCode kTypeCodes[] = {
    {"b1", DType::Bool},  {"u1", DType::UInt8},   {"i1", DType::Int8},    {"i2", DType::Int16},   {"i4", DType::Int32},
    {"i8", DType::Int64}, {"f2", DType::Float16}, {"f4", DType::Float32}, {"f8", DType::Float64},
};

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

// "offset 8" of the array, or "'w.npy' offset 8" of one in an archive.
std::string place_of(std::string_view entry, std::size_t offset) {
  return concat({entry.empty() ? "" : in_quotes(entry) + " ", "offset ", offset});
}

class HeaderParser {
public:
  HeaderParser(const std::string &path, std::string_view entry, std::string_view text, std::size_t offset)
      : path_(path), entry_(entry), text_(text), offset_(offset) {}

  Header parse() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::size_t at = position_;
      const std::string key = string();
      expect(':');
      if (key == "descr" && !header.descr)
        header.descr = string();
      else if (key == "fortran_order" && !header.fortran_order)
        header.fortran_order = boolean();
      else if (key == "shape" && !header.shape)
        header.shape = tuple();
      else
        fail(at, concat({"the key ", in_quotes(key), " is unknown or appears twice; expected descr, fortran_order and shape"}));
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (position_ != text_.size())
      fail(position_, "expected nothing after the header's dict");
    if (!header.descr || !header.fortran_order || !header.shape)
      fail(0, concat({"the key '", !header.descr ? "descr" : !header.fortran_order ? "fortran_order" : "shape", "' is missing"}));
    return header;
  }

private:
  [[noreturn]] void fail(std::size_t position, const std::string &rule) const {
    throw FileError(path_, place_of(entry_, offset_ + position), rule);
  }
  void skip_spaces() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n'))
      ++position_;
  }
  bool accept(char c) {
    skip_spaces();
    if (position_ == text_.size() || text_[position_] != c)
      return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      fail(position_, concat({"expected '", std::string_view(&c, 1), "' in the header"}));
  }
  std::string string() {
    skip_spaces();
    const std::size_t begin = position_;
    const char quote = begin < text_.size() ? text_[begin] : '\0';
    const std::size_t end = quote == '\'' || quote == '"' ? text_.find(quote, begin + 1) : text_.npos;
    if (end == text_.npos)
      fail(begin, "expected a string in the header; arrays of records are not supported");
    position_ = end + 1;
    return std::string(text_.substr(begin + 1, end - begin - 1));
  }
  bool boolean() {
    skip_spaces();
    for (bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(position_).starts_with(word)) {
        position_ += word.size();
        return value;
      }
    }
    fail(position_, "expected True or False");
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      const std::size_t begin = position_;
      int64_t value = 0;
      for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9'; ++position_)
        if (__builtin_mul_overflow(value, int64_t(10), &value) || __builtin_add_overflow(value, text_[position_] - '0', &value))
          fail(begin, "a size does not fit 63 bits");
      if (position_ == begin)
        fail(begin, "expected a size of 0 or more");
      values.push_back(value);
      if (accept(','))
        continue;
      if (values.size() == 1)
        fail(position_, "expected ','; a tuple of one size is written (3,)");
      expect(')');
      break;
    }
    return values;
  }

  const std::string &path_;
  std::string_view entry_, text_;
  std::size_t offset_, position_ = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

Tensor read_npy(const std::shared_ptr<MappedFile> &file, std::string_view entry, std::size_t array_begin, std::size_t size) {
  const std::string &path = file->path();
  auto fail = [&](std::size_t offset, const std::string &rule) { throw FileError(path, place_of(entry, offset), rule); };
  auto require_header = [&](std::size_t bytes) {
    if (size < bytes)
      throw FileError(path, entry.empty() ? "" : in_quotes(entry),
                      concat({"the file is ", (size == 0 ? "empty" : "truncated"), ": found ", size, " bytes, expected a .npy header of ", bytes,
                              " at least"}));
  };
  const std::size_t fixed = kMagic.size() + 2;
  if (!kMagic.starts_with(file->text(array_begin, std::min(size, kMagic.size()))))
    fail(0, "no .npy file: it must begin with \\x93NUMPY");
  require_header(fixed + 2);
  const auto major = file->number<uint8_t>(array_begin + kMagic.size()), minor = file->number<uint8_t>(array_begin + kMagic.size() + 1);
  if (major < 1 || major > 3 || minor != 0)
    fail(6, concat({"format version ", major, ".", minor, " is not supported; expected 1.0, 2.0 or 3.0"}));
  const std::size_t length_bytes = major == 1 ? 2 : 4, begin = fixed + length_bytes;
  require_header(begin);
  const std::size_t length = major == 1 ? file->number<uint16_t>(array_begin + fixed) : file->number<uint32_t>(array_begin + fixed);
  if (length > kMaxHeader)
    fail(8, concat({"the header is ", length, " bytes long, above the limit of ", kMaxHeader}));
  if (length > size - begin)
    fail(8, concat({"the header is ", length, " bytes long, but only ", size - begin, " follow; the file is truncated"}));
  const Header header = HeaderParser(path, entry, file->text(array_begin + begin, length), begin).parse();

  const std::string &descr = *header.descr;
  const char order = descr.empty() ? '\0' : descr[0];
  const auto *code = std::ranges::find(kTypeCodes, std::string_view(descr).substr(descr.empty() ? 0 : 1), &TypeCode::code);
  if (code == std::end(kTypeCodes) || !(order == '<' || order == '>' || (order == '|' && element_size(code->dtype) == 1)))
    throw FileError(path, entry.empty() ? "descr" : in_quotes(entry) + " descr",
                    concat({"element type ", in_quotes(descr), " is not supported; expected b1, u1, i1, i2, i4, i8, f2, f4 or f8, after '<', '>' or '|'"}));
  const DType dtype = code->dtype;
  const std::size_t item_bytes = element_size(dtype), data_begin = begin + length;
  const std::vector<int64_t> &shape = *header.shape;
  uint64_t bytes = item_bytes;
  bool overflowed = false;
  if (std::ranges::find(shape, 0) != shape.end())
    bytes = 0;
  for (int64_t extent : shape)
    overflowed |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes);
  if (overflowed)
    fail(data_begin, concat({"shape ", shape_text(shape), " is too large"}));
  if (bytes != size - data_begin)
    fail(data_begin, concat({"shape ", shape_text(shape), " of '", descr, "' needs ", bytes, " bytes, but ", size - data_begin,
                             " follow; the file is ", (bytes > size - data_begin ? "truncated" : "longer than its array")}));

  return from_file(path, concat({entry.empty() ? "" : in_quotes(entry) + " ", "shape ", shape_text(shape)}), [&] {
    auto storage = mapped_storage(file, array_begin + data_begin, bytes, dtype);
    if (order == '>')
      swap_byte_order(storage->data(), storage->bytes(), item_bytes);
    // Fortran order is the C order of the reversed sizes.
    std::vector<int64_t> strides;
    if (*header.fortran_order) {
      strides = contiguous_strides(std::vector<int64_t>(shape.rbegin(), shape.rend()));
      std::ranges::reverse(strides);
    } else {
      strides = contiguous_strides(shape);
    }
    return Tensor(std::move(storage), shape, std::move(strides), 0, dtype);
  });
}

Tensor load_npy(const std::string &path) {
  const auto file = MappedFile::open(path);
  if (is_zip(*file))
    throw FileError(path, "", "no .npy file: this is a zip archive, as NumPy's .npz is; load_npz reads its arrays by their names");
  return read_npy(file, "", 0, file->size());
}

void save_npy(const std::string &path, const Tensor &tensor) {
  const auto *code = std::ranges::find(kTypeCodes, tensor.dtype(), &TypeCode::dtype);
  if (code == std::end(kTypeCodes))
    throw TypeError(concat({"Got unsupported ScalarType ", scalar_type_name(tensor.dtype()),
                            "\nNumPy has no such element type; convert to float32 before saving ", path}));
  std::string shape;
  for (int64_t size : tensor.sizes())
    shape += concat({shape.empty() ? "" : ", ", size});
  std::string header = concat({"{'descr': '", element_size(tensor.dtype()) == 1 ? "|" : "<", code->code,
                               "', 'fortran_order': False, 'shape': (", shape, tensor.dim() == 1 ? "," : "", "), }"});
  if (tensor.dim() > 0)
    header.append(kGrowthDigits - std::to_string(tensor.sizes()[0]).size(), ' ');
  const bool wide = header.size() + 1 + kAlignment > UINT16_MAX;
  const std::size_t before = kMagic.size() + 2 + (wide ? 4 : 2);
  header.append(kAlignment - (before + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  const Tensor contiguous = tensor.contiguous();

  AtomicFile file(path);
  file.write(kMagic);
  const uint8_t version[2] = {static_cast<uint8_t>(wide ? 2 : 1), 0};
  file.write(version, sizeof(version));
  const auto length = static_cast<uint32_t>(header.size());
  file.write(&length, wide ? 4 : 2); // little-endian: the low bytes come first
  file.write(header);
  file.write(contiguous.data(), contiguous.nbytes());
  file.commit();
}

} // namespace kiln::runtime
