#include "domain/reporter_stage.h"

#include "domain/fold.h"

namespace gridloop {

v1::ReporterStage ReporterStageOf(v1::Stage stage) {
  if (IsEnd(stage)) return v1::REPORTER_STAGE_DONE;
  switch (stage) {
    case v1::STAGE_SUBMITTED:
    case v1::STAGE_HELD:
      return v1::REPORTER_STAGE_RECEIVED;
    case v1::STAGE_DISPATCHED:
    case v1::STAGE_OFFERED:
    case v1::STAGE_REFERRING:
      return v1::REPORTER_STAGE_DISPATCHED;
    default:
      return v1::REPORTER_STAGE_IN_SERVICE;
  }
}

const char* TextOf(v1::ReporterStage stage) {
  switch (stage) {
    case v1::REPORTER_STAGE_RECEIVED:
      return "已受理";
    case v1::REPORTER_STAGE_DISPATCHED:
      return "已派单";
    case v1::REPORTER_STAGE_IN_SERVICE:
      return "服务中";
    default:
      return "已办结";
  }
}

}  // namespace gridloop
