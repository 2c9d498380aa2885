//===- WeightGradientShape.cpp - how a weight's gradient is divided -------===//
//
// See WeightGradientShape.h.
//
//===----------------------------------------------------------------------===//

#include "kiln/schedule/WeightGradientShape.h"

#include "kiln/schedule/GridUnits.h"
#include "kiln/semantics/channel_groups.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

/// Input channels that are a tile's rows by themselves.
static constexpr int64_t kManyChannels = 16;
/// Bytes of the input of neighbouring positions, at most.
static constexpr int64_t kLineBytes = 64 * 1024;

WeightGradientShape::WeightGradientShape(KernelOp kernel) : unitRows(kGradientRows) {
  auto list = [&](StringRef name) { return cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute(name)).asArrayRef(); };
  std::vector<DimExpr> result = kernel.getResultType().getSizes();
  int64_t groups = cast<IntegerAttr>(kernel.getAnchorAttribute("groups")).getInt();
  size_t rank = result.size();
  std::optional<int64_t> columns = result.back().constant(), channels = result[rank - 2].constant();
  matrices = groups;
  outputs = columns ? *columns / groups : -1;
  inputs = channels.value_or(-1);
  if (outputs < 1 || inputs < 1)
    return;

  together = semantics::groups_together(groups, outputs, inputs, semantics::kGradientLanes);
  matrices = groups / together;
  if (together > 1) {
    form = Form::Groups;
    unitRows = std::max<int64_t>(1, kGradientRows / inputs) * inputs;
    return;
  }
  std::optional<int64_t> taps = result[rank - 3].constant();
  if (groups > 1 || inputs >= kManyChannels || list("dilation").back() != 1 || !taps || *taps == 1)
    return;
  int64_t bytes = kernel.getResultType().getElementType().getIntOrFloatBitWidth() / 8;
  if (((kPositions - 1) * list("stride").back() + *taps) * inputs * bytes > kLineBytes)
    return;
  form = Form::Lines;
  unitRows = *taps * inputs;
}

} // namespace kiln::schedule
