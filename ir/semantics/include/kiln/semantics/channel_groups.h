// How many groups of a convolution are computed together.
//
// Kernels of channels-last data have neighbouring channels in the lanes of their vectors. A group of few channels
// fills a part of a vector; several groups side by side fill the rest, if each lane reads the channels of its own group.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kiln::semantics {

/// Most channels of a group on either side: those that a lane adds up are moved to it one by one, and a group of more
/// lanes fills vectors by itself.
inline constexpr int64_t kMostChannelsOfGroup = 16;
/// How many times the channels in lanes those added up may be: a lane's are picked from so many vectors.
inline constexpr int64_t kMostVectorsOfLanes = 8;
/// Lanes of groups that a weight's gradient is computed for together: as many as a register tile has.
inline constexpr int64_t kGradientLanes = 64;

/// Of `groups` groups, the largest divisor of which so many have no more than `width` lanes; 1 where they are computed
/// one by one. A group has `lanes` channels on the side that lies in lanes, and `addends` on the one that is added up.
/// Where each channel is a group of its own, nothing is moved: all groups are one.
constexpr int64_t groups_together(int64_t groups, int64_t lanes, int64_t addends, int64_t width) {
  if (lanes == 1 && addends == 1)
    return groups;
  if (lanes < 1 || std::max(lanes, addends) > kMostChannelsOfGroup || addends > lanes * kMostVectorsOfLanes)
    return 1;
  int64_t together = std::clamp<int64_t>(width / lanes, 1, groups);
  while (groups % together != 0)
    --together;
  return together;
}

} // namespace kiln::semantics
