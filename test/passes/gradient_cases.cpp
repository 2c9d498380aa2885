// Random cases of every operation that has a gradient rule.
#include "gradient_check.h"

namespace kiln::passes::testing {

namespace {

using semantics::DimExpr;
using Shape = std::vector<int64_t>;

std::vector<DimExpr> sizes(const Shape &shape) { return {shape.begin(), shape.end()}; }

/// Some dimensions of a tensor of that rank, each once, some counted from the end; none stands for all.
std::vector<int64_t> someDims(Random &random, int64_t rank) {
  std::vector<int64_t> dims;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (random.coin())
      dims.push_back(random.coin() ? dim : dim - rank);
  return dims;
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

Case unary(const char *name, Tensor operand) { return {std::string("nn.") + name, {operand}, {}, {0}}; }

Case sigmoid(Random &random) { return unary("sigmoid", random.values(random.shape())); }
Case tanh(Random &random) { return unary("tanh", random.values(random.shape())); }
Case neg(Random &random) { return unary("neg", random.values(random.shape())); }
Case exp(Random &random) { return unary("exp", random.values(random.shape())); }
Case log(Random &random) { return unary("log", random.values(random.shape(), 0.5, 3)); }
Case sqrt(Random &random) { return unary("sqrt", random.values(random.shape(), 0.5, 3)); }
Case rsqrt(Random &random) { return unary("rsqrt", random.values(random.shape(), 0.5, 3)); }
// Away from 0, where they have a corner.
Case relu(Random &random) { return unary("relu", random.spaced(random.shape(), 0.1)); }
Case abs(Random &random) { return unary("abs", random.spaced(random.shape(), 0.1)); }

Case cast(Random &random) { return {"nn.cast", {random.values(random.shape())}, {{"dtype", DType::Float64}}, {0}}; }

Case dropout(Random &random) {
  const double p = random.oneOf<double>({0, 0.25, 0.5, 1});
  const bool training = random.integer(0, 4) > 0;
  Tensor generator = training && p > 0 && p < 1 ? random.integers({2}, 0, 1000) : Tensor();
  return {"nn.dropout",
          {random.values(random.shape()), generator},
          {{"p", p}, {"training", training}, {"site", random.integer(0, 9)}},
          {0}};
}

/// Operands of shapes that broadcast to one another, in either order.
std::vector<Shape> twoShapes(Random &random) {
  Shape whole = random.shape(), part = random.broadcastable(whole);
  return random.coin() ? std::vector<Shape>{whole, part} : std::vector<Shape>{part, whole};
}

template <class Values> Case binary(Random &random, const char *name, Values values) {
  std::vector<Shape> shapes = twoShapes(random);
  return {std::string("nn.") + name, {values(0, shapes[0]), values(1, shapes[1])}, {}, {0, 1}};
}

Case arithmetic(Random &random, const char *name) {
  return binary(random, name, [&](int, const Shape &shape) { return random.values(shape); });
}
Case add(Random &random) { return arithmetic(random, "add"); }
Case sub(Random &random) { return arithmetic(random, "sub"); }
Case mul(Random &random) { return arithmetic(random, "mul"); }
Case div(Random &random) {
  return binary(random, "div",
                [&](int number, const Shape &shape) { return number ? random.values(shape, 0.5, 2) : random.values(shape); });
}
Case extremum(Random &random, const char *name) {
  return binary(random, name, [&](int number, const Shape &shape) { return random.spaced(shape, number ? 0.1 : 0.2); });
}
Case maximum(Random &random) { return extremum(random, "maximum"); }
Case minimum(Random &random) { return extremum(random, "minimum"); }

Case where(Random &random) {
  Shape whole = random.shape();
  return {"nn.where",
          {random.bools(random.broadcastable(whole)), random.values(whole), random.values(random.broadcastable(whole))},
          {},
          {1, 2}};
}

Case channelAffine(Random &random) {
  Shape shape = random.shape(random.integer(2, 4));
  return {"nn.channel_affine", {random.values(shape), random.values({shape[1]}), random.values({shape[1]})}, {}, {0, 1, 2}};
}

//===----------------------------------------------------------------------===//
// Movements and reductions
//===----------------------------------------------------------------------===//

Case reshape(Random &random) {
  const int64_t a = random.integer(1, 3), b = random.integer(1, 3), c = random.integer(1, 3);
  const std::vector<Shape> shapes = {{a, b, c}, {a * b, c}, {a, b * c}, {a * b * c}, {c, b, a}, {1, a * b * c, 1}};
  return {"nn.reshape", {random.values(random.oneOf(shapes))}, {{"shape", sizes(random.oneOf(shapes))}}, {0}, /*symbolic=*/false};
}

Case permute(Random &random) {
  Shape shape = random.shape(3);
  std::vector<int64_t> dims = random.oneOf<std::vector<int64_t>>({{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {-1, 0, 1}, {0, -1, 1}});
  return {"nn.permute", {random.values(shape)}, {{"dims", dims}}, {0}};
}

Case expand(Random &random) {
  Shape whole = random.shape();
  return {"nn.expand", {random.values(random.broadcastable(whole))}, {{"shape", sizes(whole)}}, {0}};
}

/// Dimension and range of a slice of `shape`.
semantics::Attributes range(Random &random, const Shape &shape) {
  const int64_t dim = random.integer(0, static_cast<int64_t>(shape.size()) - 1), size = shape[static_cast<size_t>(dim)];
  const int64_t start = random.integer(0, size), end = random.integer(start, size);
  return {{"dim", random.coin() ? dim : dim - static_cast<int64_t>(shape.size())},
          {"start", DimExpr(start)},
          {"end", DimExpr(end)},
          {"step", random.integer(1, 3)}};
}

Case slice(Random &random) {
  Shape shape = random.shape(random.integer(1, 3));
  return {"nn.slice", {random.values(shape)}, range(random, shape), {0}, /*symbolic=*/false};
}

Case sliceScatter(Random &random) {
  Shape shape = random.shape(random.integer(1, 3));
  semantics::Attributes attributes = range(random, shape);
  const int64_t start = *attributes.get<DimExpr>("start").constant(), end = *attributes.get<DimExpr>("end").constant(),
                step = attributes.get<int64_t>("step"), dim = attributes.get<int64_t>("dim");
  Shape part = shape;
  part[static_cast<size_t>(dim < 0 ? dim + static_cast<int64_t>(shape.size()) : dim)] = (end - start + step - 1) / step;
  return {"nn.slice_scatter", {random.values(shape), random.values(part)}, attributes, {0, 1}, /*symbolic=*/false};
}

Case cat(Random &random) {
  Shape shape = random.shape(random.integer(1, 3));
  const int64_t dim = random.integer(0, static_cast<int64_t>(shape.size()) - 1);
  Case result{"nn.cat", {}, {{"dim", random.coin() ? dim : dim - static_cast<int64_t>(shape.size())}}, {}};
  for (int64_t number = 0, count = random.integer(1, 3); number < count; ++number) {
    shape[static_cast<size_t>(dim)] = random.integer(0, 3);
    if (random.integer(0, 4) > 0)
      result.targets.push_back(result.operands.size());
    result.operands.push_back(random.values(shape));
  }
  if (result.targets.empty())
    result.targets.push_back(0);
  return result;
}

Case reduction(Random &random, const char *name) {
  Shape shape = random.shape();
  for (int64_t &size : shape)
    size = std::max<int64_t>(size, 1); // a mean over nothing is NaN
  return {std::string("nn.") + name,
          {random.values(shape)},
          {{"dims", someDims(random, static_cast<int64_t>(shape.size()))}, {"keepdim", random.coin()}},
          {0}};
}
Case sum(Random &random) { return reduction(random, "sum"); }
Case mean(Random &random) { return reduction(random, "mean"); }

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

Case linear(Random &random) {
  Shape input = random.shape(random.integer(1, 4));
  const int64_t out = random.integer(1, 3);
  Case result{"nn.linear", {random.values(input), random.values({out, input.back()})}, {}, {0, 1}};
  if (random.coin()) {
    result.operands.push_back(random.values({out}));
    result.targets.push_back(2);
  }
  if (random.integer(0, 3) == 0) // a frozen weight, the first layer's input
    result.targets = {random.oneOf(result.targets)};
  return result;
}

Case matmul(Random &random) {
  const int64_t rows = random.integer(1, 4), depth = random.integer(0, 4), columns = random.integer(1, 4);
  Shape batch = random.shape(random.integer(0, 2)), left = random.broadcastable(batch), right = random.broadcastable(batch);
  left.insert(left.end(), {rows, depth});
  right.insert(right.end(), {depth, columns});
  if (random.integer(0, 3) == 0)
    left = {depth};
  if (random.integer(0, 3) == 0)
    right = {depth};
  return {"nn.matmul", {random.values(left), random.values(right)}, {}, {0, 1}};
}

Case batchNorm(Random &random) {
  Shape shape = random.shape(random.integer(2, 4));
  for (int64_t &size : shape)
    size = std::max<int64_t>(size, 1);
  shape[0] += 2; // more than one value per channel
  const int64_t channels = shape[1];
  const bool training = random.coin(), affine = random.coin(), tracks = !training || random.coin();
  Case result{"nn.batch_norm",
              {random.values(shape), affine ? random.values({channels}) : Tensor(), affine ? random.values({channels}) : Tensor(),
               tracks ? random.values({channels}) : Tensor(), tracks ? random.values({channels}, 0.5, 2) : Tensor()},
              {{"training", training}, {"momentum", 0.1}, {"eps", random.oneOf<double>({1e-5, 1e-2})}},
              {0}};
  if (affine)
    result.targets = random.oneOf<std::vector<size_t>>({{0, 1, 2}, {2}, {1}, {0}});
  return result;
}

Case embedding(Random &random) {
  const int64_t rows = random.integer(1, 5);
  return {"nn.embedding", {random.integers(random.shape(), 0, rows - 1), random.values({rows, random.integer(1, 3)})}, {}, {1}};
}

Case softmaxBy(const char *op, Random &random) {
  Shape shape = random.shape();
  const auto rank = static_cast<int64_t>(shape.size());
  return {op,
          {random.values(shape)},
          {{"dim", random.integer(-std::max<int64_t>(rank, 1), std::max<int64_t>(rank, 1) - 1)}},
          {0}};
}

Case softmax(Random &random) { return softmaxBy("nn.softmax", random); }
Case logSoftmax(Random &random) { return softmaxBy("nn.log_softmax", random); }

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

/// Spatial sizes and windows that fit them.
struct Window {
  Shape sizes, kernel, stride, padding, dilation;
};

Window window(Random &random) {
  Window result;
  for (int64_t dim = random.integer(1, 3); dim > 0; --dim) {
    const int64_t kernel = random.integer(1, 3), dilation = random.integer(1, 2), extent = (kernel - 1) * dilation + 1;
    result.kernel.push_back(kernel);
    result.dilation.push_back(dilation);
    result.stride.push_back(random.integer(1, 3));
    result.padding.push_back(random.integer(0, kernel / 2));
    result.sizes.push_back(random.integer(extent, extent + 3));
  }
  return result;
}

Shape joined(Shape leading, const Shape &spatial) {
  leading.insert(leading.end(), spatial.begin(), spatial.end());
  return leading;
}

/// One or two dimensions before the spatial ones.
Shape leading(Random &random) {
  return random.coin() ? Shape{random.integer(1, 2)} : Shape{random.integer(1, 2), random.integer(1, 2)};
}

Case conv(Random &random) {
  const Window w = window(random);
  const int64_t groups = random.integer(1, 2), inputs = random.integer(1, 2), outputs = groups * random.integer(1, 2);
  Shape high = w.padding;
  if (random.coin())
    for (int64_t &size : high)
      size = random.integer(0, 2);
  Tensor bias = random.coin() ? random.values({outputs}) : Tensor();
  Case result{"nn.conv",
              {random.values(joined({random.integer(1, 3), groups * inputs}, w.sizes)),
               random.values(joined({outputs, inputs}, w.kernel)), bias},
              {{"stride", w.stride},
               {"padding_low", w.padding},
               {"padding_high", high},
               {"dilation", w.dilation},
               {"groups", groups}},
              {0, 1}};
  if (bias.defined())
    result.targets.push_back(2);
  result.symbolic = false; // channels must be known to be divisible, windows to fit
  return result;
}

/// Some of those with a batch have their channels last.
void maybeChannelsLast(Random &random, Case &result, size_t spatial) {
  const Tensor &input = result.operands[0];
  if (input.dim() != static_cast<int64_t>(spatial) + 2 || !random.coin())
    return;
  std::vector<int64_t> dims = {0};
  for (int64_t dim = 2; dim < input.dim(); ++dim)
    dims.push_back(dim);
  dims.push_back(1);
  result.operands[0] = input.permute(dims).contiguous();
  result.attributes.set("channels_last", true);
}

Case maxPool(Random &random) {
  const Window w = window(random);
  Case result{"nn.max_pool",
              {random.spaced(joined(leading(random), w.sizes), 0.1)},
              {{"kernel_size", w.kernel},
               {"stride", w.stride},
               {"padding", w.padding},
               {"dilation", w.dilation},
               {"ceil_mode", random.coin()}},
              {0}};
  result.symbolic = false;
  // All different, so that no maximum changes hands between the points of a difference.
  Tensor input = result.operands[0];
  std::vector<int64_t> places(static_cast<size_t>(input.numel()));
  for (size_t i = 0; i < places.size(); ++i)
    std::swap(places[i] = static_cast<int64_t>(i), places[static_cast<size_t>(random.integer(0, static_cast<int64_t>(i)))]);
  for (size_t i = 0; i < places.size(); ++i)
    input.data<double>()[i] = 0.1 * static_cast<double>(places[i]);
  maybeChannelsLast(random, result, w.sizes.size());
  return result;
}

Case avgPool(Random &random) {
  const Window w = window(random);
  Case result{"nn.avg_pool",
              {random.values(joined(leading(random), w.sizes))},
              {{"kernel_size", w.kernel},
               {"stride", w.stride},
               {"padding", w.padding},
               {"ceil_mode", random.coin()},
               {"count_include_pad", random.coin()}},
              {0}};
  if (random.coin())
    result.attributes.set("divisor_override", random.integer(1, 3));
  result.symbolic = false;
  maybeChannelsLast(random, result, w.sizes.size());
  return result;
}

Case adaptiveAvgPool(Random &random) {
  Shape in, out;
  for (int64_t dim = random.integer(1, 3); dim > 0; --dim) {
    in.push_back(random.integer(1, 5));
    out.push_back(random.integer(1, 5));
  }
  Case result{"nn.adaptive_avg_pool", {random.values(joined(leading(random), in))}, {{"output_size", sizes(out)}}, {0}};
  maybeChannelsLast(random, result, in.size());
  return result;
}

Case crossEntropy(Random &random) {
  const int64_t classes = random.integer(1, 4), rank = random.integer(1, 4);
  Shape input = rank == 1 ? Shape{classes} : Shape{random.integer(1, 4), classes};
  Shape target = rank == 1 ? Shape{} : Shape{input[0]};
  for (int64_t dim = 2; dim < rank; ++dim) {
    input.push_back(random.integer(1, 3));
    target.push_back(input.back());
  }
  Tensor labels = random.integers(target, 0, classes - 1);
  // One label stays, so that there is something to take the mean of.
  const int64_t ignored = random.coin() ? -100 : classes - 1;
  if (ignored == -100)
    for (int64_t index = 1; index < labels.numel(); ++index)
      if (random.integer(0, 3) == 0)
        labels.data<int64_t>()[index] = ignored;
  const bool keeps = ignored == -100 || classes > 1;
  if (keeps && ignored != -100)
    labels.data<int64_t>()[0] = 0;
  return {"nn.cross_entropy",
          {random.values(input), labels, random.coin() ? random.values({classes}, 0.5, 2) : Tensor()},
          {{"ignore_index", keeps ? ignored : -100},
           {"label_smoothing", random.oneOf<double>({0, 0.1, 1})},
           {"reduction", std::string(random.oneOf<std::string>({"mean", "sum", "none"}))}},
          {0}};
}

} // namespace

const std::vector<Family> &families() {
  static const std::vector<Family> all = {{"relu", relu},
                                          {"sigmoid", sigmoid},
                                          {"tanh", tanh},
                                          {"neg", neg},
                                          {"exp", exp},
                                          {"log", log},
                                          {"sqrt", sqrt},
                                          {"rsqrt", rsqrt},
                                          {"abs", abs},
                                          {"cast", cast},
                                          {"dropout", dropout},
                                          {"add", add},
                                          {"sub", sub},
                                          {"mul", mul},
                                          {"div", div},
                                          {"maximum", maximum},
                                          {"minimum", minimum},
                                          {"where", where},
                                          {"reshape", reshape},
                                          {"permute", permute},
                                          {"expand", expand},
                                          {"slice", slice},
                                          {"sum", sum},
                                          {"slice_scatter", sliceScatter},
                                          {"mean", mean},
                                          {"cat", cat},
                                          {"linear", linear},
                                          {"matmul", matmul},
                                          {"embedding", embedding},
                                          {"batch_norm", batchNorm},
                                          {"conv", conv},
                                          {"max_pool", maxPool},
                                          {"avg_pool", avgPool},
                                          {"adaptive_avg_pool", adaptiveAvgPool},
                                          {"softmax", softmax},
                                          {"log_softmax", logSoftmax},
                                          {"cross_entropy", crossEntropy},
                                          {"channel_affine", channelAffine}};
  return all;
}

} // namespace kiln::passes::testing
