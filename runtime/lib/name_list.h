// Names in a row, as messages list them: the first ones, and how many more there are. Internal.
#pragma once

#include <string>
#include <string_view>

#include "concat.h"

namespace kiln::runtime {

class NameList {
public:
  /// Shows `most` names.
  explicit NameList(std::size_t most) : most_(most) {}

  void add(std::string_view name) {
    if (count_++ < most_)
      text_.append(text_.empty() ? "" : ", ").append(name);
  }
  std::size_t count() const { return count_; }
  /// "a, b and 3 more"; "" for none.
  std::string text() const { return count_ > most_ ? concat({text_, " and ", count_ - most_, " more"}) : text_; }

private:
  std::size_t most_, count_ = 0;
  std::string text_;
};

} // namespace kiln::runtime
