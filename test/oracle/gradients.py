"""Compares gradients built by nn-differentiate with PyTorch's own, in float64, on random shapes, options and values.

usage: gradients.py [--report=FILE.xml] [--seed=N] [--trials=N] [OP...]

Needs torch and numpy. Each trial of an op becomes a function of one module: the op, a weighted sum of its result, nn.backward. kiln-opt
expands the requests, once alone and once with the whole pipeline; kiln-interpret runs the functions; results must agree with
torch.autograd to 1e-10 of the largest. Special values (0, NaN, infinities, ties) are among the inputs. The op "programs" stands for
random programs of several ops, with values used several times, detached, and asked for on the way. The seed is printed, so that a failure
can be repeated.
"""
import math
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy
import torch
from torch.nn import functional

from harness import Comparisons, Softmax

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build/bin"
TOLERANCE = 1e-10
numpy.set_printoptions(threshold=32)
PASSES = {
    "differentiated": "builtin.module(func.func(nn-differentiate))",
    "optimised": "builtin.module(nn-optimize)",
    # Everything computed again that can be.
    "rematerialised": "builtin.module(func.func(nn-differentiate),canonicalize,cse,"
                      "func.func(nn-rematerialize{min-elements=0 min-distance=0 max-cost=1000},nn-fuse))",
}


class Case:
    """One op on operands (None is absent), its attributes as MLIR text, and what it is in PyTorch."""

    def __init__(self, op, operands, attributes, call, targets, result=None, segments=False):
        self.op, self.operands, self.attributes, self.call, self.targets = op, operands, attributes, call, targets
        self.segments = segments
        leaves = [self.leaf(index, value) for index, value in enumerate(operands)]
        self.output = call(*leaves)
        self.weights = torch.rand(self.output.shape, dtype=torch.double) + 0.5
        gradients = torch.autograd.grad((self.output * self.weights).sum(), [leaves[index] for index in targets])
        self.expected = [gradient.numpy() for gradient in gradients]
        # Extra results of the op, as MLIR types: a batch norm's statistics.
        self.extra = result or []

    def leaf(self, index, value):
        if value is None:
            return None
        return value.clone().requires_grad_(index in self.targets)

    def function(self, name):
        return function_text(name, self)

    def describe(self):
        shapes = " ".join("-" if value is None else str(list(value.shape)) for value in self.operands)
        return f"{self.op} {shapes} {{{self.attributes}}}"


ELEMENTS = {torch.double: "f64", torch.long: "i64", torch.bool: "i1"}


def type_text(shape, dtype):
    return f"tensor<{''.join(f'{size}x' for size in shape)}{ELEMENTS[dtype]}>"


def function_text(name, case):
    present = [value for value in case.operands if value is not None]
    types = [type_text(value.shape, value.dtype) for value in present]
    output = type_text(case.output.shape, torch.double)
    arguments = [f'%a{index}: {type_} {{nn.name = "a{index}"}}' for index, type_ in enumerate(types + [output])]
    weights = len(present)
    number = iter(range(weights))
    names = ["" if value is None else f"%a{next(number)}" for value in case.operands]
    attributes = [case.attributes] if case.attributes else []
    if case.segments:
        attributes.append(f"operandSegmentSizes = array<i32: {', '.join('1' if name else '0' for name in names)}>")
    results = [output, *case.extra]
    prefix = f"%y:{len(results)}" if case.extra else "%y"
    first = "%y#0" if case.extra else "%y"
    targets = [names[index] for index in case.targets]
    target_types = [type_text(case.operands[index].shape, torch.double) for index in case.targets]
    returned = ", ".join(f"%g#{index}" for index in range(len(targets))) if len(targets) > 1 else "%g"
    counted = f"%g:{len(targets)}" if len(targets) > 1 else "%g"
    return f"""
func.func @{name}({', '.join(arguments)}) -> ({', '.join(target_types)}) attributes {{nn.entry}} {{
  {prefix} = "{case.op}"({', '.join(name for name in names if name)}) {{{', '.join(attributes)}}} : ({', '.join(types)}) -> ({', '.join(results)})
  %weighted = "nn.mul"({first}, %a{weights}) : ({output}, {output}) -> {output}
  %loss = "nn.sum"(%weighted) {{dims = array<i64>, keepdim = false}} : ({output}) -> tensor<f64>
  {counted} = nn.backward %loss to {', '.join(targets)} : (tensor<f64>, {', '.join(target_types)}) -> ({', '.join(target_types)})
  return {returned} : {', '.join(target_types)}
}}"""


# ----------------------------------------------------------------------------------------------------------------------
# Random operands
# ----------------------------------------------------------------------------------------------------------------------

SPECIAL = (0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf)


def shape(rank=None):
    return [random.choice((0, 1, 2, 3, 4, 5, 3, 2)) for _ in range(random.randrange(4) if rank is None else rank)]


def broadcastable(target):
    sizes = target[random.randrange(len(target) + 1):]
    return [1 if random.random() < 0.3 else size for size in sizes]


def values(sizes, low=-2.0, high=2.0):
    return torch.rand(sizes, dtype=torch.double) * (high - low) + low


def special(sizes):
    """Some values that rules must not stumble over, and integers, so that ties happen."""
    result = torch.randint(-2, 3, sizes).double()
    chosen = torch.rand(sizes) < 0.3
    return torch.where(chosen, torch.tensor([random.choice(SPECIAL) for _ in range(result.numel())], dtype=torch.double).reshape(sizes), result)


def any_values(sizes):
    return values(sizes) if random.random() < 0.5 else special(sizes)


def i64(value):
    return f"{value} : i64"


def f64(value):
    return f"{value:.17e} : f64"


def integers(values_):
    return f"array<i64: {', '.join(map(str, values_))}>" if values_ else "array<i64>"


def sizes_text(sizes):
    return f"#nn.shape<{', '.join(map(str, sizes))}>"


# ----------------------------------------------------------------------------------------------------------------------
# Ops
# ----------------------------------------------------------------------------------------------------------------------

def unary(call):
    return lambda name: Case(name, [any_values(shape())], "", call, [0])


def binary(call):
    def make(name):
        whole = shape()
        operands = [any_values(whole), any_values(broadcastable(whole))]
        random.shuffle(operands)
        return Case(name, operands, "", call, [0, 1])

    return make


def where(name):
    whole = shape()
    condition = torch.rand(broadcastable(whole)) < 0.5
    return Case(name, [condition, any_values(whole), any_values(broadcastable(whole))], "", torch.where, [1, 2])


def cast(name):
    return Case(name, [values(shape())], "dtype = f64", lambda x: x.to(torch.double), [0])


def reshape(name):
    a, b, c = (random.randint(1, 3) for _ in range(3))
    shapes = ([a, b, c], [a * b, c], [a, b * c], [a * b * c], [1, a * b * c, 1])
    target = random.choice(shapes)
    return Case(name, [values(random.choice(shapes))], f"shape = {sizes_text(target)}", lambda x: x.reshape(target), [0])


def permute(name):
    dims = random.sample(range(3), 3)
    return Case(name, [values(shape(3))], f"dims = {integers(dims)}", lambda x: x.permute(dims), [0])


def expand(name):
    whole = shape()
    return Case(name, [values(broadcastable(whole))], f"shape = {sizes_text(whole)}", lambda x: x.expand(whole), [0])


def slice_range(sizes):
    dim = random.randrange(len(sizes))
    start = random.randint(0, sizes[dim])
    end, step = random.randint(start, sizes[dim]), random.randint(1, 3)
    text = f"dim = {i64(dim)}, start = #nn.dim<{start}>, end = #nn.dim<{end}>, step = {i64(step)}"
    return text, (slice(None),) * dim + (slice(start, end, step),), (dim, start, end, step)


def slice_(name):
    sizes = shape(random.randint(1, 3))
    text, index, _ = slice_range(sizes)
    return Case(name, [values(sizes)], text, lambda x: x[index], [0])


def slice_scatter(name):
    sizes = shape(random.randint(1, 3))
    text, index, (dim, start, end, step) = slice_range(sizes)
    source = values(list(torch.empty(sizes)[index].shape))
    return Case(name, [values(sizes), source], text, lambda x, y: torch.slice_scatter(x, y, dim, start, end, step), [0, 1])


def cat(name):
    sizes = shape(random.randint(1, 3))
    dim = random.randrange(len(sizes))
    parts = []
    for _ in range(random.randint(1, 4)):
        sizes[dim] = random.randint(0, 3)
        parts.append(values(list(sizes)))
    return Case(name, parts, f"dim = {i64(dim)}", lambda *xs: torch.cat(xs, dim), list(range(len(parts))))


def reduction(call):
    def make(name):
        sizes = shape()
        dims = [dim for dim in range(len(sizes)) if random.random() < 0.5]
        keepdim = random.random() < 0.5
        text = f"dims = {integers(dims)}, keepdim = {str(keepdim).lower()}"
        return Case(name, [any_values(sizes)], text, lambda x: call(x, dims or None, keepdim), [0])

    return make


def linear(name):
    sizes, out = shape(random.randint(1, 4)), random.randint(1, 4)
    operands = [values(sizes), values([out, sizes[-1]])]
    if random.random() < 0.5:
        operands.append(values([out]))
    return Case(name, operands, "", functional.linear, list(range(len(operands))))


def matmul(name):
    rows, depth, columns = random.randint(0, 4), random.randint(0, 4), random.randint(0, 4)
    batch = shape(random.randrange(3))
    left = random.choice(([depth], [rows, depth], [*broadcastable(batch), rows, depth]))
    right = random.choice(([depth], [depth, columns], [*broadcastable(batch), depth, columns]))
    return Case(name, [values(left), values(right)], "", torch.matmul, [0, 1])


def batch_norm(name):
    sizes = [max(size, 1) for size in shape(random.randint(2, 4))]
    sizes[0] += 1
    training, affine, eps = random.random() < 0.6, random.random() < 0.6, random.choice((1e-5, 1e-2))
    tracks = not training or random.random() < 0.5
    channels = [sizes[1]]
    operands = [values(sizes, -1, 3)] + [values(channels) if affine else None for _ in range(2)]
    operands += [values(channels), values(channels, 0.5, 2)] if tracks else [None, None]
    text = f"training = {str(training).lower()}, momentum = {f64(0.1)}, eps = {f64(eps)}"

    def call(x, weight, bias, mean, variance):
        mean, variance = (None if value is None else value.clone() for value in (mean, variance))
        return functional.batch_norm(x, mean, variance, weight, bias, training, 0.1, eps)

    extra = [type_text(channels, torch.double)] * ((4 if tracks else 2) if training else 0)
    return Case(name, operands, text, call, [0, 1, 2] if affine else [0], extra, segments=True)


def channel_affine(name):
    sizes = shape(random.randint(2, 4))
    aligned = [sizes[1]] + [1] * (len(sizes) - 2)
    return Case(name, [values(sizes), values([sizes[1]]), values([sizes[1]])], "",
                lambda x, scale, shift: x * scale.reshape(aligned) + shift.reshape(aligned), [0, 1, 2])


def embedding(name):
    rows, padding = random.randint(1, 6), random.random() < 0.5
    indices, table = torch.randint(rows, shape()), values([rows, random.randint(1, 4)])
    index = random.randrange(rows) if padding else None
    return Case(name, [indices, table], f"padding_idx = {i64(index)}" if padding else "",
                lambda i, w: functional.embedding(i, w, padding_idx=index), [1])


def softmax(function, of_large_scores):
    def case(name):
        sizes = shape()
        dim = random.randrange(-len(sizes), len(sizes)) if sizes else random.choice((0, -1))
        is_large = bool(sizes) and random.random() < 0.5
        operand = values(sizes, -50, 50) if is_large else any_values(sizes)
        return Case(name, [operand], f"dim = {i64(dim)}", lambda x: (of_large_scores if is_large else function)(x, dim), [0])
    return case


def cross_entropy(name):
    classes, rank = random.randint(1, 5), random.randint(1, 4)
    sizes = [classes] if rank == 1 else [random.randint(0, 4), classes] + [random.randint(1, 3) for _ in range(rank - 2)]
    labels = torch.randint(classes, sizes[:1][:rank - 1] + sizes[2:])
    ignored = random.choice((-100, 0, classes - 1))
    labels[torch.rand(labels.shape) < 0.2] = ignored
    weight = values([classes], 0.2, 2) if random.random() < 0.5 else None
    smoothing, reduction_ = random.choice((0.0, 0.1, 1.0)), random.choice(("mean", "sum", "none"))
    text = f'ignore_index = {i64(ignored)}, label_smoothing = {f64(smoothing)}, reduction = "{reduction_}"'
    return Case(name, [values(sizes, -5, 5), labels, weight], text,
                lambda x, y, w: functional.cross_entropy(x, y, w, ignore_index=ignored, reduction=reduction_, label_smoothing=smoothing), [0])


def windows(rank, low=1, high=6):
    """Sizes, and for each a window that fits with its padding: kernel, stride, padding, dilation."""
    sizes = [random.randint(low, high) for _ in range(rank)]
    dilation = [random.choice((1, 1, 2)) for _ in range(rank)]
    kernel = [random.randint(1, 3) for _ in range(rank)]
    padding = [random.randint(0, ((k - 1) * d + 1) // 2) for k, d in zip(kernel, dilation)]
    sizes = [max(size, (k - 1) * d + 1 - p) for size, k, d, p in zip(sizes, kernel, dilation, padding)]
    return sizes, kernel, [random.randint(1, 3) for _ in range(rank)], padding, dilation


def conv(name):
    rank, groups = random.randint(1, 3), random.choice((1, 1, 2, 3))
    sizes, kernel, stride, low, dilation = windows(rank)
    high = [random.randint(0, 2) for _ in range(rank)] if random.random() < 0.3 else low
    inputs, outputs = random.randint(1, 2), groups * random.randint(1, 2)
    operands = [values([random.randint(0, 3), groups * inputs, *sizes]), values([outputs, inputs, *kernel])]
    if random.random() < 0.5:
        operands.append(values([outputs]))
    text = (f"stride = {integers(stride)}, padding_low = {integers(low)}, padding_high = {integers(high)}, "
            f"dilation = {integers(dilation)}, groups = {i64(groups)}")
    function = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    around = [n for pair in zip(reversed(low), reversed(high)) for n in pair]
    return Case(name, operands, text,
                lambda x, w, b=None: function(functional.pad(x, around), w, b, stride, 0, dilation, groups), list(range(len(operands))))


def pooled(rank, sizes):
    return values([random.randint(0 if random.random() < 0.3 else 1, 2)] * random.randint(0, 1) + [random.randint(1, 2), *sizes])


def max_pool(name):
    rank = random.randint(1, 3)
    sizes, kernel, stride, padding, dilation = windows(rank)
    padding = [min(p, k // 2) for p, k in zip(padding, kernel)]
    sizes = [max(size, (k - 1) * d + 1) for size, k, d in zip(sizes, kernel, dilation)]
    ceil_mode = random.random() < 0.5
    text = (f"kernel_size = {integers(kernel)}, stride = {integers(stride)}, padding = {integers(padding)}, "
            f"dilation = {integers(dilation)}, ceil_mode = {str(ceil_mode).lower()}")
    function = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank - 1]
    x = pooled(rank, sizes)
    if random.random() < 0.3:
        x = x.round()  # ties: the first one gets all
    return Case(name, [x], text, lambda x: function(x, kernel, stride, padding, dilation, ceil_mode), [0])


def avg_pool(name):
    rank = random.randint(1, 3)
    sizes, kernel, stride, _, _ = windows(rank)
    padding = [random.randint(0, k // 2) for k in kernel]
    sizes = [max(size, k) for size, k in zip(sizes, kernel)]
    ceil_mode, counts = random.random() < 0.5, random.random() < 0.5
    divisor = random.choice((3, -2)) if rank > 1 and random.random() < 0.3 else None
    text = (f"kernel_size = {integers(kernel)}, stride = {integers(stride)}, padding = {integers(padding)}, "
            f"ceil_mode = {str(ceil_mode).lower()}, count_include_pad = {str(counts).lower()}")
    text += f", divisor_override = {i64(divisor)}" if divisor else ""
    function = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[rank - 1]
    more = [divisor] if divisor else []
    return Case(name, [pooled(rank, sizes)], text, lambda x: function(x, kernel, stride, padding, ceil_mode, counts, *more), [0])


def adaptive_avg_pool(name):
    rank = random.randint(1, 3)
    sizes, target = ([random.randint(1, 6) for _ in range(rank)] for _ in range(2))
    function = (functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, functional.adaptive_avg_pool3d)[rank - 1]
    return Case(name, [pooled(rank, sizes)], f"output_size = {sizes_text(target)}", lambda x: function(x, target), [0])


# ----------------------------------------------------------------------------------------------------------------------
# Random programs
# ----------------------------------------------------------------------------------------------------------------------

class Program:
    """A straight line of ops on values of a few shapes, both as MLIR text and as PyTorch tensors. It has what Case has for the rest."""

    def __init__(self, _):
        rows, columns = random.randint(1, 4), random.randint(1, 4)
        shapes = ([rows, columns], [columns], [rows, 1], [])
        self.operands = [values(random.choice(shapes), 0.3, 1.7) for _ in range(random.randint(2, 4))]
        self.operands.append(values([columns, columns], -1, 1))
        self.lines, self.known = [], []
        for index, operand in enumerate(self.operands):
            self.known.append((f"%a{index}", operand.clone().requires_grad_()))
        self.square = self.known[-1]
        self.used = set()
        for _ in range(random.randint(3, 14)):
            self.step()
        self.collect()
        self.output = self.known[-1][1]
        depending = [value for value in self.known if value[1].requires_grad]
        self.asked = random.sample(depending, min(len(depending), random.randint(1, 4)))
        self.weights = torch.rand(self.output.shape, dtype=torch.double) + 0.5
        self.targets = range(len(self.asked))
        loss = (self.output * self.weights).sum()
        tensors = [value for _, value in self.asked]
        if loss.requires_grad:
            gradients = torch.autograd.grad(loss, tensors, allow_unused=True)
        else:
            gradients = [None] * len(tensors)
        self.expected = [(torch.zeros_like(tensor) if gradient is None else gradient).detach().numpy()
                         for tensor, gradient in zip(tensors, gradients)]

    def define(self, text, operands, result):
        name = f"%v{len(self.lines)}"
        self.used.update(operand for operand, _ in operands)
        types = ", ".join(type_text(value.shape, torch.double) for _, value in operands)
        self.lines.append(f"{name} = {text.format(*(name_ for name_, _ in operands))} : ({types}) -> {type_text(result.shape, torch.double)}")
        self.known.append((name, result))

    def step(self):
        x = random.choice(self.known[-4:] + self.known)
        kind = random.choice(("unary", "binary", "binary", "product", "sum", "mean", "detach") if random.random() < 0.3 else
                             ("unary", "binary", "product"))
        if kind == "unary":
            name = random.choice(("relu", "sigmoid", "tanh", "neg", "abs"))
            self.define(f'"nn.{name}"({{0}})', [x], getattr(torch, name)(x[1]))
        elif kind == "binary":
            y, name = random.choice(self.known), random.choice(("add", "sub", "mul", "maximum", "minimum"))
            try:
                result = getattr(torch, name)(x[1], y[1])
            except RuntimeError:
                return  # shapes that do not broadcast
            self.define(f'"nn.{name}"({{0}}, {{1}})', [x, y], result)
        elif kind == "product" and x[1].dim() == 2 and x[1].shape[1] == self.square[1].shape[0]:
            self.define('"nn.linear"({0}, {1})', [x, self.square], functional.linear(x[1], self.square[1]))
        elif kind in ("sum", "mean") and x[1].dim() == 2:
            dim, keepdim = random.randrange(2), random.random() < 0.7
            attributes = f"dims = array<i64: {dim}>, keepdim = {str(keepdim).lower()}"
            self.define(f'"nn.{kind}"({{0}}) {{{{{attributes}}}}}', [x], getattr(torch, kind)(x[1], dim, keepdim))
        elif kind == "detach":
            self.define('"nn.detach"({0})', [x], x[1].detach())

    def collect(self):
        """The sum of all that nothing else uses, so that the loss depends on most of the program."""
        total = None
        for value in [value for value in self.known if value[0] not in self.used]:
            self.define('"nn.sum"({0}) {{dims = array<i64>, keepdim = false}}', [value], value[1].sum())
            if total:
                self.define('"nn.add"({0}, {1})', [total, self.known[-1]], total[1] + self.known[-1][1])
            total = self.known[-1]

    def function(self, name):
        types = [type_text(value.shape, torch.double) for value in self.operands]
        output = type_text(self.output.shape, torch.double)
        arguments = [f'%a{index}: {type_} {{nn.name = "a{index}"}}' for index, type_ in enumerate(types + [output])]
        asked_types = ", ".join(type_text(value.shape, torch.double) for _, value in self.asked)
        results = ", ".join(f"%g#{index}" for index in self.targets) if len(self.asked) > 1 else "%g"
        count = f":{len(self.asked)}" if len(self.asked) > 1 else ""
        body = "\n  ".join(self.lines)
        return f"""
func.func @{name}({', '.join(arguments)}) -> ({asked_types}) attributes {{nn.entry}} {{
  {body}
  %weighted = "nn.mul"({self.known[-1][0]}, %a{len(types)}) : ({output}, {output}) -> {output}
  %loss = "nn.sum"(%weighted) {{dims = array<i64>, keepdim = false}} : ({output}) -> tensor<f64>
  %g{count} = nn.backward %loss to {', '.join(asked for asked, _ in self.asked)} : (tensor<f64>, {asked_types}) -> ({asked_types})
  return {results} : {asked_types}
}}"""

    def describe(self):
        return self.function("program")


OPS = {
    "nn.relu": unary(torch.relu), "nn.sigmoid": unary(torch.sigmoid), "nn.tanh": unary(torch.tanh), "nn.neg": unary(torch.neg),
    "nn.exp": unary(torch.exp), "nn.log": unary(torch.log), "nn.sqrt": unary(torch.sqrt), "nn.rsqrt": unary(torch.rsqrt),
    "nn.abs": unary(torch.abs), "nn.add": binary(torch.add), "nn.sub": binary(torch.sub), "nn.mul": binary(torch.mul),
    "nn.div": binary(torch.div), "nn.maximum": binary(torch.maximum), "nn.minimum": binary(torch.minimum), "nn.where": where,
    "nn.cast": cast, "nn.reshape": reshape, "nn.permute": permute, "nn.expand": expand, "nn.slice": slice_,
    "nn.slice_scatter": slice_scatter, "nn.cat": cat, "nn.sum": reduction(torch.sum), "nn.mean": reduction(torch.mean),
    "nn.linear": linear, "nn.matmul": matmul, "nn.batch_norm": batch_norm, "nn.channel_affine": channel_affine,
    "nn.embedding": embedding, "nn.softmax": softmax(torch.softmax, Softmax.apply),
    "nn.log_softmax": softmax(torch.log_softmax, torch.log_softmax), "nn.cross_entropy": cross_entropy,
    "nn.conv": conv, "nn.max_pool": max_pool, "nn.avg_pool": avg_pool, "nn.adaptive_avg_pool": adaptive_avg_pool, "programs": Program,
}


# ----------------------------------------------------------------------------------------------------------------------
# Running
# ----------------------------------------------------------------------------------------------------------------------

def tool(name, *arguments):
    result = subprocess.run([str(TOOLS / name), *map(str, arguments)], capture_output=True, text=True)
    if result.returncode:
        raise AssertionError(f"{name}: exit status {result.returncode}\n{result.stderr[:4000]}")
    return result


def require_close(actual, expected):
    if actual.shape != expected.shape:
        raise AssertionError(f"shape {list(actual.shape)}, PyTorch has {list(expected.shape)}")
    finite = numpy.isfinite(expected)
    if not numpy.array_equal(actual[~finite], expected[~finite], equal_nan=True):
        raise AssertionError(f"special values differ\n{actual}\nPyTorch has\n{expected}")
    if not finite.any():
        return
    difference = numpy.abs(actual[finite] - expected[finite]).max()
    if not difference <= TOLERANCE * max(numpy.abs(expected[finite]).max(), 1e-300):
        raise AssertionError(f"max|a - b| = {difference:.2e} beside max|b| = {numpy.abs(expected[finite]).max():.2e}\n{actual}\n{expected}")


def interpret(module, name, case, folder):
    present = [value for value in case.operands if value is not None] + [case.weights]
    arguments = []
    for index, value in enumerate(present):
        numpy.save(folder / f"a{index}.npy", value.numpy())
        arguments.append(f"--input=a{index}={folder / f'a{index}.npy'}")
    outputs = [folder / f"g{index}.npy" for index in range(len(case.targets))]
    arguments += [f"--output={index}={path}" for index, path in enumerate(outputs)]
    tool("kiln-interpret", module, name, *arguments)
    return [numpy.load(path) for path in outputs]


def compare(source, passes, cases, folder):
    tool("kiln-opt", source, f"--pass-pipeline={passes}", "-o", folder / "passed.mlir")
    for number, case in enumerate(cases):
        try:
            for actual, expected in zip(interpret(folder / "passed.mlir", f"case{number}", case, folder), case.expected, strict=True):
                require_close(actual, expected)
        except AssertionError as error:
            raise AssertionError(f"{case.describe()}\n{error}") from error


def main():
    report = Comparisons("oracle.gradients", "ops", lambda parser: parser.add_argument("--trials", type=int, default=12))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for op in report.options.ops or OPS:
            cases = [OPS[op](op) for _ in range(report.options.trials)]
            source = folder / "module.mlir"
            source.write_text("\n".join(case.function(f"case{number}") for number, case in enumerate(cases)))
            for title, passes in PASSES.items():
                report.check(f"{op}, {title}", lambda: compare(source, passes, cases, folder))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
