"""Makes test/data/runtime: what PyTorch, safetensors and NumPy write and answer, for the tests beside this file.

Needs torch, safetensors and numpy (from PyPI). Run: python3 make_data.py
"""
import pathlib
import pickle
import random
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent.parent / "data" / "runtime"
DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64]


def name(dtype):
    return str(dtype).removeprefix("torch.")


def repack(source, target, change=lambda name, data: data, **options):
    """Writes the entries of a .pt again with Python's zipfile."""
    with zipfile.ZipFile(HERE / source) as old, zipfile.ZipFile(HERE / target, "w") as new:
        for info in old.infolist():
            entry = zipfile.ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0))
            with new.open(entry, "w", **options) as file:
                file.write(change(info.filename, old.read(info)))


def torch_files():
    # Values that each type holds, and that differ in each byte.
    values = {name(d): (torch.arange(6) % 2 if d == torch.bool else torch.arange(6) * 7 - (0 if d == torch.uint8 else 9)).to(d).reshape(2, 3)
              for d in DTYPES}
    values["int64"] += 2 ** 40 + 3
    values["int32"] += 2 ** 20 + 3
    values["int16"] += 2 ** 9
    torch.save(values, HERE / "all_dtypes.pt")
    save_file(values, HERE / "all_dtypes.safetensors", metadata={"format": "pt", "who": "PyTorch"})

    # The same archive as a big-endian machine would have written it.
    sizes = {str(i): d.itemsize for i, d in enumerate(DTYPES)}
    def swapped(entry, data):
        if entry.endswith("/byteorder"):
            return b"big"
        if "/data/" in entry:
            size = sizes[entry.rsplit("/", 1)[1]]
            return np.frombuffer(data, f"V{size}").copy().view(np.uint8).reshape(-1, size)[:, ::-1].tobytes()
        return data
    repack("all_dtypes.pt", "big_endian.pt", swapped)
    for key, value in torch.load(HERE / "big_endian.pt").items():
        assert torch.equal(value, values[key]), key
    repack("all_dtypes.pt", "zip64.pt", force_zip64=True)
    for key, value in torch.load(HERE / "zip64.pt").items():
        assert torch.equal(value, values[key]), key

    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    torch.save({"base": base, "transposed": base.t(), "row": base[2], "steps": base[1:, ::2], "expanded": base[0:1].expand(3, 6),
                "scalar": base[3, 5], "empty": base[0:0], "other": base.clone()}, HERE / "views.pt")

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    torch.save(model.state_dict(), HERE / "batch_norm.pt")
    torch.save({"weight": nn.Parameter(torch.ones(2, 2)), "frozen": nn.Parameter(torch.zeros(1), requires_grad=False)},
               HERE / "parameters.pt")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    torch.save({"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "loss": 0.25, "name": "run",
                "best": None, "ema.state": {"w": torch.ones(1)}, "history": {"inner": {"state": {"w": torch.zeros(2)}}}},
               HERE / "nested.pt")
    torch.save({"count": 3, "weight": torch.ones(1)}, HERE / "not_a_tensor.pt")
    torch.save([torch.ones(1)], HERE / "list.pt")
    torch.save(model[0], HERE / "whole_model.pt")
    torch.save({"z": torch.zeros(1, dtype=torch.complex64)}, HERE / "complex.pt")
    torch.save({"u": torch.zeros(1, dtype=torch.uint16)}, HERE / "uint16.pt")
    torch.save({"n": torch.zeros(2, dtype=torch.complex64).conj().imag}, HERE / "negative_view.pt")
    torch.save(values, HERE / "protocol4.pt", pickle_protocol=4)


class Part:
    """Some elements of the storage "root", as files of versions before 0.4 name them."""
    def __init__(self, key, offset, numel):
        self.key, self.offset, self.numel = key, offset, numel


class Pieces:
    """A tensor of the first `size` elements of a part."""
    def __init__(self, part, size):
        self.part, self.size = part, size

    def __reduce__(self):
        return torch._utils._rebuild_tensor, (self.part, 0, (self.size,), (1,))


class PartPickler(pickle.Pickler):
    def persistent_id(self, value):
        if not isinstance(value, Part):
            return None
        view = (value.key, value.offset, value.numel) if value.key else None
        return ("storage", torch.FloatStorage, "root", "cpu", 10, view)


def legacy_files():
    """The format from before version 1.6."""
    values = torch.load(HERE / "all_dtypes.pt")
    torch.save(values, HERE / "legacy_dtypes.pt", _use_new_zipfile_serialization=False)
    torch.save(torch.load(HERE / "views.pt"), HERE / "legacy_views.pt", _use_new_zipfile_serialization=False)
    torch.save(torch.load(HERE / "nested.pt"), HERE / "legacy_nested.pt", _use_new_zipfile_serialization=False)
    with open(HERE / "legacy_parts.pt", "wb") as file:
        for head in [0x1950a86a20f9469cfc6c, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]:
            pickle.dump(head, file, protocol=2)
        tail = Part("tail", 4, 6)
        PartPickler(file, protocol=2).dump({"whole": Pieces(Part(None, 0, 10), 10), "tail": Pieces(tail, 6), "begin": Pieces(tail, 2)})
        pickle.dump(["root"], file, protocol=2)
        file.write(np.int64(10).tobytes() + np.arange(10, dtype="<f4").tobytes())
    read = torch.load(HERE / "legacy_parts.pt")
    assert read["begin"].tolist() == [4, 5] and read["tail"].tolist() == [4, 5, 6, 7, 8, 9] and read["whole"].numel() == 10


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
        self.conv = nn.Conv1d(1, 1, 1)
        self.register_buffer("scale", torch.full((2,), 0.5, dtype=torch.float64))
        self.names = ["a", "b"]
        self.factor = 2.5
        self.tied = self.layers[0].weight

    def forward(self, x):
        return self.conv((self.layers(x) * self.factor).unsqueeze(1)).squeeze(1) * self.scale


def script_files():
    """What torch.jit.save writes, and the state_dict that PyTorch reads from it."""
    torch.manual_seed(1)
    model = Scripted()
    torch.jit.save(torch.jit.script(model), HERE / "script.pt")
    torch.jit.save(torch.jit.trace(model.eval(), torch.ones(4, 3)), HERE / "traced.pt")
    torch.save(torch.jit.load(HERE / "script.pt").state_dict(), HERE / "script_state.pt")


def numpy_files():
    for code in ["<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "|b1", ">f2", ">f4", ">i2", ">i8", ">f8"]:
        array = (np.arange(6) * 7 % 5).astype(code).reshape(2, 3)
        np.save(HERE / f"{code.replace('<', 'little_').replace('>', 'big_').replace('|', '')}.npy", array)
    np.save(HERE / "fortran.npy", np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)))
    np.save(HERE / "scalar.npy", np.array(2.5, dtype="<f8"))
    np.save(HERE / "vector.npy", np.arange(3, dtype="<i8"))
    np.save(HERE / "empty.npy", np.zeros((2, 0, 3), dtype="<f4"))
    for version in [2, 3]:
        with open(HERE / f"version{version}.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(3, dtype="<f4"), version=(version, 0))
    np.save(HERE / "records.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i8")]))
    np.save(HERE / "uint32.npy", np.zeros(2, dtype="<u4"))
    np.savez(HERE / "arrays.npz", weight=np.arange(6, dtype="<f4").reshape(2, 3), count=np.int64(7), empty=np.zeros((0, 2), dtype="<f8"),
             swapped=np.arange(3, dtype=">i2"))
    np.savez_compressed(HERE / "compressed.npz", weight=np.zeros(100, dtype="<f4"))


def casts():
    """Every type to every type: tensors FROM and FROM.TO."""
    special = [0.0, -0.0, 1.0, -1.0, 2.5, -2.9, 0.1, 127.0, 128.0, 300.0, -300.0, 2049.0, 65504.0, 65519.0, 65520.0, 70000.0, 3.0e9, 4.0e9,
               1e10, -1e10, 1e20, 1e39, -1e39, 6e-8, 3e-8, 2.9802322e-8, 6.1e-5, 5.9e-5, 1e-40, 1.00390625, 1.01171875,
               float("inf"), float("-inf"), float("nan")]
    integers = [0, 1, -1, 2, 127, 128, 255, 256, 300, -129, 2049, 32767, 32768, 65519, 65520, 70000, 16777217, 2 ** 31 - 1, 2 ** 31, 2 ** 53 + 1,
                2 ** 63 - 1, -2 ** 63, 5, 6]
    result = {}
    for source in DTYPES:
        if source.is_floating_point:
            value = torch.tensor(special, dtype=torch.float64).to(source)
        else:
            value = torch.tensor(integers, dtype=torch.int64).to(source)
        result[name(source)] = value
        for target in DTYPES:
            result[f"{name(source)}.{name(target)}"] = value.to(target).clone()
    save_file(result, HERE / "casts.safetensors")


def view_cases():
    """Lines "sizes; strides; new sizes; strides of the view or 'refused'"."""
    generator, lines = random.Random(0), []
    while len(lines) < 600:
        base = torch.zeros([generator.choice([1, 2, 3, 4, 6]) if generator.random() > 0.03 else 0 for _ in range(generator.randrange(5))])
        for _ in range(generator.randrange(3)):
            if base.dim() >= 2 and generator.random() < 0.5:
                base = base.transpose(*generator.sample(range(base.dim()), 2))
            elif base.dim() >= 1:
                dim = generator.randrange(base.dim())
                base = base.narrow(dim, 0, max(0, base.size(dim) - generator.randrange(2)))
            if base.dim() >= 1 and base.size(0) == 1 and generator.random() < 0.3:
                base = base.expand([3] + list(base.shape[1:]))
        factors = []
        rest = base.numel()
        if rest == 0:
            factors = generator.choice([[0], [0, 2], [2, 0, 3], list(base.shape)])
        else:
            for prime in (2, 3, 5):
                while rest % prime == 0:
                    factors.append(prime)
                    rest //= prime
            generator.shuffle(factors)
            while len(factors) > 1 and generator.random() < 0.6:
                i = generator.randrange(len(factors) - 1)
                factors[i:i + 2] = [factors[i] * factors[i + 1]]
            for _ in range(generator.randrange(2)):
                factors.insert(generator.randrange(len(factors) + 1), 1)
            if factors and generator.random() < 0.3:
                factors[generator.randrange(len(factors))] = -1
        try:
            result = " ".join(map(str, base.view(factors).stride()))
        except RuntimeError as error:
            assert "view size is not compatible" in str(error), error
            result = "refused"
        lines.append("; ".join([" ".join(map(str, base.shape)), " ".join(map(str, base.stride())), " ".join(map(str, factors)), result]))
    (HERE / "view_cases.txt").write_text("\n".join(lines) + "\n")


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.register_buffer("count", torch.zeros(()))

    def extra_repr(self):
        return "width\n\nof the block"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.ReLU(), nn.Sequential(nn.Linear(2, 2)))
        self.blocks = nn.ModuleList([Block(2), Block(2), Block(3), Block(2)])
        self.heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Identity()})
        self.nothing = nn.ModuleList()
        self.scale = nn.Parameter(torch.ones(2))


def state_dicts():
    """NAME.source.pt loaded into Net gives the text NAME.txt."""
    torch.manual_seed(0)
    net = Net()
    torch.save(net.state_dict(), HERE / "net.pt")
    (HERE / "net.print.txt").write_text(str(net) + "\n")
    (HERE / "net.modules.txt").write_text("\n".join(path for path, _ in net.named_modules()) + "\n")

    def case(title, change, strict=True):
        source = net.state_dict()
        source = change(source) or source
        torch.save(source, HERE / f"{title}.source.pt")
        try:
            text = str(Net().load_state_dict(source, strict=strict))
        except RuntimeError as error:
            text = str(error)
        (HERE / f"{title}.txt").write_text(text)

    def many(source):
        del source["body.0.bias"], source["blocks.2.count"], source["body.1.num_batches_tracked"]
        for key in ["zzz", "heads.b.weight", "body.2.weight", "body.0.extra", "body.9.weight", "blocks.1.fc.weight.more", "body",
                    "blocks.0.fc.scale", "heads", "scale.x", "body.1.extra"]:
            source[key] = torch.zeros(1)
        source["body.0.weight"] = torch.zeros(3, 2)
        source["scale"] = torch.zeros(())
        source.move_to_end("scale", last=False)
        source["blocks.3.count"] = torch.zeros(1)
        source["blocks.0.count"] = torch.zeros(2)

    case("matching", lambda source: None)
    case("many_errors", many)
    case("many_errors_not_strict", many, strict=False)
    def keys_only(source):
        del source["scale"]
        source["it's"] = torch.zeros(1)
        source['say "it\'s"\n'] = torch.zeros(1)
    case("keys_not_strict", keys_only, strict=False)
    case("no_versions", lambda source: {k: v for k, v in source.items() if not k.endswith("num_batches_tracked")})


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    torch_files()
    legacy_files()
    script_files()
    numpy_files()
    casts()
    view_cases()
    state_dicts()
    for path in HERE.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
