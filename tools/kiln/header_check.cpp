//===- header_check.cpp - the headers that fit this driver ----------------===//
//
// Kiln's classes are laid out by its headers, in the model's library as in the driver. Headers that differ from those that the
// driver was built with would give a library that reads and writes past them, which no symbol tells. So every header's digest is
// compared before anything is compiled; a change that is only a comment's counts as well.
//
//===----------------------------------------------------------------------===//

#include "header_check.h"

#include "command_line.h"
#include "diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

using namespace llvm;

namespace kiln::tools {

namespace {
struct Header {
  StringLiteral name, digest;
};
} // namespace

static constexpr Header headers[] = {
#include "header_digests.inc"
};

[[noreturn]] static void fail(const Twine &message) {
  report(Severity::Error, message.str());
  throw CommandFailure{UserError};
}

static std::unique_ptr<MemoryBuffer> read(StringRef folder, StringRef name) {
  SmallString<128> path(folder);
  sys::path::append(path, name);
  auto content = MemoryBuffer::getFile(path);
  return content ? std::move(*content) : nullptr;
}

static bool fits(const Header &header, const MemoryBuffer &content) {
  return toHex(SHA256::hash(arrayRefFromStringRef(content.getBuffer())), /*LowerCase=*/true) == header.digest;
}

void checkHeaders(ArrayRef<std::string> userFolders, ArrayRef<std::string> ownFolders) {
  for (const Header &header : headers) {
    std::unique_ptr<MemoryBuffer> content;
    for (const std::string &folder : userFolders)
      if ((content = read(folder, header.name))) {
        if (fits(header, *content))
          break;
        fail(folder + "/" + header.name + " is of another version of Kiln than this driver, and the model would be compiled with it; " +
             "leave out the option -I " + folder + ": kiln finds its own headers");
      }
    for (const std::string &folder : ownFolders)
      if (!content && (content = read(folder, header.name)) && !fits(header, *content))
        fail(folder + "/" + header.name + " is of another version of Kiln than this driver: one of the two was changed without the " +
             "other; build or install Kiln again, as a whole");
    if (!content)
      fail("Kiln's header " + header.name + " is not in " + join(ownFolders, ", ") + "; build or install Kiln again, as a whole");
  }
}

} // namespace kiln::tools
