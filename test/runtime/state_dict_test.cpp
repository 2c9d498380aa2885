// StateDict and loading: order, PyTorch's texts (recorded from Module.load_state_dict), all or nothing.
#include <cmath>

#include "kiln/runtime/files.h"
#include "kiln/runtime/state_dict.h"
#include "test_files.h"

namespace kiln::runtime {
namespace {

using Names = std::vector<std::string>;

Tensor full(std::vector<int64_t> sizes, float value) {
  Tensor result(std::move(sizes), DType::Float32);
  result.copy_(Tensor::scalar(value).expand(list(result.sizes())));
  return result;
}

TEST(StateDictTest, KeepsTheOrderOfInsertion) {
  StateDict dict{{"b", full({1}, 1)}, {"a", full({1}, 2)}};
  dict.insert("c", full({1}, 3));
  dict.insert("b", full({1}, 4));
  EXPECT_EQ(dict.keys(), (Names{"b", "a", "c"}));
  EXPECT_EQ(dict.at("b").item<float>(), 4);
  EXPECT_EQ(dict.find("d"), nullptr);
  EXPECT_EQ(message_of<KeyError>([&] { dict.at("d"); }), "'d' is not in the state_dict") << "no letter is like it";
  dict.insert("net.weight", full({1}, 5));
  EXPECT_EQ(message_of<KeyError>([&] { dict.at("net.wieght"); }), "'net.wieght' is not in the state_dict; did you mean 'net.weight'?");
  dict.erase("net.weight");
  EXPECT_TRUE(dict.erase("a"));
  EXPECT_FALSE(dict.erase("a"));
  EXPECT_EQ(dict.keys(), (Names{"b", "c"}));
  EXPECT_EQ(dict.at("c").item<float>(), 3);
  EXPECT_EQ(dict.size(), 2u);
  dict.clear();
  EXPECT_TRUE(dict.empty());
}

TEST(StateDictTest, PrintsIncompatibleKeysAsPyTorchDoes) {
  EXPECT_EQ(IncompatibleKeys().text(), "<All keys matched successfully>");
  EXPECT_EQ((IncompatibleKeys{{"weight", "bias"}, {"a"}}.text()),
            "_IncompatibleKeys(missing_keys=['weight', 'bias'], unexpected_keys=['a'])");
  EXPECT_EQ((IncompatibleKeys{{}, {"it's", "\x1b[2J", "\xc2\x9b"}}.text()),
            "_IncompatibleKeys(missing_keys=[], unexpected_keys=[\"it's\", '\\x1b[2J', '\\x9b'])");
}

// A file's names are text of one line, and not all of it.
TEST(StateDictTest, NamesOfAFileAreShownWithoutTheirControlCharacters) {
  const StateDict targets{{"weight", full({1}, 0)}};
  const StateDict source{{"weight", full({1}, 0)}, {"a\x1b]0;owned\x07", full({1}, 0)}, {std::string(1000, 'x'), full({1}, 0)}};
  EXPECT_EQ(message_of<StateDictError>([&] { copy_state_dict("Net", targets, source); }),
            "Error(s) in loading state_dict for Net:\n\tUnexpected key(s) in state_dict: \"a\\x1b]0;owned\\x07\", \"" +
                std::string(200, 'x') + "...\". ");
}

// Loads NAME.source.pt into the recorded model and compares the outcome with what PyTorch said.
void expect_recorded(const std::string &title, bool strict, bool with_modules) {
  StateDict targets;
  for (const auto &[name, tensor] : load_torch(data_path("runtime/net.pt")))
    targets.insert(name, full(list(tensor.sizes()), -1).to(tensor.dtype()));
  StateDict before;
  for (const auto &[name, tensor] : targets)
    before.insert(name, tensor.clone());
  Names modules;
  std::istringstream lines(read_file(data_path("runtime/net.modules.txt")));
  for (std::string line; std::getline(lines, line);)
    modules.push_back(line);
  const StateDict source = load_torch(data_path("runtime/" + title + ".source.pt"));

  std::string outcome;
  bool failed = false;
  try {
    outcome = copy_state_dict("Net", targets, source, strict, with_modules ? modules : Names{}).text();
  } catch (const StateDictError &error) {
    outcome = error.what();
    failed = true;
  }
  EXPECT_EQ(outcome, read_file(data_path("runtime/" + title + ".txt")));
  for (const auto &[name, tensor] : targets) {
    const Tensor *loaded = source.find(name);
    EXPECT_TRUE(equal_bits(tensor, failed || !loaded ? before.at(name) : loaded->view(list(tensor.sizes())))) << name;
  }
}

TEST(CopyStateDictTest, LoadsWhatFits) { expect_recorded("matching", true, true); }
TEST(CopyStateDictTest, LoadsWithoutVersionsAsOldFilesDo) { expect_recorded("no_versions", true, true); }
TEST(CopyStateDictTest, ReportsAllDifferencesInPyTorchsOrder) { expect_recorded("many_errors", true, true); }
TEST(CopyStateDictTest, SizeMismatchIsAnErrorEvenWhenNotStrict) { expect_recorded("many_errors_not_strict", false, true); }
TEST(CopyStateDictTest, ReturnsKeysWhenNotStrict) { expect_recorded("keys_not_strict", false, true); }

TEST(CopyStateDictTest, FindsModulesInTheNames) {
  expect_recorded("matching", true, false);
  expect_recorded("keys_not_strict", false, false);
  // Without the list of modules, those without state are unknown; the names here are below modules that have some.
  const StateDict targets{{"w", full({1}, 0)}, {"b.x.w", full({1}, 0)}, {"a.w", full({1}, 0)}};
  const StateDict source{{"a.z", full({1}, 0)}, {"b.x.z", full({1}, 0)}, {"z", full({1}, 0)}, {"b.z", full({1}, 0)}};
  EXPECT_EQ(copy_state_dict("Net", targets, source, false).unexpected_keys, (Names{"z", "b.z", "b.x.z", "a.z"}));
}

TEST(CopyStateDictTest, WholeTextOfAFailure) {
  const StateDict targets{{"a", full({1}, 0)}, {"b", full({1}, 0)}, {"net.0.weight", full({2, 3}, 0)}};
  const StateDict source{{"net.0.weight", full({3, 2}, 1)}, {"c", full({1}, 1)}};
  EXPECT_EQ(
      message_of<StateDictError>([&] { copy_state_dict("DeepMLP", targets, source); }),
      "Error(s) in loading state_dict for DeepMLP:\n\tMissing key(s) in state_dict: \"a\", \"b\". \n\tUnexpected key(s) in "
      "state_dict: \"c\". \n\tsize mismatch for net.0.weight: copying a param with shape torch.Size([3, 2]) from checkpoint, the "
      "shape in current model is torch.Size([2, 3]).");
}

TEST(CopyStateDictTest, SaysThatAWrappersNameIsInFront) {
  const StateDict targets{{"fc.weight", full({2}, 0)}, {"fc.bias", full({2}, 0)}};
  auto text = [&](const StateDict &source) {
    return message_of<StateDictError>([&] { copy_state_dict("Net", targets, source); });
  };
  auto under = [](const std::string &prefix) {
    return StateDict{{prefix + "fc.weight", full({2}, 1)}, {prefix + "fc.bias", full({2}, 1)}};
  };
  auto torchs = [](const std::string &prefix) {
    return "Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: \"fc.weight\", \"fc.bias\". \n\tUnexpected key(s) "
           "in state_dict: \"" + prefix + "fc.weight\", \"" + prefix + "fc.bias\". ";
  };
  EXPECT_EQ(text(under("module.")),
            torchs("module.") + "\n  without 'module.' in front the unexpected keys are the missing ones; DataParallel and "
                                "DistributedDataParallel put it there: save the model inside, torch.save(model.module.state_dict(), ...)");
  EXPECT_EQ(text(under("_orig_mod.")),
            torchs("_orig_mod.") + "\n  without '_orig_mod.' in front the unexpected keys are the missing ones; torch.compile put it "
                                   "there: save the model inside, torch.save(model._orig_mod.state_dict(), ...)");
  EXPECT_EQ(text(under("net.")), torchs("net.") + "\n  without 'net.' in front the unexpected keys are the missing ones; take it off "
                                                  "before the file is saved");
  EXPECT_EQ(text(under("module_")), torchs("module_")); // no module's name
  // Not where something would still be missing, or left over.
  StateDict part = under("module.");
  part.erase("module.fc.bias");
  EXPECT_EQ(text(part).find("without"), std::string::npos);
  StateDict more = under("module.");
  more.insert("epoch", full({1}, 1));
  EXPECT_EQ(text(more).find("without"), std::string::npos);
}

TEST(CopyStateDictTest, ConvertsElementTypes) {
  const StateDict targets{{"w", full({2}, 0)}, {"n", Tensor({}, DType::Int64)}};
  const std::vector<double> w{0.1, 1e300};
  copy_state_dict("Net", targets, {{"w", Tensor::from(std::span(w), {2})}, {"n", Tensor::scalar(2.9f)}});
  EXPECT_EQ(values<float>(targets.at("w")), (std::vector<float>{0.1f, INFINITY}));
  EXPECT_EQ(targets.at("n").item<int64_t>(), 2);
}

TEST(CopyStateDictTest, FillsAScalarFromAVectorOfOne) {
  const StateDict targets{{"n", Tensor({}, DType::Float32)}};
  copy_state_dict("Net", targets, {{"n", full({1}, 3)}});
  EXPECT_EQ(targets.at("n").item<float>(), 3);
}

TEST(CopyStateDictTest, TiedNamesShareOneStorage) {
  const Tensor tied = full({2}, 0);
  const StateDict targets{{"embedding.weight", tied}, {"output.weight", tied}};
  copy_state_dict("Net", targets, {{"embedding.weight", full({2}, 1)}, {"output.weight", full({2}, 2)}});
  EXPECT_EQ(values<float>(tied), (std::vector<float>{2, 2})); // the later name wins, as in PyTorch
}

TEST(CopyStateDictTest, BatchCountMayBeMissingOnlyInOldSources) {
  const StateDict full_dict = load_torch(data_path("runtime/batch_norm.pt"));
  EXPECT_EQ(full_dict.module_version("1"), 2);
  EXPECT_EQ(full_dict.module_version("0"), 1);
  EXPECT_EQ(full_dict.module_version("2"), std::nullopt);
  StateDict source = full_dict;
  source.erase("1.num_batches_tracked");
  EXPECT_EQ(message_of<StateDictError>([&] { copy_state_dict("Sequential", full_dict, source); }),
            "Error(s) in loading state_dict for Sequential:\n\tMissing key(s) in state_dict: \"1.num_batches_tracked\". ");
  source.set_module_version("1", 1);
  EXPECT_EQ(copy_state_dict("Sequential", full_dict, source).text(), "<All keys matched successfully>");
  // A buffer of that name outside a BatchNorm is like any other.
  const StateDict other{{"num_batches_tracked", full({1}, 0)}};
  EXPECT_EQ(copy_state_dict("Net", other, {}, false).missing_keys, (Names{"num_batches_tracked"}));
}

} // namespace
} // namespace kiln::runtime
