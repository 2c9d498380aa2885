// Recording programs: state, modules, functions, modes.
#include <set>

#include "expectations.h"
#include "kiln/recording.h"
#include "kiln/semantics/generator.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;
using kiln::recording::record_program;

namespace {

struct ShallowImpl : nn::Module {
  ShallowImpl() {
    fc1 = register_module("fc1", nn::Linear(4, 3));
    fc2 = register_module("fc2", nn::Linear(3, 2));
  }
  Tensor forward(Tensor x) { return fc2(kiln::relu(fc1(x))); }
  nn::Linear fc1{nullptr}, fc2{nullptr};
};
KILN_MODULE(Shallow);

KILN_PROGRAM(shallow) {
  Shallow model;
  program.function("predict", {{"x", {"batch", 4}}}, [&](Tensor x) { return model(x); });
}

// Layers and functional forms record the same operations, under the module whose forward runs.
struct FunctionalShallowImpl : nn::Module {
  FunctionalShallowImpl() {
    fc1 = register_module("fc1", nn::Linear(4, 3));
    fc2 = register_module("fc2", nn::Linear(3, 2));
  }
  Tensor forward(Tensor x) {
    x = F::relu(F::linear(x, fc1->weight, fc1->bias));
    return F::linear(x, fc2->weight, fc2->bias);
  }
  nn::Linear fc1{nullptr}, fc2{nullptr};
};
KILN_MODULE(FunctionalShallow);

KILN_PROGRAM(functional_shallow) {
  FunctionalShallow model;
  program.function("predict", {{"x", {"batch", 4}}}, [&](Tensor x) { return model(x); });
}

struct BlockImpl : nn::Module {
  BlockImpl() {
    fc = register_module("fc", nn::Linear(4, 4));
    dropout = register_module("dropout", nn::Dropout(0.5));
  }
  Tensor forward(Tensor x) {
    Tensor out = dropout->forward(fc->forward(x)); // without hooks, but under the layers' names
    out += x;
    return out;
  }
  nn::Linear fc{nullptr};
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(Block);

struct StackImpl : nn::Module {
  StackImpl() { blocks = register_module("blocks", nn::ModuleList(Block(), Block())); }
  Tensor forward(Tensor x) {
    for (const auto &block : *blocks)
      x = block(x);
    return x;
  }
  nn::ModuleList blocks{nullptr};
};
KILN_MODULE(Stack);

KILN_PROGRAM(stack) {
  Stack model;
  program.function("predict", {{"x", {"batch", 4}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  program.function("train", {{"x", {"batch", 4}}}, [&](Tensor x) { return model(x); });
}

// The mode at the end of the block holds for every function, wherever it stands.
KILN_PROGRAM(mode_after_function) {
  Stack model;
  program.function("predict", {{"x", {"batch", 4}}}, [&](Tensor x) { return model(x); });
  model->eval();
  model->blocks->at<Block>(0).fc->requires_grad_(false);
}

KILN_PROGRAM(batch_norm_train) {
  nn::BatchNorm1d norm(3);
  program.function("train", {{"x", {"batch", 3}}}, [&](Tensor x) { return norm(x); });
}

KILN_PROGRAM(batch_norm_average) {
  nn::BatchNorm1d norm(nn::BatchNorm1dOptions(3).momentum(std::nullopt));
  program.function("train", {{"x", {"batch", 3}}}, [&](Tensor x) { return norm(x); });
}

KILN_PROGRAM(tied) {
  nn::Embedding embedding(5, 3);
  nn::Linear output(nn::LinearOptions(3, 5).bias(false));
  output->weight = embedding->weight;
  struct TiedImpl : nn::Module {
    TiedImpl(nn::Embedding embedding, nn::Linear output)
        : embedding(register_module("embedding", embedding)), output(register_module("output", output)) {}
    Tensor forward(Tensor x) { return output(embedding(x)); }
    nn::Embedding embedding;
    nn::Linear output;
  };
  nn::ModuleHolder<TiedImpl> model(embedding, output);
  program.function("predict", {{"x", {"batch", "length"}, kiln::kInt64}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(two_models) {
  nn::Linear encoder(4, 3), decoder(3, 4);
  program.register_module("encoder", encoder);
  program.register_module("decoder", decoder);
  program.function("encode", {{"x", {"batch", 4}}}, [&](Tensor x) { return encoder(x); });
  program.function("decode", {{"z", {"batch", 3}}}, [&](Tensor z) { return decoder(z); });
}

// A part called by itself keeps its path; inputs and outputs in several forms.
KILN_PROGRAM(parts) {
  Shallow model;
  program.function("hidden", {{"x", {"batch", 4}}}, [&](Tensor x) { return model->fc1(x); });
  program.function("pair", {{"x", {"batch", 4}}, {"y", {"batch", 4}}},
                   [&](Tensor x, Tensor y) { return std::make_tuple(model(x), model(y)); });
  program.function("named", {{"x", {4}}}, [&](Tensor x) { return std::vector<Tensor>{x + 1, x + 2}; }, {"one", "two"});
  program.function("pairs", {{"x", {4}}}, [&](Tensor x) { return kiln::NamedOutputs{{"twice", x * 2}, {"same", x}}; });
}

KILN_PROGRAM(lazy) {
  nn::Sequential model(nn::LazyLinear(5), nn::ReLU(), nn::LazyLinear(2));
  program.function("predict", {{"x", {"batch", 7}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(hooks) {
  nn::Linear linear(2, 2);
  linear->register_forward_hook(
      [](nn::Module &, const std::vector<Tensor> &, std::vector<Tensor> &outputs) { outputs[0] = outputs[0].tanh(); });
  program.function("predict", {{"x", {"batch", 2}}}, [&](Tensor x) { return linear(x); });
}

struct BakedImpl : nn::Module {
  BakedImpl() { constant = kiln::arange(3, kiln::kFloat32); }
  Tensor forward(Tensor x) { return x + constant * 2 + kiln::tensor({1.0, 1.0, 1.0}); }
  Tensor constant;
};
KILN_MODULE(Baked);

KILN_PROGRAM(baked) {
  nn::Sequential model(Baked(), nn::Linear(3, 1));
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(dropouts) {
  nn::Dropout dropout(0.25);
  program.function("first", {{"x", {"batch", 3}}}, [&](Tensor x) { return dropout(dropout(x)); });
  program.function("second", {{"x", {"batch", 3}}}, [&](Tensor x) { return dropout(x); });
}

// Integers that no double holds, and one that wraps round as PyTorch's operands do.
Tensor large_integers(const Tensor &x) {
  Tensor filled = kiln::zeros_like(x);
  filled.fill_(int64_t{4611686018427387905});
  return kiln::stack({x + int64_t{9007199254740993}, kiln::full({2}, int64_t{-9007199254740993}, kiln::kInt64), filled,
                      (x.to(kiln::kInt8) + 300).to(kiln::kInt64)},
                     0);
}

// A class that is derived from the layer, and one that is only called as it is.
struct DropConnectImpl : nn::DropoutImpl {
  using nn::DropoutImpl::DropoutImpl;
};
KILN_MODULE(DropConnect);
namespace own {
struct DropoutImpl : nn::Module {
  Tensor forward(Tensor x) { return F::dropout(x); }
};
KILN_MODULE(Dropout);
} // namespace own

KILN_PROGRAM(dropout_classes) {
  nn::Sequential model(nn::Dropout(), DropConnect(0.5), own::Dropout());
  program.function("predict", {{"x", {"batch", 4}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(large_integers) {
  program.function("f", {{"x", {2}, kiln::kInt64}}, [](Tensor x) { return large_integers(x); });
}

// A member that is rebound behind the registration's back.
struct ReboundImpl : nn::Module {
  ReboundImpl() {
    weight = kiln::ones({3});
    register_parameter("weight", weight); // the result is not kept, so the member is an ordinary tensor
  }
  Tensor forward(Tensor x) { return x * weight; }
  Tensor weight;
};
KILN_MODULE(Rebound);

KILN_PROGRAM(rebound) {
  Rebound model;
  model->weight = kiln::zeros({3});
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

} // namespace

namespace kiln::test {
namespace {

recording::Recording record(const std::string &name) {
  recording::Recording recording = record_program(name);
  semantics::check_program(recording.program);
  return recording;
}

TEST(Recording, OperationsKnowTheirModule) {
  EXPECT_EQ(text(function(record("shallow"))), "%1 [3, 4] = read {state=fc1.weight} @fc1\n"
                                               "%2 [3] = read {state=fc1.bias} @fc1\n"
                                               "%3 [batch, 3] = linear %0 %1 %2 @fc1\n"
                                               "%4 [batch, 3] = relu %3\n"
                                               "%5 [2, 3] = read {state=fc2.weight} @fc2\n"
                                               "%6 [2] = read {state=fc2.bias} @fc2\n"
                                               "%7 [batch, 2] = linear %4 %5 %6 @fc2\n"
                                               "return output=%7\n");
}

TEST(Recording, FunctionalFormsRecordTheSame) {
  std::string layers = text(function(record("shallow"))), functions = text(function(record("functional_shallow")));
  for (const std::string path : {" @fc1", " @fc2"})
    for (std::size_t at; (at = layers.find(path)) != std::string::npos;)
      layers.erase(at, path.size());
  EXPECT_EQ(layers, functions);
}

TEST(Recording, LayersAreNamedHoweverTheyAreCalled) {
  const recording::Recording recording = record("stack");
  EXPECT_EQ(text(function(recording, "predict")), "%1 [4, 4] = read {state=blocks.0.fc.weight} @blocks.0.fc\n"
                                                  "%2 [4] = read {state=blocks.0.fc.bias} @blocks.0.fc\n"
                                                  "%3 [batch, 4] = linear %0 %1 %2 @blocks.0.fc\n"
                                                  "%4 [batch, 4] = dropout %3 {p=0.5, site=0, training=false} @blocks.0.dropout\n"
                                                  "%5 [batch, 4] = add %4 %0 @blocks.0\n"
                                                  "%6 [4, 4] = read {state=blocks.1.fc.weight} @blocks.1.fc\n"
                                                  "%7 [4] = read {state=blocks.1.fc.bias} @blocks.1.fc\n"
                                                  "%8 [batch, 4] = linear %5 %6 %7 @blocks.1.fc\n"
                                                  "%9 [batch, 4] = dropout %8 {p=0.5, site=0, training=false} @blocks.1.dropout\n"
                                                  "%10 [batch, 4] = add %9 %5 @blocks.1\n"
                                                  "return output=%10\n");
  EXPECT_NE(text(function(recording, "train")).find("training=true"), std::string::npos)
      << "eval() inside one function does not reach the others";
}

TEST(Recording, ModulesAreDescribed) {
  std::string found;
  for (const semantics::RecordedModule &module : record("stack").program.modules)
    found += std::to_string(module.parent) + " '" + module.path + "' " + module.name + " " + module.type + "(" +
             module.extra_repr + ") " + module.output_shape + " " + module.multiply_adds + "\n";
  EXPECT_EQ(found, "-1 ''  Stack() [batch, 4] \n"
                   "0 'blocks' blocks ModuleList()  \n"
                   "1 'blocks.0' 0 Block() [batch, 4] \n"
                   "2 'blocks.0.fc' fc Linear(in_features=4, out_features=4, bias=True) [batch, 4] 16 * batch\n"
                   "2 'blocks.0.dropout' dropout Dropout(p=0.5, inplace=False) [batch, 4] \n"
                   "1 'blocks.1' 1 Block() [batch, 4] \n"
                   "5 'blocks.1.fc' fc Linear(in_features=4, out_features=4, bias=True) [batch, 4] 16 * batch\n"
                   "5 'blocks.1.dropout' dropout Dropout(p=0.5, inplace=False) [batch, 4] \n");
}

TEST(Recording, TheModeAtTheEndOfTheBlockHolds) {
  const recording::Recording recording = record("mode_after_function");
  EXPECT_EQ(text(function(recording)).find("training=true"), std::string::npos);
  std::string frozen;
  for (const semantics::RecordedState &state : recording.program.states)
    frozen += state.trainable ? "" : state.path + " ";
  EXPECT_EQ(frozen, "blocks.0.fc.weight blocks.0.fc.bias ");
}

TEST(Recording, TrainingWritesRunningStatistics) {
  const recording::Recording recording = record("batch_norm_train");
  EXPECT_EQ(text(function(recording)),
            "%1 [] = full {dtype=int64, shape=[], value=1}\n"
            "%2 [] = read {state=num_batches_tracked}\n"
            "%3 [] = add %2 %1\n"
            "%4 [3] = read {state=weight}\n"
            "%5 [3] = read {state=bias}\n"
            "%6 [3] = read {state=running_mean}\n"
            "%7 [3] = read {state=running_var}\n"
            "%8 [batch, 3] = %9 [3] = %10 [3] = %11 [3] = %12 [3] = batch_norm %0 %4 %5 %6 %7 {eps=0.00001, momentum=0.1, training=true}\n"
            "write %3 {state=num_batches_tracked}\n"
            "write %9 {state=running_mean}\n"
            "write %10 {state=running_var}\n"
            "return output=%8\n");
  const recording::Recording average = record("batch_norm_average");
  auto state = initial_state(average);
  manual_seed(0);
  const Tensor a = kiln::randn({5, 3}), b = kiln::randn({4, 3});
  nn::BatchNorm1d eager(nn::BatchNorm1dOptions(3).momentum(std::nullopt));
  for (const Tensor &x : {a, b})
    expect_close(Tensor(interpret(function(average), {x.concrete()}, state)[0]), eager(x), "output");
  expect_close(Tensor(state["running_mean"]), eager->running_mean, "mean");
  expect_close(Tensor(state["running_var"]), eager->running_var, "var");
}

TEST(Recording, ATiedWeightIsOneStateWithTwoNames) {
  const semantics::RecordedProgram program = record("tied").program;
  ASSERT_EQ(program.states.size(), 1u);
  EXPECT_EQ(program.states[0].path, "embedding.weight");
  ASSERT_EQ(program.state_names.size(), 2u);
  EXPECT_EQ(program.state_names[1].name, "output.weight");
  EXPECT_EQ(program.state_names[1].state, "embedding.weight");
  EXPECT_EQ(text(program.functions[0]), "%1 [5, 3] = read {state=embedding.weight} @embedding\n"
                                        "%2 [batch, length, 3] = embedding %0 %1 @embedding\n"
                                        "%3 [batch, length, 5] = linear %2 %1 none @output\n"
                                        "return output=%3\n");
}

TEST(Recording, SeveralModelsHaveNames) {
  const recording::Recording recording = record("two_models");
  EXPECT_EQ(text(function(recording, "decode")), "%1 [4, 3] = read {state=decoder.weight} @decoder\n"
                                                 "%2 [4] = read {state=decoder.bias} @decoder\n"
                                                 "%3 [batch, 4] = linear %0 %1 %2 @decoder\n"
                                                 "return output=%3\n");
  std::vector<runtime::ModuleEntry> entries;
  for (const semantics::RecordedModule &module : recording.program.modules) {
    runtime::ModuleEntry entry;
    entry.parent = module.parent;
    entry.name = module.name;
    entry.path = module.path;
    entry.type = module.type;
    entry.extra_repr = module.extra_repr;
    entries.push_back(entry);
  }
  EXPECT_EQ(runtime::module_tree_text(entries),
            nn::ModuleDict({{"encoder", nn::Linear(4, 3)}, {"decoder", nn::Linear(3, 4)}})->text());
}

TEST(Recording, PartsAndSeveralInputsAndOutputs) {
  const recording::Recording recording = record("parts");
  EXPECT_NE(text(function(recording, "hidden")).find("@fc1"), std::string::npos);
  EXPECT_EQ(recording.program.modules[0].type, "Shallow");
  auto outputs = [&](const std::string &name) {
    std::string names;
    for (const semantics::RecordedArgument &output : function(recording, name).outputs)
      names += output.name + " ";
    return names;
  };
  EXPECT_EQ(outputs("hidden"), "output ");
  EXPECT_EQ(outputs("pair"), "output0 output1 ");
  EXPECT_EQ(outputs("named"), "one two ");
  EXPECT_EQ(outputs("pairs"), "twice same ");
}

TEST(Recording, LazyLayersBecomeOrdinaryOnes) {
  const semantics::RecordedProgram program = record("lazy").program;
  EXPECT_EQ(program.modules[1].type + "(" + program.modules[1].extra_repr + ")",
            "Linear(in_features=7, out_features=5, bias=True)");
  EXPECT_EQ(program.states[0].initial.shape_text(), "[5, 7]");
  manual_seed(semantics::kDefaultSeed);
  nn::Linear first(7, 5), second(5, 2);
  expect_identical(Tensor(program.states[0].initial), first->weight, "the first lazy weight");
  expect_identical(Tensor(program.states[3].initial), second->bias, "the last lazy bias");
}

TEST(Recording, HooksAreRecorded) {
  EXPECT_EQ(text(function(record("hooks"))), "%1 [2, 2] = read {state=weight}\n"
                                             "%2 [2] = read {state=bias}\n"
                                             "%3 [batch, 2] = linear %0 %1 %2\n"
                                             "%4 [batch, 2] = tanh %3\n"
                                             "return output=%4\n");
}

TEST(Recording, AnUnregisteredTensorIsBakedInWithAWarning) {
  const recording::Recording recording = record("baked");
  ASSERT_EQ(recording.diagnostics.size(), 1u) << "one for the tensor from outside, none for the literal";
  const recording::Diagnostic &diagnostic = recording.diagnostics[0];
  EXPECT_EQ(diagnostic.message,
            "a tensor [3] of float32 that is not registered is baked into the program as a constant; register it with "
            "register_buffer or register_parameter");
  EXPECT_EQ(diagnostic.module_path, "0");
  EXPECT_FALSE(diagnostic.frames.empty());
  ASSERT_EQ(diagnostic.notes.size(), 1u);
  EXPECT_EQ(diagnostic.notes[0].message, "the tensor is made here");
  EXPECT_FALSE(diagnostic.notes[0].frames.empty());
  auto state = initial_state(recording);
  const Tensor x = kiln::ones({2, 3});
  const Tensor sum = x + kiln::tensor({1.0, 3.0, 5.0});
  expect_close(Tensor(interpret(function(recording), {x.concrete()}, state)[0]),
               kiln::linear(sum, Tensor(state["1.weight"]), Tensor(state["1.bias"])), "output");
}

TEST(Recording, EachDropoutIsASiteOfItsOwn) {
  const recording::Recording recording = record("dropouts");
  std::set<int64_t> sites;
  for (const semantics::RecordedFunction &function : recording.program.functions)
    for (const semantics::RecordedOperation &operation : function.operations)
      if (operation.name == "nn.dropout")
        sites.insert(operation.attributes.get<int64_t>("site"));
  EXPECT_EQ(sites.size(), 3u);
  EXPECT_EQ(text(function(record("dropouts"))), text(function(recording))) << "the same source gives the same program";
}

TEST(Recording, ADropoutIsKnownByWhatItIsDerivedFrom) {
  std::vector<std::pair<std::string, bool>> found;
  for (const semantics::RecordedModule &module : record("dropout_classes").program.modules)
    found.emplace_back(module.type, module.is_dropout);
  EXPECT_EQ(found, (std::vector<std::pair<std::string, bool>>{
                       {"Sequential", false}, {"Dropout", true}, {"DropConnect", true}, {"Dropout", false}}));
}

TEST(Recording, AMemberBehindTheRegistrationsBackIsReported) {
  const recording::Recording recording = record("rebound");
  ASSERT_EQ(recording.diagnostics.size(), 2u);
  EXPECT_EQ(
      recording.diagnostics[1].message,
      "parameter 'weight' is never used, though its module (Rebound) runs; if its member was assigned another tensor, let the "
      "member hold what register_parameter returned: then the assignment replaces the parameter");
}

TEST(Recording, IntegersKeepAllTheirBits) {
  // torch: x = torch.tensor([0, 1]); x + (2**53 + 1), torch.full((2,), -2**53 - 1), x.clone().fill_(2**62 + 1), x.to(torch.int8) + 300
  const std::vector<int64_t> expected = {9007199254740993,    9007199254740994,    -9007199254740993, -9007199254740993,
                                         4611686018427387905, 4611686018427387905, 44,                45};
  const Tensor x = kiln::arange(2);
  std::map<std::string, runtime::Tensor> state;
  const runtime::Tensor recorded = interpret(function(record("large_integers")), {x.concrete()}, state)[0].contiguous();
  const runtime::Tensor eager = large_integers(x).concrete().contiguous();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(recorded.data<int64_t>()[i], expected[i]) << i;
    EXPECT_EQ(eager.data<int64_t>()[i], expected[i]) << i << ", not recorded";
  }
}

TEST(Recording, ProgramsAreFoundByName) {
  const std::vector<std::string> names = recording::program_names();
  EXPECT_NE(std::find(names.begin(), names.end(), "shallow"), names.end());
  try {
    record_program("nowhere");
    FAIL();
  } catch (const runtime::KeyError &error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 33), "there is no program 'nowhere'\nthe");
  }
}

} // namespace
} // namespace kiln::test
