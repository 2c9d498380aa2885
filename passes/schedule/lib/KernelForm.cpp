//===- KernelForm.cpp - an op as a kernel to be ---------------------------===//
//
// Three ways lead to a kernel: a fused region is one already; ops that only move or make elements (permute, expand, full, and ops
// with a scalar body) are maps; every other op is an anchor whose body passes its element on.
//
//===----------------------------------------------------------------------===//

#include "KernelForm.h"

#include "CrossEntropyForms.h"
#include "TransposeFolding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

//===----------------------------------------------------------------------===//
// Building kernels
//===----------------------------------------------------------------------===//

namespace {

/// Collects the parts of a kernel; `finish` makes the op.
struct KernelParts {
  Location location;
  StringAttr anchor;
  DictionaryAttr anchorAttributes;
  SmallVector<Value> anchorOperands, extraOperands;
  SmallVector<AffineMap> maps;
  SmallVector<BufferType> results;
  /// What the body gets of the anchor; the result's elements may be of another type, after a cast.
  Type anchorElement;

  explicit KernelParts(Operation *op) : location(op->getLoc()) {
    for (Value result : op->getResults())
      results.push_back(BufferType::of(cast<RankedTensorType>(result.getType())));
    anchorElement = results.front().getScalarType();
  }

  static ArrayAttr typesOf(MLIRContext *context, ValueRange values) {
    SmallVector<Attribute> types;
    for (Value value : values)
      types.push_back(TypeAttr::get(BufferType::of(cast<RankedTensorType>(value.getType()))));
    return ArrayAttr::get(context, types);
  }

  /// The kernel, its body still to be filled: one block with the arguments that the verifier asks for.
  KernelForm finish() {
    MLIRContext *context = location.getContext();
    OpBuilder builder(context);
    SmallVector<Attribute> resultTypes;
    for (BufferType result : results)
      resultTypes.push_back(TypeAttr::get(result));
    auto kernel = KernelOp::create(builder, location, builder.getStringAttr("kernel"), builder.getArrayAttr({}), anchor,
                                   typesOf(context, anchorOperands), anchorAttributes, typesOf(context, extraOperands),
                                   builder.getAffineMapArrayAttr(maps), builder.getArrayAttr(resultTypes));
    Block &block = kernel.getBody().emplaceBlock();
    if (anchor)
      block.addArgument(anchorElement, location);
    for (Value extra : extraOperands)
      block.addArgument(ir::scalarTypeOf(cast<RankedTensorType>(extra.getType()).getElementType()), location);

    KernelForm form;
    form.kernel = OwningOpRef<KernelOp>(kernel);
    form.operands = anchorOperands;
    form.operands.append(extraOperands);
    return form;
  }
};

/// A body that stores its first argument.
void yieldFirst(KernelForm &form) {
  OpBuilder builder = OpBuilder::atBlockEnd(&form.kernel->getBodyBlock());
  YieldOp::create(builder, form.kernel->getLoc(), form.kernel->getBodyBlock().getArgument(0));
}

//===----------------------------------------------------------------------===//
// Forms of ops
//===----------------------------------------------------------------------===//

/// The map of an operand that is broadcast to `result` as PyTorch does: aligned at the last dimension, size 1 stretched.
AffineMap broadcastMap(RankedTensorType operand, RankedTensorType result) {
  MLIRContext *context = operand.getContext();
  std::vector<DimExpr> sizes = BufferType::of(operand).getSizes(), target = BufferType::of(result).getSizes();
  int64_t offset = result.getRank() - operand.getRank();
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < operand.getRank(); ++i) {
    bool stretched = sizes[i] == DimExpr(1) && !(target[offset + i] == DimExpr(1));
    exprs.push_back(stretched ? getAffineConstantExpr(0, context) : getAffineDimExpr(offset + i, context));
  }
  return AffineMap::get(result.getRank(), 0, exprs, context);
}

KernelForm formOfFused(ir::FusedOp op) {
  KernelParts parts(op);
  parts.anchor = op.getAnchorAttr();
  parts.anchorAttributes = op.getAnchorAttributesAttr();
  parts.anchorOperands.assign(op.getAnchorOperands().begin(), op.getAnchorOperands().end());
  parts.extraOperands.assign(op.getExtraOperands().begin(), op.getExtraOperands().end());
  for (unsigned i = 0; i < op.getExtraMaps().size(); ++i)
    parts.maps.push_back(op.getExtraMap(i));
  if (parts.anchor && !parts.anchorAttributes)
    parts.anchorAttributes = DictionaryAttr::get(op.getContext());
  Block &source = op.getBody().front();
  if (parts.anchor)
    parts.anchorElement = source.getArgument(0).getType();
  KernelForm form = parts.finish();

  Block &body = form.kernel->getBodyBlock();
  OpBuilder builder = OpBuilder::atBlockEnd(&body);
  IRMapping mapping;
  mapping.map(source.getArguments(), body.getArguments());
  for (Operation &inner : source.without_terminator())
    builder.clone(inner, mapping);
  YieldOp::create(builder, op.getLoc(), mapping.lookup(op.getYield()->getOperand(0)));
  return form;
}

/// The op's own attributes by their names in the semantics table, and which optional operands are there.
DictionaryAttr anchorAttributesOf(Operation *op, ArrayRef<Value> operands) {
  SmallVector<NamedAttribute> attributes;
  for (NamedAttribute attribute : op->getAttrDictionary())
    if (attribute.getName() != "operandSegmentSizes" && attribute.getName() != "resultSegmentSizes")
      attributes.push_back(attribute);
  if (llvm::is_contained(operands, Value())) {
    SmallVector<bool> present = llvm::map_to_vector(operands, [](Value operand) { return operand != nullptr; });
    attributes.emplace_back(StringAttr::get(op->getContext(), "present"), DenseBoolArrayAttr::get(op->getContext(), present));
  }
  return DictionaryAttr::get(op->getContext(), attributes);
}

/// The op as an anchor, its element stored as it is.
KernelForm formOfAnchor(Operation *op, ArrayRef<Value> operands) {
  KernelParts parts(op);
  parts.anchor = StringAttr::get(op->getContext(), op->getName().getStringRef());
  parts.anchorAttributes = anchorAttributesOf(op, operands);
  llvm::copy_if(operands, std::back_inserter(parts.anchorOperands), [](Value operand) { return operand != nullptr; });
  KernelForm form = parts.finish();
  yieldFirst(form);
  return form;
}

/// An op with a scalar body whose operands broadcast.
KernelForm formOfScalarBody(ir::ScalarBodyInterface op, ArrayRef<AffineMap> maps) {
  KernelParts parts(op);
  parts.extraOperands.assign(op->getOperands().begin(), op->getOperands().end());
  parts.maps.assign(maps.begin(), maps.end());
  KernelForm form = parts.finish();
  Block &body = form.kernel->getBodyBlock();
  OpBuilder builder = OpBuilder::atBlockEnd(&body);
  Value result = op.buildScalarBody(builder, op->getLoc(), body.getArguments());
  YieldOp::create(builder, op->getLoc(), result);
  return form;
}

KernelForm formOfPermute(ir::PermuteOp op) {
  KernelParts parts(op);
  parts.extraOperands = {op.getInput()};
  SmallVector<unsigned> order(op.getDims().size());
  for (auto [i, dim] : llvm::enumerate(op.getDims()))
    order[dim] = i; // dimension `dim` of the input is dimension i of the result
  parts.maps = {AffineMap::getPermutationMap(order, op.getContext())};
  KernelForm form = parts.finish();
  yieldFirst(form);
  return form;
}

KernelForm formOfExpand(ir::ExpandOp op) {
  KernelParts parts(op);
  parts.extraOperands = {op.getInput()};
  parts.maps = {broadcastMap(cast<RankedTensorType>(op.getInput().getType()), cast<RankedTensorType>(op.getOutput().getType()))};
  KernelForm form = parts.finish();
  yieldFirst(form);
  return form;
}

KernelForm formOfFull(ir::FullOp op) {
  TypedAttr element = op.getElement();
  if (!element)
    return formOfAnchor(op, {}); // a size, which the call alone knows
  KernelForm form = KernelParts(op).finish();
  OpBuilder builder = OpBuilder::atBlockEnd(&form.kernel->getBodyBlock());
  YieldOp::create(builder, op.getLoc(), arith::ConstantOp::create(builder, op.getLoc(), element));
  return form;
}

} // namespace

/// The form as the op has it.
static FailureOr<KernelForm> plainFormOf(Operation *op) {
  if (auto fused = dyn_cast<ir::FusedOp>(op))
    return formOfFused(fused);
  if (auto permute = dyn_cast<ir::PermuteOp>(op))
    return formOfPermute(permute);
  if (auto expand = dyn_cast<ir::ExpandOp>(op))
    return formOfExpand(expand);
  if (auto full = dyn_cast<ir::FullOp>(op))
    return formOfFull(full);
  if (auto affine = dyn_cast<ir::ChannelAffineOp>(op)) {
    auto type = cast<RankedTensorType>(affine.getOutput().getType());
    AffineMap identity = AffineMap::getMultiDimIdentityMap(type.getRank(), op->getContext());
    AffineMap channel = AffineMap::get(type.getRank(), 0, getAffineDimExpr(1, op->getContext()));
    return formOfScalarBody(cast<ir::ScalarBodyInterface>(op), {identity, channel, channel});
  }
  if (auto scalar = dyn_cast<ir::ScalarBodyInterface>(op); scalar && scalar.hasScalarBody()) {
    SmallVector<AffineMap> maps;
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    for (Value operand : op->getOperands())
      maps.push_back(broadcastMap(cast<RankedTensorType>(operand.getType()), result));
    return formOfScalarBody(scalar, maps);
  }
  if (auto semantic = dyn_cast<ir::SemanticOpInterface>(op))
    return formOfAnchor(op, semantic.getSemanticOperands());
  op->emitOpError() << "computes nothing that a kernel can be made of";
  return failure();
}

FailureOr<KernelForm> formOf(Operation *op) {
  FailureOr<KernelForm> form = plainFormOf(op);
  if (succeeded(form))
    foldTransposes(*form);
  return form;
}

FailureOr<SmallVector<KernelForm, 1>> formsOf(Operation *op) {
  SmallVector<KernelForm, 1> forms = formsOfCrossEntropy(op);
  if (!forms.empty())
    return forms;
  FailureOr<KernelForm> form = formOf(op);
  if (failed(form))
    return failure();
  forms.push_back(std::move(*form));
  return forms;
}

KernelForm anchorForm(Location location, StringRef anchor, ArrayRef<NamedAttribute> attributes, ArrayRef<Value> operands,
                      ArrayRef<BufferType> operandTypes, ArrayRef<BufferType> resultTypes) {
  OpBuilder builder(location.getContext());
  auto typesOf = [&](ArrayRef<BufferType> types) {
    return builder.getArrayAttr(llvm::map_to_vector(types, [](BufferType type) -> Attribute { return TypeAttr::get(type); }));
  };
  auto kernel = KernelOp::create(builder, location, builder.getStringAttr("kernel"), builder.getArrayAttr({}),
                                 builder.getStringAttr(anchor), typesOf(operandTypes), builder.getDictionaryAttr(attributes),
                                 builder.getArrayAttr({}), builder.getAffineMapArrayAttr({}), typesOf(resultTypes));
  kernel.getBody().emplaceBlock().addArgument(resultTypes.front().getScalarType(), location);
  KernelForm form;
  form.kernel = OwningOpRef<KernelOp>(kernel);
  form.operands.assign(operands.begin(), operands.end());
  yieldFirst(form);
  return form;
}

KernelForm copyForm(Location location, BufferType type) {
  OpBuilder builder(location.getContext());
  int64_t rank = type.getRank();
  ArrayAttr types = builder.getArrayAttr({TypeAttr::get(type)});
  auto kernel = KernelOp::create(builder, location, builder.getStringAttr("kernel"), builder.getArrayAttr({}), StringAttr(),
                                 builder.getArrayAttr({}), DictionaryAttr(), types,
                                 builder.getAffineMapArrayAttr({builder.getMultiDimIdentityMap(rank)}), types);
  kernel.getBody().emplaceBlock().addArgument(type.getScalarType(), location);
  KernelForm form;
  form.kernel = OwningOpRef<KernelOp>(kernel);
  yieldFirst(form);
  return form;
}

//===----------------------------------------------------------------------===//
// Sizes of the kernel's own
//===----------------------------------------------------------------------===//

void abstractSizes(KernelForm &form) {
  KernelOp kernel = *form.kernel;
  Builder builder(kernel.getContext());
  SmallVector<Attribute> names;
  llvm::DenseMap<Attribute, ir::DimAttr> renamed;
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](ir::DimAttr dim) -> std::optional<Attribute> {
    if (dim.getConstant())
      return std::nullopt;
    auto [entry, isNew] = renamed.try_emplace(dim, nullptr);
    if (isNew) {
      std::string name = "s" + std::to_string(names.size());
      names.push_back(builder.getStringAttr(name));
      form.sizes.push_back(dim.getExpression());
      entry->second = ir::DimAttr::get(kernel.getContext(), DimExpr::symbol(name));
    }
    return entry->second;
  });
  kernel.setAnchorTypesAttr(cast<ArrayAttr>(replacer.replace(kernel.getAnchorTypesAttr())));
  kernel.setExtraTypesAttr(cast<ArrayAttr>(replacer.replace(kernel.getExtraTypesAttr())));
  kernel.setResultTypesAttr(cast<ArrayAttr>(replacer.replace(kernel.getResultTypesAttr())));
  if (kernel.getAnchorAttributesAttr())
    kernel.setAnchorAttributesAttr(cast<DictionaryAttr>(replacer.replace(kernel.getAnchorAttributesAttr())));
  kernel.setSizesAttr(builder.getArrayAttr(names));
}

} // namespace kiln::schedule
