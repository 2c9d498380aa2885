//===- recipes.h - How operations are drawn at random -----------*- C++ -*-===//
//
// One recipe a kind of operation: it picks operands among the values that a program has, draws options, and adds what inference accepts.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TEST_RANDOM_RECIPES_H
#define KILN_TEST_RANDOM_RECIPES_H

#include "program_builder.h"

#include <span>

namespace kiln::random {

struct Recipe {
  const char *name;
  int weight; // how often it is drawn, beside the others
  void (*add)(ProgramBuilder &builder);
};

std::span<const Recipe> elementwiseRecipes();
std::span<const Recipe> shapeRecipes();
std::span<const Recipe> layerRecipes();

/// A random type: rank 0 to 4, the sizes constants or the symbols n and m.
TensorType randomType(Random &random, DType dtype);
/// A size that kernels may have remainders of.
int64_t randomSize(Random &random);

/// A program of up to `operations` operations, and of their gradients for some seeds. The same seed gives the same program.
ProgramBuilder randomProgram(uint64_t seed, int64_t operations);

} // namespace kiln::random

#endif // KILN_TEST_RANDOM_RECIPES_H
