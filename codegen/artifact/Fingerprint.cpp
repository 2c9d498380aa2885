//===- Fingerprint.cpp - Which checkpoints fit a program ------------------===//
//
// Implements computeFingerprint: a digest of the architecture, free of weights, functions and places in the source.
//
//===----------------------------------------------------------------------===//

#include "kiln/codegen/Artifact.h"

#include "kiln/ir/Ops.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

std::string kiln::codegen::computeFingerprint(ModuleOp module) {
  // Every field ends with a zero byte and every record with a newline, so that no two architectures have the same text.
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto field = [&](llvm::StringRef value) { stream << value << '\0'; };
  for (auto entry : module.getOps<ir::ModuleEntryOp>()) {
    field("module");
    field(entry.getPath());
    field(entry.getType());
    field(entry.getExtraRepr());
    stream << '\n';
  }
  for (auto state : module.getOps<ir::StateOp>()) {
    field("state");
    field(state.getPath());
    stream << state.getTensorType() << '\0' << '\n';
  }
  for (auto name : module.getOps<ir::StateNameOp>()) {
    field("name");
    field(name.getName());
    field(name.getState());
    field(name.getNonPersistent() ? "non_persistent" : "persistent");
    stream << '\n';
  }
  llvm::SHA256 hash;
  hash.update(llvm::StringRef(text));
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}
