// NumPy's archives of arrays: what numpy.savez wrote, and each rule broken once. The rules of the arrays are in npy_test.cpp, those of
// the container in zip_archive_test.cpp.
#include "kiln/runtime/files.h"
#include "torch_archive.h"

namespace kiln::runtime {
namespace {

std::string refusal(const std::string &content) {
  return file_error(content, [](const std::string &path) { load(path); });
}

TEST(NpzTest, ReadsArraysByName) {
  const StateDict read = load(data_path("runtime/arrays.npz"));
  EXPECT_EQ(read.keys(), (std::vector<std::string>{"weight", "count", "empty", "swapped"}));
  EXPECT_EQ(values<float>(read.at("weight")), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(read.at("weight").shape_text(), "[2, 3]");
  EXPECT_EQ(read.at("count").item<int64_t>(), 7);
  EXPECT_EQ(read.at("empty").shape_text(), "[0, 2]");
  EXPECT_EQ(values<int16_t>(read.at("swapped")), (std::vector<int16_t>{0, 1, 2}));
}

TEST(NpzTest, ReadsAnArchiveOfNothing) {
  TemporaryFolder folder;
  EXPECT_EQ(load(folder.write("x.npz", Archive({}).bytes)).size(), 0u);
}

TEST(NpzTest, RefusesEveryTruncation) {
  expect_every_truncation_refused(read_file(data_path("runtime/arrays.npz")), [](const std::string &path) { load_npz(path); });
}

TEST(NpzTest, RefusesWhatIsNoArchiveOfArrays) {
  EXPECT_EQ(file_error(read_file(data_path("runtime/compressed.npz")), [](const std::string &path) { load(path); }),
            "FILE: 'weight.npy': the array is compressed (method 8); save it with numpy.savez, not numpy.savez_compressed");
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  const std::string array = "\x93NUMPY" + std::string("\x01\x00", 2) + bytes_of(static_cast<uint16_t>(header.size())) + header;
  const std::string good = array + std::string(8, '\0');
  EXPECT_EQ(refusal(Archive({{"a.npy", good}}).bytes), "no exception");
  EXPECT_EQ(refusal(Archive({{"a.npy", good}, {"b.txt", ""}}).bytes),
            "FILE: 'b.txt': no .npz file: expected the entries to be named NAME.npy");
  EXPECT_EQ(refusal(Archive({{"a.npy", ""}}).bytes), "FILE: 'a.npy': the file is empty: found 0 bytes, expected a .npy header of 10 at least");
  EXPECT_EQ(refusal(Archive({{"a.npy", "array"}}).bytes), "FILE: 'a.npy' offset 0: no .npy file: it must begin with \\x93NUMPY");
  EXPECT_EQ(refusal(Archive({{"a.npy", array}}).bytes), "FILE: 'a.npy' offset 67: shape [2] of '<f4' needs 8 bytes, but 0 follow; the file is truncated");
  Archive damaged({{"a.npy", good}});
  damaged.bytes[damaged.bytes.find("PK\x01\x02") - 1] = 1; // the array's last byte
  EXPECT_NE(refusal(damaged.bytes).find("the CRC-32 of 'a.npy' is "), std::string::npos);
  EXPECT_EQ(file_error(read_file(data_path("runtime/arrays.npz")), [](const std::string &path) { load(path, "model"); }),
            "FILE: 'model': only a .pt file holds a state_dict under a key; this is none");
}

} // namespace
} // namespace kiln::runtime
