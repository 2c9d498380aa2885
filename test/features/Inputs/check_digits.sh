#!/bin/sh
# check_digits.sh BIN SOURCE MODEL NAME FOLDER: what compiled MODEL.cpp says about the 360 test digits, against PyTorch and the interpreter.
#
# NAME is the name under which test/data has the weights that PyTorch trained and the logits that it computed. One artifact serves all
# batch sizes, both kinds of weight files and all instruction sets of this machine.
set -eu
bin=$1 source=$2 model=$3 name=$4 folder=$5
data=$source/test/data
images=$data/digits_test.safetensors:images labels=$data/digits_test.safetensors:labels
rm -rf "$folder" && mkdir -p "$folder" && cd "$folder"

"$bin/kiln" print "$source/test/models/$model.cpp" | diff - "$data/$name.print.txt"
"$bin/kiln" build "$source/test/models/$model.cpp" -o model.so
"$bin/kiln" run "$source/test/models/$model.cpp" predict --interpret=f64 --weights="$data/$name.pt" --input=x="$images" --output=y64.npy

"$bin/tensor-tool" accuracy "$data/$name.logits.safetensors:logits" "$labels" >accuracy
for kind in pt safetensors; do
  "$bin/kiln" run model.so predict --weights="$data/$name.$kind" --input=x="$images" --output="$kind.npy"
  "$bin/tensor-tool" compare "$kind.npy" y64.npy --tolerance=2e-6
  "$bin/tensor-tool" compare "$kind.npy" "$data/$name.logits.safetensors:logits" --tolerance=5e-6
  "$bin/tensor-tool" accuracy "$kind.npy" "$labels" | diff - accuracy
done
"$bin/tensor-tool" equal pt.npy safetensors.npy

for batch in 0 1 2 31 257; do
  "$bin/tensor-tool" head "$batch" "$images" x.npy
  "$bin/kiln" run model.so predict --weights="$data/$name.pt" --input=x=x.npy --output=y.npy
  "$bin/tensor-tool" compare y.npy y64.npy --tolerance=2e-6
done

# A processor may lack a set; the message then says so. Any other failure is one.
for set in v2 v3 v4; do
  if KILN_ISA=$set "$bin/kiln" run model.so predict --weights="$data/$name.pt" --input=x="$images" --output=y.npy 2>errors; then
    "$bin/tensor-tool" compare y.npy y64.npy --tolerance=2e-6
  else
    grep -q "KILN_ISA" errors
  fi
done
