// A line on a terminal that says how far an epoch of training is. Internal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace kiln::runtime {

/// What the bar shows.
struct Progress {
  std::string title; // "epoch 3/10"
  int64_t done, total; // samples
  double loss;    // mean so far
  double seconds; // since the epoch began
};

/// "epoch 3/10 [=======>      ]  55 %  12345 samples/s  loss 0.3210  0:12 left", at most `width` characters.
std::string progress_text(const Progress &progress, int width);
/// "0:05", "12:34", "1:02:03".
std::string duration_text(double seconds);

/// Draws on standard output when that is a terminal, and does nothing otherwise.
class ProgressBar {
public:
  explicit ProgressBar(std::string title);
  /// Removes the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar &) = delete;
  ProgressBar &operator=(const ProgressBar &) = delete;

  /// Draws, some times a second at most.
  void update(int64_t done, int64_t total, double loss);

private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  bool shown_;
  Clock::time_point begin_, drawn_{};
};

} // namespace kiln::runtime
