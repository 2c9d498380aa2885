// Modules: registration, traversal, ties, state_dict, mode, hooks.
#include <functional>

#include "expectations.h"

namespace kiln::test {
namespace {

struct BlockImpl : nn::Module {
  explicit BlockImpl(int64_t features) {
    fc = register_module("fc", nn::Linear(features, features));
    norm = register_module("norm", nn::BatchNorm1d(features));
  }
  Tensor forward(const Tensor &x) { return kiln::relu(norm(fc(x))) + x; }
  nn::Linear fc{nullptr};
  nn::BatchNorm1d norm{nullptr};
};
KILN_MODULE(Block);

struct NetImpl : nn::Module {
  NetImpl() {
    scale = register_parameter("scale", kiln::ones({4}));
    none = register_parameter("none", Tensor());
    mask = register_buffer("mask", kiln::ones({4}, kBool), /*persistent=*/false);
    offset = register_buffer("offset", kiln::zeros({4}));
    blocks = register_module("blocks", nn::ModuleList(Block(4), Block(4)));
    head = register_module("head", nn::Linear(4, 2));
  }
  Tensor forward(Tensor x) {
    x = x * scale + offset;
    for (const auto &block : *blocks)
      x = block(x);
    return head(x);
  }
  Tensor scale, none, mask, offset;
  nn::ModuleList blocks{nullptr};
  nn::Linear head{nullptr};
};
KILN_MODULE(Net);

TEST(Module, NamesFollowRegistration) {
  Net net;
  EXPECT_EQ(net->name(), "Net");
  EXPECT_EQ(net->named_parameters().keys(),
            (std::vector<std::string>{"scale", "blocks.0.fc.weight", "blocks.0.fc.bias", "blocks.0.norm.weight",
                                      "blocks.0.norm.bias", "blocks.1.fc.weight", "blocks.1.fc.bias", "blocks.1.norm.weight",
                                      "blocks.1.norm.bias", "head.weight", "head.bias"}));
  EXPECT_EQ(net->named_parameters("net", /*recurse=*/false).keys(), (std::vector<std::string>{"net.scale"}));
  EXPECT_EQ(net->named_buffers(false).keys(), (std::vector<std::string>{"mask", "offset"}));
  EXPECT_EQ(net->named_modules().keys(), (std::vector<std::string>{"", "blocks", "blocks.0", "blocks.0.fc", "blocks.0.norm",
                                                                   "blocks.1", "blocks.1.fc", "blocks.1.norm", "head"}));
  EXPECT_EQ(net->named_children().keys(), (std::vector<std::string>{"blocks", "head"}));
  EXPECT_EQ(net->modules(/*include_self=*/false).size(), 8u);
  EXPECT_EQ(net->children().size(), 2u);
  EXPECT_FALSE(net->none.defined());
  const std::vector<std::string> keys = net->state_dict().keys();
  EXPECT_EQ(keys.size(), 1u + 1 + 2 * 7 + 2);
  EXPECT_EQ(keys[0], "scale");
  EXPECT_EQ(keys[1], "offset");
  EXPECT_EQ(keys[8], "blocks.0.norm.num_batches_tracked");
}

TEST(Module, FindsByPath) {
  Net net;
  EXPECT_EQ(net->get_submodule("blocks.1.fc").name(), "Linear");
  EXPECT_EQ(&net->get_submodule(""), net.get());
  EXPECT_TRUE(net->get_parameter("head.weight").is_same(net->head->weight));
  EXPECT_TRUE(net->get_buffer("blocks.0.norm.running_var").defined());
  expect_torch_error<runtime::KeyError>("get_submodule_missing", [] { nn::Sequential(nn::ReLU())->get_submodule("1"); });
  expect_torch_error<runtime::KeyError>("get_parameter_missing", [] { nn::Linear(2, 2)->get_parameter("gain"); });
  expect_torch_error<runtime::KeyError>("get_parameter_buffer", [] { nn::BatchNorm1d(2)->get_parameter("running_mean"); });
  expect_torch_error<runtime::KeyError>("get_buffer_parameter", [] { nn::BatchNorm1d(2)->get_buffer("weight"); });
}

struct AnyNames : nn::Module {
  AnyNames() {
    register_parameter("w", kiln::ones({2}));
    register_buffer("b", kiln::ones({2}));
    register_module("m", nn::ReLU());
  }
};

TEST(Module, NamesMustBeFreeAndPlain) {
  AnyNames module;
  const std::vector<std::pair<std::string, std::function<void(std::string)>>> kinds = {
      {"parameter", [&](std::string name) { module.register_parameter(name, kiln::ones({1})); }},
      {"buffer", [&](std::string name) { module.register_buffer(name, kiln::ones({1})); }},
      {"module", [&](std::string name) { module.register_module(name, nn::ReLU()); }}};
  for (const auto &[kind, register_name] : kinds) {
    expect_torch_error<runtime::KeyError>(kind + "_empty", [&] { register_name(""); });
    expect_torch_error<runtime::KeyError>(kind + "_dotted", [&] { register_name("a.b"); });
    expect_torch_error<runtime::KeyError>(kind + "_taken", [&] { register_name(kind == "module" ? "w" : "m"); });
    EXPECT_EQ(message_of<runtime::KeyError>([&] { register_name(kind.substr(0, 1) == "p" ? "w" : kind.substr(0, 1)); }),
              "attribute '" + std::string(kind == "parameter" ? "w" : kind.substr(0, 1)) + "' already exists");
  }
  expect_torch_error("integer_parameter", [&] { module.register_parameter("i", kiln::tensor({1, 2})); });
  EXPECT_EQ(module.named_parameters().size(), 1u) << "a failed registration leaves nothing behind";
}

TEST(Module, AModuleCannotContainItself) {
  nn::Sequential outer, inner;
  outer->push_back(inner);
  EXPECT_EQ(message_of([&] { inner->push_back(outer); }),
            "module '0' can't be registered: it is this Sequential itself, or contains it");
}

TEST(Module, AssigningToAMemberReplacesTheParameter) {
  nn::Embedding embedding(5, 3);
  nn::Linear output(nn::LinearOptions(3, 5).bias(false));
  nn::ModuleDict model({{"embedding", embedding}, {"output", output}});
  output->weight = embedding->weight;
  EXPECT_TRUE(output->weight.is_same(embedding->weight));
  EXPECT_EQ(model->parameters().size(), 1u) << "a tied weight is one parameter";
  EXPECT_EQ(model->named_parameters("", true, /*remove_duplicate=*/false).size(), 2u);
  const runtime::StateDict state = model->state_dict();
  EXPECT_EQ(state.keys(), (std::vector<std::string>{"embedding.weight", "output.weight"}));
  EXPECT_EQ(state.at("embedding.weight").storage(), state.at("output.weight").storage());
  // A new tensor in the member is the new parameter, and is to be trained.
  output->weight = kiln::zeros({5, 3});
  EXPECT_EQ(model->parameters().size(), 2u);
  EXPECT_TRUE(output->get_parameter("weight").requires_grad());
  EXPECT_EQ(values(output->get_parameter("weight").sum())[0], 0);
}

TEST(Module, CopiesOfAMemberAreNotBound) {
  nn::Linear linear(2, 2);
  Tensor weight = linear->weight;
  weight = weight * 0;
  EXPECT_FALSE(linear->get_parameter("weight").is_same(weight)) << "a local variable is only a variable";
  Tensor moved = std::move(linear->bias);
  EXPECT_TRUE(linear->bias.defined());
  EXPECT_TRUE(linear->get_parameter("bias").is_same(moved));
}

TEST(Module, ReturnedReferenceIsTheRegistration) {
  struct Holder : nn::Module {
    Holder() : first(register_parameter("first", kiln::zeros({2}))) {
      second = register_buffer("second", kiln::zeros({2}));
      auto copy = register_parameter("third", kiln::zeros({2}));
      copy = kiln::ones({2});
    }
    Tensor first, second;
  } module;
  module.first = kiln::ones({2});
  module.second = kiln::ones({3});
  EXPECT_EQ(values(module.get_parameter("first").sum())[0], 2);
  EXPECT_EQ(module.get_buffer("second").numel(), 3);
  EXPECT_EQ(values(module.get_parameter("third").sum())[0], 0);
}

TEST(Module, LoadStateDict) {
  manual_seed(0);
  Net source, target;
  EXPECT_EQ(target->load_state_dict(source->state_dict()).text(), "<All keys matched successfully>");
  for (const auto &[name, value] : source->state_dict())
    expect_identical(Tensor(target->state_dict().at(name)), Tensor(value), name);
  runtime::StateDict wrong = source->state_dict();
  wrong.erase("scale");
  wrong.insert("head.bias", runtime::Tensor({3}, DType::Float32));
  wrong.insert("extra", runtime::Tensor({3}, DType::Float32));
  const std::vector<double> before = values(target->head->weight);
  EXPECT_EQ(message_of<runtime::StateDictError>([&] { target->load_state_dict(wrong); }).substr(0, 44),
            "Error(s) in loading state_dict for Net:\n\tMis");
  EXPECT_EQ(values(target->head->weight), before);
}

/// Net of make_expectations.py: a block under two names, and a child that is None.
struct LoadNet : nn::Module {
  LoadNet() : nn::Module("Net") {
    register_parameter("scale", kiln::ones({4}));
    register_parameter("none", Tensor());
    Block first(4);
    register_module("body", nn::ModuleList(first, Block(4)));
    register_module("head", nn::Linear(4, 2));
    register_module("again", first);
    register_module("absent", std::shared_ptr<nn::Module>());
  }
};

std::vector<std::string> expected_lines(const std::string &name) {
  std::istringstream text(expected_text("load_state_dict.txt", name));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);)
    lines.push_back(line);
  return lines;
}

TEST(Module, StateDictKnowsTheVersionsOfItsModules) {
  const runtime::StateDict state = LoadNet().state_dict();
  for (const std::string &line : expected_lines("versions")) {
    const std::size_t space = line.find(' ');
    EXPECT_EQ(state.module_version(line.substr(0, space)), std::stoi(line.substr(space + 1))) << line;
  }
  EXPECT_EQ(state.module_version("absent"), std::nullopt);
}

TEST(Module, LoadStateDictListsKeysInPyTorchsOrder) {
  LoadNet net;
  runtime::StateDict source;
  for (const auto &[name, value] : net.state_dict())
    source.insert(name, value.clone());
  for (const std::string &line : expected_lines("versions"))
    source.set_module_version(line.substr(0, line.find(' ')), *net.state_dict().module_version(line.substr(0, line.find(' '))));
  for (const std::string &name : expected_lines("extra"))
    source.insert(name, runtime::Tensor({1}, DType::Float32));
  for (const std::string &name : expected_lines("missing"))
    EXPECT_TRUE(source.erase(name)) << name;
  EXPECT_EQ(net.load_state_dict(source, /*strict=*/false).text(), expected_text("load_state_dict.txt", "keys"));
  EXPECT_EQ(message_of<runtime::StateDictError>([&] { net.load_state_dict(source); }), expected_text("load_state_dict.txt", "error"));
}

TEST(Module, ModeReachesTheWholeTree) {
  Net net;
  EXPECT_TRUE(net->is_training());
  net->eval();
  for (const auto &module : net->modules())
    EXPECT_FALSE(module->is_training());
  net->train();
  EXPECT_TRUE(net->blocks->at<Block>(1).norm->is_training());
}

TEST(Module, FreezingAndCounting) {
  Net net;
  net->requires_grad_(false);
  net->head->requires_grad_(true);
  int64_t total = 0, trainable = 0;
  for (const Tensor &parameter : net->parameters()) {
    total += parameter.numel();
    trainable += parameter.requires_grad() ? parameter.numel() : 0;
  }
  EXPECT_EQ(total, 4 + 2 * (16 + 4 + 8) + 10);
  EXPECT_EQ(trainable, 10);
}

TEST(Module, ApplyVisitsChildrenFirst) {
  Net net;
  std::string order;
  net->apply([&](nn::Module &module) { order += module.name() + " "; });
  EXPECT_EQ(order, "Linear BatchNorm1d Block Linear BatchNorm1d Block ModuleList Linear Net ");
  net->apply([](nn::Module &module) {
    if (auto *linear = module.as<nn::Linear>()) {
      nn::init::zeros_(linear->weight);
      nn::init::ones_(linear->bias);
    }
  });
  EXPECT_EQ(values(net->head->weight.sum())[0], 0);
  EXPECT_EQ(values(net->head->bias.sum())[0], 2);
}

TEST(Module, ToConvertsWhatIsRegistered) {
  Net net;
  net->to(kFloat64);
  EXPECT_EQ(net->scale.dtype(), kFloat64);
  EXPECT_EQ(net->head->weight.dtype(), kFloat64);
  EXPECT_EQ(net->mask.dtype(), kBool);
  EXPECT_EQ(net(kiln::ones({3, 4}, kFloat64)).dtype(), kFloat64);
}

TEST(Module, Hooks) {
  nn::Linear linear(2, 2);
  std::string order;
  auto before = linear->register_forward_pre_hook([&](nn::Module &module, std::vector<Tensor> &inputs) {
    order += "pre " + module.name() + "; ";
    inputs[0] = inputs[0] * 0;
  });
  auto after = linear->register_forward_hook([&](nn::Module &, const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs) {
    order += "post " + std::to_string(inputs.size()) + "; ";
    outputs[0] = outputs[0] + 1;
  });
  const Tensor x = kiln::ones({1, 2});
  expect_identical(linear(x), (linear->bias + 1).reshape({1, 2}), "hooked");
  EXPECT_EQ(order, "pre Linear; post 1; ");
  before.remove();
  after.remove();
  after.remove();
  expect_identical(linear(x), kiln::linear(x, linear->weight, linear->bias), "unhooked");
}

TEST(Module, PrintsTheDocumentsModelsToTheByte) {
  nn::Sequential net;
  int64_t width = 784;
  for (int64_t size : {512, 256, 128}) {
    net->push_back(nn::Linear(width, size));
    net->push_back(nn::BatchNorm1d(size));
    net->push_back(nn::ReLU());
    net->push_back(nn::Dropout(0.2));
    width = size;
  }
  net->push_back(nn::Linear(width, 10));
  struct DeepMLPImpl : nn::Module {};
  DeepMLPImpl model;
  model.register_module("net", net);
  EXPECT_EQ(model.text() + "\n", read_file("DeepMLP.print.txt"));
  struct ShallowMLP : nn::Module {};
  ShallowMLP shallow;
  shallow.register_module("fc1", nn::Linear(784, 128));
  shallow.register_module("fc2", nn::Linear(128, 10));
  EXPECT_EQ(shallow.text() + "\n", read_file("ShallowMLP.print.txt"));
}

struct ResidualBlockImpl : nn::Module {
  ResidualBlockImpl() {
    register_module("fc1", nn::Linear(256, 128));
    register_module("bn1", nn::BatchNorm1d(128));
    register_module("fc2", nn::Linear(128, 256));
    register_module("bn2", nn::BatchNorm1d(256));
    register_module("dropout", nn::Dropout(0.2));
  }
  Tensor forward(Tensor x) { return x; }
};
KILN_MODULE(ResidualBlock);

TEST(Module, PrintsRepeatedModulesOnce) {
  struct ResidualNetworkImpl : nn::Module {};
  ResidualNetworkImpl model;
  model.register_module("input_layer", nn::Linear(784, 256));
  model.register_module("bn_input", nn::BatchNorm1d(256));
  model.register_module("blocks", nn::ModuleList(ResidualBlock(), ResidualBlock(), ResidualBlock(), ResidualBlock()));
  model.register_module("output_layer", nn::Linear(256, 10));
  EXPECT_EQ(model.text() + "\n", read_file("ResidualNetwork.print.txt"));
}

// libtorch's pretty_print: what it prints stands for the module, its children follow.
struct GainImpl : nn::Module {
  explicit GainImpl(std::string text, bool has_child = false) : text(std::move(text)) {
    if (has_child)
      register_module("fc", nn::Linear(2, 1));
  }
  void pretty_print(std::ostream &stream) const override { stream << text; }
  std::string text;
};
KILN_MODULE(Gain);

struct LoudImpl : nn::ReLUImpl {
  void pretty_print(std::ostream &stream) const override {
    nn::ReLUImpl::pretty_print(stream);
    stream << "!";
  }
};
KILN_MODULE(Loud);

TEST(Module, PrintsWhatPrettyPrintSays) {
  nn::Sequential model(Gain("my::Gain(gain=2)"), Gain("a gain of 2"), Gain("Gain(2)", true), Gain("two lines\nof text"), Loud());
  const std::string expected = "Sequential(\n"
                               "  (0): my::Gain(gain=2)\n"
                               "  (1): a gain of 2\n"
                               "  (2): Gain(\n"
                               "    2\n"
                               "    (fc): Linear(in_features=2, out_features=1, bias=True)\n"
                               "  )\n"
                               "  (3): two lines\n"
                               "  of text\n"
                               "  (4): Loud()!\n"
                               ")";
  EXPECT_EQ(model->text(), expected);
  std::ostringstream stream;
  stream << *model;
  EXPECT_EQ(stream.str(), expected);
  stream.str("");
  stream << *Gain("Gain(2)", true);
  EXPECT_EQ(stream.str(), "Gain(\n  2\n  (fc): Linear(in_features=2, out_features=1, bias=True)\n)") << "as the root too";
}

TEST(Module, ModulesOnTheStackSayWhatToDo) {
  NetImpl net;
  EXPECT_EQ(net.modules(false).size(), 8u);
  EXPECT_EQ(message_of([&] { net.modules(); }).substr(0, 80),
            "It looks like you attempted to retrieve your top-level module as a shared_ptr, b");
}

} // namespace
} // namespace kiln::test
