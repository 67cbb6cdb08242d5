#include "audit/words.h"

namespace gridloop {

std::string LocalText(const WorkCalendar& calendar, int64_t at_us) {
  int minute = calendar.LocalMinute(at_us);
  auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return calendar.LocalDate(at_us) + " " + two(minute / 60) + ":" + two(minute % 60);
}

Words WordsOf(v1::LimitUnit unit, bool one) {
  switch (unit) {
    case v1::LIMIT_UNIT_NATURAL_MINUTES:
      return {one ? "minute" : "minutes", "分钟"};
    case v1::LIMIT_UNIT_NATURAL_HOURS:
      return {one ? "hour round the clock" : "hours round the clock", "小时（自然时）"};
    case v1::LIMIT_UNIT_NATURAL_DAYS:
      return {one ? "day round the clock" : "days round the clock", "天（自然日）"};
    case v1::LIMIT_UNIT_WORKING_HOURS:
      return {one ? "working hour" : "working hours", "个工作时"};
    case v1::LIMIT_UNIT_WORKING_DAYS:
      return {one ? "working day" : "working days", "个工作日"};
    default:
      return {"hours", "小时"};
  }
}

// "ACCEPTANCE" to what a person calls it.
Words WordsOf(v1::ClockKind kind) {
  switch (kind) {
    case v1::CLOCK_KIND_ROUTING:
      return {"routing", "派单"};
    case v1::CLOCK_KIND_CENTER:
      return {"the centre's decision", "中心处理"};
    case v1::CLOCK_KIND_OFFER:
      return {"the offer", "待接单"};
    case v1::CLOCK_KIND_ACCEPTANCE:
      return {"acceptance", "接单"};
    case v1::CLOCK_KIND_ASSIGNMENT:
      return {"assigning a worker", "指派社工"};
    case v1::CLOCK_KIND_ASSESSMENT:
      return {"the first assessment", "初步评估"};
    case v1::CLOCK_KIND_GRADING:
      return {"grading", "评定等级"};
    case v1::CLOCK_KIND_PLANNING:
      return {"planning", "制订方案"};
    case v1::CLOCK_KIND_SERVICE:
      return {"the next service", "下一次服务"};
    case v1::CLOCK_KIND_VERIFICATION:
      return {"verifying the closing", "结案审核"};
    case v1::CLOCK_KIND_INFORMATION:
      return {"the reporter's answer", "补正答复"};
    case v1::CLOCK_KIND_HOLD:
      return {"the end of the hold", "挂起"};
    case v1::CLOCK_KIND_EXTENSION:
      return {"deciding the extension", "延期审批"};
    case v1::CLOCK_KIND_TRANSFER:
      return {"answering the transfer", "转派答复"};
    case v1::CLOCK_KIND_REFERRAL:
      return {"the receipt of the referral", "转介回执"};
    case v1::CLOCK_KIND_HOLD_REQUEST:
      return {"deciding the hold", "挂起审批"};
    case v1::CLOCK_KIND_CHASE:
      return {"chasing", "督办"};
    default:
      return {"its next step", "下一步"};
  }
}

}  // namespace gridloop
