// A need's stage in the four words that a reporter gets.
#pragma once

#include "gridloop/v1/need.pb.h"

namespace gridloop {

v1::ReporterStage ReporterStageOf(v1::Stage stage);
const char* TextOf(v1::ReporterStage stage);  // 已受理, 已派单, 服务中, 已办结

}  // namespace gridloop
