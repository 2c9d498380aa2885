//===- ModuleMarks.h - What a module's record carries -------------*- C++ -*-===//
//
// Discardable attributes of nn.module: facts about the user's classes that neither PyTorch's class name nor its text tells.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_MODULEMARKS_H
#define KILN_IR_MODULEMARKS_H

#include "llvm/ADT/StringRef.h"

namespace kiln::ir {

/// Unit: nn::Dropout or a class derived from it, whose nn.dropout follows the module's own mode.
inline constexpr llvm::StringLiteral kDropoutModuleAttrName = "nn.dropout_module";

} // namespace kiln::ir

#endif // KILN_IR_MODULEMARKS_H
