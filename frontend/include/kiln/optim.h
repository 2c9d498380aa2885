// Every optimizer.
#pragma once

#include "kiln/optim/adam.h"
#include "kiln/optim/adamw.h"
#include "kiln/optim/sgd.h"
