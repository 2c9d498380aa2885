// A CUDA driver whose device is the host: what the tests load as libcuda.so.1.
//
// It has the functions of the driver that the runtime uses. An image of code is text, the path of a library that device_host.h was
// compiled into; launches run its kernels, at once. Memory of the device is the host's, in blocks of their own, and holds garbage when it
// is allocated. The functions below say what a driver would have to do, and make it fail.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// Counts since the last call of kiln_host_driver_reset.
struct kiln_host_driver_counts {
  uint64_t launches, blocks;
  uint64_t copies_to_device, bytes_to_device;
  uint64_t copies_to_host;
  uint64_t live_allocations, live_streams, live_modules, live_contexts; ///< of now
};
kiln_host_driver_counts kiln_host_driver_get_counts();
void kiln_host_driver_reset();

/// Devices that there are, all alike: 1 of 9.0 at first.
void kiln_host_driver_set_devices(int count, int major, int minor);
/// The order of blocks and threads, 0 for theirs (device_host_launch.h).
void kiln_host_driver_set_order(unsigned seed);
/// The next launch fails with this CUresult.
void kiln_host_driver_fail_launch(int result);
/// Bytes that can be allocated in all.
void kiln_host_driver_set_memory(std::size_t bytes);
}
