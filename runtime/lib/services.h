// The two ends of a call into compiled code: the services it gets, and the meaning of what it returns.
#pragma once

#include <string>

#include "kiln/runtime/abi.h"
#include "kiln/runtime/program.h"
#include "kiln/runtime/thread_pool.h"

namespace kiln::runtime {

/// A call whose services run on `executor`; pointers are null.
kiln_call make_call(Executor &executor);

/// Throws the exception that a status other than KILN_OK stands for. `function` is for the message.
[[noreturn]] void throw_status(const Program &program, const std::string &function, int32_t status,
                               const kiln_call &call);

} // namespace kiln::runtime
