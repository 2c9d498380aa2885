//===- Schedule.h - the schedule dialect ------------------------*- C++ -*-===//
//
// Declares the dialect, its buffer type and its ops. ScheduleOps.td documents them; the back ends include this header and no other
// of this room.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_SCHEDULE_H
#define KILN_SCHEDULE_SCHEDULE_H

#include "kiln/ir/Ops.h"
#include "kiln/semantics/dim_expr.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "kiln/schedule/ScheduleDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "kiln/schedule/ScheduleTypes.h.inc"

#define GET_OP_CLASSES
#include "kiln/schedule/ScheduleOps.h.inc"

#endif // KILN_SCHEDULE_SCHEDULE_H
