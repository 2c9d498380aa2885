"""The models of test/models, as their authors wrote them in PyTorch, and how to call each.

CASES maps a model's name to its constructor, and for each function the shape of its input ("batch" and "length" are filled in by the
comparison) and, for inputs of indices, the number of values.
"""
import dataclasses
from typing import Callable, Optional

import torch
import torch.nn.functional as F
from torch import nn


class SimpleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


class ShallowMLP(SimpleNet):
    pass


class NeuralNetwork(nn.Module):
    def __init__(self, num_inputs, num_outputs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(num_inputs, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, num_outputs))

    def forward(self, x):
        return self.layers(x)


class DeepMLP(nn.Module):
    def __init__(self, input_size=784, hidden_sizes=(512, 256, 128), num_classes=10, dropout_rate=0.2):
        super().__init__()
        layers = []
        prev_size = input_size
        for hidden_size in hidden_sizes:
            layers.append(nn.Linear(prev_size, hidden_size))
            layers.append(nn.BatchNorm1d(hidden_size))
            layers.append(nn.ReLU())
            layers.append(nn.Dropout(dropout_rate))
            prev_size = hidden_size
        layers.append(nn.Linear(prev_size, num_classes))
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)


class ResidualBlock(nn.Module):
    def __init__(self, in_features, hidden_features, dropout_rate=0.2):
        super().__init__()
        self.fc1 = nn.Linear(in_features, hidden_features)
        self.bn1 = nn.BatchNorm1d(hidden_features)
        self.fc2 = nn.Linear(hidden_features, in_features)
        self.bn2 = nn.BatchNorm1d(in_features)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x):
        identity = x
        out = self.dropout(torch.relu(self.bn1(self.fc1(x))))
        out = self.bn2(self.fc2(out))
        out += identity
        return torch.relu(out)


class ResidualNetwork(nn.Module):
    def __init__(self, input_size=784, num_blocks=4, block_features=256, num_classes=10, dropout_rate=0.2):
        super().__init__()
        self.input_layer = nn.Linear(input_size, block_features)
        self.bn_input = nn.BatchNorm1d(block_features)
        self.blocks = nn.ModuleList(
            [ResidualBlock(block_features, block_features // 2, dropout_rate) for _ in range(num_blocks)])
        self.output_layer = nn.Linear(block_features, num_classes)

    def forward(self, x):
        x = torch.relu(self.bn_input(self.input_layer(x)))
        for block in self.blocks:
            x = block(x)
        return self.output_layer(x)


class DemoNet(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim):
        super().__init__()
        self.register_buffer("mean", torch.zeros(input_dim))
        self.register_buffer("std", torch.ones(input_dim))
        self.register_buffer("cache_mask", torch.ones(input_dim, dtype=torch.bool), persistent=False)
        self.fc1 = nn.Linear(input_dim, hidden_dim)
        self.dropout = nn.Dropout(p=0.5)
        self.fc2 = nn.Linear(hidden_dim, output_dim)

    def forward(self, x):
        x = (x - self.mean) / self.std
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


class ConditionalNet(nn.Module):
    def __init__(self, use_batch_norm=True, use_dropout=True, dropout_rate=0.5):
        super().__init__()
        self.use_batch_norm = use_batch_norm
        self.use_dropout = use_dropout
        self.fc1 = nn.Linear(784, 256)
        if self.use_batch_norm:
            self.bn1 = nn.BatchNorm1d(256)
        self.dropout = nn.Dropout(dropout_rate) if self.use_dropout else None
        self.fc2 = nn.Linear(256, 10)

    def forward(self, x):
        x = self.fc1(x)
        if self.use_batch_norm:
            x = self.bn1(x)
        x = torch.relu(x)
        if self.use_dropout:
            x = self.dropout(x)
        return self.fc2(x)


class MultiTaskHead(nn.Module):
    def __init__(self, dim, task_dims):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(dim, out) for name, out in task_dims.items()})

    def forward(self, features, task_name):
        return self.heads[task_name](features)


class RunningMeanLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.register_buffer("running_mean", torch.zeros(dim))

    def forward(self, x):
        return self.scale * (x - self.running_mean)


class Normalize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x):
        return (x - self.mean) / self.std


class OptionalBiasLinear(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        if bias:
            self.bias = nn.Parameter(torch.randn(out_features))
        else:
            self.register_parameter("bias", None)

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


class TiedEmbedding(nn.Module):
    def __init__(self, num_embeddings, embedding_dim):
        super().__init__()
        self.embedding = nn.Embedding(num_embeddings, embedding_dim)
        self.output_projection = nn.Linear(embedding_dim, num_embeddings, bias=False)
        self.output_projection.weight = self.embedding.weight

    def forward(self, x):
        return self.output_projection(self.embedding(x))


class BatchNormLite(nn.Module):
    def __init__(self, features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.momentum, self.eps = momentum, eps

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean = x.mean(0)
            var = (x - mean).square().mean(0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean.detach()
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var.detach()
        return (x - mean) / (var + self.eps).sqrt() * self.gamma + self.beta


class BatchNormLiteNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 64)
        self.norm = BatchNormLite(64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc2(torch.relu(self.norm(self.fc1(x))))


@dataclasses.dataclass
class Function:
    name: str
    input: str
    shape: tuple
    call: Callable = lambda model, x: model(x)
    indices: Optional[int] = None  # integers below this instead of normally distributed numbers


@dataclasses.dataclass
class Case:
    build: Callable[[], nn.Module]
    functions: list


def predict(*shape, **options):
    return [Function("predict", "x", ("batch", *shape), **options)]


def head(task):
    return Function(f"predict_{task}", "features", ("batch", 128), call=lambda model, x: model(x, task))


CASES = {
    "simple_net": Case(SimpleNet, predict(784)),
    "shallow_mlp": Case(ShallowMLP, predict(784)),
    "neural_network": Case(lambda: NeuralNetwork(50, 3), predict(50)),
    "deep_mlp": Case(DeepMLP, predict(784)),
    "residual_network": Case(ResidualNetwork, predict(784)),
    "demo_net": Case(lambda: DemoNet(3, 8, 2), predict(3)),
    "conditional_net": Case(ConditionalNet, predict(784)),
    "multi_task_head": Case(lambda: MultiTaskHead(128, {"sentiment": 3, "topic": 10, "stance": 4}),
                            [head("sentiment"), head("topic"), head("stance")]),
    "running_mean_layer": Case(lambda: RunningMeanLayer(4), predict(4)),
    "normalize": Case(lambda: Normalize(torch.tensor([0.5] * 3), torch.tensor([0.2] * 3)), predict(3)),
    "optional_bias_linear": Case(lambda: OptionalBiasLinear(3, 2, bias=False), predict(3)),
    "tied_embedding": Case(lambda: TiedEmbedding(1000, 64), predict("length", indices=1000)),
    "batch_norm_lite": Case(BatchNormLiteNet, predict(784)),
}
