// Adam and AdamW: one update, with the weight decay in two places.
#include "kiln/optim/adam.h"

#include "kiln/optim/adamw.h"
#include "optimizer_core.h"

namespace kiln::optim {

namespace {

using kiln::detail::check_option;

// `Options` is AdamOptions or AdamWOptions.
template <class Options> const Options &as(const OptimizerOptions &options) { return dynamic_cast<const Options &>(options); }

template <class Options> constexpr bool kDecoupled = std::is_same_v<Options, AdamWOptions>;

template <class Options> std::vector<std::string> slots(const OptimizerOptions &options) {
  std::vector<std::string> names{"exp_avg", "exp_avg_sq"};
  if (as<Options>(options).amsgrad())
    names.push_back("max_exp_avg_sq");
  return names;
}

template <class Options> semantics::Attributes attributes(const OptimizerOptions &options) {
  const Options &o = as<Options>(options);
  const auto [beta1, beta2] = o.betas();
  return {{"beta1", beta1},
          {"beta2", beta2},
          {"eps", o.eps()},
          {"weight_decay", o.weight_decay()},
          {"decoupled", kDecoupled<Options>},
          {"amsgrad", o.amsgrad()},
          {"maximize", o.maximize()}};
}

template <class Options> kiln::detail::OptionList option_list(const OptimizerOptions &options) {
  const Options &o = as<Options>(options);
  const auto [beta1, beta2] = o.betas();
  return {{"betas", std::vector<double>{beta1, beta2}},
          {"eps", o.eps()},
          {"weight_decay", o.weight_decay()},
          {"amsgrad", o.amsgrad()},
          {"maximize", o.maximize()},
          {"foreach", std::monostate()},
          {"capturable", false},
          {"differentiable", false},
          {"fused", std::monostate()},
          {"decoupled_weight_decay", kDecoupled<Options>}};
}

template <class Options> void check(const OptimizerOptions &options) {
  const Options &o = as<Options>(options);
  const auto [beta1, beta2] = o.betas();
  check_option(o.lr() >= 0, "learning rate", o.lr());
  check_option(o.eps() >= 0, "epsilon value", o.eps());
  check_option(beta1 >= 0 && beta1 < 1, "beta parameter at index 0", beta1);
  check_option(beta2 >= 0 && beta2 < 1, "beta parameter at index 1", beta2);
  check_option(o.weight_decay() >= 0, "weight_decay value", o.weight_decay());
}

template <class Options>
const kiln::detail::UpdateRule kRule{
    kDecoupled<Options> ? "AdamW" : "Adam", "nn.adam", slots<Options>, attributes<Options>, option_list<Options>, check<Options>};

} // namespace

Adam::Adam(std::vector<OptimizerParamGroup> groups, AdamOptions defaults)
    : Optimizer(kRule<AdamOptions>, std::move(groups), std::make_unique<AdamOptions>(defaults)) {}
Adam::Adam(std::vector<Tensor> params, AdamOptions defaults)
    : Adam(std::vector<OptimizerParamGroup>{OptimizerParamGroup(std::move(params))}, defaults) {}

AdamW::AdamW(std::vector<OptimizerParamGroup> groups, AdamWOptions defaults)
    : Optimizer(kRule<AdamWOptions>, std::move(groups), std::make_unique<AdamWOptions>(defaults)) {}
AdamW::AdamW(std::vector<Tensor> params, AdamWOptions defaults)
    : AdamW(std::vector<OptimizerParamGroup>{OptimizerParamGroup(std::move(params))}, defaults) {}

} // namespace kiln::optim
