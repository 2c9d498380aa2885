// The hand-written program of test_program.h.
#include "test_program.h"

#include <chrono>
#include <thread>

namespace kiln::runtime::test {

std::atomic<int> transposed_runs{0}, doubled_runs{0};

namespace {

enum StateIndex : uint32_t { kWeight, kBias, kCount, kScratch, kMomentum };
constexpr uint32_t kFloat = static_cast<uint32_t>(DType::Float32), kLong = static_cast<uint32_t>(DType::Int64),
                   kDouble = static_cast<uint32_t>(DType::Float64);

template <class T> const T *in(const kiln_call *call, int index) { return static_cast<const T *>(call->inputs[index]); }
template <class T> T *out(const kiln_call *call, int index) { return static_cast<T *>(call->outputs[index]); }

//===----------------------------------------------------------------------===//
// Prepare functions
//===----------------------------------------------------------------------===//

int32_t prepare_transposed(kiln_call *call) {
  ++transposed_runs;
  const auto *weight = static_cast<const float *>(call->state[kWeight]);
  for (int n = 0; n < 3; ++n)
    for (int k = 0; k < 2; ++k)
      out<float>(call, 0)[k * 3 + n] = weight[n * 2 + k];
  return KILN_OK;
}

int32_t prepare_doubled(kiln_call *call) {
  ++doubled_runs;
  const auto *transposed = static_cast<const float *>(call->prepared[0]);
  auto *scratch = static_cast<float *>(call->arena); // 24 bytes
  for (int i = 0; i < 6; ++i)
    scratch[i] = 2 * transposed[i];
  for (int i = 0; i < 6; ++i)
    out<float>(call, 0)[i] = scratch[i];
  return KILN_OK;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void measure_batch_3(const int64_t *symbols, int64_t *sizes, int64_t *arena_bytes) {
  sizes[0] = symbols[0];
  sizes[1] = 3;
  *arena_bytes = symbols[0] * 3 * 4;
}

int32_t affine(kiln_call *call) {
  struct Rows {
    kiln_call *call;
    static void run(void *argument, int64_t row) {
      const kiln_call *call = static_cast<Rows *>(argument)->call;
      const auto *transposed = static_cast<const float *>(call->prepared[0]);
      const auto *bias = static_cast<const float *>(call->state[kBias]);
      float *products = static_cast<float *>(call->arena) + row * 3;
      for (int n = 0; n < 3; ++n)
        products[n] = in<float>(call, 0)[row * 2] * transposed[n] + in<float>(call, 0)[row * 2 + 1] * transposed[3 + n];
      for (int n = 0; n < 3; ++n)
        out<float>(call, 0)[row * 3 + n] = products[n] + bias[n];
    }
  } rows{call};
  auto before_launch = [&](int64_t launch) {
    if (call->services->before_launch != nullptr)
      call->services->before_launch(call->executor, launch);
  };
  // As if the sum were a launch of its own, which takes a millisecond.
  before_launch(0);
  call->services->parallel_for(call->executor, Rows::run, &rows, call->symbols[0]);
  before_launch(1);
  if (call->services->before_launch != nullptr)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  before_launch(2);
  return KILN_OK;
}

int32_t doubled(kiln_call *call) {
  const auto *doubled = static_cast<const float *>(call->prepared[1]);
  for (int64_t row = 0; row < call->symbols[0]; ++row)
    for (int n = 0; n < 3; ++n)
      out<float>(call, 0)[row * 3 + n] =
          in<float>(call, 0)[row * 2] * doubled[n] + in<float>(call, 0)[row * 2 + 1] * doubled[3 + n];
  return KILN_OK;
}

void measure_nothing(const int64_t *, int64_t *, int64_t *arena_bytes) { *arena_bytes = 0; }

int32_t increment(kiln_call *call) {
  auto *count = static_cast<int64_t *>(call->state[kCount]);
  *out<int64_t>(call, 0) = (*count)++;
  return KILN_OK;
}

int32_t set_weight(kiln_call *call) {
  auto *weight = static_cast<float *>(call->state[kWeight]);
  for (int i = 0; i < 6; ++i)
    weight[i] = in<float>(call, 0)[i];
  return KILN_OK;
}

void measure_pair(const int64_t *symbols, int64_t *sizes, int64_t *arena_bytes) {
  sizes[0] = symbols[0];
  sizes[1] = symbols[1];
  *arena_bytes = 0;
}

int32_t pair(kiln_call *call) {
  const int64_t rows = call->symbols[0], columns = call->symbols[1];
  for (int64_t i = 0; i < rows; ++i) {
    out<float>(call, 0)[i] = in<float>(call, 1)[i];
    for (int64_t j = 0; j < columns; ++j)
      out<float>(call, 0)[i] += in<float>(call, 0)[i * columns + j];
  }
  for (int64_t j = 0; j < columns; ++j)
    out<float>(call, 1)[j] = in<float>(call, 2)[j];
  return KILN_OK;
}

void measure_pick(const int64_t *symbols, int64_t *sizes, int64_t *arena_bytes) {
  sizes[0] = symbols[0];
  sizes[1] = 2;
  *arena_bytes = 0;
}

int32_t pick(kiln_call *call) {
  const auto *weight = static_cast<const float *>(call->state[kWeight]);
  for (int64_t i = 0; i < call->symbols[0]; ++i) {
    const int64_t index = in<int64_t>(call, 0)[i];
    if (index < 0 || index >= 3) {
      call->error_site = 0;
      call->error_values[0] = index;
      call->error_values[1] = 3;
      return KILN_ERROR_INDEX_OUT_OF_RANGE;
    }
    for (int k = 0; k < 2; ++k)
      out<float>(call, 0)[i * 2 + k] = weight[index * 2 + k];
  }
  return KILN_OK;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

constexpr int64_t kWeightSizes[] = {3, 2}, kBiasSizes[] = {3};
constexpr kiln_dim kBatchBy2[] = {{0, 0, 0}, {2, -1, 0}}, k3By2[] = {{3, -1, 0}, {2, -1, 0}},
                   kNByM[] = {{0, 0, 0}, {0, 1, 0}}, kN[] = {{0, 0, 0}}, kMByM[] = {{0, 1, 0}, {0, 1, 0}};
constexpr const char *kBatch[] = {"batch"}, *kNAndM[] = {"n", "m"}, *kJustN[] = {"n"};
constexpr uint32_t kIndices[] = {0, 1, 2, 3, 4}; // any single index, and lists that begin at 0

kiln_argument argument(const char *name, uint32_t dtype, uint32_t rank, const kiln_dim *dims, const char *shape) {
  return {sizeof(kiln_argument), dtype, rank, name, dims, shape};
}

kiln_state state(uint32_t kind, uint32_t dtype, uint32_t rank, const char *path, const int64_t *sizes, const void *initial) {
  return {sizeof(kiln_state), kind, dtype, rank, kind == KILN_STATE_PARAMETER, path, sizes, initial};
}

} // namespace

TestProgram::TestProgram() {
  states = {state(KILN_STATE_PARAMETER, kFloat, 2, "weight", kWeightSizes, weight),
            state(KILN_STATE_PARAMETER, kFloat, 1, "bias", kBiasSizes, bias),
            state(KILN_STATE_BUFFER, kLong, 0, "count", nullptr, &count),
            state(KILN_STATE_BUFFER, kDouble, 0, "scratch", nullptr, &scratch),
            state(KILN_STATE_OPTIMIZER, kFloat, 1, "momentum", kBiasSizes, momentum)};
  constexpr uint32_t kNameSize = sizeof(kiln_state_name);
  state_names = {{{kNameSize, kWeight, 1, "head.weight"},
                  {kNameSize, kBias, 1, "head.bias"},
                  {kNameSize, kCount, 1, "count"},
                  {kNameSize, kScratch, 0, "scratch"},
                  {kNameSize, kWeight, 1, "tied.weight"},
                  {kNameSize, kMomentum, 1, "momentum"}}};
  prepared = {{{sizeof(kiln_prepared), 0, 24, "transposed"}, {sizeof(kiln_prepared), 1, 24, "doubled"}}};
  prepares = {{{sizeof(kiln_prepare), 1, 1, &kIndices[kWeight], &kIndices[0], 0, "prepare_0",
                {prepare_transposed, prepare_transposed, prepare_transposed}},
               {sizeof(kiln_prepare), 1, 1, &kIndices[kWeight], &kIndices[1], 24, "prepare_1",
                {prepare_doubled, prepare_doubled, prepare_doubled}}}};
  inputs = {argument("x", kFloat, 2, kBatchBy2, "[batch, 2]"), argument("x", kFloat, 2, kNByM, "[n, m]"),
            argument("y", kFloat, 1, kN, "[n]"),               argument("z", kFloat, 2, kMByM, "[m, m]"),
            argument("indices", kLong, 1, kN, "[n]"),          argument("value", kFloat, 2, k3By2, "[3, 2]"),
            argument("unused", kFloat, 0, nullptr, "[]")};
  outputs = {argument("output", kFloat, 2, nullptr, "[batch, 3]"), argument("before", kLong, 0, nullptr, "[]"),
             argument("sum", kFloat, 1, nullptr, "[n]"),           argument("first", kFloat, 1, nullptr, "[m]"),
             argument("output", kFloat, 2, nullptr, "[n, 2]"),     argument("unused", kFloat, 0, nullptr, "[]")};

  auto function = [](const char *name, uint32_t symbol_count, const char *const *symbols, uint32_t input_count,
                     const kiln_argument *in, uint32_t output_count, const kiln_argument *out, auto measure, auto run) {
    kiln_function result{};
    result.struct_size = sizeof result;
    result.name = name;
    result.symbol_count = symbol_count;
    result.symbols = symbols;
    result.input_count = input_count;
    result.inputs = in;
    result.output_count = output_count;
    result.outputs = out;
    result.measure = measure;
    for (auto &variant : result.run)
      variant = run;
    return result;
  };
  functions = {function("affine", 1, kBatch, 1, &inputs[0], 1, &outputs[0], measure_batch_3, affine),
               function("doubled", 1, kBatch, 1, &inputs[0], 1, &outputs[0], measure_batch_3, doubled),
               function("increment", 0, nullptr, 0, nullptr, 1, &outputs[1], measure_nothing, increment),
               function("set_weight", 0, nullptr, 1, &inputs[5], 0, nullptr, measure_nothing, set_weight),
               function("pair", 2, kNAndM, 3, &inputs[1], 2, &outputs[2], measure_pair, pair),
               function("pick", 1, kJustN, 1, &inputs[4], 1, &outputs[4], measure_pick, pick)};
  auto refer = [](uint32_t &count, const uint32_t *&list, uint32_t index) {
    count = 1;
    list = &kIndices[index];
  };
  refer(functions[0].read_count, functions[0].reads, kBias);
  refer(functions[0].prepared_count, functions[0].prepared, 0);
  refer(functions[1].prepared_count, functions[1].prepared, 1);
  refer(functions[2].read_count, functions[2].reads, kCount);
  refer(functions[2].write_count, functions[2].writes, kCount);
  refer(functions[3].write_count, functions[3].writes, kWeight);
  refer(functions[5].read_count, functions[5].reads, kWeight);

  modules = {{{sizeof(kiln_module), -1, "", "", "TestNet", "", "[batch, 3]", ""},
              {sizeof(kiln_module), 0, "head", "head", "Linear", "in_features=2, out_features=3, bias=True",
               "[batch, 3]", "6 * batch"}}};
  constexpr uint32_t kLaunchSize = sizeof(kiln_launch);
  launches = {{{kLaunchSize, 0, "products", "head", "12 * batch", "20 * batch + 24"},
               {kLaunchSize, 0, "sums", "head", "3 * batch", "24 * batch + 12"}}};
  functions[0].launch_count = launches.size();
  functions[0].launches = launches.data();
  sites = {{{sizeof(kiln_site), "head", "model.cpp:12", "nn.embedding"}}};
  descriptor = {};
  descriptor.struct_size = sizeof descriptor;
  descriptor.abi_major = KILN_ABI_MAJOR;
  descriptor.abi_minor = KILN_ABI_MINOR;
  descriptor.name = "test";
  descriptor.fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  descriptor.target = "x86_64";
  descriptor.function_count = functions.size();
  descriptor.functions = functions.data();
  descriptor.state_count = states.size();
  descriptor.states = states.data();
  descriptor.state_name_count = state_names.size();
  descriptor.state_names = state_names.data();
  descriptor.prepared_count = prepared.size();
  descriptor.prepared = prepared.data();
  descriptor.prepare_count = prepares.size();
  descriptor.prepares = prepares.data();
  descriptor.module_count = modules.size();
  descriptor.modules = modules.data();
  descriptor.site_count = sites.size();
  descriptor.sites = sites.data();
  descriptor.gradient_flags = descriptor.generator = -1;
}

void TestProgram::add_cuda() {
  images = {{{sizeof(kiln_cuda_image), 80, 0, 0, "code", 4}, {sizeof(kiln_cuda_image), 90, 1, 0, "text", 5}}};
  kernels = {{{sizeof(kiln_cuda_kernel), 256, 4, 0, "kernel"}}};
  constants = {{{sizeof(kiln_cuda_constant), 0, bias, sizeof bias}}};
  cuda = {sizeof(kiln_cuda), 2, 1, 1, images.data(), kernels.data(), constants.data()};
  descriptor.cuda = &cuda;
  functions[0].run_cuda = functions[0].run[0];
}

} // namespace kiln::runtime::test
