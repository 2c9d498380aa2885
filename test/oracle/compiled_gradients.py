"""Compares gradients of compiled code with PyTorch's, op by op and layer by layer, in double and in float.

usage: compiled_gradients.py [--report=FILE.xml] [--seed=N] [CASE...]

Needs torch and numpy. Each case is an expression in the DSL and the same in PyTorch. One program a dtype holds a function a case: it
returns the value and the gradients of all its differentiable inputs for a given cotangent. Inputs are new each run, for several sizes
of the named dimension n, and equal in both dtypes.

In double a gradient may differ from PyTorch's by 1e-10 of the largest; in float its distance from PyTorch's double may be twice that
of PyTorch's own float, and 1e-6 of the largest more. (gradients.py compares what nn-differentiate builds, interpreted.)
"""
import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import typing

import numpy
import torch
import torch.nn.functional as F

from harness import Comparisons, Softmax

ROOT = pathlib.Path(__file__).resolve().parents[2]
KILN = ROOT / "build/bin/kiln"
DTYPES = {"kFloat64": torch.float64, "kFloat32": torch.float32}


@dataclasses.dataclass
class Case:
    """`inputs` maps names to "sizes" and kinds: positive, constant (no gradient is asked for), double (float64 in either program), or
    an index range such as <7. `output` are the result's sizes."""
    inputs: dict
    output: str
    dsl: str
    torch: typing.Callable
    sizes: tuple = (0, 1, 2, 5, 33)


def unary(dsl, function, kind=""):
    return Case({"a": f"n,7 {kind}"}, "n,7", dsl, function)


def binary(dsl, function, kind=""):
    return {
        "same": Case({"a": f"n,5 {kind}", "b": f"n,5 {kind}"}, "n,5", dsl, function),
        "row": Case({"a": f"n,5 {kind}", "b": f"5 {kind}"}, "n,5", dsl, function),
        "column": Case({"a": f"n,1 {kind}", "b": f"n,6 {kind}"}, "n,6", dsl, function),
        "scalar": Case({"a": f" {kind}", "b": f"3,n,2 {kind}"}, "3,n,2", dsl, function),
        "outer": Case({"a": f"4,1,n {kind}", "b": f"3,1 {kind}"}, "4,3,n", dsl, function),
    }


def normalized(x, weight=None, bias=None, eps=1e-5):
    """PyTorch's batch norm on the batch's own statistics."""
    return F.batch_norm(x, None, None, weight, bias, True, 0.1, eps)


def cross_entropy(sizes, target, options="", classes=None, **torch_options):
    inputs = {"a": sizes, "t": target}
    if classes:
        inputs["w"] = f"{classes} positive constant"
        options = f".weight(w){options}"
    output = target.split(" ")[0] if torch_options.get("reduction") == "none" else ""
    return Case(inputs, output, f"F::cross_entropy(a, t, F::CrossEntropyFuncOptions(){options})",
                lambda a, t, w=None: F.cross_entropy(a, t, w, **torch_options))


def probabilities(sizes, options="", classes=None, smoothing=0.0, reduction="mean", wide=""):
    """A target of probabilities, which has a gradient, as the weight has. `wide` names inputs that are double."""
    double = {name: " double" if name in wide else "" for name in "atw"}
    inputs = {"a": f"{sizes}{double['a']}", "t": f"{sizes} positive{double['t']}"}
    if classes:
        inputs["w"] = f"{classes} positive{double['w']}"
        options = f".weight(w){options}"
    output = "" if reduction != "none" or "," not in sizes else ",".join(sizes.split(",")[:1] + sizes.split(",")[2:])
    return Case(inputs, output, f"F::cross_entropy(a, t, F::CrossEntropyFuncOptions(){options})",
                lambda a, t, w=None: F.cross_entropy(a, t, w, label_smoothing=smoothing, reduction=reduction))


def cut_leaves(a):
    y = a * a
    leaf, other = y.detach().requires_grad_(), y.detach()
    (leaf * other).sum().backward()
    return leaf.grad * a


def cut_leaves_in_use(a):
    y = a * a
    t, leaf, other = y.detach() * a, y.detach().requires_grad_(), y.detach().requires_grad_()
    (t * leaf * other).sum().backward()
    return (leaf.grad - other.grad) * a


def conv2d(inputs, weight, output, options="", bias=True, sizes=(0, 1, 2, 5, 33), **torch_options):
    """A layer in two dimensions; `n` may stand for any size but the channels."""
    operands = {"a": inputs, "w": weight, **({"b": weight.split(",")[0]} if bias else {})}
    given = ".bias(b)" if bias else ""
    return Case(operands, output, f"F::conv2d(a, w, F::Conv2dFuncOptions(){given}{options})",
                lambda a, w, b=None: F.conv2d(a, w, b, **torch_options), sizes)


def padded_conv2d(mode):
    """The gradient flows through what the layer's padding mode copies."""
    return Case({"a": "n,2,5,6", "w": "3,2,3,3"}, "n,3,7,6",
                f"F::conv2d(F::pad(a, F::PadFuncOptions({{1, 1, 3, 1}}).mode(kiln::k{mode.capitalize()})), w)",
                lambda a, w: F.conv2d(F.pad(a, (1, 1, 3, 1), mode), w))


def convolutions():
    table = {
        "conv2d": conv2d("n,3,8,8", "5,3,3,3", "n,5,6,6"),
        "conv2d without bias": conv2d("n,3,8,8", "5,3,3,3", "n,5,6,6", bias=False),
        "conv2d, padding": conv2d("n,3,9,7", "6,3,3,3", "n,6,9,7", ".padding(1)", padding=1),
        "conv2d, stride": conv2d("n,4,9,20", "7,4,3,3", "n,7,5,10", ".stride(2).padding(1)", stride=2, padding=1),
        "conv2d, large stride": conv2d("n,2,9,11", "3,2,2,2", "n,3,3,4", ".stride({3, 3})", stride=3),
        "conv2d, dilation": conv2d("n,2,9,8", "3,2,3,2", "n,3,5,7", ".dilation({2, 1})", dilation=(2, 1)),
        "conv2d, one by one, strided": conv2d("n,6,7,7", "4,6,1,1", "n,4,4,4", ".stride(2)", stride=2),
        "conv2d, groups": conv2d("n,6,6,6", "4,3,3,3", "n,4,4,4", ".groups(2)", groups=2),
        "conv2d, depthwise": conv2d("n,5,6,18", "5,1,3,3", "n,5,6,18", ".padding(1).groups(5)", padding=1, groups=5),
        "conv2d, groups in a vector": conv2d("n,24,7,9", "24,2,3,3", "n,24,7,9", ".padding(1).groups(12)", padding=1, groups=12),
        "conv2d, groups of three to six": conv2d("n,12,9,8", "24,3,3,3", "n,24,5,4", ".stride(2).padding(1).groups(4)", stride=2,
                                                 padding=1, groups=4),
        "conv2d, one channel": conv2d("n,1,9,70", "8,1,5,5", "n,8,9,70", ".padding(2)", padding=2),
        "conv2d, two outputs a channel": conv2d("n,3,6,6", "6,1,3,3", "n,6,4,4", ".groups(3)", groups=3),
        "conv2d, same": conv2d("n,2,5,7", "3,2,4,2", "n,3,5,7", ".padding(kiln::kSame).dilation({1, 2})", padding="same",
                               dilation=(1, 2)),
        "conv2d, first layer of a resnet": conv2d("n,3,18,18", "8,3,7,7", "n,8,9,9", ".stride(2).padding(3)", bias=False, stride=2,
                                                  padding=3, sizes=(1, 2)),
        "conv2d of named sizes": conv2d("2,3,n,6", "4,3,3,3", "2,4,n,6", ".padding(1)", padding=1, sizes=(3, 5, 20)),
        "conv2d of a wide row": conv2d("1,2,3,n", "3,2,3,3", "1,3,3,n", ".padding(1)", padding=1, sizes=(3, 17, 70)),
        "conv2d, unbatched": Case({"a": "3,n,6", "w": "4,3,3,3"}, "4,n,6", "F::conv2d(a, w, F::Conv2dFuncOptions().padding(1))",
                                  lambda a, w: F.conv2d(a, w, padding=1), (3, 5)),
        "conv1d": Case({"a": "n,3,9", "w": "4,3,3", "b": "4"}, "n,4,4", "kiln::conv1d(a, w, b, 2)",
                       lambda a, w, b: F.conv1d(a, w, b, 2)),
        "conv3d": Case({"a": "n,2,4,5,6", "w": "3,2,2,3,2", "b": "3"}, "n,3,2,5,3", "kiln::conv3d(a, w, b, {2, 1, 2}, {0, 1, 0})",
                       lambda a, w, b: F.conv3d(a, w, b, (2, 1, 2), (0, 1, 0))),
        "conv2d, poolings": Case(
            {"a": "n,3,9,10", "w": "20,3,3,3"}, "n,20,1,1",
            "kiln::adaptive_avg_pool2d(kiln::avg_pool2d(kiln::max_pool2d(relu(kiln::conv2d(a, w)), {3, 2}, {2, 2}, {1, 0}), 2, 1), 1)",
            lambda a, w: F.adaptive_avg_pool2d(
                F.avg_pool2d(F.max_pool2d(torch.relu(F.conv2d(a, w)), (3, 2), (2, 2), (1, 0)), 2, 1), 1)),
        "conv2d, tiled by a pooling": Case({"a": "n,2,8,8", "w": "37,2,3,3"}, "n,37,3,3",
                                           "kiln::max_pool2d(relu(kiln::conv2d(a, w)), 2)",
                                           lambda a, w: F.max_pool2d(torch.relu(F.conv2d(a, w)), 2)),
        "conv2d, concatenated and scaled by means": Case(
            {"a": "n,3,5,6", "w": "18,3,1,1", "v": "3,21,3,3"}, "n,3",
            "[&] { auto y = kiln::cat({kiln::conv2d(a, w), a}, 1); return kiln::conv2d(y * y.mean({2, 3}, true), v).mean({2, 3}); }()",
            lambda a, w, v: (lambda y: F.conv2d(y * y.mean((2, 3), True), v).mean((2, 3)))(torch.cat([F.conv2d(a, w), a], 1))),
        "conv2d, depthwise between others": Case(
            {"a": "n,3,7,9", "w": "33,3,1,1", "v": "33,1,3,3", "u": "4,33,1,1"}, "n,4,4,5",
            "kiln::conv2d(F::conv2d(kiln::conv2d(a, w), v, F::Conv2dFuncOptions().stride(2).padding(1).groups(33)), u)",
            lambda a, w, v, u: F.conv2d(F.conv2d(F.conv2d(a, w), v, None, 2, 1, 1, 33), u)),
        "conv2d, relu, conv2d": Case(
            {"a": "n,2,7,7", "w": "4,2,3,3", "v": "3,4,3,3", "b": "4"}, "n,3,5,5",
            "kiln::conv2d(relu(kiln::conv2d(a, w, b, 1, 1)), v)",
            lambda a, w, v, b: F.conv2d(torch.relu(F.conv2d(a, w, b, 1, 1)), v)),
    }
    for mode in ("reflect", "replicate", "circular"):
        table[f"conv2d, {mode}"] = padded_conv2d(mode)
    return table


def pooling():
    return {
        "max_pool2d": Case({"a": "n,3,6,8"}, "n,3,3,4", "kiln::max_pool2d(a, 2)", lambda a: F.max_pool2d(a, 2)),
        "max_pool2d, overlapping": Case({"a": "n,2,9,18"}, "n,2,5,9", "kiln::max_pool2d(a, 3, 2, 1)",
                                        lambda a: F.max_pool2d(a, 3, 2, 1)),
        "max_pool2d, all options": Case({"a": "n,2,9,8"}, "n,2,3,5", "kiln::max_pool2d(a, {3, 2}, {2, 2}, {0, 1}, {2, 1}, true)",
                                        lambda a: F.max_pool2d(a, (3, 2), (2, 2), (0, 1), (2, 1), True)),
        "max_pool2d of ties": Case({"a": "n,2,6,6"}, "n,2,4,4", "kiln::max_pool2d(relu(a), 3, 1)",
                                   lambda a: F.max_pool2d(torch.relu(a), 3, 1)),
        "max_pool2d of named sizes": Case({"a": "2,n,6"}, "2,n,3", "kiln::max_pool2d(a, {3, 2}, {1, 2}, {1, 0})",
                                          lambda a: F.max_pool2d(a, (3, 2), (1, 2), (1, 0)), (2, 5, 33)),
        "max_pool1d": Case({"a": "n,3,9"}, "n,3,4", "F::max_pool1d(a, F::MaxPool1dFuncOptions(3).stride(2))",
                           lambda a: F.max_pool1d(a, 3, 2)),
        "max_pool3d": Case({"a": "n,2,4,4,6"}, "n,2,2,2,3", "F::max_pool3d(a, F::MaxPool3dFuncOptions(2))",
                           lambda a: F.max_pool3d(a, 2)),
        "avg_pool2d": Case({"a": "n,3,6,8"}, "n,3,3,4", "kiln::avg_pool2d(a, 2)", lambda a: F.avg_pool2d(a, 2)),
        "avg_pool2d, all options": Case({"a": "n,2,8,19"}, "n,2,5,10", "kiln::avg_pool2d(a, 3, 2, 1, true, false)",
                                        lambda a: F.avg_pool2d(a, 3, 2, 1, True, False)),
        "avg_pool2d, padding counts": Case({"a": "n,2,8,7"}, "n,2,5,4", "kiln::avg_pool2d(a, 3, 2, 1, true)",
                                           lambda a: F.avg_pool2d(a, 3, 2, 1, True)),
        "avg_pool2d, divisor": Case({"a": "n,2,6,6"}, "n,2,4,4", "kiln::avg_pool2d(a, 3, 1, 0, false, true, 5)",
                                    lambda a: F.avg_pool2d(a, 3, 1, 0, False, True, 5)),
        "adaptive_avg_pool2d": Case({"a": "n,3,7,5"}, "n,3,3,2",
                                    "F::adaptive_avg_pool2d(a, F::AdaptiveAvgPool2dFuncOptions({3, 2}))",
                                    lambda a: F.adaptive_avg_pool2d(a, (3, 2))),
        "adaptive_avg_pool2d to one": Case({"a": "n,3,7,21"}, "n,3,1,1", "kiln::adaptive_avg_pool2d(a, 1)",
                                           lambda a: F.adaptive_avg_pool2d(a, 1)),
        "adaptive_avg_pool2d to more": Case({"a": "n,2,3,4"}, "n,2,5,9",
                                            "F::adaptive_avg_pool2d(a, F::AdaptiveAvgPool2dFuncOptions({5, 9}))",
                                            lambda a: F.adaptive_avg_pool2d(a, (5, 9))),
        "adaptive_avg_pool2d of named sizes": Case({"a": "2,3,n,7"}, "2,3,2,7",
                                                   "F::adaptive_avg_pool2d(a, F::AdaptiveAvgPool2dFuncOptions({2, std::nullopt}))",
                                                   lambda a: F.adaptive_avg_pool2d(a, (2, None)), (1, 2, 5, 33)),
        "batch_norm of images": Case({"a": "n,5,4,3", "w": "5", "b": "5"}, "n,5,4,3",
                                     "F::batch_norm(a, {}, {}, F::BatchNormFuncOptions().weight(w).bias(b).training(true))",
                                     normalized, (1, 2, 5, 33)),
    }


def cases():
    norm = "F::batch_norm(a, {}, {}, F::BatchNormFuncOptions()"
    table = {
        "relu": unary("relu(a)", torch.relu),
        "sigmoid": unary("sigmoid(a)", torch.sigmoid),
        "tanh": unary("tanh(a)", torch.tanh),
        "neg": unary("-a", torch.neg),
        "exp": unary("exp(a)", torch.exp),
        "log": unary("log(a)", torch.log, "positive"),
        "sqrt": unary("sqrt(a)", torch.sqrt, "positive"),
        "rsqrt": unary("rsqrt(a)", torch.rsqrt, "positive"),
        "abs": unary("abs(a)", torch.abs),
        "square": unary("a.square()", torch.square),
        "a used three times": unary("a - a - a", lambda a: a - a - a),
        "number operands": unary("2.5 * a + a / 4.0 - 1.0 / (a + 3.0)", lambda a: 2.5 * a + a / 4 - 1 / (a + 3), "positive"),
        "sum": Case({"a": "n,5,3"}, "", "a.sum()", lambda a: a.sum()),
        "sum, dims": Case({"a": "n,5,3"}, "5", "a.sum({0, 2})", lambda a: a.sum((0, 2))),
        "sum, keepdim": Case({"a": "n,5,3"}, "n,1,3", "a.sum({1}, true)", lambda a: a.sum(1, keepdim=True)),
        "mean": Case({"a": "n,5,3"}, "", "a.mean()", lambda a: a.mean()),
        "mean, dims": Case({"a": "n,5,3"}, "n,3", "a.mean({1})", lambda a: a.mean(1)),
        "mean over n": Case({"a": "n,5"}, "5", "exp(a).mean({0})", lambda a: a.exp().mean(0)),
        "division by a size": Case({"a": "n,5"}, "5", "exp(a).sum({0}) / a.size(0)", lambda a: a.exp().sum(0) / max(a.size(0), 1),
                                   (1, 2, 5, 33)),
        "reshape": Case({"a": "n,6"}, "n,3,2", "a.reshape({a.size(0), 3, 2}) * a.view({a.size(0), 3, 2})",
                        lambda a: a.reshape(-1, 3, 2) * a.view(-1, 3, 2), (1, 2, 5, 33)),
        "flatten": Case({"a": "n,3,2"}, "n,6", "exp(a.flatten(1))", lambda a: a.flatten(1).exp()),
        "permute": Case({"a": "n,3,2"}, "2,n,3", "a.permute({2, 0, 1}) * a.permute({2, 0, 1})",
                        lambda a: a.permute(2, 0, 1) * a.permute(2, 0, 1)),
        "expand": Case({"a": "1,3"}, "4,3", "exp(a.expand({4, 3}))", lambda a: a.expand(4, 3).exp(), (1,)),
        "slice": Case({"a": "n,9"}, "n,3", "exp(a.slice(1, 1, 8, 3))", lambda a: a[:, 1:8:3].exp()),
        "select": Case({"a": "n,4"}, "n", "exp(a.select(1, 2)) * a.select(1, 3)", lambda a: a[:, 2].exp() * a[:, 3]),
        "cat": Case({"a": "n,2", "b": "n,3"}, "n,7", "cat({a, b, a * a}, 1)", lambda a, b: torch.cat([a, b, a * a], 1)),
        "stack": Case({"a": "n,2", "b": "n,2"}, "n,2,2", "stack({a, b}, 1)", lambda a, b: torch.stack([a, b], 1)),
        "in-place on a slice": Case({"a": "n,4", "b": "n,2"}, "n,4",
                                    "[&] { Tensor c = a.clone(); c.slice(1, 1, 3).mul_(b); return c * c; }()",
                                    lambda a, b: torch.cat([a[:, :1], a[:, 1:3] * b, a[:, 3:]], 1).square()),
        "in-place add": Case({"a": "n,4", "b": "n,4"}, "n,4", "[&] { Tensor c = exp(a); c += b; return c * b; }()",
                             lambda a, b: (a.exp() + b) * b),
        "cast": Case({"a": "n,4"}, "n,4", "(a.to(kiln::kFloat64) * 2).to(a.dtype())", lambda a: (a.double() * 2).to(a.dtype)),
        "detach": Case({"a": "n,4"}, "n,4", "a * exp(a).detach()", lambda a: a * a.exp().detach()),
        "no_grad": Case({"a": "n,4"}, "n,4", "[&] { Tensor c; { kiln::NoGradGuard guard; c = exp(a); } return a * c; }()",
                        lambda a: a * a.exp().detach()),
        "leaves cut from one value": Case(
            {"a": "n,4"}, "n,4", "[&] { Tensor y = a * a, l = y.detach().requires_grad_(), b = y.detach(); "
            "(l * b).sum().backward(); return l.grad() * a; }()", cut_leaves),
        "a leaf cut from a value in use": Case(
            {"a": "n,4"}, "n,4", "[&] { Tensor y = a * a, t = y.detach() * a, l = y.detach().requires_grad_(), k = y.detach().requires_grad_(); "
            "(t * l * k).sum().backward(); return (l.grad() - k.grad()) * a; }()", cut_leaves_in_use),
        "where": Case({"a": "n,4", "b": "n,4"}, "n,4", "kiln::where(a > b, a * a, b)", lambda a, b: torch.where(a > b, a * a, b)),
        "ties of maximum and minimum": Case({"a": "n,4"}, "n,4", "maximum(a, relu(a)) + minimum(a, relu(a))",
                                            lambda a: torch.maximum(a, torch.relu(a)) + torch.minimum(a, torch.relu(a))),
        "linear": Case({"a": "n,9", "w": "4,9", "b": "4"}, "n,4", "linear(a, w, b)", F.linear),
        "linear without bias": Case({"a": "n,9", "w": "4,9"}, "n,4", "linear(a, w)", F.linear),
        "linear of a vector": Case({"a": "9", "w": "4,9", "b": "4"}, "4", "linear(a, w, b)", F.linear, (1,)),
        "linear of three dimensions": Case({"a": "n,3,9", "w": "17,9", "b": "17"}, "n,3,17", "linear(a, w, b)", F.linear),
        "linear, wide": Case({"a": "n,130", "w": "70,130", "b": "70"}, "n,70", "relu(linear(a, w, b))",
                             lambda a, w, b: torch.relu(F.linear(a, w, b))),
        "two layers": Case({"a": "n,20", "w": "33,20", "b": "33", "v": "5,33"}, "n,5", "linear(relu(linear(a, w, b)), v)",
                           lambda a, w, b, v: F.linear(torch.relu(F.linear(a, w, b)), v)),
        "tied weight": Case({"a": "n,8", "w": "8,8"}, "n,8", "linear(tanh(linear(a, w)), w)",
                            lambda a, w: F.linear(torch.tanh(F.linear(a, w)), w)),
        "matmul": Case({"a": "n,9", "b": "9,6"}, "n,6", "matmul(a, b)", torch.matmul),
        "matmul, vector on the right": Case({"a": "n,9", "b": "9"}, "n", "matmul(a, b)", torch.matmul),
        "matmul, vector on the left": Case({"a": "9", "b": "9,n"}, "n", "matmul(a, b)", torch.matmul),
        "matmul, vectors": Case({"a": "n", "b": "n"}, "", "matmul(a, b)", torch.matmul),
        "matmul, batches": Case({"a": "n,2,9", "b": "n,9,6"}, "n,2,6", "matmul(a, b)", torch.matmul),
        "matmul, broadcast batches": Case({"a": "3,1,n,4", "b": "2,4,5"}, "3,2,n,5", "matmul(a, b)", torch.matmul),
        "matmul, transposed": Case({"a": "9,n", "b": "6,9"}, "n,6", "matmul(a.t(), b.t())", lambda a, b: torch.matmul(a.t(), b.t())),
        "embedding": Case({"t": "n,3 <7", "w": "7,5"}, "n,3,5", "embedding(w, t)", F.embedding),
        "embedding with padding": Case({"t": "n <7", "w": "7,5"}, "n,5", "embedding(w, t, 2)", lambda t, w: F.embedding(t, w, 2)),
        "softmax": unary("F::softmax(a, 1)", lambda a: F.softmax(a, 1)),
        "softmax over n": Case({"a": "n,7"}, "n,7", "softmax(a, 0)", lambda a: F.softmax(a, 0)),
        "softmax over the middle": Case({"a": "n,7,3"}, "n,7,3", "a.softmax(-2)", lambda a: F.softmax(a, -2)),
        "softmax of large scores": unary("F::softmax(100 * a, -1)", lambda a: Softmax.apply(100 * a, -1)),
        "softmax of large scores over the middle": Case({"a": "n,7,3"}, "n,7,3", "F::softmax(100 * a, 1)", lambda a: Softmax.apply(100 * a, 1)),
        "softmax of many classes": Case({"a": "n,200"}, "n,200", "softmax(a, 1)", lambda a: F.softmax(a, 1)),
        "softmax of open rows": Case({"a": "3,n"}, "3,n", "softmax(a, 1)", lambda a: F.softmax(a, 1), (0, 1, 2, 5, 33, 1000)),
        "softmax, scaled": Case({"a": "n,7", "s": "7"}, "n,7", "softmax(a, 1) * s + a", lambda a, s: F.softmax(a, 1) * s + a),
        "softmax of heads": Case({"a": "n,2,3,5", "m": "3,5"}, "n,2,3,5", "softmax(a * 0.5 + m, -1)", lambda a, m: F.softmax(a * 0.5 + m, -1)),
        "softmax of a number": Case({"a": ""}, "", "softmax(a, 0)", lambda a: F.softmax(a, 0), (1,)),
        "softmax in double": unary("F::softmax(a, F::SoftmaxFuncOptions(1).dtype(kFloat64))",
                                   lambda a: F.softmax(a, 1, dtype=torch.float64)),
        "softmax, linear": Case({"a": "n,7", "w": "4,7"}, "n,4", "linear(a.softmax(1), w)", lambda a, w: F.linear(a.softmax(1), w)),
        "log_softmax": unary("F::log_softmax(a, 1)", lambda a: F.log_softmax(a, 1)),
        "log_softmax of large scores": unary("F::log_softmax(100 * a, -1)", lambda a: F.log_softmax(100 * a, -1)),
        "log_softmax of many classes": Case({"a": "n,200"}, "n,200", "log_softmax(a, 1)", lambda a: F.log_softmax(a, 1)),
        "log_softmax over n": Case({"a": "n,7"}, "n,7", "log_softmax(a, 0)", lambda a: F.log_softmax(a, 0)),
        "log_softmax over the middle": Case({"a": "n,7,3"}, "n,7,3", "a.log_softmax(-2)", lambda a: F.log_softmax(a, -2)),
        "log_softmax of a number": Case({"a": ""}, "", "log_softmax(a, 0)", lambda a: F.log_softmax(a, 0), (1,)),
        "log_softmax in double": unary("F::log_softmax(a, F::LogSoftmaxFuncOptions(1).dtype(kFloat64))",
                                       lambda a: F.log_softmax(a, 1, dtype=torch.float64)),
        "batch_norm": Case({"a": "n,5", "w": "5", "b": "5"}, "n,5", f"{norm}.weight(w).bias(b).training(true))", normalized, (2, 5, 33)),
        "batch_norm of three dimensions": Case({"a": "n,5,4", "w": "5", "b": "5"}, "n,5,4",
                                               f"{norm}.weight(w).bias(b).training(true).eps(1e-3))",
                                               lambda a, w, b: normalized(a, w, b, 1e-3), (1, 2, 5, 33)),
        "batch_norm without affine": Case({"a": "n,5"}, "n,5", f"{norm}.training(true))", normalized, (2, 5, 33)),
        "batch_norm in evaluation": Case(
            {"a": "n,5", "m": "5 constant", "v": "5 positive constant", "w": "5", "b": "5"}, "n,5",
            "F::batch_norm(a, m, v, F::BatchNormFuncOptions().weight(w).bias(b).training(false))", F.batch_norm),
        **convolutions(),
        **pooling(),
        "mse_loss": Case({"a": "n,5", "b": "n,5"}, "", "F::mse_loss(a, b)", F.mse_loss),
        "mse_loss, sum": Case({"a": "n,5", "b": "n,5"}, "", "F::mse_loss(a, b, F::MSELossFuncOptions(kiln::kSum))",
                              lambda a, b: F.mse_loss(a, b, reduction="sum")),
        "mse_loss, none": Case({"a": "n,5", "b": "n,5"}, "n,5", "F::mse_loss(a, b, F::MSELossFuncOptions(kiln::kNone))",
                               lambda a, b: F.mse_loss(a, b, reduction="none")),
        "cross_entropy": cross_entropy("n,7", "n <7"),
        "cross_entropy of one sample": cross_entropy("7", " <7"),
        "cross_entropy, sum": cross_entropy("n,7", "n <7", ".reduction(kiln::kSum)", reduction="sum"),
        "cross_entropy, none": cross_entropy("n,7", "n <7", ".reduction(kiln::kNone)", reduction="none"),
        "cross_entropy, smoothing": cross_entropy("n,7", "n <7", ".label_smoothing(0.2)", label_smoothing=0.2),
        "cross_entropy, ignored label": cross_entropy("n,3", "n <3", ".ignore_index(1)", ignore_index=1),
        "cross_entropy, weights": cross_entropy("n,7", "n <7", classes=7),
        "cross_entropy, all options": cross_entropy("n,4,3", "n,3 <4", ".ignore_index(2).label_smoothing(0.1)", classes=4,
                                                    ignore_index=2, label_smoothing=0.1),
        "cross_entropy, probabilities": probabilities("n,7"),
        "cross_entropy, probabilities of one sample": probabilities("7"),
        "cross_entropy, probabilities of images": probabilities("n,7,3,2"),
        "cross_entropy, probabilities, sum": probabilities("n,7", ".reduction(kiln::kSum)", reduction="sum"),
        "cross_entropy, probabilities, none": probabilities("n,7,3", ".reduction(kiln::kNone)", reduction="none"),
        "cross_entropy, probabilities, weights": probabilities("n,7", classes=7),
        "cross_entropy, probabilities, smoothing": probabilities("n,7", ".label_smoothing(0.2)", smoothing=0.2),
        "cross_entropy, probabilities, all options": probabilities("n,4,3", ".label_smoothing(0.1).reduction(kiln::kNone)", classes=4,
                                                                   smoothing=0.1, reduction="none"),
        "cross_entropy, probabilities in double": probabilities("n,7", wide="t"),
        "cross_entropy, scores in double": probabilities("n,7", wide="a"),
        "cross_entropy, probabilities and weights in double": probabilities("n,7", ".label_smoothing(0.2)", classes=7, smoothing=0.2,
                                                                            wide="tw"),
        "cross_entropy, weights in double, none": probabilities("n,7,3", ".reduction(kiln::kNone)", classes=7, reduction="none",
                                                                wide="w"),
        "cross_entropy, probabilities over n": dataclasses.replace(probabilities("5,n", ".label_smoothing(0.1)", smoothing=0.1),
                                                                   sizes=(2, 5, 33)),
    }
    for name, dsl, function, kind in (("add", "a + b", torch.add, ""), ("sub", "a - b", torch.sub, ""),
                                      ("mul", "a * b", torch.mul, ""), ("div", "a / b", torch.div, "positive"),
                                      ("maximum", "maximum(a, b)", torch.maximum, ""),
                                      ("minimum", "minimum(a, b)", torch.minimum, "")):
        for shape, case in binary(dsl, function, kind).items():
            table[f"{name}, {shape}"] = case
    return table


def parse(text):
    """("n,5 positive") -> (["n", 5], {"positive"})"""
    sizes, *kinds = text.split(" ")
    return [size if size == "n" else int(size) for size in sizes.split(",") if size], {kind for kind in kinds if kind}


def range_of(kinds):
    return next((int(kind[1:]) for kind in kinds if kind.startswith("<")), None)


def differentiable(case):
    kinds = {name: parse(text)[1] for name, text in case.inputs.items()}
    return [name for name in kinds if range_of(kinds[name]) is None and "constant" not in kinds[name]]


def program(table, dtype):
    """The source of a program with one function a case."""
    def declare(name, text):
        sizes, kinds = parse(text)
        dims = ", ".join('"n"' if size == "n" else str(size) for size in sizes)
        kind = "kInt64" if range_of(kinds) else "kFloat64" if "double" in kinds else dtype
        return f'{{"{name}", std::vector<kiln::Dim>{{{dims}}}, kiln::{kind}}}'

    lines = ["#include <kiln/kiln.h>", "using namespace kiln;", "namespace F = kiln::nn::functional;", "KILN_PROGRAM(gradients) {"]
    for index, case in enumerate(table.values()):
        inputs = {**case.inputs, "cotangent": case.output}
        leaves = differentiable(case)
        outputs = ", ".join(['{"value", value}', *(f'{{"d{name}", {name}.grad()}}' for name in leaves)])
        lines += [f'  program.function("case{index}", {{{", ".join(declare(*item) for item in inputs.items())}}},',
                  f'                   []({", ".join(f"Tensor {name}" for name in inputs)}) {{',
                  *(f"    {name}.requires_grad_();" for name in leaves),
                  f"    Tensor value = {case.dsl};",
                  "    value.backward(cotangent);",
                  f"    return kiln::NamedOutputs{{{outputs}}};",
                  "  });"]
    return "\n".join([*lines, "}", ""])


def new_inputs(case, n):
    inputs = {}
    for name, text in [*case.inputs.items(), ("cotangent", case.output)]:
        sizes, kinds = parse(text)
        shape = [n if size == "n" else size for size in sizes]
        if classes := range_of(kinds):
            inputs[name] = torch.randint(0, classes, shape)
        else:
            inputs[name] = torch.rand(shape) + 0.5 if "positive" in kinds else torch.randn(shape)
    return inputs


def converted(case, inputs, dtype):
    """The inputs as a program of this dtype takes them."""
    def dtype_of(name):
        return torch.float64 if "double" in parse(case.inputs.get(name, ""))[1] else dtype

    return {name: value.to(dtype_of(name)) if value.is_floating_point() else value for name, value in inputs.items()}


def expected(case, inputs, dtype):
    leaves = differentiable(case)
    values = converted(case, inputs, dtype)
    cotangent = values.pop("cotangent")
    for name in leaves:
        values[name] = values[name].clone().requires_grad_()
    value = case.torch(*values.values())
    value.backward(cotangent)
    return {"value": value.detach(), **{f"d{name}": values[name].grad for name in leaves}}


def compiled(artifact, function, case, inputs, dtype, folder):
    arguments = []
    for name, value in converted(case, inputs, dtype).items():
        numpy.save(folder / f"{name}.npy", value.numpy())
        arguments.append(f"--input={name}={folder / name}.npy")
    outputs = ["value", *(f"d{name}" for name in differentiable(case))]
    arguments += [f"--output={name}={folder / ('out_' + name)}.npy" for name in outputs]
    result = subprocess.run([KILN, "run", artifact, function, *arguments], capture_output=True, text=True)
    if result.returncode:
        raise AssertionError(result.stderr)
    return {name: torch.from_numpy(numpy.load(folder / f"out_{name}.npy")) for name in outputs}


def distance(a, b):
    """The largest difference; two NaNs are equal."""
    difference = (a.double() - b.double()).abs()[~(a.isnan() & b.isnan())]
    return difference.max().item() if difference.numel() else 0.0


def compare(artifacts, function, case, n, folder):
    inputs = new_inputs(case, n)
    exact = expected(case, inputs, torch.float64)
    in_float = expected(case, inputs, torch.float32)
    worst = 0.0
    for dtype, artifact in artifacts.items():
        actual = compiled(artifact, function, case, inputs, DTYPES[dtype], folder)
        for name, reference in exact.items():
            if actual[name].shape != reference.shape:
                raise AssertionError(f"n = {n}: {name} is {list(actual[name].shape)}, PyTorch's is {list(reference.shape)}")
            if actual[name].dtype != (own := (exact if dtype == "kFloat64" else in_float)[name].dtype):
                raise AssertionError(f"{dtype}, n = {n}: {name} is {actual[name].dtype}, PyTorch's is {own}")
            numbers = reference[~reference.isnan()]
            largest = numbers.abs().max().item() if numbers.numel() else 0.0
            allowed = 1e-10 * largest if dtype == "kFloat64" else 2 * distance(in_float[name], reference) + 1e-6 * largest
            difference = distance(actual[name], reference)
            if not difference <= allowed:
                raise AssertionError(f"{dtype}, n = {n}: {name} differs by {difference:.2e} of {largest:.2e}, allowed {allowed:.2e}")
            if dtype == "kFloat64" and largest:
                worst = max(worst, difference / largest)
    return worst


def main():
    report = Comparisons("oracle.compiled_gradients", "cases")
    table = {name: case for name, case in cases().items() if not report.options.cases or name in report.options.cases}
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as temporary:
        folder = pathlib.Path(temporary)
        artifacts = {}
        for dtype in DTYPES:
            source, artifacts[dtype] = folder / f"gradients_{dtype}.cpp", folder / f"gradients_{dtype}.so"
            source.write_text(program(table, dtype))
            subprocess.run([KILN, "build", source, "--program=gradients", "-o", artifacts[dtype]], check=True)
        for index, (name, case) in enumerate(table.items()):
            report.check(name, lambda: "{:.1e} in double".format(
                max(compare(artifacts, f"case{index}", case, n, folder) for n in case.sizes)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
