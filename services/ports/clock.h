// Time and randomness, so that tests and the simulated deployment own both.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace gridloop {

// Thread-safe. Microseconds throughout.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t WallUs() const = 0;       // since 1970-01-01T00:00:00Z; may step
  virtual int64_t MonotonicUs() const = 0;  // never goes back
  // Calls `fire` once, from a thread of the clock, when WallUs() has reached `at_us` (at once if it has). Must
  // not block. Destroying the handle cancels.
  virtual std::shared_ptr<void> At(int64_t at_us, std::function<void()> fire) = 0;
};

// Thread-safe source of random bytes; cryptographic in production, seeded in the simulator.
class IdSource {
 public:
  virtual ~IdSource() = default;
  virtual std::string Random(size_t size) = 0;
};

}  // namespace gridloop
