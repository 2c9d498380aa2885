//===- ShareKernels.cpp - the pass schedule-share-kernels -----------------===//
//
// Kernels that differ in constant sizes only become one. Every kernel is written in a common form, in which the n-th different size that
// appears in it is the symbol d<n>; those of one form are a group, and have a value for each symbol. What is the same in the whole group
// stays a number; what differs becomes a run-time size, which keeps the factor that all its values have. Sizes that differ in how they
// divide into vectors are not of one form: a single odd width would cost all others their whole tiles.
//
//===----------------------------------------------------------------------===//

#include "AnchorTraits.h"

#include "kiln/ir/Statistics.h"
#include "kiln/schedule/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"

#include <numeric>

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

static ir::Statistic numShared("schedule-share-kernels", "Number of kernels that became another one");

#define GEN_PASS_DEF_SCHEDULESHAREKERNELSPASS
#include "kiln/schedule/Passes.h.inc"

namespace {

/// The values of d0, d1, ... in one kernel: constants and sizes of the kernel.
using Sizes = SmallVector<DimExpr>;

/// The kernel with other sizes in its types: `change` is called for each, in the order of the kernel's operands and results.
void changeSizes(KernelOp kernel, function_ref<DimExpr(const DimExpr &)> change) {
  auto changed = [&](ArrayAttr types) {
    SmallVector<Attribute> result;
    for (Attribute type : types) {
      auto buffer = cast<BufferType>(cast<TypeAttr>(type).getValue());
      std::vector<DimExpr> sizes = buffer.getSizes();
      for (DimExpr &size : sizes)
        size = change(size);
      result.push_back(TypeAttr::get(BufferType::get(buffer.getElementType(), sizes)));
    }
    return ArrayAttr::get(kernel.getContext(), result);
  };
  kernel.setAnchorTypesAttr(changed(kernel.getAnchorTypesAttr()));
  kernel.setExtraTypesAttr(changed(kernel.getExtraTypesAttr()));
  kernel.setResultTypesAttr(changed(kernel.getResultTypesAttr()));
}

/// Whether the kernel's attributes are expressions in its sizes.
bool hasSizesInAttributes(KernelOp kernel) {
  bool found = false;
  AttrTypeWalker walker;
  walker.addWalk([&](ir::DimAttr dim) { found |= !dim.getConstant(); });
  if (DictionaryAttr attributes = kernel.getAnchorAttributesAttr())
    walker.walk(attributes);
  return found;
}

SmallVector<std::vector<DimExpr>> typesOf(KernelOp kernel) {
  SmallVector<std::vector<DimExpr>> types;
  for (ArrayAttr list : {kernel.getAnchorTypesAttr(), kernel.getExtraTypesAttr(), kernel.getResultTypesAttr()})
    for (Attribute type : list)
      types.push_back(cast<BufferType>(cast<TypeAttr>(type).getValue()).getSizes());
  return types;
}

/// Constants that are the last size of an operand or a result: what lies side by side in memory, and is divided into vectors.
llvm::DenseSet<int64_t> rowSizesOf(KernelOp kernel) {
  llvm::DenseSet<int64_t> sizes;
  for (const std::vector<DimExpr> &type : typesOf(kernel))
    if (!type.empty() && type.back().constant())
      sizes.insert(*type.back().constant());
  return sizes;
}

struct Member {
  KernelOp kernel;
  Sizes sizes;
};

/// One form, and the kernels that have it.
struct Group {
  OwningOpRef<KernelOp> form;
  /// Of each size in the form.
  SmallVector<DimExpr> placeholders;
  SmallVector<Member> members;
};

/// Elements of a vector, at most: back ends ask what divides a size up to here.
constexpr int64_t kVector = 16;

/// What stands for a size in the form: d<number>, times the factor that its kernel may count on.
DimExpr placeholder(size_t number, const DimExpr &size, const llvm::DenseSet<int64_t> &rowSizes) {
  int64_t value = size.constant().value_or(1);
  return (rowSizes.contains(value) ? std::gcd(value, kVector) : 1) * DimExpr::symbol("d" + std::to_string(number));
}

struct ShareKernels : impl::ScheduleShareKernelsPassBase<ShareKernels> {
  using ScheduleShareKernelsPassBase::ScheduleShareKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::MapVector<StringAttr, Group> groups;
    for (auto kernel : module.getOps<KernelOp>())
      addTo(groups, kernel);
    llvm::DenseMap<StringAttr, SmallVector<LaunchOp>> launches;
    module.walk([&](LaunchOp launch) { launches[launch.getKernelAttr().getAttr()].push_back(launch); });
    for (auto &[text, group] : groups)
      if (group.members.size() > 1)
        merge(module, group, launches);
  }

private:
  /// Constant sizes that stay what they are.
  llvm::DenseSet<int64_t> keptSizes(KernelOp kernel) const {
    llvm::DenseSet<int64_t> kept;
    for (const std::vector<DimExpr> &sizes : typesOf(kernel))
      for (auto [i, size] : llvm::enumerate(sizes)) {
        // A size of 1 decides what a unit of the grid is, which launches have counted already.
        int64_t limit = std::max<int64_t>(1, i + 1 == sizes.size() ? keep : keepAnywhere);
        if (std::optional<int64_t> value = size.constant(); value && *value <= limit)
          kept.insert(*value);
      }
    if (int panels = anchorTraits(kernel.getAnchor().value_or("")).panels; panels >= 0)
      kept.insert(kernel.getAnchorType(panels).getSizes().back().constant().value_or(1));
    return kept;
  }

  void addTo(llvm::MapVector<StringAttr, Group> &groups, KernelOp kernel) {
    const AnchorTraits &traits = anchorTraits(kernel.getAnchor().value_or(""));
    if (traits.hasOwnSizes || hasSizesInAttributes(kernel))
      return;
    OwningOpRef<KernelOp> form = kernel.clone();
    llvm::DenseSet<int64_t> kept = keptSizes(kernel), rowSizes = rowSizesOf(kernel);
    Sizes sizes, placeholders;
    changeSizes(*form, [&](const DimExpr &size) {
      if (size.constant() && kept.contains(*size.constant()))
        return size;
      auto known = llvm::find(sizes, size);
      if (known == sizes.end()) {
        placeholders.push_back(placeholder(sizes.size(), size, rowSizes));
        sizes.push_back(size);
        known = std::prev(sizes.end());
      }
      return placeholders[known - sizes.begin()];
    });
    // Only sizes that are the launch's own have a value there.
    if (!llvm::all_of(sizes, [](const DimExpr &size) { return size.is_constant() || size.as_symbol(); }))
      return;
    form->setSizesAttr(ArrayAttr::get(&getContext(), {}));
    form->setSymName("form");
    if (DictionaryAttr attributes = form->getAnchorAttributesAttr(); attributes && traits.impliedAttribute) {
      NamedAttrList rest(attributes);
      rest.erase(traits.impliedAttribute);
      form->setAnchorAttributesAttr(rest.getDictionary(&getContext()));
    }
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*form)->print(stream, OpPrintingFlags().useLocalScope().printGenericOpForm());
    Group &group = groups[StringAttr::get(&getContext(), text)];
    group.members.push_back({kernel, std::move(sizes)});
    if (group.form)
      return;
    group.form = std::move(form);
    group.placeholders = std::move(placeholders);
  }

  /// What becomes of one size of a group.
  struct SharedSize {
    DimExpr expression;
    int64_t factor = 0; // 0 where all members agree
  };

  static SharedSize sharedSize(const Group &group, size_t number, StringRef symbol) {
    const DimExpr &first = group.members.front().sizes[number];
    bool isOne = first.is_constant();
    int64_t factor = 0;
    for (const Member &member : group.members) {
      isOne &= member.sizes[number] == first;
      factor = std::gcd(factor, member.sizes[number].constant().value_or(1));
    }
    if (isOne)
      return {first};
    return {factor * DimExpr::symbol(symbol), factor};
  }

  void merge(ModuleOp module, Group &group, llvm::DenseMap<StringAttr, SmallVector<LaunchOp>> &launches) {
    Builder builder(&getContext());
    SmallVector<Attribute> names;
    SmallVector<SharedSize> shared;
    for (size_t i = 0; i < group.members.front().sizes.size(); ++i) {
      std::string name = "s" + std::to_string(names.size());
      shared.push_back(sharedSize(group, i, name));
      if (shared.back().factor != 0)
        names.push_back(builder.getStringAttr(name));
    }
    KernelOp kernel = group.form.release();
    changeSizes(kernel, [&](const DimExpr &size) {
      for (auto [other, known] : llvm::zip_equal(shared, group.placeholders))
        if (size == known)
          return other.expression;
      return size;
    });
    kernel.setSizesAttr(builder.getArrayAttr(names));
    OpBuilder(group.members.front().kernel).insert(kernel);
    // Named once the members' own names are free.
    SmallVector<std::pair<LaunchOp, ArrayAttr>> relaunched;
    for (Member &member : group.members) {
      for (LaunchOp launch : launches.lookup(member.kernel.getSymNameAttr()))
        relaunched.emplace_back(launch, sizesOf(launch, member, shared));
      member.kernel.erase();
    }
    kernel.setSymName(freeName(module, kernelName(kernel)));
    for (auto [launch, sizes] : relaunched) {
      launch.setKernelAttr(FlatSymbolRefAttr::get(kernel.getSymNameAttr()));
      launch.setSizesAttr(sizes);
    }
    numShared += group.members.size() - 1;
  }

  /// The values of the shared kernel's sizes at a launch of the member.
  static ArrayAttr sizesOf(LaunchOp launch, Member &member, ArrayRef<SharedSize> shared) {
    SmallVector<Attribute> values;
    for (auto [i, size] : llvm::enumerate(shared)) {
      if (size.factor == 0)
        continue;
      if (std::optional<int64_t> constant = member.sizes[i].constant()) {
        values.push_back(ir::DimAttr::get(launch.getContext(), *constant / size.factor));
        continue;
      }
      for (auto [name, value] : llvm::zip_equal(member.kernel.getSizes(), launch.getSizes()))
        if (member.sizes[i].as_symbol() == cast<StringAttr>(name).getValue().str())
          values.push_back(value);
    }
    return ArrayAttr::get(launch.getContext(), values);
  }
};

} // namespace

} // namespace kiln::schedule
