//===- Locations.h - Module path and source line of an operation ---*- C++ -*-===//
//
// An operation's location is the user's source line, fused with the path of the module whose forward was running:
// `fused<"blocks.2.fc1">["model.cpp":12:5]`. Passes that merge operations fuse their locations; the first path and the first line
// in it then stand for the whole.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_LOCATIONS_H
#define KILN_IR_LOCATIONS_H

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"

#include <optional>
#include <string>

namespace kiln::ir {

/// A place in the user's source; column 0 when the debug information has none.
struct SourcePosition {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
};

/// The location of an operation of module `modulePath` ("" for the root or none).
mlir::Location makeLocation(mlir::MLIRContext *context, llvm::StringRef modulePath,
                            const std::optional<SourcePosition> &source);
/// Module path in `location`; empty if there is none. The root's path is the empty string.
std::optional<llvm::StringRef> modulePathOf(mlir::Location location);
/// Source line in `location`; null if there is none.
mlir::FileLineColLoc sourceOf(mlir::Location location);
/// "blocks.2.fc1 (model.cpp:12)", "model.cpp:12", "blocks.2.fc1" or "": for messages and remarks. The file without its folders.
std::string describeLocation(mlir::Location location);

} // namespace kiln::ir

#endif // KILN_IR_LOCATIONS_H
