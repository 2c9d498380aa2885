//===- Descriptor.cpp - The artifact's tables as LLVM constants -----------===//
//
// Implements addDescriptor. Each struct of kiln/runtime/abi.h is built as an LLVM literal struct with the same members; the layouts
// agree because x86-64's C ABI and the data layout align alike, and a check on every struct's size keeps it so.
//
//===----------------------------------------------------------------------===//

#include "Descriptor.h"

#include "Emission.h"

#include "kiln/ir/Attributes.h"
#include "kiln/ir/Locations.h"
#include "kiln/ir/Types.h"
#include "kiln/runtime/abi.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Support/ErrorHandling.h"

using namespace kiln;
using namespace kiln::codegen;

namespace {

constexpr llvm::StringRef isaSuffixes[KILN_ISA_COUNT] = {"v2", "v3", "v4"};

/// Builds the constants of one module's descriptor.
class DescriptorBuilder {
public:
  DescriptorBuilder(const ProgramView &program, const CodeView &code, bool embedWeights, llvm::Module &module)
      : program(program), code(code), embedWeights(embedWeights), module(module), context(module.getContext()),
        pointerType(llvm::PointerType::getUnqual(context)) {}

  llvm::Constant *build(llvm::StringRef fingerprint);

private:
  // Scalars.
  llvm::Constant *u16(uint64_t value) { return integer(16, value); }
  llvm::Constant *u32(uint64_t value) { return integer(32, value); }
  llvm::Constant *u64(uint64_t value) { return integer(64, value); }
  llvm::Constant *i32(int32_t value) { return integer(32, static_cast<uint32_t>(value)); }
  llvm::Constant *f64(double value) { return llvm::ConstantFP::get(context, llvm::APFloat(value)); }
  llvm::Constant *integer(unsigned bits, uint64_t value) {
    return llvm::ConstantInt::get(context, llvm::APInt(bits, value));
  }
  llvm::Constant *null() { return llvm::ConstantPointerNull::get(pointerType); }
  /// A null-terminated string, shared between equal ones.
  llvm::Constant *string(llvm::StringRef value);
  /// The function of this name, or null.
  llvm::Constant *function(const llvm::Twine &name);

  // Aggregates.
  /// A struct that must be `expectedSize` bytes, with `struct_size` as its first member unless told otherwise.
  llvm::Constant *record(std::size_t expectedSize, llvm::ArrayRef<llvm::Constant *> members, bool sized = true);
  /// A private array; null when empty.
  llvm::Constant *array(llvm::StringRef name, llvm::ArrayRef<llvm::Constant *> elements);
  llvm::Constant *indices(llvm::StringRef name, llvm::ArrayRef<uint32_t> values);
  llvm::Constant *strings(llvm::StringRef name, llvm::ArrayRef<std::string> values);
  llvm::Constant *runTable(llvm::StringRef function);

  // Entries.
  llvm::Constant *argument(const FunctionView &function, const ArgumentView &argument, bool isInput);
  llvm::Constant *functionEntry(const FunctionView &function);
  llvm::Constant *stateEntry(ir::StateOp state);
  llvm::Constant *prepareEntry(const PrepareView &prepare);
  llvm::Constant *moduleEntry(ir::ModuleEntryOp entry, const llvm::StringMap<int32_t> &indexOfPath);
  llvm::Constant *siteEntry(const CodeSite &site);
  llvm::Constant *optimizerEntry(ir::OptimizerOp optimizer);
  llvm::Constant *groupEntry(ir::ParameterGroupAttr group);
  llvm::Constant *optionEntry(ir::OptionAttr option);
  llvm::Constant *cudaEntry();
  template <class Range, class Entry> llvm::Constant *table(llvm::StringRef name, Range &&range, Entry entry) {
    llvm::SmallVector<llvm::Constant *> entries;
    for (const auto &item : range)
      entries.push_back(entry(item));
    return array(name, entries);
  }

  const ProgramView &program;
  const CodeView &code;
  bool embedWeights;
  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::PointerType *pointerType;
  llvm::StringMap<llvm::Constant *> stringCache;
};

llvm::Constant *DescriptorBuilder::string(llvm::StringRef value) {
  llvm::Constant *&cached = stringCache[value];
  if (!cached) {
    auto *initializer = llvm::ConstantDataArray::getString(context, value, /*AddNull=*/true);
    auto *global = new llvm::GlobalVariable(module, initializer->getType(), /*isConstant=*/true,
                                            llvm::GlobalValue::PrivateLinkage, initializer, "text");
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    global->setAlignment(llvm::Align(1));
    cached = global;
  }
  return cached;
}

llvm::Constant *DescriptorBuilder::function(const llvm::Twine &name) {
  llvm::SmallString<64> storage;
  llvm::Function *found = module.getFunction(name.toStringRef(storage));
  return found && !found->isDeclaration() ? static_cast<llvm::Constant *>(found) : null();
}

llvm::Constant *DescriptorBuilder::record(std::size_t expectedSize, llvm::ArrayRef<llvm::Constant *> members, bool sized) {
  llvm::SmallVector<llvm::Constant *> all;
  if (sized)
    all.push_back(u32(expectedSize));
  all.append(members.begin(), members.end());
  llvm::Constant *result = llvm::ConstantStruct::getAnon(context, all);
  if (module.getDataLayout().getTypeAllocSize(result->getType()) != expectedSize)
    llvm::report_fatal_error("a descriptor struct differs from kiln/runtime/abi.h");
  return result;
}

llvm::Constant *DescriptorBuilder::array(llvm::StringRef name, llvm::ArrayRef<llvm::Constant *> elements) {
  if (elements.empty())
    return null();
  auto *type = llvm::ArrayType::get(elements.front()->getType(), elements.size());
  return new llvm::GlobalVariable(module, type, /*isConstant=*/true, llvm::GlobalValue::InternalLinkage,
                                  llvm::ConstantArray::get(type, elements), name);
}

llvm::Constant *DescriptorBuilder::indices(llvm::StringRef name, llvm::ArrayRef<uint32_t> values) {
  return table(name, values, [&](uint32_t value) { return u32(value); });
}

llvm::Constant *DescriptorBuilder::strings(llvm::StringRef name, llvm::ArrayRef<std::string> values) {
  return table(name, values, [&](const std::string &value) { return string(value); });
}

llvm::Constant *DescriptorBuilder::runTable(llvm::StringRef name) {
  llvm::SmallVector<llvm::Constant *> entries;
  for (llvm::StringRef suffix : isaSuffixes)
    entries.push_back(function(name + ".run." + suffix));
  return llvm::ConstantArray::get(llvm::ArrayType::get(pointerType, entries.size()), entries);
}

llvm::Constant *DescriptorBuilder::argument(const FunctionView &function, const ArgumentView &argument, bool isInput) {
  llvm::SmallVector<llvm::Constant *> dims;
  if (isInput)
    for (const semantics::DimExpr &size : argument.type.getSizes()) {
      // An input's sizes are numbers or names alone: recording admits nothing else.
      std::optional<std::string> symbol = size.as_symbol();
      int64_t index = symbol ? llvm::find(function.symbols, *symbol) - function.symbols.begin() : -1;
      dims.push_back(record(sizeof(kiln_dim), {u64(size.constant().value_or(0)), u32(static_cast<uint32_t>(index)), u32(0)},
                            /*sized=*/false));
    }
  return record(sizeof(kiln_argument),
                {u32(static_cast<uint32_t>(argument.getDType())), u32(argument.type.getRank()), string(argument.name),
                 array("dims", dims), string(argument.getShapeText())});
}

llvm::Constant *DescriptorBuilder::functionEntry(const FunctionView &view) {
  llvm::StringRef name = view.name;
  auto inputs = table("inputs", view.inputs, [&](const ArgumentView &entry) { return argument(view, entry, true); });
  auto outputs = table("outputs", view.outputs, [&](const ArgumentView &entry) { return argument(view, entry, false); });
  auto launches = table("launches", view.launches, [&](const LaunchView &launch) {
    return record(sizeof(kiln_launch),
                  {u32(0), string(launch.kernel), string(launch.module), string(launch.flops), string(launch.bytes)});
  });
  return record(sizeof(kiln_function),
                {string(name), u32(view.symbols.size()), u32(view.inputs.size()), u32(view.outputs.size()),
                 strings("symbols", view.symbols), inputs, outputs, u32(view.reads.size()), u32(view.writes.size()),
                 u32(view.prepared.size()), indices("reads", view.reads.getArrayRef()),
                 indices("writes", view.writes.getArrayRef()), indices("prepared", view.prepared.getArrayRef()),
                 function(name + ".measure"), runTable(name), u32(view.conditions.size()),
                 strings("conditions", view.conditions), u32(view.launches.size()), launches,
                 function(name + ".run.cuda")});
}

/// Whether the ABI takes the missing initial value of the state for zeros, as it does for gradients and what optimizers keep: as
/// many bytes again as the weights, or more.
static bool isImplied(ir::StateOp state) {
  if (state.getKind() != ir::StateKind::Gradient && state.getKind() != ir::StateKind::Optimizer)
    return false;
  std::optional<mlir::ElementsAttr> initial = state.getInitial();
  return !initial || mlir::matchPattern(*initial, mlir::m_AnyZeroFloat()) || mlir::matchPattern(*initial, mlir::m_Zero());
}

llvm::Constant *DescriptorBuilder::stateEntry(ir::StateOp state) {
  mlir::RankedTensorType type = state.getTensorType();
  runtime::DType dtype = *ir::toDType(type.getElementType());
  llvm::Constant *initial = null();
  // A state that no state_dict names can't be loaded: its value is always here.
  bool isLoadable = llvm::any_of(program.stateNames, [&](ir::StateNameOp name) {
    return !name.getNonPersistent() && name.getStateAttr().getAttr() == state.getSymNameAttr();
  });
  if ((embedWeights || !isLoadable) && !isImplied(state)) {
    // Without an initial value a state begins as zeros.
    runtime::Tensor value = state.getInitial() ? ir::toTensor(*state.getInitial()).contiguous()
                                               : runtime::Tensor(type.getShape().vec(), dtype);
    // Not null for an empty tensor either: null means "kept outside".
    initial = addBytes(module, "initial", {static_cast<const char *>(value.data()), value.nbytes()});
  }
  auto sizes = table("sizes", type.getShape(), [&](int64_t size) { return u64(size); });
  return record(sizeof(kiln_state), {u32(static_cast<uint32_t>(state.getKind())), u32(static_cast<uint32_t>(dtype)),
                                     u32(type.getRank()), u32(state.getTrainable()), string(state.getPath()), sizes, initial});
}

llvm::Constant *DescriptorBuilder::prepareEntry(const PrepareView &prepare) {
  return record(sizeof(kiln_prepare),
                {u32(prepare.sources.size()), u32(prepare.targets.size()), indices("sources", prepare.sources.getArrayRef()),
                 indices("targets", prepare.targets), u64(prepare.arenaBytes), string(prepare.name), runTable(prepare.name)});
}

llvm::Constant *DescriptorBuilder::moduleEntry(ir::ModuleEntryOp entry, const llvm::StringMap<int32_t> &indexOfPath) {
  int32_t parent = -1;
  if (std::optional<llvm::StringRef> path = entry.getParentPath())
    parent = indexOfPath.lookup(*path);
  return record(sizeof(kiln_module), {u32(static_cast<uint32_t>(parent)), string(entry.getLeafName()), string(entry.getPath()),
                                      string(entry.getType()), string(entry.getExtraRepr()), string(entry.getOutputShape()),
                                      string(entry.getMultiplyAdds())});
}

llvm::Constant *DescriptorBuilder::siteEntry(const CodeSite &site) {
  const auto &[location, operation] = site;
  std::string source;
  if (mlir::FileLineColLoc position = ir::sourceOf(location)) {
    // The file's name alone: where the source lay must not change the artifact's bytes.
    llvm::StringRef file = position.getFilename().getValue();
    source = (file.substr(file.rfind('/') + 1) + ":" + llvm::Twine(position.getLine())).str();
  }
  return record(sizeof(kiln_site), {string(ir::modulePathOf(location).value_or("")), string(source), string(operation)});
}

llvm::Constant *DescriptorBuilder::optionEntry(ir::OptionAttr option) {
  uint32_t kind = KILN_OPTION_NONE;
  uint64_t integerValue = 0;
  double number = 0;
  llvm::SmallVector<llvm::Constant *> numbers;
  // The verifier of #nn.option admits these and `unit`.
  if (auto value = llvm::dyn_cast<mlir::BoolAttr>(option.getValue()))
    kind = KILN_OPTION_BOOL, integerValue = value.getValue();
  else if (auto value = llvm::dyn_cast<mlir::IntegerAttr>(option.getValue()))
    kind = KILN_OPTION_INT, integerValue = static_cast<uint64_t>(value.getInt());
  else if (auto value = llvm::dyn_cast<mlir::FloatAttr>(option.getValue()))
    kind = KILN_OPTION_FLOAT, number = value.getValueAsDouble();
  else if (auto value = llvm::dyn_cast<mlir::DenseF64ArrayAttr>(option.getValue())) {
    kind = KILN_OPTION_FLOATS;
    for (double element : value.asArrayRef())
      numbers.push_back(f64(element));
  }
  return record(sizeof(kiln_option), {u32(kind), string(option.getName().getValue()), u64(integerValue), f64(number),
                                      array("numbers", numbers), u64(numbers.size())});
}

llvm::Constant *DescriptorBuilder::groupEntry(ir::ParameterGroupAttr group) {
  auto parameters =
      table("parameters", group.getParameters(), [&](mlir::FlatSymbolRefAttr symbol) { return u32(program.indexOf(symbol)); });
  auto options = table("options", group.getOptions(), [&](ir::OptionAttr option) { return optionEntry(option); });
  auto slots = table("slots", group.getSlots(), [&](ir::SlotAttr slot) {
    auto states = table("slot_states", slot.getStates(), [&](mlir::Attribute entry) {
      auto symbol = llvm::dyn_cast<mlir::FlatSymbolRefAttr>(entry);
      return i32(symbol ? static_cast<int32_t>(program.indexOf(symbol)) : -1);
    });
    return record(sizeof(kiln_slot), {u32(0), string(slot.getName().getValue()), states});
  });
  return record(sizeof(kiln_parameter_group),
                {u32(program.indexOf(group.getLearningRate())), u32(group.getParameters().size()), u32(group.getOptions().size()),
                 u32(group.getSlots().size()), u32(0), parameters, options, slots});
}

llvm::Constant *DescriptorBuilder::optimizerEntry(ir::OptimizerOp optimizer) {
  auto groups = table("groups", optimizer.getGroups().getAsRange<ir::ParameterGroupAttr>(),
                      [&](ir::ParameterGroupAttr group) { return groupEntry(group); });
  return record(sizeof(kiln_optimizer), {u32(program.indexOf(optimizer.getStepsAttr())), u32(optimizer.getGroups().size()),
                                         u32(0), string(optimizer.getName()), string(optimizer.getType()), groups});
}

/// The CUDA code; null where there is none.
llvm::Constant *DescriptorBuilder::cudaEntry() {
  if (code.cudaImages.empty())
    return null();
  auto images = table("cuda_images", code.cudaImages, [&](const CudaImage &image) {
    llvm::StringRef name = image.isPtx ? "cuda_ptx" : "cuda_machine_code";
    return record(sizeof(kiln_cuda_image), {u32(image.architecture), u32(image.isPtx), u32(0), addBytes(module, name, image.bytes),
                                            u64(image.bytes.size())});
  });
  auto kernels = table("cuda_kernels", code.cuda.kernels, [&](const CudaKernel &kernel) {
    return record(sizeof(kiln_cuda_kernel), {u32(kernel.threads), u32(kernel.arguments), u32(0), string(kernel.name)});
  });
  auto constants = table("cuda_constants", code.cuda.constants, [&](mlir::ElementsAttr constant) {
    runtime::Tensor value = ir::toTensor(constant).contiguous();
    // The processor's code reads the same bytes, unless all its uses were folded away.
    auto *same = llvm::find_if(code.constants, [&](const ConstantData &data) { return data.value == constant; });
    llvm::Constant *data = same != code.constants.end() ? module.getGlobalVariable(same->symbol, /*AllowInternal=*/true) : nullptr;
    if (!data)
      data = addBytes(module, "constant", {static_cast<const char *>(value.data()), value.nbytes()});
    return record(sizeof(kiln_cuda_constant), {u32(0), data, u64(value.nbytes())});
  });
  auto *entry = record(sizeof(kiln_cuda), {u32(code.cudaImages.size()), u32(code.cuda.kernels.size()),
                                           u32(code.cuda.constants.size()), images, kernels, constants});
  return array("cuda", entry);
}

llvm::Constant *DescriptorBuilder::build(llvm::StringRef fingerprint) {
  llvm::StringMap<int32_t> moduleOfPath;
  for (auto [index, entry] : llvm::enumerate(program.modules))
    moduleOfPath[ir::ModuleEntryOp(entry).getPath()] = static_cast<int32_t>(index);

  auto functions = table("functions", program.functions, [&](const FunctionView &view) { return functionEntry(view); });
  auto states = table("states", program.states, [&](ir::StateOp state) { return stateEntry(state); });
  auto stateNames = table("state_names", program.stateNames, [&](ir::StateNameOp name) {
    return record(sizeof(kiln_state_name), {u32(program.stateIndex.lookup(name.getStateAttr().getAttr())),
                                            u32(!name.getNonPersistent()), string(name.getName())});
  });
  llvm::DenseMap<uint32_t, uint32_t> prepareOfSlot;
  for (auto [index, prepare] : llvm::enumerate(program.prepares))
    for (uint32_t target : prepare.targets)
      prepareOfSlot[target] = index;
  uint32_t slotIndex = 0;
  auto prepared = table("prepared", program.prepared, [&](ir::PreparedOp slot) {
    return record(sizeof(kiln_prepared), {u32(prepareOfSlot.lookup(slotIndex++)),
                                          u64(*schedule::BufferType::of(slot.getTensorType()).getBytes().constant()),
                                          string(slot.getSymName())});
  });
  auto prepares = table("prepares", program.prepares, [&](const PrepareView &view) { return prepareEntry(view); });
  auto modules = table("modules", program.modules, [&](ir::ModuleEntryOp entry) { return moduleEntry(entry, moduleOfPath); });
  auto sites = table("sites", code.sites, [&](const CodeSite &site) { return siteEntry(site); });
  auto gradients = table("gradients", program.gradients, [&](ir::GradientOp gradient) {
    return record(sizeof(kiln_gradient), {u32(program.indexOf(gradient.getParameterAttr())),
                                          u32(program.indexOf(gradient.getStateAttr())), u32(gradient.getFlag())});
  });
  auto optimizers = table("optimizers", program.optimizers, [&](ir::OptimizerOp optimizer) { return optimizerEntry(optimizer); });

  return record(sizeof(kiln_program),
                {u16(KILN_ABI_MAJOR), u16(KILN_ABI_MINOR), string(program.name), string(fingerprint), string("x86_64"),
                 u32(program.functions.size()), u32(program.states.size()), u32(program.stateNames.size()),
                 u32(program.prepared.size()), u32(program.prepares.size()), u32(program.modules.size()),
                 u32(code.sites.size()), functions, states, stateNames, prepared, prepares, modules, sites,
                 u32(program.gradients.size()), u32(program.optimizers.size()), i32(program.gradientFlags),
                 i32(program.generator), gradients, optimizers, cudaEntry()});
}

} // namespace

std::string kiln::codegen::descriptorSymbol(llvm::StringRef programName) { return ("kiln_program_" + programName).str(); }

void kiln::codegen::addDescriptor(const ProgramView &program, const CodeView &code, bool embedWeights, llvm::StringRef fingerprint,
                                  llvm::Module &module) {
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
  llvm::Constant *descriptor = DescriptorBuilder(program, code, embedWeights, module).build(fingerprint);
  new llvm::GlobalVariable(module, descriptor->getType(), /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage, descriptor,
                           descriptorSymbol(program.name));
}

void kiln::codegen::addLinkedProgram(llvm::StringRef programName, RuntimeNeeds needs, llvm::Module &module) {
  auto *pointer = llvm::PointerType::getUnqual(module.getContext());
  auto *descriptor = new llvm::GlobalVariable(module, llvm::Type::getInt8Ty(module.getContext()), /*isConstant=*/true,
                                              llvm::GlobalValue::ExternalLinkage, nullptr, descriptorSymbol(programName));
  new llvm::GlobalVariable(module, pointer, /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage, descriptor,
                           "kiln_linked_program");
  auto function = [&](llvm::Type *result, llvm::StringRef name) {
    auto *type = llvm::FunctionType::get(result, /*isVarArg=*/false);
    return llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  };
  llvm::Constant *command = llvm::ConstantPointerNull::get(pointer);
  if (needs.training)
    command = function(llvm::Type::getInt32Ty(module.getContext()), "kiln_train_command");
  new llvm::GlobalVariable(module, pointer, /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage, command, "kiln_linked_train");
  if (!needs.cuda) {
    // Never called: the runtime refuses to put such a program on a device before. Null rather than nothing, to be sure.
    llvm::Function *make = function(pointer, "kiln_make_cuda_model");
    llvm::ReturnInst::Create(module.getContext(), llvm::ConstantPointerNull::get(pointer),
                             llvm::BasicBlock::Create(module.getContext(), "", make));
  }
}
