// Convolutions, pooling and padding: PyTorch's printed text, errors, initial parameters and numbers; what is recorded.
#include <functional>

#include "expectations.h"
#include "recorded_text.h"

namespace kiln::test {
namespace {

namespace F = nn::functional;

std::string printed(const nn::Module &module) {
  std::ostringstream stream;
  stream << module;
  return stream.str();
}

TEST(Windows, LayersPrintAsPyTorchsDo) {
  auto check = [](const std::string &name, const auto &holder) {
    EXPECT_EQ(printed(*holder), expected_text("windows.txt", name)) << name;
  };
  check("conv2d", nn::Conv2d(3, 8, 3));
  check("conv2d_options", nn::Conv2d(nn::Conv2dOptions(3, 8, {3, 5}).stride(2).padding({1, 2}).dilation(2).bias(false)));
  check("conv2d_same", nn::Conv2d(nn::Conv2dOptions(4, 8, 3).padding(kSame).groups(2)));
  check("conv2d_valid", nn::Conv2d(nn::Conv2dOptions(4, 8, 3).padding(kValid)));
  check("conv2d_reflect", nn::Conv2d(nn::Conv2dOptions(4, 8, 3).padding(1).padding_mode(kReflect)));
  check("conv2d_replicate", nn::Conv2d(nn::Conv2dOptions(4, 8, 3).padding(1).padding_mode(kReplicate)));
  check("conv2d_circular", nn::Conv2d(nn::Conv2dOptions(4, 8, 3).padding(1).padding_mode(kCircular)));
  check("conv1d", nn::Conv1d(nn::Conv1dOptions(3, 4, 5).padding(2)));
  check("conv3d", nn::Conv3d(nn::Conv3dOptions(3, 4, {1, 2, 3}).dilation({1, 1, 2})));
  check("lazy_conv2d", nn::LazyConv2d(nn::LazyConv2dOptions(8, 3).padding(1).bias(false)));
  nn::Sequential lazy(nn::LazyConv2d(4, 3), nn::LazyBatchNorm2d());
  lazy(kiln::zeros({2, 3, 8, 8}));
  check("lazy_called", lazy);
  nn::LazyConv1d unbatched(4, 3);
  unbatched(kiln::zeros({3, 8}));
  check("lazy_conv1d_unbatched", unbatched);
  check("batch_norm2d", nn::BatchNorm2d(8));
  check("batch_norm3d", nn::BatchNorm3d(8));
  check("lazy_batch_norm2d", nn::LazyBatchNorm2d(nn::BatchNorm2dOptions(0).affine(false)));
  check("max_pool2d", nn::MaxPool2d(2));
  check("max_pool2d_options",
        nn::MaxPool2d(nn::MaxPool2dOptions({2, 3}).stride({2, 1}).padding({0, 1}).dilation(2).ceil_mode(true)));
  check("max_pool1d", nn::MaxPool1d(2));
  check("max_pool3d", nn::MaxPool3d(nn::MaxPool3dOptions(2).stride(1)));
  check("avg_pool1d", nn::AvgPool1d(nn::AvgPool1dOptions(3).stride(2).padding(1)));
  check("avg_pool2d", nn::AvgPool2d(2));
  check("avg_pool2d_options",
        nn::AvgPool2d(
            nn::AvgPool2dOptions({2, 3}).stride({2, 1}).padding({0, 1}).ceil_mode(true).count_include_pad(false).divisor_override(
                3)));
  check("adaptive_avg_pool1d", nn::AdaptiveAvgPool1d(3));
  check("adaptive_avg_pool2d", nn::AdaptiveAvgPool2d(nn::AdaptiveAvgPool2dOptions({5, 7})));
  check("adaptive_avg_pool2d_one", nn::AdaptiveAvgPool2d(1));
  check("adaptive_avg_pool2d_none", nn::AdaptiveAvgPool2d(nn::AdaptiveAvgPool2dOptions({std::nullopt, 7})));
  check("adaptive_avg_pool2d_all", nn::AdaptiveAvgPool2d(nn::AdaptiveAvgPool2dOptions(std::nullopt)));
}

TEST(Windows, MistakesSayWhatPyTorchSays) {
  auto check = [](const std::string &name, const std::function<void()> &action) {
    const std::string message = message_of<runtime::ValueError>(action), expected = expected_text("windows.txt", name);
    EXPECT_EQ(message.substr(0, expected.size()), expected) << name;
    EXPECT_TRUE(message.size() == expected.size() || message[expected.size()] == '\n') << message;
  };
  const Tensor x = kiln::zeros({2, 3, 8, 8}), w = kiln::zeros({4, 3, 3, 3});
  const Tensor small = kiln::zeros({2, 3, 2, 2}), flat = kiln::zeros({3, 8});
  check("conv2d_rank", [&] { F::conv2d(flat, w); });
  check("conv2d_channels", [&] { F::conv2d(kiln::zeros({5, 8, 8}), w); });
  check("conv2d_small", [&] { F::conv2d(small, w); });
  check("conv2d_same_stride", [&] { F::conv2d(x, w, F::Conv2dFuncOptions().stride(2).padding(kSame)); });
  check("conv2d_layer_same_stride", [] { nn::Conv2d(nn::Conv2dOptions(4, 3, 3).stride(2).padding(kSame)); });
  check("conv2d_groups", [] { nn::Conv2d(nn::Conv2dOptions(3, 4, 3).groups(2)); });
  check("conv2d_out_groups", [] { nn::Conv2d(nn::Conv2dOptions(4, 3, 3).groups(2)); });
  check("conv2d_no_groups", [] { nn::Conv2d(nn::Conv2dOptions(4, 3, 3).groups(0)); });
  check("conv2d_type", [&] { F::conv2d(x.to(kFloat64), w); });
  check("conv2d_reflect_size", [&] { nn::Conv2d(nn::Conv2dOptions(3, 3, 3).padding(8).padding_mode(kReflect))->forward(x); });
  check("conv2d_circular_size", [&] { nn::Conv2d(nn::Conv2dOptions(3, 3, 3).padding(9).padding_mode(kCircular))->forward(x); });
  check("lazy_conv2d_rank", [&] { nn::LazyConv2d(4, 3)->forward(kiln::zeros({3, 4})); });
  check("lazy_conv2d_groups", [&] { nn::LazyConv2d(nn::LazyConv2dOptions(4, 3).groups(2))->forward(x); });
  check("lazy_batch_norm2d_rank", [&] { nn::LazyBatchNorm2d()->forward(kiln::zeros({3, 4})); });
  check("batch_norm2d_rank", [&] { nn::BatchNorm2d(3)->forward(kiln::zeros({3, 4, 4})); });
  check("batch_norm3d_rank", [&] { nn::BatchNorm3d(3)->forward(kiln::zeros({3, 4, 4})); });
  check("max_pool2d_rank", [&] { kiln::max_pool2d(flat, 2); });
  check("max_pool2d_small", [&] { kiln::max_pool2d(small, 3); });
  check("max_pool2d_padding", [&] { F::max_pool2d(x, F::MaxPool2dFuncOptions(2).padding(2)); });
  check("avg_pool2d_small", [&] { kiln::avg_pool2d(small, 3); });
  check("avg_pool2d_divisor", [&] { F::avg_pool2d(x, F::AvgPool2dFuncOptions(2).divisor_override(0)); });
  check("adaptive_avg_pool2d_rank", [&] { kiln::adaptive_avg_pool2d(flat, 2); });
  check("adaptive_avg_pool2d_sizes_rank", [&] { F::adaptive_avg_pool2d(flat, F::AdaptiveAvgPool2dFuncOptions({2, 2})); });
  check("pad_odd", [&] { F::pad(x, F::PadFuncOptions({1})); });
  check("pad_long", [&] { F::pad(x, F::PadFuncOptions(std::vector<int64_t>(10, 1))); });
  check("pad_reflect_dims", [&] { F::pad(x, F::PadFuncOptions({1, 1}).mode(kReflect)); });
  check("pad_reflect_height", [&] { F::pad(x.slice(2, 0, 4), F::PadFuncOptions({1, 1, 4, 0}).mode(kReflect)); });
  check("pad_replicate_empty", [&] { F::pad(x.slice(2, 0, 0), F::PadFuncOptions({1, 1, 0, 0}).mode(kReplicate)); });
  check("pad_value", [&] { F::pad(x, F::PadFuncOptions({1, 1, 0, 0}).mode(kCircular).value(2)); });
  // libtorch's own text.
  EXPECT_EQ(message_of<runtime::ValueError>([] {
              nn::Conv2d(nn::Conv2dOptions(3, 4, std::vector<int64_t>{1, 2, 3}));
            }),
            "Expected 2 values, but instead got 3\ngive one number for each spatial dimension, or one for all of them");
}

TEST(Windows, InitialParametersArePyTorchsBitForBit) {
  auto check = [](const std::string &name, const std::function<std::shared_ptr<nn::Module>()> &make) {
    manual_seed(0);
    const auto module = make();
    for (const auto &[key, value] : module->state_dict())
      expect_identical(Tensor(value), expected_tensor("windows.safetensors", name + "." + key), name + "." + key);
  };
  check("conv2d", [] { return nn::Conv2d(3, 8, 3).ptr(); });
  check("conv2d_groups", [] { return nn::Conv2d(nn::Conv2dOptions(6, 4, {5, 2}).groups(2).bias(false)).ptr(); });
  check("conv1d", [] { return nn::Conv1d(4, 7, 3).ptr(); });
  check("conv3d", [] { return nn::Conv3d(2, 3, 2).ptr(); });
  check("lazy", [] {
    nn::Sequential module(nn::LazyConv2d(5, 3), nn::LazyBatchNorm2d(), nn::Flatten(), nn::LazyLinear(3));
    module(kiln::zeros({2, 3, 6, 6}));
    return module.ptr();
  });
}

TEST(Windows, NumbersArePyTorchs) {
  auto given = [](const std::string &name) { return expected_tensor("windows.safetensors", name); };
  auto check = [&](const std::string &name, const Tensor &found) { expect_close(found, given("out." + name), name, 2e-6); };
  const Tensor x = given("x"), w = given("w"), v = given("v"), b = given("b");
  check("conv2d", F::conv2d(x, w, F::Conv2dFuncOptions().bias(b).stride(2).padding({1, 0}).dilation({1, 2})));
  check("conv2d", kiln::conv2d(x, w, b, 2, {1, 0}, {1, 2}));
  check("conv2d_unbatched", kiln::conv2d(x[1], w, b));
  check("conv2d_groups", kiln::conv2d(x, v, {}, 1, 0, 1, 2));
  check("conv2d_same", F::conv2d(x, w, F::Conv2dFuncOptions().bias(b).padding(kSame).dilation({1, 2})));
  check("conv1d", kiln::conv1d(x.select(2, 0), w.select(2, 0)));
  check("conv3d", kiln::conv3d(x.unsqueeze(1), w.slice(0, 0, 2).slice(1, 0, 1).unsqueeze(2), {}, 1, 1));

  struct Mode {
    std::string name;
    nn::Conv2dOptions::padding_mode_t layer;
    F::PadFuncOptions::mode_t function;
  };
  for (const Mode &mode :
       {Mode{"reflect", kReflect, kReflect}, Mode{"replicate", kReplicate, kReplicate}, Mode{"circular", kCircular, kCircular}}) {
    auto padded = [&](const nn::Conv2dOptions::padding_t &padding) {
      nn::Conv2d layer(nn::Conv2dOptions(4, 6, {3, 2}).padding(padding).padding_mode(mode.layer));
      NoGradGuard guard;
      layer->weight.copy_(w);
      layer->bias.copy_(b);
      return layer(x);
    };
    check("conv2d_" + mode.name + "_numbers", padded(ExpandingArray<2>{2, 1}));
    check("conv2d_" + mode.name + "_same", padded(kSame));
    check("pad_" + mode.name, F::pad(x, F::PadFuncOptions({2, 1, 0, 3}).mode(mode.function)));
    check("pad_" + mode.name + "_taken", F::pad(x, F::PadFuncOptions({2, -1, -2, 1}).mode(mode.function)));
    check("pad_" + mode.name + "_1d", F::pad(x[0], F::PadFuncOptions({3, 2}).mode(mode.function)));
  }
  check("pad_constant", F::pad(x, F::PadFuncOptions({1, 2, -1, 3, 0, 1}).value(0.5)));
  check("pad_nothing", F::pad(x, F::PadFuncOptions(std::vector<int64_t>{})));
  EXPECT_FALSE(F::pad(x, F::PadFuncOptions(std::vector<int64_t>{})).is_same(x));

  const auto maxima = F::MaxPool2dFuncOptions({3, 2}).stride(2).padding(1).ceil_mode(true);
  check("max_pool2d", F::max_pool2d(x, maxima));
  check("max_pool2d", std::get<0>(F::max_pool2d_with_indices(x, maxima)));
  check("max_pool2d_indices", std::get<1>(F::max_pool2d_with_indices(x, maxima)));
  check("max_pool2d_indices", std::get<1>(nn::MaxPool2d(maxima)->forward_with_indices(x)));
  check("max_pool2d", kiln::max_pool2d(x, {3, 2}, 2, 1, 1, true));
  check("max_pool2d_unbatched", kiln::max_pool2d(x[0], 2));
  check("max_pool1d", F::max_pool1d(x[0], F::MaxPool1dFuncOptions(3).stride(3).dilation(2)));
  check("avg_pool2d", kiln::avg_pool2d(x, 3, 2, 1, true, false));
  check("avg_pool2d_divisor", F::avg_pool2d(x, F::AvgPool2dFuncOptions(2).divisor_override(3)));
  check("avg_pool3d", F::avg_pool3d(x, F::AvgPool3dFuncOptions(2).stride(1)));
  check("adaptive_avg_pool2d", F::adaptive_avg_pool2d(x, F::AdaptiveAvgPool2dFuncOptions({3, std::nullopt})));
  check("adaptive_avg_pool1d", F::adaptive_avg_pool1d(x[0], F::AdaptiveAvgPool1dFuncOptions(4)));
  nn::BatchNorm2d norm(4);
  check("batch_norm2d", norm(x));
  check("batch_norm2d_mean", norm->running_mean);
}

/// Sizes of a function's outputs.
std::string output_shape(const recording::Recording &recording) {
  const semantics::RecordedFunction &recorded = function(recording);
  return recorded.values[static_cast<std::size_t>(recorded.outputs[0].value)].shape_text();
}

} // namespace

KILN_PROGRAM(windows_named_sizes) {
  nn::Sequential model(nn::Conv2d(nn::Conv2dOptions(3, 4, 3).stride(2).padding(1)), nn::MaxPool2d(2));
  program.function("predict", {{"x", {"batch", 3, "height", "width"}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(windows_kept_size) {
  program.function("predict", {{"x", {"batch", 3, "height", 8}}}, [&](Tensor x) {
    return F::adaptive_avg_pool2d(x, F::AdaptiveAvgPool2dFuncOptions({std::nullopt, 2}));
  });
}

// No window fits a height of 2 or 3, nor the 11 of the second layer: such calls are refused, and the rest of the sizes decides.
KILN_PROGRAM(windows_large) {
  nn::Sequential model(nn::Conv2d(3, 4, 5), nn::MaxPool2d(2), nn::Conv2d(4, 4, 5));
  program.function("predict", {{"x", {"batch", 3, "height", 40}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(windows_wrong_channels) {
  nn::Sequential model(nn::Conv2d(3, 16, 3), nn::MaxPool2d(2), nn::Conv2d(8, 32, 3));
  program.function("predict", {{"x", {"batch", 3, "height", 32}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(windows_lazy_channels) {
  nn::LazyConv2d model(4, 3);
  program.function("predict", {{"x", {"batch", "channels", 8, 8}}}, [&](Tensor x) { return model(x); });
}

namespace {

TEST(Windows, NamedSizesBecomeQuotients) {
  const auto recording = recording::record_program("windows_named_sizes");
  // (height - 1) floordiv 2 + 1 rows of the convolution, half as many of the pooling
  EXPECT_EQ(output_shape(recording), "[batch, 4, (height + 1) floordiv 4, (width + 1) floordiv 4]");
  EXPECT_EQ(output_shape(recording::record_program("windows_kept_size")), "[batch, 3, height, 2]");
}

TEST(Windows, SizesThatNoWindowFitsAreNotTried) {
  // ((height - 4) floordiv 2) - 4 rows
  EXPECT_EQ(output_shape(recording::record_program("windows_large")), "[batch, 4, height floordiv 2 - 6, 14]");
}

TEST(Windows, MessagesNameComputedSizes) {
  const std::string message = message_of<runtime::ValueError>([] { recording::record_program("windows_wrong_channels"); });
  EXPECT_TRUE(
      message.starts_with("Given groups=1, weight of size [32, 8, 3, 3], expected input[batch, 16, height floordiv 2 - 1, 15] "
                          "to have 8 channels, but got 16 channels instead\n"))
      << message;
}

TEST(Windows, LazyChannelsAreANumber) {
  const std::string message = message_of<runtime::ValueError>([] { recording::record_program("windows_lazy_channels"); });
  EXPECT_TRUE(
      message.starts_with("LazyConv2d can't learn in_channels from its first input [batch, channels, 8, 8]: its channels are "
                          "channels, which is known only at run time\n"))
      << message;
}

} // namespace
} // namespace kiln::test
