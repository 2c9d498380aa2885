//===- Dropout.cpp - masks from a counter-based generator -----------------===//
//
// Philox4x32-10 of kiln/semantics/philox.h, in 64-bit lanes: a round's products are exact there, and an element's number needs
// nothing but its index.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "kiln/semantics/philox.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// Arithmetic on 32-bit numbers kept in 64-bit lanes.
class Philox {
public:
  Philox(KernelBuilder &b, int64_t lanes) : b(b), type(KernelBuilder::vectorOf(b.getI64Type(), lanes)) {}

  /// The 24 random bits of each element.
  Value bits24(uint64_t seed, Value element) {
    Value block = shiftRight(element, 2);
    Value counter[4] = {low(block), shiftRight(block, 32), constant(0), constant(0)};
    uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    for (int round = 0; round < 10; ++round) {
      Value product0 = b.mul(counter[0], constant(0xD2511F53)), product1 = b.mul(counter[2], constant(0xCD9E8D57));
      Value next[4] = {bitXor(bitXor(shiftRight(product1, 32), counter[1]), constant(key[0])), low(product1),
                       bitXor(bitXor(shiftRight(product0, 32), counter[3]), constant(key[1])), low(product0)};
      std::copy(std::begin(next), std::end(next), counter);
      key[0] += 0x9E3779B9;
      key[1] += 0xBB67AE85;
    }
    Value which = arith::AndIOp::create(b, element, constant(3)), word = counter[3];
    for (int64_t i = 2; i >= 0; --i)
      word = arith::SelectOp::create(b, b.equal(which, constant(i)), counter[i], word);
    return shiftRight(word, 8);
  }

  Value constant(int64_t value) { return b.integerConstant(type, value); }

private:
  Value low(Value x) { return arith::AndIOp::create(b, x, constant(0xFFFFFFFF)); }
  Value bitXor(Value x, Value y) { return arith::XOrIOp::create(b, x, y); }
  Value shiftRight(Value x, int64_t bits) { return arith::ShRUIOp::create(b, x, constant(bits)); }

  KernelBuilder &b;
  Type type;
};

} // namespace

LogicalResult emitDropout(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType type = context.kernel.getAnchorType(0);
  Access input = Access::contiguous(context.anchors[0], type);
  double p = cast<FloatAttr>(context.kernel.getAnchorAttribute("p")).getValueAsDouble();
  bool isTraining = cast<BoolAttr>(context.kernel.getAnchorAttribute("training")).getValue();
  uint64_t seed = cast<IntegerAttr>(context.kernel.getAnchorAttribute("seed")).getInt();
  // Divided in the type that is computed in, as the reference does; unused when p is 1.
  bool isDouble = type.getElementType().isF64();
  double scale = isDouble ? 1 / (1 - p) : static_cast<double>(1.0f / static_cast<float>(1 - p));
  Value columns = b.size(type.getSizes().empty() ? DimExpr(1) : type.getSizes().back());
  return emitRows(context, [&](Row &row, Value column, int64_t lanes) -> Value {
    Value x = input.load(b, row, column, lanes);
    if (!isTraining || p == 0)
      return x;
    Philox philox(b, lanes);
    Value element = b.iota(b.add(b.mul(row.getNumber(), columns), column), lanes);
    Value isKept = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, philox.bits24(seed, element),
                                         philox.constant(semantics::philox_threshold(p)));
    Value wide = b.widened(x);
    Value factor = arith::SelectOp::create(b, isKept, b.constant(wide.getType(), scale), b.constant(wide.getType(), 0));
    // As PyTorch: a dropped infinity is NaN.
    return b.rounded(arith::MulFOp::create(b, wide, factor), type.getElementType());
  });
}

} // namespace kiln::codegen
