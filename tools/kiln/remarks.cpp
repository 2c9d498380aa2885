//===- remarks.cpp - what was optimised, at the user's lines --------------===//
//
// A remark says which pass did or missed what, for which module, and why:
//
//   model.cpp:12:5: remark: net.1: fold: folded into nn.linear of net.0 (model.cpp:11) [nn-fold-batch-norm]
//   model.cpp:20:9: remark: missed: blocks.0: fuse: the value has two users [nn-fuse]
//
//===----------------------------------------------------------------------===//

#include "remarks.h"

#include <memory>
#include <string>

#include "diagnostics.h"
#include "kiln/ir/Locations.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"

using namespace llvm;

namespace kiln::tools {

namespace {
class RemarkPrinter : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  void streamOptimizationRemark(const mlir::remark::detail::Remark &remark) override {
    std::string module, text;
    for (const auto &argument : remark.getArgs()) {
      if (argument.key == "Module")
        module = argument.val;
      else
        text += (text.empty() ? "" : ", ") + argument.val;
    }
    std::string message;
    if (remark.getRemarkType() == remarks::Type::Missed)
      message += "missed: ";
    if (!module.empty())
      message += module + ": ";
    message += remark.getRemarkName().str() + ": " + text + " [" + remark.getCategoryName().str() + "]";
    report(Severity::Remark, placeOf(remark.getLocation()), message);
  }
};
} // namespace

void printRemarks(mlir::MLIRContext &context) {
  context.disableMultithreading();
  mlir::remark::RemarkCategories everything;
  everything.passed = everything.missed = everything.analysis = everything.failed = ".*";
  // Only fails when an engine is installed already.
  (void)mlir::remark::enableOptimizationRemarks(context, std::make_unique<RemarkPrinter>(),
                                                std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), everything);
}

} // namespace kiln::tools
