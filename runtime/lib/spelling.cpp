// Near names: edit distance and initials.
#include "kiln/runtime/spelling.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "foreign_text.h"
#include "concat.h"

namespace kiln::runtime {

namespace {

std::string_view without_dashes(std::string_view word) {
  return word.substr(std::min(word.find_first_not_of('-'), word.size()));
}

/// Levenshtein's distance, row by row.
std::size_t distance(std::string_view word, std::string_view name) {
  std::vector<std::size_t> row(name.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < word.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < name.size(); ++j) {
      const std::size_t replaced = diagonal + (word[i] == name[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// Whether the letters begin the parts between '-', '_' and '.': "lr" of "learning-rate".
bool are_initials(std::string_view letters, std::string_view name) {
  std::size_t found = 0;
  bool begins = true;
  for (char letter : name) {
    const bool separates = letter == '-' || letter == '_' || letter == '.';
    if (begins && !separates && (found == letters.size() || letters[found++] != letter))
      return false;
    begins = separates;
  }
  return found == letters.size();
}

/// Nobody types a longer name, but a file may hold one.
constexpr std::size_t kLongest = 256;

} // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view> &names) {
  const std::string_view letters = without_dashes(word);
  std::string_view best;
  // How many letters may be wrong, and one more: two swapped letters are two.
  std::size_t best_distance = letters.size() <= 3 ? 2 : std::max<std::size_t>(letters.size() / 3, 2) + 1;
  for (std::string_view name : names) {
    const std::string_view other = without_dashes(name);
    const auto [shorter, longer] = std::minmax({letters.size(), other.size()});
    if (longer > kLongest || longer - shorter >= best_distance) // that many letters are missing at least
      continue;
    const std::size_t found = distance(letters, other);
    // As many as the shorter has: no letter is the same, unless that is the one letter of "x" in "x1". "--to" is never meant to be
    // "-o".
    const bool is_alike = word.size() - letters.size() == name.size() - other.size();
    if (found < best_distance && found < (shorter == 1 && is_alike ? longer : shorter)) {
      best_distance = found;
      best = name;
    }
  }
  if (best.empty() && letters.size() > 1 && letters.size() <= kLongest)
    for (std::string_view name : names)
      if (name.size() <= kLongest && are_initials(letters, name))
        return name;
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view> &names) {
  const std::string_view name = nearest(word, names);
  return name.empty() ? "" : "; did you mean " + in_quotes(name) + "?";
}

} // namespace kiln::runtime
