// The programs that the kernels of training are tested with: comparisons, losses, gradients, optimizers. Sizes are chosen around
// vectors and tiles, as in kernel_cases.cpp.
#include "kernel_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace kiln::test {

using runtime::DType;

namespace {

/// Collects cases; names types by their sizes.
class TrainingCases {
public:
  explicit TrainingCases(std::vector<KernelCase> &cases) : cases(cases) {}
  void add();

private:
  struct Input {
    std::string sizes, element = "f32";
    int64_t limit = 10;
  };

  static DType dtypeOf(const std::string &element) {
    return element == "f64"    ? DType::Float64
           : element == "i64"  ? DType::Int64
           : element == "i32"  ? DType::Int32
           : element == "i8"   ? DType::Int8
           : element == "i1"   ? DType::Bool
           : element == "f16"  ? DType::Float16
           : element == "bf16" ? DType::BFloat16
                               : DType::Float32;
  }
  /// What is rounded to the element type at the end may differ in the last place.
  static double toleranceOf(const std::string &element, double single, double twice) {
    return element == "f64" ? twice : element == "f16" ? 2e-3 : element == "bf16" ? 1.6e-2 : single;
  }
  static std::vector<int64_t> sizesOf(const std::string &text);
  /// A case whose body reads %x0, %x1, ... and returns `returned` of types `results`.
  void add(const std::string &name, const std::vector<Input> &inputs, const std::string &body, const std::string &results,
           double tolerance, const std::string &returned = "%y", const std::string &states = "");

  void addComparisons();
  void addProducts();
  void addCrossEntropy(const std::string &name, const Input &scores, const std::string &target, bool isWeighted, double smoothing,
                       int64_t ignoreIndex);
  void addSoftmax();
  void addSoftmaxEpilogues();
  void addCasts();
  void addLosses();
  void addTables();
  void addNormalisation();
  void addDropout();
  void addOptimizers();
  void addSums();

  std::vector<KernelCase> &cases;
};

std::string type(const std::string &sizes, const std::string &element = "f32") { return tensorText(sizes, element); }

std::vector<int64_t> TrainingCases::sizesOf(const std::string &text) {
  std::vector<int64_t> sizes;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(", ", begin), text.size());
    std::string size = text.substr(begin, end - begin);
    sizes.push_back(size == "batch" ? kBatch : std::stoll(size));
    begin = end + 2;
  }
  return sizes;
}

void TrainingCases::add(const std::string &name, const std::vector<Input> &inputs, const std::string &body,
                        const std::string &results, double tolerance, const std::string &returned, const std::string &states) {
  std::vector<std::string> types;
  std::vector<InputCase> values;
  for (const Input &input : inputs) {
    types.push_back(type(input.sizes, input.element));
    values.push_back({sizesOf(input.sizes), dtypeOf(input.element), input.limit});
  }
  cases.push_back({name, states + functionText(types, body, results, returned), values, tolerance});
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

void TrainingCases::addComparisons() {
  for (const char *op : {"eq", "ne", "lt", "le", "gt", "ge"})
    for (const char *element : {"f32", "i64"}) {
      // Whole numbers, so that some are equal.
      std::string a = type("batch, 1, 6", element), b = type("5, 6", element), y = type("batch, 5, 6", "i1");
      std::string ia = type("batch, 1, 6", "i64"), ib = type("5, 6", "i64");
      std::string casts = element == std::string("i64")
                              ? fmt::format("  %y = nn.{} %x0, %x1 : ({}, {}) -> {}", op, a, b, y)
                              : fmt::format("  %a = nn.cast %x0 to f32 : ({0}) -> {1}\n  %b = nn.cast %x1 to f32 : ({2}) -> {3}\n"
                                            "  %y = nn.{5} %a, %b : ({1}, {3}) -> {4}",
                                            ia, a, ib, b, y, op);
      add(fmt::format("{}_{}", op, element), {{"batch, 1, 6", "i64", 4}, {"5, 6", "i64", 4}}, casts, y, 0);
    }
  for (const char *element : {"f32", "f64", "i64"}) {
    std::string c = type("batch, 1", "i1"), a = type("batch, 37", element), b = type("37", element);
    add(fmt::format("where_{}", element), {{"batch, 1", "i1"}, {"batch, 37", element}, {"37", element}},
        fmt::format("  %y = nn.where %x0, %x1, %x2 : ({}, {}, {}) -> {}", c, a, b, a), a, 0);
  }
  // The gradient of relu: a comparison and a selection in one region.
  std::string x = type("batch, 37"), c = type("batch, 37", "i1"), zero = type("");
  add("relu_gradient", {{"batch, 37"}, {"batch, 37"}},
      fmt::format("  %zero = nn.full 0.000000e+00 shape = [] dtype = f32 : {2}\n  %c = nn.gt %x0, %zero : ({0}, {2}) -> {1}\n"
                  "  %y = nn.where %c, %x1, %zero : ({1}, {0}, {2}) -> {0}",
                  x, c, zero),
      x, 0);
}

//===----------------------------------------------------------------------===//
// Products and sums
//===----------------------------------------------------------------------===//

void TrainingCases::addProducts() {
  struct Product {
    const char *name, *lhs, *rhs, *lhsSwapped, *rhsSwapped, *result, *dims, *element;
  };
  // The swapped sizes are empty where an operand is not transposed.
  for (const Product &p : {
           Product{"tn", "batch, 37", "batch, 70", "37, batch", "", "37, 70", "1, 0", "f32"}, // the gradient of a weight
           {"tn_blocks", "batch, 300", "batch, 70", "300, batch", "", "300, 70", "1, 0", "f32"}, // of rows and, with 257, of k
           {"tn_even", "batch, 24", "batch, 64", "24, batch", "", "24, 64", "1, 0", "f32"},
           {"tn_f64", "batch, 11", "batch, 21", "11, batch", "", "11, 21", "1, 0", "f64"},
           {"nn_45", "batch, 30", "30, 45", "", "", "batch, 45", "", "f32"}, // of an input
           {"nt", "batch, 33", "45, 33", "", "33, 45", "batch, 45", "1, 0", "f32"},
           {"tt", "9, batch", "45, 9", "batch, 9", "9, 45", "batch, 45", "1, 0", "f32"},
           {"tn_f16", "batch, 11", "batch, 21", "11, batch", "", "11, 21", "1, 0", "f16"},
           {"nt_bf16", "batch, 33", "45, 33", "", "33, 45", "batch, 45", "1, 0", "bf16"},
           {"tt_f16", "9, batch", "45, 9", "batch, 9", "9, 45", "batch, 45", "1, 0", "f16"},
           {"tn_i64", "batch, 6", "batch, 7", "6, batch", "", "6, 7", "1, 0", "i64"},
           {"nt_blocks", "batch, 270", "200, 270", "", "270, 200", "batch, 200", "1, 0", "f32"}, // several blocks of k
           {"nt_i8", "batch, 832", "90, 832", "", "832, 90", "batch, 90", "1, 0", "i8"}, // k in more lanes than floats have
           {"nt_i32", "batch, 6", "7, 6", "", "6, 7", "batch, 7", "1, 0", "i32"},
           {"tn_column", "19, batch", "19, 1", "batch, 19", "", "batch, 1", "1, 0", "f32"},
           {"tn_batched", "batch, 6, 5", "batch, 6, 40", "batch, 5, 6", "", "batch, 5, 40", "0, 2, 1", "f32"},
           {"nt_broadcast", "batch, 2, 6, 8", "2, 17, 8", "", "2, 8, 17", "batch, 2, 6, 17", "0, 2, 1", "f32"},
       }) {
    auto swapped = [&](const char *name, const char *operand, const char *sizes, const char *to) {
      return *to ? fmt::format("  %{} = nn.permute %{} dims = [{}] : ({}) -> {}\n", name, operand, p.dims, type(sizes, p.element),
                               type(to, p.element))
                 : std::string();
    };
    std::string lhs = type(*p.lhsSwapped ? p.lhsSwapped : p.lhs, p.element),
                rhs = type(*p.rhsSwapped ? p.rhsSwapped : p.rhs, p.element);
    std::string y = type(p.result, p.element);
    add(std::string("matmul_") + p.name, {{p.lhs, p.element}, {p.rhs, p.element}},
        swapped("a", "x0", p.lhs, p.lhsSwapped) + swapped("b", "x1", p.rhs, p.rhsSwapped) +
            fmt::format("  %m = nn.matmul {}, {} : ({}, {}) -> {}\n  %y = nn.neg %m : {}", *p.lhsSwapped ? "%a" : "%x0",
                        *p.rhsSwapped ? "%b" : "%x1", lhs, rhs, y, y),
        y, p.element[0] == 'i' ? 0 : toleranceOf(p.element, 2e-6, 1e-14));
  }
  // One permutation, two products: one that folds it and one that can't.
  std::string x = type("batch, 24"), t = type("24, batch"), s = type("24, 24"), y = type("batch, 24");
  add("matmul_shared_permute", {{"batch, 24"}},
      fmt::format("  %t = nn.permute %x0 dims = [1, 0] : ({0}) -> {1}\n  %s = nn.matmul %t, %x0 : ({1}, {0}) -> {2}\n"
                  "  %y = nn.matmul %x0, %s : ({0}, {2}) -> {0}\n  %u = nn.relu %t : {1}",
                  x, t, s),
      fmt::format("{}, {}", y, t), 4e-6, "%y, %u");
}

void TrainingCases::addSums() {
  for (const char *columns : {"1", "7", "64", "333"})
    for (const char *element : {"f32", "f64"}) {
      std::string x = type(fmt::format("batch, {}", columns), element), y = type(columns, element);
      add(fmt::format("sum_columns_{}_{}", columns, element), {{fmt::format("batch, {}", columns), element}},
          fmt::format("  %y = nn.sum %x0 dims = [0] keepdim = false : ({}) -> {}", x, y), y, element[1] == '6' ? 1e-14 : 2e-6);
    }
  std::string x = type("batch, 3, 50"), y = type("50");
  add("sum_leading_two", {{"batch, 3, 50"}}, fmt::format("  %y = nn.sum %x0 dims = [0, 1] keepdim = false : ({}) -> {}", x, y), y,
      2e-6);
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

void TrainingCases::addCrossEntropy(const std::string &name, const Input &scores, const std::string &target, bool isWeighted,
                                    double smoothing, int64_t ignoreIndex) {
  std::vector<int64_t> sizes = sizesOf(scores.sizes);
  int64_t classes = sizes[sizes.size() == 1 ? 0 : 1];
  std::string x = type(scores.sizes, scores.element), t = type(target, "i64"), w = type(std::to_string(classes), scores.element);
  double tolerance = toleranceOf(scores.element, 2e-6, 1e-13);
  for (const char *reduction : {"none", "sum", "mean"}) {
    std::string loss = reduction == std::string("none") ? type(target, scores.element) : type("", scores.element);
    std::string attributes =
        fmt::format("ignore_index = {} label_smoothing = {:e} reduction = \"{}\"", ignoreIndex, smoothing, reduction);
    std::string weight = isWeighted ? " weight %w" : "", weightType = isWeighted ? ", " + w : "";
    std::vector<Input> inputs = {scores, {target, "i64", classes}};
    std::string body;
    if (isWeighted) { // weights are positive
      inputs.push_back({std::to_string(classes), scores.element});
      body = fmt::format("  %w = nn.exp %x2 : {}\n", w);
    }
    add(fmt::format("cross_entropy_{}_{}", name, reduction), inputs,
        body +
            fmt::format("  %y = nn.cross_entropy %x0, %x1{} {} : ({}, {}{}) -> {}", weight, attributes, x, t, weightType, loss),
        loss, tolerance);
    std::string cotangent = fmt::format("%x{}", inputs.size());
    inputs.push_back({reduction == std::string("none") ? target : "", scores.element});
    add(fmt::format("cross_entropy_backward_{}_{}", name, reduction), inputs,
        body + fmt::format("  %y = nn.cross_entropy_backward {}, %x0, %x1{} {} : ({}, {}, {}{}) -> {}", cotangent, weight,
                           attributes, loss, x, t, weightType, x),
        x, tolerance);
  }
}

/// Softmax, its logarithm and their gradients. Lanes are classes where these are last, else rows; a tensor without dimensions is one
/// row of one.
void TrainingCases::addSoftmax() {
  for (const char *element : {"f32", "f64", "f16", "bf16"})
    for (auto [name, sizes, dim, isOfAll] : {std::tuple("columns", "batch, 37", 1, true),
                                             {"even", "batch, 64", -1, true},
                                             {"rows", "batch, 37", 0, true},
                                             {"images", "batch, 6, 3, 7", 1, true},
                                             {"vector", "11", 0, true},
                                             {"scalar", "", 0, true},
                                             {"long", "batch, 1003", 1, false},
                                             {"two", "batch, 2", 1, false},
                                             {"one", "batch, 1", 1, false},
                                             {"none", "batch, 0", 1, false},
                                             {"heads", "batch, 3, 5, 19", -1, false},
                                             {"ones", "batch, 21, 1", 1, false},
                                             {"open", "batch", -1, false}})
      for (const char *op : {"softmax", "log_softmax", "softmax_backward", "log_softmax_backward"}) {
        if (!isOfAll && element != std::string("f32"))
          continue;
        std::string x = type(sizes, element), operands = std::string(op).ends_with("backward") ? "%x0, %x1" : "%x0";
        std::vector<Input> inputs(operands == "%x0" ? 1 : 2, Input{sizes, element});
        add(fmt::format("{}_{}_{}", op, name, element), inputs, fmt::format("  %y = nn.{} {} dim = {} : {}", op, operands, dim, x), x,
            toleranceOf(element, 1e-6, 1e-14));
      }
}

/// What is computed on probabilities as they are stored: over the last dimension, and over the one before it.
void TrainingCases::addSoftmaxEpilogues() {
  for (const char *op : {"softmax", "log_softmax", "softmax_backward", "log_softmax_backward"}) {
    bool isBackward = std::string(op).ends_with("backward");
    for (auto [name, sizes, dim, broadcast] : {std::tuple("last", "batch, 3, 37", 2, "3, 37"),
                                               {"last_by_row", "batch, 3, 37", -1, "batch, 1, 1"},
                                               {"before_last", "batch, 7, 37", 1, "7, 1"},
                                               {"before_last_by_column", "batch, 7, 37", -2, "37"},
                                               {"first", "batch, 7, 37", 0, "37"}, // a kernel of its own
                                               {"of_ones", "batch, 37, 1", 1, "37, 1"},
                                               {"vector", "11", 0, ""},
                                               {"scalar", "", 0, ""}}) {
      std::string x = type(sizes), scale = type(broadcast);
      std::vector<Input> inputs(isBackward ? 2 : 1, Input{sizes});
      inputs.push_back({broadcast});
      inputs.push_back({sizes});
      std::string scales = fmt::format("%x{}", inputs.size() - 2), residual = fmt::format("%x{}", inputs.size() - 1);
      add(fmt::format("{}_epilogue_{}", op, name), inputs,
          fmt::format("  %p = nn.{} %x0{} dim = {} : {}\n  %q = nn.mul %p, {} : ({}, {}) -> {}\n  %y = nn.add %q, {} : {}", op,
                      isBackward ? ", %x1" : "", dim, x, scales, x, scale, x, residual, x),
          x, 1e-6);
    }
    // Elements of another type than the scores': exponentials can't wait in a narrower one.
    for (auto [from, to] : {std::pair("f32", "f16"), {"f32", "f64"}, {"f16", "f32"}, {"f64", "f32"}}) {
      std::string x = type("batch, 37", from), y = type("batch, 37", to);
      add(fmt::format("{}_epilogue_{}_to_{}", op, from, to), std::vector<Input>(isBackward ? 2 : 1, Input{"batch, 37", from}),
          fmt::format("  %p = nn.{} %x0{} dim = 1 : {}\n  %y = nn.cast %p to {} : ({}) -> {}", op, isBackward ? ", %x1" : "", x, to, x,
                      y),
          y, std::string(from) == "f16" || std::string(to) == "f16" ? 2e-3 : 1e-6);
    }
  }
}

/// What is computed in one type and stored in another, by one kernel.
void TrainingCases::addCasts() {
  std::string x = type("batch, 20"), w = type("12, 20"), y = type("batch, 12"), i = type("batch, 3, 8"), t = type("20, 8");
  std::string c = type("batch, 4, 9, 9"), k = type("5, 4, 3, 3"), o = type("batch, 5, 7, 7");
  auto addCast = [&](const char *name, const std::vector<Input> &inputs, const std::string &body, const std::string &result) {
    for (const char *to : {"f64", "f16"}) {
      std::string stored = result;
      stored.replace(stored.find("f32"), 3, to);
      add(fmt::format("stored_{}_to_{}", name, to), inputs, fmt::format("{}\n  %y = nn.cast %z to {} : ({}) -> {}", body, to, result, stored),
          stored, to[1] == '6' ? 2e-6 : 2e-3);
    }
  };
  addCast("linear", {{"batch, 20"}, {"12, 20"}}, fmt::format("  %z = nn.linear %x0, %x1 : ({}, {}) -> {}", x, w, y), y);
  addCast("matmul", {{"batch, 12"}, {"12, 20"}}, fmt::format("  %z = nn.matmul %x0, %x1 : ({}, {}) -> {}", y, w, x), x);
  addCast("mean", {{"batch, 20"}}, fmt::format("  %z = nn.mean %x0 dims = [1] keepdim = false : ({}) -> {}", x, type("batch")), type("batch"));
  addCast("embedding", {{"batch, 3", "i64", 20}, {"20, 8"}},
          fmt::format("  %z = nn.embedding %x0, %x1 : ({}, {}) -> {}", type("batch, 3", "i64"), t, i), i);
  addCast("conv", {{"batch, 4, 9, 9"}, {"5, 4, 3, 3"}},
          fmt::format("  %z = nn.conv %x0, %x1 stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : "
                      "({}, {}) -> {}",
                      c, k, o),
          o);
  addCast("cat", {{"batch, 20"}}, fmt::format("  %z = nn.cat %x0, %x0 dim = 1 : ({0}, {0}) -> {1}", x, type("batch, 40")), type("batch, 40"));
}

void TrainingCases::addLosses() {
  addCrossEntropy("10", {"batch, 10"}, "batch", false, 0, -100);
  addCrossEntropy("10_f64", {"batch, 10", "f64"}, "batch", true, 0.1, 3);
  addCrossEntropy("37", {"batch, 37"}, "batch", true, 0, 0);
  addCrossEntropy("64_smooth", {"batch, 64"}, "batch", false, 0.2, -100);
  addCrossEntropy("vector", {"7"}, "", false, 0, -100);
  addCrossEntropy("images", {"batch, 6, 3, 7"}, "batch, 3, 7", true, 0.1, 2);
  addCrossEntropy("37_f16", {"batch, 37", "f16"}, "batch", true, 0.1, 3);
  addCrossEntropy("images_bf16", {"batch, 6, 3, 7", "bf16"}, "batch, 3, 7", true, 0.1, 2);
  addCrossEntropy("sequence", {"batch, 5, 20", "f64"}, "batch, 20", false, 0, 1);
}

//===----------------------------------------------------------------------===//
// Gradients of layers
//===----------------------------------------------------------------------===//

void TrainingCases::addTables() {
  for (const char *index : {"i64", "i32"})
    for (const auto &[name, padding] : {std::pair("", ""), std::pair("_padding", " padding_idx = 4"), std::pair("_padding_from_end", " padding_idx = -44")}) {
      std::string g = type("batch, 3, 20"), i = type("batch, 3", index), y = type("50, 20");
      add(fmt::format("embedding_backward_{}{}", index, name), {{"batch, 3, 20"}, {"batch, 3", index, 9}},
          fmt::format("  %y = nn.embedding_backward %x0, %x1 num_embeddings = <50>{} : ({}, {}) -> {}", padding, g, i, y), y,
          5e-6);
    }
  // Wide enough to be split.
  std::string g = type("batch, 64, 33"), i = type("batch, 64", "i64"), y = type("2000, 33");
  add("embedding_backward_large", {{"batch, 64, 33"}, {"batch, 64", "i64", 2000}},
      fmt::format("  %y = nn.embedding_backward %x0, %x1 num_embeddings = <2000> : ({}, {}) -> {}", g, i, y), y, 5e-6);
}

void TrainingCases::addNormalisation() {
  for (const char *rest : {"", ", 5", ", 3, 7"})
    for (const char *element : {"f32", "f64"})
      for (bool isWeighted : {true, false}) {
        std::string sizes = std::string("batch, 11") + rest, x = type(sizes, element), c = type("11", element);
        std::vector<Input> inputs = {{sizes, element}, {sizes, element}, {"11", element}, {"11", element}};
        if (isWeighted)
          inputs.push_back({"11", element});
        add(fmt::format("batch_norm_backward_{}d_{}{}", 2 + std::count(rest, rest + std::string(rest).size(), ','), element,
                        isWeighted ? "_weight" : ""),
            inputs,
            fmt::format(
                "  %y, %w, %b = nn.batch_norm_backward %x0, %x1, %x2, %x3{2} : ({0}, {0}, {1}, {1}{3}) -> ({0}, {1}, {1})", x, c,
                isWeighted ? " weight %x4" : "", isWeighted ? ", " + c : ""),
            fmt::format("{0}, {1}, {1}", x, c), element[1] == '6' ? 1e-12 : 1e-5, "%y, %w, %b");
      }
  // Statistics and weight beside a 16-bit input are of its type or f32; gradients of parameters are of theirs.
  for (const char *parameter : {"f16", "f32"})
    for (const char *rest : {"", ", 3, 7"}) {
      std::string sizes = std::string("batch, 11") + rest, x = type(sizes, "f16"), c = type("11", parameter);
      add(fmt::format("batch_norm_backward_f16_{}{}", parameter, *rest ? "_images" : ""),
          {{sizes, "f16"}, {sizes, "f16"}, {"11", parameter}, {"11", parameter}, {"11", parameter}},
          fmt::format("  %y, %w, %b = nn.batch_norm_backward %x0, %x1, %x2, %x3 weight %x4 : ({0}, {0}, {1}, {1}, {1}) -> "
                      "({0}, {1}, {1})",
                      x, c),
          fmt::format("{0}, {1}, {1}", x, c), 2e-3, "%y, %w, %b");
      add(fmt::format("batch_norm_mixed_f16_{}{}", parameter, *rest ? "_images" : ""), {{sizes, "f16"}, {"11", parameter}},
          fmt::format("  %y, %bm, %bs = nn.batch_norm %x0 bias %x1 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : "
                      "({0}, {1}) -> ({0}, {1}, {1})",
                      x, c),
          fmt::format("{0}, {1}, {1}", x, c), 2e-3, "%y, %bm, %bs");
    }
}

void TrainingCases::addDropout() {
  // Rows that begin at multiples of four, and others; large numbers, whose upper halves count.
  for (const char *sizes : {"batch, 37", "batch, 40", "batch, 3, 12", "batch"})
    for (const char *element : {"f32", "f64"}) {
      std::string x = type(sizes, element), g = type("2", "i64"), name = sizes;
      for (char &c : name)
        c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
      add(fmt::format("dropout_{}_{}", name, element), {{sizes, element}, {"2", "i64", int64_t(1) << 40}},
          fmt::format("  %y = nn.dropout %x0 generator %x1 p = 3.000000e-01 training = true site = 5 : ({0}, {1}) -> {0}", x, g),
          x, element[1] == '6' ? 0 : 1e-6);
    }
  std::string x = type("batch, 37");
  // What a generator would be for is not done.
  add("dropout_evaluated", {{"1"}, {"2", "i64", 5}},
      fmt::format("  %y = nn.dropout %x0 generator %x1 p = 3.000000e-01 training = false site = 5 : ({0}, {1}) -> {0}", type("1"), type("2", "i64")), type("1"), 0);
  add("dropout_all", {{"batch, 37"}},
      fmt::format("  %y = nn.dropout %x0 p = 1.000000e+00 training = true site = 0 : ({0}) -> {0}", x), x, 0);
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

void TrainingCases::addOptimizers() {
  struct Step {
    const char *name, *op, *lists, *attributes, *element;
    int slots;
  };
  for (const Step &step : {
           Step{"sgd", "sgd", "",
                "momentum = 0.000000e+00 dampening = 0.000000e+00 weight_decay = 0.000000e+00 nesterov = false maximize = false",
                "f32", 0},
           {"sgd_momentum", "sgd", "momentum_buffers",
            "momentum = 9.000000e-01 dampening = 1.000000e-01 weight_decay = 1.000000e-02 nesterov = false maximize = true",
            "f32", 1},
           {"sgd_nesterov_f64", "sgd", "momentum_buffers",
            "momentum = 9.000000e-01 dampening = 0.000000e+00 weight_decay = 0.000000e+00 nesterov = true maximize = false",
            "f64", 1},
           {"adam", "adam", "exp_avgs exp_avg_sqs",
            "beta1 = 9.000000e-01 beta2 = 9.990000e-01 eps = 1.000000e-08 weight_decay = 0.000000e+00 decoupled = false amsgrad "
            "= false maximize = false",
            "f32", 2},
           {"adam_amsgrad", "adam", "exp_avgs exp_avg_sqs max_exp_avg_sqs",
            "beta1 = 4.000000e-01 beta2 = 9.900000e-01 eps = 1.000000e-03 weight_decay = 1.000000e-02 decoupled = false amsgrad "
            "= true maximize = true",
            "f32", 3},
           {"adamw_f64", "adam", "exp_avgs exp_avg_sqs",
            "beta1 = 9.000000e-01 beta2 = 9.990000e-01 eps = 1.000000e-08 weight_decay = 1.000000e-02 decoupled = true amsgrad = "
            "false maximize = false",
            "f64", 2},
           {"sgd_momentum_f16", "sgd", "momentum_buffers",
            "momentum = 9.000000e-01 dampening = 1.000000e-01 weight_decay = 1.000000e-02 nesterov = false maximize = true",
            "f16", 1},
           {"adam_bf16", "adam", "exp_avgs exp_avg_sqs",
            "beta1 = 9.000000e-01 beta2 = 9.990000e-01 eps = 1.000000e-03 weight_decay = 0.000000e+00 decoupled = false amsgrad "
            "= false maximize = false",
            "bf16", 2},
       }) {
    // Two parameters: one of several blocks with a rest, and a small one. Squares and counts of steps are what they can be.
    std::string a = type("91, 101", step.element), b = type("5", step.element), list = fmt::format("{}, {}", a, b);
    std::vector<Input> inputs;
    std::string body, operands, types, results, names;
    auto input = [&](const char *sizes) {
      inputs.push_back({sizes, step.element});
      return inputs.size() - 1;
    };
    auto addList = [&](const std::string &name, bool isSquare) {
      size_t first = input("91, 101"), second = input("5");
      if (isSquare)
        body += fmt::format("  %s{0} = nn.mul %x{0}, %x{0} : {2}\n  %s{1} = nn.mul %x{1}, %x{1} : {3}\n", first, second, a, b);
      operands += fmt::format(" {0}(%{3}{1}, %{3}{2})", name, first, second, isSquare ? "s" : "x");
      types += list + ", ";
    };
    addList("parameters", false);
    addList("gradients", false);
    for (size_t begin = 0; step.lists[begin];) {
      std::string all = step.lists, name = all.substr(begin, all.find(' ', begin) - begin);
      addList(name, name.find("sq") != std::string::npos);
      begin = std::min(begin + name.size() + 1, all.size());
    }
    inputs.push_back({"3", "i64", 40});
    std::string steps = type("3"), whole = type("3", "i64"), one = type("");
    body += fmt::format("  %n = nn.cast %x{0} to f32 : ({1}) -> {2}\n  %one = nn.full 1.000000e+00 shape = [] dtype = f32 : {3}\n"
                        "  %steps = nn.add %n, %one : ({2}, {3}) -> {2}\n"
                        "  %lr = nn.full 1.250000e-02 shape = [] dtype = f64 : tensor<f64>\n",
                        inputs.size() - 1, whole, steps, one);
    for (int i = 0; i <= step.slots; ++i) {
      results += (i ? ", " : "") + list;
      names += fmt::format("{0}%r{1}, %r{2}", i ? ", " : "", 2 * i, 2 * i + 1);
    }
    body += fmt::format("  {} = nn.{}{} steps %steps lr %lr indices = [2, 0] {} : ({}{}, tensor<f64>) -> ({})", names, step.op,
                        operands, step.attributes, types, steps, results);
    add(step.name, inputs, body, results, toleranceOf(step.element, 2e-6, 1e-13), names);
  }
}

void TrainingCases::add() {
  addComparisons();
  addProducts();
  addSums();
  addSoftmax();
  addSoftmaxEpilogues();
  addCasts();
  addLosses();
  addTables();
  addNormalisation();
  addDropout();
  addOptimizers();
}

} // namespace

void addTrainingCases(std::vector<KernelCase> &cases) { TrainingCases(cases).add(); }

} // namespace kiln::test
