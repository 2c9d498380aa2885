// Making pages: Linux does it on request since 5.14.
#include "memory_pages.h"

#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace kiln::runtime {

void make_pages(void *memory, std::size_t bytes) noexcept {
#ifdef MADV_POPULATE_WRITE
  constexpr std::size_t kWorthACall = 16; // pages
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
  if (begin < end && end - begin >= kWorthACall * page)
    (void)::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_POPULATE_WRITE);
#endif
}

} // namespace kiln::runtime
