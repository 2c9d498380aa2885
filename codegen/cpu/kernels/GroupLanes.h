//===- GroupLanes.h - several groups of channels in a vector ------*- C++ -*-===//
//
// Channels-last convolutions in groups, where a group's channels fill a part of a vector. Neighbouring lanes are neighbouring
// channels of one side, several groups' at once; each lane adds up the channels that its own group has on the other side. These
// are neighbours in memory too: they are loaded as they lie, and moved to the lanes of their groups.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_GROUPLANES_H
#define KILN_CODEGEN_CPU_KERNELS_GROUPLANES_H

#include "../KernelBuilder.h"

namespace kiln::codegen {

/// Some vectors of neighbouring lanes.
struct GroupChunk {
  /// The first lane, among those of all groups that are computed together.
  Value column;
  /// A group's first channel on the other side, and how many lanes before the first one that group begins.
  Value channel;
  int64_t phase;
  /// Vectors of `lanes` lanes, of which the first `columns` are there.
  int64_t vectors, columns, lanes;

  int64_t columnsOf(int64_t vector) const { return std::min(lanes, columns - vector * lanes); }
  /// Which lanes of a vector are there; null where all are.
  Value mask(KernelBuilder &b, int64_t vector) const;
};

/// The channels of a group on the side that lies in lanes, and on the one that is added up.
struct GroupLanes {
  int64_t lanes, addends;

  /// Calls `body` for chunks of `vectors` vectors until `columns` lanes had one: the lanes of whole groups.
  void forEachChunk(KernelBuilder &b, int64_t columns, int64_t vectors, int64_t lanes,
                    llvm::function_ref<void(const GroupChunk &)> body) const;
};

/// What a vector of lanes reads at a position.
class GroupVector {
public:
  /// base[offset] is the chunk's channel at that position. `mask`, where each channel is a group of its own, are the lanes to be
  /// read.
  GroupVector(KernelBuilder &b, const GroupLanes &groups, const GroupChunk &chunk, int64_t vector, Value base, Type element,
              Value offset, Value mask = {});

  /// Channel `k` of each lane's group, of the type that elements are computed in.
  Value channel(int64_t k) const;

private:
  int64_t indexOf(int64_t lane, int64_t k) const;

  KernelBuilder &b;
  GroupLanes groups;
  int64_t phase, lanes, columns;
  /// Where the channels of the vector's first group begin; and all of its groups' channels, where there are several.
  Value first, loaded;
  Type element;
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_GROUPLANES_H
