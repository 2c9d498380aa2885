// A host program that a benchmark driver talks to: loads a compiled model, calls it, answers with the time of each call.
//
//   peer --dir DATA --model NAME --sample 1,28,28 --threads N [--artifacts FOLDER] [--once WHAT]
//
// Reads lines from standard input and answers each with one line:
//
//   load B            batch B of the function `predict`: input from DATA/NAME/bB/input.bin (raw float32), weights from
//                     DATA/NAME/weights.pt. Answers {} or {"error": "..."}
//   load B/OPTIMIZER  the same of `train_OPTIMIZER`; targets are random classes
//   time S            calls for S seconds after a short warm-up; answers the microseconds of each call
//   out FILE          writes the last output as raw float32; answers "ok"
//   quit              ends, as the end of input does
//
// The artifact is FOLDER/NAME.so, by default in the folder of this program. With --once it loads, calls once, prints "done" and
// exits.
//
// What is timed is what a host in C++ would write: a call through a context of its own, on memory that is there already.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "kiln/runtime/files.h"
#include "kiln/runtime/model.h"

using kiln::runtime::DType;
using kiln::runtime::Tensor;
using Clock = std::chrono::steady_clock;

namespace {

/// What the command line asks for.
struct Request {
  std::filesystem::path data, artifacts;
  std::string model;
  std::vector<int64_t> sample; // sizes of one sample
  int threads = 0;
  std::optional<std::string> once;

  std::filesystem::path artifact() const { return artifacts / (model + ".so"); }
};

class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

int64_t parse_count(const std::string &what, const std::string &text) {
  std::size_t end = 0;
  int64_t count = 0;
  try {
    count = std::stoll(text, &end);
  } catch (const std::logic_error &) {
  }
  if (end == 0 || end != text.size() || count < 1)
    throw UsageError(what + ": '" + text + "' is no positive number");
  return count;
}

Request parse(int argc, char **argv) {
  Request request;
  request.artifacts = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::map<std::string, std::string> values;
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    if (option != "--dir" && option != "--model" && option != "--sample" && option != "--threads" && option != "--artifacts" &&
        option != "--once")
      throw UsageError("unknown option '" + option + "'");
    if (i + 1 == argc)
      throw UsageError(option + " needs a value");
    values[option] = argv[i + 1];
  }
  for (const char *needed : {"--dir", "--model", "--sample", "--threads"})
    if (!values.count(needed))
      throw UsageError(std::string(needed) + " is not given");
  request.data = values["--dir"];
  request.model = values["--model"];
  std::istringstream sample(values["--sample"]);
  for (std::string size; std::getline(sample, size, ',');)
    request.sample.push_back(parse_count("--sample", size));
  request.threads = static_cast<int>(parse_count("--threads", values["--threads"]));
  if (values.count("--artifacts"))
    request.artifacts = values["--artifacts"];
  if (values.count("--once"))
    request.once = values["--once"];
  return request;
}

/// Raw little-endian float32, exactly as many as the sizes say.
Tensor read_floats(const std::filesystem::path &path, std::vector<int64_t> sizes) {
  Tensor tensor(std::move(sizes), DType::Float32);
  std::ifstream file(path, std::ios::binary);
  file.read(static_cast<char *>(tensor.data()), static_cast<std::streamsize>(tensor.nbytes()));
  if (!file || file.peek() != std::ifstream::traits_type::eof())
    throw kiln::runtime::Error(path.string() + ": expected " + std::to_string(tensor.nbytes()) + " bytes, float32 " +
                               tensor.shape_text());
  return tensor;
}

/// As torch.randint(0, classes, (batch,), generator=torch.Generator().manual_seed(1)) makes them.
Tensor random_targets(int64_t batch, uint32_t classes) {
  std::mt19937 generator(1);
  Tensor targets({batch}, DType::Int64);
  for (int64_t i = 0; i < batch; ++i)
    targets.data<int64_t>()[i] = generator() % classes;
  return targets;
}

/// One function of a loaded model, with the memory that it is called on.
class Call {
public:
  Call(const Request &request, const std::string &what)
      : model_(kiln::runtime::Program::load(request.artifact().string()), {.threads = request.threads}), context_(model_) {
    const std::size_t slash = what.find('/');
    const int64_t batch = parse_count("load", what.substr(0, slash));
    const bool trains = slash != std::string::npos;
    function_ = trains ? "train_" + what.substr(slash + 1) : "predict";

    const std::filesystem::path folder = request.data / request.model;
    model_.load_state_dict(kiln::runtime::load((folder / "weights.pt").string()));
    std::vector<int64_t> sizes = {batch};
    sizes.insert(sizes.end(), request.sample.begin(), request.sample.end());
    inputs_.push_back(read_floats(folder / ("b" + std::to_string(batch)) / "input.bin", sizes));
    if (trains)
      inputs_.push_back(random_targets(batch, 10));
    outputs_ = context_.call(function_, std::span<const Tensor>(inputs_));
    input_views_.assign(inputs_.begin(), inputs_.end());
    output_views_.assign(outputs_.begin(), outputs_.end());
  }

  void operator()() {
    context_.call(function_, std::span<const kiln::runtime::TensorView>(input_views_),
                  std::span<const kiln::runtime::TensorView>(output_views_));
  }

  const Tensor &output() const { return outputs_.front(); }

private:
  kiln::runtime::Model model_;
  kiln::runtime::Context context_;
  std::string function_;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<kiln::runtime::TensorView> input_views_, output_views_;
};

/// Microseconds of each call for so long, and of three calls at least, after two that don't count.
std::string time_calls(Call &call, double seconds) {
  static std::vector<double> times;
  times.clear();
  times.reserve(1 << 17); // growing would disturb the caches between calls
  call();
  call();
  const auto stop = Clock::now() + std::chrono::duration<double>(seconds);
  for (auto begin = Clock::now(); times.size() < 3 || begin < stop;) {
    call();
    const auto end = Clock::now();
    times.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
    begin = Clock::now();
  }
  std::string text;
  for (double time : times) {
    char number[32];
    std::snprintf(number, sizeof number, "%.3f ", time);
    text += number;
  }
  return text;
}

/// {"error": TEXT}, on one line.
std::string error_answer(const std::string &text) {
  std::string result = "{\"error\": \"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result + "\"}";
}

void write_output(const Tensor &output, const std::string &path) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char *>(output.data()), static_cast<std::streamsize>(output.nbytes()));
  if (!file.flush())
    throw kiln::runtime::Error(path + ": can't be written");
}

void serve(const Request &request) {
  std::unique_ptr<Call> call;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb, value;
    words >> verb >> value;
    if (verb == "load") {
      try {
        call.reset();
        call = std::make_unique<Call>(request, value);
        std::cout << "{}" << std::endl;
      } catch (const std::exception &error) { // a failure is an answer
        std::cout << error_answer(error.what()) << std::endl;
      }
      continue;
    }
    if (verb == "quit")
      return;
    if (verb != "time" && verb != "out")
      throw UsageError("unknown request '" + line + "'");
    if (!call)
      throw UsageError("'" + verb + "' before anything was loaded");
    if (verb == "time") {
      std::cout << time_calls(*call, std::stod(value)) << std::endl;
    } else {
      write_output(call->output(), value);
      std::cout << "ok" << std::endl;
    }
  }
}

} // namespace

int main(int argc, char **argv) {
  try {
    const Request request = parse(argc, argv);
    if (!request.once) {
      serve(request);
      return 0;
    }
    Call call(request, *request.once);
    std::cout << "done" << std::endl;
    return 0;
  } catch (const UsageError &error) {
    std::cerr << "peer: " << error.what() << "\n";
    return 2;
  } catch (const std::exception &error) {
    std::cerr << "peer: " << error.what() << "\n";
    return 1;
  }
}
