// Reading and writing tensors: safetensors, PyTorch's .pt, NumPy's .npy and .npz.
//
// Files are not trusted. Each reader checks every rule of its format before it returns anything, never executes what a file says,
// and uses memory bounded by the file's size; a violation is one FileError that names the file, the place in it and the rule. No
// reader falls back to a looser one. Writers write a temporary file in the same folder, flush it to the disk and rename it, so a
// reader sees the old file or the new one, never a part.
//
// Tensors that were read are private to the program: writing to them never changes the file. Where the file's layout allows, they
// are views of the mapped file, so loading a large file reads only what is used; the file must not be truncated meanwhile.
#pragma once

#include <map>
#include <string>

#include "kiln/runtime/export.h"
#include "kiln/runtime/state_dict.h"
#include "kiln/runtime/tensor.h"
#include "kiln/runtime/value.h"

namespace kiln::runtime {

/// Reads a state_dict from a .pt, a safetensors or a .npz file; the content decides which, not the name. `key` picks one inside a
/// .pt, as in load_torch.
KILN_API StateDict load(const std::string &path, const std::string &key = "");

/// Reads a safetensors file, tensors in the order of its header. `metadata`, if given, receives the file's __metadata__.
KILN_API StateDict load_safetensors(const std::string &path, std::map<std::string, std::string> *metadata = nullptr);

/// Writes a safetensors file that holds the tensors in the order of `tensors`, each contiguous and aligned.
KILN_API void save_safetensors(const std::string &path, const StateDict &tensors,
                               const std::map<std::string, std::string> &metadata = {});

/// Reads what `torch.save(model.state_dict(), path)` wrote, in any version since 0.2. Tensors that shared a storage share it again.
///
/// Of what torch.jit.save wrote, it reads all tensors of the module and its submodules under their names. Which are buffers and which
/// are attributes that no state_dict has, only the code beside them says: they are all there.
///
/// `key` picks a state_dict inside a checkpoint: "model" for {"model": model.state_dict(), ...}, "model.state" for one more level.
/// Without it, a file that holds such a checkpoint is an error that lists what may be picked.
KILN_API StateDict load_torch(const std::string &path, const std::string &key = "");

/// Reads whatever `torch.save` wrote of None, booleans, integers, floats, text, tensors, lists, tuples and dicts: checkpoints. The
/// rules are those of load_torch; nesting is at most 100 deep.
KILN_API Value load_torch_value(const std::string &path);

/// Writes a .pt file that `torch.load(path, weights_only=True)` reads, and load_torch_value. Tensors that share a storage share it
/// in the file, and the whole storage is written, as torch.save does. Throws FileError, ValueError for nesting of more than 100.
KILN_API void save_torch(const std::string &path, const Value &value);
/// The same for a state_dict.
KILN_API void save_torch(const std::string &path, const StateDict &tensors);

/// Reads an array as `numpy.save` writes it (format versions 1 to 3, either byte order, C or Fortran order; booleans, integers but
/// the unsigned wider than a byte, floats of 2, 4 and 8 bytes).
KILN_API Tensor load_npy(const std::string &path);

/// Reads the arrays that `numpy.savez` wrote, each under its name, by the rules of load_npy. Throws FileError for what
/// numpy.savez_compressed wrote.
KILN_API StateDict load_npz(const std::string &path);

/// Writes an array as `numpy.save` does. Throws TypeError for bfloat16, which NumPy does not have.
KILN_API void save_npy(const std::string &path, const Tensor &tensor);

} // namespace kiln::runtime
