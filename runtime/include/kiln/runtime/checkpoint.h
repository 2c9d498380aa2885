// Checkpoints in files: everything that training goes on from, in a .pt that PyTorch reads too.
//
//   {"model": OrderedDict(...),                         into model.load_state_dict of PyTorch, and of Kiln
//    "optimizer": {"state": ..., "param_groups": ...},  into optimizer.load_state_dict; "optimizer1", "optimizer2" where there are several
//    "kiln": {"fingerprint": ..., "generator": [seed, offset],
//             "train": {"epoch": ..., "seed": ..., "shuffle": ..., "batch_size": ...}, ...}}
//
// Training that goes on from a checkpoint computes the same bits as training that was never interrupted. A checkpoint without "kiln",
// as PyTorch's users write them, is taken too: the random generator then goes on from where it is, not from where it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kiln/runtime/export.h"
#include "kiln/runtime/model.h"

namespace kiln::runtime {

/// Where a training loop stands.
struct TrainingProgress {
  int64_t epoch = 0;      ///< epochs that are done
  uint64_t seed = 0;      ///< that training began with
  std::string shuffle;    ///< DataLoader::generator_state(), from which the next epoch's order is drawn
  int64_t batch_size = 0; ///< samples in a mini-batch; 0 where it is not known
};

/// Writes model.checkpoint(), and with `progress` where the loop stands. The file appears whole or not at all.
KILN_API void save_checkpoint(const std::string &path, const Model &model, const std::optional<TrainingProgress> &progress = {});

/// Reads a checkpoint into the model and returns where the loop stood; none when the file does not say, as one of PyTorch's. Throws
/// what Model::load_checkpoint throws, the file named at the end, and FileError; nothing has changed then.
KILN_API std::optional<TrainingProgress> load_checkpoint(const std::string &path, Model &model, bool ignore_fingerprint = false);

/// Writes the model's weights, a copy taken at one moment between calls, as a state_dict: a .safetensors file, with the fingerprint
/// among its metadata, or a .pt file. Throws ValueError for another ending.
KILN_API void save_weights(const std::string &path, const Model &model);

} // namespace kiln::runtime
