// Every op of the table against what PyTorch computed: values, types, error texts; and again with
// its operands laid out differently.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "recorded_cases.h"

namespace kiln::semantics::test {

namespace {

// The same values in other strides: dimensions in reverse order in memory, every other element,
// after an offset. What lies between is NaN (or some number), so that a kernel that ignores strides
// can't pass.
Tensor with_other_strides(const Tensor &tensor) {
  if (!tensor.defined())
    return {};
  std::vector<int64_t> strides;
  int64_t stride = 2;
  for (int64_t size : tensor.sizes()) {
    strides.push_back(stride);
    stride *= std::max<int64_t>(size, 1);
  }
  const Tensor base = Tensor::scalar(std::nan("")).expand({stride + 3}).to(tensor.dtype()).clone();
  Tensor view(base.storage(), {tensor.sizes().begin(), tensor.sizes().end()}, strides, 3,
              tensor.dtype());
  view.copy_(tensor);
  return view;
}

bool same_bytes(const Tensor &a, const Tensor &b) {
  return a.dtype() == b.dtype() && std::ranges::equal(a.sizes(), b.sizes()) &&
         (a.numel() == 0 || std::memcmp(a.data(), b.data(), a.nbytes()) == 0);
}

std::vector<std::optional<TensorType>> types_of(const std::vector<Tensor> &tensors) {
  std::vector<std::optional<TensorType>> types;
  for (const Tensor &tensor : tensors)
    types.push_back(tensor.defined() ? std::optional(type_of(tensor)) : std::nullopt);
  return types;
}

void check_error(const RecordedCase &recorded) {
  try {
    evaluate(recorded.operation, recorded.operands, recorded.attributes);
    ADD_FAILURE() << "no error, but PyTorch says: " << recorded.error;
  } catch (const runtime::Error &error) {
    const std::string found = error.what();
    EXPECT_EQ(found.substr(0, found.find('\n')), recorded.error);
    EXPECT_EQ(dynamic_cast<const runtime::IndexError *>(&error) != nullptr,
              recorded.error_class == "IndexError");
    EXPECT_EQ(dynamic_cast<const runtime::ValueError *>(&error) != nullptr,
              recorded.error_class == "ValueError");
  }
}

void check_results(const RecordedCase &recorded) {
  const std::vector<TensorType> types =
      infer(recorded.operation, types_of(recorded.operands), recorded.attributes);
  const std::vector<Tensor> results =
      evaluate(recorded.operation, recorded.operands, recorded.attributes);
  ASSERT_EQ(results.size(), recorded.results.size());
  ASSERT_EQ(types.size(), results.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(difference(results[i], recorded.results[i], recorded.match), "") << "result " << i;
    EXPECT_EQ(types[i], type_of(results[i])) << "inferred type of result " << i;
    EXPECT_TRUE(results[i].is_contiguous());
    for (const Tensor &operand : recorded.operands)
      EXPECT_FALSE(operand.defined() && operand.storage() == results[i].storage())
          << "result " << i << " aliases an operand";
  }
  std::vector<Tensor> operands;
  for (const Tensor &operand : recorded.operands)
    operands.push_back(with_other_strides(operand));
  const std::vector<Tensor> again = evaluate(recorded.operation, operands, recorded.attributes);
  for (std::size_t i = 0; i < results.size(); ++i)
    EXPECT_TRUE(same_bytes(results[i], again[i]))
        << "result " << i << " changes with the strides of the operands";
}

class RecordedCases : public testing::TestWithParam<std::string> {};

TEST_P(RecordedCases, AgreeWithPyTorch) {
  const std::vector<RecordedCase> cases = recorded_cases(GetParam());
  ASSERT_FALSE(cases.empty()) << "no case records this op";
  for (const RecordedCase &recorded : cases) {
    SCOPED_TRACE(recorded.name);
    try {
      recorded.error_class.empty() ? check_results(recorded) : check_error(recorded);
    } catch (const std::exception &error) {
      ADD_FAILURE() << error.what();
    }
  }
}

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  for (const Operation *operation : all_operations())
    names.push_back(operation->name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Operations, RecordedCases, testing::ValuesIn(operation_names()),
                         [](const auto &info) { return info.param.substr(3); });

} // namespace

} // namespace kiln::semantics::test
