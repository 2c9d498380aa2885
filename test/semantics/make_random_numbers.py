#!/usr/bin/env python3
"""Records what PyTorch's CPU generator draws: test/data/semantics/generator.safetensors.

Needs PyTorch and safetensors, and a CPU with AVX2: PyTorch's numbers depend on it. Run it again
only to add cases:

    python test/semantics/make_random_numbers.py
"""

import pathlib

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "semantics"
DTYPES = {
    torch.bool: "bool",
    torch.uint8: "uint8",
    torch.int8: "int8",
    torch.int16: "int16",
    torch.int32: "int32",
    torch.int64: "int64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.float32: "float32",
    torch.float64: "float64",
}
f32, f64, f16, bf16, i64 = torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64
i32, i8, u8, boolean = torch.int32, torch.int8, torch.uint8, torch.bool
random = {}


def draw(name, compute, seed=0):
    torch.manual_seed(seed)
    random[name] = compute().contiguous()


for dtype in (f32, f64, f16, bf16):
    type_name = DTYPES[dtype]
    draw(f"{type_name}.rand", lambda: torch.rand(5, dtype=dtype))
    draw(f"{type_name}.uniform", lambda: torch.empty(100, dtype=dtype).uniform_(-0.3, 0.3))
    for size in (1, 3, 15, 16, 20, 32, 100, 1000):
        draw(f"{type_name}.normal.{size}", lambda: torch.empty(size, dtype=dtype).normal_())
    draw(f"{type_name}.normal.scaled", lambda: torch.empty(50, dtype=dtype).normal_(0.3, 0.7))
    draw(f"{type_name}.bernoulli", lambda: torch.empty(50, dtype=dtype).bernoulli_(0.3))
    draw(f"{type_name}.random", lambda: torch.empty(20, dtype=dtype).random_())
for dtype in (f32, f64):
    type_name = DTYPES[dtype]
    # The second number of a pair waits for the next call; a fill in between does not use it up.
    draw(
        f"{type_name}.normal.sequence",
        lambda: torch.cat(
            [
                torch.randn(3, dtype=dtype),
                torch.rand(1, dtype=dtype),
                torch.randn(17, dtype=dtype),
                torch.randn(2, dtype=dtype),
            ]
        ),
    )
    draw(f"{type_name}.normal.transposed", lambda: torch.empty(5, 4, dtype=dtype).t().normal_())
    draw(f"{type_name}.uniform.transposed", lambda: torch.empty(5, 4, dtype=dtype).t().uniform_())
for dtype in (i64, i32, torch.int16, i8, u8, boolean):
    draw(f"{DTYPES[dtype]}.random", lambda: torch.empty(20, dtype=dtype).random_())
for high in (2, 10, 1000, 2**28 - 1, 2**28, 2**40):
    draw(f"randint.{high}", lambda: torch.randint(0, high, (20,)))
draw("randint.negative", lambda: torch.randint(-(2**60), 2**60, (20,)))
for size in (0, 1, 2, 10, 100):
    draw(f"randperm.{size}", lambda: torch.randperm(size))
draw("seed.large", lambda: torch.rand(5), seed=2**40 + 12345)
draw("seed.negative", lambda: torch.rand(5), seed=-1)
draw("long", lambda: torch.rand(2000)[-5:])


def linear(inner, outer):
    layer = torch.nn.Linear(inner, outer)
    return torch.cat([layer.weight.detach().flatten(), layer.bias.detach()])


draw("linear.7.5", lambda: linear(7, 5))
draw("linear.50.10", lambda: linear(50, 10))
for shape in ((6, 6), (7, 4), (4, 7), (20, 20), (1, 5), (3, 1)):
    for dtype in (f32, f64):
        key = f"{DTYPES[dtype]}.orthogonal.{shape[0]}.{shape[1]}"
        draw(key + ".gaussian", lambda: torch.empty(shape, dtype=dtype).normal_())
        draw(key, lambda: torch.nn.init.orthogonal_(torch.empty(shape, dtype=dtype)))

FOLDER.mkdir(parents=True, exist_ok=True)
save_file(random, FOLDER / "generator.safetensors")
print(len(random), "draws")
