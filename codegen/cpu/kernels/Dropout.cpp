//===- Dropout.cpp - masks from a counter-based generator -----------------===//
//
// Philox4x32-10 of kiln/semantics/philox.h: an element's number needs nothing but its index, the generator's two numbers and the
// site of the dropout in its function; so the gradient, which is the same kernel, has the same mask.
//
// 32-bit numbers are kept in 64-bit lanes, where a round's products are exact. One evaluation gives the numbers of four
// neighbours; vectors use all four, which is why they begin at multiples of four where that is sure.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Precision.h"

#include "kiln/semantics/philox.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

class Philox {
public:
  Philox(KernelBuilder &b, Value generator, int64_t site) : b(b) {
    Value seed = b.load(generator, b.getI64Type(), b.constant(0)), offset = b.load(generator, b.getI64Type(), b.constant(1));
    key[0] = low(seed), key[1] = shiftRight(seed, 32);
    counter2 = low(offset);
    counter3 = bitXor(shiftRight(offset, 32), b.constant(site & 0xFFFFFFFF));
  }

  /// The 24 random bits of elements first, first + 1, ...: i32.
  Value bits24(Value first, int64_t lanes, bool isAligned) {
    if (isAligned && lanes >= 4)
      return interleave(words(b.iota(shiftRight(first, 2), lanes / 4)), lanes);
    Value elements = b.iota(first, lanes);
    Values word = words(shiftRight(elements, 2));
    Value which = arith::AndIOp::create(b, elements, same(elements, 3)), chosen = word[3];
    for (int64_t i = 2; i >= 0; --i)
      chosen = arith::SelectOp::create(b, b.equal(which, same(elements, i)), word[i], chosen);
    return narrow(chosen);
  }

private:
  /// The four words of each block.
  Values words(Value block) {
    int64_t lanes = KernelBuilder::lanesIn(block);
    auto spread = [&](Value scalar) { return b.broadcast(scalar, lanes); };
    Values counter = {low(block), shiftRight(block, 32), spread(counter2), spread(counter3)};
    Value keys[2] = {key[0], key[1]};
    for (int round = 0; round < 10; ++round) {
      Value product0 = b.mul(counter[0], same(block, 0xD2511F53)), product1 = b.mul(counter[2], same(block, 0xCD9E8D57));
      counter = {bitXor(bitXor(shiftRight(product1, 32), counter[1]), spread(keys[0])), low(product1),
                 bitXor(bitXor(shiftRight(product0, 32), counter[3]), spread(keys[1])), low(product0)};
      keys[0] = low(b.add(keys[0], b.constant(0x9E3779B9)));
      keys[1] = low(b.add(keys[1], b.constant(0xBB67AE85)));
    }
    return counter;
  }

  /// Words in the order of elements: those of the first block, then those of the second.
  Value interleave(const Values &words, int64_t lanes) {
    Values narrowed;
    for (Value word : words)
      narrowed.push_back(narrow(word));
    int64_t blocks = lanes / 4;
    if (blocks == 1)
      return vector::FromElementsOp::create(b, VectorType::get({4}, b.getI32Type()), narrowed);
    auto join = [&](Value x, Value y) -> Value {
      SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, 2 * KernelBuilder::lanesIn(x)));
      return vector::ShuffleOp::create(b, x, y, order);
    };
    Value front = join(narrowed[0], narrowed[1]), back = join(narrowed[2], narrowed[3]);
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < lanes; ++i)
      order.push_back(i % 4 * blocks + i / 4);
    return vector::ShuffleOp::create(b, front, back, order);
  }

  Value narrow(Value word) {
    Type type = KernelBuilder::vectorOf(b.getI32Type(), KernelBuilder::lanesIn(word));
    return arith::TruncIOp::create(b, type, shiftRight(word, 8));
  }
  Value same(Value like, int64_t value) { return b.integerConstant(like.getType(), value); }
  Value low(Value x) { return arith::AndIOp::create(b, x, same(x, 0xFFFFFFFF)); }
  Value bitXor(Value x, Value y) { return arith::XOrIOp::create(b, x, y); }
  Value shiftRight(Value x, int64_t bits) { return bits == 0 ? x : Value(arith::ShRUIOp::create(b, x, same(x, bits))); }

  KernelBuilder &b;
  Value key[2], counter2, counter3;
};

} // namespace

LogicalResult emitDropout(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType type = context.kernel.getAnchorType(0);
  Access input = Access::contiguous(context.anchors[0], type);
  double p = floatAttribute(context, "p");
  bool isTraining = boolAttribute(context, "training");
  // Divided in the type that is computed in, as the reference does.
  bool isDouble = type.getElementType().isF64();
  double scale = isDouble ? 1 / (1 - p) : static_cast<double>(1.0f / static_cast<float>(1 - p));
  DimExpr rowSize = type.getSizes().empty() ? DimExpr(1) : type.getSizes().back();
  Value columns = b.size(rowSize);
  // Columns begin at multiples of the lanes; rows do where all are a multiple of four long.
  bool isAligned = type.getRank() <= 1 || rowSize.divide_exactly(DimExpr(4));

  std::optional<Philox> philox;
  if (isTraining && p > 0 && p < 1)
    philox.emplace(b, context.anchors[1], integerAttribute(context, "site"));
  // As many elements at a time as a vector of blocks gives.
  int64_t lanes = isAligned ? 4 * b.lanesOf(b.getI64Type()) : b.lanesOf(type.getElementType());
  return emitRows(
      context,
      [&](Row &row, Value column, int64_t lanes) -> Value {
        Value x = input.load(b, row, column, lanes);
        if (!isTraining || p == 0)
          return x;
        Value wide = b.widened(x), zero = b.constant(wide.getType(), 0), factor = zero;
        if (philox) {
          Value bits = philox->bits24(b.add(b.mul(row.getNumber(), columns), column), lanes, isAligned);
          Value threshold = b.integerConstant(bits.getType(), semantics::philox_threshold(p));
          Value isKept = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, bits, threshold);
          factor = arith::SelectOp::create(b, isKept, b.constant(wide.getType(), scale), zero);
        }
        // As PyTorch: a dropped infinity is NaN.
        return b.rounded(arith::MulFOp::create(b, wide, factor), type.getElementType());
      },
      lanes);
}

} // namespace kiln::codegen
