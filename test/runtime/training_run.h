// What the tests of training share: the hand-written program and its data, trained as make_training_data.py does.
#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "error_text.h"
#include "kiln/runtime/checkpoint.h"
#include "kiln/runtime/data_loader.h"
#include "kiln/runtime/files.h"
#include "test_files.h"
#include "training_program.h"

namespace kiln::runtime {

using test::OptimizerKind;
using test::text_of;
using test::TrainingProgram;
using Dict = Value::Dict;

inline std::string training_path(const std::string &name) { return data_path("runtime/training/" + name); }

inline void expect_close(const Tensor &actual, const Tensor &expected, double tolerance, const std::string &what) {
  const auto a = values<double>(actual.to(DType::Float64)), e = values<double>(expected.to(DType::Float64));
  ASSERT_EQ(a.size(), e.size()) << what;
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], e[i], tolerance) << what << " " << i;
}

/// A model and its data, trained as make_training_data.py does.
class Classifier {
public:
  explicit Classifier(OptimizerKind kind) : program(kind), model(program.program(), {2, nullptr}) {
    const StateDict data = load_safetensors(training_path("data.safetensors"));
    x = data.at("x");
    y = data.at("y");
    loader.emplace(std::vector<Tensor>{x, y}, DataLoaderOptions{4, true, false, 3});
  }
  void epoch() {
    loader->begin_epoch();
    for (auto batch = loader->next(); !batch.empty(); batch = loader->next())
      model.call("train_step", batch);
  }
  void epochs(int count) {
    for (int i = 0; i < count; ++i)
      epoch();
  }
  TensorView view(const Tensor &tensor) { return tensor; }

  TrainingProgram program;
  Model model;
  Tensor x, y;
  std::optional<DataLoader> loader;
};

/// A test of both optimizers.
class Training : public testing::TestWithParam<OptimizerKind> {
protected:
  Classifier run{GetParam()};
  const std::string name = GetParam() == OptimizerKind::Adam ? "adam" : "sgd";
  const StateDict expected = load_safetensors(training_path(name + ".safetensors"));
};

/// Types, keys, order and options equal; tensors close.
inline void expect_same_layout(const Value &actual, const Value &expected, const std::string &where) {
  const auto *dict = expected.get_if<Dict>();
  const auto *tensor = expected.get_if<Tensor>();
  if (dict) {
    ASSERT_TRUE(actual.get_if<Dict>()) << where;
    ASSERT_EQ(actual.get_if<Dict>()->size(), dict->size()) << where;
    auto other = actual.get_if<Dict>()->begin();
    for (const auto &[key, value] : *dict) {
      ASSERT_EQ(other->key, key) << where;
      expect_same_layout(other->value, value,
                         where + "." + (key.index() == 0 ? std::get<0>(key) : std::to_string(std::get<1>(key))));
      ++other;
    }
  } else if (tensor) {
    ASSERT_TRUE(actual.get_if<Tensor>()) << where;
    EXPECT_EQ(actual.get_if<Tensor>()->dtype(), tensor->dtype()) << where;
    EXPECT_EQ(actual.get_if<Tensor>()->shape_text(), tensor->shape_text()) << where;
    expect_close(*actual.get_if<Tensor>(), *tensor, 2e-6, where);
  } else if (expected.items()) {
    ASSERT_TRUE(actual.items() && actual.items()->size() == expected.items()->size()) << where;
    EXPECT_EQ(std::string(actual.type_name()), expected.type_name()) << where;
    for (std::size_t i = 0; i < expected.items()->size(); ++i)
      expect_same_layout((*actual.items())[i], (*expected.items())[i], where + "." + std::to_string(i));
  } else if (expected.number()) { // 0 where PyTorch's default is an integer
    EXPECT_EQ(actual.number(), expected.number()) << where;
  } else {
    EXPECT_EQ(actual.text(), expected.text()) << where;
  }
}

} // namespace kiln::runtime
