"""The models of test/models, as their authors wrote them in PyTorch, and how to call each.

CASES maps a model's name to its constructor, and for each function the shape of its input ("batch" and "length" are filled in by the
comparison) and, for inputs of indices, the number of values.
"""
import dataclasses
import warnings
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


class LazyCNN(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.LazyConv2d(8, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.LazyConv2d(16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.LazyLinear(num_classes)

    def forward(self, x):
        return self.classifier(self.features(x.unflatten(1, (1, 28, 28))).flatten(start_dim=1))


def lazy_cnn():
    """The lazy layers have seen an input, as those of the compiled program have."""
    model = LazyCNN()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model(torch.zeros(2, 784))
    return model


class LenetCNN(nn.Sequential):
    def __init__(self, dropout_rate=0.25):
        super().__init__(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Dropout(dropout_rate), nn.Linear(128, 10))


class BasicBlock(nn.Module):
    """The parts and names of torchvision's."""

    def __init__(self, in_planes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        if downsample is not None:
            self.downsample = downsample

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.downsample(x) if hasattr(self, "downsample") else x
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, layers, num_classes=1000):
        super().__init__()
        self.planes = 64
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self.make_layer(64, layers[0], 1)
        self.layer2 = self.make_layer(128, layers[1], 2)
        self.layer3 = self.make_layer(256, layers[2], 2)
        self.layer4 = self.make_layer(512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, num_classes)

    def make_layer(self, planes, blocks, stride):
        downsample = None
        if stride != 1 or self.planes != planes:
            downsample = nn.Sequential(nn.Conv2d(self.planes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
        first = BasicBlock(self.planes, planes, stride, downsample)
        self.planes = planes
        return nn.Sequential(first, *(BasicBlock(planes, planes) for _ in range(blocks - 1)))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


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
    batches: tuple = (0, 1, 2, 3, 31, 257)
    interpreted_batch: int = 7


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
    "lazy_cnn": Case(lazy_cnn, predict(784)),
    "lenet_cnn": Case(LenetCNN, predict(1, 28, 28)),
    "resnet18": Case(lambda: ResNet((2, 2, 2, 2)), predict(3, 224, 224), batches=(0, 1, 2), interpreted_batch=1),
}
