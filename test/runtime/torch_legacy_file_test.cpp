// PyTorch's .pt files from before version 1.6: what torch.save wrote, and each rule of the format broken once. The rules of the
// pickle itself are in torch_file_test.cpp.
#include "kiln/runtime/files.h"
#include "torch_archive.h"

namespace kiln::runtime {
namespace {

using Names = std::vector<std::string>;

std::string data(const std::string &name) { return data_path("runtime/" + name + ".pt"); }

std::string pickle(const std::string &body) { return "\x80\x02" + body + "."; }

/// A file up to the object: the number that marks the format, its version and the facts about the writer.
std::string head(const std::string &version = op::integer(1001), const std::string &facts = "}") {
  return "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + pickle(version) + pickle(facts);
}

std::string keys(const std::vector<std::string> &names) {
  std::string items;
  for (const std::string &name : names)
    items += op::text(name);
  return pickle("](" + items + "e");
}

/// A persistent id; `view` is a pickled value.
std::string storage(const std::string &type, const std::string &key, int32_t numel, const std::string &view = "N") {
  return op::tuple(op::text("storage") + op::global("torch", type) + op::text(key) + op::text("cpu") + op::integer(numel) + view) + "Q";
}

std::string part(const std::string &key, int32_t offset, int32_t numel) {
  return op::tuple(op::text(key) + op::integer(offset) + op::integer(numel));
}

const std::string kFloats = bytes_of<int64_t>(4) + std::string(16, '\0'); // a storage of four elements

/// A state_dict {"x": ...} of `size` elements at `offset` of the storage `id`, then what follows the object.
std::string state_dict(const std::string &id, int32_t size = 4, const std::string &tail = keys({"0"}) + kFloats, int32_t offset = 0) {
  return head() + pickle(op::dict(op::text("x") + op::tensor(id, offset, {size}, {1}))) + tail;
}

std::string refusal(const std::string &content) {
  const std::string message = file_error(content, [](const std::string &path) { load(path); });
  return message;
}

TEST(TorchLegacyFileTest, ReadsEveryType) {
  const StateDict expected = load_safetensors(data_path("runtime/all_dtypes.safetensors"));
  const StateDict read = load(data("legacy_dtypes"));
  EXPECT_EQ(read.keys(), (Names{"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"}));
  for (const auto &[key, tensor] : expected)
    EXPECT_TRUE(equal_bits(read.at(key), tensor)) << key;
}

TEST(TorchLegacyFileTest, ReadsWhatTheArchiveOfTheSameHolds) {
  for (const auto &[legacy, archive, key] : std::vector<std::array<const char *, 3>>{
           {"legacy_views", "views", ""}, {"legacy_nested", "nested", "model"}, {"legacy_nested", "nested", "ema.state"}}) {
    const StateDict read = load(data(legacy), key), expected = load(data(archive), key);
    EXPECT_EQ(read.keys(), expected.keys());
    for (const auto &[name, tensor] : expected) {
      EXPECT_TRUE(equal_bits(read.at(name), tensor)) << name;
      EXPECT_EQ(list(read.at(name).strides()), list(tensor.strides())) << name;
    }
  }
  EXPECT_EQ(load(data("legacy_nested"), "model").module_version("1"), 2);
  const StateDict views = load(data("legacy_views"));
  EXPECT_EQ(views.at("row").storage(), views.at("base").storage());
  EXPECT_NE(views.at("other").storage(), views.at("base").storage());
}

TEST(TorchLegacyFileTest, ReadsPartsOfAStorage) {
  const StateDict read = load(data("legacy_parts"));
  EXPECT_EQ(values<float>(read.at("whole")), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(values<float>(read.at("tail")), (std::vector<float>{4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(values<float>(read.at("begin")), (std::vector<float>{4, 5}));
  read.at("tail").data<float>()[0] = 40; // one storage, as PyTorch has it
  EXPECT_EQ(read.at("whole").data<float>()[4], 40);
  EXPECT_EQ(read.at("begin").data<float>()[0], 40);
}

TEST(TorchLegacyFileTest, ReadsTextsOfPython2) {
  TemporaryFolder folder;
  const std::string body = op::dict(std::string("U\x01") + "w" + op::tensor(storage("FloatStorage", "0", 4), 0, {4}, {1}));
  EXPECT_EQ(load(folder.write("x.pt", head() + pickle(body) + keys({"0"}) + kFloats)).keys(), Names{"w"});
  // Its OrderedDict is made of a list of lists.
  const std::string item = std::string("](U\x01") + "w" + op::tensor(storage("FloatStorage", "0", 4), 0, {4}, {1}) + "e";
  const std::string dict = op::global("collections", "OrderedDict") + "](" + item + "e\x85R";
  EXPECT_EQ(load(folder.write("x.pt", head() + pickle(dict) + keys({"0"}) + kFloats)).keys(), Names{"w"});
}

TEST(TorchLegacyFileTest, RefusesEveryTruncation) {
  expect_every_truncation_refused(read_file(data("legacy_parts")), [](const std::string &path) { load(path); });
}

TEST(TorchLegacyFileTest, RefusesWrongHeads) {
  const std::string good = storage("FloatStorage", "0", 4);
  EXPECT_EQ(refusal(state_dict(good)), "no exception");
  EXPECT_EQ(refusal(head(op::integer(1000))), "FILE: offset 15: the format's version must be 1001");
  EXPECT_EQ(refusal(head("N")), "FILE: offset 15: the format's version must be 1001");
  EXPECT_EQ(refusal(head(op::integer(1001), "]")), "FILE: offset 23: the facts about the writer must be a dict, found list");
  EXPECT_EQ(refusal(head(good)), "FILE: offset 15: a storage is named before the object");
  EXPECT_EQ(refusal(head() + pickle("N") + keys({})), "FILE: expected a state_dict (a dict of tensors), found NoneType");
}

/// The refusal without the part before the rule, which names an offset.
std::string rule(const std::string &content) {
  const std::string message = refusal(content), prefix = "FILE: offset ";
  return message.starts_with(prefix) ? message.substr(message.find(": ", prefix.size()) + 2) : message;
}

TEST(TorchLegacyFileTest, RefusesWrongStorages) {
  const std::string id = storage("FloatStorage", "0", 4);
  EXPECT_EQ(rule(state_dict(op::storage("FloatStorage", "0", 4))), // as in an archive
            "a persistent id must be ('storage', type, key, location, number of elements, view)");
  EXPECT_EQ(rule(state_dict(storage("FloatStorage", "0", 1000))), "a storage of 1000 elements of float32 does not fit the file's 213 bytes");
  EXPECT_EQ(rule(state_dict(storage("FloatStorage", "0", -1))), "a storage of -1 elements of float32 does not fit the file's 213 bytes");
  EXPECT_EQ(rule(state_dict(id, 5)), "setStorage: sizes [5], strides [1], storage offset 0, and itemsize 4 requiring a storage size of 20 are "
                                     "out of bounds for storage of size 16");
  EXPECT_EQ(rule(state_dict(id, 4, keys({}))), "a tensor refers to the storage '0', but it is not in the file");
  EXPECT_EQ(rule(state_dict(id, 4, pickle("}"))), "the storages' keys must be a list, found dict");
  EXPECT_EQ(rule(state_dict(id, 4, pickle("](Ne"))), "the storage without a name is not one that a tensor refers to, or is there twice");
  EXPECT_EQ(rule(state_dict(id, 4, keys({"0", "0"}) + kFloats)), "the storage '0' is not one that a tensor refers to, or is there twice");
  EXPECT_EQ(rule(state_dict(id, 4, keys({"1"}) + kFloats)), "the storage '1' is not one that a tensor refers to, or is there twice");
  EXPECT_EQ(rule(state_dict(id, 4, keys({"0"}) + bytes_of<int64_t>(3) + std::string(16, '\0'))),
            "the storage '0' has 3 elements, but its tensors expect 4");
  EXPECT_EQ(rule(state_dict(id, 4, keys({"0"}) + "1234567")), "the file ends before the storage '0'; it is truncated");
  EXPECT_EQ(rule(state_dict(id, 4, keys({"0"}) + kFloats.substr(1))), "the storage '0' has 0 elements, but its tensors expect 4");
  EXPECT_EQ(rule(state_dict(id, 4, keys({"0"}) + kFloats.substr(0, 23))), "the file ends in the storage '0' of 16 bytes; it is truncated");
  EXPECT_EQ(rule(state_dict(id, 4, keys({"0"}) + kFloats + "x")), "expected nothing after the last storage");
  const auto two = [&](const std::string &second) {
    return rule(head() + pickle(op::dict(op::text("x") + op::tensor(id, 0, {4}, {1}) + op::text("y") + op::tensor(second, 0, {3}, {1}))) +
                keys({"0"}) + kFloats);
  };
  EXPECT_EQ(two(id), "no exception");
  EXPECT_EQ(two(storage("IntStorage", "0", 4)), "the storage '0' is used as 4 elements of float32 and as 4 of int32");
  EXPECT_EQ(two(storage("FloatStorage", "0", 3)), "the storage '0' is used as 4 elements of float32 and as 3 of float32");
}

TEST(TorchLegacyFileTest, RefusesWrongParts) {
  const auto view = [](const std::string &part, int32_t size = 1, int32_t offset = 0) {
    return rule(state_dict(storage("FloatStorage", "0", 4, part), size, keys({"0"}) + kFloats, offset));
  };
  EXPECT_EQ(view(part("1", 1, 3), 3), "no exception");
  EXPECT_EQ(view(part("1", 1, 3), 2, 1), "no exception");
  EXPECT_EQ(view(part("1", 0, 2), 3), "a tensor reaches beyond the 2 elements of its part of a storage");
  EXPECT_EQ(view(part("1", 0, 2), 2, 1), "a tensor reaches beyond the 2 elements of its part of a storage");
  EXPECT_EQ(view(part("1", 2, 2), 1, -1), "Tensor: invalid storage offset -1");
  for (const auto &[offset, numel] : std::vector<std::pair<int32_t, int32_t>>{{-1, 2}, {0, -1}, {5, 0}, {2, 3}})
    EXPECT_EQ(view(part("1", offset, numel)), "a part of " + std::to_string(numel) + " elements from " + std::to_string(offset) +
                                                  " on lies outside its storage of 4");
  EXPECT_EQ(view("]"), "a part of a storage must be a tuple, found list");
  EXPECT_EQ(view(")"), "a part of a storage must be (key, offset, number of elements)");
}

} // namespace
} // namespace kiln::runtime
