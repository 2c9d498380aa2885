#!/usr/bin/env bash
# tools/setup.sh [--oracle]: installs, once, the Debian packages that building and testing Kiln needs.
#
# demo.sh and check.sh call it first. With everything there it says nothing and takes a few milliseconds. As root it installs what is
# missing with apt-get; otherwise it names the packages and stops. --oracle adds what a Python virtual environment needs.
# KILN_SKIP_SETUP=1 skips it, for machines where the tools come from elsewhere than Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ git                                       # the user's models are compiled with the host compiler
  clang-22 lld-22 cmake ninja-build ccache      # Kiln itself is compiled with these
  llvm-22-dev libmlir-22-dev mlir-22-tools      # LLVM and MLIR: headers, shared libraries, mlir-tblgen
  llvm-22-tools python3                         # lit, FileCheck
  zlib1g-dev                                    # LLVM's CMake package asks for it
  libfmt-dev libgtest-dev libgmock-dev
  libclang-rt-22-dev                            # sanitizers: the tests compile CUDA kernels for the host with them
)
for argument in "$@"; do
  case $argument in
    --oracle) packages+=(python3-venv) ;;
    *) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
  esac
done

[ "${KILN_SKIP_SETUP:-0}" = 1 ] && exit 0
if ! command -v dpkg-query >/dev/null; then
  echo "setup: this machine has no Debian packages; install the equivalents of: ${packages[*]}" >&2
  echo "setup: then run again with KILN_SKIP_SETUP=1" >&2
  exit 1
fi

installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
  grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "setup: missing packages; install them with" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

mkdir -p build
log=build/setup.log
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "setup: apt-get failed; the whole output is in $log" >&2
  exit 1
fi
