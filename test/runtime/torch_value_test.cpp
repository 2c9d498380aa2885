// Checkpoints as nested values: reading what torch.save wrote, hostile pickles, and writing what PyTorch reads.
#include "kiln/runtime/files.h"
#include "kiln/runtime/value.h"
#include "torch_archive.h"
#include "zip_archive.h"

#include <cstdlib>

#include <sys/wait.h>

namespace kiln::runtime {
namespace {

using Dict = Value::Dict;

std::string refusal(const std::string &body) {
  return file_error(torch_archive(body).bytes, [](const std::string &path) { load_torch_value(path); });
}

/// The value under a path of keys and places.
const Value &at(const Value &value, const std::vector<Value::Key> &path) {
  const Value *result = &value;
  for (const Value::Key &key : path) {
    static const Value missing("missing");
    if (const auto *dict = result->get_if<Dict>())
      result = dict->find(key);
    else
      result = &(*result->items())[static_cast<std::size_t>(std::get<int64_t>(key))];
    if (!result)
      return missing;
  }
  return *result;
}

std::vector<std::string> keys(const Value &value) {
  std::vector<std::string> result;
  for (const auto &[key, item] : *value.get_if<Dict>())
    result.push_back(std::holds_alternative<std::string>(key) ? std::get<std::string>(key) : std::to_string(std::get<int64_t>(key)));
  return result;
}
using Names = std::vector<std::string>;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

TEST(Value, KeepsTypesAndOrder) {
  Dict dict{{"z", 1}, {int64_t{0}, "text"}, {"a", 2.5}};
  dict.set("z", Value::List{true, Value()}); // keeps its place
  const Value value = dict;
  EXPECT_EQ(keys(value), (Names{"z", "0", "a"}));
  EXPECT_EQ(at(value, {"z"}).text(), "[True, None]");
  EXPECT_EQ(at(value, {int64_t{0}}).type_name(), std::string("str"));
  EXPECT_EQ(at(value, {"a"}).number(), 2.5);
  EXPECT_EQ(at(value, {"z"}).number(), std::nullopt);
  EXPECT_EQ(Value(Tensor::scalar<float>(3)).number(), 3.0);
  EXPECT_EQ(Value(Value::Tuple{{1}}).text(), "(1,)");
  EXPECT_EQ(Value(1e-8).text(), "1e-08");
  EXPECT_EQ(Value(3.0).text(), "3.0");
}

TEST(Value, CopiesShareTensorsOnly) {
  const Value first = Dict{{"t", Tensor({2}, DType::Float32)}, {"list", Value::List{1}}};
  Value second = first;
  second.get_if<Dict>()->find("list")->get_if<Value::List>()->push_back(2);
  EXPECT_EQ(at(first, {"list"}).items()->size(), 1u);
  EXPECT_TRUE(at(first, {"t"}).get_if<Tensor>()->is_same(*at(second, {"t"}).get_if<Tensor>()));
}

TEST(Value, StateDictsAndBack) {
  const StateDict original = load(data_path("runtime/batch_norm.pt"));
  const StateDict back = to_state_dict(to_value(original));
  EXPECT_EQ(back.keys(), original.keys());
  EXPECT_EQ(back.module_version("1"), 2);
  EXPECT_EQ(message_of<TypeError>([] { to_state_dict(3); }),
            "Expected state_dict to be dict-like, got <class 'int'>.\n  the state_dict is no dict of tensors");
  EXPECT_EQ(message_of<TypeError>([] { to_state_dict(Dict{{"w", 1}}); }), "the state_dict: 'w' is of type int, expected Tensor");
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

TEST(TorchValueTest, ReadsACheckpointOfPyTorch) {
  const Value value = load_torch_value(data_path("runtime/nested.pt"));
  EXPECT_EQ(keys(value), (Names{"epoch", "model", "optimizer", "loss", "name", "best", "ema.state", "history"}));
  EXPECT_EQ(*at(value, {"epoch"}).get_if<int64_t>(), 3);
  EXPECT_EQ(*at(value, {"loss"}).get_if<double>(), 0.25);
  EXPECT_TRUE(at(value, {"best"}).is_none());
  EXPECT_TRUE(at(value, {"model"}).get_if<Dict>()->ordered);
  EXPECT_EQ(to_state_dict(at(value, {"model"})).module_version("1"), 2);
  EXPECT_EQ(keys(at(value, {"optimizer", "state"})), (Names{"0", "1", "2", "3"}));
  EXPECT_EQ(at(value, {"optimizer", "state", int64_t{1}, "step"}).number(), 1.0);
  const Value &group = at(value, {"optimizer", "param_groups", int64_t{0}});
  EXPECT_EQ(at(group, {"betas"}).text(), "(0.9, 0.999)");
  EXPECT_EQ(at(group, {"params"}).text(), "[0, 1, 2, 3]");
  EXPECT_EQ(at(group, {"foreach"}).text(), "None");
}

TEST(TorchValueTest, ReadsAnythingAtTheRoot) {
  EXPECT_EQ(load_torch_value(data_path("runtime/list.pt")).text(), "[Tensor of shape [1]]");
}

TEST(TorchValueTest, RefusesWhatIsNoTree) {
  // A list that holds itself: pushed, memoised, fetched, appended.
  EXPECT_EQ(refusal("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a"), "FILE: values are nested more than 100 deep");
  // Each level holds the one before twice.
  std::string doubling = "]q" + std::string(1, '\0');
  for (int level = 1; level <= 40; ++level) {
    const std::string last(1, static_cast<char>(level - 1)), next(1, static_cast<char>(level));
    doubling += "](h" + last + "h" + last + "eq" + next;
  }
  EXPECT_EQ(refusal("(" + doubling + "t"), "FILE: the pickle repeats its values too often");
  // A long text, a thousand times.
  std::string texts = "](X" + bytes_of<uint32_t>(100000) + std::string(100000, 'x') + "q" + std::string(1, '\0');
  for (int i = 0; i < 1000; ++i)
    texts += "h" + std::string(1, '\0');
  EXPECT_EQ(refusal(texts + "e"), "FILE: the pickle repeats its values too often");
}

TEST(TorchValueTest, RefusesKeysAndTypes) {
  EXPECT_EQ(refusal(op::dict("N" + op::integer(1))), "FILE: a key of a dict is of type NoneType, expected str or int");
  EXPECT_EQ(refusal(op::global("collections", "OrderedDict")), "FILE: expected a value, found a type");
  EXPECT_EQ(refusal(op::storage("FloatStorage", "0", 4)), "FILE: expected a value, found a storage outside a tensor");
  EXPECT_NE(refusal(op::global("os", "system") + op::tuple(op::text("true")) + "R").find("is refused"), std::string::npos);
}

TEST(TorchValueTest, RefusesEveryTruncation) {
  expect_every_truncation_refused(read_file(data_path("runtime/training/one_group.pt")), [](const std::string &path) { load_torch_value(path); });
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// One of everything, with a storage that two tensors share.
Value sample() {
  const Tensor base = Tensor::from<float>(std::vector<float>{0, 1, 2, 3, 4, 5}, {2, 3});
  Dict model(/*ordered=*/true);
  model.set("base", base);
  model.set("tied", base);
  model.set("transposed", base.transpose(0, 1));
  model.set("row", base.select(0, 1));
  Dict types;
  for (DType dtype : {DType::Bool, DType::UInt8, DType::Int8, DType::Int16, DType::Int32, DType::Int64, DType::Float16,
                      DType::BFloat16, DType::Float32, DType::Float64})
    types.set(std::string(name(dtype)), base.to(dtype));
  return Dict{{"model", std::move(model)},
              {"types", std::move(types)},
              {"empty", Tensor({0, 2}, DType::Float32)},
              {"scalar", Tensor::scalar<int64_t>(-5)},
              {"state", Dict{{int64_t{0}, Dict()}, {int64_t{70000}, Value::Tuple()}}},
              {"numbers", Value::List{0, 255, 256, 65535, 65536, -1, int64_t{1} << 40, INT64_MIN, 2.5, true, false, Value()}},
              {"text", "h\xc3\xa9, \xe2\x82\xac, \xf0\x9f\x94\xa5"},
              {"nested", Value::Tuple{{Value::List{Value::Tuple{{1, "a"}}}, Value::List()}}}};
}

TEST(TorchSaveTest, ReadsBackWhatItWrote) {
  TemporaryFolder folder;
  save_torch(folder.path("a.pt"), sample());
  EXPECT_EQ(folder.names(), (Names{"a.pt"}));
  const Value read = load_torch_value(folder.path("a.pt")), original = sample();
  EXPECT_EQ(keys(read), keys(original));
  for (const char *key : {"numbers", "text", "nested", "state", "empty", "scalar"})
    EXPECT_EQ(at(read, {key}).text(), at(original, {key}).text());
  const auto &numbers = *at(read, {"numbers"}).items();
  EXPECT_EQ(*numbers[7].get_if<int64_t>(), INT64_MIN);
  EXPECT_EQ(keys(at(read, {"state"})), (Names{"0", "70000"}));
  for (const auto &[key, value] : *at(original, {"types"}).get_if<Dict>())
    EXPECT_TRUE(equal_bits(*at(read, {"types", key}).get_if<Tensor>(), *value.get_if<Tensor>()));
  const StateDict model = to_state_dict(at(read, {"model"}));
  EXPECT_TRUE(model.at("tied").is_same(model.at("base")));
  EXPECT_TRUE(model.at("transposed").is_same(model.at("base").transpose(0, 1)));
  EXPECT_EQ(values<float>(model.at("row")), (std::vector<float>{3, 4, 5}));
}

TEST(TorchSaveTest, ArchiveIsLaidOutAsPyTorchs) {
  TemporaryFolder folder;
  const Tensor base({3}, DType::Float32);
  save_torch(folder.path("a.pt"), StateDict{{"a", base}, {"b", base}, {"c", Tensor({1}, DType::Int64)}});
  const ZipArchive archive(MappedFile::open(folder.path("a.pt")));
  Names names;
  for (const ZipEntry &entry : archive.entries()) {
    names.push_back(entry.name);
    EXPECT_EQ(entry.offset % 64, 0u) << entry.name;
  }
  // PyTorch 2.15 writes a .data/serialization_id too, and reads files without one.
  EXPECT_EQ(names, (Names{"archive/data.pkl", "archive/.format_version", "archive/.storage_alignment", "archive/byteorder",
                          "archive/data/0", "archive/data/1", "archive/version"}));
  auto text = [&](const char *name) {
    const auto bytes = archive.data(*archive.find(name));
    return std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  };
  EXPECT_EQ(text("archive/version"), "3\n");
  EXPECT_EQ(text("archive/byteorder"), "little");
  EXPECT_EQ(text("archive/data/0"), std::string(12, '\0'));
}

TEST(TorchSaveTest, SameValuesSameBytes) {
  TemporaryFolder folder;
  save_torch(folder.path("a.pt"), sample());
  save_torch(folder.path("b.pt"), sample());
  EXPECT_EQ(read_file(folder.path("a.pt")), read_file(folder.path("b.pt")));
}

TEST(TorchSaveTest, LeavesTheOldFileWhenItCannotSave) {
  TemporaryFolder folder;
  const std::string path = folder.write("a.pt", "before");
  auto error = [&](const Value &value) { return message_of<ValueError>([&] { save_torch(path, value); }); };
  EXPECT_EQ(error(Tensor()), "an undefined tensor can't be saved");
  EXPECT_EQ(error("\xff"), "a text is not valid UTF-8, or longer than a .pt file can hold");
  EXPECT_EQ(error("\xed\xa0\x80"), "a text is not valid UTF-8, or longer than a .pt file can hold");
  Value deep;
  for (int i = 0; i < 101; ++i)
    deep = Value::List{deep};
  EXPECT_EQ(error(deep), "values are nested more than 100 deep");
  const Tensor floats({2}, DType::Float32), integers(floats.storage(), {2}, {1}, 0, DType::Int32);
  EXPECT_EQ(error(Value::List{floats, integers}), "Cannot save multiple tensors or storages that view the same data as different types\n"
                                                  "  they are float32 and int32");
  EXPECT_EQ(read_file(path), "before");
  EXPECT_EQ(folder.names(), Names{"a.pt"});
  EXPECT_EQ(message_of<FileError>([&] { save_torch(folder.path("no/a.pt"), 1); }).find("can't be written") != std::string::npos, true);
}

TEST(TorchSaveTest, PyTorchReadsIt) {
  const char *python = std::getenv("KILN_ORACLE_PYTHON");
  if (!python)
    GTEST_SKIP() << "KILN_ORACLE_PYTHON names no Python with PyTorch";
  TemporaryFolder folder;
  save_torch(folder.path("a.pt"), sample());
  const std::string script = folder.write("check.py", R"(
import sys, torch, zipfile
assert zipfile.ZipFile(sys.argv[1]).testzip() is None
for options in ({}, {"mmap": True}):
    v = torch.load(sys.argv[1], weights_only=True, **options)
    assert list(v) == ["model", "types", "empty", "scalar", "state", "numbers", "text", "nested"], v
    base = torch.arange(6.).reshape(2, 3)
    m = v["model"]
    assert type(m).__name__ == "OrderedDict" and torch.equal(m["base"], base) and torch.equal(m["transposed"], base.t())
    assert m["tied"].untyped_storage().data_ptr() == m["base"].untyped_storage().data_ptr() == m["row"].untyped_storage().data_ptr()
    assert m["transposed"].stride() == (1, 3) and torch.equal(m["row"], base[1])
    for name, tensor in v["types"].items():
        assert torch.equal(tensor, base.to(getattr(torch, name))), name
    assert v["empty"].shape == (0, 2) and v["scalar"].item() == -5 and v["scalar"].dtype == torch.int64
    assert v["state"] == {0: {}, 70000: ()}
    assert v["numbers"] == [0, 255, 256, 65535, 65536, -1, 1 << 40, -2 ** 63, 2.5, True, False, None]
    assert [type(n) for n in v["numbers"][9:]] == [bool, bool, type(None)]
    assert v["text"] == "h\u00e9, \u20ac, \U0001f525" and v["nested"] == ([(1, "a")], [])
)");
  const int status = std::system((std::string(python) + " " + script + " " + folder.path("a.pt")).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
} // namespace kiln::runtime
