#!/usr/bin/env bash
# tools/random-programs.sh [--seed=N] [--count=N]: compiles random programs and compares them with the interpreter, on each processor.
#
# Seeds N, N + 1, ... (from 1, 1000 of them); one seed is one program on every machine. Programs with a fault are left, reduced to what
# is needed for it, in build/random-findings. Exit status 1 when there were any.
set -euo pipefail
cd "$(dirname "$0")/.."

seed=1
count=1000
for argument in "$@"; do
  case $argument in
    --seed=*) seed=${argument#*=} ;;
    --count=*) count=${argument#*=} ;;
    *) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
  esac
done

mkdir -p build
if ! { cmake --preset dev && cmake --build build --target random_programs --parallel "$(nproc)"; } >build/random-build.log 2>&1; then
  grep -E -A 3 "error:|^FAILED" build/random-build.log | head -n 40 || tail -n 40 build/random-build.log
  exit 1
fi

# In parts of 50, so that the processors share the slow ones.
for ((from = seed; from < seed + count; from += 50)); do
  echo "$from $((seed + count - from < 50 ? seed + count - from : 50))"
done | xargs -n 2 -P "$(nproc)" sh -c 'exec build/bin/random_programs --seed="$1" --count="$2" --findings=build/random-findings' run ||
  { echo "random-programs: some have a fault; see build/random-findings"; exit 1; }
