// MultiTaskHead: one linear head a task in a ModuleDict, compiled into one function a task.
#include <kiln/kiln.h>

#include <string>
#include <utility>
#include <vector>

using kiln::Tensor;
namespace nn = kiln::nn;

using TaskDims = std::vector<std::pair<std::string, int64_t>>;

struct MultiTaskHeadImpl : nn::Module {
  MultiTaskHeadImpl(int64_t dim, const TaskDims &task_dims) {
    heads = register_module("heads", nn::ModuleDict());
    for (const auto &[name, out] : task_dims)
      heads->insert(name, nn::Linear(dim, out));
  }

  // The head is picked by name while the program is recorded.
  Tensor forward(Tensor features, const std::string &task_name) { return heads[task_name](features); }

  nn::ModuleDict heads{nullptr};
};
KILN_MODULE(MultiTaskHead);

KILN_PROGRAM(multi_task_head) {
  const TaskDims task_dims = {{"sentiment", 3}, {"topic", 10}, {"stance", 4}};
  MultiTaskHead model(128, task_dims);
  for (const auto &task : task_dims) {
    const std::string name = task.first;
    program.function("predict_" + name, {{"features", {"batch", 128}}}, [&, name](Tensor features) {
      model->eval();
      return model(features, name);
    });
  }
}
