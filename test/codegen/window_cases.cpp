// The programs that the kernels of convolutions and pooling are tested with. Rows are shorter than a vector, as long, and longer;
// windows reach into the padding, beyond it, and leave positions out.
#include "kernel_cases.h"

#include "kiln/semantics/operation.h"

#include <fmt/format.h>

namespace kiln::test {

using runtime::DType;
using semantics::Attributes;
using semantics::DimExpr;

namespace {

using Sizes = std::vector<int64_t>; // kBatch is the batch

struct Element {
  std::string name;
  DType dtype;
  double tolerance; // relative to the largest result; what is rounded to 16 bits at the end may differ in the last place
};
const Element kF32{"f32", DType::Float32, 2e-6}, kF64{"f64", DType::Float64, 1e-14}, kF16{"f16", DType::Float16, 2e-3},
    kBF16{"bf16", DType::BFloat16, 1.6e-2}, kI64{"i64", DType::Int64, 0}, kI32{"i32", DType::Int32, 0}, kI8{"i8", DType::Int8, 0},
    kUI8{"ui8", DType::UInt8, 0};

semantics::TensorType semanticType(const Sizes &sizes, const Element &element) {
  semantics::TensorType type{element.dtype, {}};
  for (int64_t size : sizes)
    type.sizes.push_back(size == kBatch ? DimExpr::symbol("batch") : DimExpr(size));
  return type;
}

std::string typeText(const semantics::TensorType &type, const std::string &element) {
  const std::string sizes = type.shape_text();
  return tensorText(sizes.substr(1, sizes.size() - 2), element);
}

std::string attributesText(const Attributes &attributes) {
  std::string text;
  for (const auto &[name, value] : attributes) {
    text += (text.empty() ? "" : ", ") + name + " = ";
    if (const auto *list = std::get_if<std::vector<int64_t>>(&value))
      text += fmt::format("array<i64: {}>", fmt::join(*list, ", "));
    else if (const auto *sizes = std::get_if<std::vector<DimExpr>>(&value)) {
      const std::string shape = semantics::shape_text(*sizes);
      text += "#nn.shape<" + shape.substr(1, shape.size() - 2) + ">";
    } else if (const auto *number = std::get_if<int64_t>(&value))
      text += std::to_string(*number) + " : i64";
    else
      text += std::get<bool>(value) ? "true" : "false";
  }
  return text;
}

class WindowCases {
public:
  explicit WindowCases(std::vector<KernelCase> &cases) : cases(cases) {}
  void add();

private:
  /// One op on inputs. Returns its result's sizes, so that it can be the cotangent of another case.
  Sizes addOp(const std::string &name, const std::string &op, const std::vector<Sizes> &inputs, const Element &element,
              const Attributes &attributes, double tolerance, const std::string &resultElement = "");

  struct Conv {
    std::string name;
    Sizes input, weight;
    Sizes stride, low, dilation;
    int64_t groups = 1;
    Sizes high = {};
  };
  void addConv(const Conv &conv, const Element &element, bool hasBias, bool backward);
  void addConvolutions();
  void addResidual(const std::string &name, int64_t inputs, int64_t outputs, int64_t groups);
  void addEpilogues();
  void addMaxima();
  void addAverages();
  void addChannelsLast();

  std::vector<KernelCase> &cases;
};

Sizes WindowCases::addOp(const std::string &name, const std::string &op, const std::vector<Sizes> &inputs, const Element &element,
                         const Attributes &attributes, double tolerance, const std::string &resultElement) {
  std::vector<std::optional<semantics::TensorType>> types;
  std::vector<std::string> texts;
  std::string operands;
  std::vector<InputCase> inputCases;
  for (const Sizes &sizes : inputs) {
    operands += fmt::format("{}%x{}", texts.empty() ? "" : ", ", texts.size());
    types.push_back(semanticType(sizes, element));
    texts.push_back(typeText(*types.back(), element.name));
    inputCases.push_back({sizes, element.dtype});
  }
  const semantics::TensorType result = semantics::infer(op, types, attributes)[0];
  const std::string resultText = typeText(result, resultElement.empty() ? element.name : resultElement);
  cases.push_back({name + "_" + element.name,
                   functionText(texts,
                                fmt::format("  %y = \"{}\"({}) {{{}}} : ({}) -> {}", op, operands, attributesText(attributes),
                                            fmt::join(texts, ", "), resultText),
                                resultText),
                   inputCases, tolerance});
  Sizes sizes;
  for (const DimExpr &size : result.sizes)
    sizes.push_back(size.constant().value_or(kBatch));
  return sizes;
}

/// The last sizes, none of which is the batch.
std::vector<DimExpr> last(const Sizes &sizes, size_t count) {
  return {sizes.end() - static_cast<std::ptrdiff_t>(count), sizes.end()};
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

void WindowCases::addConv(const Conv &conv, const Element &element, bool hasBias, bool backward) {
  Attributes attributes{{"stride", conv.stride},
                        {"padding_low", conv.low},
                        {"padding_high", conv.high.empty() ? conv.low : conv.high},
                        {"dilation", conv.dilation},
                        {"groups", conv.groups}};
  std::vector<Sizes> inputs = {conv.input, conv.weight};
  if (hasBias)
    inputs.push_back({conv.weight[0]});
  int64_t addends = 1;
  for (size_t d = 1; d < conv.weight.size(); ++d)
    addends *= conv.weight[d];
  const double ofMany = std::max(1.0, static_cast<double>(addends) / 2000);
  const Sizes output = addOp("conv_" + conv.name, "nn.conv", inputs, element, attributes, ofMany * element.tolerance);
  if (!backward)
    return;
  Attributes ofInput = attributes, ofWeight = attributes;
  ofInput.set("input_size", last(conv.input, conv.stride.size()));
  addOp("conv_backward_input_" + conv.name, "nn.conv_backward_input", {output, conv.weight}, element, ofInput, element.tolerance);
  ofWeight.set("kernel_size", last(conv.weight, conv.stride.size()));
  addOp("conv_backward_weight_" + conv.name, "nn.conv_backward_weight", {output, conv.input}, element, ofWeight,
        5 * element.tolerance); // as many addends as the batch has positions
}

void WindowCases::addConvolutions() {
  const std::vector<Conv> convolutions = {
      {"plain", {kBatch, 3, 5, 6}, {5, 3, 3, 3}, {1, 1}, {0, 0}, {1, 1}},
      {"padded", {kBatch, 2, 7, 7}, {6, 2, 3, 3}, {1, 1}, {1, 1}, {1, 1}},
      {"wide", {kBatch, 1, 4, 41}, {4, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1}},
      {"strided", {kBatch, 4, 6, 23}, {3, 4, 3, 3}, {2, 2}, {1, 1}, {1, 1}},
      {"far", {kBatch, 2, 9, 40}, {4, 2, 2, 2}, {3, 4}, {0, 0}, {1, 1}}, // positions that no window reads
      {"dilated", {kBatch, 2, 9, 12}, {2, 2, 3, 2}, {1, 2}, {2, 1}, {2, 3}},
      {"one", {kBatch, 7, 4, 4}, {9, 7, 1, 1}, {2, 2}, {0, 0}, {1, 1}},
      {"groups", {kBatch, 6, 5, 5}, {10, 3, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 2},
      {"depthwise", {kBatch, 6, 5, 9}, {6, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 6},
      {"uneven", {kBatch, 2, 5, 6}, {3, 2, 4, 2}, {1, 1}, {1, 0}, {1, 1}, 1, {2, 1}},
      {"beyond", {kBatch, 2, 3, 3}, {2, 2, 3, 3}, {2, 2}, {4, 4}, {1, 1}}, // windows in the padding alone
      {"line", {kBatch, 3, 20}, {5, 3, 4}, {2}, {1}, {1}},
      {"volume", {kBatch, 2, 3, 4, 5}, {3, 2, 2, 3, 2}, {1, 2, 1}, {1, 0, 1}, {1, 1, 2}},
  };
  for (const Conv &conv : convolutions) {
    addConv(conv, kF32, /*hasBias=*/true, /*backward=*/true);
    addConv(conv, kF64, /*hasBias=*/false, /*backward=*/true);
  }
  // Channels by channels: panels that are full and not, runs of many channels and few, weights that are read in blocks.
  for (const Conv &conv : std::vector<Conv>{
           {"channels", {kBatch, 20, 4, 5}, {70, 20, 3, 3}, {1, 1}, {1, 1}, {1, 1}},
           {"odd_channels", {kBatch, 17, 3, 4}, {33, 17, 2, 3}, {1, 2}, {0, 1}, {1, 1}, 1, {1, 1}},
           {"pointwise", {kBatch, 20, 3, 5}, {40, 20, 1, 1}, {1, 1}, {0, 0}, {1, 1}},
           {"image", {kBatch, 3, 9, 19}, {40, 3, 7, 7}, {2, 2}, {3, 3}, {1, 1}},
           {"group_panels", {kBatch, 36, 3, 4}, {80, 18, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 2},
           {"depthwise_panels", {kBatch, 37, 6, 5}, {37, 1, 3, 3}, {2, 1}, {1, 1}, {1, 2}, 37},
           {"depthwise_twice", {kBatch, 6, 4, 5}, {12, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 6},
           {"blocks", {13, 1400, 3, 3}, {64, 1400, 3, 3}, {1, 1}, {1, 1}, {1, 1}},
           {"blocks_last_rows", {1, 512, 5, 19}, {64, 512, 3, 3}, {1, 1}, {1, 1}, {1, 1}}, // 95 positions: see kRowsBeyond
           {"deep", {2, 4100, 2, 2}, {5, 4100, 2, 2}, {1, 1}, {1, 1}, {1, 1}},
       })
    for (const Element &element : {kF32, kF64})
      addConv(conv, element, /*hasBias=*/element.dtype == DType::Float32, /*backward=*/false);
  // Gradients by panels that are whole.
  addConv({"whole_panels", {kBatch, 64, 3, 4}, {36, 32, 3, 3}, {2, 1}, {1, 1}, {1, 1}, 2}, kF32, /*hasBias=*/false, /*backward=*/true);
  // Depthwise: vectors of channels that are full and not; strides that leave taps out.
  for (const Conv &conv : std::vector<Conv>{
           {"depthwise_vectors", {kBatch, 37, 6, 5}, {37, 1, 3, 3}, {2, 1}, {1, 1}, {1, 2}, 37},
           {"depthwise_strided", {kBatch, 72, 7, 9}, {72, 1, 3, 2}, {2, 3}, {1, 0}, {1, 1}, 72, {2, 1}},
           {"depthwise_line", {kBatch, 16, 21}, {16, 1, 5}, {3}, {4}, {2}, 16},
       })
    for (const Element &element : {kF32, kF64})
      addConv(conv, element, /*hasBias=*/false, /*backward=*/true);
  // Several groups in a vector: of as many lanes as a vector divides, as are a multiple of it, and others; more channels on
  // either side; tiles of several positions, and strides between them; groups that fill several panels, and a part of one.
  const std::vector<Conv> groups = {
      {"groups_of_two", {kBatch, 64, 4, 11}, {64, 2, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 32},
      {"groups_of_four", {kBatch, 40, 5, 7}, {40, 4, 3, 3}, {1, 2}, {1, 0}, {1, 1}, 10, {0, 2}},
      {"groups_of_eight", {kBatch, 32, 4, 9}, {32, 8, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 4},
      {"groups_of_sixteen", {kBatch, 32, 3, 4}, {32, 16, 2, 2}, {1, 1}, {0, 0}, {1, 1}, 2},
      {"groups_three_to_six", {kBatch, 24, 9, 8}, {48, 3, 3, 3}, {2, 2}, {1, 1}, {1, 1}, 8},
      {"groups_three_to_two", {kBatch, 15, 6, 13}, {10, 3, 2, 3}, {1, 3}, {0, 2}, {2, 1}, 5, {1, 1}},
      {"groups_one_to_two", {kBatch, 32, 4, 9}, {64, 1, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 32},
      {"groups_one_to_three", {kBatch, 6, 4, 5}, {18, 1, 3, 3}, {2, 1}, {1, 1}, {1, 2}, 6},
      {"groups_two_to_one", {kBatch, 22, 5, 6}, {11, 2, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 11},
      {"groups_eight_to_one", {kBatch, 40, 3, 5}, {5, 8, 2, 2}, {1, 1}, {1, 1}, {1, 1}, 5},
      {"groups_twelve_to_one", {kBatch, 48, 3, 5}, {4, 12, 2, 2}, {1, 1}, {1, 1}, {1, 1}, 4},
      {"groups_many_to_one", {kBatch, 34, 3, 5}, {2, 17, 2, 2}, {1, 1}, {1, 1}, {1, 1}, 2},
      {"groups_strided", {kBatch, 12, 7, 14}, {12, 2, 3, 2}, {2, 3}, {1, 0}, {1, 1}, 6, {2, 1}},
      {"groups_beyond", {kBatch, 8, 3, 3}, {8, 2, 3, 3}, {2, 2}, {4, 4}, {1, 1}, 4},
      {"groups_pointwise", {kBatch, 16, 3, 9}, {24, 2, 1, 1}, {1, 1}, {0, 0}, {1, 1}, 8},
      {"groups_line", {kBatch, 20, 33}, {20, 5, 5}, {2}, {4}, {2}, 4},
      {"groups_volume", {kBatch, 8, 3, 4, 6}, {8, 2, 2, 3, 2}, {1, 2, 1}, {1, 0, 1}, {1, 1, 2}, 4},
  };
  for (const Conv &conv : groups) {
    addConv(conv, kF32, /*hasBias=*/true, /*backward=*/true);
    addConv(conv, kF64, /*hasBias=*/false, /*backward=*/true);
  }
  // Gradients of weights of few channels: lines of more positions than are copied at a time, tiles that are not alike.
  for (const Conv &conv : std::vector<Conv>{
           {"few_channels", {kBatch, 1, 6, 28}, {8, 1, 5, 5}, {1, 1}, {2, 2}, {1, 1}},
           {"few_channels_long", {kBatch, 3, 3, 150}, {20, 3, 3, 7}, {1, 2}, {1, 3}, {1, 1}},
           {"few_channels_apart", {kBatch, 2, 300}, {70, 2, 9}, {4}, {0}, {1}},
           {"few_channels_inside", {kBatch, 5, 6, 20}, {12, 5, 2, 2}, {2, 2}, {0, 0}, {2, 1}},
       })
    for (const Element &element : {kF32, kF64})
      addConv(conv, element, /*hasBias=*/false, /*backward=*/true);
  for (const Element &element : {kF16, kBF16}) {
    for (size_t i : {1, 3})
      addConv(convolutions[i], element, /*hasBias=*/true, /*backward=*/true);
    for (size_t i : {1, 4, 12})
      addConv(groups[i], element, /*hasBias=*/false, /*backward=*/true);
  }
  for (const Element &element : {kI64, kI8, kUI8})
    addConv(convolutions[3], element, /*hasBias=*/true, /*backward=*/false);
}

/// A convolution, its batch norm in evaluation, an addition and a relu: one kernel.
void WindowCases::addResidual(const std::string &name, int64_t inputs, int64_t outputs, int64_t groups) {
  const std::string x = tensorText(fmt::format("batch, {}, 6, 20", inputs)),
                    w = tensorText(fmt::format("{}, {}, 3, 3", outputs, inputs / groups)),
                    c = tensorText(std::to_string(outputs)), y = tensorText(fmt::format("batch, {}, 6, 20", outputs));
  std::string states = fmt::format("nn.state @w parameter : {}\n", w);
  for (const char *name : {"scale", "shift", "mean"})
    states += fmt::format("nn.state @{} parameter : {}\n", name, c);
  const std::string conv =
      fmt::format("stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = {}", groups);
  cases.push_back(
      {name,
       states +
           functionText({x, y},
                        fmt::format("  %w = nn.read @w : {1}\n  %s = nn.read @scale : {2}\n  %t = nn.read @shift : {2}\n"
                                    "  %m = nn.read @mean : {2}\n  %v = nn.exp %m : {2}\n"
                                    "  %a = nn.conv %x0, %w {4} : ({0}, {1}) -> {3}\n"
                                    "  %b = nn.batch_norm %a weight %s bias %t running_mean %m running_var %v training = false "
                                    "momentum = 0.1 eps = 1.0e-5 : ({3}, {2}, {2}, {2}, {2}) -> {3}\n"
                                    "  %d = nn.add %b, %x1 : {3}\n  %y = nn.relu %d : {3}",
                                    x, w, c, y, conv),
                        y),
       {{{kBatch, inputs, 6, 20}}, {{kBatch, outputs, 6, 20}}},
       4e-6});
}

void WindowCases::addEpilogues() {
  addResidual("conv_residual_relu", 3, 5, 1);
  addResidual("conv_groups_residual_relu", 12, 18, 6);
  const std::string x = tensorText("batch, 3, 6, 20");
  const std::string pooled = tensorText("batch, 3, 3, 10");
  cases.push_back(
      {"max_pool_relu",
       functionText({x, pooled},
                    fmt::format("  %p = nn.max_pool %x0 kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] "
                                "ceil_mode = false : ({0}) -> {1}\n  %s = nn.mul %p, %x1 : {1}\n  %y = nn.relu %s : {1}",
                                x, pooled),
                    pooled),
       {{{kBatch, 3, 6, 20}}, {{kBatch, 3, 3, 10}}}});
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

void WindowCases::addMaxima() {
  struct Pool {
    std::string name;
    Sizes input, kernel, stride, padding, dilation;
    bool ceilMode;
  };
  for (const Pool &pool : std::vector<Pool>{
           {"halved", {kBatch, 3, 6, 70}, {2, 2}, {2, 2}, {0, 0}, {1, 1}, false},
           {"overlapping", {kBatch, 2, 7, 9}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, false},
           {"dense", {kBatch, 2, 5, 37}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, false},
           {"ceil", {kBatch, 2, 7, 8}, {3, 2}, {2, 3}, {1, 1}, {1, 2}, true},
           {"line", {kBatch, 3, 21}, {4}, {3}, {2}, {1}, true},
           {"volume", {kBatch, 2, 4, 5, 6}, {2, 3, 2}, {1, 2, 2}, {1, 1, 0}, {1, 1, 1}, false},
       }) {
    Attributes attributes{{"kernel_size", pool.kernel},
                          {"stride", pool.stride},
                          {"padding", pool.padding},
                          {"dilation", pool.dilation},
                          {"ceil_mode", pool.ceilMode}};
    for (const Element &element : {kF32, kF64, kF16, kBF16, kI64, kI32, kI8, kUI8}) {
      const Sizes output = addOp("max_pool_" + pool.name, "nn.max_pool", {pool.input}, element, attributes, 0);
      addOp("max_pool_indices_" + pool.name, "nn.max_pool_indices", {pool.input}, element, attributes, 0, "i64");
      if (runtime::is_floating_point(element.dtype))
        addOp("max_pool_backward_" + pool.name, "nn.max_pool_backward", {output, pool.input}, element, attributes,
              2 * element.tolerance);
    }
  }
}

void WindowCases::addAverages() {
  struct Pool {
    std::string name;
    Sizes input, kernel, stride, padding;
    bool ceilMode, countsPadding;
    int64_t divisor = 0;
  };
  for (const Pool &pool : std::vector<Pool>{
           {"halved", {kBatch, 3, 6, 70}, {2, 2}, {2, 2}, {0, 0}, false, true},
           {"padded", {kBatch, 2, 7, 37}, {3, 3}, {1, 2}, {1, 1}, false, true},
           {"inside", {kBatch, 2, 7, 9}, {3, 3}, {2, 1}, {1, 1}, false, false},
           {"ceil", {kBatch, 2, 7, 8}, {3, 2}, {2, 3}, {1, 1}, true, true},
           {"ceil_inside", {kBatch, 2, 7, 8}, {3, 2}, {2, 3}, {1, 1}, true, false},
           {"divisor", {kBatch, 2, 5, 6}, {2, 3}, {1, 1}, {0, 1}, false, true, -3},
           {"line", {kBatch, 3, 21}, {4}, {3}, {2}, true, true},
           {"volume", {kBatch, 2, 4, 5, 6}, {2, 3, 2}, {1, 2, 2}, {1, 1, 0}, false, false},
       }) {
    Attributes attributes{{"kernel_size", pool.kernel},
                          {"stride", pool.stride},
                          {"padding", pool.padding},
                          {"ceil_mode", pool.ceilMode},
                          {"count_include_pad", pool.countsPadding}};
    if (pool.divisor)
      attributes.set("divisor_override", pool.divisor);
    for (const Element &element : {kF32, kF64, kF16, kBF16, kI64}) {
      const Sizes output = addOp("avg_pool_" + pool.name, "nn.avg_pool", {pool.input}, element, attributes, element.tolerance);
      if (!runtime::is_floating_point(element.dtype))
        continue;
      Attributes backward = attributes;
      backward.set("input_size", last(pool.input, pool.kernel.size()));
      addOp("avg_pool_backward_" + pool.name, "nn.avg_pool_backward", {output}, element, backward, element.tolerance);
    }
  }
  struct Adaptive {
    std::string name;
    Sizes input, output;
  };
  for (const Adaptive &pool : std::vector<Adaptive>{{"one", {kBatch, 3, 7, 37}, {1, 1}},
                                                    {"few", {kBatch, 2, 7, 20}, {3, 2}},
                                                    {"many", {kBatch, 3, 4}, {5, 19}},
                                                    {"line", {kBatch, 3, 21}, {4}},
                                                    {"volume", {kBatch, 2, 4, 5, 6}, {2, 5, 4}}}) {
    const std::vector<DimExpr> outputSize = last(pool.output, pool.output.size()),
                               inputSize = last(pool.input, pool.output.size());
    for (const Element &element : {kF32, kF64, kF16, kBF16}) {
      const Sizes output = addOp("adaptive_avg_pool_" + pool.name, "nn.adaptive_avg_pool", {pool.input}, element,
                                 {{"output_size", outputSize}}, element.tolerance);
      addOp("adaptive_avg_pool_backward_" + pool.name, "nn.adaptive_avg_pool_backward", {output}, element,
            {{"input_size", inputSize}}, element.tolerance);
    }
  }
}

/// Sizes [N, C, ...] as [N, ..., channels].
Sizes channelsLast(Sizes sizes, int64_t channels) {
  sizes.erase(sizes.begin() + 1);
  sizes.push_back(channels);
  return sizes;
}

/// The sizes of [N, ..., C] between the two.
std::vector<DimExpr> spatialSizes(const Sizes &sizes) { return {sizes.begin() + 1, sizes.end() - 1}; }

/// What passes make of poolings: channels that are less than a vector, and more.
void WindowCases::addChannelsLast() {
  for (int64_t channels : {3, 37}) {
    const std::string last = fmt::format("last{}_", channels);
    struct Pool {
      std::string name;
      Sizes input, kernel, stride, padding, dilation;
      bool ceilMode, countsPadding;
    };
    for (const Pool &pool : std::vector<Pool>{
             {"halved", {kBatch, 0, 4, 6}, {2, 2}, {2, 2}, {0, 0}, {1, 1}, false, true},
             {"overlapping", {kBatch, 0, 7, 5}, {3, 3}, {2, 1}, {1, 1}, {1, 1}, false, false},
             {"ceil", {kBatch, 0, 7, 8}, {3, 2}, {2, 3}, {1, 1}, {1, 2}, true, true},
             {"line", {kBatch, 0, 21}, {4}, {3}, {2}, {1}, true, true},
             {"volume", {kBatch, 0, 4, 5, 3}, {2, 3, 2}, {1, 2, 2}, {1, 1, 0}, {1, 1, 1}, false, true},
         }) {
      Attributes attributes{{"kernel_size", pool.kernel},
                            {"stride", pool.stride},
                            {"padding", pool.padding},
                            {"ceil_mode", pool.ceilMode},
                            {"channels_last", true}};
      Attributes maximum = attributes, average = attributes;
      maximum.set("dilation", pool.dilation);
      average.set("count_include_pad", pool.countsPadding);
      const Sizes input = channelsLast(pool.input, channels);
      for (const Element &element : {kF32, kF64, kBF16, kI8}) {
        const Sizes output = addOp("max_pool_" + last + pool.name, "nn.max_pool", {input}, element, maximum, 0);
        if (runtime::is_floating_point(element.dtype))
          addOp("max_pool_backward_" + last + pool.name, "nn.max_pool_backward", {output, input}, element, maximum,
                2 * element.tolerance);
      }
      for (const Element &element : {kF32, kF64, kF16, kI64}) {
        const Sizes output = addOp("avg_pool_" + last + pool.name, "nn.avg_pool", {input}, element, average, element.tolerance);
        if (!runtime::is_floating_point(element.dtype))
          continue;
        Attributes backward = average;
        backward.set("input_size", spatialSizes(input));
        addOp("avg_pool_backward_" + last + pool.name, "nn.avg_pool_backward", {output}, element, backward, element.tolerance);
      }
    }
    for (const auto &[input, output] : std::vector<std::pair<Sizes, Sizes>>{
             {{kBatch, 0, 7, 3}, {1, 1}}, {{kBatch, 0, 7, 5}, {3, 2}}, {{kBatch, 0, 2, 4, 3}, {2, 5, 1}}})
      for (const Element &element : {kF32, kBF16}) {
        const Sizes whole = channelsLast(input, channels);
        const std::string name = fmt::format("{}{}", last, fmt::join(output, "x"));
        const Sizes pooled =
            addOp("adaptive_avg_pool_" + name, "nn.adaptive_avg_pool", {whole}, element,
                  {{"output_size", std::vector<DimExpr>(output.begin(), output.end())}, {"channels_last", true}}, element.tolerance);
        addOp("adaptive_avg_pool_backward_" + name, "nn.adaptive_avg_pool_backward", {pooled}, element,
              {{"input_size", spatialSizes(whole)}, {"channels_last", true}}, element.tolerance);
      }
  }
}

void WindowCases::add() {
  addConvolutions();
  addChannelsLast();
  addEpilogues();
  addMaxima();
  addAverages();
}

} // namespace

void addWindowCases(std::vector<KernelCase> &cases) { WindowCases(cases).add(); }

} // namespace kiln::test
