// print(model) and the summary table.
//
// The tree follows `torch.nn.Module.__repr__` and `torch.nn.ModuleList.__repr__`. Children come after their parent, so the texts are
// made from the last entry to the first, without recursion: a module's text is complete when its turn comes.
#include "kiln/runtime/module_tree.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "concat.h"
#include "kiln/runtime/error.h"

namespace kiln::runtime {

//===----------------------------------------------------------------------===//
// The tree
//===----------------------------------------------------------------------===//

namespace {

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\v\f") == line.npos; }

std::vector<std::string> split_lines(const std::string &text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// Indents all lines but the first by two spaces; blank lines become empty.
std::string indented(const std::string &text) {
  std::string result;
  const std::vector<std::string> lines = split_lines(text);
  for (const std::string &line : lines) {
    if (&line == &lines.front())
      result = line;
    else
      result += is_blank(line) ? "\n" : "\n  " + line;
  }
  return result;
}

// The lines of a ModuleList's children, equal neighbours collapsed: "(0-3): 4 x Block(...)". PyTorch counts, it does not print names.
std::vector<std::string> collapsed(const std::vector<std::string> &children) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; begin < children.size(); begin = end) {
    end = begin + 1;
    while (end < children.size() && children[end] == children[begin])
      ++end;
    const std::string first = std::to_string(begin);
    const std::string label =
        end == begin + 1 ? concat({"(", first, "): "}) : concat({"(", first, "-", end - 1, "): ", end - begin, " x "});
    lines.push_back(indented(label + children[begin]));
  }
  return lines;
}

// Of a class, whose name parentheses follow; what a module prints in place of its class may be any text.
bool is_class_name(const std::string &type) {
  return std::ranges::all_of(type, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c >= 0x80; });
}

std::string node_text(const ModuleEntry &module, const std::vector<std::string> &child_names,
                      const std::vector<std::string> &children) {
  std::vector<std::string> lines;
  if (module.type == "ModuleList") { // its own __repr__, which shows no extra_repr
    lines = collapsed(children);
  } else {
    if (!module.extra_repr.empty())
      lines = split_lines(module.extra_repr);
    if (lines.size() == 1 && children.empty())
      return concat({module.type, "(", module.extra_repr, ")"});
    for (std::size_t i = 0; i < children.size(); ++i)
      lines.push_back(concat({"(", child_names[i], "): ", indented(children[i])}));
  }
  if (lines.empty() && !is_class_name(module.type))
    return module.type;
  std::string text = module.type + "(";
  for (const std::string &line : lines)
    text += "\n  " + line;
  return text + (lines.empty() ? ")" : "\n)");
}

} // namespace

std::string module_tree_text(std::span<const ModuleEntry> modules) {
  std::vector<std::vector<std::size_t>> children(modules.size());
  std::string result;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const int32_t parent = modules[i].parent;
    if (parent < -1 || parent >= static_cast<int64_t>(i))
      throw ValueError(
          concat({"module '", modules[i].path, "': its parent, entry ", parent, ", must come before it, entry ", i}));
    if (parent >= 0)
      children[static_cast<std::size_t>(parent)].push_back(i);
  }
  std::vector<std::string> texts(modules.size());
  for (std::size_t i = modules.size(); i-- > 0;) {
    std::vector<std::string> names, child_texts;
    for (std::size_t child : children[i]) {
      names.push_back(modules[child].name);
      child_texts.push_back(std::move(texts[child]));
    }
    texts[i] = node_text(modules[i], names, child_texts);
  }
  for (std::size_t i = 0; i < modules.size(); ++i)
    if (modules[i].parent < 0)
      result += (result.empty() ? "" : "\n") + texts[i];
  return result;
}

//===----------------------------------------------------------------------===//
// Sums of expressions
//===----------------------------------------------------------------------===//

namespace {

// A sum of products, as DimExpr prints it. The runtime does not know DimExpr: a factor that is not a number is opaque text here.
class SymbolicSum {
public:
  void add(std::string_view expression) {
    for (std::size_t begin = 0; begin < expression.size();) {
      const auto [end, next, negative_next] = term_end(expression, begin);
      add_term(expression.substr(begin, end - begin), negative_);
      negative_ = negative_next;
      begin = next;
    }
    negative_ = false;
  }

  std::string text() const {
    std::string result;
    for (const auto &[factors, coefficient] : terms_) {
      if (coefficient == 0)
        continue;
      if (!result.empty())
        result += coefficient < 0 ? " - " : " + ";
      else if (coefficient < 0)
        result += "-";
      const uint64_t magnitude = coefficient < 0 ? -static_cast<uint64_t>(coefficient) : static_cast<uint64_t>(coefficient);
      if (factors.empty())
        result += std::to_string(magnitude);
      else
        result += magnitude == 1 ? factors : concat({magnitude, " * ", factors});
    }
    return result.empty() ? "0" : result;
  }

private:
  struct TermEnd {
    std::size_t end, next;
    bool negative_next;
  };

  // Finds the next " + " or " - " outside parentheses.
  static TermEnd term_end(std::string_view text, std::size_t begin) {
    int depth = 0;
    for (std::size_t i = begin; i < text.size(); ++i) {
      depth += (text[i] == '(') - (text[i] == ')');
      const std::string_view here = text.substr(i, 3);
      if (depth == 0 && (here == " + " || here == " - "))
        return {i, i + 3, here == " - "};
    }
    return {text.size(), text.size(), false};
  }

  void add_term(std::string_view term, bool negative) {
    int64_t coefficient = 1;
    std::string factors;
    if (term.starts_with('-')) {
      negative = !negative;
      term.remove_prefix(1);
    }
    bool overflowed = false;
    int depth = 0;
    for (std::size_t begin = 0, i = 0; i <= term.size(); ++i) {
      if (i < term.size())
        depth += (term[i] == '(') - (term[i] == ')');
      if (i < term.size() && !(depth == 0 && term.substr(i, 3) == " * "))
        continue;
      const std::string_view factor = term.substr(begin, i - begin);
      int64_t number;
      if (parse_number(factor, number))
        overflowed |= __builtin_mul_overflow(coefficient, number, &coefficient);
      else
        (factors += factors.empty() ? "" : " * ") += factor;
      begin = i + 3;
    }
    if (!overflowed) { // what overflowed can't be negated
      coefficient = negative ? -coefficient : coefficient;
      auto place = std::ranges::find(terms_, factors, &Term::first);
      if (place == terms_.end())
        terms_.emplace_back(std::move(factors), coefficient);
      else
        overflowed = __builtin_add_overflow(place->second, coefficient, &place->second);
    }
    if (overflowed)
      throw ValueError("the sum of multiply-adds does not fit 64 bits");
  }

  static bool parse_number(std::string_view text, int64_t &value) {
    if (text.empty() || text.size() > 19 || text.find_first_not_of("0123456789") != text.npos)
      return false;
    value = 0;
    for (char c : text)
      if (__builtin_mul_overflow(value, int64_t(10), &value) || __builtin_add_overflow(value, c - '0', &value))
        return false;
    return true;
  }

  using Term = std::pair<std::string, int64_t>; // factors, coefficient
  std::vector<Term> terms_;                     // in order of appearance
  bool negative_ = false;
};

// Thousands separators in every number of `text` that is not part of a name.
std::string with_separators(std::string_view text) {
  auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string result;
  for (std::size_t begin = 0, end; begin < text.size(); begin = end) {
    end = begin + 1;
    if (!in_name(text[begin])) {
      result += text[begin];
      continue;
    }
    while (end < text.size() && in_name(text[end]))
      ++end;
    const std::string_view word = text.substr(begin, end - begin);
    if (!std::ranges::all_of(word, is_digit)) {
      result += word;
      continue;
    }
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (i > 0 && (word.size() - i) % 3 == 0)
        result += ',';
      result += word[i];
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

constexpr std::size_t kColumns = 4;
using Row = std::array<std::string, kColumns>;

// Width on a terminal, a code point counting as one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// Names and shapes are aligned at the left, numbers at the right.
std::string table(const std::vector<Row> &rows) {
  std::array<std::size_t, kColumns> widths{};
  for (const Row &row : rows)
    for (std::size_t c = 0; c < kColumns; ++c)
      widths[c] = std::max(widths[c], width(row[c]));
  std::string text;
  std::size_t rule = 0;
  for (std::size_t c = 0; c < kColumns; ++c)
    rule += widths[c] + (c ? 2 : 0);
  for (const Row &row : rows) {
    std::string line;
    for (std::size_t c = 0; c < kColumns; ++c) {
      const std::string padding(widths[c] - width(row[c]), ' ');
      line += c ? "  " : "";
      line += c < 2 ? row[c] + padding : padding + row[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (&row == &rows.front())
      text += std::string(rule, '-') + "\n";
  }
  return concat({text, std::string(rule, '-'), "\n"});
}

} // namespace

std::string summary_text(std::span<const ModuleEntry> modules) {
  std::vector<Row> rows{{"Layer (type)", "Output shape", "Parameters", "Multiply-adds"}};
  int64_t parameters = 0, trainable = 0;
  SymbolicSum multiply_adds;
  for (const ModuleEntry &module : modules) {
    rows.push_back({module.path.empty() ? module.type : concat({module.path, " (", module.type, ")"}), module.output_shape,
                    module.parameters ? with_separators(std::to_string(module.parameters)) : "",
                    with_separators(module.multiply_adds)});
    if (__builtin_add_overflow(parameters, module.parameters, &parameters) ||
        __builtin_add_overflow(trainable, module.trainable_parameters, &trainable))
      throw ValueError("the sum of parameters does not fit 64 bits");
    multiply_adds.add(module.multiply_adds);
  }
  auto total = [](std::string_view label, const std::string &number) { return concat({label, with_separators(number), "\n"}); };
  return table(rows) + total("Total parameters: ", std::to_string(parameters)) +
         total("Trainable parameters: ", std::to_string(trainable)) +
         total("Non-trainable parameters: ", std::to_string(parameters - trainable)) +
         total("Total multiply-adds: ", multiply_adds.text());
}

} // namespace kiln::runtime
