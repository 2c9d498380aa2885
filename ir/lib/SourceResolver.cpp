//===- SourceResolver.cpp - From return addresses to source lines -------------===//
//
// Finds the loaded object of each address, and its line through LLVM's symbolizer, each address once.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/SourceResolver.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/DebugInfo/Symbolize/Symbolize.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Path.h"

#include <dlfcn.h>
#include <unordered_map>

namespace kiln::ir {

SourceResolver::~SourceResolver() = default;

std::optional<SourcePosition> UnknownSourceResolver::resolve(const semantics::Frames &) { return std::nullopt; }

struct SymbolizingResolver::Implementation {
  std::vector<std::string> internalPrefixes;
  llvm::symbolize::LLVMSymbolizer symbolizer;
  std::unordered_map<std::uintptr_t, std::optional<SourcePosition>> known;

  bool isInternal(llvm::StringRef file) const {
    return llvm::any_of(internalPrefixes, [&](const std::string &prefix) { return file.starts_with(prefix); });
  }

  std::optional<SourcePosition> lookUp(std::uintptr_t returnAddress) {
    // The call is before the address it returns to.
    const std::uintptr_t address = returnAddress - 1;
    Dl_info object;
    if (!dladdr(reinterpret_cast<void *>(address), &object) || !object.dli_fname)
      return std::nullopt;
    const std::uint64_t offset = address - reinterpret_cast<std::uintptr_t>(object.dli_fbase);
    llvm::Expected<llvm::DIInliningInfo> frames =
        symbolizer.symbolizeInlinedCode(object.dli_fname, {offset, llvm::object::SectionedAddress::UndefSection});
    if (!frames) {
      llvm::consumeError(frames.takeError()); // An object that can't be read is one without debug information.
      return std::nullopt;
    }
    for (std::uint32_t index = 0; index < frames->getNumberOfFrames(); ++index) {
      const llvm::DILineInfo &frame = frames->getFrame(index);
      if (frame.FileName == llvm::DILineInfo::BadString || frame.Line == 0)
        continue;
      llvm::SmallString<256> file(frame.FileName);
      llvm::sys::path::remove_dots(file, /*remove_dot_dot=*/true);
      if (!isInternal(file))
        return SourcePosition{file.str().str(), frame.Line, frame.Column};
    }
    return std::nullopt;
  }
};

SymbolizingResolver::SymbolizingResolver(std::vector<std::string> internalPrefixes)
    : implementation(std::make_unique<Implementation>()) {
  implementation->internalPrefixes = std::move(internalPrefixes);
}

SymbolizingResolver::~SymbolizingResolver() = default;

std::optional<SourcePosition> SymbolizingResolver::resolve(const semantics::Frames &frames) {
  for (std::uintptr_t address : frames) {
    auto [entry, isNew] = implementation->known.try_emplace(address);
    if (isNew)
      entry->second = implementation->lookUp(address);
    if (entry->second)
      return entry->second;
  }
  return std::nullopt;
}

} // namespace kiln::ir
