// What a host's threads may do in the middle of a call: call again on the same thread, and throw. Compiled code is noexcept here, so an
// exception that reached it would end the test.
#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "error_text.h"
#include "kiln/runtime/c_api.h"
#include "kiln/runtime/model.h"
#include "state_lock.h"
#include "test_program.h"

namespace kiln::runtime {
namespace {

using test::TestProgram;
using test::text_of;

std::vector<float> values(const Tensor &tensor) { return {tensor.data<float>(), tensor.data<float>() + tensor.numel()}; }

/// Runs `before` once, in the middle of the first call, and then the work.
class Interrupted final : public Executor {
public:
  explicit Interrupted(std::function<void()> before) : before_(std::move(before)) {}
  void parallel_for(int64_t count, TaskRef task) override {
    if (auto before = std::exchange(before_, nullptr))
      before();
    for (int64_t i = 0; i < count; ++i)
      task(i);
  }

private:
  std::function<void()> before_;
};

class Reentry : public testing::Test {
protected:
  TestProgram test;
  Model model{test.program(), {2, nullptr}};
  const Tensor x = Tensor::from<float>(std::vector<float>{1, 1, 2, 0}, {2, 2}), other = Tensor::from<float>(std::vector<float>{0, -1}, {1, 2});
  // x weight^T + bias, by hand.
  const std::vector<float> y = {13, 27, 41, 12, 26, 40}, other_y = {8, 16, 24};
};

//===----------------------------------------------------------------------===//
// Calls within calls
//===----------------------------------------------------------------------===//

TEST_F(Reentry, CallWithinACall) {
  std::vector<float> inner;
  Interrupted host([&] { inner = values(model.call("affine", {other})[0]); });
  EXPECT_EQ(values(model.call("affine", {x}, {0, &host})[0]), y);
  EXPECT_EQ(inner, other_y);
}

TEST_F(Reentry, CallOfTheSameContextWithinItsCall) {
  Context context(model);
  std::vector<float> inner, innermost;
  Interrupted deeper([&] { innermost = values(context.call("affine", {x})[0]); });
  Interrupted host([&] { inner = values(context.call("affine", {other}, {0, &deeper})[0]); });
  EXPECT_EQ(values(context.call("affine", {x}, {0, &host})[0]), y);
  EXPECT_EQ(inner, other_y);
  EXPECT_EQ(innermost, y);
  EXPECT_EQ(values(context.call("affine", {other})[0]), other_y);
}

TEST_F(Reentry, WriterWaitsForTheOuterCallAndTheInnerOneDoesNotWaitForIt) {
  std::thread writer;
  std::atomic<bool> begun = false, loaded = false;
  std::vector<float> inner;
  Interrupted host([&] {
    writer = std::thread([&] {
      begun = true;
      model.load_state_dict({{"head.bias", Tensor({3}, DType::Float32)}}, false);
      loaded = true;
    });
    while (!begun)
      std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(100)); // it waits for this call now
    inner = values(model.call("affine", {other})[0]);
    EXPECT_FALSE(loaded);
  });
  EXPECT_EQ(values(model.call("affine", {x}, {0, &host})[0]), y);
  EXPECT_EQ(inner, other_y);
  writer.join();
  EXPECT_EQ(values(model.call("affine", {other})[0]), (std::vector<float>{-2, -4, -6}));
}

TEST_F(Reentry, StateCanNotChangeWithinACall) {
  const std::string text =
      "program 'test': a thread can't change the model's state within its own call of the model\n  change it after the call";
  std::vector<std::string> found;
  Interrupted host([&] {
    found = {text_of<Error>([&] { model.call("increment", {}); }),
             text_of<Error>([&] { model.load_state_dict({}, false); }),
             text_of<Error>([&] { model.update_state([] {}); })};
  });
  EXPECT_EQ(values(model.call("affine", {x}, {0, &host})[0]), y);
  EXPECT_EQ(found, (std::vector<std::string>{text, text, text}));
  EXPECT_EQ(values(model.call("affine", {other})[0]), other_y);
}

TEST_F(Reentry, ModelCanNotBeCalledWhileTheThreadChangesIt) {
  model.update_state([&] {
    EXPECT_EQ(text_of<Error>([&] { model.call("affine", {x}); }),
              "program 'test': the thread that is changing the model's state can't use the model meanwhile: a call would see half of "
              "the change\n  call it after the change");
    Model another(test.program(), {1, nullptr});
    EXPECT_EQ(values(another.call("affine", {other})[0]), other_y);
  });
  EXPECT_EQ(values(model.call("affine", {x})[0]), y);
}

TEST_F(Reentry, PreparedValuesAreComputedWithoutTheHost) {
  // A host that calls the model for every range would wait for itself, if the first call's values were prepared by it.
  test.prepares[0].run[0] = test.prepares[0].run[1] = test.prepares[0].run[2] = [](kiln_call *call) noexcept {
    call->services->parallel_for(
        call->executor, [](void *argument, int64_t i) { static_cast<float *>(argument)[i] = 1; }, call->outputs[0], 6);
    return int32_t{KILN_OK};
  };
  Model fresh(test.program(), {2, nullptr});
  int depth = 0;
  std::vector<float> inner;
  Interrupted host([&] {
    ++depth;
    inner = values(fresh.call("affine", {other})[0]);
  });
  EXPECT_EQ(values(fresh.call("affine", {x}, {0, &host})[0]), (std::vector<float>{12, 22, 32, 12, 22, 32}));
  EXPECT_EQ(inner, (std::vector<float>{9, 19, 29}));
  EXPECT_EQ(depth, 1);
}

TEST(StateLock, HoldsOfOtherLocksAreNoObstacle) {
  StateLock one("one"), other("other");
  const StateLock::Hold outer(one, StateLock::Kind::Shared);
  const StateLock::Hold middle(other, StateLock::Kind::Exclusive);
  const StateLock::Hold inner(one, StateLock::Kind::Shared);
  EXPECT_EQ(text_of<Error>([&] { StateLock::Hold(one, StateLock::Kind::Exclusive); }),
            "one: a thread can't change the model's state within its own call of the model\n  change it after the call");
}

//===----------------------------------------------------------------------===//
// Exceptions
//===----------------------------------------------------------------------===//

/// A host's own type of error.
struct HostError : std::runtime_error {
  using runtime_error::runtime_error;
};

struct Throwing final : Executor {
  int calls = 0;
  void parallel_for(int64_t, TaskRef) override {
    ++calls;
    throw HostError("no threads today");
  }
};

std::atomic<int> rows_run{0};
int64_t failing_row = -1;

/// affine's shapes; the rows are run twice, and `failing_row` throws.
int32_t run_rows(kiln_call *call) noexcept {
  for (int round = 0; round < 2; ++round)
    call->services->parallel_for(
        call->executor,
        [](void *, int64_t row) {
          ++rows_run;
          if (row == failing_row)
            throw HostError("row " + std::to_string(row));
        },
        nullptr, call->symbols[0]);
  return KILN_OK;
}

class Exceptions : public Reentry {
protected:
  Exceptions() {
    rows_run = 0;
    failing_row = -1;
  }
  Program with_rows() {
    for (auto &variant : test.functions[1].run) // "doubled"
      variant = run_rows;
    return test.program();
  }
  Model rows{with_rows(), {4, nullptr}};
  const Tensor many{{100, 2}, DType::Float32};
};

TEST_F(Exceptions, OfTheHostsExecutor) {
  Context context(rows);
  Throwing host;
  EXPECT_EQ(text_of<HostError>([&] { context.call("doubled", {many}, {0, &host}); }), "no threads today");
  EXPECT_EQ(host.calls, 1); // the second range is not begun
  EXPECT_EQ(rows_run, 0);
  context.call("doubled", {many});
  EXPECT_EQ(rows_run, 200);
  EXPECT_EQ(text_of<HostError>([&] { context.call("affine", {x}, {0, &host}); }), "no threads today");
  EXPECT_EQ(values(context.call("affine", {x})[0]), y);
}

TEST_F(Exceptions, OfARangeOnAnyThread) {
  Context context(rows);
  for (int round = 0; round < 50; ++round) {
    rows_run = 0;
    failing_row = round;
    EXPECT_EQ(text_of<HostError>([&] { context.call("doubled", {many}); }), "row " + std::to_string(round));
    EXPECT_LE(rows_run, 100); // none of the second range
    failing_row = -1;
    rows_run = 0;
    context.call("doubled", {many});
    ASSERT_EQ(rows_run, 200);
  }
}

TEST_F(Exceptions, OfARangeThatTheHostRuns) {
  // A host's executor that lets its tasks' exceptions through would be unwound in its own middle; it sees none.
  Interrupted host([] {});
  failing_row = 1;
  EXPECT_EQ(text_of<HostError>([&] { rows.call("doubled", {many}, {0, &host}); }), "row 1");
  EXPECT_EQ(rows_run, 2);
}

TEST_F(Exceptions, OfAFunctionThatWritesState) {
  // What it wrote before is there; prepared values follow.
  for (auto &variant : test.functions[3].run) // "set_weight"
    variant = [](kiln_call *call) noexcept {
      for (int i = 0; i < 6; ++i)
        static_cast<float *>(call->state[0])[i] = 1;
      call->services->parallel_for(call->executor, [](void *, int64_t) {}, nullptr, 1);
      return int32_t{KILN_OK};
    };
  Model writing(test.program(), {1, nullptr});
  EXPECT_EQ(values(writing.call("affine", {other})[0]), other_y);
  Throwing host;
  EXPECT_EQ(text_of<HostError>([&] { writing.call("set_weight", {Tensor({3, 2}, DType::Float32)}, {0, &host}); }),
            "no threads today");
  EXPECT_EQ(values(writing.call("affine", {other})[0]), (std::vector<float>{9, 19, 29}));
}

//===----------------------------------------------------------------------===//
// The C interface
//===----------------------------------------------------------------------===//

/// A host in C whose parallel_for calls the model again.
struct CHost {
  kiln_runtime_model *model;
  float inner[2] = {}, inner_first[2] = {};
  kiln_status status = KILN_STATUS_OK;
  bool again = true;

  static void parallel_for(void *self, void (*task)(void *, int64_t), void *argument, int64_t count) {
    auto *host = static_cast<CHost *>(self);
    if (std::exchange(host->again, false)) {
      float x[] = {1, 2, 3, 4}, y[] = {10, 20}, z[] = {5, 6, 7, 8};
      const int64_t matrix[] = {2, 2}, vector[] = {2};
      const kiln_tensor inputs[] = {{x, KILN_DTYPE_FLOAT32, 2, matrix, nullptr},
                                    {y, KILN_DTYPE_FLOAT32, 1, vector, nullptr},
                                    {z, KILN_DTYPE_FLOAT32, 2, matrix, nullptr}};
      const kiln_tensor outputs[] = {{host->inner, KILN_DTYPE_FLOAT32, 1, vector, nullptr},
                                     {host->inner_first, KILN_DTYPE_FLOAT32, 1, vector, nullptr}};
      host->status = kiln_runtime_call(host->model, "pair", inputs, 3, outputs, 2, nullptr);
    }
    for (int64_t i = 0; i < count; ++i)
      task(argument, i);
  }
};

class CReentry : public testing::Test {
protected:
  CReentry() {
    EXPECT_EQ(kiln_runtime_from_descriptor(&test.descriptor, &program), KILN_STATUS_OK);
    EXPECT_EQ(kiln_runtime_create_model(program, nullptr, &model), KILN_STATUS_OK);
  }
  ~CReentry() override {
    kiln_runtime_destroy_model(model);
    kiln_runtime_unload(program);
  }

  TestProgram test;
  kiln_runtime_program *program = nullptr;
  kiln_runtime_model *model = nullptr;
  float x[4] = {1, 1, 2, 0}, y[6] = {};
  const int64_t x_sizes[2] = {2, 2}, y_sizes[2] = {2, 3};
  const kiln_tensor input = {x, KILN_DTYPE_FLOAT32, 2, x_sizes, nullptr}, output = {y, KILN_DTYPE_FLOAT32, 2, y_sizes, nullptr};
};

TEST_F(CReentry, ACallWithinACallHasViewsOfItsOwn) {
  CHost host{model};
  const kiln_runtime_options options = {sizeof options, 0, CHost::parallel_for, &host};
  ASSERT_EQ(kiln_runtime_call(model, "affine", &input, 1, &output, 1, &options), KILN_STATUS_OK) << kiln_runtime_last_error();
  EXPECT_EQ(std::vector<float>(y, y + 6), (std::vector<float>{13, 27, 41, 12, 26, 40}));
  EXPECT_EQ(host.status, KILN_STATUS_OK);
  EXPECT_EQ(std::vector<float>(host.inner, host.inner + 2), (std::vector<float>{13, 27}));
  EXPECT_EQ(std::vector<float>(host.inner_first, host.inner_first + 2), (std::vector<float>{5, 6}));
}

TEST_F(CReentry, AnExceptionOfTheHostIsAStatus) {
  const kiln_runtime_options options = {
      sizeof options, 0, [](void *, void (*)(void *, int64_t), void *, int64_t) { throw HostError("no threads today"); }, nullptr};
  EXPECT_EQ(kiln_runtime_call(model, "affine", &input, 1, &output, 1, &options), KILN_STATUS_ERROR);
  EXPECT_STREQ(kiln_runtime_last_error(), "the host's parallel_for threw an exception: no threads today");
  ASSERT_EQ(kiln_runtime_call(model, "affine", &input, 1, &output, 1, nullptr), KILN_STATUS_OK);
  EXPECT_EQ(y[5], 40);
}

} // namespace
} // namespace kiln::runtime
