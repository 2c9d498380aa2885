// Return addresses of the running call, by the unwinder: it needs no frame pointers, so frames of any library are passed.
#include "frames.h"

#include <unwind.h>

#include "errors.h"
#include "kiln/semantics/window_error.h"

namespace kiln::detail {

namespace {

constexpr std::size_t kMaxFrames = 256;

_Unwind_Reason_Code visit_frame(_Unwind_Context *context, void *data) {
  auto &frames = *static_cast<semantics::Frames *>(data);
  if (frames.size() == kMaxFrames)
    return _URC_END_OF_STACK;
  if (const std::uintptr_t address = _Unwind_GetIP(context))
    frames.push_back(address);
  return _URC_NO_REASON;
}

template <class E> void rethrow_as(const runtime::Error &error, const std::string &message) {
  if (dynamic_cast<const E *>(&error)) {
    E copy(message);
    copy.frames = error.frames.empty() ? capture_frames() : error.frames;
    throw copy;
  }
}

} // namespace

semantics::Frames capture_frames() {
  semantics::Frames frames;
  frames.reserve(32);
  _Unwind_Backtrace(visit_frame, &frames);
  if (!frames.empty())
    frames.erase(frames.begin()); // this function
  return frames;
}

void rethrow_with(const runtime::Error &error, const std::string &message) {
  rethrow_as<semantics::WindowError>(error, message);
  rethrow_as<runtime::ValueError>(error, message);
  rethrow_as<runtime::IndexError>(error, message);
  rethrow_as<runtime::KeyError>(error, message);
  rethrow_as<runtime::TypeError>(error, message);
  rethrow_as<runtime::StateDictError>(error, message);
  runtime::Error copy(message);
  copy.frames = error.frames.empty() ? capture_frames() : error.frames;
  throw copy;
}

} // namespace kiln::detail
