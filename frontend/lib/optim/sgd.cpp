// SGD.
#include "kiln/optim/sgd.h"

#include "../errors.h"
#include "optimizer_core.h"

namespace kiln::optim {

namespace {

using kiln::detail::check_option;

const SGDOptions &sgd(const OptimizerOptions &options) { return dynamic_cast<const SGDOptions &>(options); }

const kiln::detail::UpdateRule kRule{
    "SGD",
    "nn.sgd",
    [](const OptimizerOptions &options) -> std::vector<std::string> {
      return sgd(options).momentum() == 0 ? std::vector<std::string>() : std::vector<std::string>{"momentum_buffer"};
    },
    [](const OptimizerOptions &options) -> semantics::Attributes {
      const SGDOptions &o = sgd(options);
      return {{"momentum", o.momentum()},
              {"dampening", o.dampening()},
              {"weight_decay", o.weight_decay()},
              {"nesterov", o.nesterov()},
              {"maximize", o.maximize()}};
    },
    [](const OptimizerOptions &options) -> kiln::detail::OptionList {
      const SGDOptions &o = sgd(options);
      return {{"momentum", o.momentum()}, {"dampening", o.dampening()}, {"weight_decay", o.weight_decay()},
              {"nesterov", o.nesterov()}, {"maximize", o.maximize()},   {"foreach", std::monostate()},
              {"differentiable", false},  {"fused", std::monostate()}};
    },
    [](const OptimizerOptions &options) {
      const SGDOptions &o = sgd(options);
      check_option(o.lr() >= 0, "learning rate", o.lr());
      check_option(o.momentum() >= 0, "momentum value", o.momentum());
      check_option(o.weight_decay() >= 0, "weight_decay value", o.weight_decay());
      if (o.nesterov() && (o.momentum() <= 0 || o.dampening() != 0))
        kiln::detail::fail("Nesterov momentum requires a momentum and zero dampening");
    },
};

} // namespace

SGD::SGD(std::vector<OptimizerParamGroup> groups, SGDOptions defaults)
    : Optimizer(kRule, std::move(groups), std::make_unique<SGDOptions>(defaults)) {}
SGD::SGD(std::vector<Tensor> params, SGDOptions defaults)
    : SGD(std::vector<OptimizerParamGroup>{OptimizerParamGroup(std::move(params))}, defaults) {}

} // namespace kiln::optim
