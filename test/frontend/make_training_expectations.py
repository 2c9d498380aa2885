"""Writes what PyTorch computes and says in training, for gradients_test.cpp and training_errors_test.cpp.

Run with a Python that has torch 2.15 and safetensors: python3 make_training_expectations.py
Each case here is the same code as the case of its name in the C++ tests.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

DATA = Path(__file__).parent.parent / "data" / "frontend"


def numbers(*shape, seed=0.0):
    count = math.prod(shape)
    return torch.tensor([math.sin(0.7 * i + seed) for i in range(count)], dtype=torch.float64).reshape(shape)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 2)
        self.b = nn.Linear(2, 2)
        self.double()
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.copy_(numbers(*parameter.shape, seed=i + 1.0))

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


#===------------------------------------------------------------------------===#
# Gradients
#===------------------------------------------------------------------------===#


def parameters(m, x, y):
    loss = F.mse_loss(m(x), y)
    loss.backward()
    return [loss, *(p.grad for p in m.parameters())]


def inputs(m, x, y):
    x.requires_grad_()
    loss = F.mse_loss(m(x), y, reduction="sum")
    loss.backward()
    return [x.grad]


def accumulate(m, x, y):
    m(x).sum().backward()
    F.mse_loss(m(x), y).backward()
    return [m.a.weight.grad]


def retain_graph(m, x, y):
    loss = F.mse_loss(m(x), y)
    loss.backward(retain_graph=True)
    loss.backward()
    return [m.a.weight.grad]


def detach(m, x, y):
    h = m.a(x)
    (m.b(h.detach()) * h).sum().backward()
    return [m.a.weight.grad, m.b.weight.grad]


def no_grad(m, x, y):
    with torch.no_grad():
        target = m.a(x)
        view = m.a.weight.t()
    (m.a(x) * target * view.sum()).sum().backward()
    return [m.a.weight.grad]


def frozen_for_a_while(m, x, y):
    m.a.requires_grad_(False)
    u = m.a(x)
    m.a.requires_grad_(True)
    ((u * m.a(x)).sum() + m.b(u).sum()).backward()
    return [m.a.weight.grad, m.b.weight.grad]


def update_in_between(m, x, y):
    first = m.a(x).square().sum()
    with torch.no_grad():
        m.a.weight.sub_(0.5 * m.a.weight)
    second = m.a(x).square().sum()
    (first + second).backward()
    return [m.a.weight.grad, m.a.weight.detach().clone()]


def in_place(m, x, y):
    h = m.a(x) * 1
    h.select(0, 0).mul_(3)
    h.t().select(0, 1).mul_(h.t().select(0, 0).clone())
    (h * h).sum().backward()
    return [m.a.weight.grad]


def views_of_a_leaf(m, x, y):
    w = m.a.weight
    (w.t()[0:2] * w[:, 1:3] + w.reshape(6)[5]).sum().backward()
    return [w.grad]


def grad_function(m, x, y):
    x.requires_grad_()
    h = torch.tanh(m.a(x))
    loss = F.mse_loss(m.b(h), y)
    return list(torch.autograd.grad([loss], [x, h, m.a.weight]))


def grad_outputs(m, x, y):
    h = m.a(x)
    return list(torch.autograd.grad([h, m.b(h)], [m.a.weight], [y, 2 * y]))


def retain_grad(m, x, y):
    h = m.a(x)
    h.retain_grad()
    F.mse_loss(m.b(h), y).backward()
    return [h.grad, m.a.weight.grad]


def where_and_compare(m, x, y):
    h = m.a(x)
    (torch.where(h > 0.1, h * h, -2 * h) * (y <= h)).sum().backward()
    return [m.a.weight.grad]


def cross_entropy(m, x, y):
    target = torch.tensor([1, 0, 1, 0])
    weight = torch.tensor([0.5, 2.0], dtype=torch.float64)
    F.cross_entropy(m(x), target, weight=weight, label_smoothing=0.1).backward()
    F.cross_entropy(m(x), target, ignore_index=1, reduction="sum").backward()
    F.cross_entropy(m(x), target, reduction="none").mean().backward()
    return [m.b.weight.grad]


def cross_entropy_probabilities(m, x, y):
    target = torch.tensor([[0.75, 0.25], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    F.cross_entropy(m(x), target, weight=weight, label_smoothing=0.1).backward()
    F.cross_entropy(m(x), target, reduction="sum").backward()
    F.cross_entropy(m(x), target, weight=weight, reduction="none").mean().backward()
    F.cross_entropy(m(x)[0], target[0]).backward()
    return [m.b.weight.grad, target.grad, weight.grad]


def leaf_made_here(m, x, y):
    z = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    torch.tanh(m.b(z)).sum().backward()
    return [z.grad]


def leaf_computed_with_alone(m, x, y):
    z = torch.tensor([0.5, -2.0], dtype=torch.float64).requires_grad_()
    (m.b(x[:, :2]) * (z * 3 + 1)).sum().backward()
    return [z.grad]


def zeros_in_place(m, x, y):
    m(x).sum().backward()
    m.zero_grad(set_to_none=False)
    m(x).square().sum().backward()
    return [m.a.weight.grad]


def gradient_edited(m, x, y):
    m(x).sum().backward()
    held = m.a.weight.grad
    held.mul_(0.5)
    m.b.weight.grad = None
    m(x).sum().backward()
    return [held.clone(), m.b.weight.grad]


def detached_leaf(m, x, y):
    z = m.a(x).detach().requires_grad_()
    m.b(z).square().sum().backward()
    return [z.grad]


def one_input_only(m, x, y):
    F.mse_loss(m(x), y).backward(inputs=[m.a.weight])
    assert m.b.weight.grad is None
    return [m.a.weight.grad]


def batch_statistics(m, x, y):
    mean, var = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    h = F.batch_norm(m.a(x), mean, var, training=True)
    (h * y * mean).sum().backward()
    return [m.a.weight.grad, mean]


def optimizer_between(m, x, y):
    optimizer = torch.optim.SGD(m.a.parameters(), lr=0.1)
    before = m.a(x)
    before.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    (m.a(x).square() + before.detach()).sum().backward()
    return [m.a.weight.grad]


def clip_norms(m, x, y):
    results = []
    for max_norm, norm_type in [(0.5, 2.0), (0.5, 1.0), (0.5, math.inf), (0.5, 3.0), (0.5, 0.5), (1e3, 2.0)]:
        m.zero_grad()
        F.mse_loss(m(x), y, reduction="sum").backward()
        results += [nn.utils.clip_grad_norm_(m.parameters(), max_norm, norm_type), m.a.weight.grad.clone()]
    return results


def clip_none(m, x, y):
    m.a(x).square().sum().backward()  # nothing of b
    norm = nn.utils.clip_grad_norm_(m.parameters(), 0.5)
    assert m.b.weight.grad is None
    return [norm, m.a.weight.grad, nn.utils.clip_grad_norm_(m.b.parameters(), 0.5).double()]


def clip_value(m, x, y):
    F.mse_loss(m(x), y, reduction="sum").backward()
    nn.utils.clip_grad_value_(m.parameters(), 0.5)
    return [m.a.weight.grad, m.b.bias.grad]


GRADIENTS = [parameters, inputs, accumulate, retain_graph, detach, no_grad, frozen_for_a_while, update_in_between, in_place,
             views_of_a_leaf, grad_function, grad_outputs, retain_grad, where_and_compare, cross_entropy,
             cross_entropy_probabilities, leaf_made_here, leaf_computed_with_alone, zeros_in_place, gradient_edited,
             detached_leaf, one_input_only, batch_statistics, optimizer_between,
             clip_norms, clip_none, clip_value]

#===------------------------------------------------------------------------===#
# Optimizers
#===------------------------------------------------------------------------===#

OPTIMIZERS = {
    "sgd": lambda m: torch.optim.SGD(m.parameters(), lr=0.1),
    "sgd_momentum": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "sgd_nesterov": lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "adam": lambda m: torch.optim.Adam(m.parameters(), 1e-2),
    "adam_groups": lambda m: torch.optim.Adam(
        [{"params": m.a.parameters(), "lr": 0.1, "betas": (0.8, 0.9), "amsgrad": True}, {"params": m.b.parameters()}],
        lr=0.01, weight_decay=0.1),
    "adamw": lambda m: torch.optim.AdamW(m.parameters(), lr=0.05, eps=1e-3, amsgrad=True, maximize=True),
}


def optimized(make):
    m = Pair()
    optimizer = make(m)
    for step in range(3):
        optimizer.zero_grad()
        F.mse_loss(m(numbers(4, 3, seed=step)), numbers(4, 2, seed=0.5)).backward()
        optimizer.step()
    return [p.detach() for p in m.parameters()]


def clipped_later():
    """Gradients of a, then of both, clipped and applied by other code than computed them."""
    m = Pair()
    optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
    norms = []
    for step in range(3):
        x = numbers(4, 3, seed=step)
        (m.a(x) if step < 2 else m(x)).square().sum().backward()
        norms.append(nn.utils.clip_grad_norm_(m.parameters(), 0.5))
        optimizer.step()
        optimizer.zero_grad()
    return [*norms, *(p.detach() for p in m.parameters())]


def accumulated():
    m = Pair()
    optimizer = torch.optim.Adam(m.parameters(), lr=0.1)

    def accumulate(seed):
        m.a(numbers(4, 3, seed=seed)).square().sum().backward()  # nothing of b

    def apply():
        optimizer.step()
        optimizer.zero_grad()

    apply()
    accumulate(0)
    accumulate(1)
    apply()
    apply()
    accumulate(2)
    apply()
    return [p.detach() for p in m.parameters()]


#===------------------------------------------------------------------------===#
# Errors
#===------------------------------------------------------------------------===#


def error_texts():
    texts = {}

    def add(name, action):
        try:
            action()
        except Exception as error:
            texts[name] = str(error)
            return
        raise AssertionError(name + " did not fail")

    w = torch.ones(3, requires_grad=True)
    ones = torch.ones(2)

    def again():
        loss = (w * w).sum()
        loss.backward()
        loss.backward()

    add("loss_not_a_scalar", lambda: (w * 2).backward())
    add("nothing_requires_grad", lambda: ones.sum().backward())
    add("backward_twice", again)
    add("gradient_shape", lambda: (w * 2).backward(torch.ones(4)))
    add("unused_input", lambda: torch.autograd.grad([(w * w).sum()], [torch.ones(2, requires_grad=True)]))
    add("input_without_grad", lambda: torch.autograd.grad([(w * w).sum()], [ones]))
    add("no_inputs", lambda: (w * w).sum().backward(inputs=[]))
    add("leaf_in_place", lambda: w.mul_(2))
    add("view_of_leaf_in_place", lambda: w[0:1].mul_(2))
    add("flag_of_computed", lambda: (w * 2).requires_grad_(False))
    add("retain_grad_without", lambda: ones.retain_grad())
    add("where_condition", lambda: torch.where(ones, ones, ones))
    add("empty_list", lambda: torch.optim.Adam([]))
    add("learning_rate", lambda: torch.optim.Adam([w], lr=-1))
    add("epsilon", lambda: torch.optim.Adam([w], eps=-1))
    add("beta", lambda: torch.optim.Adam([w], betas=(0.9, 1.5)))
    add("weight_decay", lambda: torch.optim.AdamW([w], weight_decay=-0.5))
    add("sgd_learning_rate", lambda: torch.optim.SGD([w], lr=-1))
    add("momentum", lambda: torch.optim.SGD([w], momentum=-0.5))
    add("nesterov", lambda: torch.optim.SGD([w], nesterov=True))
    add("non_leaf", lambda: torch.optim.Adam([w * 2]))
    add("two_groups", lambda: torch.optim.Adam([{"params": [w]}, {"params": [w]}]))
    add("target_range", lambda: F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 11])))
    add("target_type", lambda: F.cross_entropy(torch.zeros(2, 3), torch.zeros(2)))
    add("target_probabilities_type", lambda: F.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.int64)))
    add("target_probabilities_ignored", lambda: F.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), ignore_index=1))
    add("target_probabilities_weight", lambda: F.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), weight=torch.ones(2)))
    add("target_probabilities_smoothing", lambda: F.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), label_smoothing=2.0))
    add("target_probabilities_scalar", lambda: F.cross_entropy(torch.zeros(()), torch.zeros(())))
    add("target_batch", lambda: F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1, 2])))
    return texts


def main():
    tensors = {}
    for case in GRADIENTS:
        for i, value in enumerate(case(Pair(), numbers(4, 3, seed=0.25), numbers(4, 2, seed=0.5))):
            tensors[f"{case.__name__}.{i}"] = value.detach().clone().contiguous()
    for name, make in OPTIMIZERS.items():
        for i, value in enumerate(optimized(make)):
            tensors[f"{name}.{i}"] = value.clone()
    for i, value in enumerate(clipped_later()):
        tensors[f"clipped_later.{i}"] = value.clone()
    for i, value in enumerate(accumulated()):
        tensors[f"accumulated.{i}"] = value.clone()
    save_file(tensors, DATA / "training.safetensors")
    text = "".join(f"=== {name}\n{message}\n" for name, message in error_texts().items())
    text += f"=== printed\n{nn.Sequential(nn.CrossEntropyLoss(), nn.MSELoss())}\n"
    (DATA / "training.txt").write_text(text)


if __name__ == "__main__":
    main()
