// The zip container, writing: PKWARE's APPNOTE, with zip64 records where sizes or offsets need them.
#include "zip_writer.h"

#include "zip_archive.h"

namespace kiln::runtime {

namespace {

constexpr uint32_t kSaturated32 = 0xffffffff;
constexpr uint16_t kSaturated16 = 0xffff, kUtf8 = 1 << 11, kZip64Version = 45;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kDosDate = 1 << 5 | 1; // the first day that the format knows: the same values give the same bytes

/// Little-endian numbers, one after another.
class Record {
public:
  Record &u16(uint64_t value) { return put(value, 2); }
  Record &u32(uint64_t value) { return put(value, 4); }
  Record &u64(uint64_t value) { return put(value, 8); }
  Record &text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  const std::string &bytes() const { return bytes_; }

private:
  Record &put(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string bytes_;
};

uint64_t saturated(uint64_t value) { return value < kSaturated32 ? value : kSaturated32; }

/// Version, flags, method, time, date, CRC, sizes: what both headers of an entry say.
void facts(Record &record, uint64_t size, uint32_t crc) {
  record.u16(size < kSaturated32 ? 0 : kZip64Version).u16(kUtf8).u16(0).u16(0).u16(kDosDate).u32(crc);
  record.u32(saturated(size)).u32(saturated(size));
}

} // namespace

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes);
  position_ += bytes.size();
}

void ZipWriter::add(const std::string &name, std::span<const std::byte> data) {
  Entry entry{name, position_, data.size(), crc32(data)};
  Record extra;
  if (entry.size >= kSaturated32)
    extra.u16(kZip64Extra).u16(16).u64(entry.size).u64(entry.size);
  // A field that readers skip fills the room up to the alignment. Its name and filling are PyTorch's.
  constexpr std::size_t kLocalBytes = 30, kFieldHead = 4;
  const uint64_t begin = position_ + kLocalBytes + name.size() + extra.bytes().size() + kFieldHead;
  const uint64_t padding = (kDataAlignment - begin % kDataAlignment) % kDataAlignment;
  extra.text("FB").u16(padding).text(std::string(padding, 'Z'));

  Record header;
  header.u32(0x04034b50);
  facts(header, entry.size, entry.crc);
  header.u16(name.size()).u16(extra.bytes().size()).text(name).text(extra.bytes());
  write(header.bytes());
  file_.write(data.data(), data.size());
  position_ += data.size();
  entries_.push_back(std::move(entry));
}

void ZipWriter::finish() {
  const uint64_t directory = position_;
  for (const Entry &entry : entries_) {
    Record extra;
    if (entry.size >= kSaturated32)
      extra.u64(entry.size).u64(entry.size);
    if (entry.header >= kSaturated32)
      extra.u64(entry.header);
    Record field;
    if (!extra.bytes().empty())
      field.u16(kZip64Extra).u16(extra.bytes().size()).text(extra.bytes());
    Record header;
    header.u32(0x02014b50).u16(field.bytes().empty() ? 0 : kZip64Version);
    facts(header, entry.size, entry.crc);
    header.u16(entry.name.size()).u16(field.bytes().size()).u16(0).u16(0).u16(0).u32(0).u32(saturated(entry.header));
    header.text(entry.name).text(field.bytes());
    write(header.bytes());
  }
  const uint64_t bytes = position_ - directory, count = entries_.size(), end = position_;
  Record tail;
  if (directory >= kSaturated32 || bytes >= kSaturated32 || count >= kSaturated16) {
    tail.u32(0x06064b50).u64(44).u16(kZip64Version).u16(kZip64Version).u32(0).u32(0);
    tail.u64(count).u64(count).u64(bytes).u64(directory);
    tail.u32(0x07064b50).u32(0).u64(end).u32(1);
  }
  const uint64_t short_count = count < kSaturated16 ? count : kSaturated16;
  tail.u32(0x06054b50).u16(0).u16(0).u16(short_count).u16(short_count).u32(saturated(bytes)).u32(saturated(directory)).u16(0);
  write(tail.bytes());
}

} // namespace kiln::runtime
