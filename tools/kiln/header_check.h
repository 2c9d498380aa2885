//===- header_check.h - the headers that fit this driver --------*- C++ -*-===//
//
// A model is compiled against Kiln's headers and runs inside the driver, so both must be of one version.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_HEADER_CHECK_H
#define KILN_TOOLS_KILN_HEADER_CHECK_H

#include <string>
#include <vector>

#include "llvm/ADT/ArrayRef.h"

namespace kiln::tools {

/// Reports an error and throws CommandFailure unless each public header that the driver was built with is found, unchanged, in the
/// first of the folders that has it: the user's, then Kiln's own.
void checkHeaders(llvm::ArrayRef<std::string> userFolders, llvm::ArrayRef<std::string> ownFolders);

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_HEADER_CHECK_H
