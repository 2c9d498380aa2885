// What the generic main reaches training by.
#pragma once

#include "kiln/runtime/program.h"

/// kiln::runtime::train_command, under a name that the compiler can refer to.
extern "C" int kiln_train_command(const kiln::runtime::Program *program, int argc, const char *const *argv);
