// Everything a model file needs.
#pragma once

#include "kiln/autograd.h"
#include "kiln/nn/clip_grad.h"
#include "kiln/nn/functional.h"
#include "kiln/nn/init.h"
#include "kiln/nn/modules.h"
#include "kiln/optim.h"
#include "kiln/program.h"
#include "kiln/tensor.h"
