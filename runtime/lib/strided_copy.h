// Copies between strided and contiguous memory, without allocating: for inputs and outputs that are not contiguous.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kiln::runtime {

/// True when elements lie in row-major order without gaps. Empty `strides` mean so.
bool is_contiguous(std::span<const int64_t> sizes, std::span<const int64_t> strides);

/// Copies the elements of a strided tensor into contiguous memory, in row-major order. Strides in elements of `element` bytes.
void gather(void *target, const void *source, std::span<const int64_t> sizes, std::span<const int64_t> strides,
            std::size_t element);
/// The way back.
void scatter(void *target, std::span<const int64_t> sizes, std::span<const int64_t> strides, const void *source,
             std::size_t element);

} // namespace kiln::runtime
