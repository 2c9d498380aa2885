// The symbolizing resolver on this test's own code: the line of a call, inlined frames, prefixes that are not the user's.
#include "kiln/ir/SourceResolver.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

using namespace kiln;

namespace {

/// Return address of the function's caller: what the recorder keeps of a call.
__attribute__((noinline)) std::uintptr_t addressOfCall() { return reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)); }

inline __attribute__((always_inline)) std::uintptr_t inlinedCall() {
  return addressOfCall(); // kInlinedLine
}
constexpr unsigned kInlinedLine = __LINE__ - 2;

std::string thisFolder() { return std::filesystem::path(__FILE__).parent_path().string(); }

TEST(SourceResolver, FindsTheLineOfACall) {
  ir::SymbolizingResolver resolver({});
  const unsigned line = __LINE__ + 1;
  const std::uintptr_t address = addressOfCall();
  std::optional<ir::SourcePosition> position = resolver.resolve({address});
  ASSERT_TRUE(position);
  EXPECT_EQ(std::filesystem::path(position->file).filename(), "source_resolver_test.cpp");
  EXPECT_EQ(position->line, line);
  EXPECT_GT(position->column, 0u);
}

TEST(SourceResolver, CountsInlinedCallsAsFrames) {
  ir::SymbolizingResolver resolver({});
  std::optional<ir::SourcePosition> position = resolver.resolve({inlinedCall()});
  ASSERT_TRUE(position);
  EXPECT_EQ(position->line, kInlinedLine);
}

TEST(SourceResolver, SkipsInternalFilesAndUnknownAddresses) {
  const std::uintptr_t address = addressOfCall();
  EXPECT_FALSE(ir::SymbolizingResolver({thisFolder()}).resolve({address}));
  // The first address belongs to no object.
  std::optional<ir::SourcePosition> position = ir::SymbolizingResolver({}).resolve({16, address});
  ASSERT_TRUE(position);
  EXPECT_EQ(std::filesystem::path(position->file).filename(), "source_resolver_test.cpp");
}

TEST(SourceResolver, NothingIsKnownWithoutFrames) {
  EXPECT_FALSE(ir::SymbolizingResolver({}).resolve({}));
  EXPECT_FALSE(ir::UnknownSourceResolver().resolve({addressOfCall()}));
}

} // namespace
