// Copies between strided and contiguous memory, without allocating: for inputs and outputs that are not contiguous.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kiln::runtime {

/// Number of elements: 0 with any size of 0, whatever the others are.
int64_t element_count(std::span<const int64_t> sizes);

/// True when a tensor's bytes and the distances between them can be told in 63 bits, so that sizes and strides may be multiplied
/// freely. Sizes are 0 or more; strides may be negative, or empty for contiguous.
bool fits_memory(std::span<const int64_t> sizes, std::span<const int64_t> strides, std::size_t element);

/// True when elements lie in row-major order without gaps. Empty `strides` mean so.
bool is_contiguous(std::span<const int64_t> sizes, std::span<const int64_t> strides);

/// Copies the elements of a strided tensor into contiguous memory, in row-major order. Strides in elements of `element` bytes.
void gather(void *target, const void *source, std::span<const int64_t> sizes, std::span<const int64_t> strides,
            std::size_t element);
/// The way back.
void scatter(void *target, std::span<const int64_t> sizes, std::span<const int64_t> strides, const void *source,
             std::size_t element);

} // namespace kiln::runtime
