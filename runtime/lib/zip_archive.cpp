// The zip container: PKWARE's APPNOTE, of which stored entries, zip64 and data descriptors are read.
#include "zip_archive.h"

#include <algorithm>
#include <array>

#include "concat.h"

#include "foreign_text.h"

namespace kiln::runtime {

namespace {

constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50,
                   kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr std::size_t kMaxComment = 0xffff;
constexpr uint16_t kSaturated16 = 0xffff;
constexpr uint32_t kSaturated32 = 0xffffffff; // the value stands in the zip64 record
constexpr uint16_t kDeflateLevel = 3 << 1, kDataDescriptor = 1 << 3, kUtf8 = 1 << 11;
constexpr uint16_t kZip64Extra = 1;

//===----------------------------------------------------------------------===//
// CRC-32, eight bytes at a time
//===----------------------------------------------------------------------===//

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t t = 1; t < tables.size(); ++t)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[t][byte] = (tables[t - 1][byte] >> 8) ^ tables[0][tables[t - 1][byte] & 0xff];
  return tables;
}

} // namespace

bool is_zip(const MappedFile &file) {
  const uint32_t begin = file.size() >= 4 ? file.number<uint32_t>(0) : 0;
  return begin == kLocalSignature || begin == kEndSignature; // the latter without entries
}

std::string_view first_entry_name(const MappedFile &file) {
  if (file.size() < kLocalBytes || file.number<uint32_t>(0) != kLocalSignature)
    return {};
  return file.text(kLocalBytes, std::min<std::size_t>(file.number<uint16_t>(26), file.size() - kLocalBytes));
}

uint32_t crc32(std::span<const std::byte> data) {
  static constexpr CrcTables kTables = make_crc_tables();
  uint32_t crc = 0xffffffff;
  std::size_t i = 0;
  for (; i + 8 <= data.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, data.data() + i, sizeof(word));
    word ^= crc;
    // Written out: the tables are looked up in parallel.
    crc = kTables[7][word & 0xff] ^ kTables[6][(word >> 8) & 0xff] ^ kTables[5][(word >> 16) & 0xff] ^
          kTables[4][(word >> 24) & 0xff] ^ kTables[3][(word >> 32) & 0xff] ^ kTables[2][(word >> 40) & 0xff] ^
          kTables[1][(word >> 48) & 0xff] ^ kTables[0][word >> 56];
  }
  for (; i < data.size(); ++i)
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint32_t>(data[i])) & 0xff];
  return ~crc;
}

//===----------------------------------------------------------------------===//
// The end records
//===----------------------------------------------------------------------===//

ZipArchive::ZipArchive(std::shared_ptr<MappedFile> file) : file_(std::move(file)) {
  read_directory(find_directory());
  check_overlap();
}

void ZipArchive::fail(std::size_t offset, const std::string &rule) const {
  throw FileError(file_->path(), concat({"offset ", offset}), rule);
}

ZipArchive::Directory ZipArchive::find_directory() const {
  const MappedFile &file = *file_;
  const std::size_t size = file.size();
  std::size_t end = size; // offset of the end record; `size` while not found
  for (std::size_t back = kEndBytes; back <= std::min(size, kEndBytes + kMaxComment); ++back)
    if (file.number<uint32_t>(size - back) == kEndSignature && file.number<uint16_t>(size - back + 20) == back - kEndBytes) {
      end = size - back;
      break;
    }
  if (end == size)
    throw FileError(file.path(), "", "the zip archive has no end record; the file is truncated");

  Directory directory;
  const auto count = file.number<uint16_t>(end + 10);
  const auto bytes = file.number<uint32_t>(end + 12), offset = file.number<uint32_t>(end + 16);
  if (file.number<uint16_t>(end + 4) != 0 || file.number<uint16_t>(end + 6) != 0 || file.number<uint16_t>(end + 8) != count)
    fail(end, "zip archives of several disks are not supported");
  directory = {offset, bytes, end, count};

  const bool has_locator = end >= kLocator64Bytes && file.number<uint32_t>(end - kLocator64Bytes) == kLocator64Signature;
  if (!has_locator && (count == kSaturated16 || bytes == kSaturated32 || offset == kSaturated32))
    fail(end, "the zip64 record that the end record points to is missing");
  if (has_locator) {
    const std::size_t locator = end - kLocator64Bytes;
    const auto end64 = file.number<uint64_t>(locator + 8);
    if (file.number<uint32_t>(locator + 4) != 0 || file.number<uint32_t>(locator + 16) != 1)
      fail(locator, "zip archives of several disks are not supported");
    if (locator < kEnd64Bytes || end64 > locator - kEnd64Bytes || file.number<uint32_t>(end64) != kEnd64Signature ||
        file.number<uint64_t>(end64 + 4) != locator - end64 - 12)
      fail(locator, "the zip64 end record is not where its locator says");
    if (file.number<uint32_t>(end64 + 16) != 0 || file.number<uint32_t>(end64 + 20) != 0 ||
        file.number<uint64_t>(end64 + 24) != file.number<uint64_t>(end64 + 32))
      fail(end64, "zip archives of several disks are not supported");
    directory = {file.number<uint64_t>(end64 + 48), file.number<uint64_t>(end64 + 40), end64, file.number<uint64_t>(end64 + 32)};
    if ((count != kSaturated16 && count != directory.count) || (bytes != kSaturated32 && bytes != directory.size) ||
        (offset != kSaturated32 && offset != directory.offset))
      fail(end64, "the zip64 end record contradicts the end record");
  }
  if (directory.size > directory.end || directory.offset != directory.end - directory.size)
    fail(directory.end, "the central directory must end where the end record begins");
  if (directory.count > directory.size / kCentralBytes)
    fail(directory.end, concat({directory.count, " entries do not fit a central directory of ", directory.size, " bytes"}));
  return directory;
}

//===----------------------------------------------------------------------===//
// The central directory and the local headers
//===----------------------------------------------------------------------===//

// Sizes and offsets of 4 GiB and more stand in the zip64 extra field, in order, each only where the plain one is saturated.
void ZipArchive::resolve_zip64(const std::string &name, std::size_t extra, std::size_t extra_bytes,
                               std::span<uint64_t> values) const {
  const MappedFile &file = *file_;
  const std::size_t extra_end = extra + extra_bytes;
  bool seen = false;
  while (extra_end - extra >= 4) {
    const std::size_t begin = extra + 4;
    const auto kind = file.number<uint16_t>(extra), bytes = file.number<uint16_t>(extra + 2);
    if (extra_end - begin < bytes)
      fail(extra, concat({"an extra field of ", in_quotes(name), " reaches beyond its end"}));
    if (kind == kZip64Extra) {
      if (seen)
        fail(extra, concat({in_quotes(name), " has two zip64 fields"}));
      seen = true;
      std::size_t at = begin;
      for (uint64_t &value : values)
        if (value == kSaturated32) {
          if (begin + bytes - at < 8)
            fail(extra, concat({"the zip64 field of ", in_quotes(name), " is too short"}));
          value = file.number<uint64_t>(at);
          at += 8;
        }
    }
    extra = begin + bytes;
  }
}

void ZipArchive::read_directory(const Directory &directory) {
  const MappedFile &file = *file_;
  std::size_t at = directory.offset;
  for (uint64_t i = 0; i < directory.count; ++i) {
    if (directory.end - at < kCentralBytes || file.number<uint32_t>(at) != kCentralSignature)
      fail(at, "expected an entry of the central directory");
    const auto flags = file.number<uint16_t>(at + 8), method = file.number<uint16_t>(at + 10);
    const std::size_t name_bytes = file.number<uint16_t>(at + 28), extra_bytes = file.number<uint16_t>(at + 30),
                      comment_bytes = file.number<uint16_t>(at + 32);
    if (directory.end - at - kCentralBytes < name_bytes + extra_bytes + comment_bytes)
      fail(at, "an entry reaches beyond the central directory");
    ZipEntry entry;
    entry.name = file.text(at + kCentralBytes, name_bytes);
    entry.crc = file.number<uint32_t>(at + 16);
    if (entry.name.empty() || entry.name.find('\0') != std::string::npos)
      fail(at, "an entry's name is empty or has a null byte");
    if (flags & ~(kDataDescriptor | kUtf8 | kDeflateLevel))
      fail(at, concat({in_quotes(entry.name), " is encrypted or uses an unknown feature (flags 0x", Piece::hex(flags, 4), ")"}));
    entry.method = method;
    uint64_t values[3] = {file.number<uint32_t>(at + 24), file.number<uint32_t>(at + 20), file.number<uint32_t>(at + 42)};
    resolve_zip64(entry.name, at + kCentralBytes + name_bytes, extra_bytes, values);
    if (method == 0 && values[0] != values[1])
      fail(at, concat({in_quotes(entry.name), " is stored, but its two sizes differ: ", values[0], " and ", values[1]}));
    if (file.number<uint16_t>(at + 34) != 0)
      fail(at, "zip archives of several disks are not supported");
    entry.size = values[1];
    entry.header = values[2];
    check_local_header(entry, flags, values[0], directory.offset);
    if (!index_.emplace(entry.name, entries_.size()).second)
      fail(at, concat({"the entry ", in_quotes(entry.name), " is there twice"}));
    entries_.push_back(std::move(entry));
    at += kCentralBytes + name_bytes + extra_bytes + comment_bytes;
  }
  if (at != directory.end)
    fail(at, "the central directory goes on after its last entry");
}

// Two readers must never see two different files in one archive: the local header says what the central directory says.
void ZipArchive::check_local_header(ZipEntry &entry, uint16_t flags, uint64_t plain_size, std::size_t directory_offset) const {
  const MappedFile &file = *file_;
  const std::size_t at = entry.header;
  if (at > directory_offset || directory_offset - at < kLocalBytes || file.number<uint32_t>(at) != kLocalSignature)
    fail(at, concat({"expected the local header of ", in_quotes(entry.name)}));
  const std::size_t name_bytes = file.number<uint16_t>(at + 26), extra_bytes = file.number<uint16_t>(at + 28);
  if (directory_offset - at - kLocalBytes < name_bytes + extra_bytes)
    fail(at, concat({"the local header of ", in_quotes(entry.name), " reaches into the central directory"}));
  const auto crc = file.number<uint32_t>(at + 14);
  uint64_t sizes[2] = {file.number<uint32_t>(at + 22), file.number<uint32_t>(at + 18)};
  resolve_zip64(entry.name, at + kLocalBytes + name_bytes, extra_bytes, sizes);
  // With a data descriptor behind the data, the writer did not know sizes and CRC yet.
  const bool later = (flags & kDataDescriptor) != 0;
  auto agrees = [&](uint64_t local, uint64_t central) { return local == central || (later && local == 0); };
  if (file.text(at + kLocalBytes, name_bytes) != entry.name || file.number<uint16_t>(at + 6) != flags ||
      file.number<uint16_t>(at + 8) != entry.method || !agrees(sizes[0], plain_size) || !agrees(sizes[1], entry.size) ||
      !agrees(crc, entry.crc))
    fail(at, concat({"the local header of ", in_quotes(entry.name), " contradicts the central directory"}));
  entry.offset = at + kLocalBytes + name_bytes + extra_bytes;
  if (entry.size > directory_offset - entry.offset)
    fail(at, concat({in_quotes(entry.name), " reaches into the central directory"}));
}

void ZipArchive::check_overlap() const {
  std::vector<const ZipEntry *> order;
  for (const ZipEntry &entry : entries_)
    order.push_back(&entry);
  std::ranges::sort(order, {}, &ZipEntry::header);
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i]->header < order[i - 1]->offset + order[i - 1]->size)
      fail(order[i]->header, concat({in_quotes(order[i - 1]->name), " and ", in_quotes(order[i]->name), " overlap"}));
}

const ZipEntry *ZipArchive::find(std::string_view name) const {
  auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::span<std::byte> ZipArchive::data(const ZipEntry &entry) const {
  if (entry.method != 0)
    fail(entry.offset, concat({in_quotes(entry.name), " is compressed (method ", entry.method,
                               "); expected stored entries, as torch.save and numpy.savez write them"}));
  const std::span<std::byte> bytes = file_->bytes().subspan(entry.offset, entry.size);
  if (const uint32_t crc = crc32(bytes); crc != entry.crc)
    fail(entry.offset, concat({"the CRC-32 of ", in_quotes(entry.name), " is ", Piece::hex(crc, 8), ", but ", Piece::hex(entry.crc, 8), " is recorded; the file is damaged"}));
  return bytes;
}

} // namespace kiln::runtime
