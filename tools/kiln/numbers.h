//===- numbers.h - numbers as text for people -------------------*- C++ -*-===//
//
// How the commands write counts and sizes.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_NUMBERS_H
#define KILN_TOOLS_KILN_NUMBERS_H

#include <cstdint>
#include <string>

#include "llvm/ADT/StringRef.h"

namespace kiln::tools {

/// "12", "3,456,789".
inline std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(at, ",");
  return digits;
}

/// "no tensors", "1 tensor", "1,234 tensors".
inline std::string counted(uint64_t count, llvm::StringRef what) {
  return (count == 0 ? "no" : grouped(count)) + " " + what.str() + (count == 1 ? "" : "s");
}

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_NUMBERS_H
