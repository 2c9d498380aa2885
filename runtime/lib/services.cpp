// Services for compiled code, and its errors as exceptions.
#include "services.h"

#include "concat.h"

namespace kiln::runtime {

namespace {

void parallel_for(void *executor, void (*task)(void *argument, int64_t index), void *argument, int64_t count) {
  static_cast<CallServices *>(executor)->parallel_for(count, TaskRef(task, argument));
}

void before_launch(void *executor, int64_t launch) { static_cast<CallServices *>(executor)->before_launch(launch); }

constexpr kiln_services kServices = {sizeof(kiln_services), parallel_for, nullptr, nullptr};
constexpr kiln_services kMeasuringServices = {sizeof(kiln_services), parallel_for, before_launch, nullptr};

/// The place that compiled code reports, a line for each thing that is known of it.
std::string site_text(const Program &program, uint32_t index) {
  if (index >= program.sites().size())
    return "";
  const Site &site = program.sites()[index];
  std::string text;
  auto line = [&](const char *label, std::string_view value) {
    if (!value.empty())
      text.append("\n  ").append(label).append(": ").append(value);
  };
  line("module", site.module);
  line("operation", site.operation);
  line("source", site.source);
  return text;
}

} // namespace

kiln_call CallServices::make_call() {
  kiln_call call{};
  call.struct_size = sizeof call;
  call.services = nanoseconds_.empty() ? &kServices : &kMeasuringServices;
  call.executor = this;
  return call;
}

void CallServices::parallel_for(int64_t count, TaskRef task) noexcept {
  if (failed())
    return;
  auto guarded = [&](int64_t index) {
    if (failed())
      return;
    try {
      task(index);
    } catch (...) {
      remember();
    }
  };
  try {
    executor_.parallel_for(count, guarded);
  } catch (...) {
    remember();
  }
}

void CallServices::before_launch(int64_t next) noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (next > 0 && next <= static_cast<int64_t>(nanoseconds_.size()))
    nanoseconds_[static_cast<std::size_t>(next) - 1] +=
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - launch_begin_).count();
  launch_begin_ = std::chrono::steady_clock::now(); // what this function does is nobody's time
}

void CallServices::remember() noexcept {
  if (!failed_.exchange(true, std::memory_order_relaxed))
    error_ = std::current_exception();
}

void CallServices::rethrow() {
  if (failed())
    std::rethrow_exception(error_);
}

void throw_status(const Program &program, const std::string &function, int32_t status, const kiln_call &call) {
  if (status == KILN_ERROR_INDEX_OUT_OF_RANGE)
    throw ValueOutOfRange(concat({"index out of range in self", site_text(program, call.error_site),
                                  "\n  index: ", call.error_values[0], "\n  size: ", call.error_values[1]}),
                          call);
  if (status == KILN_ERROR_ONE_VALUE_PER_CHANNEL) {
    std::string sizes = "1, " + std::to_string(call.error_values[1]);
    for (int64_t dim = 2; dim < call.error_values[0]; ++dim)
      sizes += ", 1";
    throw ValueError(concat({"Expected more than 1 value per channel when training, got input size torch.Size([", sizes, "])",
                             site_text(program, call.error_site)}));
  }
  if (status == KILN_ERROR_TARGET_OUT_OF_BOUNDS)
    throw ValueOutOfRange(concat({"Target ", call.error_values[0], " is out of bounds.", site_text(program, call.error_site),
                                  "\n  expected: a class index from 0 to ", call.error_values[1] - 1, ", or ignore_index"}),
                          call);
  throw Error(concat({function, ": compiled code returned the unknown status ", status, site_text(program, call.error_site)}));
}

} // namespace kiln::runtime
