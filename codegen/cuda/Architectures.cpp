//===- Architectures.cpp - the architectures of --target=cuda -------------===//
//
// Reads and checks names such as sm_80 before anything is compiled. What the installed toolkit compiles for is NVRTC's to say
// (Nvrtc.cpp); what can't exist at all is refused here, with or without a toolkit.
//
//===----------------------------------------------------------------------===//

#include "kiln/codegen/Cuda.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace kiln::codegen {

/// Those that NVIDIA has made, from the first that CUDA 12 compiles for.
static constexpr unsigned kKnown[] = {50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 88, 89, 90, 100, 101, 103, 110, 120, 121};
/// What `cuda` alone means: every later device runs the PTX.
static constexpr unsigned kDefault = 80;

Expected<CudaArchitectures> parseCudaArchitectures(StringRef text) {
  if (text.empty())
    return CudaArchitectures{kDefault};
  CudaArchitectures architectures;
  SmallVector<StringRef> names;
  text.split(names, ',');
  for (StringRef name : names) {
    unsigned number = 0;
    StringRef digits = name;
    if (!digits.consume_front("sm_") || digits.getAsInteger(10, number))
      return createStringError("'%s' is no architecture; one is written sm_80", name.str().c_str());
    if (!is_contained(kKnown, number)) {
      std::string known = join(map_range(kKnown, [](unsigned number) { return "sm_" + std::to_string(number); }), ", ");
      return createStringError("there is no architecture '%s'\n  architectures: %s", name.str().c_str(), known.c_str());
    }
    architectures.push_back(number);
  }
  sort(architectures);
  architectures.erase(std::unique(architectures.begin(), architectures.end()), architectures.end());
  return architectures;
}

} // namespace kiln::codegen
