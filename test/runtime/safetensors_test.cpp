// The safetensors reader and writer: files of PyTorch's writer, round trips, and every rule of the format broken once.
#include <cmath>

#include "kiln/runtime/files.h"
#include "test_files.h"

namespace kiln::runtime {
namespace {

using Names = std::vector<std::string>;

std::string safetensors(const std::string &header, const std::string &data = "") {
  return bytes_of<uint64_t>(header.size()) + header + data;
}

std::string refusal(const std::string &content) {
  return file_error(content, [](const std::string &path) { load_safetensors(path); });
}

/// A file with one entry `x`, described by `entry`.
std::string refusal_of_entry(const std::string &entry, std::size_t bytes = 4) {
  return refusal(safetensors("{\"x\":" + entry + "}", std::string(bytes, '\0')));
}

TEST(SafetensorsTest, ReadsWhatPyTorchWrote) {
  std::map<std::string, std::string> metadata;
  const StateDict tensors = load_safetensors(data_path("runtime/all_dtypes.safetensors"), &metadata);
  EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"who", "PyTorch"}}));
  EXPECT_EQ(tensors.size(), 10u);
  // make_data.py's formula.
  for (const auto &[key, tensor] : tensors) {
    EXPECT_EQ(name(tensor.dtype()), key);
    EXPECT_EQ(tensor.shape_text(), "[2, 3]");
    const int64_t more = key == "int64" ? (int64_t(1) << 40) + 3 : key == "int32" ? (1 << 20) + 3 : key == "int16" ? 512 : 0;
    const std::vector<double> read = values<double>(tensor.to(DType::Float64));
    for (int64_t i = 0; i < 6; ++i)
      EXPECT_EQ(read[i], static_cast<double>((key == "bool" ? i % 2 : i * 7 - (key == "uint8" ? 0 : 9)) + more)) << key;
  }
}

TEST(SafetensorsTest, ReadsRealModels) {
  const StateDict digits = load(data_path("digits_test.safetensors"));
  EXPECT_EQ(digits.keys(), (Names{"labels", "images"}));
  EXPECT_EQ(digits.at("images").shape_text(), "[360, 784]");
  EXPECT_EQ(digits.at("labels").dtype(), DType::Int64);
  for (const std::string model : {"ShallowMLP", "DeepMLP", "ResidualNetwork"}) {
    const StateDict weights = load(data_path(model + ".safetensors")), same = load(data_path(model + ".pt"));
    EXPECT_EQ(weights.size(), same.size());
    for (const auto &[key, tensor] : weights)
      EXPECT_TRUE(equal_bits(tensor, same.at(key))) << model << " " << key;
  }
}

TEST(SafetensorsTest, TensorsArePrivateCopiesThatOutliveTheCall) {
  TemporaryFolder folder;
  const std::string path = folder.write("x.safetensors", read_file(data_path("runtime/all_dtypes.safetensors")));
  Tensor tensor = load_safetensors(path).at("float32");
  EXPECT_FALSE(tensor.storage() == load_safetensors(path).at("float32").storage());
  tensor.data<float>()[0] = 100;
  EXPECT_EQ(load_safetensors(path).at("float32").data<float>()[0], -9);
  std::filesystem::remove(path);
  EXPECT_EQ(tensor.data<float>()[0], 100);
}

TEST(SafetensorsTest, RoundTripKeepsOrderBitsAndMetadata) {
  TemporaryFolder folder;
  const std::string path = folder.path("out.safetensors");
  const std::vector<uint8_t> odd{1, 2, 3};
  const std::vector<float> numbers{1.5f, -0.0f, NAN, 4, 5, 6};
  const Tensor matrix = Tensor::from(std::span(numbers), {2, 3});
  const StateDict written{{"odd", Tensor::from(std::span(odd), {3})},
                          {"matrix.t", matrix.transpose(0, 1)},
                          {"z\"\n\xc3\xa9", Tensor::scalar<int64_t>(-7)},
                          {"empty", Tensor({2, 0}, DType::Float16)},
                          {"flags", Tensor::scalar(true)},
                          {"half", matrix.to(DType::BFloat16)},
                          {"double", matrix.select(0, 1).to(DType::Float64)}};
  save_safetensors(path, written, {{"format", "pt"}, {"note", "a \"quoted\" one"}});
  std::map<std::string, std::string> metadata;
  const StateDict read = load_safetensors(path, &metadata);
  EXPECT_EQ(read.keys(), written.keys());
  EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"note", "a \"quoted\" one"}}));
  for (const auto &[key, tensor] : written) {
    EXPECT_TRUE(equal_bits(read.at(key), tensor)) << key;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read.at(key).data()) % element_size(tensor.dtype()), 0u) << key;
  }
  uint64_t header;
  std::memcpy(&header, read_file(path).data(), 8);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_EQ(folder.names(), Names{"out.safetensors"}); // no temporary file stays
}

TEST(SafetensorsTest, WritesPyTorchsBytesBack) {
  TemporaryFolder folder;
  const std::string original = data_path("ShallowMLP.safetensors"), path = folder.path("copy.safetensors");
  std::map<std::string, std::string> metadata;
  const StateDict weights = load_safetensors(original, &metadata);
  save_safetensors(path, weights, metadata);
  EXPECT_EQ(read_file(path), read_file(original));
}

TEST(SafetensorsTest, ReplacesAFileThatIsBeingRead) {
  TemporaryFolder folder;
  const std::string path = folder.path("x.safetensors");
  save_safetensors(path, {{"x", Tensor::scalar(1.0f)}});
  const Tensor old = load_safetensors(path).at("x");
  save_safetensors(path, {{"x", Tensor::scalar(2.0f)}});
  EXPECT_EQ(old.item<float>(), 1);
  EXPECT_EQ(load_safetensors(path).at("x").item<float>(), 2);
}

TEST(SafetensorsTest, ReadsUnalignedDataAndAnyTruth) {
  TemporaryFolder folder;
  const std::string header =
      R"({"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},"f":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}})";
  const StateDict read =
      load_safetensors(folder.write("x", safetensors(header, std::string("\x00\x02\x01", 3) + bytes_of(2.5f))));
  EXPECT_EQ(values<bool>(read.at("b")), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(static_cast<const uint8_t *>(read.at("b").data())[1], 1);
  EXPECT_EQ(read.at("f").item<float>(), 2.5f);
}

TEST(SafetensorsTest, AcceptsAnEmptyFileOfTheFormat) {
  TemporaryFolder folder;
  EXPECT_TRUE(load_safetensors(folder.write("x", safetensors("{}"))).empty());
  EXPECT_TRUE(load_safetensors(folder.write("y", safetensors("{}      "))).empty());
}

TEST(SafetensorsTest, RefusesFilesThatCannotBeRead) {
  TemporaryFolder folder;
  auto message = [](const std::string &path) { return message_of<FileError>([&] { load(path); }); };
  EXPECT_EQ(message(folder.path("missing.safetensors")), folder.path("missing.safetensors") + ": No such file or directory");
  EXPECT_EQ(message(folder.path("")), folder.path("") + ": Is a directory");
  EXPECT_EQ(message("/dev/null"), "/dev/null: Not a regular file");
}

TEST(SafetensorsTest, RefusesAWrongHeaderLength) {
  EXPECT_EQ(refusal(""), "FILE: the file has 0 bytes, too few for a safetensors header; it is truncated or of another kind");
  EXPECT_EQ(refusal("1234567"),
            "FILE: the file has 7 bytes, too few for a safetensors header; it is truncated or of another kind");
  EXPECT_EQ(
      refusal(bytes_of<uint64_t>(100'000'001) + "{}"),
      "FILE: offset 0: the header is 100000001 bytes long, above the format's limit of 100000000; the file is damaged or no "
      "safetensors file");
  EXPECT_EQ(refusal(bytes_of<uint64_t>(3) + "{}"),
            "FILE: offset 0: the header is 3 bytes long, but only 2 follow; the file is truncated");
  EXPECT_EQ(refusal(bytes_of(UINT64_MAX) + "{}").substr(0, 50), "FILE: offset 0: the header is 18446744073709551615");
}

TEST(SafetensorsTest, RefusesWhatIsNotAJsonObject) {
  // No elements, and strides that do not fit: PyTorch's text, the file and the key.
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[0,4611686018427387904,8],"data_offsets":[0,0]})", 0),
            "FILE: 'x': Stride calculation overflowed");
  EXPECT_EQ(refusal(safetensors("")), "FILE: offset 8: the header must begin with '{'");
  EXPECT_EQ(refusal(safetensors(" {}")), "FILE: offset 8: the header must begin with '{'");
  EXPECT_EQ(refusal(safetensors("[]")), "FILE: offset 8: the header must begin with '{'");
  EXPECT_EQ(refusal(safetensors("{\"x\":}")), "FILE: offset 13: the header is not valid JSON (UTF-8)");
  EXPECT_EQ(refusal(safetensors("{} x")), "FILE: offset 11: the header is not valid JSON (UTF-8)");
  EXPECT_EQ(refusal(safetensors(std::string("{}\0{}", 5))), "FILE: offset 10: the header is not valid JSON (UTF-8)");
  EXPECT_EQ(refusal(safetensors("{\"\xff\":1}")), "FILE: offset 10: the header is not valid JSON (UTF-8)");
  EXPECT_EQ(refusal(safetensors("{\"x\":" + std::string(100'000, '['))), "FILE: 'x': expected an object, found an array");
}

TEST(SafetensorsTest, RefusesWrongEntries) {
  EXPECT_EQ(refusal_of_entry("1"), "FILE: 'x': expected an object, found a number");
  EXPECT_EQ(refusal_of_entry("null"), "FILE: 'x': expected an object, found null");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[1]})"), "FILE: 'x': the field 'data_offsets' is missing");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","data_offsets":[0,4]})"), "FILE: 'x': the field 'shape' is missing");
  EXPECT_EQ(refusal_of_entry(R"({"shape":[1],"data_offsets":[0,4]})"), "FILE: 'x': the field 'dtype' is missing");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"stride":[1]})"),
            "FILE: 'x': has a field 'stride'; a tensor has dtype, shape and data_offsets");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]})"),
            "FILE: 'x': the field 'dtype' appears twice");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,4]})"),
            "FILE: 'x': dtype 'F8_E4M3' is not supported; expected F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":1,"shape":[1],"data_offsets":[0,4]})"),
            "FILE: 'x': expected a string for dtype, found a number");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":["F32"],"shape":[1],"data_offsets":[0,4]})"),
            "FILE: 'x': expected a string for dtype, found an array");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})"),
            "FILE: 'x': expected an array of integers for shape, found a number");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"),
            "FILE: 'x': expected an integer of 0 or more in shape, found a negative number");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})"),
            "FILE: 'x': expected an integer of 0 or more in shape, found a number that is no 64-bit integer");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[[1]],"data_offsets":[0,4]})"),
            "FILE: 'x': expected an integer of 0 or more in shape, found an array");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]})"),
            "FILE: 'x': the size 9223372036854775808 in its shape does not fit 63 bits");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})"),
            "FILE: 'x': data_offsets has 1 numbers, expected 2");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})"),
            "FILE: 'x': data_offsets has 3 numbers, expected 2");
}

TEST(SafetensorsTest, RefusesDuplicatesAndWrongMetadata) {
  const std::string entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(refusal(safetensors("{\"x\":" + entry + ",\"x\":" + entry + "}")), "FILE: 'x': the key appears twice");
  EXPECT_EQ(refusal(safetensors(R"({"\u001b[2J":{"\u0007":1}})")),
            "FILE: '\\x1b[2J': has a field '\\x07'; a tensor has dtype, shape and data_offsets");
  EXPECT_EQ(refusal(safetensors(R"({"__metadata__":{},"__metadata__":{}})")), "FILE: '__metadata__': the key appears twice");
  EXPECT_EQ(refusal(safetensors(R"({"__metadata__":{"a":"1","a":"2"}})")), "FILE: '__metadata__': the key 'a' appears twice");
  EXPECT_EQ(refusal(safetensors(R"({"__metadata__":{"a":1}})")),
            "FILE: '__metadata__': expected a string for 'a', found a number");
  EXPECT_EQ(refusal(safetensors(R"({"__metadata__":{"a":{}}})")),
            "FILE: '__metadata__': expected a string for 'a', found an object");
  EXPECT_EQ(refusal(safetensors(R"({"__metadata__":"a"})")), "FILE: '__metadata__': expected an object, found a string");
}

TEST(SafetensorsTest, RefusesAWrongLayout) {
  auto two = [](const std::string &x, const std::string &y, std::size_t bytes) {
    auto entry = [](const std::string &offsets) { return R"({"dtype":"F32","shape":[1],"data_offsets":)" + offsets + "}"; };
    return refusal(safetensors("{\"x\":" + entry(x) + ",\"y\":" + entry(y) + "}", std::string(bytes, '\0')));
  };
  EXPECT_EQ(two("[4,8]", "[0,4]", 8), "no exception"); // any order in the header
  EXPECT_EQ(two("[0,4]", "[5,9]", 9), "FILE: 'y': data_offsets [5, 9] leave a hole after the tensor before, which ends at 4");
  EXPECT_EQ(two("[1,5]", "[5,9]", 9), "FILE: 'x': data_offsets [1, 5] leave a hole after the tensor before, which ends at 0");
  EXPECT_EQ(two("[0,4]", "[3,7]", 7), "FILE: 'y': data_offsets [3, 7] overlap the tensor before, which ends at 4");
  EXPECT_EQ(two("[0,4]", "[0,4]", 4), "FILE: 'y': data_offsets [0, 4] overlap the tensor before, which ends at 4");
  EXPECT_EQ(two("[0,4]", "[8,4]", 8), "FILE: 'y': data_offsets [8, 4] end before they begin");
  EXPECT_EQ(two("[0,4]", "[4,8]", 7),
            "FILE: 'y': data_offsets [4, 8] lie outside the data of 7 bytes; the file is truncated or damaged");
  EXPECT_EQ(two("[0,4]", "[4,8]", 9), "FILE: the tensors end at byte 8 of the data, but there are 9");
  EXPECT_EQ(refusal(safetensors("{}", "x")), "FILE: the tensors end at byte 0 of the data, but there are 1");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"),
            "FILE: 'x': data_offsets [0, 4] hold 4 bytes, but shape [2] of F32 needs 8");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,4]})"),
            "FILE: 'x': shape [4294967296, 4294967296] is too large");
  EXPECT_EQ(refusal_of_entry(R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,4]})"),
            "FILE: 'x': data_offsets [0, 4] hold 4 bytes, but shape [0, 4294967296, 4294967296] of F32 needs 0");
}

TEST(SafetensorsTest, RefusesEveryTruncation) {
  expect_every_truncation_refused(read_file(data_path("runtime/all_dtypes.safetensors")),
                                  [](const std::string &path) { load_safetensors(path); });
}

TEST(SafetensorsTest, WriterRefusals) {
  TemporaryFolder folder;
  const std::string path = folder.path("x.safetensors");
  auto message = [](const std::string &target, const StateDict &tensors) {
    return message_of<FileError>([&] { save_safetensors(target, tensors); });
  };
  EXPECT_EQ(message(path, {{"__metadata__", Tensor::scalar(1.0f)}}),
            path + ": '__metadata__': the format keeps this name for itself");
  EXPECT_EQ(message(path, {{"x", Tensor()}}), path + ": 'x': the tensor is undefined");
  EXPECT_EQ(message(path, {{"\xff", Tensor::scalar(1.0f)}}), path + ": a name or a piece of metadata is not valid UTF-8");
  EXPECT_TRUE(folder.names().empty());
  EXPECT_EQ(message(folder.path("no/x"), {}), folder.path("no/x") + ": can't be written: No such file or directory");
  EXPECT_EQ(message("/dev/null", {}), "/dev/null: Not a regular file");
  EXPECT_EQ(message(folder.path(""), {}), folder.path("") + ": Is a directory");
}

} // namespace
} // namespace kiln::runtime
