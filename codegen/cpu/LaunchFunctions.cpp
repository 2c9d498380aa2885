//===- LaunchFunctions.cpp - what all launches share ----------------------===//
//
// How the grid of a kernel is cut into parts and run, on one thread or through the host's parallel_for, and the tables of kernels by
// which launches find the kernel of an instruction set.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "kiln/runtime/abi.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <cstddef>

using namespace mlir;

namespace kiln::codegen {

using schedule::KernelOp;

/// A task shorter than this costs more to hand over than it saves.
static constexpr int64_t kTaskNanoseconds = 20000;
/// More tasks than this don't balance better.
static constexpr int64_t kMaxTasks = 64;

void preferSmallCode(LLVM::LLVMFuncOp function) {
  SmallVector<Attribute> attributes(function.getPassthroughAttr().getValue());
  for (StringRef name : {"minsize", "optsize"})
    attributes.push_back(StringAttr::get(function.getContext(), name));
  function.setPassthroughAttr(ArrayAttr::get(function.getContext(), attributes));
}

LLVM::GlobalOp emitKernelTable(OpBuilder &builder, ArrayRef<LLVM::LLVMFuncOp> kernels, const InstructionSet &target) {
  Location location = builder.getUnknownLoc();
  auto type = LLVM::LLVMArrayType::get(LLVM::LLVMPointerType::get(builder.getContext()), kernels.size());
  auto table = LLVM::GlobalOp::create(builder, location, type, /*isConstant=*/true, LLVM::Linkage::Internal,
                                      ("kernels." + target.suffix).str(), Attribute(), /*alignment=*/8);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&table.getInitializerRegion());
  Value value = LLVM::UndefOp::create(builder, location, type);
  for (auto [i, kernel] : llvm::enumerate(kernels)) {
    Value address = LLVM::AddressOfOp::create(builder, location, kernel);
    value = LLVM::InsertValueOp::create(builder, location, value, address, static_cast<int64_t>(i));
  }
  LLVM::ReturnOp::create(builder, location, value);
  return table;
}

LLVM::LLVMFuncOp LaunchFunctions::task(KernelOp kernel) {
  unsigned pointers = kernel.getNumOperands() + kernel.getNumResults(), sizes = kernel.getSizes().size();
  LLVM::LLVMFuncOp &function = tasks[{pointers, sizes}];
  if (function)
    return function;
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type nothing = LLVM::LLVMVoidType::get(builder.getContext());
  const InstructionSet &target = instructionSets().front();
  Location location = builder.getUnknownLoc();
  function = createFunction(builder, location, "task." + std::to_string(pointers) + "." + std::to_string(sizes), nothing,
                            {pointer, builder.getI64Type()}, target);
  preferSmallCode(function);
  OpBuilder::InsertionGuard guard(builder);
  Block &entry = function.getBody().front();
  builder.setInsertionPointToStart(&entry);
  KernelBuilder b(location, builder, target);
  Value slots = entry.getArgument(0), index = entry.getArgument(1);
  auto slot = [&](int64_t number, Type type) -> Value {
    return LLVM::LoadOp::create(b, type, b.pointer(slots, b.getI64Type(), b.constant(number)));
  };
  Type integer = b.getI64Type();
  Value units0 = slot(kUnits0, integer), parts0 = slot(kParts0, integer);
  Value units1 = slot(kUnits1, integer), parts1 = slot(kParts1, integer);
  auto partOf = [&](Value units, Value parts, Value part) {
    return Values{b.div(b.mul(units, part), parts), b.div(b.mul(units, b.add(part, 1)), parts)};
  };
  // Divisions take long beside the smallest kernels, which come whole.
  Values ranges = b.choose(
      b.lessThan(b.constant(1), b.mul(parts0, parts1)), {integer, integer, integer, integer},
      [&] {
        Values both = partOf(units0, parts0, b.div(index, parts1));
        both.append(partOf(units1, parts1, b.rem(index, parts1)));
        return both;
      },
      [&] { return Values{b.constant(0), units0, b.constant(0), units1}; });

  SmallVector<Type> types = kernelArguments(kernel);
  Values operands{slot(kKernel, pointer)};
  for (auto [i, type] : llvm::enumerate(types))
    operands.push_back(slot(kArguments + static_cast<int64_t>(i), type));
  operands.append(ranges);
  types.append(4, integer);
  LLVM::CallOp::create(b, LLVM::LLVMFunctionType::get(nothing, types), operands);
  LLVM::ReturnOp::create(b, ValueRange());
  return function;
}

LLVM::LLVMFuncOp LaunchFunctions::launch() {
  if (launchFunction)
    return launchFunction;
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext()), integer = builder.getI64Type();
  Type nothing = LLVM::LLVMVoidType::get(builder.getContext());
  const InstructionSet &target = instructionSets().front();
  Location location = builder.getUnknownLoc();
  launchFunction =
      createFunction(builder, location, "launch", nothing, {pointer, pointer, pointer, integer, integer, integer}, target);
  OpBuilder::InsertionGuard guard(builder);
  Block &entry = launchFunction.getBody().front();
  builder.setInsertionPointToStart(&entry);
  KernelBuilder b(location, builder, target);
  Value call = entry.getArgument(0), task = entry.getArgument(1), slots = entry.getArgument(2);
  Value cost = entry.getArgument(3), limit = entry.getArgument(4), number = entry.getArgument(5);
  auto load = [&](Value base, int64_t offset) -> Value {
    return LLVM::LoadOp::create(b, pointer, b.pointer(base, b.getI8Type(), b.constant(offset)));
  };
  auto slot = [&](int64_t index) { return b.pointer(slots, integer, b.constant(index)); };
  Value services = load(call, offsetof(kiln_call, services)), executor = load(call, offsetof(kiln_call, executor));

  // A measured call is told where it is; to any other this is a test of a register.
  Value beforeLaunch = load(services, offsetof(kiln_services, before_launch));
  Value isMeasured = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, beforeLaunch, LLVM::ZeroOp::create(b, pointer));
  b.when(LLVM::AndOp::create(b, isMeasured, b.atLeast(number, b.constant(0))), [&] {
    auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, integer});
    LLVM::CallOp::create(b, type, ValueRange{beforeLaunch, executor, number});
  });

  // A kernel may count on having work: it divides by sizes that are 0 where there is none.
  Value units0 = LLVM::LoadOp::create(b, integer, slot(kUnits0)), units1 = LLVM::LoadOp::create(b, integer, slot(kUnits1));
  b.when(b.lessThan(b.constant(0), b.minimum(units0, units1)), [&] {
    // The number of tasks follows from sizes alone, so the bits don't depend on threads.
    Value one = b.constant(1);
    Value wanted = b.maximum(one, b.minimum(b.div(cost, kTaskNanoseconds), b.constant(kMaxTasks)));
    Value parts0 = b.maximum(one, b.minimum(limit, wanted));
    Value parts1 = b.maximum(one, b.minimum(units1, b.div(b.add(wanted, b.sub(parts0, one)), parts0)));
    Value count = b.mul(parts0, parts1);
    LLVM::StoreOp::create(b, parts0, slot(kParts0));
    LLVM::StoreOp::create(b, parts1, slot(kParts1));
    b.when(
        b.lessThan(one, count),
        [&] {
          Value parallelFor = load(services, offsetof(kiln_services, parallel_for));
          auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, pointer, pointer, integer});
          LLVM::CallOp::create(b, type, ValueRange{parallelFor, executor, task, slots, count});
        },
        [&] {
          auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, integer});
          LLVM::CallOp::create(b, type, ValueRange{task, slots, b.constant(0)});
        });
  });
  LLVM::ReturnOp::create(b, ValueRange());
  return launchFunction;
}

} // namespace kiln::codegen
