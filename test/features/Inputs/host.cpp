// A host program: a model with three functions, called from several threads at once, with new weights, and wrongly.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "multi_task_head.h"

using kiln::runtime::Tensor;

int main() {
  multi_task_head::Model model;
  Tensor features({5, 128}, kiln::runtime::DType::Float32);
  for (int64_t i = 0; i < features.numel(); ++i)
    features.data<float>()[i] = static_cast<float>(i % 17) * 0.125f - 1;

  const Tensor sentiment = model.predict_sentiment(features), topic = model.predict_topic(features),
               stance = model.predict_stance(features);
  std::printf("sentiment %s, topic %s, stance %s\n", sentiment.shape_text().c_str(), topic.shape_text().c_str(),
              stance.shape_text().c_str());

  std::atomic<int> calls = 0, different = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int call = 0; call < 100; ++call, ++calls)
        different += std::memcmp(model.predict_topic(features).data(), topic.data(), topic.nbytes()) != 0;
    });
  for (std::thread &thread : threads)
    thread.join();
  std::printf("8 threads, %d calls: %s\n", calls.load(), different ? "not all equal" : "all equal");

  try {
    model.predict_topic(features.slice(1, 0, 100, 1));
  } catch (const kiln::runtime::Error &error) {
    std::printf("head out of range: %s\n", error.what());
  }
}
