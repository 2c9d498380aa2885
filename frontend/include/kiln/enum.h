// Choices that libtorch spells as types: kiln::kMean.
#pragma once

#include <variant>

namespace kiln {
namespace enumtype {
struct kNone {};
struct kMean {};
struct kSum {};
struct kValid {};
struct kSame {};
struct kZeros {};
struct kConstant {};
struct kReflect {};
struct kReplicate {};
struct kCircular {};
} // namespace enumtype

inline constexpr enumtype::kNone kNone{};
inline constexpr enumtype::kMean kMean{};
inline constexpr enumtype::kSum kSum{};
inline constexpr enumtype::kValid kValid{};
inline constexpr enumtype::kSame kSame{};
inline constexpr enumtype::kZeros kZeros{};
inline constexpr enumtype::kConstant kConstant{};
inline constexpr enumtype::kReflect kReflect{};
inline constexpr enumtype::kReplicate kReplicate{};
inline constexpr enumtype::kCircular kCircular{};

/// What becomes of the losses of the elements of a batch.
using reduction_t = std::variant<enumtype::kNone, enumtype::kMean, enumtype::kSum>;

} // namespace kiln
