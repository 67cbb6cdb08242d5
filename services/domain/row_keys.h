// Keys of the index rows. A key is a one-letter table, then fields separated by 0x00; times and offsets are
// 8 bytes big-endian so that memcmp orders them. Format: docs/formats/rows.md.
//
//   i <box> 0 <due_us> <subject>         inbox of a box, by next deadline. A box is "u:<unit>" or "k:<worker>"; for
//                                        "p:<department>" by that of its obligations. Which boxes show a need: docs/formats/rows.md.
//   d <due_us> <subject>                 next deadline of every open need
//   w <want> <subject>                   wants: want is 'r' (route), 'o' (offer) or 'f' (forget: destroy its keys)
//   k <worker> 0 <subject>               open needs assigned to a worker; its count is the load
//   h <due_us> <subject>                 held at the centre
//   r <client> 0 <reporter_ref16> <submitted_us descending> <subject>    by reporter
//   g <community> 0 <type> 0 <subject>                                   open needs by place and type; the grid code as
//                                        reported where no community is known
//   n <number> 0 <subject>               by the number that can be said
//   a <client> 0 <head_offset> <subject> last change, for a client's watch
//   b <box> 0 <head_offset> <subject>    last change, for an inbox's watch: every box that has ever shown it; for a
//                                        department that of the plan, and once it owes nothing that of its own part
//   x <subject>                          open and has conflicts: in the centre's queue of them
//   l <collection> 0 <created_us descending> <subject>   every subject that is no need
//   o <subject>                          of these, what the software still has work on
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gridloop/store/v1/state.pb.h"

namespace gridloop::rows {

inline constexpr std::string_view kTables = "abdghiklnorwx";

std::string BigEndian(uint64_t value);
uint64_t ParseBigEndian(std::string_view eight_bytes);

std::string InboxPrefix(std::string_view box);
std::string DuePrefix();
std::string WantPrefix(char want);
std::string WorkerPrefix(std::string_view worker);
std::string HeldPrefix();
std::string ClientPrefix(std::string_view client);
std::string ReporterPrefix(std::string_view client, std::string_view reporter_ref16);
std::string PlacePrefix(std::string_view place);
std::string NumberPrefix(std::string_view number);
std::string ClientChangePrefix(std::string_view client);
std::string BoxChangePrefix(std::string_view box);
std::string ConflictPrefix();
std::string RecordPrefix(std::string_view collection);
std::string WorkPrefix(std::string_view subject_prefix);

// Of a need the subject is always the last 32 bytes ("needs/" + 26 characters); in o it is all but the table's letter, in l all
// after the time.
std::string_view SubjectOf(std::string_view key);
// For d, h: the due time; for a, b: the offset: the 8 bytes before the subject.
uint64_t NumberBeforeSubject(std::string_view key);

// The boxes that show an open need now, sorted; none when it has ended.
std::vector<std::string> BoxesOf(const store::v1::NeedState& state);

// The boxes of departments that the plan of an open need waits for, sorted.
std::vector<std::string> PartyBoxesOf(const store::v1::NeedState& state);
// Offset of the last event that changed what this department sees of the plan.
uint64_t PartyChange(const store::v1::NeedState& state, std::string_view department);

inline std::string UnitBox(std::string_view unit) { return "u:" + std::string(unit); }
inline std::string WorkerBox(std::string_view worker) { return "k:" + std::string(worker); }
inline std::string PartyBox(std::string_view department) { return "p:" + std::string(department); }

}  // namespace gridloop::rows
