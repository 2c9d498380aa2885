#!/bin/sh
# check_trajectories.sh BIN SOURCE MODEL FOLDER [FLAGS...]: 200 losses of MODEL with three optimizers, compiled, against PyTorch's.
#
# In double within 1e-9 of each loss; in float within what PyTorch's own float allows at each step (record_trajectories.py, which also
# says which rows are in which batch). All optimizers run with the best instruction set of this machine; one, in float, with all sets.
set -eu
bin=$1 source=$2 model=$3 folder=$4
shift 4
recorded=$source/test/data/trajectories/losses.safetensors
rm -rf "$folder" && mkdir -p "$folder" && cd "$folder"

"$bin/kiln" build "$source/test/features/Inputs/trajectories.cpp" -o model.so -I "$source/test/models" "$@"

check() { # check OPTIMIZER DTYPE
  "$bin/training-tool" model.so "$1_$2" "$source/test/data/digits_train.safetensors" losses.npy --steps=200 --batch=32 --stride=7 ||
    return 1
  if [ "$2" = float64 ]; then allowed=--relative=1e-9; else allowed=$recorded:$model.$1.allowed; fi
  "$bin/tensor-tool" within losses.npy "$recorded:$model.$1.losses" "$allowed" || exit 1
}

for optimizer in SGD Adam AdamW; do
  echo "$optimizer"
  check $optimizer float64
  check $optimizer float32
done

# A processor may lack a set; the message then says so. Any other failure is one. v2 rounds every product, which PyTorch's recorded runs do
# not; with Adam, unlike AdamW, that moves no ReLU of residual_network across zero before theirs do.
for set in v2 v3 v4; do
  echo "Adam, $set"
  export KILN_ISA=$set
  check Adam float32 2>errors || grep "KILN_ISA" errors
done
