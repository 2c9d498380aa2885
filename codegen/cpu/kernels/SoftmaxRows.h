//===- SoftmaxRows.h - scores, row by row -------------------------*- C++ -*-===//
//
// What softmax and the losses of classes have in common. Scores are [..., C, ...]; a row is the C scores that one softmax is
// taken over, and the kernels' unit. Where a row's scores are neighbours in memory, lanes are classes; else neighbouring rows are
// neighbours, and lanes are rows. Kernels are written once for both: `overClasses` says which lanes it is about, `spread` and
// `gather` lead from a row's values to lanes and back.
//
// The largest score is taken off before the exponential function, and sums are in f64. 16-bit scores are f32 as soon as they are
// loaded.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_SOFTMAXROWS_H
#define KILN_CODEGEN_CPU_KERNELS_SOFTMAXROWS_H

#include "Precision.h"

namespace kiln::codegen {

class SoftmaxRows {
public:
  /// Rows along dimension `dim` of an anchor operand; a tensor without dimensions counts as having one.
  SoftmaxRows(KernelContext &context, unsigned operand, int64_t dim);

  /// A row, or `lanes` rows.
  struct Place {
    Value number, begin; // begin: of the score of class 0
    int64_t lanes;
    Value sample, position; // number = sample * positions + position; null where lanes are classes
  };
  /// Some scores: of `lanes` classes of a row, or of one class of `lanes` rows.
  struct Scores {
    Value firstClass, at; // at: of the first one
    Value mask;           // which lanes there are; null where all
    int64_t lanes;
  };

  /// Calls `body` for all rows of the context's range.
  void overRows(llvm::function_ref<void(Place)> body);
  /// Calls `body` for all scores of a place, carrying values from one call to the next; returns the last.
  Values overClasses(Place place, ValueRange init, llvm::function_ref<Values(Scores, ValueRange)> body);
  /// The same with `group` scores a call, then with single ones for the rest.
  Values overClasses(Place place, int64_t group, ValueRange init,
                     llvm::function_ref<Values(llvm::ArrayRef<Scores>, ValueRange)> body);

  /// Lanes of what `overClasses` carries.
  int64_t lanesOf(Place place) const { return isAlong ? vectorLanes : place.lanes; }
  /// A row's value in the lanes of its scores.
  Value spread(Value value) { return isAlong ? b.broadcast(value, vectorLanes) : value; }
  /// A sum over a row's scores, from the sums by lane.
  Value gather(Value sums) { return isAlong ? b.sumOfLanes(sums) : sums; }
  /// Whether lanes are classes, so that a place is one row.
  bool lanesAreClasses() const { return isAlong; }

  /// Scores in the type that they are computed in; lanes that are not there are `otherwise`.
  Value load(const Scores &scores, double otherwise = 0) { return loadFrom(base, element, scores, otherwise); }
  /// What lies at the scores' places in another buffer of their shape, widened likewise.
  Value loadFrom(Value buffer, Type elementType, const Scores &scores, double otherwise = 0);
  void store(Value value, Value target, const Scores &scores);

  /// The largest score of each row of a place, in the type that they are computed in. A NaN counts as the smallest.
  Value largest(Place place);
  /// exp(score - largest), in the type that scores are computed in; 0 in lanes that are not there.
  Value power(const Scores &scores, Value largest);

  DimExpr classes;
  Type element; // of the scores
  Type compute; // what they are computed in

private:
  Value larger(Value x, Value y);

  KernelContext &context;
  KernelBuilder &b;
  Value base;
  DimExpr positions = 1; // rows between two scores of a row
  bool isAlong;
  int64_t vectorLanes;
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_SOFTMAXROWS_H
