// Checkpoints: going on with the same bits, PyTorch's, those of another architecture; and files of weights.
#include <algorithm>
#include <cstdlib>

#include "training_run.h"

namespace kiln::runtime {
namespace {

constexpr const char *kWeightsAlone =
    "\n  to begin with its weights alone: --weights=FILE --key=KEY, the entry that they are under";

class Checkpoints : public Training {};
INSTANTIATE_TEST_SUITE_P(Optimizers, Checkpoints, testing::Values(OptimizerKind::Adam, OptimizerKind::Sgd),
                         [](const auto &info) { return info.param == OptimizerKind::Adam ? "Adam" : "SGD"; });

TEST_P(Checkpoints, CheckpointResumesWithTheSameBits) {
  TemporaryFolder folder;
  run.model.manual_seed(5);
  run.epochs(2);
  run.model.call("accumulate", {run.view(run.x), run.view(run.y)}); // gradients that apply() would use
  save_checkpoint(folder.path("c.pt"), run.model, TrainingProgress{2, 3, run.loader->generator_state()});

  Classifier other(GetParam());
  const auto progress = load_checkpoint(folder.path("c.pt"), other.model);
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->epoch, 2);
  EXPECT_EQ(progress->seed, 3u);
  other.loader->set_generator_state(progress->shuffle);
  for (Classifier *each : {&run, &other}) {
    each->model.call("apply", std::span<const Tensor>());
    each->epochs(2);
  }
  // All of it: gradients, steps, the generator, the buffer that is in no state_dict.
  for (std::size_t i = 0; i < run.model.program().states().size(); ++i)
    EXPECT_TRUE(GetParam() == OptimizerKind::Sgd && i == 5 // SGD's count of steps is in no state_dict of PyTorch's
                || equal_bits(run.model.state(i), other.model.state(i)))
        << run.model.program().states()[i].path;
}

TEST_P(Checkpoints, GoesOnFromPyTorchsCheckpoint) {
  EXPECT_FALSE(load_checkpoint(training_path(name + ".pt"), run.model)); // no place in a loop
  for (int epoch = 0; epoch < 3; ++epoch) { // what PyTorch has trained with
    run.loader->begin_epoch();
    while (!run.loader->next().empty())
      ;
  }
  run.epochs(2);
  for (const auto &[name, value] : run.model.state_dict())
    expect_close(value, expected.at(name + ".5"), 2e-6, name);
}

TEST_P(Checkpoints, PyTorchGoesOnFromACheckpoint) {
  const char *python = std::getenv("KILN_ORACLE_PYTHON");
  if (!python)
    GTEST_SKIP() << "KILN_ORACLE_PYTHON names no Python with PyTorch";
  TemporaryFolder folder;
  run.epochs(3);
  save_checkpoint(folder.path("c.pt"), run.model);
  const std::string script = folder.write("check.py", R"(
import sys, torch
c = torch.load(sys.argv[1], weights_only=True)
model = torch.nn.Sequential(); model.add_module("head", torch.nn.Linear(2, 3))
model.load_state_dict(c["model"])
groups = [{"params": [model.head.weight]}, {"params": [model.head.bias], "lr": 0.05, "weight_decay": 0.1}]
optimizer = torch.optim.Adam(groups, lr=0.5) if sys.argv[2] == "adam" else torch.optim.SGD(groups, lr=0.5, momentum=0.9)
optimizer.load_state_dict(c["optimizer"])
own = torch.load(sys.argv[3], weights_only=True)["optimizer"]
def same(a, b):
    assert type(a) == type(b) or {type(a), type(b)} == {int, float}, (a, b)
    if isinstance(a, dict):
        assert list(a) == list(b), (a, b)
        for k in a: same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b): same(x, y)
    elif isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and torch.allclose(a, b, atol=1e-5), (a, b)
    else:
        assert a == b, (a, b)
same(optimizer.state_dict(), own)
model.head(torch.ones(1, 2)).sum().backward(); optimizer.step()
)");
  EXPECT_EQ(std::system((std::string(python) + " " + script + " " + folder.path("c.pt") + " " + name + " " +
                         training_path(name + ".pt")).c_str()), 0);
}

constexpr const char *kFingerprints = "\n  fingerprint found:    aa112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
                                      "\n  fingerprint expected: bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

TEST(Checkpoint, OfAnotherArchitecture) {
  TemporaryFolder folder;
  Classifier run(OptimizerKind::Adam);
  run.epoch();
  const std::string path = folder.path("c.pt");
  save_checkpoint(path, run.model);
  TrainingProgram other(OptimizerKind::Adam);
  other.descriptor.fingerprint = "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  other.state_names[1].name = "head.offset";
  Model model(other.program());
  const std::string errors = "Error(s) in loading state_dict for Classifier:\n"
                             "\tMissing key(s) in state_dict: \"head.offset\". \n"
                             "\tUnexpected key(s) in state_dict: \"head.bias\". ";
  EXPECT_EQ(text_of<StateDictError>([&] { load_checkpoint(path, model); }),
            errors + "\n  the checkpoint is of another architecture than program 'classifier'" + kFingerprints + "\n  checkpoint: " + path);
  EXPECT_EQ(text_of<StateDictError>([&] { load_checkpoint(path, model, /*ignore_fingerprint=*/true); }), errors + "\n  checkpoint: " + path);
  const Model fresh(other.program());
  for (std::size_t i = 0; i < model.program().states().size(); ++i)
    EXPECT_TRUE(equal_bits(model.state(i), fresh.state(i))) << model.program().states()[i].path;
  // Other names for the same: allowed when asked for.
  other.state_names[1].name = "head.bias";
  Model same(other.program());
  load_checkpoint(path, same, /*ignore_fingerprint=*/true);
  EXPECT_TRUE(equal_bits(same.state(0), run.model.state(0)));
}

TEST(Checkpoint, OfModulesWithOtherOptions) {
  Classifier run(OptimizerKind::Adam);
  Value checkpoint = run.model.checkpoint();
  TrainingProgram other(OptimizerKind::Adam);
  other.descriptor.fingerprint = "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  other.modules[1].extra_repr = "in_features=2, out_features=3, bias=False";
  Model model(other.program());
  const std::string begin = "the checkpoint is of another architecture than program 'classifier'\n",
                    end = "  names and shapes are the same: --ignore-fingerprint (ignore_fingerprint = true) takes it" +
                          std::string(kFingerprints);
  const std::string difference = "  module 'head' is Linear(in_features=2, out_features=3, bias=True), expected "
                                 "Linear(in_features=2, out_features=3, bias=False)\n";
  EXPECT_EQ(text_of<StateDictError>([&] { model.load_checkpoint(checkpoint); }), begin + difference + end);
  Dict &own = *checkpoint.get_if<Dict>()->find("kiln")->get_if<Dict>();
  own.find("modules")->get_if<Dict>()->set("drop", "Dropout(p=0.5, inplace=False)");
  EXPECT_EQ(text_of<StateDictError>([&] { model.load_checkpoint(checkpoint); }),
            begin + difference + "  module 'drop' is Dropout(p=0.5, inplace=False), expected none\n" + end);
  // What a file says is text of one line, and not all of it.
  Dict &modules = *own.find("modules")->get_if<Dict>();
  modules.set("head", 5);
  modules.set("drop", "\x1b[2J\n" + std::string(500, 'x'));
  modules.set("drop1", "Dropout()"), modules.set("drop2", "Dropout()");
  EXPECT_EQ(text_of<StateDictError>([&] { model.load_checkpoint(checkpoint); }),
            begin + "  module 'head' is unreadable, expected Linear(in_features=2, out_features=3, bias=False)\n" +
                "  module 'drop' is \\x1b[2J\\n" + std::string(195, 'x') + "..., expected none\n" +
                "  module 'drop1' is Dropout(), expected none\n  and 1 more\n" + end);
  own.set("program", "\x1b" "mine");
  own.set("modules", 0); // of earlier versions
  EXPECT_EQ(text_of<StateDictError>([&] { model.load_checkpoint(checkpoint); }),
            "the checkpoint of program '\\x1bmine' is of another architecture than program 'classifier'\n"
            "  a fingerprint covers modules with their options, names, shapes and dtypes of their state, and the parameters of "
                    "optimizers\n" + end);
}

// Names that a file brings: neither obeyed by a terminal, nor without a bound.
TEST(Checkpoint, OfNamesThatATerminalWouldObey) {
  Classifier run(OptimizerKind::Adam);
  const Value checkpoint = run.model.checkpoint();
  Dict many{{"\x1b]0;owned\x07", 1}, {std::string(1000, 'x'), 1}};
  for (int64_t i = 2; i < 25; ++i)
    many.set("k" + std::to_string(i), 1);
  std::string listed = "'\\x1b]0;owned\\x07', '" + std::string(200, 'x') + "...'";
  for (int64_t i = 2; i < 20; ++i)
    listed += ", 'k" + std::to_string(i) + "'";
  EXPECT_EQ(text_of<KeyError>([&] { run.model.load_checkpoint(many); }),
            "the checkpoint has no entry 'model'; it has " + listed + " and 5 more" + kWeightsAlone);
  EXPECT_EQ(text_of<TypeError>([&] {
              run.model.load_checkpoint(Dict{{"model", Dict{{"\x1b[2J", 1}}}, {"optimizer", 1}});
            }),
            "'model' of the checkpoint: '\\x1b[2J' is of type int, expected Tensor");
  Value other = checkpoint;
  other.get_if<Dict>()->find("kiln")->get_if<Dict>()->set("gradients", Dict{{"\x1b[2J", Tensor({1}, DType::Float32)}});
  EXPECT_EQ(text_of<KeyError>([&] { run.model.load_checkpoint(other); }),
            "'\\x1b[2J'\n  'gradients' of the checkpoint has it, but the program has no such parameter with a gradient\n"
            "  --ignore-fingerprint (ignore_fingerprint = true) takes the rest, and leaves the model's own where something is "
            "missing");
  other = checkpoint;
  other.get_if<Dict>()->find("kiln")->get_if<Dict>()->set("fingerprint", "another");
  other.get_if<Dict>()->find("model")->get_if<Dict>()->set("\x1b[2J", Tensor({1}, DType::Float32));
  const std::string error = text_of<StateDictError>([&] { run.model.load_checkpoint(other); });
  EXPECT_TRUE(error.starts_with("Error(s) in loading state_dict for Classifier:\n\tUnexpected key(s) in state_dict: \"\\x1b[2J\". \n"))
      << error;
}

TEST(Checkpoint, ValuesOfAnySizeAreShownInAFewWords) {
  Value nested = Value::List{};
  for (int level = 0; level < 8; ++level)
    nested = Value::List{nested, nested, nested, nested, nested, nested, nested};
  EXPECT_LT(nested.text().size(), 1000u);
  Value deep = 1;
  for (int level = 0; level < 900; ++level)
    deep = Value::List{std::move(deep)};
  EXPECT_LT(deep.text().size(), 1000u);
  EXPECT_EQ((Value(Value::List{1, Value::Tuple{{0.5, "it's"}}, Value::Tuple{{Value()}}, 4, 5, 6, 7}).text()),
            "[1, (0.5, \"it's\"), (None,), 4, 5, 6, ...]");
}

TEST(Checkpoint, OfAnOptimizerWhoseTypeIsNoText) {
  Classifier run(OptimizerKind::Sgd);
  Value checkpoint = run.model.checkpoint();
  Dict &own = *checkpoint.get_if<Dict>()->find("kiln")->get_if<Dict>();
  for (const Value &types : {Value(Dict{{"optimizer", 5}}), Value(5)}) {
    own.set("optimizers", types);
    EXPECT_EQ(text_of<ValueError>([&] { run.model.load_checkpoint(checkpoint); }),
              "the checkpoint is of optimizers with other options than program 'classifier' was compiled with\n"
              "  type is unreadable, expected SGD\n  optimizer: optimizer (SGD)\n"
              "  options but lr are constants of a compiled program: build it with those of the checkpoint, or go on with the "
              "compiled ones by --ignore-fingerprint (ignore_fingerprint = true)");
  }
}

TEST(Checkpoint, OfAnotherOptimizer) {
  Classifier run(OptimizerKind::Sgd);
  Value checkpoint = run.model.checkpoint();
  TrainingProgram other(OptimizerKind::Adam);
  other.descriptor.fingerprint = "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  Model model(other.program());
  const std::string error = "the checkpoint is of another optimizer\n  found:    SGD\n  expected: Adam\n  optimizer: optimizer\n"
                            "  what one keeps means nothing to the other: build the program with SGD, or begin with the checkpoint's "
                            "weights alone (--weights=FILE --key=model)";
  for (bool ignore : {false, true})
    EXPECT_EQ(text_of<ValueError>([&] { model.load_checkpoint(checkpoint, ignore); }), error);
  // PyTorch's says what it is of by its options.
  const Dict &dict = *checkpoint.get_if<Dict>();
  EXPECT_EQ(text_of<ValueError>([&] { model.load_checkpoint(Dict{{"model", *dict.find("model")}, {"optimizer", *dict.find("optimizer")}}); }), error);
  // Adam's state is AdamW's: only the options can be others.
  other.optimizers[0].type = "AdamW";
  Model decoupled(other.program());
  EXPECT_EQ(text_of<ValueError>([&] { decoupled.load_checkpoint(Classifier(OptimizerKind::Adam).model.checkpoint()); }),
            "the checkpoint is of optimizers with other options than program 'classifier' was compiled with\n  type is Adam, expected AdamW\n"
            "  optimizer: optimizer (AdamW)\n  options but lr are constants of a compiled program: build it with those of the checkpoint, or "
            "go on with the compiled ones by --ignore-fingerprint (ignore_fingerprint = true)");
}

TEST(Checkpoint, OfOtherOptimizers) {
  Classifier run(OptimizerKind::Adam);
  TrainingProgram other(OptimizerKind::Adam);
  other.descriptor.fingerprint = "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  Model model(other.program());
  const std::string begin = "the checkpoint is of another architecture than program 'classifier'\n";
  const Value checkpoint = run.model.checkpoint();
  const Dict &dict = *checkpoint.get_if<Dict>();
  const Dict without_optimizer{{"model", *dict.find("model")}, {"kiln", *dict.find("kiln")}};
  EXPECT_EQ(text_of<StateDictError>([&] { model.load_checkpoint(without_optimizer); }),
            begin + "  optimizer 'optimizer' is missing, expected Adam\n"
                    "  begin with the checkpoint's weights alone: --weights=FILE --key=model" + kFingerprints);
  Value more = checkpoint;
  more.get_if<Dict>()->find("kiln")->get_if<Dict>()->find("optimizers")->get_if<Dict>()->set("optimizer1", "SGD");
  EXPECT_EQ(text_of<StateDictError>([&] { model.load_checkpoint(more); }),
            begin + "  optimizer 'optimizer1' is SGD, expected none\n"
                    "  names and shapes are the same: --ignore-fingerprint (ignore_fingerprint = true) takes it" + kFingerprints);
}

// PyTorch's NAdam has Adam's betas, and Muon SGD's momentum: neither is called another optimizer's.
TEST(Checkpoint, OfAnUnknownOptimizer) {
  for (const auto &[kind, option] : {std::pair(OptimizerKind::Sgd, "betas"), std::pair(OptimizerKind::Adam, "momentum")}) {
    Classifier run(kind);
    const Value checkpoint = run.model.checkpoint();
    auto group = [&](int64_t number) { return Dict{{"lr", 0.1}, {option, 0.5}, {"params", Value::List{number}}}; };
    const Dict optimizer{{"state", Dict()}, {"param_groups", Value::List{group(0), group(1)}}};
    const std::string error = text_of<ValueError>(
        [&] { run.model.load_checkpoint(Dict{{"model", *checkpoint.get_if<Dict>()->find("model")}, {"optimizer", optimizer}}); });
    EXPECT_TRUE(
        error.starts_with("the checkpoint is of optimizers with other options than program 'classifier' was compiled with\n"))
        << error;
  }
}

TEST(Checkpoint, OfAnotherNumberOfGroups) {
  Classifier run(OptimizerKind::Adam);
  TrainingProgram other(OptimizerKind::Adam);
  other.descriptor.fingerprint = "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  Model model(other.program());
  Value checkpoint = run.model.checkpoint();
  checkpoint.get_if<Dict>()->find("optimizer")->get_if<Dict>()->find("param_groups")->get_if<Value::List>()->pop_back();
  EXPECT_EQ(text_of<ValueError>([&] { model.load_checkpoint(checkpoint); }),
            "loaded state dict has a different number of parameter groups\n  found: 1\n  expected: 2\n  optimizer: optimizer (Adam)");
}

TEST(Checkpoint, WhatIsMissing) {
  Classifier run(OptimizerKind::Adam);
  auto error = [&]<class E>(E *, auto change) {
    Value checkpoint = run.model.checkpoint();
    change(*checkpoint.get_if<Dict>());
    return text_of<E>([&] { run.model.load_checkpoint(checkpoint); });
  };
  const auto key = static_cast<KeyError *>(nullptr);
  const auto type = static_cast<TypeError *>(nullptr);
  EXPECT_EQ(error(key, [](Dict &c) { c = Dict{{"model", *c.find("model")}, {"epoch", 3}}; }),
            std::string("the checkpoint has no entry 'optimizer'; it has 'model', 'epoch'") + kWeightsAlone);
  EXPECT_EQ(error(key, [](Dict &c) { c = Dict(); }), std::string("the checkpoint has no entry 'model'; it has none") + kWeightsAlone);
  EXPECT_EQ(error(type, [](Dict &c) { c.set("kiln", 1); }), "'kiln' of the checkpoint is of type int, expected a dict");
  EXPECT_EQ(error(type, [](Dict &c) { c.find("kiln")->get_if<Dict>()->set("generator", Value::List{1}); }),
            "'generator' of the checkpoint is [1], expected [seed, offset]");
  // Half of Kiln's part is no part.
  auto own = [](Dict &c) { return c.find("kiln")->get_if<Dict>(); };
  auto without = [&](const std::string &missing) {
    return [&, missing](Dict &c) {
      Dict rest;
      for (const auto &[key, value] : *own(c))
        if (std::get<std::string>(key) != missing)
          rest.set(key, value);
      c.set("kiln", std::move(rest));
    };
  };
  const std::string advice = "\n  --ignore-fingerprint (ignore_fingerprint = true) takes the rest, and leaves the model's own where something is missing";
  for (const char *missing : {"fingerprint", "generator", "buffers"})
    EXPECT_EQ(error(key, without(missing)), "'" + std::string(missing) + "'\n  'kiln' of the checkpoint has no such entry" + advice);
  EXPECT_EQ(error(key, [&](Dict &c) { own(c)->set("buffers", Dict()); }),
            "'calls'\n  'buffers' of the checkpoint has no such entry" + advice);
  EXPECT_EQ(error(key, [&](Dict &c) { own(c)->find("buffers")->get_if<Dict>()->set("old", Tensor({1}, DType::Float32)); }),
            "'old'\n  'buffers' of the checkpoint has it, but the program has no such buffer that is not persistent" + advice);
  EXPECT_EQ(error(key, [&](Dict &c) { own(c)->set("gradients", Dict{{"old", Tensor({1}, DType::Float32)}}); }),
            "'old'\n  'gradients' of the checkpoint has it, but the program has no such parameter with a gradient" + advice);
  EXPECT_EQ(text_of<TypeError>([&] { run.model.load_checkpoint(Value::List()); }), "a checkpoint is a dict, found list");
}

TEST(Checkpoint, OfOtherOptions) {
  TemporaryFolder folder;
  Classifier run(OptimizerKind::Adam);
  run.epoch();
  const std::string path = folder.path("c.pt");
  save_checkpoint(path, run.model);
  TrainingProgram other(OptimizerKind::Adam);
  kiln_option *decay = std::ranges::find_if(other.options[1], [](const kiln_option &o) { return std::string(o.name) == "weight_decay"; });
  decay->number = 0.25;
  const std::string differences = "\n  parameter group 1: weight_decay is 0.1, expected 0.25\n  optimizer: optimizer (Adam)";
  const std::string expected_error =
      "the checkpoint is of optimizers with other options than program 'classifier' was compiled with" + differences +
      "\n  options but lr are constants of a compiled program: build it with those of the checkpoint, or go on with the compiled ones by "
      "--ignore-fingerprint (ignore_fingerprint = true)\n  checkpoint: " + path;
  Model model(other.program());
  EXPECT_EQ(text_of<ValueError>([&] { load_checkpoint(path, model); }), expected_error);
  load_checkpoint(path, model, /*ignore_fingerprint=*/true);
  for (std::size_t i = 0; i < model.program().states().size(); ++i)
    EXPECT_TRUE(equal_bits(model.state(i), run.model.state(i))) << model.program().states()[i].path;
  const Value state = model.optimizer_state_dict();
  const Value &group = (*state.get_if<Dict>()->find("param_groups")->items())[1];
  EXPECT_EQ(group.get_if<Dict>()->find("weight_decay")->number(), 0.25) << "the compiled one counts";
  // What an optimizer keeps follows from its options, and the fingerprint from that.
  other.descriptor.fingerprint = "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  Model same(other.program());
  EXPECT_EQ(text_of<ValueError>([&] { load_checkpoint(path, same); }), expected_error);
  decay->number = 0.1;
  Model fitting(other.program());
  EXPECT_EQ(text_of<StateDictError>([&] { load_checkpoint(path, fitting); }),
            "the checkpoint is of another architecture than program 'classifier'\n"
            "  modules are the same: dtypes or ties of their state differ, or the parameters of optimizers\n"
            "  names and shapes are the same: --ignore-fingerprint (ignore_fingerprint = true) takes it" +
                std::string(kFingerprints) + "\n  checkpoint: " + path);
}

TEST(Checkpoint, WithoutKilnsPartLeavesWhatPyTorchDoesNotSave) {
  Classifier run(OptimizerKind::Adam);
  run.model.manual_seed(9);
  run.epoch();
  run.model.call("accumulate", {run.view(run.x), run.view(run.y)});
  Value checkpoint = run.model.checkpoint();
  run.epoch();
  std::vector<Tensor> before;
  for (std::size_t i = 0; i < run.model.program().states().size(); ++i)
    before.push_back(run.model.state(i).clone());
  Dict torchs{{"model", *checkpoint.get_if<Dict>()->find("model")}, {"optimizer", *checkpoint.get_if<Dict>()->find("optimizer")}};
  run.model.load_checkpoint(Value(std::move(torchs)));
  for (std::size_t i = 0; i < before.size(); ++i) {
    const State &state = run.model.program().states()[i];
    const bool stays = state.kind == StateKind::Gradient || state.kind == StateKind::Generator || state.kind == StateKind::Buffer;
    EXPECT_TRUE(!stays || equal_bits(run.model.state(i), before[i])) << state.path;
  }
}

TEST(Checkpoint, OfSeveralOptimizers) {
  TrainingProgram test(OptimizerKind::Adam);
  static constexpr int64_t kOne[] = {1};
  std::vector<kiln_state> states(test.states.begin(), test.states.end());
  states[5].sizes = kOne;
  states.push_back(states[5]);
  states.back().path = "optimizer2.step";
  kiln_optimizer optimizers[] = {test.optimizers[0], test.optimizers[0]};
  optimizers[0].name = "optimizer1";
  optimizers[1].name = "optimizer2";
  optimizers[1].groups = &test.groups[1];
  optimizers[1].steps = 14;
  optimizers[0].group_count = optimizers[1].group_count = 1;
  test.descriptor.states = states.data();
  test.descriptor.state_count = 15;
  test.descriptor.optimizers = optimizers;
  test.descriptor.optimizer_count = 2;
  Model model(test.program()), other(test.program());
  model.set_learning_rate(0.5, "optimizer2");
  const Value checkpoint = model.checkpoint();
  std::vector<std::string> keys;
  for (const auto &[key, value] : *checkpoint.get_if<Dict>())
    keys.push_back(std::get<std::string>(key));
  EXPECT_EQ(keys, (std::vector<std::string>{"model", "optimizer1", "optimizer2", "kiln"}));
  other.load_checkpoint(checkpoint);
  EXPECT_EQ(other.learning_rate("optimizer2"), 0.5);
  EXPECT_EQ(other.learning_rate("optimizer1"), 0.01);
  EXPECT_EQ(text_of<KeyError>([&] { model.learning_rate(); }),
            "program 'classifier' has no optimizer 'optimizer'; it has optimizer1, optimizer2");
}

TEST(Weights, AreSavedByTheirEnding) {
  TemporaryFolder folder;
  Classifier run(OptimizerKind::Adam);
  for (const char *name : {"w.pt", "w.safetensors"}) {
    save_weights(folder.path(name), run.model);
    const StateDict read = load(folder.path(name));
    EXPECT_EQ(read.keys(), run.model.state_dict().keys());
    EXPECT_TRUE(equal_bits(read.at("head.weight"), run.model.state(0)));
  }
  std::map<std::string, std::string> metadata;
  load_safetensors(folder.path("w.safetensors"), &metadata);
  EXPECT_EQ(metadata["kiln.fingerprint"], run.model.program().fingerprint());
  EXPECT_EQ(text_of<ValueError>([&] { save_weights(folder.path("w.bin"), run.model); }),
            "'" + folder.path("w.bin") + "': expected a file that ends in .safetensors or .pt");
}

TEST(Checkpoint, PredictUsesWhatWasLoaded) {
  // Prepared values follow checkpoints as they follow steps.
  Classifier run(OptimizerKind::Adam), trained(OptimizerKind::Adam);
  trained.epochs(2);
  const std::vector<Tensor> sample = {run.x};
  const Tensor before = run.model.call("predict", sample)[0];
  run.model.load_checkpoint(trained.model.checkpoint());
  const Tensor after = run.model.call("predict", sample)[0];
  EXPECT_FALSE(equal_bits(before, after));
  EXPECT_TRUE(equal_bits(after, trained.model.call("predict", sample)[0]));
}

} // namespace
} // namespace kiln::runtime
