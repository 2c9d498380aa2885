// The lock of a model's state: shared by calls that read it, exclusive for what writes it, and safe to enter again.
//
// A call may come back into its model on the same thread: a host's executor that steals work runs another request of the host while
// it waits for the first, a callback asks for a second prediction. Such a call reads under the hold that its thread has already;
// taking the lock a second time would wait for a writer that itself waits for the first hold.
#pragma once

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string>

namespace kiln::runtime {

/// A shared mutex in which writers don't starve: readers that arrive while a writer waits let it go first. (std::shared_mutex leaves
/// that open, and glibc's prefers readers: under steady calls new weights would never get in.)
class StateLock {
public:
  /// `owner` is for messages: "program 'digits'".
  explicit StateLock(std::string owner) : owner_(std::move(owner)) {}
  StateLock(const StateLock &) = delete;
  StateLock &operator=(const StateLock &) = delete;

  enum class Kind { Shared, Exclusive };

  /// Holds the lock while it lives, which is on one thread's stack. A thread that holds it shared may hold it shared again. Throws
  /// Error where waiting would be for ever: for a writer within a reader of the same thread, and for anything within a writer.
  class Hold {
  public:
    Hold(StateLock &lock, Kind kind);
    ~Hold();
    Hold(const Hold &) = delete;
    Hold &operator=(const Hold &) = delete;

  private:
    StateLock &lock_;
    const Kind kind_;
    bool nested_ = false; // an outer hold of this thread does the locking
    Hold *const outer_;   // this thread's hold, of whatever lock, before this one
  };

private:
  void lock();
  void lock_shared();

  const std::string owner_;
  std::shared_mutex mutex_;
  std::mutex turnstile_;
  std::atomic<int> waiting_{0};
};

} // namespace kiln::runtime
