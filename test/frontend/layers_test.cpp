// Layers and initialisers: PyTorch's printed text, initial parameters and numbers.
#include <functional>

#include "expectations.h"

namespace kiln::test {
namespace {

namespace F = nn::functional;
namespace init = nn::init;

std::string printed(const nn::Module &module) {
  std::ostringstream stream;
  stream << module;
  return stream.str();
}

TEST(Layers, PrintAsPyTorchsDo) {
  auto check = [](const std::string &name, const auto &holder) {
    EXPECT_EQ(printed(*holder), expected_text("modules.txt", name)) << name;
  };
  check("linear", nn::Linear(3, 2));
  check("linear_no_bias", nn::Linear(nn::LinearOptions(3, 2).bias(false)));
  check("batch_norm", nn::BatchNorm1d(4));
  check("batch_norm_options",
        nn::BatchNorm1d(nn::BatchNorm1dOptions(4).eps(0.001).momentum(std::nullopt).affine(false).track_running_stats(false)));
  check("batch_norm_small", nn::BatchNorm1d(nn::BatchNorm1dOptions(4).eps(1e-12).momentum(0.25)));
  check("batch_norm_no_bias", nn::BatchNorm1d(nn::BatchNorm1dOptions(4).bias(false)));
  check("relu", nn::ReLU());
  check("relu_inplace", nn::ReLU(nn::ReLUOptions().inplace(true)));
  check("sigmoid", nn::Sigmoid());
  check("tanh", nn::Tanh());
  check("softmax", nn::Softmax(1));
  check("log_softmax", nn::LogSoftmax(-1));
  check("dropout", nn::Dropout());
  check("dropout_inplace", nn::Dropout(nn::DropoutOptions(0.25).inplace(true)));
  check("identity", nn::Identity());
  check("flatten", nn::Flatten());
  check("flatten_dims", nn::Flatten(nn::FlattenOptions().start_dim(0).end_dim(2)));
  check("unflatten", nn::Unflatten(1, std::vector<int64_t>{1, 28, 28}));
  check("unflatten_one", nn::Unflatten(nn::UnflattenOptions(1, {3})));
  check("embedding", nn::Embedding(10, 3));
  check("embedding_padding", nn::Embedding(nn::EmbeddingOptions(10, 3).padding_idx(-1)));
}

TEST(Layers, ContainersPrintAsPyTorchsDo) {
  auto check = [](const std::string &name, const auto &holder) {
    EXPECT_EQ(printed(*holder), expected_text("modules.txt", name)) << name;
  };
  check("sequential", nn::Sequential(nn::Linear(50, 30), nn::ReLU(), nn::Linear(30, 3)));
  check("sequential_empty", nn::Sequential());
  check("sequential_named", nn::Sequential({{"fc", nn::Linear(2, 2)}, {"act", nn::Tanh()}}));
  check("nested", nn::Sequential(nn::Sequential(nn::Linear(2, 2), nn::ReLU()), nn::Sequential(nn::Linear(2, 2), nn::ReLU()),
                                 nn::Flatten()));
  check("module_list", nn::ModuleList(nn::Linear(2, 2), nn::Linear(2, 2), nn::Linear(2, 3)));
  check("module_dict", nn::ModuleDict({{"a", nn::Linear(2, 3)}, {"b", nn::ReLU()}}));
  nn::Linear shared(2, 2);
  check("shared", nn::Sequential(shared, nn::ReLU(), shared));
}

void check_initial(const std::string &name, const std::function<std::shared_ptr<nn::Module>()> &make) {
  manual_seed(0);
  const auto module = make();
  for (const auto &[key, value] : module->state_dict())
    expect_identical(Tensor(value), expected_tensor("initial.safetensors", name + "." + key), name + "." + key);
}

TEST(Layers, InitialParametersArePyTorchsBitForBit) {
  check_initial("linear", [] { return nn::Linear(20, 30).ptr(); });
  check_initial("linear_small", [] { return nn::Linear(3, 2).ptr(); });
  check_initial("linear_no_bias", [] { return nn::Linear(nn::LinearOptions(7, 5).bias(false)).ptr(); });
  check_initial("batch_norm", [] { return nn::BatchNorm1d(6).ptr(); });
  check_initial("embedding", [] { return nn::Embedding(11, 7).ptr(); });
  check_initial("embedding_padding", [] { return nn::Embedding(nn::EmbeddingOptions(5, 3).padding_idx(2)).ptr(); });
  check_initial("sequential", [] {
    return nn::Sequential(nn::Linear(17, 9), nn::BatchNorm1d(9), nn::ReLU(), nn::Dropout(), nn::Linear(9, 4)).ptr();
  });
  check_initial("lazy", [] {
    nn::Sequential module(nn::LazyLinear(5), nn::ReLU(), nn::Linear(5, 2));
    module(kiln::zeros({2, 3}));
    return module.ptr();
  });
}

TEST(Init, DrawsArePyTorchs) {
  auto draw = [](const std::string &name, std::vector<int64_t> sizes, const std::function<void(Tensor)> &fill,
                 bool exact = true) {
    manual_seed(0);
    const Tensor tensor = kiln::empty(sizes, kiln::requires_grad());
    fill(tensor);
    const Tensor expected = expected_tensor("initial.safetensors", "init." + name);
    if (exact)
      expect_identical(tensor, expected, name);
    else
      expect_close(tensor, expected, name);
  };
  draw("uniform", {5, 7}, [](Tensor t) { init::uniform_(t, -2, 3); });
  draw("normal", {5, 7}, [](Tensor t) { init::normal_(t, 1, 0.5); });
  draw("normal_small", {3}, [](Tensor t) { init::normal_(t); });
  draw("trunc_normal", {40, 5}, [](Tensor t) { init::trunc_normal_(t); });
  draw("trunc_normal_narrow", {40, 5}, [](Tensor t) { init::trunc_normal_(t, 0, 1, 1.5, 2); });
  draw("constant", {2, 3}, [](Tensor t) { init::constant_(t, 0.3); });
  draw("eye", {3, 5}, [](Tensor t) { init::eye_(t); });
  draw("xavier_uniform", {6, 5}, [](Tensor t) { init::xavier_uniform_(t, init::calculate_gain(kReLU)); });
  draw("xavier_normal", {6, 5, 3}, [](Tensor t) { init::xavier_normal_(t); });
  draw("kaiming_uniform", {6, 5}, [](Tensor t) { init::kaiming_uniform_(t, 0, kFanIn, kReLU); });
  draw("kaiming_normal", {6, 5, 2}, [](Tensor t) { init::kaiming_normal_(t, 0, kFanOut, kReLU); });
  draw(
      "orthogonal", {6, 4}, [](Tensor t) { init::orthogonal_(t); }, /*exact=*/false); // LAPACK's rounding is its own
  draw(
      "orthogonal_wide", {3, 8}, [](Tensor t) { init::orthogonal_(t, 2); }, /*exact=*/false);
}

TEST(Init, Gains) {
  const Tensor gains =
      kiln::tensor({init::calculate_gain(kTanh), init::calculate_gain(kReLU), init::calculate_gain(kLeakyReLU, 0.2),
                    init::calculate_gain(kLeakyReLU), init::calculate_gain(kSELU), init::calculate_gain(kSigmoid)},
                   kFloat64);
  expect_identical(gains, expected_tensor("initial.safetensors", "gains"), "gains");
}

TEST(Layers, BatchNormTrainsAsPyTorchs) {
  auto expected = [](const std::string &name) { return expected_tensor("eager.safetensors", "out." + name); };
  const Tensor a = expected_tensor("eager.safetensors", "a"), b = expected_tensor("eager.safetensors", "b");
  nn::BatchNorm1d norm(4);
  {
    NoGradGuard guard;
    norm->weight.copy_(b.abs());
    norm->bias.copy_(b);
  }
  expect_close(norm(a), expected("batch_norm_train"), "train");
  expect_close(norm->running_mean, expected("batch_norm_mean"), "mean");
  expect_close(norm->running_var, expected("batch_norm_var"), "var");
  expect_identical(norm->num_batches_tracked, expected("batch_norm_count"), "count");
  norm->eval();
  expect_close(norm(a), expected("batch_norm_eval"), "eval");

  nn::BatchNorm1d average(nn::BatchNorm1dOptions(4).momentum(std::nullopt));
  average(a);
  average(2 * a);
  expect_close(average->running_mean, expected("batch_norm_average_mean"), "average mean");
  expect_close(average->running_var, expected("batch_norm_average_var"), "average var");
}

TEST(Layers, FunctionalFormsComputeTheSame) {
  manual_seed(0);
  const Tensor x = kiln::randn({5, 6});
  nn::Linear linear(6, 3);
  expect_identical(F::linear(x, linear->weight, linear->bias), linear(x), "linear");
  nn::BatchNorm1d norm(6);
  norm->eval();
  expect_identical(
      F::batch_norm(x, norm->running_mean, norm->running_var, F::BatchNormFuncOptions().weight(norm->weight).bias(norm->bias)),
      norm(x), "batch_norm");
  expect_identical(F::relu(x), nn::ReLU()(x), "relu");
  const nn::Functional relu(kiln::relu), tanh(kiln::tanh);
  nn::Sequential functions(relu, tanh);
  expect_identical(functions(x), x.relu().tanh(), "functional modules");
}

TEST(Layers, LazyLinear) {
  nn::LazyLinear lazy(2);
  EXPECT_EQ(printed(*lazy), expected_text("modules.txt", "lazy_linear"));
  EXPECT_TRUE(lazy->weight.is_uninitialized());
  expect_torch_error("lazy_shape", [&] { lazy->weight.sizes(); });
  EXPECT_EQ(message_of([&] { lazy->state_dict(); }), "'weight' of a lazy module has no shape yet, so there is nothing to "
                                                     "save\ncall the model once, for instance on zeros of the "
                                                     "right sizes, before state_dict()");
  EXPECT_EQ(message_of([&] { lazy->weight + 1; }).substr(0, 57), "Attempted to use an uninitialized parameter in add. This ");
  EXPECT_EQ(lazy(kiln::zeros({4, 3})).sizes(), IntArrayRef({4, 2}));
  EXPECT_EQ(printed(*lazy), expected_text("modules.txt", "lazy_linear_called"));
  EXPECT_EQ(lazy->weight.sizes(), IntArrayRef({2, 3}));
  EXPECT_EQ(message_of([&] {
              lazy(kiln::zeros({4, 5}));
            }).substr(0, 74),
            "addmm: mat1 and mat2 shapes cannot be multiplied (4x5 and 3x2)\nlinear from");
}

TEST(Layers, LazyLinearTakesTheShapeOfALoadedWeight) {
  manual_seed(1);
  nn::Linear trained(3, 2);
  nn::LazyLinear lazy(2);
  EXPECT_TRUE(lazy->load_state_dict(trained->state_dict()).empty());
  const Tensor x = kiln::ones({1, 3});
  expect_identical(lazy(x), trained(x), "loaded");
  EXPECT_EQ(lazy->name(), "Linear");
}

TEST(Layers, Errors) {
  expect_torch_error("dropout_p", [] { nn::Dropout(1.5); });
  expect_torch_error("batch_norm_rank", [] { nn::BatchNorm1d(4)(kiln::zeros({2, 4, 3, 3})); });
  expect_torch_error("batch_norm_one_value", [] { nn::BatchNorm1d(4)(kiln::zeros({1, 4})); });
  expect_torch_error("embedding_padding", [] { nn::Embedding(nn::EmbeddingOptions(3, 2).padding_idx(3)); });
  expect_torch_error("fan_in", [] { init::xavier_uniform_(kiln::zeros({3})); });
  expect_torch_error("eye_rank", [] { init::eye_(kiln::zeros({3})); });
  expect_torch_error("orthogonal_rank", [] { init::orthogonal_(kiln::zeros({3})); });
  expect_torch_error("linear_shapes", [] { nn::Linear(4, 2)(kiln::zeros({2, 3})); });
}

TEST(Containers, CallTheirModules) {
  manual_seed(0);
  const Tensor x = kiln::randn({2, 4});
  nn::Sequential chain(nn::Linear(4, 3), nn::ReLU());
  chain->push_back("last", nn::Linear(3, 2));
  EXPECT_EQ(chain(x).sizes(), IntArrayRef({2, 2}));
  EXPECT_EQ(chain->size(), 3u);
  EXPECT_EQ(chain->at<nn::Linear>(-1).options.out_features(), 2);
  EXPECT_TRUE(nn::Sequential()(x).is_same(x)) << "an empty Sequential returns its input";
  EXPECT_EQ(message_of<runtime::TypeError>([&] { chain->at<nn::ReLU>(0); }), "Unable to cast module[0]: it is a Linear");
  EXPECT_EQ(message_of<runtime::IndexError>([&] { chain[3]; }), "index 3 is out of range");

  nn::ModuleList list(nn::Linear(4, 4), nn::Linear(4, 4));
  list->insert(1, nn::Tanh());
  Tensor y = x;
  for (const auto &module : *list)
    y = module(y);
  expect_identical(y, list->at<nn::Linear>(2).forward(list->at<nn::Linear>(0).forward(x).tanh()), "module list");
  EXPECT_EQ(list->named_parameters().keys(), (std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"}));

  nn::ModuleDict heads({{"a", nn::Linear(4, 1)}, {"b", nn::Linear(4, 2)}});
  EXPECT_EQ(heads["b"](x).sizes(), IntArrayRef({2, 2}));
  heads->insert("a", nn::Linear(4, 5));
  EXPECT_EQ(heads->keys(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(heads->get_parameter("a.weight").size(0), 5);
  heads->pop("a");
  EXPECT_EQ(heads->named_parameters().keys(), (std::vector<std::string>{"b.weight", "b.bias"}));
  EXPECT_EQ(message_of<runtime::KeyError>([&] { heads["c"]; }), "'c'\nthe ModuleDict has these modules: 'b'");
}

} // namespace
} // namespace kiln::test
