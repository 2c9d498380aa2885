"""Records what PyTorch's losses are in 200 training steps, and how far its own float strays: test/data/trajectories/losses.safetensors.

usage: record_trajectories.py [--stride=N]

Needs torch, numpy and safetensors. test/features/R01_*.test runs the same steps compiled and compares. Nothing is drawn at run time:
weights are PyTorch's for manual_seed(0), step s takes the training digits (32 s + j) * STRIDE mod 1437 for j = 0 ... 31.

For each model and optimizer the file holds `MODEL.OPTIMIZER.losses`, in double, and `MODEL.OPTIMIZER.allowed`, what a run in float may
differ from them at each step: 4 times the largest distance up to that step that PyTorch's own float has had, plus 1e-6. PyTorch's
distance is the largest of 32 runs, with the rows of each batch and the pixels of each image (and the first layer's columns with them)
in 32 orders, which changes nothing but rounding: rows are added up in gradients, pixels in the forward pass.

Why STRIDE is 7: the distance between two correct runs in float jumps from 1e-7 to 1e-3 when rounding first moves a ReLU's
input across zero. Batches that do that in the first steps compare luck, and stride 11 does at step 1 (residual_network, AdamW), stride 5
at step 1 too (residual_network, Adam). Of these three strides, tried in PyTorch alone with its rows in 6 orders, 7 stays together
longest. Jumps remain, and Adam makes them large soon: from there on `allowed` is wide, and what holds the code to PyTorch strictly is the
comparison in double.
"""
import argparse
import pathlib
import sys

import numpy
import torch
from safetensors.torch import load_file, save_file

from trajectories import BATCH, MODELS, OPTIMIZERS, ROOT, STEPS, in_pytorch

STRIDE, ORDERS = 7, 32
CASES = {
    "deep_mlp": {"SGD": "SGD", "Adam": "Adam", "AdamW": "AdamW"},
    "residual_network": {"SGD": "SGD, small steps", "Adam": "Adam", "AdamW": "AdamW"},
}


def record(model, optimizer, x, y):
    build, make_optimizer = MODELS[model][0], OPTIMIZERS[optimizer][0]
    torch.manual_seed(0)
    weights = {name: value.clone() for name, value in build().state_dict().items()}
    losses, _ = in_pytorch(build, make_optimizer, weights, x, y, torch.float64)
    distance = numpy.zeros(STEPS)
    for run in range(ORDERS):
        generator = torch.Generator().manual_seed(run)
        order, pixels = (torch.randperm(size, generator=generator) if run else torch.arange(size) for size in (BATCH, x.shape[-1]))
        same = {name: value[:, pixels] if value.shape[1:] == x.shape[-1:] else value for name, value in weights.items()}
        in_float, _ = in_pytorch(build, make_optimizer, same, x[:, order][..., pixels], y[:, order], torch.float32)
        distance = numpy.maximum(distance, numpy.abs(in_float - losses))
    return losses, 4 * numpy.maximum.accumulate(distance) + 1e-6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--stride", type=int, default=STRIDE)
    parser.add_argument("--try", action="store_true", dest="attempt", help="only say where the jumps are")
    options = parser.parse_args()
    torch.set_num_threads(1)
    digits = load_file(ROOT / "test/data/digits_train.safetensors")
    rows = (torch.arange(STEPS * BATCH) * options.stride % len(digits["labels"])).reshape(STEPS, BATCH)
    x, y = digits["images"][rows], digits["labels"][rows]

    recorded = {}
    for model, optimizers in CASES.items():
        for name, optimizer in optimizers.items():
            losses, allowed = record(model, optimizer, x, y)
            recorded[f"{model}.{name}.losses"] = torch.from_numpy(losses)
            recorded[f"{model}.{name}.allowed"] = torch.from_numpy(allowed)
            jumps = [int((allowed > bound).argmax()) if (allowed > bound).any() else STEPS for bound in (1e-5, 1e-4, 1e-3, 1e-2)]
            print(f"stride {options.stride}: {model}, {name}: loss {losses[0]:.4f} to {losses[-1]:.2e}; allowed passes 1e-5, 1e-4, "
                  f"1e-3, 1e-2 at steps {jumps}, ends at {allowed[-1]:.1e}", flush=True)
    if not options.attempt:
        folder = pathlib.Path(ROOT / "test/data/trajectories")
        folder.mkdir(exist_ok=True)
        save_file(recorded, folder / "losses.safetensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
