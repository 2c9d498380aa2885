// Clipping belongs between backward() and step(); elsewhere it clips nothing that is used, and Kiln says so: PyTorch keeps silent.
// RUN: kiln build %s --program=before_backward -o %t.mlir 2>&1 | %{check} %s --check-prefix=BEFORE
// RUN: kiln build %s --program=of_an_earlier_call -o %t.mlir 2>&1 | %{check} %s --check-prefix=EARLIER
// RUN: kiln build %s --program=after_step -o %t.mlir 2>&1 | %{check} %s --check-prefix=AFTER
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(before_backward) {
  nn::Linear model(4, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}}, [&](Tensor x) {
    optimizer.zero_grad();
    nn::utils::clip_grad_norm_(model->parameters(), 1.0);
    Tensor loss = model(x).square().mean();
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      BEFORE:{{.*}}clip_grad_order.cpp:[[#@LINE-7]]:{{[0-9]+}}: warning: clip_grad_norm_() is called before backward(), so step() of SGD uses gradients that are not clipped; call it between backward() and step()
// BEFORE-NEXT:{{ +}}[[#@LINE-8]] |     nn::utils::clip_grad_norm_(model->parameters(), 1.0);
// BEFORE-NEXT:{{ +\| +\^}}
//  BEFORE-NOT:{{.+}}

KILN_PROGRAM(of_an_earlier_call) {
  nn::Linear model(4, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}}, [&](Tensor x) {
    Tensor loss = model(x).square().mean();
    nn::utils::clip_grad_value_(model->parameters(), 0.5);
    loss.backward();
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
}
//      EARLIER:{{.*}}clip_grad_order.cpp:[[#@LINE-7]]:{{[0-9]+}}: warning: clip_grad_value_() is called before backward(), so step() of SGD uses gradients that are not clipped; call it between backward() and step()
// EARLIER-NEXT:{{ +}}[[#@LINE-8]] |     nn::utils::clip_grad_value_(model->parameters(), 0.5);
// EARLIER-NEXT:{{ +\| +\^}}
//  EARLIER-NOT:{{.+}}

KILN_PROGRAM(after_step) {
  nn::Linear model(4, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}}, [&](Tensor x) {
    optimizer.zero_grad();
    Tensor loss = model(x).square().mean();
    loss.backward();
    optimizer.step();
    nn::utils::clip_grad_norm_(model->parameters(), 1.0);
    return loss;
  });
}
//      AFTER:{{.*}}clip_grad_order.cpp:[[#@LINE-4]]:{{[0-9]+}}: warning: clip_grad_norm_() is called after step(), which has used the gradients already; call it between backward() and step()
// AFTER-NEXT:{{ +}}[[#@LINE-5]] |     nn::utils::clip_grad_norm_(model->parameters(), 1.0);
// AFTER-NEXT:{{ +\| +\^}}
//  AFTER-NOT:{{.+}}
