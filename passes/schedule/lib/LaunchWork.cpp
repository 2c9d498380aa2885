//===- LaunchWork.cpp - how much a launch does ----------------------------===//
//
// The operations of an anchor are in one table, by its name; an anchor that is not in it moves data only.
//
//===----------------------------------------------------------------------===//

#include "kiln/schedule/LaunchWork.h"

#include "kiln/schedule/MatmulShape.h"
#include "mlir/Interfaces/CastInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

using Flops = DimExpr (*)(KernelOp);

/// [..., inner] by a weight.
static DimExpr linearFlops(KernelOp kernel) {
  return 2 * kernel.getResultType().getElements() * kernel.getAnchorType(0).getSizes().back();
}
static DimExpr matmulFlops(KernelOp kernel) { return 2 * kernel.getResultType().getElements() * MatmulShape(kernel).inner; }

/// A product for each tap of each channel that a weight joins to an element of the output: two operations.
static DimExpr convFlops(const DimExpr &outputs, BufferType weight) {
  DimExpr flops = 2 * outputs;
  std::vector<DimExpr> sizes = weight.getSizes();
  for (const DimExpr &size : ArrayRef(sizes).drop_front())
    flops = flops * size;
  return flops;
}
static DimExpr convForwardFlops(KernelOp kernel) {
  return convFlops(kernel.getResultType().getElements(), kernel.getAnchorType(1));
}
static DimExpr convBackwardInputFlops(KernelOp kernel) {
  return convFlops(kernel.getAnchorType(0).getElements(), kernel.getAnchorType(1));
}
static DimExpr convBackwardWeightFlops(KernelOp kernel) {
  auto isLast = dyn_cast_if_present<BoolAttr>(kernel.getAnchorAttribute("channels_last"));
  if (!isLast || !isLast.getValue())
    return convFlops(kernel.getAnchorType(0).getElements(), kernel.getResultType());
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  DimExpr flops = 2 * kernel.getAnchorType(0).getElements();
  for (const DimExpr &size : ArrayRef(sizes).drop_back())
    flops = flops * size;
  return flops;
}

static DimExpr packedConvFlops(KernelOp kernel) {
  return 2 * kernel.getResultType().getElements() * kernel.getAnchorType(1).getSizes()[2];
}

/// Each element of the gradient is in a product for each tap of each input channel of its group.
static DimExpr packedConvBackwardInputFlops(KernelOp kernel) {
  DimExpr flops = 2 * kernel.getAnchorType(0).getElements() * kernel.getResultType().getSizes().back();
  for (int64_t size : cast<DenseI64ArrayAttr>(kernel.getAnchorAttribute("kernel_size")).asArrayRef())
    flops = flops * DimExpr(size);
  return flops.floordiv(cast<IntegerAttr>(kernel.getAnchorAttribute("groups")).getInt());
}

/// So many operations for each element of an operand.
template <int operand, int operations> static DimExpr elementFlops(KernelOp kernel) {
  return operations * kernel.getAnchorType(operand).getElements();
}

/// So many operations for each element of all parameters.
template <int operations> static DimExpr parameterFlops(KernelOp kernel) {
  DimExpr elements = 0;
  for (int64_t i = 0, count = cast<IntegerAttr>(kernel.getAnchorAttribute("count")).getInt(); i < count; ++i)
    elements = elements + kernel.getAnchorType(i).getElements();
  return operations * elements;
}

static DimExpr anchorFlops(KernelOp kernel) {
  static const llvm::StringMap<Flops> table = {
      {"nn.packed_linear", linearFlops},
      {"nn.linear", linearFlops},
      {"nn.matmul", matmulFlops},
      {"nn.packed_conv", packedConvFlops},
      {"nn.packed_conv_backward_input", packedConvBackwardInputFlops},
      {"nn.conv", convForwardFlops},
      {"nn.conv_backward_input", convBackwardInputFlops},
      {"nn.conv_backward_weight", convBackwardWeightFlops},
      {"nn.sum", elementFlops<0, 1>},
      {"nn.mean", elementFlops<0, 1>},
      {"nn.batch_norm", elementFlops<0, 6>},          // mean 1, variance 3, scale and shift 2
      {"nn.batch_norm_backward", elementFlops<0, 9>}, // normalised input 2, two sums 3, gradient 4
      {"nn.dropout", elementFlops<0, 1>},
      {"nn.softmax", elementFlops<0, 5>},                // greatest, difference, exp, sum, quotient
      {"nn.log_softmax", elementFlops<0, 5>},            // greatest, difference, exp, sum, difference
      {"nn.softmax_backward", elementFlops<0, 4>},       // product, sum, difference, product
      {"nn.log_softmax_backward", elementFlops<0, 4>},   // sum, exp, product, difference
      {"nn.cross_entropy", elementFlops<0, 4>},          // greatest, difference, exp, sum
      {"nn.cross_entropy_backward", elementFlops<1, 4>}, // difference, exp, quotient, scale; the cotangent comes first
      {"nn.cross_entropy_total", elementFlops<0, 1>},
      {"nn.embedding_backward", elementFlops<0, 1>},
      {"nn.sgd", parameterFlops<4>},   // momentum 2, update 2
      {"nn.adam", parameterFlops<13>}, // averages 3 and 4, root, quotients 2, epsilon, update 2
  };
  auto entry = table.find(kernel.getAnchor().value_or(""));
  return entry == table.end() ? DimExpr(0) : entry->second(kernel);
}

/// A choice counts, as the maximum that it often is; the comparison before it does not.
static DimExpr bodyFlops(KernelOp kernel) {
  int64_t operations = llvm::count_if(kernel.getBodyBlock().without_terminator(), [](Operation &op) {
    return isa<FloatType>(op.getResult(0).getType()) && !op.hasTrait<OpTrait::ConstantLike>() && !isa<CastOpInterface>(op);
  });
  return operations * kernel.getResultType().getElements();
}

//===----------------------------------------------------------------------===//
// From the kernel's sizes to the function's symbols
//===----------------------------------------------------------------------===//

static DimExpr substitute(const DimExpr &expression, const llvm::StringMap<DimExpr> &values) {
  DimExpr sum = 0;
  for (const DimExpr::Term &term : expression.terms()) {
    DimExpr product = term.coefficient;
    for (const DimExpr::Atom &atom : term.atoms)
      switch (atom.kind) {
      case DimExpr::Atom::Kind::Symbol:
        product = product * values.at(atom.symbol);
        break;
      case DimExpr::Atom::Kind::FloorDiv:
        product = product * substitute(*atom.operand, values).floordiv(atom.divisor);
        break;
      case DimExpr::Atom::Kind::AtLeastZero:
        product = product * substitute(*atom.operand, values).at_least_zero();
        break;
      }
    sum = sum + product;
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static Value memoryOf(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewOp>())
    buffer = view.getSource();
  return buffer;
}

static DimExpr bytesOf(LaunchOp launch, KernelOp kernel) {
  auto bytesOf = [](Value buffer) { return cast<BufferType>(buffer.getType()).getBytes(); };
  DimExpr bytes = 0;
  for (Value buffer : launch.getWrites())
    bytes = bytes + bytesOf(buffer);
  llvm::SmallSetVector<Value, 8> read;
  for (auto [i, buffer] : llvm::enumerate(launch.getReads())) {
    bool isTable = i == 1 && kernel.getAnchor() == "nn.embedding";
    if (isTable)
      bytes = bytes + bytesOf(launch.getWrites().front());
    else if (read.insert(memoryOf(buffer)))
      bytes = bytes + bytesOf(buffer);
  }
  return bytes;
}

LaunchWork workOf(LaunchOp launch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
  llvm::StringMap<DimExpr> sizes;
  for (auto [name, value] : llvm::zip_equal(kernel.getSizes(), launch.getSizes()))
    sizes.try_emplace(cast<StringAttr>(name).getValue(), cast<ir::DimAttr>(value).getExpression());
  return {substitute(anchorFlops(kernel) + bodyFlops(kernel), sizes), bytesOf(launch, kernel)};
}

} // namespace kiln::schedule
