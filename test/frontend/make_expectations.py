"""Writes what PyTorch prints, throws, draws and computes into ../data/frontend, for the frontend's tests.

Run with a Python that has torch 2.15 and safetensors: python3 make_expectations.py
"""
import math
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

DATA = pathlib.Path(__file__).parent.parent / "data" / "frontend"


class Texts:
    """A file of named texts, each under a line '=== name'."""

    def __init__(self):
        self.lines = []

    def add(self, name, text):
        self.lines.append(f"=== {name}\n{text}\n")

    def write(self, path):
        path.write_text("".join(self.lines))


def printed_modules():
    out = Texts()
    add = lambda name, module: out.add(name, str(module))
    add("linear", nn.Linear(3, 2))
    add("linear_no_bias", nn.Linear(3, 2, bias=False))
    add("lazy_linear", nn.LazyLinear(2))
    lazy = nn.LazyLinear(2)
    lazy(torch.zeros(4, 3))
    add("lazy_linear_called", lazy)
    add("batch_norm", nn.BatchNorm1d(4))
    add("batch_norm_options", nn.BatchNorm1d(4, eps=0.001, momentum=None, affine=False, track_running_stats=False))
    add("batch_norm_small", nn.BatchNorm1d(4, eps=1e-12, momentum=0.25))
    add("batch_norm_no_bias", nn.BatchNorm1d(4, bias=False))
    add("relu", nn.ReLU())
    add("relu_inplace", nn.ReLU(inplace=True))
    add("sigmoid", nn.Sigmoid())
    add("tanh", nn.Tanh())
    add("softmax", nn.Softmax(dim=1))
    add("log_softmax", nn.LogSoftmax(dim=-1))
    add("dropout", nn.Dropout())
    add("dropout_inplace", nn.Dropout(0.25, inplace=True))
    add("identity", nn.Identity())
    add("flatten", nn.Flatten())
    add("flatten_dims", nn.Flatten(0, 2))
    add("unflatten", nn.Unflatten(1, (1, 28, 28)))
    add("unflatten_one", nn.Unflatten(1, (3,)))
    add("embedding", nn.Embedding(10, 3))
    add("embedding_padding", nn.Embedding(10, 3, padding_idx=-1))
    add("sequential", nn.Sequential(nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 3)))
    add("sequential_empty", nn.Sequential())
    from collections import OrderedDict
    add("sequential_named", nn.Sequential(OrderedDict(fc=nn.Linear(2, 2), act=nn.Tanh())))
    add("nested", nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Flatten()))
    add("module_list", nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 3)]))
    add("module_dict", nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.ReLU()}))
    shared = nn.Linear(2, 2)
    add("shared", nn.Sequential(shared, nn.ReLU(), shared))
    out.write(DATA / "modules.txt")


def printed_tensors():
    out = Texts()
    add = lambda name, tensor: out.add(name, repr(tensor))
    add("scalar", torch.tensor(1.5))
    add("integers", torch.tensor([1, -20, 300]))
    add("booleans", torch.tensor([True, False]))
    add("whole_floats", torch.tensor([[1.0, 2.0], [-3.0, 40.0]]))
    add("fractions", torch.tensor([0.1, -2.25, 3.0]))
    add("scientific", torch.tensor([1e-7, 1.0, -250.0]))
    add("not_finite", torch.tensor([float("nan"), float("inf"), -1.5]))
    add("zeros", torch.zeros(2, 3))
    add("double", torch.tensor([0.5, 1.25], dtype=torch.float64))
    add("requires_grad", torch.ones(2, requires_grad=True))
    add("empty", torch.zeros(0))
    add("empty_rows", torch.zeros(0, 3, dtype=torch.int64))
    add("cube", torch.arange(12).reshape(2, 3, 2))
    add("long_line", torch.arange(40))
    add("summary", torch.arange(2000))
    add("summary_matrix", torch.arange(3000).reshape(50, 60) / 2)
    out.write(DATA / "tensors.txt")


def error_texts():
    out = Texts()

    def add(name, action):
        try:
            action()
        except Exception as error:
            text = str(error)
            if isinstance(error, KeyError):
                text = error.args[0]
            out.add(name, text)
            return
        raise AssertionError(name + " did not fail")

    def module():
        m = nn.Module()
        m.register_parameter("w", nn.Parameter(torch.ones(2)))
        m.register_buffer("b", torch.ones(2))
        m.register_module("m", nn.ReLU())
        return m

    for kind, value in (("parameter", nn.Parameter(torch.ones(1))), ("buffer", torch.ones(1)), ("module", nn.ReLU())):
        register = lambda name: getattr(module(), "register_" + kind)(name, value)
        add(f"{kind}_empty", lambda: register(""))
        add(f"{kind}_dotted", lambda: register("a.b"))
        add(f"{kind}_taken", lambda: register("m" if kind != "module" else "w"))
    add("get_submodule_missing", lambda: nn.Sequential(nn.ReLU()).get_submodule("1"))
    add("get_parameter_missing", lambda: nn.Linear(2, 2).get_parameter("gain"))
    add("get_parameter_buffer", lambda: nn.BatchNorm1d(2).get_parameter("running_mean"))
    add("get_buffer_parameter", lambda: nn.BatchNorm1d(2).get_buffer("weight"))
    add("integer_parameter", lambda: nn.Parameter(torch.tensor([1, 2])))
    add("integer_requires_grad", lambda: torch.tensor([1]).requires_grad_())
    add("lazy_shape", lambda: nn.LazyLinear(2).weight.shape)
    add("dropout_p", lambda: nn.Dropout(1.5))
    add("batch_norm_rank", lambda: nn.BatchNorm1d(4)(torch.zeros(2, 4, 3, 3)))
    add("batch_norm_one_value", lambda: nn.BatchNorm1d(4)(torch.zeros(1, 4)))
    add("embedding_padding", lambda: nn.Embedding(3, 2, padding_idx=3))
    add("fan_in", lambda: nn.init.xavier_uniform_(torch.zeros(3)))
    add("eye_rank", lambda: nn.init.eye_(torch.zeros(3)))
    add("orthogonal_rank", lambda: nn.init.orthogonal_(torch.zeros(3)))
    x = torch.zeros(2, 3)
    add("view_transposed", lambda: x.t().view(-1))
    add("view_expanded", lambda: torch.zeros(3).expand(2, 3).view(6))
    add("view_size", lambda: x.view(4, 2))
    add("view_two_unknown", lambda: x.view(-1, -1))
    add("view_ambiguous", lambda: torch.zeros(0, 3).view(-1, 0))
    add("permute_rank", lambda: x.permute(0, 1, 2))
    add("permute_twice", lambda: x.permute(0, 0))
    add("dim_range", lambda: x.transpose(0, 2))
    add("select_range", lambda: x.select(0, 2))
    add("narrow_range", lambda: x.narrow(1, 2, 2))
    add("expand_size", lambda: x.expand(2, 4))
    add("expand_rank", lambda: x.expand(3))
    add("t_rank", lambda: torch.zeros(2, 2, 2).t())
    add("flatten_order", lambda: x.flatten(1, 0))
    add("unflatten_size", lambda: x.unflatten(1, (2, 2)))
    add("split_sum", lambda: x.split([1, 1], 1))
    add("chunk_zero", lambda: x.chunk(0))
    add("cat_empty", lambda: torch.cat([]))
    add("stack_sizes", lambda: torch.stack([torch.zeros(2), torch.zeros(3)]))
    add("add_shapes", lambda: x + torch.zeros(2, 4))
    add("add_in_place_grows", lambda: torch.zeros(3).add_(x))
    add("add_in_place_type", lambda: torch.tensor([1, 2]).add_(0.5))
    add("div_in_place_type", lambda: torch.tensor([1, 2]).div_(2))
    add("copy_grows", lambda: torch.zeros(3).copy_(x))
    add("expanded_in_place", lambda: torch.zeros(1).expand(3).add_(1))
    add("leaf_in_place", lambda: torch.ones(2, requires_grad=True).add_(1))
    add("leaf_view_in_place", lambda: torch.ones(2, requires_grad=True).view(2, 1).add_(1))
    add("bool_subtraction", lambda: torch.tensor([True]) - torch.tensor([True]))
    add("bool_negation", lambda: -torch.tensor([True]))
    add("bool_several", lambda: bool(x))
    add("bool_empty", lambda: bool(torch.zeros(0)))
    add("item_several", lambda: x.item())
    add("mm_rank", lambda: torch.mm(torch.zeros(2), x))
    add("mm_shapes", lambda: torch.mm(x, x))
    add("bmm_shapes", lambda: torch.bmm(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)))
    add("linear_shapes", lambda: nn.Linear(4, 2)(x))
    add("mean_integers", lambda: torch.tensor([1, 2]).mean())
    add("arange_sign", lambda: torch.arange(0, 5, -1))
    add("tensor_ragged", lambda: torch.tensor([[1, 2], [3]]))
    out.write(DATA / "errors.txt")


class Block(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.fc = nn.Linear(features, features)
        self.norm = nn.BatchNorm1d(features)


class Net(nn.Module):
    """LoadNet of module_test.cpp: a block under two names, and a child that is None."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_parameter("none", None)
        self.body = nn.ModuleList([Block(4), Block(4)])
        self.head = nn.Linear(4, 2)
        self.again = self.body[0]
        self.register_module("absent", None)


def load_texts():
    """What load_state_dict says of names at all levels, and the versions of modules."""
    out = Texts()
    source = Net().state_dict()
    out.add("versions", "\n".join(f"{path} {facts['version']}" for path, facts in source._metadata.items()))
    extra = ["zz", "again.norm.extra", "head.extra.deep", "body.1.norm.more", "body.0.fc.more", "body.7.w", "absent.w", "absent",
             "again.more", "again.fc.q.r", "none", "none.x", "head", "body.0.more", "scale.x"]
    missing = ["head.bias", "body.1.fc.weight", "scale", "again.norm.num_batches_tracked"]
    for name in extra:
        source[name] = torch.zeros(1)
    for name in missing:
        del source[name]
    out.add("extra", "\n".join(extra))
    out.add("missing", "\n".join(missing))
    out.add("keys", str(Net().load_state_dict(source, strict=False)))
    try:
        Net().load_state_dict(source)
    except RuntimeError as error:
        out.add("error", str(error))
    out.write(DATA / "load_state_dict.txt")


def initial_parameters():
    out = {}

    def add(name, make):
        torch.manual_seed(0)
        module = make()
        for key, value in module.state_dict().items():
            out[f"{name}.{key}"] = value.detach().clone()

    add("linear", lambda: nn.Linear(20, 30))
    add("linear_small", lambda: nn.Linear(3, 2))
    add("linear_no_bias", lambda: nn.Linear(7, 5, bias=False))
    add("batch_norm", lambda: nn.BatchNorm1d(6))
    add("embedding", lambda: nn.Embedding(11, 7))
    add("embedding_padding", lambda: nn.Embedding(5, 3, padding_idx=2))
    add("sequential", lambda: nn.Sequential(nn.Linear(17, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 4)))

    def lazy():
        module = nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.Linear(5, 2))
        module(torch.zeros(2, 3))
        return module

    add("lazy", lazy)

    def draw(name, shape, fill):
        torch.manual_seed(0)
        tensor = torch.empty(shape)
        fill(tensor)
        out["init." + name] = tensor

    init = nn.init
    draw("uniform", (5, 7), lambda t: init.uniform_(t, -2, 3))
    draw("normal", (5, 7), lambda t: init.normal_(t, 1, 0.5))
    draw("normal_small", (3,), lambda t: init.normal_(t))
    draw("trunc_normal", (40, 5), lambda t: init.trunc_normal_(t))
    draw("trunc_normal_narrow", (40, 5), lambda t: init.trunc_normal_(t, 0, 1, 1.5, 2))
    draw("constant", (2, 3), lambda t: init.constant_(t, 0.3))
    draw("eye", (3, 5), init.eye_)
    draw("xavier_uniform", (6, 5), lambda t: init.xavier_uniform_(t, init.calculate_gain("relu")))
    draw("xavier_normal", (6, 5, 3), init.xavier_normal_)
    draw("kaiming_uniform", (6, 5), lambda t: init.kaiming_uniform_(t, nonlinearity="relu"))
    draw("kaiming_normal", (6, 5, 2), lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"))
    draw("orthogonal", (6, 4), init.orthogonal_)
    draw("orthogonal_wide", (3, 8), lambda t: init.orthogonal_(t, 2))
    torch.manual_seed(3)
    out["random.rand"] = torch.rand(4, 5)
    out["random.randn"] = torch.randn(4, 5)
    torch.manual_seed(5)
    out["random.dropout"] = F.dropout(torch.ones(6, 7), 0.3, True)
    out["gains"] = torch.tensor([init.calculate_gain("tanh"), init.calculate_gain("relu"), init.calculate_gain("leaky_relu", 0.2),
                                 init.calculate_gain("leaky_relu"), init.calculate_gain("selu"), init.calculate_gain("sigmoid")],
                                dtype=torch.float64)
    save_file(out, DATA / "initial.safetensors")


def eager_results():
    out = {}
    torch.manual_seed(1)
    a, b = torch.randn(3, 4), torch.randn(4)
    m, i = torch.randn(4, 5), torch.tensor([[1, -2, 3], [4, 5, -6]])
    out.update(a=a, b=b, m=m, i=i)
    save = lambda name, value: out.__setitem__("out." + name, value.detach().clone().contiguous())
    save("add", a + b)
    save("sub_alpha", torch.sub(a, b, alpha=2))
    save("mul_scalar", a * 0.1)
    save("rsub", 1 - a)
    save("rdiv", 2 / a)
    save("div_integers", i / 4)
    save("integer_plus_float", i + 0.5)
    save("integer_plus_half_tensor", i + torch.tensor(0.5, dtype=torch.float64))
    save("integer_times_true", i * True)
    save("int32_plus_int64", i.to(torch.int32) + i)
    save("int32_plus_scalar_tensor", i.to(torch.int32) + torch.tensor(3))
    save("relu", torch.relu(a))
    save("sigmoid", torch.sigmoid(a))
    save("tanh", torch.tanh(a))
    save("exp", torch.exp(a))
    save("log", torch.log(a.abs()))
    save("rsqrt", torch.rsqrt(a.abs()))
    save("sqrt_integer", i.abs().sqrt())
    save("maximum", torch.maximum(a, b))
    save("minimum_mixed", torch.minimum(i, torch.tensor(0.5)))
    save("matmul", a @ m)
    save("matmul_vector", a @ b)
    save("addmm", torch.addmm(torch.ones(5), a, m, beta=0.5, alpha=2))
    save("bmm", torch.bmm(a.reshape(1, 3, 4).expand(2, 3, 4), m.repeat(2, 1, 1)))
    save("sum", a.sum())
    save("sum_dims", a.sum([0], True))
    save("mean", a.mean(1))
    save("sum_integers", i.sum(1))
    save("cat", torch.cat([a, b.unsqueeze(0)], 0))
    save("cat_mixed", torch.cat([i, torch.zeros(1, 3)], 0))
    save("stack", torch.stack([a, 2 * a], 1))
    save("permute", a.reshape(3, 2, 2).permute(2, 0, 1))
    save("repeat", b.repeat(2, 3))
    save("to_int", (3 * a).to(torch.int64))
    save("to_bool", torch.tensor([0.0, 0.5, float("nan")]).to(torch.bool))
    save("arange", torch.arange(1, 2, 0.25))
    save("eye", torch.eye(2, 3))
    x = a.clone()
    x[1] += 1
    x[:, 1:3] *= 2
    x.t()[0] -= 5
    save("in_place_views", x)
    bn = nn.BatchNorm1d(4)
    with torch.no_grad():
        bn.weight.copy_(b.abs())
        bn.bias.copy_(b)
    save("batch_norm_train", bn(a))
    save("batch_norm_mean", bn.running_mean)
    save("batch_norm_var", bn.running_var)
    save("batch_norm_count", bn.num_batches_tracked)
    bn.eval()
    save("batch_norm_eval", bn(a))
    average = nn.BatchNorm1d(4, momentum=None)
    average(a), average(2 * a)
    save("batch_norm_average_mean", average.running_mean)
    for name, function in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
        save(name, function(20 * a, 1))
        save(name + "_columns", function(a.t(), -1))
        save(name + "_middle", function(a.reshape(3, 2, 2), 1))
        save(name + "_integers", function(i, 0, dtype=torch.float64))
        save(name + "_scalar", function(a[0, 0], 0))
        save(name + "_infinities", function(torch.tensor([[0, float("inf")], [-float("inf"), 1], [-float("inf")] * 2]), 1))
        save(name + "_half", function(3 * a.to(torch.bfloat16), 0).to(torch.float32))
    save("batch_norm_average_var", average.running_var)
    save("embedding", F.embedding(torch.tensor([[0, 2], [1, 1]]), a))
    save("flatten", a.reshape(3, 2, 2).flatten(1))
    # Strides of element-wise results.
    c = torch.zeros(2, 3, 4)
    strides = []
    for value in (c.permute(2, 0, 1).relu(), c.transpose(1, 2) + 1, c.permute(1, 2, 0) + torch.zeros(4, 2), c.expand(2, 3, 4).neg(),
                  torch.zeros(1, 3).expand(2, 3) + 1, c.permute(2, 1, 0).clone(), torch.zeros(3, 1).t() + torch.zeros(4, 1),
                  c[:, :, ::2].relu(), c.permute(2, 0, 1).to(torch.float64)):
        strides.append(",".join(map(str, value.stride())))
    (DATA / "strides.txt").write_text("\n".join(strides) + "\n")
    save_file(out, DATA / "eager.safetensors")


if __name__ == "__main__":
    DATA.mkdir(parents=True, exist_ok=True)
    printed_modules()
    printed_tensors()
    error_texts()
    load_texts()
    initial_parameters()
    eager_results()
