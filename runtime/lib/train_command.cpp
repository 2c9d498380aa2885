// The command line that trains a compiled program.
#include "kiln/runtime/train_command.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <unistd.h>

#include "concat.h"
#include "kiln/runtime/checkpoint.h"
#include "kiln/runtime/command_options.h"
#include "kiln/runtime/files.h"
#include "file_io.h"
#include "progress_bar.h"
#include "training_loop.h"

namespace kiln::runtime {

namespace {

constexpr OptionHelp kOptions[] = {
    {"--function", "NAME", "the function that makes a step; train_step unless given"},
    {"--input", "NAME=FILE[:TENSOR]", "a data set, one sample a row: a .npy, .safetensors or .pt file"},
    {"--epochs", "N", "how often to go through the data, in all"},
    {"--batch-size", "N", "samples in a mini-batch"},
    {"--drop-last", "", "leave out an epoch's last mini-batch where it is smaller"},
    {"--seed", "N", "seed of the order of samples and of dropout; 0 unless given"},
    {"--learning-rate", "R", "learning rate of all optimizers and groups, instead of the program's"},
    {"--weights", "FILE", "load a state_dict (.safetensors or .pt) first"},
    {"--key", "KEY", "where in the .pt of --weights the state_dict is: model in a checkpoint"},
    {"--eval", "NAME",
     "call this function on data after each epoch, and tell the accuracy of its\n"
     "scores [N, C], or the mean of its output"},
    {"--eval-input", "NAME=FILE[:TENSOR]",
     "the data of --eval: its inputs, and labels under the name that they have\n"
     "in training. The training data unless given"},
    {"--checkpoint", "FILE.pt", "write a checkpoint after each epoch, which PyTorch reads too"},
    {"--resume", "FILE.pt", "go on from a checkpoint"},
    {"--ignore-fingerprint", "",
     "let --resume take a checkpoint of another program whose names and shapes fit,\n"
     "or of optimizers with other options; the compiled options count"},
    {"--save", "FILE", "write the weights at the end, .safetensors or .pt; may be left out with\n--checkpoint"},
    {"--summary-gradients", "", "after each epoch, mean, standard deviation and norm of the gradients"},
    {"--threads", "N", "threads to run on; all processors unless given"},
    {"--help", "", "print this text"},
};

std::string help_text(const Program &program, const std::string &command) {
  std::string text =
      concat({"Usage: ", command,
              " [--function=NAME] --input=NAME=FILE ... --epochs=N --batch-size=N --save=FILE [OPTIONS]\n\n"
              "Trains the compiled program '",
              program.name(), "': calls a function with shuffled mini-batches. Its first output is the loss.\n\nFunctions:\n"});
  for (const Function &function : program.functions())
    text += concat({"  ", function.declaration(), "\n"});
  return concat(
      {text, "\nOptions:\n", options_text(kOptions),
       "\nExit codes: 0 success, 1 an error in files, shapes or labels, 2 a wrong command line, 3 an internal error.\n"});
}

/// The value of an option that must be there.
std::string required(const CommandLine &line, const std::string &name) {
  for (const OptionHelp &option : kOptions)
    if (option.name == name && !line.has(name))
      throw UsageError(concat({name, " is missing: give ", name, "=", option.value}));
  return *line.value(name);
}

const Function &choose_batched(const Program &program, const std::string &name) {
  const Function &function = choose_function(program, name);
  if (function.inputs.empty())
    throw UsageError(name + " takes no inputs, so there is no data to go through");
  return function;
}

/// Before hours of training, not after: whether a file can be written. One is, beside the target, and removed again.
void check_target(const std::string &option, const std::string &path, std::initializer_list<std::string_view> endings) {
  if (std::ranges::none_of(endings, [&](std::string_view ending) { return path.ends_with(ending); }))
    throw UsageError(
        concat({option, "=", path, ": expected a file that ends in ", (endings.size() == 1 ? "" : ".safetensors or "), ".pt"}));
  const auto folder = std::filesystem::path(path).parent_path();
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0)
    throw FileError(
        path, "",
        concat({"can't be written: the folder ", (folder.empty() ? "." : folder.string()), " ",
                (std::filesystem::is_directory(folder.empty() ? "." : folder) ? "is not writable" : "does not exist")}));
  const AtomicFile probe(path);
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// What messages call the data of an option NAME=FILE.
std::string input_name(const std::string &text) {
  const std::size_t equals = text.find('=');
  return concat({"input '", text.substr(0, equals), "' (", text.substr(equals + 1), ")"});
}

Samples training_data(const Function &function, const std::vector<std::string> &texts) {
  Samples result{read_inputs(function, texts), std::vector<std::string>(function.inputs.size())};
  for (const std::string &text : texts)
    result.names[index_of(function.inputs, text.substr(0, text.find('=')))] = input_name(text);
  return result;
}

/// What --eval works on: a function's inputs and, last, the labels.
struct EvaluationData {
  Samples samples;
  bool has_labels = false;
};

/// The inputs of `evaluated`, and as labels the only integers among those of `trained` that it does not take.
EvaluationData evaluation_data(const Function &evaluated, const Function &trained, const Samples &training,
                               const std::vector<std::string> &texts) {
  // Data under the names of both functions.
  std::vector<Argument> arguments = evaluated.inputs;
  for (const Argument &argument : trained.inputs)
    if (index_of(evaluated.inputs, argument.name) == evaluated.inputs.size())
      arguments.push_back(argument);
  std::vector<Tensor> data(arguments.size());
  std::vector<std::string> names(arguments.size());
  for (const std::string &text : texts) {
    auto [index, tensor] = read_argument("--eval-input", text, evaluated.name, arguments, data);
    data[index] = std::move(tensor);
    names[index] = input_name(text);
  }
  for (std::size_t i = 0; texts.empty() && i < arguments.size(); ++i)
    if (const std::size_t place = index_of(trained.inputs, arguments[i].name); place < training.tensors.size()) {
      data[i] = training.tensors[place];
      names[i] = training.names[place];
    }

  EvaluationData result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool is_input = i < evaluated.inputs.size();
    if (is_input && !data[i].defined())
      throw UsageError(concat({"--eval=", evaluated.name, ": input '", arguments[i].name,
                               "' is missing: give --eval-input=", arguments[i].name, "=FILE\n  ", evaluated.declaration()}));
    if (is_input) {
      result.samples.add(std::move(data[i]), names[i]);
    } else if (data[i].defined() && data[i].dim() == 1 && is_integral(data[i].dtype()) && data[i].dtype() != DType::Bool) {
      if (result.has_labels)
        throw UsageError(concat({"--eval=", evaluated.name,
                                 ": several inputs could be its labels; give the one that is with "
                                 "--eval-input"}));
      result.samples.add(std::move(data[i]), names[i]);
      result.has_labels = true;
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

void print_gradients(const Model &model) {
  const auto statistics = model.gradient_statistics();
  std::size_t width = 9;
  for (const auto &[name, values] : statistics)
    width = std::max(width, name.size());
  const std::string padding(width - 8, ' ');
  std::string text = concat({"  gradient", padding, "          mean           std          norm\n"});
  for (const auto &[name, values] : statistics) {
    char numbers[80];
    std::snprintf(numbers, sizeof numbers, " %13.6e %13.6e %13.6e\n", values.mean, values.std, values.norm);
    text += concat({"  ", name, std::string(width - name.size(), ' '), numbers});
  }
  print(statistics.empty() ? "  no gradients\n" : text);
}

/// What the command line and a checkpoint say about the order of the samples.
struct Order {
  uint64_t seed;
  int64_t batch_size;
};

/// Brings the model and `order` to where training begins; returns the epochs that are done.
int64_t prepare(Model &model, Trainer &trainer, const CommandLine &line, Order &order) {
  if (const auto weights = line.value("--weights"))
    model.load_state_dict(read_weights(*weights, line.value("--key").value_or(""), /*can_resume=*/true));
  model.manual_seed(order.seed);
  int64_t epoch = 0;
  if (const auto resume = line.value("--resume")) {
    if (const auto progress = load_checkpoint(*resume, model, line.has("--ignore-fingerprint"))) {
      if (line.has("--seed") && progress->seed != order.seed)
        warn(concat({"--seed=", *line.value("--seed"), " has no effect: the training that --resume=", *resume,
                     " goes on with began with --seed=", progress->seed, ", and its random numbers go on"}));
      if (progress->batch_size != 0 && progress->batch_size != order.batch_size)
        warn(concat({"--batch-size=", order.batch_size, ", but ", *resume, " was made with --batch-size=", progress->batch_size,
                     ": other mini-batches from here on, so not the same bits as training that never stopped"}));
      order.seed = progress->seed;
      trainer.loader().set_generator_state(progress->shuffle);
      epoch = progress->epoch;
    }
  }
  if (const auto rate = line.value("--learning-rate")) {
    const double value = parse_number("--learning-rate", *rate);
    if (model.program().optimizers().empty())
      throw UsageError(
          concat({"--learning-rate=", *rate,
                  ": no optimizer of the program ever steps, so there is no learning rate: no function calls step()"}));
    for (const OptimizerDescription &optimizer : model.program().optimizers())
      model.set_learning_rate(value, optimizer.name);
  }
  return epoch;
}

void train(const Program &program, const std::string &command, const CommandLine &line) {
  if (line.help)
    return print(help_text(program, command));
  if (!line.positional.empty())
    throw UsageError(concat(
        {"unexpected argument '", line.positional.front(), "'; name the function with --function=", line.positional.front()}));
  const Function &function = choose_batched(program, line.value("--function").value_or("train_step"));
  const int epochs = parse_count("--epochs", required(line, "--epochs"), 1000000);
  const int batch_size = parse_count("--batch-size", required(line, "--batch-size"), 1 << 30);
  const auto checkpoint = line.value("--checkpoint");
  const std::optional<std::string> save = checkpoint ? line.value("--save") : required(line, "--save");
  if (line.has("--resume") && line.has("--weights"))
    throw UsageError("--weights and --resume can't be given together: the checkpoint holds weights");
  if (line.value("--resume").value_or("").ends_with(".safetensors"))
    throw UsageError(concat({"--resume=", *line.value("--resume"),
                             ": a .safetensors file holds weights alone, no optimizer's state to go on with; "
                             "--weights=",
                             *line.value("--resume"), " begins with them"}));
  if (line.has("--key") && !line.has("--weights"))
    throw UsageError("--key needs --weights=FILE, whose state_dict it picks");
  if (line.has("--ignore-fingerprint") && !line.has("--resume"))
    throw UsageError("--ignore-fingerprint needs --resume=FILE.pt, which it is about");
  Order order{parse_seed("--seed", line.value("--seed").value_or("0")), batch_size};
  const int threads = line.has("--threads") ? parse_count("--threads", *line.value("--threads"), 1024) : 0;
  if (save)
    check_target("--save", *save, {".safetensors", ".pt"});
  if (checkpoint)
    check_target("--checkpoint", *checkpoint, {".pt"});
  if (save && checkpoint && std::filesystem::weakly_canonical(*save) == std::filesystem::weakly_canonical(*checkpoint))
    throw UsageError(concat({"--save=", *save, " and --checkpoint=", *checkpoint, " name the same file; the weights at the end would ",
                             "replace the checkpoint, which has them too: leave out --save, or give it another name"}));

  const Samples inputs = training_data(function, line.values("--input"));
  Model model(program, {threads, nullptr});
  Trainer trainer(model, function, inputs, batch_size, order.seed, line.has("--drop-last"));
  std::optional<Evaluator> evaluator;
  if (const auto name = line.value("--eval")) {
    const Function &evaluated = choose_batched(program, *name);
    EvaluationData data = evaluation_data(evaluated, function, inputs, line.values("--eval-input"));
    evaluator.emplace(model, evaluated, std::move(data.samples), data.has_labels, batch_size);
  } else if (line.has("--eval-input")) {
    throw UsageError("--eval-input needs --eval=NAME, the function that takes it");
  }

  const int64_t first = prepare(model, trainer, line, order);
  bool warned = false; // of a loss that is no number
  if (const auto resume = line.value("--resume"); resume && first >= epochs)
    print(concat({*resume, ": ", first, " epochs are done already\n"}));
  for (int64_t epoch = first; epoch < epochs; ++epoch) {
    const std::string title = concat({"epoch ", epoch + 1, "/", epochs});
    const auto begin = std::chrono::steady_clock::now();
    double loss;
    int64_t done = 0;
    {
      ProgressBar bar(title);
      loss = trainer.run_epoch([&](int64_t samples, double mean) {
        done = samples;
        bar.update(samples, trainer.loader().samples(), mean);
      });
    }
    if (const auto step = trainer.diverged_at(); step && !std::exchange(warned, true))
      warn(concat(
          {"the loss is not finite from step ", *step, " of epoch ", epoch + 1,
           " on; training goes on, but weights that are no numbers stay so: try a smaller learning rate, and look at the data"}));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    char numbers[96], rate[64];
    std::snprintf(numbers, sizeof numbers, ": loss %.6f, ", loss);
    std::snprintf(rate, sizeof rate, "%.0f samples/s, %.1f s\n", static_cast<double>(done) / seconds, seconds);
    print(title + numbers + (evaluator ? evaluator->run() + ", " : "") + rate);
    if (line.has("--summary-gradients"))
      print_gradients(model);
    if (checkpoint)
      save_checkpoint(*checkpoint, model, TrainingProgress{epoch + 1, order.seed, trainer.loader().generator_state(), order.batch_size});
  }
  if (save)
    save_weights(*save, model);
}

} // namespace

int train_command(const Program &program, int argc, const char *const *argv) {
  const std::string command = argc > 0 ? argv[0] : "program";
  return run_guarded(command, [&] { train(program, command, parse_command_line(kOptions, argc, argv)); });
}

} // namespace kiln::runtime
