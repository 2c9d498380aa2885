// The programs that every kind of kernel is tested with. Sizes are chosen around tiles: below, equal, above, not divisible.
#include "kernel_cases.h"

#include <fmt/format.h>

namespace kiln::test {

using runtime::DType;

std::string moduleText(const std::string &body) { return "module attributes {nn.program = \"test\"} {\n" + body + "\n}\n"; }

std::string tensorText(const std::string &sizes, const std::string &element) {
  std::string dims;
  bool isDynamic = false;
  for (size_t begin = 0; begin < sizes.size();) {
    size_t end = std::min(sizes.find(", ", begin), sizes.size());
    std::string size = sizes.substr(begin, end - begin);
    bool isNumber = size.find_first_not_of("0123456789") == std::string::npos;
    isDynamic |= !isNumber;
    dims += (isNumber ? size : "?") + "x";
    begin = end + 2;
  }
  return "tensor<" + dims + element + (isDynamic ? ", #nn.shape<" + sizes + ">" : "") + ">";
}

std::string functionText(const std::vector<std::string> &inputs, const std::string &body, const std::string &result,
                         const std::string &returned) {
  std::string arguments;
  for (size_t i = 0; i < inputs.size(); ++i)
    arguments += fmt::format("{}%x{}: {}", i ? ", " : "", i, inputs[i]);
  return fmt::format("func.func @f({}) -> ({}) attributes {{nn.entry}} {{\n{}\n  return {} : {}\n}}", arguments, result, body,
                     returned, result);
}

namespace {

constexpr auto type = [](const std::string &sizes, const std::string &element = "f32") { return tensorText(sizes, element); };
constexpr auto function = [](const std::vector<std::string> &inputs, const std::string &body, const std::string &result,
                             const std::string &returned = "%y") { return functionText(inputs, body, result, returned); };

std::vector<KernelCase> makeCases() {
  std::vector<KernelCase> cases;

  // Linear layers whose weight is state: packed after optimisation.
  struct LinearSize {
    int64_t in, out;
  };
  for (LinearSize s : {LinearSize{1, 1}, {7, 10}, {16, 32}, {33, 48}, {64, 100}, {784, 512}}) {
    std::string x = type(fmt::format("batch, {}", s.in)), w = type(fmt::format("{}, {}", s.out, s.in)),
                b = type(std::to_string(s.out)), y = type(fmt::format("batch, {}", s.out));
    cases.push_back({fmt::format("linear_{}x{}_bias_relu", s.in, s.out),
                     fmt::format("nn.state @w parameter : {}\nnn.state @b parameter : {}\n", w, b) +
                         function({x},
                                  fmt::format("  %w = nn.read @w : {1}\n  %b = nn.read @b : {2}\n"
                                              "  %z = nn.linear %x0, %w, %b : ({0}, {1}, {2}) -> {3}\n  %y = nn.relu %z : {3}",
                                              x, w, b, y),
                                  y),
                     {{{kBatch, s.in}}}});
  }
  {
    std::string x = type("batch, 20", "f64"), w = type("35, 20", "f64"), y = type("batch, 35", "f64");
    cases.push_back(
        {"linear_f64",
         fmt::format("nn.state @w parameter : {}\n", w) +
             function({x}, fmt::format("  %w = nn.read @w : {1}\n  %y = nn.linear %x0, %w : ({0}, {1}) -> {2}", x, w, y), y),
         {{{kBatch, 20}, DType::Float64}},
         1e-14});
  }
  {
    std::string x = type("batch, 3, 24"), w = type("40, 24"), y = type("batch, 3, 40"), r = type("3, 40");
    cases.push_back({"linear_3d_residual",
                     fmt::format("nn.state @w parameter : {}\n", w) +
                         function({x, y, r},
                                  fmt::format("  %w = nn.read @w : {1}\n  %z = nn.linear %x0, %w : ({0}, {1}) -> {2}\n"
                                              "  %s = nn.add %z, %x1 : {2}\n  %y = nn.mul %s, %x2 : ({2}, {3}) -> {2}",
                                              x, w, y, r),
                                  y),
                     {{{kBatch, 3, 24}}, {{kBatch, 3, 40}}, {{3, 40}}}});
  }
  {
    std::string x = type("50"), w = type("12, 50"), b = type("12"), y = type("12");
    cases.push_back({"linear_vector",
                     fmt::format("nn.state @w parameter : {}\nnn.state @b parameter : {}\n", w, b) +
                         function({x},
                                  fmt::format("  %w = nn.read @w : {1}\n  %b = nn.read @b : {2}\n"
                                              "  %y = nn.linear %x0, %w, %b : ({0}, {1}, {2}) -> {3}",
                                              x, w, b, y),
                                  y),
                     {{{50}}}});
  }
  // A linear layer whose weight is an input; sums in one block of k and in several.
  for (LinearSize s : {LinearSize{37, 45}, {32, 64}, {530, 150}}) {
    std::string x = type(fmt::format("batch, {}", s.in)), w = type(fmt::format("{}, {}", s.out, s.in)),
                b = type(std::to_string(s.out)), y = type(fmt::format("batch, {}", s.out));
    cases.push_back({fmt::format("linear_unpacked_{}x{}", s.in, s.out),
                     function({x, w, b}, fmt::format("  %y = nn.linear %x0, %x1, %x2 : ({0}, {1}, {2}) -> {3}", x, w, b, y), y),
                     {{{kBatch, s.in}}, {{s.out, s.in}}, {{s.out}}}});
  }

  // Layers of one kind and different widths, which share a kernel: packed, and not; in the third, columns and K leave a rest.
  {
    const int64_t widths[] = {328, 280, 200, 72};
    std::string states, packed, plain, xs = type("batch, 328");
    std::vector<std::string> arguments = {xs};
    std::vector<InputCase> inputs = {{{kBatch, 328}}};
    for (int i = 0; i < 3; ++i) {
      std::string w = type(fmt::format("{}, {}", widths[i + 1], widths[i])), x = type(fmt::format("batch, {}", widths[i])),
                  y = type(fmt::format("batch, {}", widths[i + 1]));
      states += fmt::format("nn.state @w{} parameter : {}\n", i, w);
      packed += fmt::format("  %w{0} = nn.read @w{0} : {1}\n  %p{0} = nn.linear {4}, %w{0} : ({2}, {1}) -> {3}\n"
                            "  %r{0} = nn.relu %p{0} : {3}\n",
                            i, w, x, y, i == 0 ? "%x0" : fmt::format("%r{}", i - 1));
      plain += fmt::format("  %u{0} = nn.linear {4}, %x{5} : ({2}, {1}) -> {3}\n", i, w, x, y,
                           i == 0 ? "%x0" : fmt::format("%u{}", i - 1), i + 1);
      arguments.push_back(w);
      inputs.push_back({{widths[i + 1], widths[i]}});
    }
    std::string y = type("batch, 72");
    cases.push_back({"linear_widths", states + function(arguments, packed + plain, y + ", " + y, "%r2, %u2"), inputs});
  }

  // Matrix products.
  auto matmul = [&](const std::string &name, const std::string &a, const std::string &b, const std::string &y,
                    std::vector<InputCase> inputs) {
    cases.push_back({"matmul_" + name,
                     function({type(a), type(b)},
                              fmt::format("  %y = nn.matmul %x0, %x1 : ({}, {}) -> {}", type(a), type(b), type(y)), type(y)),
                     std::move(inputs)});
  };
  matmul("2d", "batch, 30", "30, 70", "batch, 70", {{{kBatch, 30}}, {{30, 70}}});
  matmul("deep", "batch, 531", "531, 70", "batch, 70", {{{kBatch, 531}}, {{531, 70}}});
  // A last tile reaches beyond the rows of a block, whose sums wait for the next block of k; also where the left operand is transposed.
  matmul("last_rows", "263, 531", "531, 70", "263, 70", {{{263, 531}}, {{531, 70}}});
  {
    std::string x = type("270, 95"), turned = type("95, 270"), w = type("270, 70"), y = type("95, 70");
    cases.push_back({"matmul_last_rows_transposed",
                     function({x, w},
                              fmt::format("  %t = nn.permute %x0 dims = [1, 0] : ({0}) -> {1}\n"
                                          "  %y = nn.matmul %t, %x1 : ({1}, {2}) -> {3}",
                                          x, turned, w, y),
                              y),
                     {{{270, 95}}, {{270, 70}}}});
  }
  matmul("inner_batch", "9, batch", "batch, 33", "9, 33", {{{9, kBatch}}, {{kBatch, 33}}});
  { // The gradient of a large weight: several blocks of rows, and of columns as many as copies have room for, which depends on the batch.
    std::string x = type("batch, 200"), turned = type("200, batch"), w = type("batch, 1130"), y = type("200, 1130");
    cases.push_back({"matmul_inner_batch_transposed",
                     function({x, w},
                              fmt::format("  %t = nn.permute %x0 dims = [1, 0] : ({0}) -> {1}\n"
                                          "  %y = nn.matmul %t, %x1 : ({1}, {2}) -> {3}",
                                          x, turned, w, y),
                              y),
                     {{{kBatch, 200}}, {{kBatch, 1130}}}});
  }
  matmul("batched", "batch, 5, 8", "batch, 8, 40", "batch, 5, 40", {{{kBatch, 5, 8}}, {{kBatch, 8, 40}}});
  matmul("broadcast", "batch, 1, 6, 8", "3, 8, 17", "batch, 3, 6, 17", {{{kBatch, 1, 6, 8}}, {{3, 8, 17}}});
  matmul("row", "11", "11, 38", "38", {{{11}}, {{11, 38}}});
  matmul("column", "batch, 4, 11", "11", "batch, 4", {{{kBatch, 4, 11}}, {{11}}});
  matmul("dot", "19", "19", "", {{{19}}, {{19}}});

  // Maps.
  auto unary = [&](const std::string &op, const std::string &element = "f32", DType dtype = DType::Float32,
                   double tolerance = 1e-6) {
    std::string t = type("batch, 5", element);
    cases.push_back(
        {op + "_" + element, function({t}, fmt::format("  %y = nn.{} %x0 : {}", op, t), t), {{{kBatch, 5}, dtype}}, tolerance});
  };
  for (const char *op : {"relu", "sigmoid", "tanh", "neg", "exp", "log", "sqrt", "rsqrt", "abs"}) {
    unary(op);
    unary(op, "f64", DType::Float64, 1e-14);
  }
  unary("relu", "i64", DType::Int64, 0);
  unary("neg", "i32", DType::Int32, 0);
  auto binary = [&](const std::string &op, const std::string &element = "f32", DType dtype = DType::Float32) {
    std::string a = type("batch, 1, 6", element), b = type("4, 6", element), y = type("batch, 4, 6", element);
    cases.push_back({op + "_" + element,
                     function({a, b}, fmt::format("  %y = nn.{} %x0, %x1 : ({}, {}) -> {}", op, a, b, y), y),
                     {{{kBatch, 1, 6}, dtype}, {{4, 6}, dtype}}});
  };
  for (const char *op : {"add", "sub", "mul", "div", "maximum", "minimum"})
    binary(op);
  for (const char *op : {"add", "mul", "maximum"}) {
    binary(op, "i64", DType::Int64);
    binary(op, "i1", DType::Bool);
  }
  struct CastCase {
    const char *from, *to;
    DType dtype;
  };
  for (CastCase c : {CastCase{"i64", "f32", DType::Int64},
                     {"f32", "i64", DType::Float32},
                     {"i1", "f32", DType::Bool},
                     {"f32", "i1", DType::Float32},
                     {"f32", "f64", DType::Float32},
                     {"i32", "i64", DType::Int32}}) {
    std::string x = type("batch, 9", c.from), y = type("batch, 9", c.to);
    cases.push_back({fmt::format("cast_{}_{}", c.from, c.to),
                     function({x}, fmt::format("  %y = nn.cast %x0 to {} : ({}) -> {}", c.to, x, y), y),
                     {{{kBatch, 9}, c.dtype}},
                     1e-7});
  }
  {
    std::string x = type("batch, 6, 2"), c = type("6");
    cases.push_back({"channel_affine",
                     function({x, c, c}, fmt::format("  %y = nn.channel_affine %x0, %x1, %x2 : ({0}, {1}, {1}) -> {0}", x, c), x),
                     {{{kBatch, 6, 2}}, {{6}}, {{6}}}});
    cases.push_back({"chain",
                     function({x},
                              fmt::format("  %a = nn.exp %x0 : {0}\n  %b = nn.add %a, %x0 : {0}\n  %c = nn.tanh %b : {0}\n"
                                          "  %y = nn.mul %c, %c : {0}",
                                          x),
                              x),
                     {{{kBatch, 6, 2}}}});
  }

  // Every element type: to every other one, and what it has of arithmetic. Doubles beside the interpreter's: what is rounded to 16
  // bits differs by half of a last place.
  struct ElementCase {
    const char *name;
    DType dtype;
    int64_t limit;
    double tolerance;
  };
  const std::vector<ElementCase> elements = {
      {"i1", DType::Bool, 2, 0},        {"ui8", DType::UInt8, 256, 0},       {"i8", DType::Int8, 128, 0},
      {"i16", DType::Int16, 32768, 0},  {"i32", DType::Int32, 1 << 20, 0},   {"i64", DType::Int64, int64_t(1) << 40, 0},
      {"f16", DType::Float16, 0, 1e-3}, {"bf16", DType::BFloat16, 0, 8e-3}, {"f32", DType::Float32, 0, 2e-6},
      {"f64", DType::Float64, 0, 1e-14}};
  for (const ElementCase &from : elements) {
    std::string x = type("batch, 9", from.name), body, results, values;
    for (const ElementCase &to : elements) {
      std::string y = type("batch, 9", to.name);
      // Of twice a value: numbers beyond 1 are truncated, negative ones become unsigned.
      body += fmt::format("  %{2} = nn.cast %s to {2} : ({0}) -> {1}\n", x, y, to.name);
      values += (values.empty() ? "%" : ", %") + std::string(to.name);
      results += (results.empty() ? "" : ", ") + y;
    }
    cases.push_back({fmt::format("cast_{}_to_all", from.name),
                     function({x}, fmt::format("  %s = nn.add %x0, %x0 : {}\n{}", x, body), results, values),
                     {{{kBatch, 9}, from.dtype, std::min<int64_t>(from.limit, 1 << 14)}}, // twice that is an f16
                     8e-3});
  }
  for (const ElementCase &element : elements) {
    const std::string name = element.name, a = type("batch, 1, 6", name), b = type("4, 6", name), y = type("batch, 4, 6", name);
    std::string body, results, values;
    auto add = [&](const std::string &op, const std::string &text) {
      body += fmt::format("  %{} = nn.{}\n", op, text);
      values += (values.empty() ? "%" : ", %") + op;
      results += (results.empty() ? "" : ", ") + y;
    };
    const bool isFloat = name.find('f') != std::string::npos;
    for (const char *op : {"add", "mul", "maximum", "minimum", "sub", "div"})
      if (!((name == "i1" && op == std::string("sub")) || (!isFloat && op == std::string("div"))))
        add(op, fmt::format("{} %x0, %x1 : ({}, {}) -> {}", op, a, b, y));
    for (const char *op : {"relu", "neg", "abs"})
      if (name != "i1")
        add(op, fmt::format("{} %sub : {}", op, y));
    if (name.ends_with("f16"))
      for (const char *op : {"sigmoid", "tanh", "exp", "log", "sqrt", "rsqrt"})
        add(op, fmt::format("{} %abs : {}", op, y));
    cases.push_back({"arithmetic_" + name,
                     function({a, b}, body, results, values),
                     {{{kBatch, 1, 6}, element.dtype, element.limit}, {{4, 6}, element.dtype, element.limit}},
                     element.tolerance * 4});
    // Everything but maps. Linear layers with few and many features, packed and not, and what is read apart.
    std::string x = type("batch, 30", name), w = type("45, 30", name), p = type("30, 45", name), o = type("batch, 45", name);
    if (name != "i1") {
      cases.push_back({"products_" + name,
                       fmt::format("nn.state @w parameter : {}\n", w) +
                           function({x, w, p},
                                    fmt::format("  %w = nn.read @w : {1}\n  %a = nn.linear %x0, %w : ({0}, {1}) -> {3}\n"
                                                "  %b = nn.linear %x0, %x1 : ({0}, {1}) -> {3}\n"
                                                "  %c = nn.matmul %x0, %x2 : ({0}, {2}) -> {3}\n"
                                                "  %d = nn.add %a, %b : {3}",
                                                x, w, p, o),
                                    fmt::format("{0}, {0}, {0}", o), "%b, %c, %d"),
                       {{{kBatch, 30}, element.dtype, element.limit},
                        {{45, 30}, element.dtype, element.limit},
                        {{30, 45}, element.dtype, element.limit}},
                       element.tolerance * 2});
    }
    std::string t = type("batch, 7, 6", name), s = type("batch, 7", isFloat ? name : "i64"), m = type("7, 6", isFloat ? name : "i64");
    cases.push_back({"sums_" + name,
                     function({t},
                              fmt::format("  %a = nn.sum %x0 dims = [2] keepdim = false : ({0}) -> {1}\n"
                                          "  %b = nn.{3} %x0 dims = [0] keepdim = false : ({0}) -> {2}",
                                          t, s, m, isFloat ? "mean" : "sum"),
                              s + ", " + m, "%a, %b"),
                     {{{kBatch, 7, 6}, element.dtype, element.limit}},
                     element.tolerance * 2});
    std::string half = type("batch, 7, 3", name), turned = type("6, batch, 7", name), part = type("batch, 3, 6", name),
                twice = type("batch, 14, 6", name);
    cases.push_back({"movement_" + name,
                     function({t, half},
                              fmt::format("  %a = nn.permute %x0 dims = [2, 0, 1] : ({0}) -> {2}\n"
                                          "  %b = nn.slice %x0 dim = 1 [1 : 6 : 2] : ({0}) -> {3}\n"
                                          "  %c = nn.cat %x0, %x0 dim = 1 : ({0}, {0}) -> {4}\n"
                                          "  %d = nn.slice_scatter %x0, %x1 dim = 2 [0 : 6 : 2] : ({0}, {1}) -> {0}\n"
                                          "  %f = nn.full 1.0 shape = [batch, 7, 6] dtype = {5} : {0}\n"
                                          "  %e = nn.add %d, %f : {0}",
                                          t, half, turned, part, twice, name),
                              fmt::format("{}, {}, {}, {}", turned, part, twice, t), "%a, %b, %c, %e"),
                     {{{kBatch, 7, 6}, element.dtype, element.limit}, {{kBatch, 7, 3}, element.dtype, element.limit}},
                     element.tolerance});
    if (isFloat)
      cases.push_back(
          {"dropout_" + name,
           function({o, "tensor<2xi64>"},
                    fmt::format("  %y = nn.dropout %x0 generator %x1 p = 3.000000e-01 training = true site = 7 : "
                                "({0}, tensor<2xi64>) -> {0}",
                                o),
                    o),
           {{{kBatch, 45}, element.dtype}, {{2}, DType::Int64, int64_t(1) << 40}},
           element.tolerance * 2});
  }
  // Statistics and parameters of 16-bit inputs: of the same type, or f32.
  for (const ElementCase &parameter : {elements[6], elements[8]}) {
    std::string x = type("batch, 11", "f16"), c = type("11", parameter.name);
    cases.push_back({fmt::format("batch_norm_f16_{}", parameter.name),
                     function({x, c, c},
                              fmt::format("  %y, %m, %v, %bm, %bs = nn.batch_norm %x0 weight %x1 bias %x2 running_mean %x1 "
                                          "running_var %x2 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : "
                                          "({0}, {1}, {1}, {1}, {1}) -> ({0}, {1}, {1}, {1}, {1})",
                                          x, c),
                              fmt::format("{0}, {1}, {1}, {1}, {1}", x, c), "%y, %m, %v, %bm, %bs"),
                     {{{kBatch, 11}, DType::Float16}, {{11}, parameter.dtype}, {{11}, parameter.dtype}},
                     2e-3});
  }
  // An epilogue's operand that is read apart, beside features that do not fill a panel.
  for (const char *element : {"f16", "bf16", "f32"}) {
    DType dtype = element == std::string("f16") ? DType::Float16 : element[0] == 'b' ? DType::BFloat16 : DType::Float32;
    std::string x = type("batch, 20", element), w = type("10, 20", element), r = type("10, batch", element),
                t = type("batch, 10", element);
    cases.push_back({fmt::format("linear_strided_residual_{}", element),
                     fmt::format("nn.state @w parameter : {}\n", w) +
                         function({x, r},
                                  fmt::format("  %w = nn.read @w : {1}\n  %z = nn.linear %x0, %w : ({0}, {1}) -> {3}\n"
                                              "  %p = nn.permute %x1 dims = [1, 0] : ({2}) -> {3}\n  %y = nn.add %z, %p : {3}",
                                              x, w, r, t),
                                  t),
                     {{{kBatch, 20}, dtype}, {{10, kBatch}, dtype}},
                     dtype == DType::Float32 ? 2e-6 : dtype == DType::Float16 ? 2e-3 : 1.6e-2});
  }

  // Movement.
  {
    std::string x = type("batch, 7, 3");
    auto move = [&](const std::string &name, const std::string &op, const std::string &sizes) {
      cases.push_back({name,
                       function({x}, fmt::format("  %y = nn.{} : ({}) -> {}", op, x, type(sizes)), type(sizes)),
                       {{{kBatch, 7, 3}}},
                       0});
    };
    move("permute", "permute %x0 dims = [2, 0, 1]", "3, batch, 7");
    move("reshape", "reshape %x0 to [batch, 21]", "batch, 21");
    move("slice_middle", "slice %x0 dim = 1 [1 : 6 : 2]", "batch, 3, 3");
    move("slice_last", "slice %x0 dim = 2 [1 : 3 : 1]", "batch, 7, 2");
    move("slice_last_step", "slice %x0 dim = 2 [0 : 3 : 2]", "batch, 7, 2");
    std::string v = type("batch, 1"), e = type("batch, 40");
    cases.push_back(
        {"expand", function({v}, fmt::format("  %y = nn.expand %x0 to [batch, 40] : ({}) -> {}", v, e), e), {{{kBatch, 1}}}, 0});
    std::string long1 = type("batch, 30"), long2 = type("batch, 9"), joined = type("batch, 39");
    cases.push_back({"cat_columns",
                     function({long1, long2},
                              fmt::format("  %z = nn.cat %x0, %x1 dim = 1 : ({}, {}) -> {}\n  %y = nn.relu %z : {}", long1, long2,
                                          joined, joined),
                              joined),
                     {{{kBatch, 30}}, {{kBatch, 9}}},
                     0});
    std::string fixed = type("4, 30"), rows = type("batch + 4, 30"), bias = type("30");
    cases.push_back(
        {"cat_rows",
         function({long1, fixed, bias},
                  fmt::format("  %z = nn.cat %x0, %x1 dim = 0 : ({}, {}) -> {}\n  %y = nn.add %z, %x2 : ({}, {}) -> {}", long1,
                              fixed, rows, rows, bias, rows),
                  rows),
         {{{kBatch, 30}}, {{4, 30}}, {{30}}},
         1e-7});
    std::string part = type("batch, 3, 3"), last = type("batch, 7, 2");
    cases.push_back(
        {"slice_scatter_middle",
         function({x, part}, fmt::format("  %y = nn.slice_scatter %x0, %x1 dim = 1 [1 : 6 : 2] : ({}, {}) -> {}", x, part, x), x),
         {{{kBatch, 7, 3}}, {{kBatch, 3, 3}}},
         0});
    cases.push_back(
        {"slice_scatter_last",
         function({x, last}, fmt::format("  %y = nn.slice_scatter %x0, %x1 dim = 2 [0 : 3 : 2] : ({}, {}) -> {}", x, last, x), x),
         {{{kBatch, 7, 3}}, {{kBatch, 7, 2}}},
         0});
    std::string tall = type("batch, 3"), lastRows = "tensor<?x3xf32, #nn.shape<min(2, batch), 3>>";
    cases.push_back({"last_rows",
                     function({tall},
                              fmt::format("  %y = nn.slice %x0 dim = 0 [max(batch - 2, 0) : batch : 1] : ({0}) -> {1}", tall, lastRows),
                              lastRows),
                     {{{kBatch, 3}}}});
  }
  for (const char *element : {"f16", "bf16", "f32", "f64", "i8", "i32", "i64", "i1"}) {
    std::string x = type("batch, 3"), y = type("batch, 3", element);
    cases.push_back({fmt::format("full_of_size_{}", element),
                     function({x}, fmt::format("  %y = nn.full #nn.dim<3 * batch + 1> shape = [batch, 3] dtype = {1} : {0}", y, element), y),
                     {{{kBatch, 3}}}});
  }
  {
    std::string full = type("batch, 3");
    cases.push_back(
        {"full",
         function(
             {full},
             fmt::format("  %c = nn.full 2.500000e+00 shape = [batch, 3] dtype = f32 : {0}\n  %y = nn.add %x0, %c : {0}", full),
             full),
         {{{kBatch, 3}}},
         1e-7});
  }

  // Reductions.
  for (const char *op : {"sum", "mean"}) {
    std::string x = type("batch, 70, 6");
    auto reduce = [&](const std::string &name, const std::string &dims, bool keepdim, const std::string &sizes) {
      cases.push_back(
          {fmt::format("{}_{}", op, name),
           function({x}, fmt::format("  %y = nn.{} %x0 dims = [{}] keepdim = {} : ({}) -> {}", op, dims, keepdim, x, type(sizes)),
                    type(sizes)),
           {{{kBatch, 70, 6}}}});
    };
    reduce("last", "2", false, "batch, 70");
    reduce("last_two", "1, 2", true, "batch, 1, 1");
    reduce("middle", "1", false, "batch, 6");
    reduce("first", "0", true, "1, 70, 6");
    reduce("outer_and_inner", "0, 2", false, "70");
    reduce("all", "0, 1, 2", false, "");
    // A tensor without dimensions counts as having one, which may be named.
    std::string number = type("");
    cases.push_back({fmt::format("{}_number", op),
                     function({number}, fmt::format("  %y = nn.{0} %x0 dims = [0] keepdim = false : ({1}) -> {1}", op, number), number),
                     {InputCase{}}});
  }
  {
    std::string x = type("batch, 8", "i1"), y = type("batch", "i64");
    cases.push_back({"sum_bool",
                     function({x}, fmt::format("  %y = nn.sum %x0 dims = [1] keepdim = false : ({}) -> {}", x, y), y),
                     {{{kBatch, 8}, DType::Bool}},
                     0});
    std::string s = type("batch, 1");
    std::string m = type("batch, 12");
    cases.push_back({"softmax_like",
                     function({m},
                              fmt::format("  %e = nn.exp %x0 : {0}\n  %s = nn.sum %e dims = [1] keepdim = true : ({0}) -> {1}\n"
                                          "  %y = nn.div %e, %s : ({0}, {1}) -> {0}",
                                          m, s),
                              m),
                     {{{kBatch, 12}}}});
  }

  // Tables, normalisation, random numbers.
  for (const char *index : {"i64", "i32"}) {
    std::string i = type("batch, 3", index), w = type("50, 20"), y = type("batch, 3, 20");
    cases.push_back({fmt::format("embedding_{}", index),
                     fmt::format("nn.state @w parameter : {}\n", w) +
                         function({i},
                                  fmt::format("  %w = nn.read @w : {1}\n  %z = nn.embedding %x0, %w : ({0}, {1}) -> {2}\n"
                                              "  %y = nn.relu %z : {2}",
                                              i, w, y),
                                  y),
                     {{{kBatch, 3}, std::string(index) == "i64" ? DType::Int64 : DType::Int32, 50}},
                     0});
  }
  for (const char *rest : {"", ", 5"}) {
    std::string x = type(std::string("batch, 11") + rest), c = type("11");
    std::vector<int64_t> sizes = {kBatch, 11};
    if (*rest)
      sizes.push_back(5);
    std::string suffix = *rest ? "_3d" : "_2d";
    std::string states = fmt::format("nn.state @w parameter : {0}\nnn.state @b parameter : {0}\nnn.state @mean buffer : {0}\n"
                                     "nn.state @var buffer : {0}\n",
                                     c);
    std::string reads = fmt::format(
        "  %w = nn.read @w : {0}\n  %b = nn.read @b : {0}\n  %m = nn.read @mean : {0}\n  %v = nn.read @var : {0}\n", c);
    cases.push_back(
        {"batch_norm_eval" + suffix,
         states +
             function({x},
                      reads + fmt::format("  %y = nn.batch_norm %x0 weight %w bias %b running_mean %m running_var %v training = "
                                          "false momentum = 1.000000e-01 eps = 1.000000e-05 : ({0}, {1}, {1}, {1}, {1}) -> {0}",
                                          x, c),
                      x),
         {{sizes}}});
    cases.push_back(
        {"batch_norm_train" + suffix,
         states +
             function({x},
                      reads + fmt::format("  %y, %nm, %nv, %bm, %bs = nn.batch_norm %x0 weight %w bias %b running_mean %m "
                                          "running_var %v training = true momentum = 1.000000e-01 eps = 1.000000e-05 : "
                                          "({0}, {1}, {1}, {1}, {1}) -> ({0}, {1}, {1}, {1}, {1})\n"
                                          "  nn.write @mean, %nm : {1}\n  nn.write @var, %nv : {1}",
                                          x, c),
                      fmt::format("{0}, {1}, {1}, {1}, {1}", x, c), "%y, %nm, %nv, %bm, %bs"),
         {{sizes}},
         1e-5});
    cases.push_back(
        {"batch_norm_plain" + suffix,
         function(
             {x},
             fmt::format("  %y, %bm, %bs = nn.batch_norm %x0 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : "
                         "({0}) -> ({0}, {1}, {1})",
                         x, c),
             x),
         {{sizes}},
         1e-5});
  }

  // State and outputs. What is written back may have been reshaped, saved before another write, or read again in between.
  {
    auto state = [&](const std::string &name, const std::string &body, const std::string &returned) {
      cases.push_back({"state_" + name,
                       "nn.state @s buffer : tensor<2x3xf32>\nnn.state @t buffer : tensor<2x3xf32>\n" +
                           function({"tensor<2x3xf32>"},
                                    body + "\n  %s = nn.read @s : tensor<2x3xf32>\n  %t = nn.read @t : tensor<2x3xf32>",
                                    "tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>", "%s, %t, " + returned),
                       {{{2, 3}}},
                       0});
    };
    const std::string readOld = "  %old = nn.read @s : tensor<2x3xf32>\n", writeNew = "  nn.write @s, %x0 : tensor<2x3xf32>\n",
                      writeOld = "  nn.write @s, %old : tensor<2x3xf32>\n",
                      flat = "  %flat = nn.reshape %old to [6] : (tensor<2x3xf32>) -> tensor<6xf32>\n"
                             "  %back = nn.reshape %flat to [2, 3] : (tensor<6xf32>) -> tensor<2x3xf32>\n",
                      writeBack = "  nn.write @s, %back : tensor<2x3xf32>\n";
    state("written_back", readOld + writeOld, "%old");
    state("written_back_reshaped", readOld + flat + writeBack, "%back");
    state("written_back_after_another", readOld + writeNew + writeOld, "%old");
    state("written_back_reshaped_after_another", readOld + flat + writeNew + writeBack, "%old");
    state("written_back_before_another", readOld + flat + writeBack + writeNew, "%back");
    state("written_back_between", readOld + writeNew + "  %new = nn.read @s : tensor<2x3xf32>\n" + writeOld, "%new");
    state("turned",
          readOld + "  %r = nn.reshape %old to [3, 2] : (tensor<2x3xf32>) -> tensor<3x2xf32>\n"
                    "  %p = nn.permute %r dims = [1, 0] : (tensor<3x2xf32>) -> tensor<2x3xf32>\n"
                    "  nn.write @s, %p : tensor<2x3xf32>\n",
          "%old");
    state("part_moved",
          readOld + flat +
              "  %part = nn.slice %flat dim = 0 [1 : 4 : 1] : (tensor<6xf32>) -> tensor<3xf32>\n"
              "  %moved = nn.slice_scatter %flat, %part dim = 0 [0 : 3 : 1] : (tensor<6xf32>, tensor<3xf32>) -> tensor<6xf32>\n"
              "  %m = nn.reshape %moved to [2, 3] : (tensor<6xf32>) -> tensor<2x3xf32>\n  nn.write @s, %m : tensor<2x3xf32>\n",
          "%back");
    state("exchanged",
          readOld + "  %other = nn.read @t : tensor<2x3xf32>\n  nn.write @s, %other : tensor<2x3xf32>\n"
                    "  nn.write @t, %old : tensor<2x3xf32>\n",
          "%other");
    state("of_another", readOld + flat + "  nn.write @t, %back : tensor<2x3xf32>\n" + writeNew, "%back");
  }
  {
    std::string x = type("batch, 4"), s = type("3");
    cases.push_back(
        {"state_update",
         fmt::format("nn.state @s buffer : {}\n", s) +
             function({x, s},
                      fmt::format("  %old = nn.read @s : {0}\n  %new = nn.add %old, %x1 : {0}\n  nn.write @s, %new : {0}\n"
                                  "  %again = nn.read @s : {0}\n  %d = nn.sub %again, %old : {0}",
                                  s),
                      fmt::format("{0}, {0}, {0}, {1}, {1}", s, x), "%d, %old, %again, %x0, %x0"),
         {{{kBatch, 4}}, {{3}}}});
  }
  addTrainingCases(cases);
  addWindowCases(cases);
  return cases;
}

} // namespace

const std::vector<KernelCase> &kernelCases() {
  static const std::vector<KernelCase> cases = makeCases();
  return cases;
}

} // namespace kiln::test
