// Pages of memory that is about to be written. Internal.
#pragma once

#include <cstddef>

namespace kiln::runtime {

/// To be called before all of this memory is written for the first time. The system makes a page when it is touched, and to be
/// interrupted for each of them takes as long as to fill it: here they are made in one go. Changes nothing where the system can't.
void make_pages(void *memory, std::size_t bytes) noexcept;

} // namespace kiln::runtime
