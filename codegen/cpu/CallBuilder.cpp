//===- CallBuilder.cpp - functions that launch kernels --------------------===//
//
// The layout of kiln_call is that of abi.h, which this file includes: offsets come from the compiler.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"

#include "kiln/ir/Locations.h"
#include "kiln/runtime/abi.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <cstddef>

using namespace mlir;

namespace kiln::codegen {

using schedule::FuncOp;
using schedule::LaunchOp;

/// A task shorter than this costs more to hand over than it saves.
static constexpr int64_t kTaskNanoseconds = 20000;
/// More tasks than this don't balance better.
static constexpr int64_t kMaxTasks = 64;

namespace {

class RunBuilder {
public:
  RunBuilder(OpBuilder &builder, FuncOp function, const llvm::StringMap<KernelFunctions> &kernels, const InstructionSet &target,
             ProgramContext &program)
      : b(function.getLoc(), builder, target), function(function), kernels(kernels), program(program),
        pointer(LLVM::LLVMPointerType::get(builder.getContext())) {}

  LogicalResult emit();

private:
  std::string constantSymbol(schedule::ConstantOp op);
  void emitLaunch(LaunchOp launch);
  void emitBeforeLaunch(int64_t number);
  void emitCheck(LaunchOp launch, const KernelFunctions &functions, ArrayRef<Value> arguments);
  void emitParallel(const KernelFunctions &functions, ArrayRef<Value> arguments, Value cost, Value units0, Value units1,
                    bool hasTwoAxes);
  unsigned siteOf(LaunchOp launch);

  KernelBuilder b;
  FuncOp function;
  const llvm::StringMap<KernelFunctions> &kernels;
  ProgramContext &program;
  Type pointer;
  LLVM::LLVMFuncOp run;
  std::optional<BufferPlaces> places;
  Value beforeLaunch; // the service of that name
};

std::string RunBuilder::constantSymbol(schedule::ConstantOp op) {
  auto [entry, isNew] = program.constants.try_emplace(op.getValueAttr());
  if (isNew) {
    entry->second = "constant." + std::to_string(program.constants.size() - 1);
    program.output.constants.push_back({entry->second, op.getValue()});
    OpBuilder moduleBuilder = OpBuilder::atBlockBegin(program.output.module->getBody());
    auto bytes = op.getBuffer().getType().getBytes().constant();
    LLVM::GlobalOp::create(moduleBuilder, op.getLoc(), LLVM::LLVMArrayType::get(b.getI8Type(), *bytes), /*isConstant=*/true,
                           LLVM::Linkage::External, entry->second, Attribute(), /*alignment=*/64);
  }
  return entry->second;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

unsigned RunBuilder::siteOf(LaunchOp launch) {
  auto [entry, isNew] = program.sites.try_emplace(launch, program.output.sites.size());
  if (isNew) {
    auto kernel = SymbolTable::lookupNearestSymbolFrom<schedule::KernelOp>(launch, launch.getKernelAttr());
    program.output.sites.emplace_back(launch.getLoc(), kernel.getAnchor().value_or("").str());
  }
  return entry->second;
}

/// Returns from the call when an operand is wrong.
void RunBuilder::emitCheck(LaunchOp launch, const KernelFunctions &functions, ArrayRef<Value> arguments) {
  Values all(arguments.begin(), arguments.end());
  all.push_back(places->addressOfField(offsetof(kiln_call, error_values)));
  KernelFunctions copy = functions; // operations are handles
  Value code = LLVM::CallOp::create(b, copy.check, all).getResult();
  Value isWrong = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, code, b.integerConstant(b.getI32Type(), 0));
  Block *fail = new Block, *next = new Block;
  run.getBody().push_back(fail);
  run.getBody().push_back(next);
  LLVM::CondBrOp::create(b, isWrong, fail, next);
  b.setInsertionPointToStart(fail);
  Value site = b.integerConstant(b.getI32Type(), siteOf(launch));
  LLVM::StoreOp::create(b, site, places->addressOfField(offsetof(kiln_call, error_site)));
  LLVM::ReturnOp::create(b, code);
  b.setInsertionPointToStart(next);
}

/// The number of tasks follows from sizes alone, so the bits don't depend on threads.
void RunBuilder::emitParallel(const KernelFunctions &functions, ArrayRef<Value> arguments, Value cost, Value units0, Value units1,
                              bool hasTwoAxes) {
  KernelFunctions copy = functions;
  Value one = b.constant(1);
  Value wanted = b.maximum(one, b.minimum(b.div(cost, kTaskNanoseconds), b.constant(kMaxTasks)));
  Value limit0 = hasTwoAxes ? b.div(units0, copy.emitter->rowsPerTask) : units0;
  Value parts0 = b.maximum(one, b.minimum(limit0, wanted));
  Value parts1 = b.maximum(one, b.minimum(units1, b.div(b.add(wanted, b.sub(parts0, one)), parts0)));
  Value tasks = b.mul(parts0, parts1);

  auto direct = [&] {
    Values all(arguments.begin(), arguments.end());
    all.append({b.constant(0), units0, b.constant(0), units1});
    LLVM::CallOp::create(b, copy.kernel, all);
  };
  b.when(
      b.lessThan(one, tasks),
      [&] {
        Values slots(arguments.begin(), arguments.end());
        slots.append({units0, parts0, units1, parts1});
        Value memory;
        { // in the entry block: a constant part of the frame
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(&run.getBody().front());
          memory = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), b.constant(slots.size()), 8);
        }
        for (auto [i, value] : llvm::enumerate(slots))
          LLVM::StoreOp::create(b, value, b.pointer(memory, b.getI64Type(), b.constant(i)));
        Value services = places->loadField(offsetof(kiln_call, services)), executor = places->loadField(offsetof(kiln_call, executor));
        Value parallelFor = LLVM::LoadOp::create(
            b, pointer, b.pointer(services, b.getI8Type(), b.constant(offsetof(kiln_services, parallel_for))));
        Value task = LLVM::AddressOfOp::create(b, copy.task);
        auto type =
            LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, pointer, pointer, b.getI64Type()});
        LLVM::CallOp::create(b, type, ValueRange{parallelFor, executor, task, memory, tasks});
      },
      direct);
}

/// A measured call is told where it is; to any other this is a test of a register.
void RunBuilder::emitBeforeLaunch(int64_t number) {
  Value isMeasured = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, beforeLaunch, LLVM::ZeroOp::create(b, pointer));
  b.when(isMeasured, [&] {
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, b.getI64Type()});
    LLVM::CallOp::create(b, type, ValueRange{beforeLaunch, places->loadField(offsetof(kiln_call, executor)), b.constant(number)});
  });
}

void RunBuilder::emitLaunch(LaunchOp launch) {
  const KernelFunctions &functions = kernels.find(launch.getKernel())->second;
  Values arguments;
  for (Value value : launch.getReads())
    arguments.push_back((*places)[value]);
  for (Value value : launch.getWrites())
    arguments.push_back((*places)[value]);
  auto sizeOf = [&](Attribute dim) { return b.size(cast<ir::DimAttr>(dim).getExpression()); };
  for (Attribute dim : launch.getSizes())
    arguments.push_back(sizeOf(dim));
  KernelFunctions copy = functions;
  if (copy.check)
    emitCheck(launch, functions, arguments);

  Value units0 = sizeOf(launch.getGrid()[0]);
  bool hasTwoAxes = launch.getGrid().size() == 2;
  Value units1 = hasTwoAxes ? sizeOf(launch.getGrid()[1]) : b.constant(1);
  DimExpr cost = launch.getCost().getExpression();
  auto emitWork = [&] {
    if (!cost.is_constant() || *cost.constant() >= 2 * kTaskNanoseconds) {
      emitParallel(functions, arguments, b.size(cost), units0, units1, hasTwoAxes);
      return;
    }
    arguments.append({b.constant(0), units0, b.constant(0), units1});
    LLVM::CallOp::create(b, copy.kernel, arguments);
  };
  // A kernel may count on having work: it divides by sizes that are 0 where there is none.
  if (llvm::all_of(launch.getGrid(), [](Attribute dim) { return cast<ir::DimAttr>(dim).getConstant().value_or(0) > 0; }))
    emitWork();
  else
    b.when(b.lessThan(b.constant(0), b.minimum(units0, units1)), emitWork);
}

LogicalResult RunBuilder::emit() {
  run = createFunction(b, function.getLoc(), (function.getSymName() + ".run." + b.target.suffix).str(), b.getI32Type(), {pointer},
                       b.target);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&run.getBody().front());
  places.emplace(b, function, run.getArgument(0), program.index, [this](schedule::ConstantOp constant) -> Value {
    return LLVM::AddressOfOp::create(b, pointer, constantSymbol(constant));
  });

  // The descriptor lists no launches of prepare functions.
  bool isMeasurable = !function.isPrepare();
  if (isMeasurable)
    beforeLaunch = LLVM::LoadOp::create(b, pointer,
                                        b.pointer(places->loadField(offsetof(kiln_call, services)), b.getI8Type(),
                                                  b.constant(offsetof(kiln_services, before_launch))));
  int64_t launches = 0;
  for (Operation &op : function.getBodyBlock().without_terminator()) {
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      if (isMeasurable)
        emitBeforeLaunch(launches++);
      emitLaunch(launch);
      continue;
    }
    if (failed(places->add(op)))
      return failure();
  }
  if (isMeasurable)
    emitBeforeLaunch(launches);
  LLVM::ReturnOp::create(b, b.integerConstant(b.getI32Type(), KILN_OK));
  return success();
}

} // namespace

LogicalResult emitRun(OpBuilder &builder, FuncOp function, const llvm::StringMap<KernelFunctions> &kernels,
                      const InstructionSet &target, ProgramContext &program) {
  return RunBuilder(builder, function, kernels, target, program).emit();
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

namespace {
struct CheckedSize {
  Value value, overflow;
};
} // namespace

/// `expression`, and whether any step of computing it left the range of i64. Symbols are not negative.
static CheckedSize checkedSize(KernelBuilder &b, const DimExpr &expression) {
  CheckedSize sum{b.constant(0), b.integerConstant(b.getI1Type(), 0)};
  auto pairType = LLVM::LLVMStructType::getLiteral(b.getContext(), {b.getI64Type(), b.getI1Type()});
  auto take = [&](Value pair) {
    sum.overflow = LLVM::OrOp::create(b, sum.overflow, LLVM::ExtractValueOp::create(b, pair, 1));
    return Value(LLVM::ExtractValueOp::create(b, pair, 0));
  };
  for (const DimExpr::Term &term : expression.terms()) {
    Value product = b.constant(term.coefficient);
    for (const DimExpr::Atom &atom : term.atoms) {
      Value factor;
      if (atom.kind == DimExpr::Atom::Kind::Symbol) {
        factor = b.size(DimExpr::symbol(atom.symbol));
      } else {
        CheckedSize operand = checkedSize(b, *atom.operand);
        sum.overflow = LLVM::OrOp::create(b, sum.overflow, operand.overflow);
        factor = b.size(atom.kind == DimExpr::Atom::Kind::FloorDiv ? atom.operand->floordiv(atom.divisor)
                                                                   : atom.operand->at_least_zero());
      }
      product = take(LLVM::SMulWithOverflowOp::create(b, pairType, product, factor));
    }
    sum.value = take(LLVM::SAddWithOverflowOp::create(b, pairType, sum.value, product));
  }
  return sum;
}

void emitMeasure(OpBuilder &builder, FuncOp function) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  const InstructionSet &target = instructionSets().front();
  auto measure = createFunction(builder, function.getLoc(), (function.getSymName() + ".measure").str(),
                                LLVM::LLVMVoidType::get(builder.getContext()), {pointer, pointer, pointer}, target);
  OpBuilder::InsertionGuard guard(builder);
  Block &entry = measure.getBody().front();
  builder.setInsertionPointToStart(&entry);
  KernelBuilder b(function.getLoc(), builder, target);
  bindSymbols(b, function, entry.getArgument(0));
  SmallVector<schedule::OutputOp> outputs(function.getBodyBlock().getOps<schedule::OutputOp>());
  llvm::sort(outputs, [](schedule::OutputOp x, schedule::OutputOp y) { return x.getIndex() < y.getIndex(); });
  int64_t next = 0;
  for (schedule::OutputOp output : outputs)
    for (const DimExpr &size : output.getBuffer().getType().getSizes())
      b.store(b.size(size), entry.getArgument(1), b.constant(next++));
  DimExpr bytes = function.getArenaBytes() ? function.getArenaBytes()->getExpression() : DimExpr(0);
  CheckedSize arena = checkedSize(b, bytes);
  for (Operation &op : function.getBodyBlock())
    if (isa<schedule::ArenaOp, schedule::OutputOp>(op)) {
      CheckedSize buffer = checkedSize(b, cast<schedule::BufferType>(op.getResult(0).getType()).getBytes());
      arena.overflow = LLVM::OrOp::create(b, arena.overflow, buffer.overflow);
    }
  // What abi.h says of `arena_bytes`: -1 for sizes beyond all memory, -2 - i where condition i does not hold. The first one
  // counts.
  Value result = LLVM::SelectOp::create(b, arena.overflow, b.constant(-1), arena.value);
  if (ArrayAttr conditions = function.getConditionsAttr())
    for (int64_t i = static_cast<int64_t>(conditions.size()) - 1; i >= 0; --i) {
      Value condition = b.size(cast<ir::DimAttr>(conditions[i]).getExpression());
      result = LLVM::SelectOp::create(b, b.lessThan(condition, b.constant(0)), b.constant(-2 - i), result);
    }
  b.store(result, entry.getArgument(2), b.constant(0));
  LLVM::ReturnOp::create(b, ValueRange());
}

} // namespace kiln::codegen
