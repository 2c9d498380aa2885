#!/usr/bin/env bash
# tools/check.sh [--oracle]: builds everything and runs every test.
#
# Installs what is missing (tools/setup.sh), builds the preset dev in build/, runs the GoogleTest cases, the lit tests and, for a
# moment, the fuzzers, names those that failed, and ends with one line: "N passed, N failed". --oracle also compares compiled models
# with PyTorch itself, which it puts in a virtual environment in .venv (or takes from the Python that KILN_ORACLE_PYTHON names); each
# comparison counts as a test.
set -euo pipefail
cd "$(dirname "$0")/.."

oracle=0
for argument in "$@"; do
  case $argument in
    --oracle) oracle=1 ;;
    *) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
  esac
done
jobs=$(nproc)
results=build/test-results

python=${KILN_ORACLE_PYTHON:-.venv/bin/python}
if [ $oracle = 1 ] && [ -z "${KILN_ORACLE_PYTHON:-}" ]; then
  tools/setup.sh --oracle
  if ! "$python" -c 'import torch, numpy, safetensors' 2>/dev/null; then
    # Beside the build: one waits for the network, the other for the processor.
    echo "check: installing PyTorch in .venv"
    mkdir -p build
    { python3 -m venv .venv && .venv/bin/python -m pip install --quiet torch numpy safetensors; } >build/venv.log 2>&1 &
    venv=$!
  fi
else
  tools/setup.sh
fi

# The build's own output goes to a file; of a failure, the end is what tells.
build() {
  cmake --preset dev && cmake --build build --parallel "$jobs"
}
echo "check: building (build/build.log)"
mkdir -p build
if ! build >build/build.log 2>&1; then
  grep -E -A 3 'error:|^FAILED' build/build.log | head -n 40 || tail -n 40 build/build.log
  echo "check: the build failed"
  echo "0 passed, 1 failed"
  exit 1
fi

if [ $oracle = 1 ]; then
  if [ -n "${venv:-}" ] && ! wait "$venv"; then
    tail -n 20 build/venv.log
  fi
  # Some unit tests compare with PyTorch when they are told where it is; they run in folders of their own.
  KILN_ORACLE_PYTHON=$(realpath --no-symlinks "$(command -v "$python" || echo "$python")")
  export KILN_ORACLE_PYTHON
fi

rm -rf "$results"
mkdir -p "$results"
echo "check: unit tests"
# Each program in four parts, and not a process a test as CTest has it: starting 1,300 of them, MLIR in each, outlasted the tests.
run_part() { # PROGRAM PART
  local report=$results/${1##*/}.$2
  GTEST_TOTAL_SHARDS=4 GTEST_SHARD_INDEX=$2 timeout 1200 "$1" --gtest_output="xml:$PWD/$report.xml" >"$report.log" 2>&1 ||
    echo "exit status $?" >>"$report.log"
}
export -f run_part
export results
expected=()
parts=()
while read -r program; do
  for part in 0 1 2 3; do
    parts+=("$program" "$part")
    expected+=("$results/${program##*/}.$part.xml")
  done
done <build/test-programs.txt
printf '%s\0' "${parts[@]}" | xargs -0 -n 2 -P "$jobs" bash -c 'run_part "$@"' run_part
echo "check: lit tests"
cmake --build build --target check-lit-report >"$results/lit.log" 2>&1 || true

expected+=("$results/lit.xml")
echo "check: fuzzing the readers of files"
tools/fuzz.sh --seconds=15 --report="$results/fuzz.xml" >"$results/fuzz.log" 2>&1 || true
expected+=("$results/fuzz.xml")
if [ $oracle = 1 ]; then
  echo "check: comparing with PyTorch"
  compare() { # SCRIPT
    "$python" "test/oracle/$1.py" --report="$results/oracle.$1.xml" >"$results/oracle.$1.log" 2>&1 || true
  }
  export -f compare
  export python
  # The longest first. Most of each is one thread: PyTorch, or the compiler of a model's C++.
  comparisons=(trajectories compare compiled_gradients gradients fine_tuning)
  printf '%s\0' "${comparisons[@]}" | xargs -0 -n 1 -P "$jobs" bash -c 'compare "$@"' compare
  for comparison in "${comparisons[@]}"; do
    expected+=("$results/oracle.$comparison.xml")
  done
fi

# A log is shown when its report is missing or names failures. The last line of this is the last line of the whole run.
python3 test/report.py "${expected[@]}"
