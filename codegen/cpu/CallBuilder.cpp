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

namespace {

class RunBuilder {
public:
  RunBuilder(OpBuilder &builder, FuncOp function, const llvm::StringMap<LaunchedKernel> &kernels, LaunchFunctions &shared,
             ProgramContext &program)
      : b(function.getLoc(), builder, instructionSets().front()), function(function), kernels(kernels), shared(shared),
        program(program), pointer(LLVM::LLVMPointerType::get(builder.getContext())) {}

  FailureOr<LLVM::LLVMFuncOp> emit();

private:
  std::string constantSymbol(schedule::ConstantOp op);
  void emitLaunch(LaunchOp launch, int64_t number);
  void emitAfterLaunches(int64_t count);
  void emitCheck(LaunchOp launch, LLVM::LLVMFuncOp check, ArrayRef<Value> arguments);
  unsigned siteOf(LaunchOp launch);

  KernelBuilder b;
  FuncOp function;
  const llvm::StringMap<LaunchedKernel> &kernels;
  LaunchFunctions &shared;
  ProgramContext &program;
  Type pointer;
  LLVM::LLVMFuncOp run, launchFunction;
  std::optional<BufferPlaces> places;
  Value slots; // one launch after another hands over what it has in them
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
void RunBuilder::emitCheck(LaunchOp launch, LLVM::LLVMFuncOp check, ArrayRef<Value> arguments) {
  Values all(arguments.begin(), arguments.end());
  all.push_back(places->addressOfField(offsetof(kiln_call, error_values)));
  Value code = LLVM::CallOp::create(b, check, all).getResult();
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

/// A measured call is told where it is.
void RunBuilder::emitAfterLaunches(int64_t count) {
  Value services = places->loadField(offsetof(kiln_call, services));
  Value beforeLaunch = LLVM::LoadOp::create(
      b, pointer, b.pointer(services, b.getI8Type(), b.constant(offsetof(kiln_services, before_launch))));
  Value isMeasured = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, beforeLaunch, LLVM::ZeroOp::create(b, pointer));
  b.when(isMeasured, [&] {
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, b.getI64Type()});
    LLVM::CallOp::create(b, type, ValueRange{beforeLaunch, places->loadField(offsetof(kiln_call, executor)), b.constant(count)});
  });
}

void RunBuilder::emitLaunch(LaunchOp launch, int64_t number) {
  LaunchedKernel kernel = kernels.find(launch.getKernel())->second;
  Values arguments;
  for (ValueRange buffers : {launch.getReads(), launch.getWrites()})
    for (Value buffer : buffers)
      arguments.push_back((*places)[buffer]);
  auto sizeOf = [&](Attribute dim) { return b.size(cast<ir::DimAttr>(dim).getExpression()); };
  for (Attribute dim : launch.getSizes())
    arguments.push_back(sizeOf(dim));
  if (kernel.check)
    emitCheck(launch, kernel.check, arguments);

  auto store = [&](Value value, int64_t slot) {
    LLVM::StoreOp::create(b, value, b.pointer(slots, b.getI64Type(), b.constant(slot)));
  };
  bool hasTwoAxes = launch.getGrid().size() == 2;
  Value units0 = sizeOf(launch.getGrid()[0]);
  store(places->elementOf(run.getArgument(1), kernel.number), LaunchFunctions::kKernel);
  store(units0, LaunchFunctions::kUnits0);
  store(hasTwoAxes ? sizeOf(launch.getGrid()[1]) : b.constant(1), LaunchFunctions::kUnits1);
  for (auto [i, argument] : llvm::enumerate(arguments))
    store(argument, LaunchFunctions::kArguments + static_cast<int64_t>(i));
  Value task = LLVM::AddressOfOp::create(b, kernel.task), cost = b.size(launch.getCost().getExpression());
  Value limit = hasTwoAxes ? b.div(units0, kernel.emitter->rowsPerTask) : units0;
  LLVM::CallOp::create(b, launchFunction, ValueRange{run.getArgument(0), task, slots, cost, limit, b.constant(number)});
}

FailureOr<LLVM::LLVMFuncOp> RunBuilder::emit() {
  launchFunction = shared.launch();
  run = createFunction(b, function.getLoc(), (function.getSymName() + ".run").str(), b.getI32Type(), {pointer, pointer}, b.target);
  preferSmallCode(run);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&run.getBody().front());
  int64_t arguments = 0;
  for (auto launch : function.getBodyBlock().getOps<LaunchOp>())
    arguments = std::max<int64_t>(arguments, launch.getReads().size() + launch.getWrites().size() + launch.getSizes().size());
  slots = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), b.constant(LaunchFunctions::kArguments + arguments), 8);
  places.emplace(b, function, run.getArgument(0), program.index, [this](schedule::ConstantOp constant) -> Value {
    return LLVM::AddressOfOp::create(b, pointer, constantSymbol(constant));
  });

  bool isMeasurable = !function.isPrepare(); // the descriptor lists no launches of prepare functions
  int64_t launches = 0;
  for (Operation &op : function.getBodyBlock().without_terminator()) {
    if (auto launch = dyn_cast<LaunchOp>(op))
      emitLaunch(launch, isMeasurable ? launches++ : -1);
    else if (failed(places->add(op)))
      return failure();
  }
  if (isMeasurable)
    emitAfterLaunches(launches);
  LLVM::ReturnOp::create(b, b.integerConstant(b.getI32Type(), KILN_OK));
  return run;
}

} // namespace

FailureOr<LLVM::LLVMFuncOp> emitRun(OpBuilder &builder, FuncOp function, const llvm::StringMap<LaunchedKernel> &kernels,
                                    LaunchFunctions &shared, ProgramContext &program) {
  return RunBuilder(builder, function, kernels, shared, program).emit();
}

void emitRunEntry(OpBuilder &builder, FuncOp function, LLVM::LLVMFuncOp run, LLVM::GlobalOp table, const InstructionSet &target) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto entry = createFunction(builder, function.getLoc(), (function.getSymName() + ".run." + target.suffix).str(),
                              builder.getI32Type(), {pointer}, target);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&entry.getBody().front());
  Value kernels = LLVM::AddressOfOp::create(builder, function.getLoc(), table);
  auto call = LLVM::CallOp::create(builder, function.getLoc(), run, ValueRange{entry.getArgument(0), kernels});
  LLVM::ReturnOp::create(builder, function.getLoc(), call.getResult());
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
