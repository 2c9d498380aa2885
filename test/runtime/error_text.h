// The whole text of an error, and that it has the right type.
#pragma once

#include <string>

#include <gtest/gtest.h>

namespace kiln::runtime::test {

/// Runs `body`, which must throw an Expected, and returns its message.
template <class Expected, class Body> std::string text_of(Body body) {
  try {
    body();
  } catch (const Expected &error) {
    return error.what();
  } catch (const std::exception &error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "no exception";
  return "";
}

} // namespace kiln::runtime::test
