// Which instruction set compiled code runs with: what the processor has, limited by KILN_ISA.
#include <cstdlib>
#include <string>

#include "concat.h"
#include "program_parts.h"

namespace kiln::runtime {

std::string_view name(InstructionSet set) {
  switch (set) {
  case InstructionSet::X86_64_V2:
    return "v2";
  case InstructionSet::X86_64_V3:
    return "v3";
  case InstructionSet::X86_64_V4:
    return "v4";
  }
  return "?";
}

InstructionSet cpu_instruction_set() {
  // The builtin reads CPUID and, for the register files of v3 and v4, XGETBV: a set that the system does not save is not supported.
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4"))
    return InstructionSet::X86_64_V4;
  if (__builtin_cpu_supports("x86-64-v3"))
    return InstructionSet::X86_64_V3;
  if (__builtin_cpu_supports("x86-64-v2"))
    return InstructionSet::X86_64_V2;
#endif
  throw Error("compiled programs need a processor with x86-64-v2 (SSE4.2 and POPCNT); this one has less");
}

InstructionSet check_instruction_set(std::string_view wanted, InstructionSet best) {
  for (InstructionSet set : {InstructionSet::X86_64_V2, InstructionSet::X86_64_V3, InstructionSet::X86_64_V4}) {
    if (name(set) != wanted)
      continue;
    if (set > best)
      throw ValueError(concat({"KILN_ISA=", wanted, ": this CPU has only ", name(best)}));
    return set;
  }
  throw ValueError(concat({"KILN_ISA=", wanted, ": expected v2, v3 or v4"}));
}

InstructionSet requested_instruction_set() {
  const InstructionSet best = cpu_instruction_set();
  const char *wanted = std::getenv("KILN_ISA");
  return wanted == nullptr || *wanted == '\0' ? best : check_instruction_set(wanted, best);
}

} // namespace kiln::runtime
