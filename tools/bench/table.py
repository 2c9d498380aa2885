#!/usr/bin/env python3
"""Measures Kiln beside its peers and writes tools/bench/RESULTS.md.

  table.py --peers PEERS.py --data FOLDER [--python PYTHON] [--steps peak,infer,train,narrow,start] [--runs 3] ...

PEERS.py is the driver that measures all engines in turns (`peers.py --help`; also $KILN_PEERS); it runs with PYTHON, which has PyTorch,
ONNX Runtime and OpenVINO. FOLDER is where it keeps exported models. `cmake --build build --target kiln_bench_peer` comes first, and the
machine should do nothing else. Raw figures go to FOLDER/results; a step that is left out keeps those of the last time, and
`--steps=` writes the tables anew from what is there.

  peak    the machine's rate of multiply-adds and its bandwidths
  infer   predictions, all engines
  train   training steps
  narrow  predictions again, everybody limited to AVX2
  start   sizes of executables, start-up, compile time
"""
import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STEPS = ("peak", "infer", "train", "narrow", "start")
# What each engine reads to leave wider instructions alone; ONNX Runtime has no such switch.
NARROW = {"KILN_ISA": "v3", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


def parse():
    words = lambda text: [word for word in text.split(",") if word]
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", default=os.environ.get("KILN_PEERS"), help="the driver")
    p.add_argument("--data", required=True, type=Path, help="folder of exported models and raw figures")
    p.add_argument("--python", default=sys.executable, help="the Python that has the peers")
    p.add_argument("--build", type=Path, default=ROOT / "build", help="build folder")
    p.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    p.add_argument("--steps", type=words, default=list(STEPS))
    p.add_argument("--runs", type=int, default=3, help="a row counts by the median of so many runs")
    p.add_argument("--models", type=words, help="default: all that tools/bench/models has")
    p.add_argument("--infer-engines", type=words, default=["eager", "aoti", "ort", "openvino"])
    p.add_argument("--train-engines", type=words, default=["train_eager", "train_compile"])
    p.add_argument("--batches", help="only these")
    p.add_argument("--threads", default="1,2")
    args = p.parse_args()
    if not args.peers or not Path(args.peers).exists():
        p.error("--peers=PEERS.py or $KILN_PEERS must name the driver")
    if unknown := set(args.steps) - set(STEPS):
        p.error(f"no such step: {', '.join(sorted(unknown))}")
    args.models = args.models or sorted(path.stem for path in (HERE / "models").glob("*.cpp"))
    args.raw = args.data / "results"
    args.peer = args.build / "bench" / "peer"
    args.kiln = args.build / "bin" / "kiln"
    return args


# ---------------------------------------------------------------- measuring


def peers(args, mode, out, *options, env=None):
    subprocess.run([args.python, args.peers, mode, "--data", args.data, "--out", out, *options], check=True,
                   env=dict(os.environ, **(env or {})))


def measure(args):
    args.raw.mkdir(parents=True, exist_ok=True)
    missing = [name for name in args.models if not (args.data / name / "meta.json").exists()]
    if missing:
        peers(args, "export", os.devnull, "--models", ",".join(missing))
    if "peak" in args.steps:
        peers(args, "peak", fresh(args.raw / "peak.jsonl"))
    for step, mode, engines, env in (("infer", "infer", args.infer_engines, {}), ("train", "train", args.train_engines, {}),
                                     ("narrow", "infer", args.infer_engines, NARROW)):
        if step not in args.steps:
            continue
        for old in args.raw.glob(f"{step}.*.jsonl"):
            old.unlink()
        for run in range(args.runs):
            options = ["--engines", ",".join(["kiln", *engines]), "--external", f"kiln={args.peer}", "--models", ",".join(args.models),
                       "--threads", args.threads, "--log", args.raw / "log.txt"]
            options += ["--batches", args.batches] if args.batches else []
            peers(args, mode, args.raw / f"{step}.{run}.jsonl", *options, env=env)
    if "start" in args.steps:
        (args.raw / "start.json").write_text(json.dumps(start_figures(args), indent=1))


def fresh(path):
    path.unlink(missing_ok=True)
    return path


def seconds_of(command, repeats, **options):
    """Median time from start to end of a process."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def start_figures(args):
    """Per model: seconds to compile its IR, bytes of a stripped executable without weights, milliseconds of a call by a new process."""
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for model in args.models:
            source, ir, program = HERE / "models" / f"{model}.cpp", folder / f"{model}.mlir", folder / model
            for path, options in ((ir, []), (program, ["--embed-weights=false"])):
                subprocess.run([args.kiln, "build", source, "-o", path, "-DKILN_BENCH_PREDICT_ONLY", *options], check=True)
            build = seconds_of([args.kiln, "build", ir, "-o", folder / "again.so"], 5)
            subprocess.run(["strip", program], check=True)
            sizes = subprocess.run(["size", program], check=True, capture_output=True, text=True).stdout
            text, data = sizes.splitlines()[1].split()[:2]
            weights = args.data / model / "weights.safetensors"
            shape = "x".join(map(str, json.loads((args.data / model / "meta.json").read_text())["1"]["input"]))
            call = [program, "predict", f"--weights={weights}", f"--input=x=zeros:{shape}", "--threads=1"]
            seconds_of(call, 3)
            figures[model] = {"build_s": build, "text_and_data": int(text) + int(data), "start_ms": seconds_of(call, 50) * 1e3}
    return figures


# ---------------------------------------------------------------- tables


def load_driver(path):
    """The driver's roofline and number formats."""
    spec = importlib.util.spec_from_file_location("peers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def medians(args, step):
    """{(model, batch, threads): {engine: microseconds}}: of each row's quietest slice, the median over runs; and errors."""
    times, failed, errors = {}, {}, {}
    for path in sorted(args.raw.glob(f"{step}.*.jsonl")):
        for row in map(json.loads, path.read_text().splitlines()):
            where, engine = (row["model"], row["batch"], row["threads"]), row["engine"].removeprefix("train_")
            cell = times.setdefault(where, {})
            if "quiet_us" in row:
                cell.setdefault(engine, []).append(row["quiet_us"])
            if "error" in row:
                failed[(*where, engine)] = row["error"]
            if isinstance(row.get("err"), float):
                errors[engine] = max(row["err"], errors.get(engine, 0))
    middle = {where: {engine: statistics.median(values) for engine, values in cell.items()} for where, cell in times.items()}
    return middle, failed, errors


def comparison(args, driver, step, machine):
    """A table with our column first, and what is to be said under it."""
    rows, failed, errors = medians(args, step)
    if not rows:
        return None
    engines = list(dict.fromkeys(engine for cell in rows.values() for engine in cell if engine != "kiln"))
    header = ["model / batch / threads", "Kiln", *engines, "best peer", "Kiln / best"] + (["roofline", "Kiln / roofline"] if machine else [])
    lines, ratios, rooflines, cells = [], [], [], driver.number
    for (model, batch, threads), cell in rows.items():
        mine, others = cell.get("kiln"), {engine: us for engine, us in cell.items() if engine != "kiln"}
        best = min(others, key=others.get) if others else None
        ratio = mine / others[best] if mine and best else None
        line = [f"{model} / {batch} / {threads}", cells(mine), *(cells(cell.get(engine)) for engine in engines), best or "-",
                f"{ratio:.2f}" if ratio else "-"]
        ratios += [ratio] if ratio else []
        if machine:
            cost = json.loads((args.data / model / "meta.json").read_text())[batch.split("/")[0]]
            bound, _ = driver.roofline(cost, dict(machine["threads"][str(threads)], n=threads, cache=machine["cache"]), step == "train")
            line += [cells(bound), f"{mine / bound:.2f}" if mine else "-"]
            rooflines += [mine / bound] if mine else []
        lines.append(line)
    text = driver.table(header, lines) + "\n"
    if ratios:
        text += (f"Kiln / best peer: geometric mean {driver.geomean(ratios):.2f}, worst row {max(ratios):.2f}, "
                 f"ahead in {sum(r < 1 for r in ratios)} of {len(ratios)} rows.")
        text += f" Kiln / roofline: geometric mean {driver.geomean(rooflines):.2f}.\n" if rooflines else "\n"
    if errors:
        text += "Largest difference from a result in double precision: " + ", ".join(f"{e} {v:.1e}" for e, v in errors.items()) + ".\n"
    for where, error in failed.items():
        text += f"Failed: {' / '.join(map(str, where))}: {error[:120]}\n"
    return text


def versions(python):
    script = ("import importlib.metadata as m\n"
              "for n in ('torch', 'onnxruntime', 'openvino'):\n"
              "    try: print(n, m.version(n))\n"
              "    except m.PackageNotFoundError: pass\n")
    return ", ".join(subprocess.run([python, "-c", script], capture_output=True, text=True).stdout.splitlines())


def processor():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown processor")


def write(args):
    driver = load_driver(args.peers)
    machine = args.raw / "peak.jsonl"
    machine = json.loads(machine.read_text().splitlines()[-1]) if machine.exists() else None
    sections = [f"# Kiln beside its peers\n\n{processor()}, {os.cpu_count()} processors; {versions(args.python)}; float32.\n\n" + HOW]
    for step, title in (("infer", "Predictions"), ("train", "Training steps"), ("narrow", "Predictions, limited to AVX2")):
        # The peak is that of the widest instructions.
        table = comparison(args, driver, step, machine if step != "narrow" else None)
        if table:
            sections.append(f"## {title}: microseconds a call\n\n{NARROW_TEXT if step == 'narrow' else ''}{table}")
    start = args.raw / "start.json"
    if start.exists():
        lines = [[model, f"{f['build_s']:.2f}", f"{f['text_and_data'] / 1000:.0f}", f"{f['start_ms']:.2f}"]
                 for model, f in json.loads(start.read_text()).items()]
        sections.append("## Compile time, size, start\n\n" + driver.table(
            ["model", "compile, s", "executable, kB", "start to end, ms"], lines) + "\n" + START)
    if machine:
        keys = list(next(iter(machine["threads"].values())))
        sections.append("## The machine's peak\n\n" + driver.table(
            ["threads", *keys], [[n, *(driver.number(v[key]) for key in keys)] for n, v in machine["threads"].items()]))
    args.out.write_text("\n".join(sections))
    print(f"wrote {args.out}")


HOW = """Written by `tools/bench/table.py`, which also says how to measure anew. A cell is the median over runs of the lowest median of
a slice: the engines of a row are all loaded, then take turns in slices of 0.15 s, pinned and at real-time priority, so that drift reaches
all alike. Kiln is called by a C++ host (`tools/bench/peer`) on models compiled from `tools/bench/models`, with PyTorch's weights; the
peers run PyTorch's model or its ONNX export through their lowest-overhead call. A training step is gradients to none, forward pass with
dropout, cross-entropy, backward pass, and AdamW or SGD with momentum. The roofline is the greater of operations over the measured rate of
multiply-adds and bytes over the bandwidth of the cache that holds the call; of a training step it counts no optimizer.
"""
NARROW_TEXT = "By " + ", ".join(f"`{name}={value}`" for name, value in NARROW.items()) + """; ONNX Runtime has no such switch and
runs with all that the processor has.

"""
START = """Compile time is that of `kiln build` on the model's IR, process start included, for three instruction sets. The executable predicts
only; stripped, text and data, without weights. Start to end is a process that maps the weights, predicts once and ends: the median of 50.
"""


def main():
    args = parse()
    if args.steps and not args.peer.exists():
        sys.exit(f"{args.peer} is missing: cmake --build {args.build.name} --target kiln_bench_peer")
    if "start" in args.steps and not (shutil.which("strip") and shutil.which("size")):
        sys.exit("the step `start` needs binutils (strip, size)")
    measure(args)
    write(args)


if __name__ == "__main__":
    main()
