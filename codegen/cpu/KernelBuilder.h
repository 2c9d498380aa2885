//===- KernelBuilder.h - writes a kernel's code -------------------*- C++ -*-===//
//
// A builder for one kernel function and one instruction set. Kernels are LLVM functions of raw pointers and 64-bit integers whose
// bodies are scf, arith, math and vector; everything is i64 or an element type, so there is no index type and no memref in them.
//
// Values may be scalars or vectors ("lanes" > 1): emitters that compute by element write one piece of code for both.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELBUILDER_H
#define KILN_CODEGEN_CPU_KERNELBUILDER_H

#include "InstructionSet.h"
#include "kiln/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace kiln::codegen {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
using semantics::DimExpr;
using Values = llvm::SmallVector<Value, 4>;

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  KernelBuilder(mlir::Location location, mlir::OpBuilder &builder, const InstructionSet &target)
      : ImplicitLocOpBuilder(location, builder), target(target) {}

  const InstructionSet &target;
  /// Values of the sizes that expressions name.
  std::map<std::string, Value> symbols;

  //===--------------------------------------------------------------------===//
  // Integers
  //===--------------------------------------------------------------------===//

  Value constant(int64_t value) { return mlir::arith::ConstantOp::create(*this, getI64IntegerAttr(value)); }
  /// A constant of a scalar or vector type, element type integer or float.
  Value constant(Type type, double value);
  Value integerConstant(Type type, int64_t value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b) { return b == 0 ? a : add(a, constant(b)); }
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b) { return b == 1 ? a : mul(a, constant(b)); }
  /// Quotient and remainder of non-negative numbers.
  Value div(Value a, Value b);
  Value div(Value a, int64_t b) { return b == 1 ? a : div(a, constant(b)); }
  Value rem(Value a, Value b);
  Value minimum(Value a, Value b);
  Value maximum(Value a, Value b);
  Value lessThan(Value a, Value b);
  Value atLeast(Value a, Value b);
  Value equal(Value a, Value b);
  /// The largest multiple of `step` that is not above the non-negative `a`.
  Value roundDown(Value a, int64_t step);
  /// A size expression.
  Value size(const DimExpr &expression);

  //===--------------------------------------------------------------------===//
  // Control
  //===--------------------------------------------------------------------===//

  /// for (i = begin; i < end; i += step) body(i)
  void loop(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body);
  /// The same with values carried from one iteration to the next; returns the last.
  Values loop(Value begin, Value end, int64_t step, ValueRange init, llvm::function_ref<Values(Value, ValueRange)> body);
  void when(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise = nullptr);
  /// condition ? then() : otherwise(), of which only one is computed; both give values of these types.
  Values choose(Value condition, mlir::TypeRange types, llvm::function_ref<Values()> then, llvm::function_ref<Values()> otherwise);

  //===--------------------------------------------------------------------===//
  // Memory and vectors
  //===--------------------------------------------------------------------===//

  static Type vectorOf(Type element, int64_t lanes);
  /// The type that sums and products of an element type are computed in: f32 for f16 and bf16, else the type of its scalars.
  static Type computeType(Type element);
  /// From an element type, scalar or vector, to the type that it is computed in, and back, rounded.
  Value widened(Value value);
  Value rounded(Value value, Type element);
  /// Lanes of a full vector of this element type; a bool counts as a byte.
  int64_t lanesOf(Type element);
  /// Bytes of an element in memory.
  static int64_t bytesOf(Type element);
  /// `lanes` elements at base[offset], base[offset + 1], ...; a scalar for one lane. Bools are bytes in memory and i1 here.
  Value load(Value base, Type element, Value offset, int64_t lanes = 1);
  /// Lanes where `mask` is false are 0 and not read.
  Value loadMasked(Value base, Type element, Value offset, Value mask);
  /// `lanes` elements that are `stride` apart.
  Value loadStrided(Value base, Type element, Value offset, Value stride, int64_t lanes);
  void store(Value value, Value base, Value offset);
  void storeMasked(Value value, Value base, Value offset, Value mask);
  Value pointer(Value base, Type element, Value offset);
  /// Memory of the function's own frame, not initialised; the same in every iteration of a loop.
  Value scratch(Type element, int64_t count, int64_t alignment);
  /// The scalar in every lane; the scalar itself for one lane.
  Value broadcast(Value scalar, int64_t lanes);
  /// begin, begin + 1, ... as a vector; `begin` itself for one lane.
  Value iota(Value begin, int64_t lanes);
  /// a + b, of integers or floats.
  Value sum(Value a, Value b);
  /// a * b + c, in one rounding where the instruction set has it.
  Value multiplyAdd(Value a, Value b, Value c);
  /// The sum of the lanes, in a fixed order.
  Value sumOfLanes(Value vector);
  static int64_t lanesIn(Value value);

private:
  Type memoryType(Type element);
  Value fromMemory(Value loaded, Type element);
  Value toMemory(Value value);
};

/// The element type of bools, which are bytes in memory and bits in values.
inline bool isBool(Type type) { return type.isSignlessInteger(1); }

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELBUILDER_H
