// The zip container of .pt files: each rule broken once, in an archive that is right otherwise.
#include <functional>

#include "kiln/runtime/files.h"
#include "torch_archive.h"

namespace kiln::runtime {
namespace {

Archive good() { return torch_archive(op::dict(op::text("x") + op::tensor(op::storage("FloatStorage", "0", 4), 0, {4}, {1}))); }

std::string refusal(const std::string &content) {
  return file_error(content, [](const std::string &path) { load_torch(path); });
}
/// The refusal after `damage`, with OFFSET for the offset it must name.
std::string refusal_at(const std::function<std::size_t(Archive &)> &damage) {
  Archive archive = good();
  const std::string offset = "FILE: offset " + std::to_string(damage(archive)) + ": ", message = refusal(archive.bytes);
  return message.starts_with(offset) ? message.substr(offset.size()) : message;
}

TEST(ZipArchiveTest, ReadsAnArchiveWithAComment) {
  EXPECT_EQ(refusal(good().bytes), "no exception");
  Archive archive = good();
  archive.set<uint16_t>(archive.end + 20, 5).bytes += "hello";
  EXPECT_EQ(refusal(archive.bytes), "no exception");
  EXPECT_EQ(refusal(good().bytes + "x"), "FILE: the zip archive has no end record; the file is truncated");
}

TEST(ZipArchiveTest, RefusesWrongEndRecords) {
  auto end = [](std::size_t field, auto value) {
    return refusal_at([=](Archive &archive) {
      archive.set(archive.end + field, value);
      return archive.end;
    });
  };
  EXPECT_EQ(end(4, uint16_t(1)), "zip archives of several disks are not supported");
  EXPECT_EQ(end(8, uint16_t(1)), "zip archives of several disks are not supported");
  EXPECT_EQ(end(12, uint32_t(10)), "the central directory must end where the end record begins");
  EXPECT_EQ(end(16, uint32_t(0)), "the central directory must end where the end record begins");
  EXPECT_EQ(end(16, UINT32_MAX), "the zip64 record that the end record points to is missing");
  EXPECT_EQ(refusal_at([](Archive &archive) {
              archive.set<uint16_t>(archive.end + 8, 300).set<uint16_t>(archive.end + 10, 300);
              return archive.end;
            }),
            "300 entries do not fit a central directory of 110 bytes");
  EXPECT_EQ(refusal_at([](Archive &archive) {
              archive.set<uint16_t>(archive.end + 8, 1).set<uint16_t>(archive.end + 10, 1);
              return archive.central[1];
            }),
            "the central directory goes on after its last entry");
}

TEST(ZipArchiveTest, RefusesWrongDirectoryEntries) {
  auto central = [](std::size_t field, auto value) {
    return refusal_at([=](Archive &archive) {
      archive.set(archive.central[1] + field, value);
      return archive.central[1];
    });
  };
  EXPECT_EQ(central(0, uint32_t(0)), "expected an entry of the central directory");
  EXPECT_EQ(central(8, uint16_t(1)), "'m/data/0' is encrypted or uses an unknown feature (flags 0x0001)");
  EXPECT_EQ(refusal_at([](Archive &archive) {
              archive.set(archive.central[1] + 10, uint16_t(8));
              return archive.local[1];
            }),
            "the local header of 'm/data/0' contradicts the central directory");
  EXPECT_EQ(refusal_at([](Archive &archive) {
              archive.set(archive.central[1] + 10, uint16_t(8)).set(archive.local[1] + 8, uint16_t(8));
              return archive.local[1] + 30 + 8;
            }),
            "'m/data/0' is compressed (method 8); expected stored entries, as torch.save and numpy.savez write them");
  EXPECT_EQ(central(20, uint32_t(15)), "'m/data/0' is stored, but its two sizes differ: 16 and 15");
  EXPECT_EQ(central(28, uint16_t(999)), "an entry reaches beyond the central directory");
  EXPECT_EQ(central(28, uint16_t(0)), "an entry's name is empty or has a null byte");
  EXPECT_EQ(central(46, uint8_t(0)), "an entry's name is empty or has a null byte");
  EXPECT_EQ(central(34, uint16_t(1)), "zip archives of several disks are not supported");
  EXPECT_EQ(refusal_at([](Archive &archive) {
              archive.set(archive.central[1] + 42, uint32_t(1));
              return std::size_t(1);
            }),
            "expected the local header of 'm/data/0'");
  EXPECT_EQ(refusal_at([](Archive &archive) {
              archive.set(archive.central[1] + 42, uint32_t(0xfffffff0));
              return std::size_t(0xfffffff0);
            }),
            "expected the local header of 'm/data/0'");
  Archive twice({{"a", "1"}, {"a", "2"}});
  EXPECT_EQ(refusal(twice.bytes), "FILE: offset " + std::to_string(twice.central[1]) + ": the entry 'a' is there twice");
  Archive hostile({{"\x1b[2J", "1"}, {"\x1b[2J", "2"}});
  EXPECT_EQ(refusal(hostile.bytes),
            "FILE: offset " + std::to_string(hostile.central[1]) + ": the entry '\\x1b[2J' is there twice");
}

TEST(ZipArchiveTest, RefusesLocalHeadersThatSaySomethingElse) {
  auto local = [](std::size_t field, auto value) {
    return refusal_at([=](Archive &archive) {
      archive.set(archive.local[1] + field, value);
      return archive.local[1];
    });
  };
  const std::string rule = "the local header of 'm/data/0' contradicts the central directory";
  EXPECT_EQ(local(0, uint32_t(0)), "expected the local header of 'm/data/0'");
  EXPECT_EQ(local(6, uint16_t(8)), rule);
  EXPECT_EQ(local(8, uint16_t(8)), rule);
  EXPECT_EQ(local(14, uint32_t(1)), rule);
  EXPECT_EQ(local(14, uint32_t(0)), rule); // zero is right only before a data descriptor
  EXPECT_EQ(local(18, uint32_t(15)), rule);
  EXPECT_EQ(local(22, uint32_t(17)), rule);
  EXPECT_EQ(local(30, 'n'), rule);
  EXPECT_EQ(local(28, uint16_t(60'000)), "the local header of 'm/data/0' reaches into the central directory");
  EXPECT_EQ(local(28, uint16_t(1)), "'m/data/0' reaches into the central directory");
}

TEST(ZipArchiveTest, RefusesOverlapsAndDamage) {
  // The first entry's local header gets an extra field that pushes its data into the second entry.
  Archive overlap({{"m/data.pkl", std::string(40, 'x')}, {"m/data/0", std::string(60, '\0')}});
  overlap.set<uint16_t>(overlap.local[0] + 28, 10).set<uint32_t>(overlap.local[0] + 40, 0x00060002);
  EXPECT_EQ(refusal(overlap.bytes), "FILE: offset " + std::to_string(overlap.local[1]) + ": 'm/data.pkl' and 'm/data/0' overlap");

  Archive damaged = good();
  const std::size_t data = damaged.local[1] + 30 + 8;
  damaged.set(data, uint8_t(1));
  char expected[200];
  std::snprintf(expected, sizeof(expected),
                "FILE: offset %zu: the CRC-32 of 'm/data/0' is %08x, but %08x is recorded; the file is damaged", data,
                slow_crc32("\1" + std::string(15, '\0')), slow_crc32(std::string(16, '\0')));
  EXPECT_EQ(refusal(damaged.bytes), expected);
}

TEST(ZipArchiveTest, RefusesWrongZip64Records) {
  const std::string whole = read_file(data_path("runtime/all_dtypes.pt")); // torch.save writes a zip64 end record always
  const std::size_t locator = whole.size() - 22 - 20, end64 = locator - 56;
  auto damaged = [&](std::size_t at, auto value) {
    std::string changed = whole;
    std::memcpy(changed.data() + at, &value, sizeof(value));
    return refusal(changed);
  };
  const std::string at_locator = "FILE: offset " + std::to_string(locator) + ": ",
                    at_end64 = "FILE: offset " + std::to_string(end64) + ": ";
  EXPECT_EQ(damaged(locator + 8, uint64_t(5)), at_locator + "the zip64 end record is not where its locator says");
  EXPECT_EQ(damaged(locator + 8, UINT64_MAX), at_locator + "the zip64 end record is not where its locator says");
  EXPECT_EQ(damaged(end64 + 4, uint64_t(45)), at_locator + "the zip64 end record is not where its locator says");
  EXPECT_EQ(damaged(locator + 16, uint32_t(2)), at_locator + "zip archives of several disks are not supported");
  EXPECT_EQ(damaged(end64 + 16, uint32_t(1)), at_end64 + "zip archives of several disks are not supported");
  EXPECT_EQ(damaged(end64 + 40, uint64_t(46)), at_end64 + "the zip64 end record contradicts the end record");
  EXPECT_EQ(damaged(end64 + 48, UINT64_MAX), at_end64 + "the zip64 end record contradicts the end record");
}

TEST(ZipArchiveTest, RefusesWrongZip64Fields) {
  // A directory entry with saturated sizes and the extra field `extra`; the same in the local header.
  auto archive = [](const std::string &extra) {
    const std::string data = "x", name = "a";
    const std::string facts = bytes_of<uint16_t>(0) + bytes_of<uint16_t>(0) + bytes_of<uint32_t>(0) + bytes_of(slow_crc32(data)) +
                              bytes_of(UINT32_MAX) + bytes_of(UINT32_MAX) + bytes_of<uint16_t>(1) +
                              bytes_of(static_cast<uint16_t>(extra.size()));
    const std::string local = "PK\x03\x04" + bytes_of<uint16_t>(45) + facts + name + extra + data;
    const std::string central =
        "PK\x01\x02" + bytes_of<uint16_t>(45) + bytes_of<uint16_t>(45) + facts + std::string(14, '\0') + name + extra;
    return local + central + "PK\x05\x06" + std::string(4, '\0') + bytes_of<uint16_t>(1) + bytes_of<uint16_t>(1) +
           bytes_of(static_cast<uint32_t>(central.size())) + bytes_of(static_cast<uint32_t>(local.size())) +
           bytes_of<uint16_t>(0);
  };
  auto rule = [&](const std::string &extra) {
    const std::string message = refusal(archive(extra));
    return message.starts_with("FILE: offset ") ? message.substr(message.find(": ", 13) + 2) : message;
  };
  const std::string sizes = bytes_of<uint64_t>(1) + bytes_of<uint64_t>(1),
                    field = bytes_of<uint16_t>(1) + bytes_of<uint16_t>(16) + sizes;
  EXPECT_EQ(rule(field), "FILE: the archive has no data.pkl; it was not written by torch.save"); // read, and no .pt
  EXPECT_EQ(rule(field + field), "'a' has two zip64 fields");
  EXPECT_EQ(rule(bytes_of<uint16_t>(1) + bytes_of<uint16_t>(8) + bytes_of<uint64_t>(1)), "the zip64 field of 'a' is too short");
  EXPECT_EQ(rule(bytes_of<uint16_t>(1) + bytes_of<uint16_t>(99) + sizes), "an extra field of 'a' reaches beyond its end");
  EXPECT_EQ(rule(bytes_of<uint16_t>(1) + bytes_of<uint16_t>(16) + bytes_of(UINT64_MAX) + bytes_of(UINT64_MAX)),
            "'a' reaches into the central directory");
}

} // namespace
} // namespace kiln::runtime
