"""What the comparisons with PyTorch share: their command line, the seed, one line and one JUnit entry a comparison; and what PyTorch
itself computes with too few digits to compare with."""
import argparse
import random
import xml.etree.ElementTree as ElementTree

import torch


class Comparisons:
    """`selection` names the positional arguments, which `options` has as a list; `add` adds options of the script's own."""

    def __init__(self, suite, selection, add=lambda parser: None):
        parser = argparse.ArgumentParser()
        parser.add_argument("--report", metavar="FILE.xml")
        parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
        add(parser)
        parser.add_argument(selection, nargs="*")
        self.options = parser.parse_args()
        self._suite = ElementTree.Element("testsuite", name=suite)
        self._failures = 0
        torch.manual_seed(self.options.seed)
        random.seed(self.options.seed)
        print(f"seed {self.options.seed}", flush=True)

    def check(self, title, compare):
        """Calls `compare`, which returns a remark or raises. Whatever breaks, the other comparisons still run."""
        suite = self._suite.get("name")
        entry = ElementTree.SubElement(self._suite, "testcase", classname=suite, name=title)
        try:
            print(f"PASS: {title} ({compare() or 'equal'})", flush=True)
        except Exception as error:
            self._failures += 1
            print(f"FAIL: {title}\n{error}", flush=True)
            ElementTree.SubElement(entry, "failure", message=f"seed {self.options.seed}").text = str(error)

    def finish(self):
        """Writes the report; returns the exit status."""
        if self.options.report:
            ElementTree.ElementTree(self._suite).write(self.options.report)
        return 1 if self._failures else 0


class Softmax(torch.autograd.Function):
    """PyTorch's, with a gradient made of differences of cotangents. PyTorch's own takes the average of all cotangents off each: where
    one probability is near 1, nothing but rounding is left of that, in double too."""
    @staticmethod
    def forward(context, scores, dim):
        output = torch.softmax(scores, dim)
        context.save_for_backward(output)
        context.dim = dim
        return output

    @staticmethod
    def backward(context, grad):
        output, = context.saved_tensors
        y, g = output.movedim(context.dim, -1), grad.movedim(context.dim, -1)
        differences = (y[..., :, None] * y[..., None, :] * (g[..., :, None] - g[..., None, :])).sum(-1)
        return differences.movedim(-1, context.dim), None
