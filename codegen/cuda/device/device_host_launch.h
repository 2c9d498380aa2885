//===- device_host_launch.h - running kernels on a processor -------*- C++ -*-===//
//
// Declares what a test runs a kernel of a library with (device_host.h says what such a library is).
//
//===----------------------------------------------------------------------===//

#ifndef KILN_DEVICE_DEVICE_HOST_LAUNCH_H
#define KILN_DEVICE_DEVICE_HOST_LAUNCH_H

#include "device.h"

#include <string>

namespace kiln::device::host {

/// Runs a kernel over so many blocks. Seed 0 runs blocks and threads in their order, any other shuffles both. Empty when all has gone
/// well, else what has not; what was left of the kernel then is not run.
std::string launch(const Kernel &kernel, long long blocks, const long long *arguments, unsigned seed);

} // namespace kiln::device::host

#endif // KILN_DEVICE_DEVICE_HOST_LAUNCH_H
