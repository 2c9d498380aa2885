// Every layer.
#pragma once

#include "kiln/nn/modules/activation.h"
#include "kiln/nn/modules/batchnorm.h"
#include "kiln/nn/modules/container.h"
#include "kiln/nn/modules/conv.h"
#include "kiln/nn/modules/dropout.h"
#include "kiln/nn/modules/embedding.h"
#include "kiln/nn/modules/linear.h"
#include "kiln/nn/modules/loss.h"
#include "kiln/nn/modules/pooling.h"
#include "kiln/nn/modules/shape.h"
