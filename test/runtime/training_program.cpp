// The hand-written program of training_program.h.
#include "training_program.h"

#include <algorithm>
#include <cmath>

namespace kiln::runtime::test {

namespace {

enum StateIndex : uint32_t {
  kWeight, kBias, kWeightGrad, kBiasGrad, kFlags, kSteps, kWeightFirst, kBiasFirst, kWeightSecond, kBiasSecond, kWeightRate, kBiasRate,
  kGenerator, kCalls
};
constexpr uint32_t kFloat = static_cast<uint32_t>(DType::Float32), kLong = static_cast<uint32_t>(DType::Int64),
                   kDouble = static_cast<uint32_t>(DType::Float64), kFlag = static_cast<uint32_t>(DType::Bool);
constexpr int64_t kClasses = 3, kFeatures = 2;

template <class T> T *state(kiln_call *call, uint32_t index) { return static_cast<T *>(call->state[index]); }

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

int32_t prepare_transposed(kiln_call *call) {
  const float *weight = state<float>(call, kWeight);
  for (int64_t c = 0; c < kClasses; ++c)
    for (int64_t k = 0; k < kFeatures; ++k)
      static_cast<float *>(call->outputs[0])[k * kClasses + c] = weight[c * kFeatures + k];
  return KILN_OK;
}

void measure_predict(const int64_t *symbols, int64_t *sizes, int64_t *arena_bytes) {
  sizes[0] = symbols[0];
  sizes[1] = kClasses;
  *arena_bytes = 0;
}
void measure_loss(const int64_t *, int64_t *, int64_t *arena_bytes) { *arena_bytes = 0; }

int32_t predict(kiln_call *call) {
  const auto *x = static_cast<const float *>(call->inputs[0]);
  const auto *transposed = static_cast<const float *>(call->prepared[0]);
  auto *logits = static_cast<float *>(call->outputs[0]);
  for (int64_t i = 0; i < call->symbols[0]; ++i)
    for (int64_t c = 0; c < kClasses; ++c)
      logits[i * kClasses + c] = x[i * kFeatures] * transposed[c] + x[i * kFeatures + 1] * transposed[kClasses + c] +
                                 state<float>(call, kBias)[c];
  return KILN_OK;
}

/// Adds the gradients of the mean cross entropy to those that are there, and returns it.
int32_t backward(kiln_call *call) {
  const auto *x = static_cast<const float *>(call->inputs[0]);
  const auto *y = static_cast<const int64_t *>(call->inputs[1]);
  const int64_t batch = call->symbols[0];
  for (int64_t i = 0; i < batch; ++i)
    if (y[i] < 0 || y[i] >= kClasses) {
      call->error_site = 0;
      call->error_values[0] = y[i];
      call->error_values[1] = kClasses;
      call->error_values[2] = i;
      call->error_values[3] = batch;
      return KILN_ERROR_TARGET_OUT_OF_BOUNDS;
    }
  const float *weight = state<float>(call, kWeight), *bias = state<float>(call, kBias);
  double loss = 0, weight_grad[6] = {}, bias_grad[3] = {};
  for (int64_t i = 0; i < batch; ++i) {
    double logits[3], sum = 0;
    for (int64_t c = 0; c < kClasses; ++c)
      logits[c] = double(x[i * 2]) * weight[c * 2] + double(x[i * 2 + 1]) * weight[c * 2 + 1] + bias[c];
    for (double logit : logits)
      sum += std::exp(logit);
    loss += std::log(sum) - logits[y[i]];
    for (int64_t c = 0; c < kClasses; ++c) {
      const double grad = (std::exp(logits[c]) / sum - (c == y[i])) / static_cast<double>(batch);
      bias_grad[c] += grad;
      for (int64_t k = 0; k < kFeatures; ++k)
        weight_grad[c * kFeatures + k] += grad * x[i * kFeatures + k];
    }
  }
  for (int i = 0; i < 6; ++i)
    state<float>(call, kWeightGrad)[i] += static_cast<float>(weight_grad[i]);
  for (int i = 0; i < 3; ++i)
    state<float>(call, kBiasGrad)[i] += static_cast<float>(bias_grad[i]);
  std::fill_n(state<bool>(call, kFlags), 2, true);
  *static_cast<float *>(call->outputs[0]) = static_cast<float>(loss / static_cast<double>(batch));
  return KILN_OK;
}

/// One parameter of the two, in double.
template <OptimizerKind Kind> void update(kiln_call *call, uint32_t parameter, int count, double weight_decay) {
  if (!state<bool>(call, kFlags)[parameter])
    return;
  const double step = ++state<float>(call, kSteps)[parameter], rate = *state<double>(call, kWeightRate + parameter);
  float *values = state<float>(call, kWeight + parameter), *first = state<float>(call, kWeightFirst + parameter),
        *second = state<float>(call, kWeightSecond + parameter);
  for (int i = 0; i < count; ++i) {
    const double grad = state<float>(call, kWeightGrad + parameter)[i] + weight_decay * values[i];
    if (Kind == OptimizerKind::Sgd) {
      first[i] = static_cast<float>(step == 1 ? grad : 0.9 * first[i] + grad);
      values[i] = static_cast<float>(values[i] - rate * first[i]);
      continue;
    }
    first[i] = static_cast<float>(0.9 * first[i] + 0.1 * grad);
    second[i] = static_cast<float>(0.999 * second[i] + 0.001 * grad * grad);
    const double denominator = std::sqrt(second[i]) / std::sqrt(1 - std::pow(0.999, step)) + 1e-8;
    values[i] = static_cast<float>(values[i] - rate / (1 - std::pow(0.9, step)) * first[i] / denominator);
  }
}

template <OptimizerKind Kind> int32_t apply(kiln_call *call) {
  update<Kind>(call, 0, 6, 0);
  update<Kind>(call, 1, 3, 0.1);
  return KILN_OK;
}

template <OptimizerKind Kind> int32_t train_step(kiln_call *call) {
  std::fill_n(state<float>(call, kWeightGrad), 6, 0.0f);
  std::fill_n(state<float>(call, kBiasGrad), 3, 0.0f);
  ++*state<int64_t>(call, kCalls);
  ++state<int64_t>(call, kGenerator)[1];
  const int32_t status = backward(call);
  return status == KILN_OK ? apply<Kind>(call) : status;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

constexpr int64_t kWeightSizes[] = {3, 2}, kBiasSizes[] = {3}, kPair[] = {2};
constexpr kiln_dim kBatchBy2[] = {{0, 0, 0}, {2, -1, 0}}, kBatch[] = {{0, 0, 0}};
constexpr const char *kSymbols[] = {"batch"};
constexpr uint32_t kIndices[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
constexpr int32_t kSlots[] = {kWeightFirst, kBiasFirst, kWeightSecond, kBiasSecond};

kiln_state make_state(uint32_t kind, uint32_t dtype, std::span<const int64_t> sizes, const char *path, const void *initial) {
  return {sizeof(kiln_state), kind, dtype, static_cast<uint32_t>(sizes.size()), kind == KILN_STATE_PARAMETER, path, sizes.data(), initial};
}

kiln_option option(const char *name, double number) { return {sizeof(kiln_option), KILN_OPTION_FLOAT, name, 0, number, nullptr, 0}; }
kiln_option flag(const char *name) { return {sizeof(kiln_option), KILN_OPTION_BOOL, name, 0, 0, nullptr, 0}; }
kiln_option none(const char *name) { return {sizeof(kiln_option), KILN_OPTION_NONE, name, 0, 0, nullptr, 0}; }

kiln_function function(const char *name, uint32_t inputs, const kiln_argument *in, uint32_t outputs, const kiln_argument *out,
                       decltype(kiln_function::measure) measure, int32_t (*run)(kiln_call *)) {
  kiln_function result{};
  result.struct_size = sizeof result;
  result.name = name;
  result.symbol_count = inputs != 0;
  result.symbols = kSymbols;
  result.input_count = inputs;
  result.inputs = in;
  result.output_count = outputs;
  result.outputs = out;
  result.measure = measure;
  std::fill_n(result.run, KILN_ISA_COUNT, run);
  return result;
}

} // namespace

TrainingProgram::TrainingProgram(OptimizerKind kind) {
  const bool adam = kind == OptimizerKind::Adam;
  rates[0] = adam ? 0.01 : 0.1;
  rates[1] = 0.05;
  const std::span<const int64_t> scalar;
  const char *first[] = {"optimizer.exp_avg.head.weight", "optimizer.exp_avg.head.bias"};
  states = {make_state(KILN_STATE_PARAMETER, kFloat, kWeightSizes, "head.weight", weight),
            make_state(KILN_STATE_PARAMETER, kFloat, kBiasSizes, "head.bias", bias),
            make_state(KILN_STATE_GRADIENT, kFloat, kWeightSizes, "gradients.head.weight", nullptr),
            make_state(KILN_STATE_GRADIENT, kFloat, kBiasSizes, "gradients.head.bias", nullptr),
            make_state(KILN_STATE_GRADIENT, kFlag, kPair, "gradients.defined", nullptr),
            make_state(KILN_STATE_OPTIMIZER, kFloat, kPair, "optimizer.step", nullptr),
            make_state(KILN_STATE_OPTIMIZER, kFloat, kWeightSizes, first[0], nullptr),
            make_state(KILN_STATE_OPTIMIZER, kFloat, kBiasSizes, first[1], nullptr),
            make_state(KILN_STATE_OPTIMIZER, kFloat, kWeightSizes, "optimizer.exp_avg_sq.head.weight", nullptr),
            make_state(KILN_STATE_OPTIMIZER, kFloat, kBiasSizes, "optimizer.exp_avg_sq.head.bias", nullptr),
            make_state(KILN_STATE_HYPERPARAMETER, kDouble, scalar, "optimizer.param_groups.0.lr", &rates[0]),
            make_state(KILN_STATE_HYPERPARAMETER, kDouble, scalar, "optimizer.param_groups.1.lr", &rates[1]),
            make_state(KILN_STATE_GENERATOR, kLong, kPair, "generator", random),
            make_state(KILN_STATE_BUFFER, kLong, scalar, "calls", &calls)};
  state_names = {{{sizeof(kiln_state_name), kWeight, 1, "head.weight"},
                  {sizeof(kiln_state_name), kBias, 1, "head.bias"},
                  {sizeof(kiln_state_name), kCalls, 0, "calls"}}};
  prepared = {{{sizeof(kiln_prepared), 0, 24, "transposed"}}};
  prepares = {{{sizeof(kiln_prepare), 1, 1, &kIndices[kWeight], &kIndices[0], 0, "prepare_0",
                {prepare_transposed, prepare_transposed, prepare_transposed}}}};
  inputs = {{{sizeof(kiln_argument), kFloat, 2, "x", kBatchBy2, "[batch, 2]"}, {sizeof(kiln_argument), kLong, 1, "y", kBatch, "[batch]"}}};
  outputs = {{{sizeof(kiln_argument), kFloat, 2, "logits", nullptr, "[batch, 3]"}, {sizeof(kiln_argument), kFloat, 0, "loss", nullptr, "[]"}}};
  functions = {function("predict", 1, inputs.data(), 1, &outputs[0], measure_predict, predict),
               function("train_step", 2, inputs.data(), 1, &outputs[1], measure_loss,
                        adam ? train_step<OptimizerKind::Adam> : train_step<OptimizerKind::Sgd>),
               function("accumulate", 2, inputs.data(), 1, &outputs[1], measure_loss, backward),
               function("apply", 0, nullptr, 0, nullptr, measure_loss, adam ? apply<OptimizerKind::Adam> : apply<OptimizerKind::Sgd>)};
  functions[0].read_count = functions[0].prepared_count = 1;
  functions[0].reads = &kIndices[kBias];
  functions[0].prepared = kIndices;
  for (kiln_function &training : std::span(functions).subspan(1)) {
    training.read_count = training.write_count = states.size();
    training.reads = training.writes = kIndices;
  }
  modules = {{{sizeof(kiln_module), -1, "", "", "Classifier", "", "[batch, 3]", ""},
              {sizeof(kiln_module), 0, "head", "head", "Linear", "in_features=2, out_features=3, bias=True", "[batch, 3]", "6 * batch"}}};
  sites = {{{sizeof(kiln_site), "", "model.cpp:20", "nn.cross_entropy"}}};

  gradients = {{{sizeof(kiln_gradient), kWeight, kWeightGrad, 0}, {sizeof(kiln_gradient), kBias, kBiasGrad, 1}}};
  for (uint32_t g = 0; g < 2; ++g) {
    const double decay = g == 0 ? 0 : 0.1;
    if (adam)
      options[g] = {{{sizeof(kiln_option), KILN_OPTION_FLOATS, "betas", 0, 0, betas, 2}, option("eps", 1e-8), option("weight_decay", decay),
                     flag("amsgrad"), flag("maximize"), none("foreach"), flag("capturable"), flag("differentiable"), none("fused"),
                     flag("decoupled_weight_decay"), {}}};
    else
      options[g] = {{option("momentum", 0.9), option("dampening", 0), option("weight_decay", decay), flag("nesterov"), flag("maximize"),
                     none("foreach"), flag("differentiable"), none("fused"), {}, {}, {}}};
    if (g == 1) // what the group itself gives comes first
      std::rotate(options[g].begin(), options[g].begin() + 2, options[g].begin() + 3);
    slots[g] = {{{sizeof(kiln_slot), 0, adam ? "exp_avg" : "momentum_buffer", &kSlots[g]}, {sizeof(kiln_slot), 0, "exp_avg_sq", &kSlots[2 + g]}}};
    groups[g] = {sizeof(kiln_parameter_group), kWeightRate + g, 1, adam ? 10u : 8u, adam ? 2u : 1u, 0, &kIndices[kWeight + g],
                 options[g].data(), slots[g].data()};
  }
  optimizers = {{{sizeof(kiln_optimizer), kSteps, 2, 0, "optimizer", adam ? "Adam" : "SGD", groups.data()}}};

  descriptor = {};
  descriptor.struct_size = sizeof descriptor;
  descriptor.abi_major = KILN_ABI_MAJOR;
  descriptor.abi_minor = KILN_ABI_MINOR;
  descriptor.name = "classifier";
  descriptor.fingerprint = "aa112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  descriptor.target = "x86_64";
  auto refer = [](uint32_t &count, auto &list, auto &array) {
    count = static_cast<uint32_t>(array.size());
    list = array.data();
  };
  refer(descriptor.function_count, descriptor.functions, functions);
  refer(descriptor.state_count, descriptor.states, states);
  refer(descriptor.state_name_count, descriptor.state_names, state_names);
  refer(descriptor.prepared_count, descriptor.prepared, prepared);
  refer(descriptor.prepare_count, descriptor.prepares, prepares);
  refer(descriptor.module_count, descriptor.modules, modules);
  refer(descriptor.site_count, descriptor.sites, sites);
  refer(descriptor.gradient_count, descriptor.gradients, gradients);
  refer(descriptor.optimizer_count, descriptor.optimizers, optimizers);
  descriptor.gradient_flags = kFlags;
  descriptor.generator = kGenerator;
}

} // namespace kiln::runtime::test
