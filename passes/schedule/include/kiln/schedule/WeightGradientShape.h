//===- WeightGradientShape.h - how a weight's gradient is divided -*- C++ -*-===//
//
// A kernel anchored at nn.conv_backward_weight with `channels_last` computes a matrix [taps * C / groups, O]: rows are input
// channels of taps, columns are output channels, sums run over output positions. How rows are taken together depends on how they
// lie in the input.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_WEIGHTGRADIENTSHAPE_H
#define KILN_SCHEDULE_WEIGHTGRADIENTSHAPE_H

#include "kiln/schedule/Schedule.h"

namespace kiln::schedule {

struct WeightGradientShape {
  explicit WeightGradientShape(KernelOp kernel);

  enum class Form {
    /// Tap by tap, tiles of input channels.
    Taps,
    /// A line of taps at once: there are so few channels that only all of its taps together are enough for a tile. Neighbouring
    /// taps are neighbours in the input.
    Lines,
    /// Tap by tap, the columns of several groups at once.
    Groups,
  };
  Form form = Form::Taps;
  /// Groups whose columns are a matrix, and how many such matrices there are.
  int64_t together = 1, matrices = 1;
  /// Channels of a group, if known, of the output and of the input (-1 where they are not known).
  int64_t outputs = -1, inputs = -1;
  /// Rows of a unit of the grid's first axis; those of whole taps with Groups, of one line of taps with Lines.
  int64_t unitRows = 0;

  /// Positions whose input is copied, where the padding has a part of it, at a time: with Lines.
  static constexpr int64_t kPositions = 64;
};

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_WEIGHTGRADIENTSHAPE_H
