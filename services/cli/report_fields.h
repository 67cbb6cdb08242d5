// The fields of a report as a person types them: the flags of `gridctl submit` and the columns of `gridctl submit-csv`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gridloop/v1/intake_service.pb.h"

namespace gridloop::cli {

struct ReportField {
  const char* name;  // the column; as a flag with - for _
  const char* help;
  // Sets the field; a text says what is wrong with the value.
  std::function<std::string(v1::SubmitNeedRequest& request, const std::string& value)> set;
};

const std::vector<ReportField>& ReportFields();
std::string FlagOf(const std::string& column);  // --grid-code of grid_code

}  // namespace gridloop::cli
