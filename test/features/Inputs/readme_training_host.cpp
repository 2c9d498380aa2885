// Stands around the lines of a host that README.md shows (steps.inc): they must compile as they are.
#include <cstdio>

#include "digits.h"
#include "kiln/runtime/checkpoint.h"

void steps(kiln::runtime::Tensor images, kiln::runtime::Tensor labels) {
#include "steps.inc"
}
