// The host's implementation of device.h: primitives that do what CUDA's do, and misuse that a GPU might let pass.
#include "device_host_launch.h"
#include "host_kernels.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace kiln::test {
namespace {

using device::host::Kernel;

constexpr const char *kSource = R"(
#include "device.h"
using namespace kiln::device;

// Every thread reads what the last one wrote before the barrier.
KILN_KERNEL(reverse, 96, (const i32 *a, i32 *b)) {
  KILN_SHARED i32 values[96];
  values[thread_index()] = a[block_index() * 96 + thread_index()];
  barrier();
  b[block_index() * 96 + thread_index()] = values[95 - thread_index()];
}
// Without the barrier that it needs: right in one order of threads only.
KILN_KERNEL(racing, 64, (const i32 *a, i32 *b)) {
  KILN_SHARED i32 values[64];
  values[thread_index()] = a[thread_index()];
  b[thread_index()] = values[thread_index() == 0 ? 0 : thread_index() - 1];
}
KILN_KERNEL(sum_of_warp, 64, (const i64 *a, i64 *b)) {
  i64 value = a[thread_index()];
  for (int mask = 16; mask > 0; mask /= 2)
    value += shuffle_xor(value, mask);
  b[thread_index()] = value;
}
KILN_KERNEL(diverging_barrier, 32, (i32 *b)) {
  if (thread_index() != 7)
    barrier();
  b[thread_index()] = 1;
}
KILN_KERNEL(half_a_warp, 32, (f64 *b)) {
  if (thread_index() < 16)
    b[thread_index()] = shuffle_xor(1.0, 1);
}
KILN_KERNEL(each, 128, (i64 *b, i64 count)) {
  for_each<128>(count, [=](i64 i) { b[i] += i + 1; });
}
KILN_KERNEL(conversions, 1, (const f32 *a, i32 *b, i64 *c, i64 count)) {
  for (i64 i = 0; i < count; ++i) {
    b[i] = to_integer<i32>(a[i]);
    c[i] = to_integer<i64>(a[i]);
  }
}
KILN_KERNEL(integers, 1, (i64 *b)) {
  b[0] = floor_divided(-7, 2);
  b[1] = floor_divided(7, 2);
  b[2] = floor_divided(-8, 2);
  b[3] = at_least_zero(-3);
  b[4] = add_wrapped(i32(2147483647), i32(1));
  b[5] = mul_wrapped(i16(300), i16(300));
  b[6] = maximum_unsigned(i8(-1), i8(1));
  b[7] = truncated<bool>(6);
  b[8] = abs_wrapped(i8(-128));
}
)";

class DeviceTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    library = dlopen(compileForHost(kSource).c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
  }
  static void TearDownTestSuite() { dlclose(library); }

  template <class... Arguments>
  static std::string launch(const std::string &name, long long blocks, unsigned seed, Arguments... arguments) {
    const std::vector<long long> values = {valueOf(arguments)...};
    auto kernels = reinterpret_cast<const Kernel *(*)()>(dlsym(library, "kiln_device_kernels"));
    for (const Kernel *kernel = kernels(); kernel; kernel = kernel->next)
      if (kernel->name == name) {
        EXPECT_EQ(static_cast<size_t>(kernel->parameters), values.size());
        return device::host::launch(*kernel, blocks, values.data(), seed);
      }
    return "no kernel " + name;
  }
  template <class T> static long long valueOf(T *pointer) { return reinterpret_cast<long long>(pointer); }
  static long long valueOf(long long value) { return value; }

  static void *library;
};
void *DeviceTest::library = nullptr;

TEST_F(DeviceTest, BarriersInAnyOrder) {
  std::vector<int> a(3 * 96), b(3 * 96);
  for (int i = 0; i < 3 * 96; ++i)
    a[i] = i;
  for (unsigned seed : {0u, 1u, 2u, 3u}) {
    EXPECT_EQ(launch("reverse", 3, seed, a.data(), b.data()), "");
    for (int i = 0; i < 3 * 96; ++i)
      ASSERT_EQ(b[i], i / 96 * 96 + 95 - i % 96) << "seed " << seed;
  }
}

TEST_F(DeviceTest, ShuffledOrdersFindMissingBarriers) {
  std::vector<int> a(64), inOrder(64), shuffled(64);
  for (int i = 0; i < 64; ++i)
    a[i] = i + 1;
  EXPECT_EQ(launch("racing", 1, 0, a.data(), inOrder.data()), "");
  EXPECT_EQ(inOrder[63], 63);
  std::fill(a.begin(), a.end(), 1000); // what was left in shared memory is not this
  EXPECT_EQ(launch("racing", 1, 1, a.data(), shuffled.data()), "");
  EXPECT_NE(shuffled, std::vector<int>(64, 1000));
}

TEST_F(DeviceTest, ShufflesStayInTheirWarp) {
  std::vector<long long> a(64), b(64);
  for (int i = 0; i < 64; ++i)
    a[i] = i;
  for (unsigned seed : {0u, 5u}) {
    EXPECT_EQ(launch("sum_of_warp", 1, seed, a.data(), b.data()), "");
    for (int i = 0; i < 64; ++i)
      EXPECT_EQ(b[i], i < 32 ? 31 * 32 / 2 : 31 * 32 / 2 + 32 * 32);
  }
}

TEST_F(DeviceTest, MisuseIsAnError) {
  std::vector<double> b(64);
  EXPECT_NE(launch("diverging_barrier", 1, 0, b.data()).find("diverging_barrier: threads wait at a barrier"), std::string::npos);
  EXPECT_NE(launch("half_a_warp", 1, 0, b.data()).find("in a shuffle without their whole warp"), std::string::npos);
}

TEST_F(DeviceTest, LoopsCoverEachElementOnce) {
  for (long long count : {0ll, 1ll, 127ll, 128ll, 129ll, 1000ll})
    for (long long blocks : {1ll, 2ll, 9ll}) {
      std::vector<long long> b(count);
      EXPECT_EQ(launch("each", blocks, 3, b.data(), count), "");
      for (long long i = 0; i < count; ++i)
        ASSERT_EQ(b[i], i + 1);
    }
}

TEST_F(DeviceTest, ConversionsOfWhatDoesNotFit) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> a = {1.9f, -1.9f, 2147483648.0f, -2147483648.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 3e9f};
  std::vector<int> b(a.size());
  std::vector<long long> c(a.size());
  EXPECT_EQ(launch("conversions", 1, 0, a.data(), b.data(), c.data(), static_cast<long long>(a.size())), "");
  const int least = std::numeric_limits<int>::min();
  const long long least64 = std::numeric_limits<long long>::min();
  EXPECT_EQ(b, (std::vector<int>{1, -1, least, least, least, least, least, least}));
  EXPECT_EQ(c, (std::vector<long long>{1, -1, 2147483648, -2147483648, least64, least64, least64, 3000000000}));
}

TEST_F(DeviceTest, IntegersWrap) {
  std::vector<long long> b(9);
  EXPECT_EQ(launch("integers", 1, 0, b.data()), "");
  EXPECT_EQ(b, (std::vector<long long>{-4, 3, -4, 0, -2147483648, 24464, -1, 0, -128}));
}

// Fibers under AddressSanitizer are told of, and memory ends where the matrices do.
TEST(SanitizedDeviceTest, ProductsOfManySizes) {
  std::string pattern = std::filesystem::temp_directory_path() / "kiln-sanitized-XXXXXX";
  const std::string folder = mkdtemp(pattern.data()), device = KILN_TEST_DEVICE_FOLDER;
  const std::string command = std::string(KILN_TEST_CXX) + " -std=c++20 -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -I " +
                              device + " -x c++ " + KILN_TEST_FOLDER + "/sanitized_products.cu " + device + "/device_host.cpp -o " + folder +
                              "/products >" + folder + "/log 2>&1";
  const bool compiles = std::system(command.c_str()) == 0;
  const bool runs = compiles && std::system((folder + "/products >" + folder + "/log 2>&1").c_str()) == 0;
  std::stringstream log;
  log << std::ifstream(folder + "/log").rdbuf();
  std::filesystem::remove_all(folder);
  if (!compiles && log.str().find("cannot find") != std::string::npos)
    GTEST_SKIP() << "the compiler has no sanitizers: " << log.str();
  EXPECT_TRUE(runs) << command << "\n" << log.str();
}

} // namespace
} // namespace kiln::test
