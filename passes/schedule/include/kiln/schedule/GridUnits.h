//===- GridUnits.h - how large the units of grids are -------------*- C++ -*-===//
//
// A launch's grid counts units. Where a unit is not one row, panel or channel but a block, its size is agreed on here: the schedule
// counts blocks, the back ends run them.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_GRIDUNITS_H
#define KILN_SCHEDULE_GRIDUNITS_H

#include <cstdint>

namespace kiln::schedule {

/// Columns of a unit of a product, whatever the panel: what a back end's tile divides.
constexpr int64_t kColumnBlock = 64;
/// Panels of a unit of a product whose right operand is packed.
constexpr int64_t panelsOfUnit(int64_t panel) { return panel < kColumnBlock ? kColumnBlock / panel : 1; }
/// Channels of a unit of a convolution, all of one group and sample: what a back end's tile divides.
constexpr int64_t kChannelBlock = 4;
/// Rows of a unit of a weight's gradient, where columns are output channels: whole tiles, as each unit reads all positions. See
/// WeightGradientShape.h for rows that are taken together.
constexpr int64_t kGradientRows = 24;
/// Neighbouring columns of a unit that is summed up over rows: several vectors, whole cache lines.
constexpr int64_t kSummedColumns = 32;
/// Elements of a unit of a flat kernel: a cache line of bytes, so that units never share one.
constexpr int64_t kFlatBlock = 64;
/// Units of a kernel that writes several boxes: fractions of each.
constexpr int64_t kFractions = 64;
/// Elements of a unit of an optimizer's step: enough to pay for finding the parameter that they belong to.
constexpr int64_t kParameterBlock = 4096;

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_GRIDUNITS_H
