//===- StatisticsAbi.h - pass statistics as the LLVM library has them -*- C++ -*-===//
//
// Included before everything else in every file of this room when LLVM was built without assertions. llvm::Statistic
// is then an empty class in the library, whose constructor of mlir::Pass::Statistic initialises nothing, while our
// files, which keep the headers' assertions, would see a class with members and count in memory that was never
// initialised. Both sides must see the empty class; statistics then report nothing, as those of MLIR's own passes do.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_STATISTICSABI_H
#define KILN_PASSES_LIB_STATISTICSABI_H

#ifdef NDEBUG
#include "llvm/ADT/Statistic.h"
#else
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#endif

#endif // KILN_PASSES_LIB_STATISTICSABI_H
