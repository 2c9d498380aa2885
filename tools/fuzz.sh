#!/usr/bin/env bash
# tools/fuzz.sh [--seconds=N] [--report=FILE] [TARGET...]: runs the fuzzers of the file readers, N seconds each (60), one on each processor.
#
# Builds them in build/fuzz (preset fuzz) first. The seeds are the files of test/data/runtime and of test/fuzz/corpus/TARGET; what
# is found on the way is kept in build/fuzz/corpus/TARGET for the next run. A target fails when a reader crashes, reads out of
# bounds, runs into undefined behaviour, needs more than 10 seconds or 512 MiB for an input, or throws anything but an error of its
# own; the input is left in build/fuzz/findings. FILE gets a JUnit report. Exit status 1 when anything failed.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60
report=
targets=()
for argument in "$@"; do
  case $argument in
    --seconds=*) seconds=${argument#*=} ;;
    --report=*) report=$(realpath -m "${argument#*=}") ;;
    -*) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
    *) targets+=("$argument") ;;
  esac
done
[ ${#targets[@]} -gt 0 ] || targets=(npy pickle safetensors torch)

mkdir -p build/fuzz
if ! { cmake --preset fuzz && cmake --build build/fuzz --target fuzzers --parallel "$(nproc)"; } >build/fuzz/build.log 2>&1; then
  grep -E -A 3 "error:|^FAILED" build/fuzz/build.log | head -n 40 || tail -n 40 build/fuzz/build.log
  exit 1
fi
findings=build/fuzz/findings
mkdir -p $findings

# A pickle is a part of a .pt file.
seeds() { # TARGET FOLDER
  local files=test/data/runtime
  mkdir -p "$2"
  case $1 in
    npy) cp $files/*.npy "$2" ;;
    safetensors) cp $files/*.safetensors "$2" ;;
    torch) find $files '(' -name '*.pt' -o -name '*.npz' ')' -size -64k -exec cp {} "$2" ';' ;;
    pickle)
      python3 - "$2" $files/*.pt <<'PYTHON'
import pathlib, sys, zipfile
for name in sys.argv[2:]:
    if zipfile.is_zipfile(name):
        with zipfile.ZipFile(name) as archive:
            for entry in archive.namelist():
                if entry.endswith("/data.pkl"):
                    pathlib.Path(sys.argv[1], pathlib.Path(name).stem + ".pkl").write_bytes(archive.read(entry))
PYTHON
      ;;
    *) echo "fuzz: there is no target '$1'; there are: npy pickle safetensors torch" >&2; return 2 ;;
  esac
  if [ -d "test/fuzz/corpus/$1" ]; then cp "test/fuzz/corpus/$1"/* "$2"; fi
}

run() { # TARGET
  local corpus=build/fuzz/corpus/$1 given=build/fuzz/seeds/$1
  mkdir -p "$corpus"
  build/fuzz/bin/"$1"_fuzz -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=256 \
    -print_final_stats=1 -artifact_prefix="$findings/$1-" "$corpus" "$given" >"build/fuzz/$1.log" 2>&1
}
export -f run
export seconds findings
for target in "${targets[@]}"; do
  rm -rf "build/fuzz/seeds/$target"
  seeds "$target" "build/fuzz/seeds/$target"
done

failed=0
printf '%s\0' "${targets[@]}" |
  xargs -0 -n 1 -P "$(nproc)" bash -c 'if run "$1"; then echo passed; else echo failed; fi >"build/fuzz/$1.result"' run
cases=
for target in "${targets[@]}"; do
  inputs=$(sed -n 's/^stat::number_of_executed_units: //p' "build/fuzz/$target.log")
  result=$(cat "build/fuzz/$target.result")
  echo "fuzz: $target: $result, ${inputs:-no} inputs"
  failure=
  if [ "$result" != passed ]; then
    failed=1
    tail -n 40 "build/fuzz/$target.log"
    failure="<failure message=\"see build/fuzz/$target.log\"/>"
  fi
  cases+="<testcase classname=\"fuzz\" name=\"$target\">$failure</testcase>"
done
[ -z "$report" ] || echo "<testsuites><testsuite name=\"fuzz\">$cases</testsuite></testsuites>" >"$report"
exit $failed
