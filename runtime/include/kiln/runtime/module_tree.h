// The module tree of a model as text: PyTorch's `print(model)`, and a table of layers, shapes and costs.
//
// Both work on plain entries, so that a model file and a compiled artifact print alike.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kiln/runtime/export.h"

namespace kiln::runtime {

/// One module. Entries are in pre-order: a module comes before its children, children are in order of registration.
struct KILN_API ModuleEntry {
  int32_t parent = -1;              // index of an earlier entry; -1 for a root
  std::string name;                 // last part of the path
  std::string path;                 // "blocks.2.fc1"; "" for the root
  std::string type;                 // "Linear"
  std::string extra_repr;           // PyTorch's extra_repr(); may be several lines
  std::string output_shape;         // "[batch, 128]"; "" where the module was never called
  std::string multiply_adds;        // expression in the program's symbols, "100352 * batch"; "" for none
  int64_t parameters = 0;           // elements of the module's own parameters; a tied one counts where it appears first
  int64_t trainable_parameters = 0; // those of them that are trainable
};

/// What PyTorch's `print(model)` prints, without the line end at its end. Several roots follow one another on lines of their own.
/// Throws ValueError when an entry's parent does not come before it.
KILN_API std::string module_tree_text(std::span<const ModuleEntry> modules);

/// A table with a row for each module (path and type, output shape, parameters, multiply-adds) and the totals under it. Ends with a
/// line end. Multiply-adds are added up as expressions, so a symbolic batch stays symbolic.
KILN_API std::string summary_text(std::span<const ModuleEntry> modules);

} // namespace kiln::runtime
