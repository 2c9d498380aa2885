// The command line that trains: PyTorch's losses and accuracies, resuming, files, every error with its text and exit code.
#include "kiln/runtime/train_command.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include "kiln/runtime/files.h"
#include "progress_bar.h"
#include "test_files.h"
#include "training_program.h"

namespace kiln::runtime {
namespace {

using test::OptimizerKind;
using test::TrainingProgram;

struct Result {
  int code;
  std::string out, err;
};

class TrainCommand : public testing::Test {
protected:
  Result run(std::vector<std::string> arguments) {
    std::vector<const char *> argv = {"kiln train c.so"};
    for (const std::string &argument : arguments)
      argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = train_command(program.program(), static_cast<int>(argv.size()), argv.data());
    std::fflush(stdout);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }
  std::vector<std::string> with(std::vector<std::string> more) const {
    std::vector<std::string> result = {"--input=x=" + data + ":x", "--input=y=" + data + ":y", "--batch-size=4", "--seed=3"};
    result.insert(result.end(), more.begin(), more.end());
    return result;
  }
  std::string save() const { return "--save=" + folder.path("w.safetensors"); }
  /// The text of an error in the command line, without its last line, which is always the same.
  std::string usage_error(std::vector<std::string> arguments) {
    const Result result = run(std::move(arguments));
    EXPECT_EQ(result.code, 2);
    EXPECT_EQ(result.out, "");
    const std::string last = "\n  kiln train c.so --help says what there is\n";
    EXPECT_TRUE(result.err.ends_with(last)) << result.err;
    return result.err.substr(0, result.err.size() - std::min(result.err.size(), last.size()));
  }
  std::string error(std::vector<std::string> arguments) {
    const Result result = run(std::move(arguments));
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(folder.names().empty());
    return result.err;
  }

  TrainingProgram program{OptimizerKind::Adam};
  TemporaryFolder folder;
  const std::string data = data_path("runtime/training/data.safetensors");
  const StateDict expected = load_safetensors(data_path("runtime/training/adam.safetensors"));
};

/// The lines of an output, each without the rate and the time at its end.
std::vector<std::string> lines(const std::string &text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with(" s")) {
      line.erase(line.rfind(", "));
      line.erase(line.rfind(", "));
    }
    result.push_back(line);
  }
  return result;
}

TEST_F(TrainCommand, TrainsAsPyTorch) {
  const Result result = run(with({"--epochs=5", "--eval=predict", save()}));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const auto found = lines(result.out);
  ASSERT_EQ(found.size(), 5u) << result.out;
  for (int epoch = 0; epoch < 5; ++epoch) {
    double loss = 0, accuracy = 0;
    int number = 0, all = 0;
    ASSERT_EQ(std::sscanf(found[epoch].c_str(), "epoch %d/%d: loss %lf, accuracy %lf %%", &number, &all, &loss, &accuracy), 4) << found[epoch];
    EXPECT_EQ(number, epoch + 1);
    EXPECT_EQ(all, 5);
    EXPECT_NEAR(loss, expected.at("losses").data<double>()[epoch], 2e-6);
    EXPECT_NEAR(accuracy, expected.at("accuracies").data<double>()[epoch], 0.006);
  }
  const StateDict weights = load(folder.path("w.safetensors"));
  for (int i = 0; i < 6; ++i)
    EXPECT_NEAR(weights.at("head.weight").data<float>()[i], expected.at("head.weight.5").data<float>()[i], 2e-6);
}

TEST_F(TrainCommand, ResumedTrainingGivesTheSameBits) {
  const std::string checkpoint = folder.path("c.pt");
  const Result whole = run(with({"--epochs=4", "--save=" + folder.path("whole.pt")}));
  EXPECT_EQ(run(with({"--epochs=2", "--checkpoint=" + checkpoint, "--save=" + folder.path("part.pt")})).code, 0);
  // Without --seed: the checkpoint knows it.
  const Result rest = run({"--input=x=" + data + ":x", "--input=y=" + data + ":y", "--batch-size=4", "--epochs=4",
                           "--resume=" + checkpoint, "--checkpoint=" + checkpoint, "--save=" + folder.path("rest.pt")});
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_EQ(read_file(folder.path("rest.pt")), read_file(folder.path("whole.pt")));
  auto expected_lines = lines(whole.out);
  expected_lines.erase(expected_lines.begin(), expected_lines.begin() + 2);
  EXPECT_EQ(lines(rest.out), expected_lines);
  EXPECT_EQ(load_torch(checkpoint, "model").keys(), (std::vector<std::string>{"head.weight", "head.bias"}));
  EXPECT_EQ(run(with({"--epochs=4", "--resume=" + checkpoint, save()})).out, checkpoint + ": 4 epochs are done already\n");
}

TEST_F(TrainCommand, ResumingWithAnotherOrderIsSaid) {
  const std::string checkpoint = folder.path("c.pt");
  EXPECT_EQ(run(with({"--epochs=1", "--checkpoint=" + checkpoint})).code, 0);
  auto resumed = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--input=x=" + data + ":x", "--input=y=" + data + ":y", "--epochs=2", "--resume=" + checkpoint, save()});
    return run(std::move(more));
  };
  EXPECT_EQ(resumed({"--batch-size=4", "--seed=3"}).err, "");
  const Result seed = resumed({"--batch-size=4", "--seed=1"});
  EXPECT_EQ(seed.code, 0);
  EXPECT_EQ(seed.err, "warning: --seed=1 has no effect: the training that --resume=" + checkpoint +
                          " goes on with began with --seed=3, and its random numbers go on\n");
  EXPECT_EQ(resumed({"--batch-size=11"}).err, "warning: --batch-size=11, but " + checkpoint +
                                                  " was made with --batch-size=4: other mini-batches from here on, so not the same "
                                                  "bits as training that never stopped\n");
}

TEST_F(TrainCommand, CheckpointsOfOtherOptions) {
  const std::string checkpoint = folder.path("c.pt");
  EXPECT_EQ(run(with({"--epochs=1", "--checkpoint=" + checkpoint})).code, 0);
  program.options[1][0].number = 0.25; // weight_decay, which the group itself gives
  const Result refused = run(with({"--epochs=2", "--resume=" + checkpoint, save()}));
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("parameter group 1: weight_decay is 0.1, expected 0.25\n"), std::string::npos) << refused.err;
  EXPECT_EQ(run(with({"--epochs=2", "--resume=" + checkpoint, "--ignore-fingerprint", save()})).err, "");
}

TEST_F(TrainCommand, WeightsFromACheckpoint) {
  const std::string checkpoint = folder.path("c.pt");
  EXPECT_EQ(run(with({"--epochs=1", "--checkpoint=" + checkpoint})).code, 0);
  EXPECT_EQ(run(with({"--epochs=1", "--weights=" + checkpoint, "--key=model", save()})).err, "");
  const Result without = run(with({"--epochs=1", "--weights=" + checkpoint, save()}));
  EXPECT_EQ(without.code, 1);
  EXPECT_EQ(without.err, "error: " + checkpoint + ": this is a checkpoint of kiln train with a state_dict inside, not a state_dict; "
                         "pick one by its key: 'model' (a state_dict of 2 tensors), 'optimizer' (no state_dict), 'kiln' (no state_dict)\n"
                         "  --key=model picks it; --resume=" +
                             checkpoint + " goes on with training\n");
  EXPECT_EQ(usage_error(with({"--epochs=1", "--key=model", save()})), "error: --key needs --weights=FILE, whose state_dict it picks");
  EXPECT_EQ(usage_error(with({"--epochs=1", "--ignore-fingerprint", save()})),
            "error: --ignore-fingerprint needs --resume=FILE.pt, which it is about");
}

TEST_F(TrainCommand, ALossThatIsNoNumberIsSaidOnce) {
  Tensor x = load(data).at("x").clone();
  x.data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  save_npy(folder.path("x.npy"), x);
  const Result result = run({"--input=x=" + folder.path("x.npy"), "--input=y=" + data + ":y", "--batch-size=4", "--epochs=3", save()});
  EXPECT_EQ(result.code, 0) << "as in PyTorch, training goes on";
  int step = 0;
  ASSERT_EQ(std::sscanf(result.err.c_str(), "warning: the loss is not finite from step %d of epoch 1 on; ", &step), 1) << result.err;
  EXPECT_TRUE(step >= 1 && step <= 6) << step;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

// Where a batch of one sample is too small, as for the statistics of a BatchNorm.
int32_t refuse_one_sample(kiln_call *call) {
  call->error_site = 0;
  call->error_values[0] = call->error_values[1] = 2;
  return call->symbols[0] == 1 ? KILN_ERROR_ONE_VALUE_PER_CHANNEL : KILN_OK;
}

TEST_F(TrainCommand, TheLastMiniBatchIsNamed) {
  std::ranges::fill(program.functions[1].run, refuse_one_sample);
  auto text = [&](const std::string &batch_size, const std::string &file) {
    const Result result = run({"--input=x=" + file + ":x", "--input=y=" + file + ":y", "--epochs=1", "--batch-size=" + batch_size, save()});
    EXPECT_EQ(result.code, 1);
    return result.err;
  };
  const std::string torch = "error: Expected more than 1 value per channel when training, got input size torch.Size([1, 2])";
  const std::string one = text("7", data), all = text("1", data);
  EXPECT_TRUE(one.starts_with(torch)) << one;
  EXPECT_TRUE(one.ends_with("\n  this is the epoch's last mini-batch, of 1 sample (22 in batches of 7): leave it out with "
                            "--drop-last, or give another --batch-size\n"))
      << one;
  EXPECT_TRUE(all.starts_with(torch) && all.find("last mini-batch") == std::string::npos) << all;
  const std::string remedy = "\n  a batch norm in training needs more than one sample in each mini-batch: ";
  EXPECT_TRUE(all.ends_with(remedy + "give a --batch-size above 1, and --drop-last where one sample is left over\n")) << all;
  // No size of mini-batches helps where there is nothing else.
  const StateDict samples = load(data);
  const std::string file = folder.path("one.safetensors");
  save_safetensors(file, {{"x", samples.at("x").slice(0, 0, 1, 1)}, {"y", samples.at("y").slice(0, 0, 1, 1)}});
  for (const char *size : {"1", "7"}) {
    const std::string only = text(size, file);
    EXPECT_TRUE(only.starts_with(torch) && only.ends_with(remedy + "the data has only one\n")) << only;
  }
}

TEST_F(TrainCommand, EvaluatesOnOtherData) {
  const Result scores = run(with({"--epochs=1", save(), "--eval=predict", "--eval-input=x=" + data + ":x", "--eval-input=y=" + data + ":y"}));
  EXPECT_NE(scores.out.find(", accuracy 68.18 %, "), std::string::npos) << scores.out;
  // One number: its mean over the samples. accumulate is a loss, and changes what only apply() uses.
  const Result loss = run(with({"--epochs=1", save(), "--eval=accumulate"}));
  EXPECT_NE(loss.out.find(", accumulate 0."), std::string::npos) << loss.out;
}

TEST_F(TrainCommand, Gradients) {
  const Result result = run(with({"--epochs=3", save(), "--summary-gradients"}));
  const auto found = lines(result.out);
  ASSERT_EQ(found.size(), 12u) << result.out;
  EXPECT_EQ(found[9], "  gradient             mean           std          norm");
  const std::string names[] = {"head.weight", "head.bias"};
  for (int i = 0; i < 2; ++i) {
    double mean = 0, std = 0, norm = 0;
    ASSERT_EQ(std::sscanf(found[10 + i].c_str() + 13, "%lf %lf %lf", &mean, &std, &norm), 3) << found[10 + i];
    EXPECT_TRUE(found[10 + i].starts_with("  " + names[i]));
    const double *numbers = expected.at(names[i] + ".statistics").data<double>();
    EXPECT_NEAR(mean, numbers[0], 2e-6);
    EXPECT_NEAR(std, numbers[1], 2e-6);
    EXPECT_NEAR(norm, numbers[2], 2e-6);
  }
}

TEST_F(TrainCommand, LearningRateAndWeights) {
  // A rate of zero leaves the weights as they were loaded.
  save_torch(folder.path("start.pt"), StateDict{{"head.weight", Tensor({3, 2}, DType::Float32)}, {"head.bias", Tensor({3}, DType::Float32)}});
  const Result result = run(with({"--epochs=1", "--learning-rate=0", "--weights=" + folder.path("start.pt"), "--save=" + folder.path("w.pt")}));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(values<float>(load(folder.path("w.pt")).at("head.weight")), std::vector<float>(6));
}

TEST_F(TrainCommand, CommandLineErrors) {
  EXPECT_EQ(usage_error({}), "error: --epochs is missing: give --epochs=N");
  EXPECT_EQ(usage_error(with({"--epochs=1"})), "error: --save is missing: give --save=FILE");
  EXPECT_EQ(usage_error(with({"--epochs=0", save()})), "error: --epochs=0: expected a number from 1 to 1000000");
  EXPECT_EQ(usage_error(with({"--epoch=1", save()})), "error: unknown option '--epoch'; did you mean '--epochs'?");
  EXPECT_EQ(usage_error(with({"--lr=0.1", save()})), "error: unknown option '--lr'; did you mean '--learning-rate'?");
  EXPECT_EQ(usage_error(with({"--epochs=1", "--resume=w.safetensors", save()})),
            "error: --resume=w.safetensors: a .safetensors file holds weights alone, no optimizer's state to go on with; "
            "--weights=w.safetensors begins with them");
  EXPECT_EQ(usage_error(with({"--epochs=1", "--save=w.npy"})), "error: --save=w.npy: expected a file that ends in .safetensors or .pt");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--checkpoint=c.safetensors"})),
            "error: --checkpoint=c.safetensors: expected a file that ends in .pt");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--learning-rate=fast"})), "error: --learning-rate=fast: expected a number");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--seed=-1"})), "error: --seed=-1: expected a whole number from 0 to 2^63 - 1");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--summary-gradients=yes"})),
            "error: option '--summary-gradients' takes no value");
  EXPECT_EQ(usage_error(with({"train_step"})), "error: unexpected argument 'train_step'; name the function with --function=train_step");
  EXPECT_EQ(usage_error(with({"--function=train", "--epochs=1", save()})),
            "error: the program has no function 'train'\n  it has predict, train_step, accumulate, apply");
  EXPECT_EQ(usage_error({"--input=x=" + data + ":x", "--epochs=1", "--batch-size=4", save()}),
            "error: input 'y' is missing: give --input=y=FILE\n"
            "  train_step(x: float32 [batch, 2], y: int64 [batch]) -> (loss: float32 [])");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--weights=w.pt", "--resume=c.pt"})),
            "error: --weights and --resume can't be given together: the checkpoint holds weights");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--eval-input=x=" + data + ":x"})),
            "error: --eval-input needs --eval=NAME, the function that takes it");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--eval=predict", "--eval-input=y=" + data + ":y"})),
            "error: --eval=predict: input 'x' is missing: give --eval-input=x=FILE\n"
            "  predict(x: float32 [batch, 2]) -> (logits: float32 [batch, 3])");
  EXPECT_EQ(usage_error(with({"--epochs=1", save(), "--eval=predict", "--eval-input=z=zeros:2x2"})),
            "error: --eval-input=z=zeros:2x2: predict has no input 'z'\n  its inputs are: x, y");
}

TEST_F(TrainCommand, DataErrors) {
  auto with_inputs = [&](const std::string &x, const std::string &y) {
    return std::vector<std::string>{"--input=x=" + x, "--input=y=" + y, "--batch-size=4", "--epochs=1", save()};
  };
  EXPECT_EQ(error(with_inputs(data + ":x", data + ":x")), "error: train_step: input 'y': expected dtype int64, found float32\n"
                                                          "  expected: int64 [batch]\n  found:    float32 [4, 2]\n");
  EXPECT_EQ(error(with_inputs("zeros:22x3", data + ":y")), "error: train_step: input 'x': expected size 2 in dimension 1, found 3\n"
                                                           "  expected: float32 [batch, 2]\n  found:    float32 [4, 3]\n");
  EXPECT_EQ(error(with_inputs("zeros:9x2", data + ":y")), "error: Size mismatch between tensors\n  input 'x' (zeros:9x2): 9 samples\n  input 'y' (" + data +
                                                             ":y): 22 samples\n");
  EXPECT_EQ(error(with_inputs("zeros:0x2", "zeros:0")), "error: num_samples should be a positive integer value, but got num_samples=0\n");
  EXPECT_EQ(error(with({"--epochs=1", "--save=" + folder.path("no/w.pt")})),
            "error: " + folder.path("no/w.pt") + ": can't be written: the folder " + folder.path("no") + " does not exist\n");
}

// What can't be kept at the end is said before the first epoch.
TEST_F(TrainCommand, TargetsAreTriedFirst) {
  std::filesystem::create_directory(folder.path("d.pt"));
  for (const std::string option : {"--save=", "--checkpoint="}) {
    const Result result = run(with({"--epochs=1", option + folder.path("d.pt"), option == "--save=" ? "--seed=0" : save()}));
    EXPECT_EQ(result.err, "error: " + folder.path("d.pt") + ": Is a directory\n");
    EXPECT_EQ(result.out, "");
  }
  const std::string same = folder.path("same.pt"), again = folder.path("./same.pt");
  const Result result = run(with({"--epochs=1", "--save=" + same, "--checkpoint=" + again}));
  EXPECT_TRUE(result.err.starts_with("error: --save=" + same + " and --checkpoint=" + again + " name the same file;")) << result.err;
  EXPECT_EQ(result.code, 2);
  EXPECT_FALSE(std::filesystem::exists(same));
}

TEST_F(TrainCommand, NoMiniBatchIsLeft) {
  EXPECT_EQ(error({"--input=x=" + data + ":x", "--input=y=" + data + ":y", "--batch-size=23", "--epochs=1", "--drop-last", save()}),
            "error: --drop-last leaves no mini-batch: there are 22 samples, fewer than --batch-size=23\n"
            "  give a smaller --batch-size, or no --drop-last\n");
}

// PyTorch's DataLoader over twelve samples, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(3), gives
// [1, 4, 2, 6], [0, 9, 7, 11], [10, 5, 3, 8].
TEST_F(TrainCommand, ALabelOutOfRangeIsNamed) {
  Tensor labels({12}, DType::Int64);
  labels.data<int64_t>()[9] = 3;
  const std::string y = folder.path("y.npy");
  save_npy(y, labels);
  const Result result = run({"--input=x=zeros:12x2", "--input=y=" + y, "--batch-size=4", "--seed=3", "--epochs=1", save()});
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(result.err.starts_with("error: Target 3 is out of bounds.\n")) << result.err;
  EXPECT_TRUE(result.err.ends_with("\n  expected: a class index from 0 to 2, or ignore_index\n  found at sample 9 (from 0) of input 'y' (" + y +
                                   ")\n  in mini-batch 2 of the epoch\n"))
      << result.err;
}

TEST_F(TrainCommand, ALabelOutOfRangeIsNamedInEvaluationToo) {
  Tensor labels({12}, DType::Int64);
  labels.data<int64_t>()[9] = 3;
  const std::string y = folder.path("y.npy");
  save_npy(y, labels);
  const Result result = run(with({"--epochs=1", save(), "--eval=accumulate", "--eval-input=x=zeros:12x2", "--eval-input=y=" + y}));
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(result.err.ends_with(", or ignore_index\n  found at sample 9 (from 0) of input 'y' (" + y +
                                   ")\n  in mini-batch 3 of the evaluation\n"))
      << result.err;
}

// Labels that the function's code has computed from y, as many of each sample: how many, and the place of the label 3.
int64_t place_in_batch, computed_labels;
int32_t refuse_label_of_other_place(kiln_call *call) {
  const auto *y = static_cast<const int64_t *>(call->inputs[1]);
  const int64_t batch = call->symbols[0];
  const int64_t row = std::find(y, y + batch, 3) - y;
  if (row == batch)
    return KILN_OK;
  call->error_site = 0;
  call->error_values[0] = call->error_values[1] = 3;
  call->error_values[2] = place_in_batch >= 0 ? place_in_batch : row * (computed_labels / batch);
  call->error_values[3] = computed_labels;
  return KILN_ERROR_TARGET_OUT_OF_BOUNDS;
}

TEST_F(TrainCommand, ALabelThatIsComputedFromAnInputIsLookedFor) {
  std::ranges::fill(program.functions[1].run, refuse_label_of_other_place);
  Tensor labels({12}, DType::Int64);
  const std::string y = folder.path("y.npy");
  auto error_of = [&](int64_t place, int64_t count) {
    place_in_batch = place, computed_labels = count;
    save_npy(y, labels);
    const Result result = run({"--input=x=zeros:12x2", "--input=y=" + y, "--batch-size=4", "--seed=3", "--epochs=1", save()});
    const std::size_t begin = result.err.find("ignore_index\n");
    return begin == result.err.npos ? result.err : result.err.substr(begin + 13);
  };
  const std::string in_batch = "  in mini-batch 2 of the epoch\n", // samples 0, 9, 7, 11
                    sample_9 = "  sample 9 (from 0) of input 'y' (" + y + ") holds the value 3\n" + in_batch;
  labels.data<int64_t>()[9] = 3;
  EXPECT_EQ(error_of(-1, 8), sample_9) << "two labels a sample";
  EXPECT_EQ(error_of(3, 4), sample_9) << "another label is at that place: only one sample has it";
  labels.data<int64_t>()[7] = 3;
  EXPECT_EQ(error_of(-1, 8), sample_9);
  EXPECT_EQ(error_of(3, 4), in_batch) << "two samples have it, neither is at that place";
}

// A label that the function's code has computed: it is of no input, though an input has the value too.
int32_t refuse_computed_label(kiln_call *call) {
  call->error_site = 0;
  call->error_values[0] = call->error_values[1] = 2;
  call->error_values[2] = 0;
  call->error_values[3] = 99;
  return KILN_ERROR_TARGET_OUT_OF_BOUNDS;
}

TEST_F(TrainCommand, AnInputThatOnlyHasTheValueTooIsNotNamed) {
  std::ranges::fill(program.functions[1].run, refuse_computed_label);
  const Result result = run(with({"--epochs=1", save()}));
  EXPECT_TRUE(result.err.ends_with("\n  expected: a class index from 0 to 1, or ignore_index\n  in mini-batch 1 of the epoch\n"))
      << result.err;
}

TEST_F(TrainCommand, AnOptimizerThatNeverStepsHasNoRate) {
  program.descriptor.optimizer_count = 0;
  EXPECT_EQ(usage_error(with({"--epochs=1", "--learning-rate=0.1", save()})),
            "error: --learning-rate=0.1: no optimizer of the program ever steps, so there is no learning rate: no function calls step()");
}

TEST_F(TrainCommand, WeightsAloneAreNoCheckpoint) {
  const std::string weights = folder.path("w.pt");
  save_torch(weights, StateDict{{"head.weight", Tensor({3, 2}, DType::Float32)}, {"head.bias", Tensor({3}, DType::Float32)}});
  const Result result = run(with({"--epochs=1", "--resume=" + weights, save()}));
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, "error: this is a state_dict (2 tensors), not a checkpoint: there is no optimizer's state to go on with\n"
                        "  --weights=FILE (load_state_dict) begins with its weights\n  checkpoint: " + weights + "\n");
}

TEST_F(TrainCommand, FunctionsThatAreNoStep) {
  EXPECT_EQ(error({"--function=predict", "--input=x=" + data + ":x", "--epochs=1", "--batch-size=4", save()}),
            "error: predict: the first output must be the loss, one floating-point number\n"
            "  predict(x: float32 [batch, 2]) -> (logits: float32 [batch, 3])\n");
  EXPECT_EQ(error(with({"--epochs=1", save(), "--eval=predict", "--eval-input=x=" + data + ":x"})),
            "error: predict: the first output must be one floating-point number, or scores [N, C] with labels given\n"
            "  predict(x: float32 [batch, 2]) -> (logits: float32 [batch, 3])\n"
            "  give the labels too: --eval-input=NAME=FILE, NAME as in training\n");
  EXPECT_EQ(usage_error({"--function=apply", "--epochs=1", "--batch-size=4", save()}),
            "error: apply takes no inputs, so there is no data to go through");
}

TEST_F(TrainCommand, AFixedBatchSize) {
  static constexpr kiln_dim kRows[] = {{4, -1, 0}, {2, -1, 0}}, kLabels[] = {{4, -1, 0}};
  program.inputs[0].dims = kRows;
  program.inputs[1].dims = kLabels;
  for (kiln_function &function : program.functions)
    function.symbol_count = 0;
  EXPECT_EQ(error({"--input=x=" + data + ":x", "--input=y=" + data + ":y", "--batch-size=3", "--epochs=1", save()}),
            "error: train_step: input 'x': expected size 4 in dimension 0, found 3\n"
            "  expected: float32 [batch, 2]\n  found:    float32 [3, 2]\n");
  EXPECT_EQ(error({"--input=x=zeros:3x2", "--input=y=zeros:3", "--batch-size=4", "--epochs=1", save()}),
            "error: train_step is declared for batches of 4, and there are 3 samples\n");
}

TEST_F(TrainCommand, Help) {
  const Result result = run({"--help"});
  EXPECT_EQ(result.code, 0);
  for (const char *part : {"Usage: kiln train c.so ", "train_step(x: float32 [batch, 2], y: int64 [batch]) -> (loss: float32 [])",
                           "--checkpoint=FILE.pt", "Exit codes:"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part;
}

TEST(ProgressBar, Text) {
  EXPECT_EQ(progress_text({"epoch 3/10", 550, 1000, 0.321, 6.6}, 120),
            "epoch 3/10 [======================>                 ]  55 %  83 samples/s  loss 0.3210  0:05 left");
  EXPECT_EQ(progress_text({"epoch 3/10", 1000, 1000, 0.321, 5.5}, 79),
            "epoch 3/10 [=====================] 100 %  182 samples/s  loss 0.3210  0:00 left");
  EXPECT_EQ(progress_text({"epoch 3/10", 0, 1000, 0, 0}, 20), "epoch 3/10 []   0 % ");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(3723), "1:02:03");
}

TEST(ProgressBar, DrawsOnATerminalAndCleansUp) {
  int terminal = -1, device = -1;
  winsize size{24, 60, 0, 0};
  ASSERT_EQ(::openpty(&terminal, &device, nullptr, nullptr, &size), 0);
  std::fflush(stdout);
  const int before = ::dup(STDOUT_FILENO);
  ::setenv("TERM", "xterm", 1);
  ::dup2(device, STDOUT_FILENO);
  {
    ProgressBar bar("epoch 1/2");
    bar.update(50, 100, 0.5);
    bar.update(60, 100, 0.5); // too soon after
  }
  ::dup2(before, STDOUT_FILENO);
  // The kernel may hand over what was written in several pieces and some time after the write.
  std::string text;
  pollfd readable{terminal, POLLIN, 0};
  while (!text.ends_with("\r\x1b[K") && ::poll(&readable, 1, /*milliseconds=*/5000) > 0) {
    char drawn[512];
    const ssize_t bytes = ::read(terminal, drawn, sizeof drawn);
    if (bytes <= 0)
      break;
    text.append(drawn, static_cast<std::size_t>(bytes));
  }
  for (int descriptor : {before, terminal, device})
    ::close(descriptor);
  EXPECT_TRUE(text.starts_with("\repoch 1/2 [") && text.find("50 %") != std::string::npos) << text;
  EXPECT_EQ(text.find("60 %"), std::string::npos);
  EXPECT_LE(text.find("\x1b[K"), 60u);
  EXPECT_TRUE(text.ends_with("\r\x1b[K"));
}

TEST(ProgressBar, NothingWithoutATerminal) {
  testing::internal::CaptureStdout();
  {
    ProgressBar bar("epoch");
    bar.update(1, 2, 0.5);
  }
  std::fflush(stdout);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

} // namespace
} // namespace kiln::runtime
