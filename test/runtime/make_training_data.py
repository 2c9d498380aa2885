"""Makes test/data/runtime/training: what PyTorch computes and saves where training_program.h's program is trained with it.

Needs torch and safetensors (from PyPI). Run: python3 make_training_data.py
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

HERE = pathlib.Path(__file__).resolve().parent.parent / "data" / "runtime" / "training"


class Classifier(nn.Module):
    """The program of training_program.h, with its initial values."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 3)
        self.head.weight.data = torch.tensor([[0.5, -0.25], [0.125, 0.75], [-0.5, 0.25]])
        self.head.bias.data = torch.tensor([0.0, 0.25, -0.25])

    def forward(self, x):
        return self.head(x)


def make_optimizer(kind, model):
    groups = [{"params": [model.head.weight]}, {"params": [model.head.bias], "lr": 0.05, "weight_decay": 0.1}]
    if kind == "adam":
        return torch.optim.Adam(groups, lr=0.01)
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def train(kind, x, y):
    model = Classifier()
    optimizer = make_optimizer(kind, model)
    loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(3))
    result, losses, accuracies = {}, [], []
    for epoch in range(1, 6):
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        losses.append(total / len(x))
        accuracies.append((model(x).argmax(1) == y).double().mean().item() * 100)
        if epoch in (3, 5):
            for name, value in model.named_parameters():
                result[f"{name}.{epoch}"] = value.detach().clone()
            if epoch == 3:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, HERE / f"{kind}.pt")
                for name, value in model.named_parameters():
                    grad = value.grad.double()
                    result[f"{name}.grad"] = value.grad.clone()
                    result[f"{name}.statistics"] = torch.stack([grad.mean(), grad.std(), torch.linalg.vector_norm(grad)])
    result["losses"] = torch.tensor(losses, dtype=torch.float64)
    result["accuracies"] = torch.tensor(accuracies, dtype=torch.float64)
    save_file(result, HERE / f"{kind}.safetensors")


def orders():
    """Orders of samples, one epoch after another, by "samples.batch_size"."""
    result = {}
    for samples, batch_size in [(10, 4), (10, 5), (3, 8), (1000, 64)]:
        loader = DataLoader(TensorDataset(torch.arange(samples)), batch_size=batch_size, shuffle=True,
                            generator=torch.Generator().manual_seed(7))
        result[f"{samples}.{batch_size}"] = torch.stack([torch.cat([batch[0] for batch in loader]) for _ in range(3)])
    save_file(result, HERE / "orders.safetensors")


def optimizers():
    """State dicts of every layout that the loader must tell apart."""
    model = Classifier()
    model(torch.ones(1, 2)).sum().backward()
    for name, kind, options in [("amsgrad", torch.optim.Adam, {"amsgrad": True}), ("adamw", torch.optim.AdamW, {}),
                                ("plain_sgd", torch.optim.SGD, {}), ("one_group", torch.optim.Adam, {})]:
        optimizer = kind(model.parameters(), lr=0.01, **options)
        if name != "one_group":
            optimizer.step()
        torch.save(optimizer.state_dict(), HERE / f"{name}.pt")


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    x = torch.randn(22, 2)
    y = torch.where(x[:, 0] > 0.3, 0, torch.where(x[:, 1] > 0, 1, 2))
    save_file({"x": x, "y": y}, HERE / "data.safetensors")
    for kind in ("adam", "sgd"):
        train(kind, x, y)
    orders()
    optimizers()
    for path in HERE.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
