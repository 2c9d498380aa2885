// The C interface: a host in C, and every status with its text.
#include "kiln/runtime/c_api.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "c_host.h"
#include "kiln/runtime/dtype.h"
#include "kiln/runtime/files.h"
#include "test_files.h"
#include "test_program.h"
#include "training_program.h"

namespace kiln::runtime {
namespace {

using test::TestProgram;

static_assert(KILN_DTYPE_BOOL == static_cast<int>(DType::Bool) && KILN_DTYPE_UINT8 == static_cast<int>(DType::UInt8) &&
              KILN_DTYPE_INT64 == static_cast<int>(DType::Int64) && KILN_DTYPE_BFLOAT16 == static_cast<int>(DType::BFloat16) &&
              KILN_DTYPE_FLOAT64 == static_cast<int>(DType::Float64));

TEST(CApi, HostInC) {
  float results[4] = {};
  EXPECT_EQ(c_host_predict(KILN_TEST_ARTIFACTS "/affine.so", results), 0) << kiln_runtime_last_error();
  EXPECT_EQ(results[0], 3);
  EXPECT_EQ(results[3], 9);
}

TEST(CApi, Weights) {
  const std::string path = (std::filesystem::temp_directory_path() / ("kiln-c-" + std::to_string(getpid()) + ".safetensors")).string();
  const Tensor weight = Tensor::from<float>(std::vector<float>(6, 2), {3, 2});
  save_safetensors(path, {{"head.weight", weight},
                          {"head.bias", Tensor({3}, DType::Float32)},
                          {"count", Tensor({}, DType::Int64)},
                          {"tied.weight", weight.clone()}});
  TestProgram test;
  float before[3] = {}, after[3] = {};
  EXPECT_EQ(c_host_weights(&test.descriptor, path.c_str(), before, after), 0) << kiln_runtime_last_error();
  std::filesystem::remove(path);
  EXPECT_EQ(before[2], 41);
  EXPECT_EQ(after[2], 4);
}

TEST(CApi, ThreadsOfTheHost) {
  TestProgram test;
  float results[6] = {};
  int calls = 0;
  EXPECT_EQ(c_host_threads(&test.descriptor, results, &calls), 0) << kiln_runtime_last_error();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(results[0], 13);
  EXPECT_EQ(results[5], 40);
}

TEST(CApi, Training) {
  test::TrainingProgram test;
  TemporaryFolder folder;
  kiln_runtime_program *program = nullptr;
  kiln_runtime_model *model = nullptr, *other = nullptr;
  ASSERT_EQ(kiln_runtime_from_descriptor(&test.descriptor, &program), KILN_STATUS_OK);
  ASSERT_EQ(kiln_runtime_create_model(program, nullptr, &model), KILN_STATUS_OK);
  ASSERT_EQ(kiln_runtime_create_model(program, nullptr, &other), KILN_STATUS_OK);
  double rate = 0;
  EXPECT_EQ(kiln_runtime_learning_rate(model, nullptr, 1, &rate), KILN_STATUS_OK);
  EXPECT_EQ(rate, 0.05);
  EXPECT_EQ(kiln_runtime_set_learning_rate(model, "optimizer", 1, 0.25), KILN_STATUS_OK);
  EXPECT_EQ(kiln_runtime_set_learning_rate(model, nullptr, 1, -1), KILN_STATUS_VALUE);
  EXPECT_EQ(kiln_runtime_last_error(), std::string("Invalid learning rate: -1.0"));
  EXPECT_EQ(kiln_runtime_manual_seed(model, 3), KILN_STATUS_OK);

  kiln_tensor_statistics statistics = {};
  EXPECT_EQ(kiln_runtime_gradient_statistics(model, "head.bias", &statistics), KILN_STATUS_KEY);
  float x[4] = {1, 2, 3, 4}, loss = 0;
  int64_t y[2] = {0, 2};
  const int64_t x_sizes[] = {2, 2}, y_sizes[] = {2};
  const kiln_tensor inputs[] = {{x, KILN_DTYPE_FLOAT32, 2, x_sizes, nullptr}, {y, KILN_DTYPE_INT64, 1, y_sizes, nullptr}},
                    output = {&loss, KILN_DTYPE_FLOAT32, 0, nullptr, nullptr};
  ASSERT_EQ(kiln_runtime_call(model, "train_step", inputs, 2, &output, 1, nullptr), KILN_STATUS_OK) << kiln_runtime_last_error();
  EXPECT_GT(loss, 0);
  EXPECT_EQ(kiln_runtime_gradient_statistics(model, "head.bias", &statistics), KILN_STATUS_OK);
  EXPECT_NEAR(statistics.mean, 0, 1e-7); // the gradients of a cross entropy add up to zero
  EXPECT_GT(statistics.norm, 0);

  const std::string path = folder.path("c.pt"), weights = folder.path("w.safetensors");
  EXPECT_EQ(kiln_runtime_save_checkpoint(model, path.c_str()), KILN_STATUS_OK) << kiln_runtime_last_error();
  EXPECT_EQ(kiln_runtime_load_checkpoint(other, path.c_str()), KILN_STATUS_OK) << kiln_runtime_last_error();
  EXPECT_EQ(kiln_runtime_learning_rate(other, nullptr, 1, &rate), KILN_STATUS_OK);
  EXPECT_EQ(rate, 0.25);
  EXPECT_EQ(kiln_runtime_save_weights(other, weights.c_str()), KILN_STATUS_OK);
  EXPECT_EQ(load(weights).size(), 2u);
  EXPECT_EQ(kiln_runtime_zero_grad(model, 1), KILN_STATUS_OK);
  EXPECT_EQ(kiln_runtime_gradient_statistics(model, "head.bias", &statistics), KILN_STATUS_KEY);
  EXPECT_EQ(kiln_runtime_last_error(), std::string("'head.bias' is no parameter with a gradient"));
  kiln_runtime_destroy_model(other);
  kiln_runtime_destroy_model(model);
  kiln_runtime_unload(program);
}

class CApiErrors : public testing::Test {
protected:
  CApiErrors() {
    EXPECT_EQ(kiln_runtime_from_descriptor(&test.descriptor, &program), KILN_STATUS_OK);
    EXPECT_EQ(kiln_runtime_create_model(program, nullptr, &model), KILN_STATUS_OK);
  }
  ~CApiErrors() override {
    kiln_runtime_destroy_model(model);
    kiln_runtime_unload(program);
  }

  kiln_status call(const char *function, const kiln_tensor &input, const kiln_tensor &output) {
    return kiln_runtime_call(model, function, &input, 1, &output, 1, nullptr);
  }

  TestProgram test;
  kiln_runtime_program *program = nullptr;
  kiln_runtime_model *model = nullptr;
  float x[6] = {}, y[9] = {};
  int64_t indices[1] = {7};
  const int64_t x_sizes[2] = {3, 2}, y_sizes[2] = {3, 3}, pick_sizes[2] = {1, 2}, one[1] = {1}, negative[2] = {-3, 2},
                huge[2] = {int64_t{1} << 60, 2};
  kiln_tensor input = {x, KILN_DTYPE_FLOAT32, 2, x_sizes, nullptr}, output = {y, KILN_DTYPE_FLOAT32, 2, y_sizes, nullptr};
};

TEST_F(CApiErrors, Statuses) {
  EXPECT_EQ(call("affine", input, output), KILN_STATUS_OK);

  EXPECT_EQ(call("other", input, output), KILN_STATUS_KEY);
  EXPECT_STREQ(kiln_runtime_last_error(),
               "program 'test' has no function 'other'; it has affine, doubled, increment, set_weight, pair, pick");
  input.dtype = KILN_DTYPE_FLOAT64;
  EXPECT_EQ(call("affine", input, output), KILN_STATUS_TYPE);
  EXPECT_STREQ(kiln_runtime_last_error(), "affine: input 'x': expected dtype float32, found float64\n"
                                          "  expected: float32 [batch, 2]\n"
                                          "  found:    float64 [3, 2]");
  input.dtype = 10;
  EXPECT_EQ(call("affine", input, output), KILN_STATUS_TYPE);
  EXPECT_STREQ(kiln_runtime_last_error(), "a tensor has the unknown dtype 10");
  input.dtype = KILN_DTYPE_FLOAT32;
  input.rank = 1;
  EXPECT_EQ(call("affine", input, output), KILN_STATUS_VALUE);
  input.rank = 2;
  for (const int64_t *sizes : {negative, huge}) {
    input.sizes = sizes;
    EXPECT_EQ(call("affine", input, output), KILN_STATUS_VALUE);
    EXPECT_STREQ(kiln_runtime_last_error(), sizes == negative
                                                ? "a tensor of sizes [-3, 2] has a negative size, or more bytes than there can be"
                                                : "a tensor of sizes [1152921504606846976, 2] has a negative size, or more bytes "
                                                  "than there can be");
  }
  input.sizes = x_sizes;
  const int64_t far_strides[] = {1, int64_t{1} << 62};
  input.strides = far_strides;
  EXPECT_EQ(call("affine", input, output), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "affine: input 'x': sizes [3, 2] with strides [1, 4611686018427387904] reach further than "
                                          "there can be memory");
  input.strides = nullptr;
  output.strides = far_strides;
  EXPECT_EQ(call("affine", input, output), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "affine: output 'output': sizes [3, 3] with strides [1, 4611686018427387904] reach further "
                                          "than there can be memory");
  output.strides = nullptr;
  input = {indices, KILN_DTYPE_INT64, 1, one, nullptr};
  output.sizes = pick_sizes;
  EXPECT_EQ(call("pick", input, output), KILN_STATUS_INDEX);
  EXPECT_EQ(std::string(kiln_runtime_last_error()).substr(0, 25), "index out of range in sel");
}

TEST_F(CApiErrors, NullPointers) {
  EXPECT_EQ(kiln_runtime_load(nullptr, &program), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "path is null");
  EXPECT_EQ(kiln_runtime_load("x", nullptr), KILN_STATUS_VALUE);
  EXPECT_EQ(kiln_runtime_call(nullptr, "affine", &input, 1, &output, 1, nullptr), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "model is null");
  EXPECT_EQ(kiln_runtime_call(model, nullptr, &input, 1, &output, 1, nullptr), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "function is null");
  EXPECT_EQ(kiln_runtime_call(model, "affine", nullptr, 1, &output, 1, nullptr), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "inputs is null");
  input.data = nullptr;
  EXPECT_EQ(call("affine", input, output), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "data of a tensor is null");
  kiln_runtime_destroy_model(nullptr);
  kiln_runtime_unload(nullptr);
  EXPECT_EQ(kiln_runtime_function_count(nullptr), 0u);
}

TEST_F(CApiErrors, Files) {
  kiln_runtime_program *none = nullptr;
  EXPECT_EQ(kiln_runtime_load("/no/such.so", &none), KILN_STATUS_FILE);
  EXPECT_STREQ(kiln_runtime_last_error(), "/no/such.so: No such file or directory");
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(kiln_runtime_load_weights(model, "/no/such.pt", 1), KILN_STATUS_FILE);
}

TEST_F(CApiErrors, WeightsThatDoNotFit) {
  const std::string path = (std::filesystem::temp_directory_path() / ("kiln-c2-" + std::to_string(getpid()) + ".safetensors")).string();
  save_safetensors(path, {{"head.bias", Tensor({3}, DType::Float32)}, {"count", Tensor({}, DType::Int64)}});
  EXPECT_EQ(kiln_runtime_load_weights(model, path.c_str(), 1), KILN_STATUS_STATE_DICT);
  EXPECT_STREQ(kiln_runtime_last_error(), "Error(s) in loading state_dict for TestNet:\n"
                                          "\tMissing key(s) in state_dict: \"head.weight\", \"tied.weight\". ");
  EXPECT_EQ(kiln_runtime_load_weights(model, path.c_str(), 0), KILN_STATUS_OK);
  std::filesystem::remove(path);
}

TEST_F(CApiErrors, OptionsOfAnotherVersion) {
  kiln_runtime_options options = {};
  EXPECT_EQ(kiln_runtime_call(model, "affine", &input, 1, &output, 1, &options), KILN_STATUS_VALUE);
  EXPECT_STREQ(kiln_runtime_last_error(), "options have struct_size 0: expected 24");
  // A later version's host has more of them; this one knows the first.
  struct {
    kiln_runtime_options options;
    uint64_t more;
  } later = {{sizeof later, 1, nullptr, nullptr}, 7};
  EXPECT_EQ(kiln_runtime_call(model, "affine", &input, 1, &output, 1, &later.options), KILN_STATUS_OK);
}

} // namespace
} // namespace kiln::runtime
