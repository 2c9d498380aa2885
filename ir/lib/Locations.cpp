//===- Locations.cpp - Module path and source line of an operation ------------===//
//
// Builds fused locations and finds path and line in whatever passes made of them.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Locations.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace kiln::ir {

Location makeLocation(MLIRContext *context, StringRef modulePath, const std::optional<SourcePosition> &source) {
  Location place = source ? Location(FileLineColLoc::get(context, source->file, source->line, source->column))
                          : Location(UnknownLoc::get(context));
  return FusedLoc::get(context, {place}, StringAttr::get(context, modulePath));
}

std::optional<StringRef> modulePathOf(Location location) {
  std::optional<StringRef> found;
  location->walk([&](Location part) {
    if (auto fused = dyn_cast<FusedLoc>(part))
      if (auto path = dyn_cast_if_present<StringAttr>(fused.getMetadata())) {
        found = path.getValue();
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return found;
}

FileLineColLoc sourceOf(Location location) { return location->findInstanceOf<FileLineColLoc>(); }

std::string describeLocation(Location location) {
  std::string text = modulePathOf(location).value_or("").str();
  if (FileLineColLoc source = sourceOf(location)) {
    std::string place = (llvm::sys::path::filename(source.getFilename().getValue()) + ":" + Twine(source.getLine())).str();
    text = text.empty() ? place : text + " (" + place + ")";
  }
  return text;
}

} // namespace kiln::ir
