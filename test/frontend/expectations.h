// What PyTorch printed, threw, drew and computed (make_expectations.py).
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "kiln/kiln.h"
#include "kiln/runtime/files.h"

namespace kiln::test {

inline std::string read_file(const std::string &name) {
  std::ifstream file(std::string(KILN_TEST_DATA) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

/// The text under "=== name" in a file of texts.
inline std::string expected_text(const std::string &file, const std::string &name) {
  static std::map<std::string, std::map<std::string, std::string>> files;
  auto [texts, added] = files.try_emplace(file);
  if (added) {
    std::istringstream lines(read_file("frontend/" + file));
    std::string line, current;
    while (std::getline(lines, line)) {
      if (line.rfind("=== ", 0) == 0) {
        current = line.substr(4);
        texts->second[current];
      } else {
        std::string &text = texts->second[current];
        text += (text.empty() ? "" : "\n") + line;
      }
    }
  }
  EXPECT_TRUE(texts->second.count(name)) << file << ": " << name;
  return texts->second[name];
}

/// Runs `action`, which must throw an `Error`; its message.
template <class Error = runtime::Error, class Action> std::string message_of(const Action &action) {
  try {
    action();
  } catch (const Error &error) {
    EXPECT_FALSE(error.frames.empty()) << "an error without frames: " << error.what();
    return error.what();
  } catch (const std::exception &error) {
    ADD_FAILURE() << "another type of error: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

/// The action's error begins with PyTorch's text of this name.
template <class Error = runtime::Error, class Action> void expect_torch_error(const std::string &name, const Action &action) {
  const std::string message = message_of<Error>(action), expected = expected_text("errors.txt", name);
  EXPECT_EQ(message.substr(0, expected.size()), expected) << name;
  EXPECT_TRUE(message.size() == expected.size() || message[expected.size()] == '\n') << message;
}

/// A tensor of a data file.
inline Tensor expected_tensor(const std::string &file, const std::string &name) {
  static std::map<std::string, runtime::StateDict> files;
  auto [tensors, added] = files.try_emplace(file);
  if (added)
    tensors->second = runtime::load_safetensors(std::string(KILN_TEST_DATA) + "/frontend/" + file);
  return Tensor(tensors->second.at(name).clone());
}

inline std::vector<double> values(const Tensor &tensor) {
  const runtime::Tensor doubles = tensor.concrete().to(DType::Float64).contiguous();
  return {doubles.data<double>(), doubles.data<double>() + doubles.numel()};
}

/// Same type, sizes and bits.
inline void expect_identical(const Tensor &found, const Tensor &expected, const std::string &what) {
  ASSERT_EQ(found.dtype(), expected.dtype()) << what;
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_EQ(values(found), values(expected)) << what;
}

inline void expect_close(const Tensor &found, const Tensor &expected, const std::string &what, double tolerance = 1e-6) {
  ASSERT_EQ(found.dtype(), expected.dtype()) << what;
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_TRUE(found.allclose(expected, tolerance, tolerance, /*equal_nan=*/true))
      << what << "\nfound " << found << "\nexpected " << expected;
}

} // namespace kiln::test
