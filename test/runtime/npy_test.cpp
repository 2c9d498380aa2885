// NumPy's format: what numpy.save wrote, the same bytes written back, and every rule broken once.
#include "kiln/runtime/files.h"
#include "test_files.h"

namespace kiln::runtime {
namespace {

std::string npy_path(const std::string &name) { return data_path("runtime/" + name + ".npy"); }

/// A file of version 1.0 with `header` as it is.
std::string npy(const std::string &header, const std::string &data = "") {
  return "\x93NUMPY" + std::string("\x01\x00", 2) + bytes_of(static_cast<uint16_t>(header.size())) + header + data;
}

std::string refusal(const std::string &content) {
  return file_error(content, [](const std::string &path) { load_npy(path); });
}

TEST(NpyTest, ReadsEveryTypeInBothByteOrders) {
  const std::pair<const char *, DType> files[] = {
      {"little_f2", DType::Float16}, {"little_f4", DType::Float32}, {"little_f8", DType::Float64}, {"i1", DType::Int8},
      {"little_i2", DType::Int16},   {"little_i4", DType::Int32},   {"little_i8", DType::Int64},   {"u1", DType::UInt8},
      {"b1", DType::Bool},           {"big_f2", DType::Float16},    {"big_f4", DType::Float32},    {"big_f8", DType::Float64},
      {"big_i2", DType::Int16},      {"big_i8", DType::Int64}};
  for (const auto &[file, dtype] : files) {
    const Tensor tensor = load_npy(npy_path(file));
    EXPECT_EQ(tensor.dtype(), dtype) << file;
    EXPECT_EQ(tensor.shape_text(), "[2, 3]") << file;
    std::vector<double> expected{0, 2, 4, 1, 3, 0}; // i * 7 % 5
    if (dtype == DType::Bool)
      expected = {0, 1, 1, 1, 1, 0};
    EXPECT_EQ(values<double>(tensor.to(DType::Float64)), expected) << file;
  }
}

TEST(NpyTest, ReadsOrdersShapesAndVersions) {
  const Tensor fortran = load_npy(npy_path("fortran"));
  EXPECT_EQ(values<float>(fortran), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(list(fortran.strides()), (std::vector<int64_t>{1, 2})); // as torch.from_numpy
  EXPECT_EQ(load_npy(npy_path("scalar")).shape_text(), "[]");
  EXPECT_EQ(load_npy(npy_path("scalar")).item<double>(), 2.5);
  EXPECT_EQ(load_npy(npy_path("vector")).shape_text(), "[3]");
  EXPECT_EQ(load_npy(npy_path("empty")).shape_text(), "[2, 0, 3]");
  for (const char *version : {"version2", "version3"})
    EXPECT_EQ(values<float>(load_npy(npy_path(version))), (std::vector<float>{0, 1, 2}));
}

TEST(NpyTest, WritesNumPysBytes) {
  TemporaryFolder folder;
  for (const char *name : {"little_f2", "little_f4", "little_f8", "i1", "little_i2", "little_i4", "little_i8", "u1", "b1",
                           "scalar", "vector", "empty"}) {
    save_npy(folder.path("x.npy"), load_npy(npy_path(name)));
    EXPECT_EQ(read_file(folder.path("x.npy")), read_file(npy_path(name))) << name;
  }
  save_npy(folder.path("x.npy"), load_npy(npy_path("fortran"))); // written in C order
  EXPECT_EQ(values<float>(load_npy(folder.path("x.npy"))), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(load_npy(folder.path("x.npy")).is_contiguous());
}

TEST(NpyTest, RefusesToWriteBFloat16) {
  EXPECT_EQ(message_of<TypeError>([] { save_npy("x.npy", Tensor({1}, DType::BFloat16)); }),
            "Got unsupported ScalarType BFloat16\nNumPy has no such element type; convert to float32 before saving x.npy");
}

TEST(NpyTest, RefusesWrongFiles) {
  const std::string good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
  EXPECT_EQ(refusal(npy(good, "ab")), "no exception");
  EXPECT_EQ(refusal(""), "FILE: the file is empty: found 0 bytes, expected a .npy header of 10 at least");
  EXPECT_EQ(refusal("\x93NU"), "FILE: the file is truncated: found 3 bytes, expected a .npy header of 10 at least");
  EXPECT_EQ(refusal("\x93MU"), "FILE: offset 0: no .npy file: it must begin with \\x93NUMPY");
  EXPECT_EQ(refusal("\x93NUMPX" + npy(good).substr(6)), "FILE: offset 0: no .npy file: it must begin with \\x93NUMPY");
  EXPECT_EQ(refusal("\x93NUMPY" + std::string("\x04\x00\x00\x00", 4)),
            "FILE: offset 6: format version 4.0 is not supported; expected 1.0, 2.0 or 3.0");
  EXPECT_EQ(refusal("\x93NUMPY" + std::string("\x01\x01\x00\x00", 4)),
            "FILE: offset 6: format version 1.1 is not supported; expected 1.0, 2.0 or 3.0");
  EXPECT_EQ(refusal("\x93NUMPY" + std::string("\x02\x00\x00\x00", 4)),
            "FILE: the file is truncated: found 10 bytes, expected a .npy header of 12 at least");
  EXPECT_EQ(refusal(npy(good).substr(0, 30)),
            "FILE: offset 8: the header is 58 bytes long, but only 20 follow; the file is truncated");
  EXPECT_EQ(refusal(npy(std::string(10'001, ' '))), "FILE: offset 8: the header is 10001 bytes long, above the limit of 10000");
  EXPECT_EQ(refusal(npy(good, "a")), "FILE: offset 68: shape [2] of '|u1' needs 2 bytes, but 1 follow; the file is truncated");
  EXPECT_EQ(refusal(npy(good, "abc")), "FILE: offset 68: shape [2] of '|u1' needs 2 bytes, but 3 follow; the file is longer than its array");
}

TEST(NpyTest, RefusesArchivesOfArrays) {
  EXPECT_EQ(refusal(read_file(data_path("runtime/arrays.npz"))),
            "FILE: no .npy file: this is a zip archive, as NumPy's .npz is; load_npz reads its arrays by their names");
}

TEST(NpyTest, RefusesWrongHeaders) {
  auto with = [](const std::string &descr, const std::string &order, const std::string &shape) {
    return refusal(npy("{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + "}", std::string(4, '\0')));
  };
  EXPECT_EQ(with("'<f4'", "False", "(1,)"), "no exception");
  EXPECT_EQ(with("\"<f4\"", "True", "( 1 , )"), "no exception");
  const std::string types = "; expected b1, u1, i1, i2, i4, i8, f2, f4 or f8, after '<', '>' or '|'";
  EXPECT_EQ(with("'<u4'", "False", "(1,)"), "FILE: descr: element type '<u4' is not supported" + types);
  EXPECT_EQ(with("'|f4'", "False", "(1,)"), "FILE: descr: element type '|f4' is not supported" + types);
  EXPECT_EQ(with("''", "False", "(1,)"), "FILE: descr: element type '' is not supported" + types);
  EXPECT_EQ(with("'\x1b[2J'", "False", "(1,)"), "FILE: descr: element type '\\x1b[2J' is not supported" + types);
  EXPECT_EQ(with("[('a', '<f4')]", "False", "(1,)"),
            "FILE: offset 20: expected a string in the header; arrays of records are not supported");
  EXPECT_EQ(with("'<f4", "False", "(1,)"), "FILE: offset 27: expected '}' in the header");
  EXPECT_EQ(with("'<f4'", "0", "(1,)"), "FILE: offset 44: expected True or False");
  EXPECT_EQ(with("'<f4'", "False", "1"), "FILE: offset 60: expected '(' in the header");
  EXPECT_EQ(with("'<f4'", "False", "(1)"), "FILE: offset 62: expected ','; a tuple of one size is written (3,)");
  EXPECT_EQ(with("'<f4'", "False", "(-1,)"), "FILE: offset 61: expected a size of 0 or more");
  EXPECT_EQ(with("'<f4'", "False", "(1, 2"), "FILE: offset 65: expected ')' in the header");
  EXPECT_EQ(with("'<f4'", "False", "(9223372036854775808,)"), "FILE: offset 61: a size does not fit 63 bits");
  EXPECT_EQ(with("'<f4'", "False", "(4294967296, 4294967296)"), "FILE: offset 85: shape [4294967296, 4294967296] is too large");
  // No elements, and strides that do not fit: PyTorch's text, and the file.
  for (const char *order : {"False", "True"}) {
    const bool fortran = order[0] == 'T';
    const std::string shape = fortran ? "(8, 4611686018427387904, 0)" : "(0, 4611686018427387904, 8)";
    std::string listed = shape;
    listed.front() = '[', listed.back() = ']';
    EXPECT_EQ(refusal(npy("{'descr': '<f4', 'fortran_order': " + std::string(order) + ", 'shape': " + shape + "}")),
              "FILE: shape " + listed + ": Stride calculation overflowed");
  }
  EXPECT_EQ(refusal(npy("{'descr': '<f4', 'shape': (1,)}")), "FILE: offset 10: the key 'fortran_order' is missing");
  EXPECT_EQ(refusal(npy("{'descr': '<f4', 'descr': '<f4'}")),
            "FILE: offset 27: the key 'descr' is unknown or appears twice; expected descr, fortran_order and shape");
  EXPECT_EQ(refusal(npy("{'a': 1}")),
            "FILE: offset 11: the key 'a' is unknown or appears twice; expected descr, fortran_order and shape");
  EXPECT_EQ(refusal(npy("{} x")), "FILE: offset 13: expected nothing after the header's dict");
  EXPECT_EQ(refusal(npy("__import__('os')")), "FILE: offset 10: expected '{' in the header");
  EXPECT_EQ(refusal(read_file(npy_path("records"))),
            "FILE: offset 20: expected a string in the header; arrays of records are not supported");
}

TEST(NpyTest, RefusesEveryTruncation) {
  expect_every_truncation_refused(read_file(npy_path("little_f4")), [](const std::string &path) { load_npy(path); });
}

} // namespace
} // namespace kiln::runtime
