// Choices that libtorch spells as types: kiln::kMean.
#pragma once

#include <variant>

namespace kiln {
namespace enumtype {
struct kNone {};
struct kMean {};
struct kSum {};
} // namespace enumtype

inline constexpr enumtype::kNone kNone{};
inline constexpr enumtype::kMean kMean{};
inline constexpr enumtype::kSum kSum{};

/// What becomes of the losses of the elements of a batch.
using reduction_t = std::variant<enumtype::kNone, enumtype::kMean, enumtype::kSum>;

} // namespace kiln
