// PyTorch's .pt files: what torch.save wrote in every variant, and each rule of the pickle and of the checkpoint broken once.
// The rules of the zip container are in zip_archive_test.cpp.
#include "kiln/runtime/files.h"
#include "torch_archive.h"

namespace kiln::runtime {
namespace {

using Names = std::vector<std::string>;

std::string torch_path(const std::string &name) { return data_path("runtime/" + name + ".pt"); }

std::string refusal(const std::string &content) {
  return file_error(content, [](const std::string &path) { load_torch(path); });
}
std::string refusal_of_data(const std::string &name, const std::string &key = "") {
  return file_error(read_file(torch_path(name)), [&](const std::string &path) { load_torch(path, key); });
}
/// The refusal of a state_dict {"x": value}.
std::string refusal_of_value(const std::string &value) { return refusal(torch_archive(op::dict(op::text("x") + value)).bytes); }
/// The refusal of a pickle, without the part before the rule, which names an offset.
std::string rule_of_pickle(const std::string &body) {
  const std::string message = refusal(torch_archive(body).bytes), prefix = "FILE: m/data.pkl offset ";
  return message.starts_with(prefix) ? message.substr(message.find(": ", prefix.size()) + 2) : message;
}

//===----------------------------------------------------------------------===//
// What torch.save writes
//===----------------------------------------------------------------------===//

TEST(TorchFileTest, ReadsEveryType) {
  const StateDict expected = load_safetensors(data_path("runtime/all_dtypes.safetensors"));
  // big_endian and zip64 hold the same tensors; PyTorch reads them alike (make_data.py asserts it).
  for (const char *file : {"all_dtypes", "big_endian", "zip64"}) {
    const StateDict read = load(torch_path(file));
    EXPECT_EQ(read.keys(),
              (Names{"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"}))
        << file;
    for (const auto &[key, tensor] : expected)
      EXPECT_TRUE(equal_bits(read.at(key), tensor)) << file << " " << key;
  }
}

TEST(TorchFileTest, ReadsRealModelsInTheirOrder) {
  const StateDict model = load(data_path("DeepMLP.pt"));
  EXPECT_EQ(model.keys().front(), "net.0.weight");
  EXPECT_EQ(model.keys().back(), "net.12.bias");
  EXPECT_EQ(model.size(), 23u);
  EXPECT_EQ(model.at("net.1.num_batches_tracked").dtype(), DType::Int64);
  EXPECT_EQ(model.module_version("net.1"), 2);
}

TEST(TorchFileTest, LoadGoesByTheContent) {
  EXPECT_EQ(file_error("\x93NUMPY\x01", [](const std::string &path) { load(path); }),
            "FILE: this is a NumPy array (.npy): one tensor without a name; expected a state_dict, a .pt or .safetensors file");
  EXPECT_EQ(load(torch_path("nested"), "model").keys(), load_torch(torch_path("nested"), "model").keys());
  const std::string safetensors = data_path("DeepMLP.safetensors");
  EXPECT_EQ(message_of<FileError>([&] { load(safetensors, "model"); }),
            safetensors + ": 'model': only a .pt file holds a state_dict under a key; this is none");
}

TEST(TorchFileTest, ReadsViewsAndSharedStorages) {
  const StateDict read = load_torch(torch_path("views"));
  const Tensor base = read.at("base");
  std::vector<float> numbers(24);
  for (int i = 0; i < 24; ++i)
    numbers[i] = static_cast<float>(i);
  EXPECT_EQ(values<float>(base), numbers);
  EXPECT_TRUE(read.at("transposed").is_same(base.transpose(0, 1)));
  EXPECT_TRUE(read.at("row").is_same(base.select(0, 2)));
  EXPECT_TRUE(read.at("steps").is_same(base.slice(0, 1, 4, 1).slice(1, 0, 6, 2)));
  EXPECT_TRUE(read.at("expanded").is_same(base.slice(0, 0, 1, 1).expand({3, 6})));
  EXPECT_EQ(read.at("scalar").item<float>(), 23);
  EXPECT_EQ(read.at("empty").shape_text(), "[0, 6]");
  EXPECT_NE(read.at("other").storage(), base.storage());
  base.data<float>()[12] = 100;
  EXPECT_EQ(read.at("row").data<float>()[0], 100);
}

TEST(TorchFileTest, ReadsParameters) {
  const StateDict read = load_torch(torch_path("parameters"));
  EXPECT_EQ(values<float>(read.at("weight")), std::vector<float>(4, 1));
  EXPECT_EQ(values<float>(read.at("frozen")), std::vector<float>(1, 0));
}

TEST(TorchFileTest, PicksAStateDictOfACheckpoint) {
  EXPECT_EQ(load_torch(torch_path("nested"), "model").size(), 7u);
  EXPECT_EQ(load_torch(torch_path("nested"), "model").module_version("1"), 2);
  EXPECT_EQ(load_torch(torch_path("nested"), "ema.state").at("w").item<float>(), 1); // a key with a dot in it
  EXPECT_EQ(load_torch(torch_path("nested"), "history.inner.state").at("w").shape_text(), "[2]");
  const std::string advice = "this is a checkpoint with a state_dict inside, not a state_dict; pick one by its key: ";
  EXPECT_EQ(refusal_of_data("nested"),
            "FILE: " + advice +
                "'model' (a state_dict of 7 tensors), 'optimizer' (no state_dict), 'ema.state' (a state_dict of 1 "
                "tensor), 'history' (no state_dict)");
  EXPECT_EQ(refusal_of_data("nested", "history"), "FILE: 'history': " + advice + "'history.inner' (no state_dict)");
  EXPECT_EQ(refusal_of_data("nested", "nowhere"), "FILE: 'nowhere': there is no dict under this key; there are: 'model' (a "
                                                  "state_dict of 7 tensors), 'optimizer' (no state_dict), "
                                                  "'ema.state' (a state_dict of 1 tensor), 'history' (no state_dict)");
  EXPECT_EQ(refusal_of_data("batch_norm", "0"), "FILE: '0': there is no dict under this key; the file holds none");
}

TEST(TorchFileTest, ReadsTensorsOfTorchScript) {
  const StateDict expected = load(torch_path("script_state")); // what torch.jit.load(...).state_dict() has
  for (const char *file : {"script", "traced"}) {
    const StateDict read = load(torch_path(file));
    EXPECT_EQ(read.keys(), expected.keys()) << file;
    for (const auto &[key, tensor] : expected)
      EXPECT_TRUE(equal_bits(read.at(key), tensor)) << file << " " << key;
    EXPECT_EQ(read.at("tied").storage(), read.at("layers.0.weight").storage()) << file;
  }
  EXPECT_EQ(refusal_of_data("script", "layers"), "FILE: 'layers': a TorchScript module holds no state_dict under a key");
}

TEST(TorchFileTest, RefusesWrongObjectsOfTorchScript) {
  const std::string type = op::global("__torch__.a", "B"), object = type + ")\x81";
  const std::string tensor = op::tensor(op::storage("FloatStorage", "0", 4), 0, {4}, {1});
  auto module = [&](const std::string &attributes) { return refusal(torch_archive(object + op::dict(attributes) + "b").bytes); };
  EXPECT_EQ(module(op::text("x") + tensor), "no exception");
  EXPECT_EQ(refusal(torch_archive(object).bytes), "no exception"); // one without attributes
  EXPECT_EQ(module(op::text("x") + tensor + op::text("x") + tensor), "FILE: 'x': the attribute is there twice");
  EXPECT_EQ(module("N" + tensor), "FILE: an attribute's name is of type NoneType, expected str");
  EXPECT_EQ(rule_of_pickle(type + "N\x81"), "the arguments of a new object must be a tuple, found NoneType");
  EXPECT_EQ(rule_of_pickle(type + "N\x85\x81"), "a new object must be made without arguments");
  EXPECT_EQ(rule_of_pickle("N)\x81"), "what an object is made of must be a class of TorchScript, found NoneType");
  EXPECT_EQ(rule_of_pickle(op::global("collections", "OrderedDict") + ")\x81"), "what an object is made of must be a class of TorchScript");
  EXPECT_EQ(rule_of_pickle(type + ")R"), "a class of TorchScript is called");
  EXPECT_EQ(rule_of_pickle(op::global("torch.jit._pickle", "restore_type_tag") + ")R"), "restore_type_tag has 0 arguments, expected 2");
  EXPECT_EQ(refusal_of_value(object), "FILE: 'x': expected a tensor, found object");
  // A module that is in itself, and one that is there twice at each of many levels.
  EXPECT_EQ(refusal(torch_archive(object + "q\1" + op::dict(op::text("m") + "h\1") + "b").bytes),
            "FILE: modules are nested more than 100 deep");
  std::string levels = object + op::dict(op::text("x") + tensor) + "b";
  for (char level = 1; level <= 40; ++level)
    levels = object + "}(" + op::text("l") + levels + "q" + level + op::text("r") + "h" + level + "ub";
  TemporaryFolder folder;
  const std::string path = folder.write("x.pt", torch_archive(levels).bytes);
  EXPECT_THROW(load(path), FileError);
}

TEST(TorchFileTest, RefusesOtherFilesOfPyTorch) {
  EXPECT_EQ(refusal_of_data("whole_model"),
            "FILE: whole_model/data.pkl offset 2: torch.nn.modules.linear.Linear is not part of a state_dict and "
            "is refused: loading it could run code. Save model.state_dict(), not the model");
  EXPECT_EQ(refusal_of_data("protocol4"), "FILE: protocol4/data.pkl offset 0: pickle protocol 4 is not supported; torch.save "
                                          "writes 2 unless pickle_protocol is given");
  EXPECT_EQ(refusal_of_data("list"), "FILE: expected a state_dict (a dict of tensors), found list");
  EXPECT_EQ(refusal_of_data("not_a_tensor"), "FILE: 'count': expected a tensor, found int");
  EXPECT_EQ(refusal_of_data("complex"),
            "FILE: complex/data.pkl offset 64: the element type of torch.ComplexFloatStorage is not supported");
  EXPECT_EQ(refusal_of_data("uint16"),
            "FILE: uint16/data.pkl offset 13: torch._utils._rebuild_tensor_v3 is not part of a state_dict and is "
            "refused: loading it could run code. Save model.state_dict(), not the model");
  EXPECT_EQ(refusal_of_data("negative_view"),
            "FILE: negative_view/data.pkl offset 172: a tensor with metadata (a conjugate or negative view) is not supported");
  EXPECT_EQ(refusal("safetensors?"), "FILE: offset 0: no .pt file: it must begin with a zip archive's PK\\x03\\x04");
  EXPECT_EQ(message_of<FileError>([] { load_torch("missing.pt"); }), "missing.pt: No such file or directory");
}

TEST(TorchFileTest, RefusesEveryTruncation) {
  expect_every_truncation_refused(read_file(torch_path("list")), [](const std::string &path) { load(path); });
}

// Any byte may be changed: a file is read as it was meant, or refused; the CRC guards what is used.
TEST(TorchFileTest, SurvivesEveryChangedByte) {
  const std::string whole = read_file(torch_path("views"));
  const StateDict expected = load_torch(torch_path("views"));
  TemporaryFolder folder;
  const std::string path = folder.write("x", whole);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  auto put = [&](std::size_t at, char byte) { file.seekp(static_cast<std::streamoff>(at)).put(byte).flush(); };
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    put(at, static_cast<char>(whole[at] ^ 0x41));
    try {
      const StateDict read = load_torch(path);
      for (const auto &[key, tensor] : expected)
        EXPECT_TRUE(equal_bits(read.at(key), tensor)) << key << " after a change at " << at;
    } catch (const FileError &) {
      ++refused;
    }
    put(at, whole[at]);
  }
  EXPECT_GT(refused, 1000);
}

//===----------------------------------------------------------------------===//
// The archive's entries
//===----------------------------------------------------------------------===//

TEST(TorchFileTest, RefusesWrongEntries) {
  const std::string good = op::dict(op::text("x") + op::tensor(op::storage("FloatStorage", "0", 4), 0, {4}, {1}));
  EXPECT_EQ(refusal(torch_archive(good).bytes), "no exception");
  EXPECT_EQ(refusal(torch_archive(good, {{"m/byteorder", "big"}}).bytes), "no exception");
  EXPECT_EQ(refusal(torch_archive(good, {{"m/byteorder", "middle"}}).bytes),
            "FILE: 'm/byteorder': expected little or big, found 'middle'");
  EXPECT_EQ(refusal(torch_archive(good, {{"n/data.pkl", ""}}).bytes),
            "FILE: 'n/data.pkl': the archive has another pickle, 'm/data.pkl'");
  EXPECT_EQ(refusal(Archive({{"m/data/0", ""}}).bytes), "FILE: the archive has no data.pkl; it was not written by torch.save");

  auto storages = [](const std::string &first, const std::string &second) {
    return refusal(
        torch_archive(op::dict(op::text("x") + op::tensor(first, 0, {4}, {1}) + op::text("y") + op::tensor(second, 0, {4}, {1})))
            .bytes);
  };
  const std::string floats = op::storage("FloatStorage", "0", 4);
  EXPECT_EQ(storages(floats, floats), "no exception");
  EXPECT_EQ(storages(floats, op::storage("IntStorage", "0", 4)), "FILE: 'm/data/0': the storage is used as float32 and as int32");
  EXPECT_EQ(storages(floats, op::storage("FloatStorage", "1", 4)),
            "FILE: 'm/data/1': a tensor refers to this entry, but it is not in the archive");
  EXPECT_EQ(storages(floats, op::storage("FloatStorage", "0", 3)),
            "FILE: 'm/data/0': a storage of 3 elements of float32 expected, found 16 bytes");
  EXPECT_EQ(storages(op::storage("FloatStorage", "0", -4), floats),
            "FILE: 'm/data/0': a storage of -4 elements of float32 expected, found 16 bytes");
}

//===----------------------------------------------------------------------===//
// The pickle
//===----------------------------------------------------------------------===//

TEST(UnpicklerTest, RefusesWhatCouldRunCode) {
  auto text = [](const std::string &name) {
    return name +
           " is not part of a state_dict and is refused: loading it could run code. Save model.state_dict(), not the model";
  };
  EXPECT_EQ(rule_of_pickle(op::global("os", "system") + op::tuple(op::text("true")) + "R"), text("os.system"));
  EXPECT_EQ(rule_of_pickle(op::global("builtins", "eval")), text("builtins.eval"));
  EXPECT_EQ(rule_of_pickle(op::global("\x1b[2J", "eval")), text("\\x1b[2J.eval"));
  EXPECT_EQ(rule_of_pickle(op::global("torch._utils\n", "x")), text("torch._utils."));
  for (const char instruction : {'o', 'i', '\x82', 'P', '0', '2', 'S', 'I', 'g', 'p'})
    EXPECT_TRUE(rule_of_pickle(std::string(1, instruction)).ends_with("is not one that torch.save writes")) << instruction;
  EXPECT_EQ(rule_of_pickle("i"), "the instruction 0x69 is not one that torch.save writes");
  for (const char *text : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_EQ(rule_of_pickle(op::text(text)), "a text is not valid UTF-8");
}

TEST(UnpicklerTest, RefusesABrokenStackMachine) {
  EXPECT_EQ(refusal(Archive({{"m/data.pkl", ""}}).bytes), "FILE: m/data.pkl offset 0: a pickle must begin with its protocol");
  EXPECT_EQ(refusal(Archive({{"m/data.pkl", "\x80\x02"}}).bytes),
            "FILE: m/data.pkl offset 2: the pickle ends in the middle of an instruction");
  EXPECT_EQ(rule_of_pickle(""), "the pickle takes a value from an empty stack");
  EXPECT_EQ(rule_of_pickle("NN"), "the pickle ends with values left on its stack");
  EXPECT_EQ(rule_of_pickle("N(N"), "the pickle ends with values left on its stack");
  EXPECT_EQ(rule_of_pickle("}.N"), "expected nothing after the pickle's end");
  EXPECT_EQ(rule_of_pickle("t"), "the pickle refers to a mark that is not there");
  EXPECT_EQ(rule_of_pickle("N(\x85"), "the pickle takes a value from an empty stack"); // not from under the mark
  EXPECT_EQ(rule_of_pickle("h\x05"), "the memo has no entry 5");
  EXPECT_EQ(rule_of_pickle("q\x05"), "the pickle takes a value from an empty stack");
  EXPECT_EQ(rule_of_pickle(std::string(1001, '(')), "values are nested more than 1000 deep");
  EXPECT_EQ(rule_of_pickle("X\xff\xff\xff\xff"), "the pickle ends in the middle of an instruction");
  EXPECT_EQ(rule_of_pickle("cabc"), "the pickle ends in the middle of an instruction");
  EXPECT_EQ(rule_of_pickle("\x8a\x09" + std::string(9, '\1')), "an integer does not fit 64 bits");
  EXPECT_EQ(rule_of_pickle("NNa"), "the target of an append must be a list, found NoneType");
  EXPECT_EQ(rule_of_pickle("NNNs"), "the target of an item assignment must be a dict, found NoneType");
  EXPECT_EQ(rule_of_pickle("](NNu"), "the target of an item assignment must be a dict, found list");
  EXPECT_EQ(rule_of_pickle("}(Nu"), "a key is without its value");
}

TEST(UnpicklerTest, RefusesWrongCalls) {
  const std::string storage = op::storage("FloatStorage", "0", 4);
  auto v2 = [](const std::string &arguments) {
    return rule_of_pickle(op::global("torch._utils", "_rebuild_tensor_v2") + op::tuple(arguments) + "R");
  };
  EXPECT_EQ(rule_of_pickle("N)R"), "what is called must be a known function, found NoneType");
  EXPECT_EQ(rule_of_pickle(op::global("collections", "OrderedDict") + "NR"),
            "the arguments of a call must be a tuple, found NoneType");
  EXPECT_EQ(rule_of_pickle(op::global("collections", "OrderedDict") + "N\x85R"),
            "the items of collections.OrderedDict must be a list, found NoneType");
  EXPECT_EQ(rule_of_pickle(op::global("collections", "OrderedDict") + "NN\x86R"),
            "collections.OrderedDict has 2 arguments, expected a list of items or none");
  EXPECT_EQ(rule_of_pickle(op::global("collections", "OrderedDict") + "](Ne\x85R"),
            "an item of collections.OrderedDict must be a list, found NoneType");
  EXPECT_EQ(rule_of_pickle(op::global("collections", "OrderedDict") + "](]e\x85R"),
            "an item of collections.OrderedDict must be a key and a value");
  EXPECT_EQ(rule_of_pickle(op::global("torch.jit._pickle", "build_intlist") + ")R"), "a list's builder has 0 arguments, expected 1");
  EXPECT_EQ(rule_of_pickle(op::global("torch.jit._pickle", "build_intlist") + "N\x85R"),
            "the argument of a list's builder must be a list, found NoneType");
  EXPECT_EQ(rule_of_pickle(op::global("torch", "FloatStorage") + ")R"), "a storage type is called");
  EXPECT_EQ(rule_of_pickle(op::global("torch._utils", "_rebuild_tensor") + ")R"), "_rebuild_tensor has 0 arguments, expected 4");
  EXPECT_EQ(rule_of_pickle(op::global("torch._utils", "_rebuild_parameter") + ")R"),
            "_rebuild_parameter has 0 arguments, expected 3");
  EXPECT_EQ(rule_of_pickle(op::global("torch._utils", "_rebuild_parameter") + "NNN\x87R"),
            "the data of a parameter must be a tensor, found NoneType");
  EXPECT_EQ(v2("N"), "_rebuild_tensor_v2 has 1 arguments, expected 6 or 7");
  EXPECT_EQ(v2("NNNNNN"), "the storage of a tensor must be a storage, found NoneType");
  EXPECT_EQ(v2(storage + "NNNNN"), "the offset of a tensor must be an integer, found NoneType");
  EXPECT_EQ(v2(storage + op::integer(0) + "]NNN"), "the size of a tensor must be a tuple, found list");
  EXPECT_EQ(v2(storage + op::integer(0) + "N\x85NNN"), "the size of a tensor must be a tuple of integers, found NoneType");
  EXPECT_EQ(v2(storage + op::integer(0) + ")NNN"), "the stride of a tensor must be a tuple, found NoneType");
  EXPECT_EQ(v2(storage + op::integer(0) + "))NNK\x01"), "a tensor's metadata must be a dict, found int");
  EXPECT_EQ(rule_of_pickle("}Nb"), "the attributes of an object must be a dict, found NoneType");
  EXPECT_EQ(rule_of_pickle("}}b"), "an object with attributes must be an OrderedDict, found dict");
  EXPECT_EQ(rule_of_pickle("]}b"), "an object with attributes must be an OrderedDict, found list");
}

TEST(UnpicklerTest, RefusesWrongStorages) {
  const std::string id = "a persistent id must be ('storage', type, key, location, number of elements)";
  EXPECT_EQ(rule_of_pickle("NQ"), "a persistent id must be a tuple, found NoneType");
  EXPECT_EQ(rule_of_pickle(")Q"), id);
  EXPECT_EQ(rule_of_pickle(op::tuple(op::text("module") + "NNNN") + "Q"), id);
  EXPECT_EQ(rule_of_pickle(op::tuple(op::text("storage") + "NNNN") + "Q"),
            "the type of a storage must be a storage type, found NoneType");
  EXPECT_EQ(rule_of_pickle(op::tuple(op::text("storage") + op::global("collections", "OrderedDict") + "NNN") + "Q"),
            "the type of a storage must be a storage type");
  EXPECT_EQ(rule_of_pickle(op::tuple(op::text("storage") + op::global("torch.storage", "UntypedStorage") + "NNN") + "Q"),
            "a storage without an element type is not supported");
  EXPECT_EQ(rule_of_pickle(op::storage("QInt8Storage", "0", 4)), "the element type of torch.QInt8Storage is not supported");
}

TEST(UnpicklerTest, RefusesViewsOutsideTheirStorage) {
  auto view = [](int32_t offset, const std::vector<int32_t> &size, const std::vector<int32_t> &stride) {
    return rule_of_pickle(op::dict(op::text("x") + op::tensor(op::storage("FloatStorage", "0", 4), offset, size, stride)));
  };
  EXPECT_EQ(view(1, {3}, {1}), "no exception");
  EXPECT_EQ(view(1, {4}, {1}),
            "setStorage: sizes [4], strides [1], storage offset 1, and itemsize 4 requiring a storage size of 20 are out of "
            "bounds for storage of size 16");
  EXPECT_EQ(view(-1, {1}, {1}), "Tensor: invalid storage offset -1");
  EXPECT_EQ(view(0, {2}, {-1}), "as_strided: Negative strides are not supported at the moment, got strides: [-1]");
  EXPECT_EQ(view(0, {-1}, {1}), "Trying to create tensor with negative dimension -1: [-1]");
  EXPECT_EQ(view(0, {2, 2}, {1}), "mismatch in length of strides and shape");
  EXPECT_EQ(view(0, std::vector<int32_t>(65, 1), {1}), "the size of a tensor has 65 numbers; tensors have 64 dimensions at most");
  EXPECT_EQ(view(0, {INT32_MAX, INT32_MAX, INT32_MAX}, {0, 0, 0}), "numel: integer multiplication overflow");
}

TEST(UnpicklerTest, RefusesWhatIsNoStateDict) {
  const std::string tensor = op::tensor(op::storage("FloatStorage", "0", 4), 0, {4}, {1});
  EXPECT_EQ(refusal_of_value("N"), "FILE: 'x': expected a tensor, found NoneType");
  EXPECT_EQ(refusal_of_value("G" + std::string(8, '\0')), "FILE: 'x': expected a tensor, found float");
  EXPECT_EQ(refusal_of_value(op::storage("FloatStorage", "0", 4)), "FILE: 'x': expected a tensor, found storage");
  EXPECT_EQ(refusal(torch_archive(op::dict(op::integer(1) + tensor)).bytes),
            "FILE: a key of the state_dict is of type int, expected str");
  EXPECT_EQ(refusal(torch_archive(op::dict(op::text("x") + tensor + op::text("x") + tensor)).bytes),
            "FILE: 'x': the key appears twice");
  // A dict that contains itself.
  const std::string advice = "this is a checkpoint with a state_dict inside, not a state_dict; pick one by its key: ";
  const Archive cycle = torch_archive("}q\1" + op::text("x") + "h\1s");
  EXPECT_EQ(refusal(cycle.bytes), "FILE: " + advice + "'x' (no state_dict)");
}

// A few bytes that ask for work without end.
TEST(UnpicklerTest, RefusesRepetition) {
  const std::string many = "the pickle repeats its values too often";
  std::string attributes, visits, modules;
  for (int i = 0; i < 20'000; ++i) {
    attributes += op::text("") + "N";
    visits += op::text("") + "h\1";
    modules += op::text(std::to_string(i)) + "h\1";
  }
  const std::string object = op::global("__torch__.a", "B") + ")\x81";
  EXPECT_EQ(refusal(torch_archive(object + "}(" + op::text("a") + object + op::dict(attributes) + "bq\1" + visits + "ub").bytes),
            "FILE: " + many);
  const std::string versions = op::dict(attributes) + "q\1";
  EXPECT_EQ(refusal(torch_archive(op::ordered_dict + op::dict(op::text("_metadata") + "}(" + op::text("a") + versions + modules + "u") + "b").bytes),
            "FILE: " + many);
}

TEST(UnpicklerTest, ReadsIntegersOfEveryForm) {
  TemporaryFolder folder;
  // An offset of 1 as BININT2 and LONG1, sizes as BININT1: all inside _rebuild_tensor.
  const std::string body = op::dict(
      op::text("x") + op::global("torch._utils", "_rebuild_tensor") +
      op::tuple(op::storage("FloatStorage", "0", 4) + "\x8a\x01\x01" + "K\x03\x85" + "M\x01" + std::string(1, '\0') + "\x85") +
      "R");
  const Tensor x = load_torch(folder.write("x.pt", torch_archive(body).bytes)).at("x");
  EXPECT_EQ(x.offset(), 1);
  EXPECT_EQ(x.shape_text(), "[3]");
  EXPECT_EQ(rule_of_pickle(op::dict(op::text("x") + op::global("torch._utils", "_rebuild_tensor") +
                                    op::tuple(op::storage("FloatStorage", "0", 4) + "\x8a\x01\xff" + "))") + "R")),
            "Tensor: invalid storage offset -1");
}

// Keys that are no text, attributes that are no metadata: nothing of them is used, nothing of them hurts.
TEST(UnpicklerTest, IgnoresAttributesItDoesNotKnow) {
  TemporaryFolder folder;
  const std::string tensor = op::tensor(op::storage("FloatStorage", "0", 4), 0, {4}, {1});
  for (const std::string &attributes :
       {op::dict(op::text("_metadata") + "N"), op::dict(op::text("_metadata") + op::dict("NN")), op::dict("NN"),
        op::dict(op::text("_metadata") + op::dict(op::text("a") + op::dict(op::text("version") + "N")))}) {
    const std::string body = op::ordered_dict + "(" + op::text("x") + tensor + "u" + attributes + "b";
    const StateDict read = load_torch(folder.write("x.pt", torch_archive(body).bytes));
    EXPECT_EQ(read.keys(), Names{"x"});
    EXPECT_EQ(read.module_version("a"), std::nullopt);
  }
}

} // namespace
} // namespace kiln::runtime
