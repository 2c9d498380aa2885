// Throwing errors that know where in the user's program they come from.
//
// Every error of the frontend carries the return addresses of the failing call, so that a driver with debug information can name
// the user's source line.
#pragma once

#include <string>
#include <utility>

#include "frames.h"
#include "kiln/runtime/error.h"

namespace kiln::detail {

/// "\nin module 'fc1' (Linear(...))" while a module's forward is recorded, else "".
std::string place_text();

/// Throws an `E` with this message, the module whose forward is recorded, and the frames of the caller.
template <class E = runtime::ValueError> [[noreturn]] void fail(const std::string &message) {
  E error(message + place_text());
  error.frames = capture_frames();
  throw error;
}

/// Throws a copy of `error`, of its own type, with another message and the frames of the caller (its own, if it has some).
[[noreturn]] void rethrow_with(const runtime::Error &error, const std::string &message);

/// Runs `action`; errors that pass get the module whose forward is recorded and the frames of the caller.
template <class Action> auto checked(const Action &action) {
  try {
    return action();
  } catch (const runtime::Error &error) {
    rethrow_with(error, error.what() + place_text());
  }
}

} // namespace kiln::detail
