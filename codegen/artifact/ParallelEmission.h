//===- ParallelEmission.h - machine code by several threads --------*- C++ -*-===//
//
// Declares how a program's LLVM module becomes objects on all processors. The split depends on the module alone, never on the machine,
// so the same input gives the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_PARALLELEMISSION_H
#define KILN_CODEGEN_PARALLELEMISSION_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace kiln::codegen {

using ObjectBytes = llvm::SmallVector<char, 0>;

/// Optimises the module's functions and emits them, in parts of a few thousand instructions each, and its data. What was private to the
/// module is hidden in the objects, so that they find each other: they are to be linked into one and the hidden symbols made local.
/// `module` itself changes in linkage only.
llvm::Expected<std::vector<ObjectBytes>> emitInParts(llvm::Module &module);

/// The object with its hidden symbols made local.
llvm::Expected<ObjectBytes> localizeHidden(llvm::StringRef object);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_PARALLELEMISSION_H
