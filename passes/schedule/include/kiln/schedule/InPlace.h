//===- InPlace.h - destinations in the memory of operands ---------*- C++ -*-===//
//
// Destinations of a launch share no memory with its operands, but for the pairs that this rule admits. The lowering computes a state's
// new value in the state itself where it may; the verifier checks launches by the rule; back ends compile by it.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_INPLACE_H
#define KILN_SCHEDULE_INPLACE_H

#include "kiln/schedule/Schedule.h"

namespace kiln::schedule {

/// Whether result `result` of the kernel may be computed in the very memory of operand `operand` (anchor operands first, then extras).
/// It may where the kernel reads an element of the operand only to compute the element in the same place, before it stores that, and
/// stores it once: operands that a map or a matrix product walks through alike with its result, what an optimizer updates, and the
/// running statistics of a batch norm.
bool mayShareMemory(KernelOp kernel, unsigned result, unsigned operand);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_INPLACE_H
