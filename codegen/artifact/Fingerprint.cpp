//===- Fingerprint.cpp - Which checkpoints fit a program ------------------===//
//
// Implements computeFingerprint: a digest of the architecture and of what trains it, free of weights, functions, places in the
// source, and of what follows from the rest: gradients, learning rates, the generator.
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
    if (state.getKind() != ir::StateKind::Parameter && state.getKind() != ir::StateKind::Buffer)
      continue;
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
  // Not the options: the learning rate is state, and loading a checkpoint compares the others and names the one that differs.
  for (auto optimizer : module.getOps<ir::OptimizerOp>()) {
    field("optimizer");
    field(optimizer.getName());
    field(optimizer.getType());
    for (auto group : optimizer.getGroups().getAsRange<ir::ParameterGroupAttr>()) {
      field("group");
      for (FlatSymbolRefAttr parameter : group.getParameters())
        field(parameter.getValue());
      for (ir::SlotAttr slot : group.getSlots()) {
        field("slot");
        field(slot.getName().getValue());
      }
    }
    stream << '\n';
  }
  llvm::SHA256 hash;
  hash.update(llvm::StringRef(text));
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}
