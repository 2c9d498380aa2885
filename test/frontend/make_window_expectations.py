"""Writes what PyTorch prints, throws, draws and computes for convolutions and pooling into ../data/frontend.

Run with a Python that has torch 2.15 and safetensors: python3 make_window_expectations.py
"""
import warnings

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from make_expectations import DATA, Texts


def texts():
    out = Texts()
    printed = lambda name, module: out.add(name, str(module))
    printed("conv2d", nn.Conv2d(3, 8, 3))
    printed("conv2d_options", nn.Conv2d(3, 8, (3, 5), stride=2, padding=(1, 2), dilation=2, bias=False))
    printed("conv2d_same", nn.Conv2d(4, 8, 3, padding="same", groups=2))
    printed("conv2d_valid", nn.Conv2d(4, 8, 3, padding="valid"))
    for mode in ("reflect", "replicate", "circular"):
        printed(f"conv2d_{mode}", nn.Conv2d(4, 8, 3, padding=1, padding_mode=mode))
    printed("conv1d", nn.Conv1d(3, 4, 5, padding=2))
    printed("conv3d", nn.Conv3d(3, 4, (1, 2, 3), dilation=(1, 1, 2)))
    printed("lazy_conv2d", nn.LazyConv2d(8, 3, padding=1, bias=False))
    lazy = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d())
    lazy(torch.zeros(2, 3, 8, 8))
    printed("lazy_called", lazy)
    lazy = nn.LazyConv1d(4, 3)
    lazy(torch.zeros(3, 8))
    printed("lazy_conv1d_unbatched", lazy)
    printed("batch_norm2d", nn.BatchNorm2d(8))
    printed("batch_norm3d", nn.BatchNorm3d(8))
    printed("lazy_batch_norm2d", nn.LazyBatchNorm2d(affine=False))
    printed("max_pool2d", nn.MaxPool2d(2))
    printed("max_pool2d_options", nn.MaxPool2d((2, 3), stride=(2, 1), padding=(0, 1), dilation=2, ceil_mode=True))
    printed("max_pool1d", nn.MaxPool1d(2))
    printed("max_pool3d", nn.MaxPool3d(2, 1))
    printed("avg_pool1d", nn.AvgPool1d(3, stride=2, padding=1))
    printed("avg_pool2d", nn.AvgPool2d(2))
    printed("avg_pool2d_options",
            nn.AvgPool2d((2, 3), stride=(2, 1), padding=(0, 1), ceil_mode=True, count_include_pad=False, divisor_override=3))
    printed("adaptive_avg_pool1d", nn.AdaptiveAvgPool1d(3))
    printed("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((5, 7)))
    printed("adaptive_avg_pool2d_one", nn.AdaptiveAvgPool2d(1))
    printed("adaptive_avg_pool2d_none", nn.AdaptiveAvgPool2d((None, 7)))
    printed("adaptive_avg_pool2d_all", nn.AdaptiveAvgPool2d(None))

    def fails(name, action):
        try:
            action()
        except Exception as error:
            out.add(name, str(error))
            return
        raise AssertionError(name + " did not fail")

    x, w = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    fails("conv2d_rank", lambda: F.conv2d(torch.randn(3, 8), w))
    fails("conv2d_channels", lambda: F.conv2d(torch.randn(5, 8, 8), w))
    fails("conv2d_small", lambda: F.conv2d(torch.randn(2, 3, 2, 2), w))
    fails("conv2d_same_stride", lambda: F.conv2d(x, w, stride=2, padding="same"))
    fails("conv2d_layer_same_stride", lambda: nn.Conv2d(4, 3, 3, stride=2, padding="same"))
    fails("conv2d_groups", lambda: nn.Conv2d(3, 4, 3, groups=2))
    fails("conv2d_out_groups", lambda: nn.Conv2d(4, 3, 3, groups=2))
    fails("conv2d_no_groups", lambda: nn.Conv2d(4, 3, 3, groups=0))
    fails("conv2d_type", lambda: F.conv2d(x.double(), w))
    fails("conv2d_reflect_size", lambda: nn.Conv2d(3, 3, 3, padding=8, padding_mode="reflect")(x))
    fails("conv2d_circular_size", lambda: nn.Conv2d(3, 3, 3, padding=9, padding_mode="circular")(x))
    fails("lazy_conv2d_rank", lambda: nn.LazyConv2d(4, 3)(torch.randn(3, 4)))
    fails("lazy_conv2d_groups", lambda: nn.LazyConv2d(4, 3, groups=2)(x))
    fails("lazy_batch_norm2d_rank", lambda: nn.LazyBatchNorm2d()(torch.randn(3, 4)))
    fails("batch_norm2d_rank", lambda: nn.BatchNorm2d(3)(torch.randn(3, 4, 4)))
    fails("batch_norm3d_rank", lambda: nn.BatchNorm3d(3)(torch.randn(3, 4, 4)))
    fails("max_pool2d_rank", lambda: F.max_pool2d(torch.randn(3, 8), 2))
    fails("max_pool2d_small", lambda: F.max_pool2d(torch.randn(2, 3, 2, 2), 3))
    fails("max_pool2d_padding", lambda: F.max_pool2d(x, 2, padding=2))
    fails("avg_pool2d_small", lambda: F.avg_pool2d(torch.randn(2, 3, 2, 2), 3))
    fails("avg_pool2d_divisor", lambda: F.avg_pool2d(x, 2, divisor_override=0))
    fails("adaptive_avg_pool2d_rank", lambda: F.adaptive_avg_pool2d(torch.randn(3, 8), 2))
    fails("adaptive_avg_pool2d_sizes_rank", lambda: F.adaptive_avg_pool2d(torch.randn(3, 8), (2, 2)))
    fails("pad_odd", lambda: F.pad(x, (1,)))
    fails("pad_long", lambda: F.pad(x, (1,) * 10))
    fails("pad_reflect_dims", lambda: F.pad(x, (1, 1), mode="reflect"))
    fails("pad_reflect_height", lambda: F.pad(x[:, :, :4], (1, 1, 4, 0), mode="reflect"))
    fails("pad_replicate_empty", lambda: F.pad(x[:, :, :0], (1, 1, 0, 0), mode="replicate"))
    fails("pad_value", lambda: F.pad(x, (1, 1, 0, 0), mode="circular", value=2))
    out.write(DATA / "windows.txt")


def numbers():
    out = {}

    def initial(name, make):
        torch.manual_seed(0)
        for key, value in make().state_dict().items():
            out[f"{name}.{key}"] = value.detach().clone()

    initial("conv2d", lambda: nn.Conv2d(3, 8, 3))
    initial("conv2d_groups", lambda: nn.Conv2d(6, 4, (5, 2), groups=2, bias=False))
    initial("conv1d", lambda: nn.Conv1d(4, 7, 3))
    initial("conv3d", lambda: nn.Conv3d(2, 3, 2))

    def lazy():
        module = nn.Sequential(nn.LazyConv2d(5, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(3))
        module(torch.zeros(2, 3, 6, 6))
        return module

    initial("lazy", lazy)

    torch.manual_seed(1)
    x = torch.randn(2, 4, 7, 6)
    w, v, b = torch.randn(6, 4, 3, 2), torch.randn(6, 2, 2, 3), torch.randn(6)
    out.update(x=x, w=w, v=v, b=b)
    save = lambda name, value: out.__setitem__("out." + name, value.detach().clone().contiguous())
    save("conv2d", F.conv2d(x, w, b, 2, (1, 0), (1, 2)))
    save("conv2d_unbatched", F.conv2d(x[1], w, b))
    save("conv2d_groups", F.conv2d(x, v, None, groups=2))
    save("conv2d_same", F.conv2d(x, w, b, padding="same", dilation=(1, 2)))
    save("conv1d", F.conv1d(x[:, :, 0], w[:, :, 0]))
    save("conv3d", F.conv3d(x[:, None], w[:2, :1, None], padding=1))
    for mode in ("reflect", "replicate", "circular"):
        for padding in ((2, 1), "same"):
            layer = nn.Conv2d(4, 6, (3, 2), padding=padding, padding_mode=mode)
            with torch.no_grad():
                layer.weight.copy_(w)
                layer.bias.copy_(b)
            save(f"conv2d_{mode}_{'same' if padding == 'same' else 'numbers'}", layer(x))
        save(f"pad_{mode}", F.pad(x, (2, 1, 0, 3), mode=mode))
        save(f"pad_{mode}_taken", F.pad(x, (2, -1, -2, 1), mode=mode))
        save(f"pad_{mode}_1d", F.pad(x[0], (3, 2), mode=mode))
    save("pad_constant", F.pad(x, (1, 2, -1, 3, 0, 1), value=0.5))
    save("pad_nothing", F.pad(x, ()))
    save("max_pool2d", F.max_pool2d(x, (3, 2), 2, 1, ceil_mode=True))
    save("max_pool2d_indices", F.max_pool2d(x, (3, 2), 2, 1, ceil_mode=True, return_indices=True)[1])
    save("max_pool2d_unbatched", F.max_pool2d(x[0], 2))
    save("max_pool1d", F.max_pool1d(x[0], 3, dilation=2))
    save("avg_pool2d", F.avg_pool2d(x, 3, 2, 1, True, False))
    save("avg_pool2d_divisor", F.avg_pool2d(x, 2, divisor_override=3))
    save("avg_pool3d", F.avg_pool3d(x, 2, 1))
    save("adaptive_avg_pool2d", F.adaptive_avg_pool2d(x, (3, None)))
    save("adaptive_avg_pool1d", F.adaptive_avg_pool1d(x[0], 4))
    norm = nn.BatchNorm2d(4)
    save("batch_norm2d", norm(x))
    save("batch_norm2d_mean", norm.running_mean)
    save_file(out, DATA / "windows.safetensors")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    texts()
    numbers()
