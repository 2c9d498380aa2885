"""How cases are recorded: what make_cases.py and make_training_cases.py share.

`case` adds one: an op, its operands and attributes, and what PyTorch computes or the error it raises.
`write` puts all of them into test/data/semantics.
"""

import pathlib
import warnings

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "semantics"
NAN, INF = float("nan"), float("inf")
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

tensors, lines, names = {}, [], {}


def store(tensor):
    """Names the tensor's whole storage; equal ones are kept once."""
    base = (
        torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
        if tensor.numel()
        else torch.zeros(1, dtype=tensor.dtype)
    )
    key = (tensor.dtype, base.view(torch.uint8).numpy().tobytes())
    if key not in names:
        names[key] = f"t{len(tensors)}"
        tensors[names[key]] = base.clone()
    return names[key]


def ints(values):
    return "[" + ",".join(str(int(v)) for v in values) + "]"


def describe(tensor):
    return f"{store(tensor)} {ints(tensor.shape)} {ints(tensor.stride())} {tensor.storage_offset()}"


class Dims(list):
    """An attribute of sizes."""


class Dim(int):
    """An attribute that is one size."""


def attribute(name, value):
    if isinstance(value, bool):
        return f"attr {name} bool {str(value).lower()}"
    if isinstance(value, Dim):
        return f"attr {name} dim {int(value)}"
    if isinstance(value, int):
        return f"attr {name} i64 {value}"
    if isinstance(value, float):
        return f"attr {name} f64 {value!r}"
    if isinstance(value, str):
        return f"attr {name} str {value}"
    if isinstance(value, Dims):
        return f"attr {name} dims {ints(value)}"
    if isinstance(value, list):
        return f"attr {name} i64s {ints(value)}"
    if isinstance(value, torch.dtype):
        return f"attr {name} dtype {DTYPES[value]}"
    return f"attr {name} tensor {describe(value.contiguous())}"


counts = {}


def case(op, operands, compute, match="exact", **attributes):
    """match: exact; close (relative, element by element); ulps (a few units in the last place); scaled
    (relative to the largest magnitude)."""
    counts[op] = counts.get(op, 0) + 1
    lines.append(f"case {op}.{counts[op]}")
    lines.append(f"op nn.{op}")
    for operand in operands:
        lines.append("operand " + ("-" if operand is None else describe(operand)))
    lines.extend(attribute(name, value) for name, value in attributes.items())
    try:
        results = compute()
        lines.append(f"match {match}")
        for result in results if isinstance(results, tuple) else (results,):
            lines.append("result " + describe(result.detach().contiguous().clone()))
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        kind = "IndexError" if isinstance(error, IndexError) else "ValueError"
        lines.append(f"error {kind} {str(error)}")
    lines.append("")


source = torch.Generator().manual_seed(1234)


def normal(*shape, dtype=f32):
    return torch.randn(shape, generator=source, dtype=f64).to(dtype)


def integers(*shape, low=-9, high=10, dtype=i64):
    return torch.randint(low, high, shape, generator=source).to(dtype)


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e-42, 3e38, 88.5, -104.0, 20.0, -20.0, INF, -INF, NAN]


def special(dtype):
    return torch.tensor(SPECIAL, dtype=f64).to(dtype)


def batch_statistics(x, eps, dtype=None):
    """Mean and 1 / sqrt(variance + eps) of each channel, as batch_norm keeps them for its gradient: in the parameters' dtype."""
    dims = [d for d in range(x.dim()) if d != 1]
    wide = x.double()
    inv_std = (wide.var(dims, correction=0) + eps).rsqrt()
    return wide.mean(dims).to(dtype or x.dtype), inv_std.to(dtype or x.dtype)


def write(name):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.txt").write_text(
        f"# Recorded by make_{name}.py with PyTorch {torch.__version__.split('+')[0]}.\n\n" + "\n".join(lines)
    )
    save_file(tensors, FOLDER / f"{name}.safetensors")
    print(sum(counts.values()), "cases", len(tensors), "tensors")
