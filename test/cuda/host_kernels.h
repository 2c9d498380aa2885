// The emitted source compiled for the host: what stands for NVRTC in these tests.
#pragma once

#include "kiln/codegen/Artifact.h"

#include <string>

namespace kiln::test {

/// Compiles source on device.h to a library for kiln_host_driver, in the process's temporary folder, and returns its path. Throws
/// std::runtime_error with what the compiler says.
std::string compileForHost(const std::string &source);

/// Options that build for CUDA, sm_80 and sm_90, with images that are such libraries.
codegen::ArtifactOptions cudaOnHost();

} // namespace kiln::test
