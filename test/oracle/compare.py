"""Compares the models of test/models, compiled by build/bin/kiln, with PyTorch itself, on weights and inputs that are new each run.

usage: compare.py [--report=FILE.xml] [--seed=N] [MODEL...]

Needs torch, numpy and safetensors. For each model: the printed text; the compiled outputs for several batch sizes, with weights from
.pt and from .safetensors, without a rebuild in between; the interpreter in double; and the messages of a load that fails. Prints one
line a comparison and writes a JUnit report. The seed is printed, so that a failure can be repeated.
"""
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from safetensors.torch import save_file

from harness import Comparisons
from models import CASES

ROOT = pathlib.Path(__file__).resolve().parents[2]
KILN = ROOT / "build/bin/kiln"

# Compiled code against PyTorch, both in float: a few units in the last place of the largest output.
FLOAT_TOLERANCE = 5e-6
DOUBLE_TOLERANCE = 1e-10


def kiln(*arguments, check=True):
    result = subprocess.run([str(KILN), *map(str, arguments)], capture_output=True, text=True)
    if check and result.returncode:
        raise AssertionError(f"kiln {' '.join(map(str, arguments))}: exit status {result.returncode}\n{result.stderr}")
    return result


def randomize(model):
    """Fresh values for every parameter and buffer; scales and variances stay away from zero."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if name.endswith(("running_var", "std")):
                tensor.uniform_(0.5, 1.5)
            elif tensor.dim() < 2:
                tensor.normal_(0.5, 0.5)
            else:
                tensor.normal_(0, tensor[0].numel() ** -0.5)
    return model.eval()


def new_input(function, batch):
    shape = [{"batch": batch, "length": 5}.get(size, size) for size in function.shape]
    if function.indices:
        return torch.randint(0, function.indices, shape)
    return torch.randn(shape)


def require_close(actual, expected, tolerance):
    if actual.shape != expected.shape:
        raise AssertionError(f"shape {list(actual.shape)}, PyTorch has {list(expected.shape)}")
    if expected.size == 0:
        return "empty"
    difference = numpy.abs(actual.astype("f8") - expected.astype("f8")).max() / numpy.abs(expected).max()
    if not difference <= tolerance:
        raise AssertionError(f"max|a - b| / max|b| = {difference:.2e}, allowed {tolerance:.0e}")
    return f"{difference:.1e}"


def comparisons(name, case, folder):
    """Yields (title, function) pairs; the function returns a remark or raises AssertionError."""
    source = ROOT / "test/models" / f"{name}.cpp"
    artifact = folder / f"{name}.so"

    def prints():
        actual, expected = kiln("print", source).stdout, f"{case.build()}\n"
        if actual != expected:
            raise AssertionError(f"kiln prints\n{actual}PyTorch prints\n{expected}")

    def builds():
        started = time.monotonic()
        kiln("build", source, "-o", artifact)
        return f"{time.monotonic() - started:.1f} s"

    yield "print", prints
    yield "build", builds

    for index, function in enumerate(case.functions):
        for batch in case.batches:
            def calls(function=function, batch=batch, suffix=(".pt", ".safetensors")[(index + batch) % 2]):
                model, x = randomize(case.build()), new_input(function, batch)
                weights = folder / f"{name}-weights{suffix}"
                if suffix == ".pt":
                    torch.save(model.state_dict(), weights)
                else:
                    save_file({key: value.clone() for key, value in model.state_dict().items()}, weights)
                numpy.save(folder / "x.npy", x.numpy())
                kiln("run", artifact, function.name, f"--weights={weights}", f"--input={function.input}={folder / 'x.npy'}",
                     f"--output={folder / 'y.npy'}")
                with torch.inference_mode():
                    expected = function.call(model, x).numpy()
                return require_close(numpy.load(folder / "y.npy"), expected, FLOAT_TOLERANCE)

            yield f"{function.name}, batch {batch}", calls

        def interprets(function=function):
            model, x = randomize(case.build()), new_input(function, case.interpreted_batch)
            weights = folder / f"{name}-weights.pt"
            torch.save(model.state_dict(), weights)
            numpy.save(folder / "x.npy", x.numpy())
            kiln("run", source, function.name, "--interpret=f64", f"--weights={weights}",
                 f"--input={function.input}={folder / 'x.npy'}", f"--output={folder / 'y.npy'}")
            with torch.inference_mode():
                expected = function.call(model.double(), x.double() if x.is_floating_point() else x).numpy()
            return require_close(numpy.load(folder / "y.npy"), expected, DOUBLE_TOLERANCE)

        yield f"{function.name}, interpreter in double", interprets

    def rejects():
        model = case.build()
        state = {key: value.clone() for key, value in model.state_dict().items()}
        last = list(state)[-1]
        first = next(iter(state))
        if first != last:
            state[last] = torch.cat([torch.atleast_1d(state[last])] * 2)
        del state[first]
        state["stranger"] = torch.zeros(1)
        weights, x = folder / f"{name}-wrong.pt", new_input(case.functions[0], 1)
        torch.save(state, weights)
        numpy.save(folder / "x.npy", x.numpy())
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            expected = str(error)
        function = case.functions[0]
        result = kiln("run", artifact, function.name, f"--weights={weights}", f"--input={function.input}={folder / 'x.npy'}",
                      check=False)
        if result.returncode != 1 or expected not in result.stderr:
            raise AssertionError(f"exit status {result.returncode}\n{result.stderr}\nPyTorch says\n{expected}")

    yield "a load that fails", rejects


def main():
    report = Comparisons("oracle", "models")
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        for name in report.options.models or CASES:
            for title, compare in comparisons(name, CASES[name], pathlib.Path(folder)):
                report.check(f"{name}: {title}", compare)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
