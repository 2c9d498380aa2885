#!/usr/bin/env python3
"""Records what PyTorch computes for the ops of training: comparisons, where, detach, cross_entropy,
gradients of layers, steps of optimizers.

Writes training_cases.txt and training_cases.safetensors, in the form of make_cases.py:

    python test/semantics/make_training_cases.py
"""

import itertools
import operator

import torch
import torch.nn.functional as F

from recording import *

z, o = torch.zeros, torch.ones

# ---- comparisons, where, detach ------------------------------------------------------------------
for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    function = getattr(operator, name)
    for dtype in (f32, f64, f16, bf16):
        x = special(dtype)
        case(name, [x[:, None], x], lambda: function(x[:, None], x))
        a, b = normal(3, 1, dtype=dtype), normal(4, dtype=dtype)
        case(name, [a, b], lambda: function(a, b))
    for dtype in (i64, i32, i8, u8, torch.int16):
        a, b = integers(4, 3, low=0, high=3).to(dtype), integers(3, low=0, high=3).to(dtype)
        case(name, [a, b], lambda: function(a, b))
    a, b = torch.tensor([-(2**63), 2**63 - 1]), torch.tensor([[2**63 - 1], [-1]])
    case(name, [a, b], lambda: function(a, b))
    a, b = torch.tensor([[True], [False]]), torch.tensor([True, False])
    case(name, [a, b], lambda: function(a, b))
    for a, b in [(z(0, 3), z(3)), (z(()), z(())), (z(2), z(3)), (z(2, 2), z(3, 1, 4))]:
        case(name, [a, b], lambda: function(a, b))
for dtype in DTYPES:
    c = integers(3, 4, low=0, high=2).bool()
    a, b = integers(3, 4, low=0, high=100).to(dtype), integers(4, low=0, high=100).to(dtype)
    case("where", [c, a, b], lambda: torch.where(c, a, b))
x = special(f32)
c = torch.tensor([[True], [False]])
case("where", [c, x, -x], lambda: torch.where(c, x, -x))
for shapes in [
    ((3, 1), (1, 4), (2, 1, 1)),
    ((), (2,), ()),
    ((2, 3), (), ()),
    ((0, 3), (3,), (1, 1)),
    ((3,), (3,), (2,)),
    ((4,), (3,), (3,)),
    ((2, 3), (3,), (4,)),
]:
    c, a, b = integers(*shapes[0], low=0, high=2).bool(), normal(*shapes[1]), normal(*shapes[2])
    case("where", [c, a, b], lambda: torch.where(c, a, b))
case("where", [z(3), z(3), z(3)], lambda: torch.where(z(3), z(3), z(3)))
for x in (special(f32), special(f16), integers(2, 3), torch.tensor([True]), normal(4, 3).t(), z(0, 2)):
    case("detach", [x], lambda: x.detach())


# ---- cross_entropy -------------------------------------------------------------------------------
def cross_entropy_case(x, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """The loss, and its gradient for a cotangent that is not 1.

    The loss of 16-bit scores is computed in float; the gradient in double, since in float PyTorch's
    has errors of some ulps of a probability even where probabilities cancel.
    """
    attributes = dict(ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction)

    def loss(dtype, scores):
        scale = None if weight is None else weight.to(dtype) if weight.dtype == x.dtype else weight
        return F.cross_entropy(scores, target, scale, **attributes)

    def forward():
        dtype = f32 if x.dtype in (f16, bf16) else x.dtype
        return loss(dtype, x.to(dtype)).to(x.dtype)

    case("cross_entropy", [x, target, weight], forward, "scaled", **attributes)
    try:
        grad = normal(*forward().shape, dtype=x.dtype)
    except (RuntimeError, ValueError, IndexError):
        return  # recorded above

    def backward():
        leaf = x.detach().to(f64, copy=True).requires_grad_()
        return torch.autograd.grad(loss(f64, leaf), leaf, grad.to(f64))[0].to(x.dtype)

    case("cross_entropy_backward", [grad, x, target, weight], backward, "scaled", **attributes)


def targets(shape, classes, ignored=None):
    result = integers(*shape, low=0, high=classes)
    if ignored is not None and result.numel():
        result.view(-1)[:: max(1, result.numel() // 2)] = ignored
    return result


for dtype in (f32, f64, f16):
    for shape in [(5, 7), (4,), (2, 3, 4), (2, 3, 4, 2), (1, 3, 2, 1, 2), (6, 1)]:
        if dtype != f32 and shape not in ((5, 7), (2, 3, 4)):
            continue
        classes = shape[0] if len(shape) == 1 else shape[1]
        rest = shape[:1] * (len(shape) > 1) + shape[2:]
        for weighted, smoothing, ignored, reduction in itertools.product(
            (False, True), (0.0, 0.1, 1.0), (None, -100, 0), ("mean", "sum", "none")
        ):
            if smoothing == 1.0 and (shape != (5, 7) or dtype != f32):
                continue
            if dtype == f16 and (weighted or ignored == 0):
                continue
            if len(shape) > 3 and ignored == -100:
                continue
            weight = normal(classes, dtype=dtype).abs() + 0.1 if weighted else None
            cross_entropy_case(
                normal(*shape, dtype=dtype) * 3,
                targets(rest, classes, ignored),
                weight,
                ignore_index=-100 if ignored is None else ignored,
                label_smoothing=smoothing,
                reduction=reduction,
            )
L = lambda *shape: torch.zeros(shape, dtype=i64)
for reduction, smoothing, weight in itertools.product(("mean", "sum", "none"), (0.0, 0.2), (None, normal(4).abs())):
    options = dict(label_smoothing=smoothing, reduction=reduction)
    for x, target in [
        (normal(3, 4), L(3) - 100),  # all ignored
        (normal(4), L() - 100),
        (normal(3, 4, 2), L(3, 2) - 100),
        (z(0, 4), L(0)),
        (z(0, 4, 3), L(0, 3)),
        (z(3, 4, 0), L(3, 0)),
    ]:
        cross_entropy_case(x, target, weight, **options)
    # Scores that are large, not finite, or not numbers.
    x = torch.tensor([[1e4, -1e4, 0, 1e30], [INF, 1, 2, 3], [-INF, 1, 2, 3], [NAN, 1, 2, 3], [-INF] * 4])
    for target in (L(5), L(5) + 1):
        cross_entropy_case(x, target, weight, **options)
cross_entropy_case(normal(3, 4), L(3), z(4))
cross_entropy_case(normal(3, 4), L(3), z(4), label_smoothing=0.1)
cross_entropy_case(normal(3, 4), L(3), torch.tensor([0.0, 1, 2, 3]), reduction="none")
cross_entropy_case(normal(3, 4), L(3), label_smoothing=-0.5)
cross_entropy_case(normal(8, 5).t(), targets((10,), 8)[::2])
cross_entropy_case(normal(2, 5, 3).permute(0, 2, 1), targets((5, 2), 3).t())
for x, target, options in [
    (z(3, 4), L(5), {}),
    (z(3, 4), L(3, 2), {}),
    (z(3, 4), L(), {}),
    (z(3, 4, 2), L(3), {}),
    (z(3, 4, 2), L(3, 3), {}),
    (z(3, 4, 2), L(2, 2), {}),
    (z(3, 4, 2, 5), L(3, 2, 4), {}),
    (z(3, 4, 2, 5), L(3, 2), {}),
    (z(3, 4), z(3), {}),
    (z(3, 4), L(3).int(), {}),
    (z(3, 4), L(3).bool(), {}),
    (z(3, 4, 2), L(3, 2).byte(), {}),
    (z(4), L(2), {}),
    (z(4), L(4), {}),
    (z(3, 4), L(3, 4), {}),
    (z(3, 4), L(3), dict(weight=z(3))),
    (z(3, 4), L(3), dict(weight=z(4).double())),
    (z(3, 4), L(3), dict(weight=z(4, 1))),
    (z(3, 4, 2), L(3, 2), dict(weight=z(3))),
    (z(3, 4), L(3), dict(label_smoothing=1.5)),
    (z(3, 4), L(3), dict(reduction="average")),
    (L(3, 4), L(3), {}),
    (z(3, 4), L(3) + 11, {}),
    (z(3, 4, 2), L(3, 2) - 1, {}),
    (z(4), L() + 4, {}),
    (z(3, 0), L(3), {}),
]:
    cross_entropy_case(x, target, **options)


# ---- gradients of layers -------------------------------------------------------------------------
def embedding_backward_case(grad, index, rows, padding_idx=None):
    table = torch.zeros(rows, grad.shape[-1], dtype=grad.dtype, requires_grad=True)

    def compute():
        F.embedding(index, table, padding_idx=padding_idx).backward(grad)
        return table.grad

    options = {} if padding_idx is None else dict(padding_idx=padding_idx)
    case("embedding_backward", [grad, index], compute, "scaled", num_embeddings=Dim(rows), **options)


for dtype in (f32, f64):
    for index in (
        integers(2, 4, low=0, high=5),
        integers(30, low=0, high=3),
        integers(3, low=0, high=5, dtype=i32),
        torch.tensor(4),
        integers(0, low=0, high=5),
        integers(4, 3, low=0, high=5).t(),
    ):
        for padding in (None, 0, 4, -1):
            embedding_backward_case(normal(*index.shape, 3, dtype=dtype), index, 5, padding)
embedding_backward_case(normal(3, 2).t(), torch.tensor([1, 1]), 2)
embedding_backward_case(normal(2, 0), torch.tensor([1, 1]), 2)
embedding_backward_case(normal(1, 4, dtype=f16), torch.tensor([1]), 3)


def batch_norm_backward_case(x, weight, eps=1e-5):
    grad = normal(*x.shape, dtype=x.dtype)
    leaf = x.detach().clone().requires_grad_()
    scale = (o(x.shape[1], dtype=x.dtype) if weight is None else weight).detach().clone().requires_grad_()
    shift = torch.zeros_like(scale).requires_grad_()

    def compute():
        y = F.batch_norm(leaf, None, None, scale, shift, True, 0.1, eps)
        return torch.autograd.grad(y, [leaf, scale, shift], grad)

    mean, inv_std = batch_statistics(x, eps, scale.dtype)
    case("batch_norm_backward", [grad, x, mean, inv_std, weight], compute, "scaled")


for dtype in (f32, f64):
    for shape in [(4, 5), (2, 3, 6), (2, 3, 4, 5), (1, 2, 3), (0, 5), (5, 1)]:
        for weighted in (False, True):
            weight = normal(shape[1], dtype=dtype) if weighted else None
            batch_norm_backward_case(normal(*shape, dtype=dtype) + 1, weight)
    batch_norm_backward_case(normal(4, 5, dtype=dtype).t(), None, 1e-2)
    # Elements of a channel that differ little: its inverse deviation is large.
    batch_norm_backward_case(normal(6, 3, dtype=dtype) * 1e-2 + (10 if dtype == f64 else 1), normal(3, dtype=dtype))


# ---- optimizers ----------------------------------------------------------------------------------
def optimizer_cases(op, make, slots, dtype, attributes, lr=0.1, steps=3):
    """Each step of PyTorch's optimizer on two of its three parameters is a case."""
    parameters = [torch.nn.Parameter(normal(*shape, dtype=dtype)) for shape in ((3, 4), (), (5,))]
    optimizer = make(parameters, lr)
    chosen = [parameters[2], parameters[0]]
    for step in range(1, steps + 1):
        for parameter in parameters:
            parameter.grad = normal(*parameter.shape, dtype=dtype) * (0.0 if step == 2 and dtype == f64 else 1.0)

        def values(slot):
            if slot == "parameter":
                return [p.detach().clone() for p in chosen]
            state = [optimizer.state[p].get(slot) for p in chosen]
            return [torch.zeros_like(p) if s is None else s.clone() for p, s in zip(chosen, state)]

        before = [values(slot) for slot in ["parameter"] + slots]
        operands = before[0] + [p.grad.clone() for p in chosen] + sum(before[1:], [])
        # A parameter that is not of the group counts otherwise.
        operands += [torch.tensor([step, 77, step], dtype=f32), torch.tensor(lr, dtype=f64)]
        optimizer.step()
        after = sum([values(slot) for slot in ["parameter"] + slots], [])
        case(op, operands, lambda: tuple(after), "ulps", count=2, indices=[2, 0], **attributes)


for dtype in (f32, f64):
    for momentum, dampening, weight_decay, nesterov, maximize in itertools.product(
        (0.0, 0.9), (0.0, 0.3), (0.0, 0.01), (False, True), (False, True)
    ):
        if nesterov and (momentum == 0 or dampening != 0):
            continue
        options = dict(
            momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov, maximize=maximize
        )
        slots = ["momentum_buffer"] if momentum else []
        optimizer_cases("sgd", lambda p, lr: torch.optim.SGD(p, lr, **options), slots, dtype, options)
    for weight_decay, decoupled, amsgrad, maximize in itertools.product(
        (0.0, 0.01), (False, True), (False, True), (False, True)
    ):
        for betas, eps in (((0.9, 0.999), 1e-8), ((0.3, 0.5), 1e-3)):
            if betas[0] == 0.3 and (amsgrad != decoupled or maximize):
                continue
            kind = torch.optim.AdamW if decoupled else torch.optim.Adam
            options = dict(weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize, eps=eps)
            slots = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * amsgrad
            optimizer_cases(
                "adam",
                lambda p, lr: kind(p, lr, betas, **options),
                slots,
                dtype,
                options | dict(beta1=betas[0], beta2=betas[1], decoupled=decoupled),
                lr=1e-3 if eps == 1e-8 else 0.05,
            )

for dtype in (f16, bf16):
    for shape in [(4, 5), (2, 3, 6), (2, 3, 4, 5), (0, 5)]:
        x = normal(*shape, dtype=dtype) + 1
        for weight in (None, normal(shape[1], dtype=dtype), normal(shape[1])):
            batch_norm_backward_case(x, weight)

cross_entropy_case(z(3, 4), L(3), label_smoothing=2.0)

# ---- log_softmax and softmax ---------------------------------------------------------------------
def softmax_cases(function, exact_16_bits):
    """Probabilities, or their logarithms. Where PyTorch's kernel for 16-bit ones is a unit off in places,
    they are computed in float and rounded once."""

    def softmax_case(x, dim):
        wide = f32 if x.dtype in (f16, bf16) and not exact_16_bits else x.dtype
        case(function.__name__, [x], lambda: function(x.to(wide), dim).to(x.dtype), "scaled", dim=dim)

    for dtype in (f32, f64, f16, bf16):
        for shape, dim in [((4, 10), 1), ((4, 10), 0), ((2, 3, 5), 1), ((2, 3, 5), -1), ((7,), 0), ((), 0), ((), -1), ((3, 1), 1)]:
            softmax_case(normal(*shape, dtype=dtype) * 4, dim)
        for shape, dim in [((0, 3), 1), ((0, 3), 0), ((3, 0), 1), ((2, 0, 3), 2)]:
            softmax_case(z(shape, dtype=dtype), dim)
        softmax_case(torch.tensor([[1e4, -1e4, 0, 3e4], [INF, 1, 2, 3], [-INF, 1, 2, 3], [NAN, 1, 2, 3], [-INF] * 4], dtype=dtype), 1)
    softmax_case(normal(5, 3).t(), 0)
    for x, dim in [(z(2, 3), 2), (z(2, 3), -3), (z(()), 1), (L(2, 3), 1), (L(2, 3), 0), (L(), 0), (L(3).bool(), 0), (L(0, 3), 3)]:
        softmax_case(x, dim)


softmax_cases(torch.log_softmax, exact_16_bits=True)
softmax_cases(torch.softmax, exact_16_bits=False)


def renormalised(grad, output, dim, dtype):
    """PyTorch's gradient of softmax for probabilities that sum to 1, of which `output` are multiples."""
    if not output.is_floating_point():
        return torch._softmax_backward_data(grad, output, dim, dtype)
    whole = output.sum(dim, keepdim=True)
    return torch._softmax_backward_data(grad, output / whole, dim, dtype) * whole**2


def softmax_backward_cases(function, backward):
    """Gradients by the output that the forward operation gave. PyTorch's in float have errors of some
    units of the cotangent where a probability is near 1: they are computed in double."""

    def backward_case(grad, output, dim, wide=f64):
        def result():
            return backward(grad.to(wide), output.to(wide) if output.dtype == grad.dtype else output, dim, wide).to(grad.dtype)

        case(function.__name__ + "_backward", [grad, output], result, "scaled", dim=dim)

    for dtype in (f32, f64, f16, bf16):
        for shape, dim in [((4, 10), 1), ((4, 10), 0), ((2, 3, 5), 1), ((2, 3, 5), -1), ((7,), 0), ((), 0), ((), -1), ((3, 1), 1)]:
            backward_case(normal(*shape, dtype=dtype), function((normal(*shape) * 4), dim).to(dtype), dim)
        for shape, dim in [((0, 3), 1), ((0, 3), 0), ((3, 0), 1), ((2, 0, 3), 2)]:
            backward_case(z(shape, dtype=dtype), z(shape, dtype=dtype), dim)
        scores = torch.tensor([[1e3, -1e3, 0, 3e3], [INF, 1, 2, 3], [-INF, 1, 2, 3], [NAN, 1, 2, 3]])
        backward_case(normal(4, 4, dtype=dtype), function(scores, 1).to(dtype), 1)
    backward_case(normal(5, 3).t(), normal(5, 3).t(), 0)
    backward_case(z(2, 3), z(2, 3), 2)
    backward_case(z(2, 3), z(2, 3, dtype=f64), 1, f32)
    for dim in (0, 1):
        backward_case(L(2, 3), L(2, 3), dim, i64)
    if function is torch.softmax:  # the other one reads what is not there
        backward_case(z(2, 3), z(2, 4), 1)


softmax_backward_cases(torch.log_softmax, torch._log_softmax_backward_data)
softmax_backward_cases(torch.softmax, renormalised)

write("training_cases")
