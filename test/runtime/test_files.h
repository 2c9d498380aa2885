// Files for tests: the recorded data, temporary files, and the whole text of an error.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kiln/runtime/error.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

/// Path of a file in test/data.
inline std::string data_path(const std::string &name) { return std::string(KILN_TEST_DATA) + "/" + name; }

inline std::string read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

/// A folder that disappears with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kiln-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string path(const std::string &name) const { return (path_ / name).string(); }
  std::string write(const std::string &name, const std::string &content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto &entry : std::filesystem::directory_iterator(path_))
      result.push_back(entry.path().filename().string());
    return result;
  }

private:
  std::filesystem::path path_;
};

/// what() of the E that `action` throws; a description of what happened instead otherwise.
template <class E = Error, class Action> std::string message_of(Action action) {
  try {
    action();
  } catch (const E &error) {
    return error.what();
  } catch (const std::exception &error) {
    return std::string("another exception: ") + error.what();
  }
  return "no exception";
}

/// Reads `content` as a file with `read` and returns the FileError's text, the path replaced by FILE.
template <class Read> std::string file_error(const std::string &content, Read read) {
  TemporaryFolder folder;
  const std::string path = folder.write("file", content);
  std::string message = message_of<FileError>([&] { read(path); });
  if (message.starts_with(path))
    message.replace(0, path.size(), "FILE");
  return message;
}

/// Every prefix of a file is a truncated file, and none may be read.
template <class Read> void expect_every_truncation_refused(const std::string &whole, Read read) {
  TemporaryFolder folder;
  const std::string path = folder.write("file", whole);
  for (std::size_t bytes = whole.size(); bytes-- > 0;) {
    std::filesystem::resize_file(path, bytes);
    EXPECT_THROW(read(path), FileError) << bytes;
  }
}

/// A number's bytes, little-endian.
template <class T> std::string bytes_of(T value) {
  std::string result(sizeof(T), '\0');
  std::memcpy(result.data(), &value, sizeof(T));
  return result;
}

template <class T> std::vector<T> values(const Tensor &tensor) {
  const Tensor contiguous = tensor.contiguous();
  const T *data = contiguous.data<T>();
  return std::vector<T>(data, data + contiguous.numel());
}

inline std::vector<int64_t> list(std::span<const int64_t> numbers) { return {numbers.begin(), numbers.end()}; }

/// Same sizes, dtype and bytes.
inline bool equal_bits(const Tensor &a, const Tensor &b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return list(x.sizes()) == list(y.sizes()) && x.dtype() == y.dtype() &&
         (x.nbytes() == 0 || std::memcmp(x.data(), y.data(), x.nbytes()) == 0);
}

} // namespace kiln::runtime
