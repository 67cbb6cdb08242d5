// Which fields of a report may be corrected, and their copy from one report to another. Pure.
#pragma once

#include <string_view>

#include "gridloop/v1/need.pb.h"

namespace gridloop {

// categories, dangers, location, reported_urgency, restricted, subject, summary, type.
bool IsAmendable(std::string_view field);

// Replaces these fields of `to`, whole, by what `from` has; the others stay.
template <class Fields>
void CopyFields(const v1::Report& from, const Fields& fields, v1::Report* to) {
  for (const auto& field : fields) {
    if (field == "categories") *to->mutable_categories() = from.categories();
    if (field == "dangers") *to->mutable_dangers() = from.dangers();
    if (field == "location") *to->mutable_location() = from.location();
    if (field == "reported_urgency") to->set_reported_urgency(from.reported_urgency());
    if (field == "restricted") to->set_restricted(from.restricted());
    if (field == "subject") *to->mutable_subject() = from.subject();
    if (field == "summary") to->set_summary(from.summary());
    if (field == "type") to->set_type(from.type());
  }
}

}  // namespace gridloop
