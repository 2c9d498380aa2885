"""Compares one step of fine-tuning with PyTorch's: resnet18 from a file that PyTorch wrote, another head, the rest frozen.

usage: fine_tuning.py [--report=FILE.xml] [--seed=N]

Needs torch, numpy and safetensors. The loss and the head after the step are PyTorch's; every other tensor has the bits that it had, for
BatchNorm is in evaluation; and nothing of the rest is differentiated: no kernel of the step is the gradient of a convolution.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from compare import randomize
from harness import Comparisons
from models import ResNet

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/bin"
LAYERS, CLASSES, SIZE = (2, 2, 2, 2), 10, 64

SOURCE = """#include "{models}/resnet18.cpp"
#include <kiln/runtime/files.h>

KILN_PROGRAM(fine_tuning) {{
  ResNet model(std::vector<int64_t>{{2, 2, 2, 2}});
  model->load_state_dict(kiln::runtime::load("{weights}"));
  model->requires_grad_(false);
  model->fc = model->replace_module("fc", nn::Linear(512, {classes}));
  kiln::optim::SGD optimizer(model->fc->parameters(), kiln::optim::SGDOptions(0.1).momentum(0.9));
  program.function("train_step", {{{{"x", {{"batch", 3, {size}, {size}}}}}, {{"y", {{"batch"}}, kiln::kInt64}}}}, [&](Tensor x, Tensor y) {{
    model->eval();
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  }});
}}
"""


def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stderr}")


def compare(folder):
    pretrained = randomize(ResNet(LAYERS))
    torch.save(pretrained.state_dict(), folder / "resnet18.pt")
    source = SOURCE.format(models=ROOT / "test/models", weights=folder / "resnet18.pt", classes=CLASSES, size=SIZE)
    (folder / "fine_tuning.cpp").write_text(source)
    run(BIN / "kiln", "build", folder / "fine_tuning.cpp", "--program=fine_tuning", "--emit=shared,schedule", "-o", folder / "step")
    if "conv_backward" in (folder / "step.schedule.mlir").read_text():
        raise AssertionError("the step has the gradient of a convolution")

    model = ResNet(LAYERS)
    model.load_state_dict(torch.load(folder / "resnet18.pt"))
    model.requires_grad_(False)
    model.fc = torch.nn.Linear(512, CLASSES)
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    save_file(before, folder / "before.safetensors")
    x, y = torch.randn(4, 3, SIZE, SIZE), torch.randint(CLASSES, (4,))
    save_file({"x": x[None].clone(), "y": y[None].clone()}, folder / "batches.safetensors")
    run(BIN / "training-tool", folder / "step.so", "train_step", folder / "batches.safetensors", folder / "losses.npy",
        f"--weights={folder / 'before.safetensors'}", f"--save={folder / 'after.safetensors'}")

    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1, momentum=0.9)
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    found = numpy.load(folder / "losses.npy")[0]
    if not abs(found - loss.item()) <= 1e-5 * abs(loss.item()):
        raise AssertionError(f"the loss is {found}, PyTorch's {loss.item()}")
    after = load_file(folder / "after.safetensors")
    for name, value in model.state_dict().items():
        if not name.startswith("fc."):
            if not torch.equal(after[name], before[name]):
                raise AssertionError(f"{name} has changed")
            continue
        if torch.equal(after[name], before[name]):
            raise AssertionError(f"{name} has not changed")
        difference = (after[name] - value).abs().max().item() / value.abs().max().item()
        if not difference <= 1e-5:
            raise AssertionError(f"{name} differs by {difference:.1e} of the largest, allowed 1e-5")
    return f"loss {found:.4f}"


def main():
    report = Comparisons("oracle.fine_tuning", "cases")
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        report.check("resnet18: one step of the head", lambda: compare(pathlib.Path(folder)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
