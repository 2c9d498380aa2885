// The bar of an epoch.
#include "progress_bar.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

#include "concat.h"

namespace kiln::runtime {

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(seconds < 0 ? 0 : seconds > 1e9 ? 1e9 : seconds + 0.5);
  char text[48];
  if (whole < 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  return text;
}

std::string progress_text(const Progress &progress, int width) {
  const double part = progress.total > 0 ? static_cast<double>(progress.done) / static_cast<double>(progress.total) : 0;
  const double rate = progress.seconds > 0 ? static_cast<double>(progress.done) / progress.seconds : 0;
  const double left = part > 0 ? progress.seconds * (1 - part) / part : 0;
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "] %3.0f %%  %.0f samples/s  loss %.4f  ", 100 * part, rate, progress.loss);
  const std::string head = progress.title + " [", tail = concat({numbers, duration_text(left), " left"});
  const int room = std::min(40, width - static_cast<int>(head.size() + tail.size()));
  std::string bar;
  if (room > 0) {
    const int full = static_cast<int>(part * room);
    bar = std::string(static_cast<std::size_t>(full), '=') + (full < room ? ">" : "");
    bar.resize(static_cast<std::size_t>(room), ' ');
  }
  return (head + bar + tail).substr(0, static_cast<std::size_t>(std::max(width, 0)));
}

namespace {

bool is_terminal() {
  const char *kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) && !(kind != nullptr && std::string_view(kind) == "dumb");
}

int terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

ProgressBar::ProgressBar(std::string title) : title_(std::move(title)), shown_(is_terminal()), begin_(Clock::now()) {}

ProgressBar::~ProgressBar() {
  if (shown_ && drawn_ != Clock::time_point()) {
    std::fputs("\r\x1b[K", stdout);
    std::fflush(stdout);
  }
}

void ProgressBar::update(int64_t done, int64_t total, double loss) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  if (!shown_)
    return;
  const auto now = Clock::now();
  if (now - drawn_ < kInterval)
    return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  // The last column stays free: some terminals wrap when it is written.
  std::fputs((concat({"\r", progress_text({title_, done, total, loss, seconds}, terminal_width() - 1), "\x1b[K"})).c_str(),
             stdout);
  std::fflush(stdout);
}

} // namespace kiln::runtime
