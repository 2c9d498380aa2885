"""check_bench.py BENCH.json FLOPS [KERNELS]: the JSON of `kiln bench --kernels` has its fields, and its figures agree with each other.

FLOPS is the number of operations of a call, an expression in the function's sizes; with KERNELS, a regular expression, of the kernels
whose names match, up to a per cent for what is fused with them."""
import json
import math
import re
import sys

bench = json.load(open(sys.argv[1]))
assert set(bench) == {"artifact", "program", "fingerprint", "function", "processor", "instruction_set", "caches", "peaks", "rows"}, set(bench)
assert len(bench["fingerprint"]) == 64 and bench["instruction_set"] in ("v2", "v3", "v4")
assert 0 < bench["caches"]["l1"] < bench["caches"]["l2"] < bench["caches"]["l3"]
peaks = {peak["threads"]: peak for peak in bench["peaks"]}
assert set(peaks) == {row["threads"] for row in bench["rows"]}
for peak in peaks.values():
    assert set(peak) == {"threads", "gflops", "l1_read_gbs", "l2_read_gbs", "l3_read_gbs", "memory_read_gbs"}
    assert all(value > 0 for value in peak.values())

rates = {"flops", "bytes", "gflops", "gbs", "part_of_peak", "bound"}


def check_rates(entry, microseconds, row):
    close = lambda a, b: math.isclose(a, b, rel_tol=1e-9)
    assert close(entry["gflops"], entry["flops"] / microseconds / 1e3) and close(entry["gbs"], entry["bytes"] / microseconds / 1e3)
    peak = peaks[row["threads"]]
    least = {"fma": entry["flops"] / peak["gflops"] / 1e3, row["level"]: entry["bytes"] / peak[row["level"] + "_read_gbs"] / 1e3}
    assert close(entry["part_of_peak"], max(least.values()) / microseconds) and least[entry["bound"]] == max(least.values())


for row in bench["rows"]:
    assert set(row) == rates | {"sizes", "threads", "calls", "microseconds", "calls_per_second", "level", "kernels"}, set(row)
    times = [row["microseconds"][key] for key in ("min", "p10", "p50", "p90", "p99", "max")]
    assert len(row["microseconds"]) == 6 and times == sorted(times) and times[0] > 0
    assert row["calls"] >= 5 and math.isclose(row["calls_per_second"] * times[2], 1e6, rel_tol=1e-9)
    check_rates(row, times[2], row)
    pattern, expected = "".join(sys.argv[3:]), eval(sys.argv[2], dict(row["sizes"]))
    counted = sum(kernel["flops"] for kernel in row["kernels"] if re.search(pattern, kernel["kernel"]))
    assert expected <= counted <= expected * (1.01 if pattern else 1), counted
    for total in ("flops", "bytes"):
        assert row[total] == sum(kernel[total] for kernel in row["kernels"])
    for kernel in row["kernels"]:
        assert set(kernel) == rates | {"kernel", "module", "microseconds"}, set(kernel)
        assert kernel["microseconds"] >= 0
        check_rates(kernel, max(kernel["microseconds"], 1e-3), row)
print(len(bench["rows"]), "rows,", len(bench["rows"][0]["kernels"]), "kernels each")
