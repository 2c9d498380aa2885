#!/usr/bin/env python3
"""Records what PyTorch computes for every op of the semantics table that inference needs.

Writes into test/data/semantics: cases.txt (one block a case: op, operands with their strides,
attributes, expected results or error) and cases.safetensors (the tensors it names). Needs PyTorch
and safetensors; run it again only to add cases:

    python test/semantics/make_cases.py
"""

import torch
import torch.nn.functional as F

from recording import *

# ---- element-wise --------------------------------------------------------------------------------
EXACT_UNARY = {"relu", "neg", "abs", "sqrt"}
for name in ["relu", "sigmoid", "tanh", "neg", "exp", "log", "sqrt", "rsqrt", "abs"]:
    function = getattr(torch, name)
    for dtype in (f32, f64, f16, bf16):
        # PyTorch's vectorised square root of doubles is not rounded correctly everywhere.
        match = "exact" if name in EXACT_UNARY and (name, dtype) != ("sqrt", f64) else "close"
        inputs = [special(dtype), normal(3, 5, dtype=dtype), normal(2, 0, 3, dtype=dtype), normal(dtype=dtype)]
        if dtype in (f32, f64):
            inputs += [
                normal(4, 6, dtype=dtype).t(),
                normal(3, 1, dtype=dtype).expand(3, 4),
                normal(4, 9, dtype=dtype)[1:, ::3],
            ]
        for x in inputs:
            case(name, [x], lambda: function(x), match)
    for x in (
        integers(7),
        integers(5, dtype=i8),
        torch.tensor([-128, 127, 0, -1], dtype=i8),
        integers(4, low=0, dtype=u8),
        torch.tensor([-(2**63), 2**63 - 1]),
        torch.tensor([True, False]),
    ):
        case(
            name,
            [x],
            lambda: function(x),
            "exact" if x.dtype != boolean and name in EXACT_UNARY - {"sqrt"} else "close",
        )

for name in ["add", "sub", "mul", "div", "maximum", "minimum"]:
    function = getattr(torch, name)
    # Which zero is the larger of 0 and -0 depends, in PyTorch, on the element's place in a vector.
    match = "close" if name in ("maximum", "minimum") else "exact"
    for dtype in (f32, f64, f16, bf16):
        pairs = [
            (normal(3, 5, dtype=dtype), normal(3, 5, dtype=dtype)),
            (normal(dtype=dtype), normal(2, 3, dtype=dtype)),
            (special(dtype)[:, None], special(dtype)),
        ]
        if dtype in (f32, f64):
            pairs += [
                (normal(4, 1, 3, dtype=dtype), normal(2, 1, dtype=dtype)),
                (normal(0, 3, dtype=dtype), normal(3, dtype=dtype)),
                (normal(1, 3, dtype=dtype), normal(0, 1, dtype=dtype)),
                (normal(5, 3, dtype=dtype).t(), normal(3, 5, dtype=dtype)),
                (normal(2, 2, dtype=dtype), normal(2, 3, dtype=dtype)),
                (normal(4, 2, 2, dtype=dtype), normal(3, 1, 2, dtype=dtype)),
                (normal(0, 3, dtype=dtype), normal(2, 3, dtype=dtype)),
            ]
        for a, b in pairs:
            case(name, [a, b], lambda: function(a, b), match)
    if name != "div":
        for dtype in (i64, i32, i8, u8, torch.int16):
            a, b = integers(4, 3, low=-100, high=101).to(dtype), integers(3, low=-100, high=101).to(dtype)
            case(name, [a, b], lambda: function(a, b))
        for dtype, extremes in ((i64, [-(2**63), 2**63 - 1]), (i32, [-(2**31), 2**31 - 1])):
            a, b = torch.tensor(extremes, dtype=dtype), torch.tensor([[-1], [3], [extremes[1]]], dtype=dtype)
            case(name, [a, b], lambda: function(a, b))
        a, b = torch.tensor([[True], [False]]), torch.tensor([True, False])
        case(name, [a, b], lambda: function(a, b))

# ---- products ------------------------------------------------------------------------------------
for dtype in (f32, f64, f16, bf16):
    match = "scaled"
    for batch, bias in [
        ((4,), True),
        ((4,), False),
        ((), True),
        ((), False),
        ((2, 3), True),
        ((1, 1, 2), False),
        ((0,), True),
    ]:
        for inner, outer in [(7, 5), (1, 1), (17, 9)] + ([(0, 3), (3, 0)] if dtype in (f32, f64) else []):
            x, w = normal(*batch, inner, dtype=dtype), normal(outer, inner, dtype=dtype)
            b = normal(outer, dtype=dtype) if bias else None
            case("linear", [x, w, b], lambda: F.linear(x, w, b), match)
    x, w = normal(3, 4, dtype=dtype).t(), normal(3, 5, dtype=dtype).t()
    case("linear", [x, w], lambda: F.linear(x, w), match)
x, w, b = (
    torch.tensor([[NAN, 0.0], [INF, 0.0], [1.0, 2.0]]),
    torch.tensor([[0.0, 1.0], [1.0, -1.0]]),
    torch.tensor([1.0, INF]),
)
case("linear", [x, w, b], lambda: F.linear(x, w, b), "scaled")
x, w, b = integers(3, 4), integers(2, 4), integers(2)
case("linear", [x, w, b], lambda: F.linear(x, w, b))
z = torch.zeros
for x, w, b in [
    (z(2, 5), z(4, 3), None),
    (z(2, 5), z(4, 3), z(4)),
    (z(2, 7, 5), z(4, 3), None),
    (z(5), z(4, 3), z(4)),
    (z(2, 3), z(4, 3), z(5)),
    (z(2, 7, 3), z(4, 3), z(5)),
    (z(()), z(4, 3), None),
    (z(2, 3), z(2, 4, 3), None),
    (z(2, 3), z(4, 3).double(), None),
    (z(2, 3), z(4, 3).double(), z(4).double()),
    (z(2, 3), z(4, 3), z(4).double()),
    (z(2, 3).double(), z(4, 3), z(4)),
    (z(2, 3).long(), z(4, 3), z(4)),
    (z(2, 3).half(), z(4, 3), None),
    (z(2, 3).bool(), z(4, 3).bool(), None),
    (z(2, 5), z(4, 3).double(), z(4)),
    (z(2, 5), z(4, 3).double(), None),
    (z(2, 5), z(4, 3), z(7)),
]:
    case("linear", [x, w, b], lambda: F.linear(x, w, b))

SHAPES = [
    ((5,), (5,)),
    ((5,), (5, 3)),
    ((4, 5), (5,)),
    ((4, 5), (5, 3)),
    ((2, 4, 5), (5,)),
    ((5,), (2, 5, 3)),
    ((2, 4, 5), (5, 3)),
    ((4, 5), (2, 5, 3)),
    ((2, 4, 5), (2, 5, 3)),
    ((2, 1, 4, 5), (3, 5, 2)),
    ((1, 4, 5), (3, 5, 2)),
    ((0, 4, 5), (0, 5, 2)),
    ((2, 0), (0, 3)),
    ((0,), (0,)),
    ((0, 5), (5, 3)),
    ((3, 0, 5), (5,)),
]
for dtype in (f32, f64, f16, bf16, i64):
    for left, right in SHAPES if dtype in (f32, f64) else SHAPES[:4] + SHAPES[8:9]:
        a, b = (
            (integers(*left), integers(*right))
            if dtype == i64
            else (normal(*left, dtype=dtype), normal(*right, dtype=dtype))
        )
        case("matmul", [a, b], lambda: torch.matmul(a, b), "scaled")
a, b = normal(5, 4).t(), normal(2, 3, 5).transpose(1, 2)
case("matmul", [a, b], lambda: torch.matmul(a, b), "scaled")
for a, b in [
    (z(2, 3), z(4, 5)),
    (z(3), z(4)),
    (z(3), z(4, 5)),
    (z(4, 5), z(3)),
    (z(()), z(3)),
    (z(3), z(())),
    (z(2, 3, 4), z(2, 5, 6)),
    (z(2, 3, 4), z(3, 4, 6)),
    (z(2, 2, 3, 4), z(3, 4, 6)),
    (z(2, 3, 4), z(5, 6)),
    (z(3, 4), z(2, 5, 6)),
    (z(2, 3, 4), z(5)),
    (z(4), z(2, 5, 6)),
    (z(2, 2, 5, 6), z(2, 7, 2)),
    (z(2, 1, 5, 6), z(3, 7, 2)),
    (z(2, 3), z(3, 4).double()),
    (z(3), z(3).double()),
    (z(3), z(3, 4).double()),
    (z(2, 3), z(3).double()),
    (z(2, 2, 3), z(2, 3, 4).double()),
    (z(2, 5), z(3, 4).double()),
    (z(2, 3).half(), z(3, 4)),
    (z(2, 3).bool(), z(3, 4).bool()),
    (z(3).bool(), z(3).bool()),
    (z(2, 3).bool(), z(3).bool()),
    (z(2, 2, 3).bool(), z(2, 3, 4).bool()),
]:
    case("matmul", [a, b], lambda: torch.matmul(a, b))

for dtype in (f32, f64, f16):
    for features, inner, panel in [(5, 3, 4), (8, 2, 4), (1, 1, 8), (0, 3, 4), (4, 0, 2), (3, 4, 1)]:
        w = normal(features, inner, dtype=dtype)
        count = -(-features // panel)
        packed = F.pad(w, (0, 0, 0, count * panel - features)).reshape(count, panel, inner).transpose(1, 2).contiguous()
        case("pack_panels", [w], lambda: packed, panel=panel)
        x = normal(2, 3, inner, dtype=dtype)
        case("packed_linear", [x, packed], lambda: F.linear(x, w), "scaled", out_features=features)

# ---- normalization -------------------------------------------------------------------------------


def batch_norm(x, w, b, mean, var, training, momentum, eps):
    if not training:
        return F.batch_norm(x, mean, var, w, b, training, momentum, eps)
    running = () if mean is None else (mean.clone(), None if var is None else var.clone())
    output = F.batch_norm(x, *(running or (None, None)), w, b, training, momentum, eps)
    others = tuple(value.clone() for value in running) or (None, None)
    filled = torch.ones(2, *x.shape[1:], dtype=x.dtype)  # it refuses an empty batch
    kept = torch.native_batch_norm(filled, w, b, *others, True, momentum, eps)[1].dtype
    return output, *running, *batch_statistics(x, eps, kept)


def batch_norm_case(x, w, b, mean, var, training=False, momentum=0.1, eps=1e-5):
    case(
        "batch_norm",
        [x, w, b, mean, var],
        lambda: batch_norm(x, w, b, mean, var, training, momentum, eps),
        "scaled",
        training=training,
        momentum=momentum,
        eps=eps,
    )


for dtype in (f32, f64, f16, bf16):
    for shape in [(4, 5), (2, 3, 6), (2, 3, 4, 5), (1, 2, 3), (0, 5), (5, 1)]:
        c = shape[1]
        w, b, mean, var = (
            normal(c, dtype=dtype),
            normal(c, dtype=dtype),
            normal(c, dtype=dtype),
            normal(c, dtype=dtype).abs() + 0.1,
        )
        x = normal(*shape, dtype=dtype)
        batch_norm_case(x, w, b, mean, var)
        batch_norm_case(x, w, b, mean, var, training=True)
        if dtype in (f32, f64):
            batch_norm_case(x, None, None, mean, var)
            batch_norm_case(x, w, None, mean, var, eps=1e-3)
            batch_norm_case(x, None, b, mean, var)
            batch_norm_case(x, w, b, None, None, training=True)
            batch_norm_case(x, None, None, mean, var, training=True, momentum=1.0, eps=1e-12)
            batch_norm_case(x, None, None, mean, var, training=True, momentum=0.0)
x = normal(3, 4, 2, dtype=f64).permute(1, 2, 0)
batch_norm_case(x, *(normal(2, dtype=f64).abs() for _ in range(4)), training=True)
x = normal(6, 3, dtype=f64) * 1e-2 + 10  # a one-pass variance would cancel
batch_norm_case(x, None, None, torch.zeros(3, dtype=f64), torch.ones(3, dtype=f64), training=True)
x = torch.tensor([[1.0, NAN, INF], [2.0, 1.0, 1.0]])
batch_norm_case(x, None, None, torch.zeros(3), torch.ones(3))
for dtype in (f16, bf16):
    batch_norm_case(normal(4, 3, dtype=dtype), normal(3), normal(3), normal(3), normal(3).abs() + 0.1)
    batch_norm_case(normal(4, 3, dtype=dtype), normal(3), normal(3), normal(3), normal(3).abs() + 0.1, training=True)
    batch_norm_case(normal(4, 3, dtype=dtype), None, None, normal(3), normal(3).abs() + 0.1)
o = torch.ones
for arguments in [
    (z(2, 5), None, None, z(4), z(5)),
    (z(2, 5), None, None, z(5), z(4)),
    (z(2, 5), o(4), None, z(5), z(5)),
    (z(2, 5), o(5), z(4), z(5), z(5)),
    (z(2, 5), None, None, None, None),
    (z(2, 5), None, None, z(5), None),
    (z(2, 5).double(), None, None, z(5), z(5)),
    (z(2, 5), o(5).double(), z(5).double(), z(5), z(5)),
    (z(2, 5).double(), o(5), z(5), z(5).double(), z(5).double()),
    (z(2, 5), o(5), z(5), z(5).double(), z(5)),
    (z(2, 5).half(), o(5).half(), z(5).half(), z(5), z(5)),
    (z(2, 5).long(), None, None, z(5), z(5)),
    (z(2, 5), None, None, z(5), z(5).double()),
]:
    batch_norm_case(*arguments)
batch_norm_case(z(1, 5), None, None, z(5), z(5), training=True)
batch_norm_case(z(2, 5), None, None, z(5), z(5), training=True, eps=0.0)
batch_norm_case(z(2, 5), None, None, z(5), z(5), eps=0.0)
batch_norm_case(z(1, 5, 1), o(5), None, None, None, training=True)
batch_norm_case(z(2, 5), None, None, z(5), None, training=True)

for dtype in (f32, f64, f16):
    for shape in [(4, 5), (2, 3, 4), (2, 3, 2, 2), (0, 3)]:
        x, scale, shift = normal(*shape, dtype=dtype), normal(shape[1], dtype=dtype), normal(shape[1], dtype=dtype)
        columns = [shape[1]] + [1] * (len(shape) - 2)
        case("channel_affine", [x, scale, shift], lambda: x * scale.view(columns) + shift.view(columns), "scaled")

# ---- dropout: what does not depend on the mask ---------------------------------------------------
for dtype in (f32, f64, f16):
    for x in (special(dtype), normal(3, 4, dtype=dtype).t(), normal(0, 2, dtype=dtype)):
        for p, training in ((0.5, False), (0.0, True), (1.0, True), (1.0, False)):
            case("dropout", [x], lambda: torch.dropout(x, p, training), p=p, training=training, site=7)
for p in (1.5, -0.1, NAN):
    case("dropout", [z(2)], lambda: torch.dropout(z(2), p, True), p=p, training=True, site=0)
x = integers(3)
case("dropout", [x], lambda: torch.dropout(x, 0.5, False), p=0.5, training=False, site=0)
case("dropout", [x], lambda: torch.dropout(x, 0.5, True), p=0.5, training=True, site=0)

# ---- embedding -----------------------------------------------------------------------------------
for dtype in (f32, f64, f16, i64):
    w = normal(5, 3).mul(10).to(dtype)
    for index in (
        integers(2, 4, low=0, high=5),
        integers(3, low=0, high=5, dtype=i32),
        torch.tensor(4),
        integers(0, low=0, high=5),
        integers(4, 3, low=0, high=5).t(),
    ):
        case("embedding", [index, w], lambda: F.embedding(index, w))
w = normal(3, 4).t()
case("embedding", [torch.tensor([3, 0]), w], lambda: F.embedding(torch.tensor([3, 0]), w))
case("embedding", [torch.tensor([1, 0]), w], lambda: F.embedding(torch.tensor([1, 0]), w, padding_idx=1), padding_idx=1)
index, w = torch.zeros(0, dtype=i64), z(0, 4)
case("embedding", [index, w], lambda: F.embedding(index, w))
for index, w in [
    (torch.tensor([3]), z(3, 4)),
    (torch.tensor([0, -1]), z(3, 4)),
    (torch.tensor([0]), z(3)),
    (torch.tensor([0]), z(3, 4, 5)),
] + [(z(2, dtype=d), z(3, 4)) for d in (f32, f64, f16, bf16, i8, u8, boolean)]:
    case("embedding", [index, w], lambda: F.embedding(index, w))
for padding in (5, -5):
    case(
        "embedding",
        [torch.tensor([0]), z(3, 4)],
        lambda: F.embedding(torch.tensor([0]), z(3, 4), padding_idx=padding),
        padding_idx=padding,
    )

# ---- shapes --------------------------------------------------------------------------------------
ALL_TYPES = list(DTYPES)
for dtype in ALL_TYPES:
    x = integers(2, 3, 4, low=0, high=2 if dtype == boolean else 100).to(dtype)
    case("reshape", [x], lambda: x.reshape(4, 6), shape=Dims([4, 6]))
    case("permute", [x], lambda: x.permute(2, 0, 1), dims=[2, 0, 1])
    case("expand", [x], lambda: x.expand(2, 2, 3, 4), shape=Dims([2, 2, 3, 4]))
    case("slice", [x], lambda: x[:, :, 1:4:2], dim=2, start=Dim(1), end=Dim(4), step=2)
    case(
        "slice_scatter",
        [x, x[:, :1]],
        lambda: torch.slice_scatter(x, x[:, :1], 1, 2, 3),
        dim=1,
        start=Dim(2),
        end=Dim(3),
        step=1,
    )
    case("cat", [x, x[:1]], lambda: torch.cat([x, x[:1]], 0), dim=0)
x = normal(2, 3, 4)
for view in (x, x.permute(2, 0, 1), x[:, ::2], x[:, :0]):
    flat = view.numel()
    case("reshape", [view], lambda: view.reshape(flat), shape=Dims([flat]))
    case("reshape", [view], lambda: view.reshape(1, flat, 1), shape=Dims([1, flat, 1]))
y = normal()
case("reshape", [y], lambda: y.reshape(1, 1), shape=Dims([1, 1]))
y = normal(1, 1)
case("reshape", [y], lambda: y.reshape(()), shape=Dims([]))
y = z(5)
case("reshape", [y], lambda: y.reshape(2, 3), shape=Dims([2, 3]))
case("reshape", [y], lambda: y.reshape(-2, 3), shape=Dims([-2, 3]))
for dims in ([0, 1, 2], [-1, 0, 1], [2, 1, 0], [0], [0, 0, 1], [0, 1, 3], [0, 1, 2, 3]):
    case("permute", [x], lambda: x.permute(dims), dims=dims)
y = normal()
case("permute", [y], lambda: y.permute([]), dims=[])
for y, shape in [
    (normal(3, 1), [3, 4]),
    (normal(3, 1), [2, 3, 4]),
    (normal(), [2, 2]),
    (normal(1), [0]),
    (normal(2, 3), [2, 4]),
    (normal(2, 3), [3]),
    (normal(2, 3).double(), [3]),
    (normal(1, 2), [0, 2]),
    (normal(2, 1).t(), [3, 2]),
]:
    case("expand", [y], lambda: y.expand(shape), shape=Dims(shape))
aten = torch.ops.aten
for dim, start, end, step in [
    (0, 0, 2, 1),
    (1, 1, 3, 1),
    (-1, 0, 4, 3),
    (2, 2, 2, 1),
    (2, 3, 4, 5),
    (3, 0, 1, 1),
    (-4, 0, 1, 1),
    (1, 0, 1, 0),
]:
    case("slice", [x], lambda: aten.slice(x, dim, start, end, step), dim=dim, start=Dim(start), end=Dim(end), step=step)
y = normal()
case("slice", [y], lambda: aten.slice(y, 0, 0, 1, 1), dim=0, start=Dim(0), end=Dim(1), step=1)
y = normal(5, 3).t()
case("slice", [y], lambda: y[:, 1:5:2], dim=1, start=Dim(1), end=Dim(5), step=2)
for y, part, dim, start, end, step in [
    (normal(2, 5), normal(2, 3), 1, 0, 5, 2),
    (normal(4, 2), normal(0, 2), 0, 1, 1, 1),
    (normal(5, 2).t(), normal(1, 2).expand(2, 2), 1, 1, 3, 1),
    (z(2, 3), z(2, 2), 1, 0, 1, 1),
    (z(2, 3), z(1), 1, 0, 1, 1),
    (z(2, 3), z(2, 1), 1, 0, 1, 0),
    (z(2, 3), z(2, 1), 2, 0, 1, 1),
]:
    case(
        "slice_scatter",
        [y, part],
        lambda: torch.slice_scatter(y, part, dim, start, end, step),
        dim=dim,
        start=Dim(start),
        end=Dim(end),
        step=step,
    )
for parts, dim in [
    ([normal(2, 3), normal(2, 1), normal(2, 0)], 1),
    ([normal(2, 3), normal(4, 3)], -2),
    ([normal(0), normal(2, 3)], 1),
    ([normal(2, 3), normal(0)], 0),
    ([normal(0), normal(0)], 0),
    ([normal(3, 2).t(), normal(2, 2)], 1),
    ([normal(3)], 0),
    ([z(2, 2), z(3, 2)], 1),
    ([z(2, 2), z(2)], 1),
    ([z(()), z(0)], 0),
    ([z(2), z(())], 0),
    ([z(2, 2), z(2, 2)], 2),
    ([z(2, 2), z(2, 2)], -3),
    ([z(2, 2, 3), z(2, 2, 3), z(2, 3, 3)], 0),
    ([z(0, 2), z(3, 5)], 0),
    ([], 0),
    ([z(0), z(3, 5), z(2, 4)], 1),
    ([z(0), z(3, 5), z(4)], 1),
]:
    case("cat", parts, lambda: torch.cat(parts, dim), dim=dim)

# ---- casts, creation -----------------------------------------------------------------------------
for source_type in ALL_TYPES:
    for target in ALL_TYPES:
        x = integers(6, low=0 if source_type in (boolean, u8) else -9, high=10).to(source_type)
        if source_type.is_floating_point:
            x = x / 4
        # A negative number has no defined value as uint8 (C++ leaves the conversion from floating point open).
        if source_type.is_floating_point and target == u8:
            x = x.abs()
        case("cast", [x], lambda: x.to(target), dtype=target)
for target in (f16, bf16, f64, boolean):
    x = torch.tensor(SPECIAL + [65504.0, 65520.0, 1.0 + 2**-11, 1.0 + 3 * 2**-11, 6e-8, 2e-8, 1 + 2**-8, 1 + 3 * 2**-8])
    case("cast", [x], lambda: x.to(target), dtype=target)
x = torch.tensor([3.9, -3.9, 0.5, 1e9])
case("cast", [x], lambda: x.to(i64), dtype=i64)
case("cast", [x.view(2, 2).t()], lambda: x.view(2, 2).t().to(f64), dtype=f64)
for shape, value, dtype in [
    ((2, 3), 1.5, f32),
    ((), -2.0, f64),
    ((0, 2), 1.0, f32),
    ((2,), 1.7, i64),
    ((2,), -1.7, i8),
    ((2,), 1.7, boolean),
    ((2,), 0.0, boolean),
    ((3,), 255.5, u8),
    ((3,), 300.0, u8),
    ((3,), -129.0, i8),
    ((3,), NAN, i8),
    ((3,), 1e30, f16),
    ((3,), 1e300, f32),
    ((3,), -1e300, f32),
    ((3,), INF, f32),
    ((3,), INF, f16),
    ((3,), NAN, f32),
    ((3,), 1e300, bf16),
    ((2, -1), 1.0, f32),
    ((), -1.0, u8),
    ((), INF, i64),
    ((), 1e19, i64),
    ((), 1e10, i32),
    ((), 1e10, torch.int16),
    ((), NAN, boolean),
    ((2,), 0.1, f32),
    ((2,), 0.1, f16),
]:
    case("full", [], lambda: torch.full(shape, value, dtype=dtype), shape=Dims(shape), value=value, dtype=dtype)
for dtype in ALL_TYPES:
    x = integers(2, 3, low=0, high=2).to(dtype)
    case("constant", [], lambda: x, value=x)

# ---- reductions ----------------------------------------------------------------------------------
for name in ("sum", "mean"):
    function = getattr(torch, name)
    for dtype in (f32, f64, f16, bf16):
        for shape, dims in [
            ((3, 5), [0]),
            ((3, 5), [1]),
            ((2, 3, 4), [0, 2]),
            ((2, 3, 4), [-1]),
            ((2, 3, 4), []),
            ((0, 3), [0]),
            ((0, 3), [1]),
            ((), [0]),
            ((), [-1]),
            ((), []),
            ((5, 1), [1, 0]),
        ]:
            x = normal(*shape, dtype=dtype) + 1
            for keepdim in (False, True):
                case(name, [x], lambda: function(x, dims, keepdim=keepdim), "scaled", dims=dims, keepdim=keepdim)
        x = (normal(4, 6, dtype=dtype) + 1).t()
        case(name, [x], lambda: function(x, [0]), "scaled", dims=[0], keepdim=False)
    x = torch.tensor([[1.0, NAN], [INF, 2.0], [INF, -INF]])
    case(name, [x], lambda: function(x, [1]), "scaled", dims=[1], keepdim=False)
    for dtype in (i64, i32, i8, u8, boolean):
        x = integers(3, 4, low=0, high=100).to(dtype)
        case(name, [x], lambda: function(x, [0]), dims=[0], keepdim=False)
    for dims in ([0, 0], [0, -2], [2], [-3]):
        case(name, [z(2, 3)], lambda: function(z(2, 3), dims), dims=dims, keepdim=False)
    case(name, [z(())], lambda: function(z(()), [1]), dims=[1], keepdim=False)
x = torch.tensor([2**63 - 1, 1])
case("sum", [x], lambda: x.sum([0]), dims=[0], keepdim=False)

# Parameters of float32 beside 16-bit inputs, whole and in parts, and what is kept for the gradient.
for dtype in (f16, bf16):
    for shape in [(4, 5), (2, 3, 6), (3, 2, 4, 5), (0, 5)]:
        c = shape[1]
        w, b, mean, var = normal(c), normal(c), normal(c), normal(c).abs() + 0.1
        x = normal(*shape, dtype=dtype) + 1
        batch_norm_case(x, w, b, mean, var, training=True)
        batch_norm_case(x, None, b, None, None, training=True)
        batch_norm_case(x, None, None, mean, var, training=True)

write("cases")
