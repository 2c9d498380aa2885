//===- SourceResolver.h - From return addresses to source lines ----*- C++ -*-===//
//
// The recorder keeps return addresses; a SourceResolver turns them into the line of the user's model that they came from.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_SOURCERESOLVER_H
#define KILN_IR_SOURCERESOLVER_H

#include "kiln/ir/Locations.h"
#include "kiln/semantics/program.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kiln::ir {

class SourceResolver {
public:
  virtual ~SourceResolver();
  /// The innermost frame that is the user's; empty if none is known.
  virtual std::optional<SourcePosition> resolve(const semantics::Frames &frames) = 0;
};

/// Knows nothing: for programs that were not recorded in this process.
class UnknownSourceResolver : public SourceResolver {
public:
  std::optional<SourcePosition> resolve(const semantics::Frames &frames) override;
};

/// Reads the debug information of the objects loaded into this process. Inlined calls count as frames. A frame is not the user's if
/// it has no debug information or its file's path begins with one of `internalPrefixes`: folders of Kiln's headers and sources, and
/// of the C++ library.
class SymbolizingResolver : public SourceResolver {
public:
  explicit SymbolizingResolver(std::vector<std::string> internalPrefixes);
  ~SymbolizingResolver() override;
  std::optional<SourcePosition> resolve(const semantics::Frames &frames) override;

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace kiln::ir

#endif // KILN_IR_SOURCERESOLVER_H
