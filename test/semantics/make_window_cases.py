#!/usr/bin/env python3
"""Records what PyTorch computes for convolutions, pooling and their gradients.

Writes test/data/semantics/window_cases.txt and .safetensors, as make_cases.py does for the other ops:

    python test/semantics/make_window_cases.py
"""

import itertools

import torch
import torch.nn.functional as F

from recording import *

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE = {1: F.adaptive_avg_pool1d, 2: torch._C._nn.adaptive_avg_pool2d, 3: torch._C._nn.adaptive_avg_pool3d}


def tuples(rank, *values):
    """One number stands for all dimensions."""
    return [[value] * rank if isinstance(value, int) else list(value) for value in values]


def gradients(function, leaves, grad):
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    return torch.autograd.grad(function(*leaves), leaves, grad)


# ---- convolutions --------------------------------------------------------------------------------
def conv_case(x, w, b=None, stride=1, padding=0, dilation=1, groups=1, high=None, backward=False, match="scaled"):
    rank = w.dim() - 2
    stride, low, dilation = tuples(rank, stride, padding, dilation)
    high = low if high is None else tuples(rank, high)[0]
    attributes = dict(stride=stride, padding_low=low, padding_high=high, dilation=dilation, groups=groups)

    def compute(x, w, b=None):
        if low == high:
            return CONV[rank](x, w, b, stride, low, dilation, groups)
        around = [n for d in reversed(range(rank)) for n in (low[d], high[d])]
        return CONV[rank](F.pad(x, around), w, b, stride, 0, dilation, groups)

    case("conv", [x, w, b], lambda: compute(x, w, b), match, **attributes)
    if backward:
        grad = normal(*compute(x, w).shape, dtype=x.dtype)
        pair = lambda: gradients(compute, [x, w], grad)
        case("conv_backward_input", [grad, w], lambda: pair()[0], match, input_size=Dims(x.shape[2:]), **attributes)
        case("conv_backward_weight", [grad, x], lambda: pair()[1], match, kernel_size=Dims(w.shape[2:]), **attributes)


for dtype in (f32, f64):
    n = lambda *shape: normal(*shape, dtype=dtype)
    for rank, sizes, kernel in ((1, [9], [3]), (2, [7, 6], [3, 2]), (3, [4, 5, 3], [2, 3, 1])):
        for stride, padding, dilation, groups in ((1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 2), (3, 1, 2, 4)):
            if dilation == 2 and rank == 3:
                dilation = [1, 2, 1]
            x, w = n(2, 4, *sizes), n(8, 4 // groups, *kernel)
            conv_case(x, w, n(8) if stride == 1 else None, stride, padding, dilation, groups, backward=True)
    conv_case(n(2, 3, 8, 8), n(5, 3, 1, 1), n(5), backward=True)
    conv_case(n(1, 6, 9, 5), n(12, 1, 3, 3), n(12), [2, 1], [1, 0], 1, 6, backward=True)  # depthwise, two a channel
    conv_case(n(1, 2, 5, 6), n(3, 2, 4, 2), None, 1, [1, 0], 1, 1, [2, 1], backward=True)  # same
    conv_case(n(1, 1, 4, 4), n(1, 1, 4, 4), n(1), backward=True)  # one position
    conv_case(n(0, 3, 8, 8), n(5, 3, 3, 3), n(5))
    conv_case(n(2, 3, 5, 5), n(4, 3, 3, 3), None, 4, 3, 1, backward=True)  # windows in the padding alone
    conv_case(n(2, 5, 6, 4).permute(0, 3, 1, 2), n(3, 2, 3, 4).permute(0, 3, 1, 2)[:, :, :, :2])
for dtype in (f16, bf16):
    conv_case(normal(2, 3, 6, 6, dtype=dtype), normal(4, 3, 3, 3, dtype=dtype), normal(4, dtype=dtype), 1, 1)
for dtype in (i64, i32, i8):
    x, w = integers(2, 4, 6, 5, low=-5, high=6).to(dtype), integers(6, 2, 3, 2, low=-5, high=6).to(dtype)
    conv_case(x, w, integers(6).to(dtype), 1, 1, 1, 2, match="exact")

x, w, b = normal(2, 3, 8, 8), normal(4, 3, 3, 3), normal(4)
for operands, attributes in (
    ((normal(2, 5, 8, 8), w, b), {}),
    ((x, w, b), {"groups": 3}),
    ((normal(2, 15, 8, 8), w, b), {"groups": 5}),
    ((x, w, b), {"groups": 0}),
    ((x, w, normal(5)), {}),
    ((x, w, normal(4, 1)), {}),
    ((normal(2, 3, 2, 2), w), {}),
    ((normal(2, 3, 4, 4), w), {"dilation": [2, 1]}),
    ((normal(2, 3, 2), normal(4, 3, 5)), {}),
    ((x, w), {"stride": 0}),
    ((x, w), {"padding": -1}),
    ((x, w), {"dilation": 0}),
    ((x.double(), w), {}),
    ((x, w, b.double()), {}),
    ((x.bool(), w.bool()), {}),
    ((normal(2, 3, 0, 8), w), {"padding": 2}),
):
    conv_case(*operands, **attributes)


# ---- maxima --------------------------------------------------------------------------------------
def max_pool_case(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False, rank=2, backward=False):
    kernel, padding, dilation = tuples(rank, kernel, padding, dilation)
    stride = kernel if stride is None else tuples(rank, stride)[0]
    attributes = dict(kernel_size=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    compute = lambda x, **kw: MAX_POOL[rank](x, kernel, stride, padding, dilation, ceil_mode=ceil_mode, **kw)
    case("max_pool", [x], lambda: compute(x), "exact", **attributes)
    try:
        compute(x)
    except Exception:
        return
    case("max_pool_indices", [x], lambda: compute(x, return_indices=True)[1], "exact", **attributes)
    if backward:
        grad = normal(*compute(x).shape, dtype=x.dtype)
        case("max_pool_backward", [grad, x], lambda: gradients(compute, [x], grad)[0], "scaled", **attributes)


for dtype in (f32, f64, f16, bf16):
    n = lambda *shape: normal(*shape, dtype=dtype)
    backward = dtype in (f32, f64)
    max_pool_case(n(2, 3, 8, 6), 2, backward=backward)
    max_pool_case(n(2, 3, 7, 9), 3, 2, 1, backward=backward)
    max_pool_case(n(3, 7, 9), [3, 2], [2, 1], [1, 0], [1, 2], backward=backward)
    max_pool_case(n(1, 2, 7, 8), 3, 2, 1, 1, True, backward=backward)
    max_pool_case(n(1, 2, 5, 8), 2, 3, 1, 1, True, backward=backward)
    max_pool_case(n(2, 3, 11), 3, 2, 1, 2, rank=1, backward=backward)
    max_pool_case(n(1, 2, 4, 5, 6), [2, 3, 2], [1, 2, 3], [1, 1, 0], 1, True, rank=3, backward=backward)
    max_pool_case(n(0, 2, 4, 4), 2)
# Equal ones, and what is no number.
max_pool_case(integers(2, 3, 6, 6, low=0, high=3).to(f32), 3, 1, 1, backward=True)
x = normal(2, 3, 6, 6)
x[0, 0, 1, 2] = x[0, 0, 1, 3] = x[1, 2, 5, 5] = NAN
x[0, 1] = -INF
x[1, 1, 2] = INF
max_pool_case(x, 3, 2, 1, backward=True)
# A window whose taps all lie outside.
case("max_pool", [normal(1, 1, 2, 2)], lambda: torch.full((1, 1, 1, 1), -INF), "exact",
     kernel_size=[2, 2], stride=[1, 1], padding=[1, 1], dilation=[3, 3], ceil_mode=False)
assert F.max_pool2d(normal(1, 1, 2, 2), 2, 1, 1, 3).item() == -INF
for dtype in (i64, i32, i8, u8, torch.int16):
    max_pool_case(integers(2, 2, 5, 5, low=0 if dtype == u8 else -100, high=100).to(dtype), 2, 2, 1)

for x, kernel, options in (
    (normal(3, 8), 2, {}),
    (normal(1, 1, 3, 8, 8), 2, {}),
    (normal(2, 3, 2, 2), 3, {}),
    (normal(2, 3, 8, 8), 2, {"padding": 2}),
    (normal(2, 3, 8, 8), [3, 1], {"padding": [2, 0], "dilation": 2}),
    (normal(2, 8, 8), 3, {"padding": 2, "dilation": 2, "rank": 1}),
    (normal(2, 8, 8, 8), [3, 2, 3], {"padding": [1, 1, 2], "dilation": 2, "rank": 3}),
    (normal(2, 3, 8, 8), 2, {"padding": -1}),
    (normal(2, 3, 8, 8), 2, {"stride": 0}),
    (normal(2, 3, 8, 8), -1, {"stride": 1}),
    (normal(2, 3, 8, 8), 2, {"dilation": 0}),
    (normal(2, 3, 8, 8), 3, {"dilation": 4}),
    (normal(2, 0, 8, 8), 2, {}),
    (normal(2, 3, 0, 8), 2, {}),
    (normal(2, 3, 8, 8).bool(), 2, {}),
    (normal(2, 3, 4, 2, 2), 3, {"rank": 3}),
    (normal(2, 3, 4), 3, {"rank": 3}),
    (normal(2), 3, {"rank": 1}),
):
    max_pool_case(x, kernel, **options)


# ---- averages ------------------------------------------------------------------------------------
def avg_pool_case(x, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None, rank=2,
                  backward=False, match="close"):
    kernel, padding = tuples(rank, kernel, padding)
    stride = kernel if stride is None else tuples(rank, stride)[0]
    attributes = dict(
        kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad
    )
    more = [] if divisor_override is None else [divisor_override]
    if more:
        attributes["divisor_override"] = divisor_override
    compute = lambda x: AVG_POOL[rank](x, kernel, stride, padding, ceil_mode, count_include_pad, *more)
    case("avg_pool", [x], lambda: compute(x), match, **attributes)
    if backward:
        grad = normal(*compute(x).shape, dtype=x.dtype)
        case(
            "avg_pool_backward",
            [grad],
            lambda: gradients(compute, [x], grad)[0],
            "scaled",
            input_size=Dims(x.shape[-rank:]),
            **attributes,
        )


for dtype in (f32, f64, f16, bf16):
    n = lambda *shape: normal(*shape, dtype=dtype)
    backward = dtype in (f32, f64)
    for ceil_mode, count_include_pad in itertools.product((False, True), (False, True)):
        options = dict(ceil_mode=ceil_mode, count_include_pad=count_include_pad, backward=backward, match="scaled")
        avg_pool_case(n(2, 3, 8, 6), 2, **options)
        avg_pool_case(n(2, 3, 7, 9), 3, 2, 1, **options)
        avg_pool_case(n(3, 7, 8), [3, 2], [2, 3], [1, 0], **options)
        avg_pool_case(n(2, 3, 11), 4, 3, 2, rank=1, **options)
        if backward:  # PyTorch has no narrower kernel in three dimensions
            avg_pool_case(n(1, 2, 4, 5, 7), [2, 3, 3], [1, 2, 2], [1, 1, 0], rank=3, **options)
    avg_pool_case(n(2, 3, 6, 6), 3, 1, 1, divisor_override=-5, backward=backward, match="scaled")
    avg_pool_case(n(0, 2, 4, 4), 2)
avg_pool_case(integers(2, 2, 5, 5, low=-100, high=100), 2, 2, 1, match="exact")

for x, kernel, options in (
    (normal(1, 1, 3, 8, 8), 2, {}),
    (normal(2, 3, 2, 2), 3, {}),
    (normal(2, 3, 8, 8), 2, {"padding": 2}),
    (normal(2, 3, 8, 8), -1, {"stride": 1}),
    (normal(2, 3, 8, 8), 2, {"divisor_override": 0}),
    (normal(2, 0, 8, 8), 2, {}),
    (integers(2, 3, 8, 8).to(i32), 2, {}),
    (normal(2), 3, {"rank": 1}),
    (normal(2, 3, 4), 3, {"rank": 3}),
):
    avg_pool_case(x, kernel, **options)


def adaptive_case(x, size, backward=False):
    rank = len(size)
    case("adaptive_avg_pool", [x], lambda: ADAPTIVE[rank](x, size), "scaled", output_size=Dims(size))
    if backward:
        grad = normal(*ADAPTIVE[rank](x, size).shape, dtype=x.dtype)
        case(
            "adaptive_avg_pool_backward",
            [grad],
            lambda: gradients(lambda x: ADAPTIVE[rank](x, size), [x], grad)[0],
            "scaled",
            input_size=Dims(x.shape[-rank:]),
        )


for dtype in (f32, f64, f16, bf16):
    n = lambda *shape: normal(*shape, dtype=dtype)
    backward = dtype in (f32, f64)
    adaptive_case(n(2, 3, 7, 7), [1, 1], backward)
    adaptive_case(n(2, 3, 7, 5), [3, 2], backward)
    adaptive_case(n(3, 4, 5), [4, 8], backward)
    adaptive_case(n(2, 3, 10), [4], backward)
    adaptive_case(n(2, 3, 4, 5, 6), [2, 5, 4], backward)
    adaptive_case(n(0, 3, 7, 7), [2, 2])
adaptive_case(normal(2, 3, 4, 4), [0, 2])
for x, size in (
    (normal(3, 8), [2, 2]),
    (normal(1, 2, 3, 4, 8), [2, 2]),
    (normal(2, 3, 8, 8), [-1, 2]),
    (normal(2, 3, 0, 8), [2, 2]),
    (integers(2, 3, 8, 8).to(i32), [2, 2]),
    (normal(3), [3]),
    (normal(3, 4, 5), [3, 3, 3]),
):
    adaptive_case(x, size)

# ---- channels last -------------------------------------------------------------------------------
def last(x):
    return x.movedim(1, -1)


def panels(matrices, panel):
    """[M, rows, depth] -> [M, ceil(rows / panel), depth, panel]."""
    count, rows, depth = matrices.shape
    padded = F.pad(matrices, (0, 0, 0, -rows % panel))
    return padded.reshape(count, -1, panel, depth).transpose(2, 3).contiguous()


def packed_conv_cases(x, w, stride, padding, dilation, groups, panel):
    rank = w.dim() - 2
    stride, padding, dilation = tuples(rank, stride, padding, dilation)
    kernel = list(w.shape[2:])
    attributes = dict(
        kernel_size=kernel, stride=stride, padding_low=padding, padding_high=padding, dilation=dilation, groups=groups
    )
    compute = lambda x, w: CONV[rank](x, w, None, stride, padding, dilation, groups)
    matrices = 1 if w.shape[1] == 1 and groups == w.shape[0] else groups
    packed = panels(last(w).reshape(matrices, w.shape[0] // matrices, w[0].numel()), panel)
    case("packed_conv", [last(x), packed], lambda: last(compute(x, w)), "scaled", out_channels=w.shape[0], **attributes)

    grad = normal(*compute(x, w).shape, dtype=x.dtype)
    if groups != w.shape[0] or groups != x.shape[1]:  # else each channel is a group of its own, and the weights are the same
        by_group = w.reshape(groups, w.shape[0] // groups, w.shape[1], -1)
        packed = panels(by_group.permute(0, 2, 3, 1).reshape(groups, w.shape[1], -1), panel)
    case("packed_conv_backward_input", [last(grad), packed], lambda: last(gradients(compute, [x, w], grad)[0]), "scaled",
         in_channels=x.shape[1], input_size=Dims(x.shape[2:]), **attributes)
    del attributes["kernel_size"]
    case("conv_backward_weight", [last(grad), last(x)],
         lambda: gradients(compute, [x, w], grad)[1].movedim((0, 1), (-1, -2)), "scaled",
         kernel_size=Dims(kernel), channels_last=True, **attributes)


for dtype in (f32, f64):
    n = lambda *shape: normal(*shape, dtype=dtype)
    packed_conv_cases(n(2, 3, 7, 6), n(5, 3, 3, 2), 1, 1, 1, 1, 4)
    packed_conv_cases(n(2, 4, 9, 7), n(6, 2, 3, 3), [2, 1], [0, 2], [1, 2], 2, 2)
    packed_conv_cases(n(1, 6, 5, 5), n(6, 1, 3, 3), 2, 1, 1, 6, 4)
    packed_conv_cases(n(1, 2, 5, 5), n(6, 1, 3, 3), 1, 1, 1, 2, 4)
    packed_conv_cases(n(2, 4, 9), n(3, 4, 3), 2, 1, 1, 1, 8)
    packed_conv_cases(n(1, 2, 4, 5, 3), n(3, 2, 2, 3, 1), 1, 1, 1, 1, 2)

for dtype in (f32, bf16):
    x = normal(2, 5, 7, 6, dtype=dtype)
    case("max_pool", [last(x)], lambda: last(F.max_pool2d(x, 3, 2, 1)), "exact", channels_last=True,
         kernel_size=[3, 3], stride=[2, 2], padding=[1, 1], dilation=[1, 1], ceil_mode=False)
    case("avg_pool", [last(x)], lambda: last(F.avg_pool2d(x, 3, 2, 1)), "scaled", channels_last=True,
         kernel_size=[3, 3], stride=[2, 2], padding=[1, 1], ceil_mode=False, count_include_pad=True)
    case("adaptive_avg_pool", [last(x)], lambda: last(F.adaptive_avg_pool2d(x, (3, 1))), "scaled", channels_last=True,
         output_size=Dims([3, 1]))
    if dtype is f32:  # gradients in both precisions
        y = x.double()
        for x in (x, y):
            pooled = lambda x: F.max_pool2d(x, 3, 2, 1)
            grad = normal(*pooled(x).shape, dtype=x.dtype)
            case("max_pool_backward", [last(grad), last(x)], lambda: last(gradients(pooled, [x], grad)[0]), "scaled",
                 channels_last=True, kernel_size=[3, 3], stride=[2, 2], padding=[1, 1], dilation=[1, 1], ceil_mode=False)
            pooled = lambda x: F.avg_pool2d(x, 3, 2, 1)
            case("avg_pool_backward", [last(grad)], lambda: last(gradients(pooled, [x], grad)[0]), "scaled", channels_last=True,
                 input_size=Dims([7, 6]), kernel_size=[3, 3], stride=[2, 2], padding=[1, 1], ceil_mode=False,
                 count_include_pad=True)
            pooled = lambda x: F.adaptive_avg_pool2d(x, (4, 3))
            case("adaptive_avg_pool_backward", [last(grad)], lambda: last(gradients(pooled, [x], grad)[0]), "scaled",
                 channels_last=True, input_size=Dims([7, 6]))
    w = normal(3, 5, 4, dtype=dtype)
    case("pack_panels", [w], lambda: panels(w, 2), panel=2)

write("window_cases")
