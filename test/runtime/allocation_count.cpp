// A call allocates nothing from the second one with the same shapes on. An executable of its own: it replaces malloc to count.
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <gtest/gtest.h>

#include "kiln/runtime/c_api.h"
#include "kiln/runtime/data_loader.h"
#include "kiln/runtime/model.h"
#include "test_program.h"
#include "training_program.h"

namespace {
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};
void note() {
  if (counting.load(std::memory_order_relaxed))
    ++allocations;
}
} // namespace

// glibc's own functions, under the names that it keeps for those who replace them. operator new and aligned_alloc end here too.
#pragma GCC visibility push(default) // shared libraries must find them too
extern "C" {
void *__libc_malloc(std::size_t bytes);
void *__libc_calloc(std::size_t count, std::size_t bytes);
void *__libc_realloc(void *memory, std::size_t bytes);
void *__libc_memalign(std::size_t alignment, std::size_t bytes);
void *malloc(std::size_t bytes) {
  note();
  return __libc_malloc(bytes);
}
void *calloc(std::size_t count, std::size_t bytes) {
  note();
  return __libc_calloc(count, bytes);
}
void *realloc(void *memory, std::size_t bytes) {
  note();
  return __libc_realloc(memory, bytes);
}
void *aligned_alloc(std::size_t alignment, std::size_t bytes) {
  note();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **memory, std::size_t alignment, std::size_t bytes) {
  note();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#pragma GCC visibility pop

namespace kiln::runtime {
namespace {

template <class Body> int allocations_in(Body body) {
  allocations = 0;
  counting = true;
  body();
  counting = false;
  return allocations;
}

class Allocations : public testing::Test {
protected:
  test::TestProgram test;
  Model model{test.program(), {2, nullptr}};
};

TEST_F(Allocations, AreCounted) {
  EXPECT_EQ(allocations_in([] { ::operator delete(::operator new(4)); }), 1);
  EXPECT_EQ(allocations_in([] { std::free(std::aligned_alloc(64, 64)); }), 1);
}

TEST_F(Allocations, NoneInACall) {
  const std::vector<Tensor> inputs = {Tensor({64, 2}, DType::Float32)};
  Tensor outputs[1];
  EXPECT_GT(allocations_in([&] { model.call("affine", inputs, outputs); }), 0);
  EXPECT_EQ(allocations_in([&] {
              for (int i = 0; i < 100; ++i)
                model.call("affine", inputs, outputs);
            }),
            0);
}

TEST_F(Allocations, NoneWithSmallerShapesOrOtherFunctions) {
  const std::vector<Tensor> large = {Tensor({64, 2}, DType::Float32)}, small = {Tensor({3, 2}, DType::Float32)};
  Tensor large_output[] = {Tensor({64, 3}, DType::Float32)}, small_output[] = {Tensor({3, 3}, DType::Float32)};
  Tensor count[] = {Tensor({}, DType::Int64)};
  model.call("affine", large, large_output);
  model.call("doubled", large, large_output);
  EXPECT_EQ(allocations_in([&] {
              model.call("doubled", small, small_output);
              model.call("increment", std::span<const Tensor>(), count);
              model.call("affine", small, small_output);
            }),
            0);
}

TEST_F(Allocations, NoneForInputsAndOutputsThatAreNotContiguous) {
  const std::vector<Tensor> inputs = {Tensor({2, 64}, DType::Float32).transpose(0, 1)};
  Tensor outputs[] = {Tensor({3, 64}, DType::Float32).transpose(0, 1)};
  model.call("affine", inputs, outputs);
  EXPECT_EQ(allocations_in([&] { model.call("affine", inputs, outputs); }), 0);
}

TEST_F(Allocations, NoneInAContextOfOnesOwn) {
  Context context(model);
  const std::vector<Tensor> inputs = {Tensor({64, 2}, DType::Float32)};
  Tensor outputs[1];
  context.call("affine", inputs, outputs);
  EXPECT_EQ(allocations_in([&] { context.call("affine", inputs, outputs); }), 0);
}

TEST_F(Allocations, NoneAfterAWrite) {
  // Prepared values are computed anew, in the memory that they have.
  const std::vector<Tensor> x = {Tensor({64, 2}, DType::Float32)}, weight = {Tensor({3, 2}, DType::Float32)};
  Tensor y[] = {Tensor({64, 3}, DType::Float32)};
  model.call("doubled", x, y);
  EXPECT_EQ(allocations_in([&] {
              model.call("set_weight", weight, std::span<Tensor>());
              model.call("doubled", x, y);
            }),
            0);
}

TEST(TrainingAllocations, NoneInAnEpochAfterTheFirst) {
  test::TrainingProgram test;
  Model model(test.program(), {2, nullptr});
  DataLoader loader({Tensor({22, 2}, DType::Float32), Tensor({22}, DType::Int64)}, {4, true, false, 0});
  Tensor loss[1], logits[1] = {Tensor({22, 3}, DType::Float32)};
  const std::vector<Tensor> x = {Tensor({22, 2}, DType::Float32)};
  auto epoch = [&] {
    loader.begin_epoch();
    for (auto batch = loader.next(); !batch.empty(); batch = loader.next()) {
      model.call("train_step", batch, loss);
      model.call("predict", x, logits); // prepares anew
    }
    model.set_learning_rate(0.01, "optimizer", 1);
  };
  EXPECT_GT(allocations_in(epoch), 0);
  EXPECT_EQ(allocations_in(epoch), 0);
}

TEST_F(Allocations, NoneThroughTheCInterface) {
  kiln_runtime_program *program = nullptr;
  kiln_runtime_model *c_model = nullptr;
  ASSERT_EQ(kiln_runtime_from_descriptor(&test.descriptor, &program), KILN_STATUS_OK);
  ASSERT_EQ(kiln_runtime_create_model(program, nullptr, &c_model), KILN_STATUS_OK);
  float x[8] = {}, y[12] = {};
  const int64_t x_sizes[] = {4, 2}, y_sizes[] = {4, 3};
  const kiln_tensor input = {x, KILN_DTYPE_FLOAT32, 2, x_sizes, nullptr}, output = {y, KILN_DTYPE_FLOAT32, 2, y_sizes, nullptr};
  ASSERT_EQ(kiln_runtime_call(c_model, "affine", &input, 1, &output, 1, nullptr), KILN_STATUS_OK);
  EXPECT_EQ(allocations_in([&] { kiln_runtime_call(c_model, "affine", &input, 1, &output, 1, nullptr); }), 0);
  kiln_runtime_destroy_model(c_model);
  kiln_runtime_unload(program);
}

} // namespace
} // namespace kiln::runtime
