#!/usr/bin/env bash
# tools/demo.sh: builds the compiler, compiles a network that reads handwritten digits, lets it read 360 of them, and trains it anew.
#
# From a fresh clone: installs what is missing (tools/setup.sh), builds build/bin/kiln, compiles test/models/deep_mlp.cpp with the weights
# that PyTorch trained (test/data/DeepMLP.pt) into a shared library and a header, and runs a small host program on both
# (tools/demo/classify.cpp). Then `kiln train` takes the same network from fresh weights through the 1437 training digits until it reads
# at least 97 % of the others. Everything lands in build/.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh

mkdir -p build/demo
echo "demo: building the compiler (the first time takes some minutes; build/build.log)"
if ! { cmake --preset dev && cmake --build build --parallel "$(nproc)" --target kiln kiln_runtime; } >build/build.log 2>&1; then
  grep -E -A 3 'error:|^FAILED' build/build.log | head -n 40 || tail -n 40 build/build.log
  exit 1
fi

echo "demo: compiling test/models/deep_mlp.cpp"
started=$(date +%s%N)
build/bin/kiln build test/models/deep_mlp.cpp -o build/demo/deep_mlp --emit=shared,header --weights=test/data/DeepMLP.pt
compiled=$(($(date +%s%N) - started))

# The host: a C++ program that includes the generated header and links the model and the runtime.
"${CXX:-c++}" -std=c++20 -O2 -Iruntime/include -Ibuild/demo tools/demo/classify.cpp build/demo/deep_mlp.so \
  build/lib/libkiln_runtime.a -pthread -ldl -Wl,-rpath,'$ORIGIN' -o build/demo/classify

echo
build/demo/classify test/data/DeepMLP.pt test/data/digits_test.safetensors
printf 'artifact       %s bytes (build/demo/deep_mlp.so, weights and all)\n' "$(stat -c %s build/demo/deep_mlp.so)"
printf 'compiled in    %d.%d s\n' $((compiled / 1000000000)) $((compiled / 100000000 % 10))

# Second act: the same artifact learns. Its function train_step is the forward pass, the backward pass and Adam, compiled.
echo
echo "demo: training it from fresh weights (kiln train, function train_step)"
build/bin/kiln build test/models/deep_mlp.cpp -o build/demo/fresh.so
digits_of() { printf -- '--%s=x=test/data/%s.safetensors:images --%s=y=test/data/%s.safetensors:labels' "$1" "$2" "$1" "$2"; }
started=$(date +%s%N)
# shellcheck disable=SC2046  # four words
build/bin/kiln train build/demo/fresh.so $(digits_of input digits_train) --eval=predict $(digits_of eval-input digits_test) \
  --epochs=4 --batch-size=64 --seed=1 --save=build/demo/trained.safetensors >build/demo/train.log
trained=$(($(date +%s%N) - started))
cat build/demo/train.log
accuracy=$(sed -n 's/^epoch 4\/4: .*accuracy \([0-9.]*\) %.*/\1/p' build/demo/train.log)
printf '\ntrained to     %s %% of 360 digits that it has not seen\n' "$accuracy"
printf 'trained in     %d.%d s, 4 times through 1437 digits\n' $((trained / 1000000000)) $((trained / 100000000 % 10))
if ! awk -v accuracy="$accuracy" 'BEGIN { exit !(accuracy >= 97) }'; then
  echo "demo: expected at least 97 %" >&2
  exit 1
fi

cat <<'NEXT'

Next: run it yourself, with other weights if you like, and look inside.
  build/bin/kiln run build/demo/deep_mlp.so predict --input=x=test/data/digits_test.safetensors:images --output=build/demo/logits.npy
  build/bin/kiln summary test/models/deep_mlp.cpp
  build/bin/kiln inspect build/demo/deep_mlp.so
  build/bin/kiln train --help
NEXT
