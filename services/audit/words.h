// What audit calls things in its sentences.
#pragma once

#include <cstdint>
#include <string>

#include "domain/calendar.h"
#include "gridloop/v1/directory.pb.h"

namespace gridloop {

struct Words {
  const char* english;
  const char* chinese;
};
Words WordsOf(v1::LimitUnit unit, bool one);
Words WordsOf(v1::ClockKind kind);

// "2026-03-02 09:00" in the calendar's time.
std::string LocalText(const WorkCalendar& calendar, int64_t at_us);

}  // namespace gridloop
