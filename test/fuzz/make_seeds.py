"""Makes test/fuzz/corpus/pickle with PyTorch: pickles whose storages have the 64 bytes that pickle_fuzz.cpp gives each.

usage: make_seeds.py    (the Python that runs it has torch)
"""
import collections
import io
import pathlib
import zipfile

import torch

FOLDER = pathlib.Path(__file__).parent / "corpus" / "pickle"

BASE = torch.ones(16)
SEEDS = {
    "types": collections.OrderedDict(
        f=torch.ones(4, 4), d=torch.ones(8, dtype=torch.float64), l=torch.ones(2, 4, dtype=torch.int64), b=torch.ones(64, dtype=torch.bool)
    ),
    "more_types": {
        "h": torch.ones(32, dtype=torch.float16), "g": torch.ones(32, dtype=torch.bfloat16), "i": torch.ones(16, dtype=torch.int32),
        "u": torch.ones(64, dtype=torch.uint8),
    },
    "views": {"whole": BASE, "part": BASE[3:7], "turned": BASE.view(4, 4).t(), "expanded": BASE[:1].expand(5), "number": BASE[2], "none": BASE[:0]},
    "parameter": collections.OrderedDict(weight=torch.nn.Parameter(BASE.view(2, 8)), running=BASE),
    "checkpoint": {
        "model": torch.nn.Linear(3, 4).state_dict() | {"weight": torch.ones(4, 4), "bias": torch.ones(16)},
        "optimizer": {"state": {0: {"step": BASE[0], "exp_avg": BASE}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": False, "foreach": None, "params": [0]}]},
        "epoch": 3, "name": "a \u00fcber 'name'\n", "large": 2**62, "negative": -5, "list": [1, [2, (3, [])]],
    },
}  # fmt: skip


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, value in SEEDS.items():
        file = io.BytesIO()
        torch.save(value, file)
        with zipfile.ZipFile(file) as archive:
            entries = {entry.split("/", 1)[1]: entry for entry in archive.namelist()}
            sizes = {entry: len(archive.read(entries[entry])) for entry in entries if entry.startswith("data/")}
            assert set(sizes.values()) <= {64} and len(sizes) <= 4, (name, sizes)
            (FOLDER / f"{name}.pkl").write_bytes(archive.read(entries["data.pkl"]))


if __name__ == "__main__":
    main()
