// Keys of the index rows. A key is a one-letter table, then fields separated by 0x00; times and offsets are
// 8 bytes big-endian so that memcmp orders them. Format: docs/formats/rows.md.
//
//   i <box> 0 <due_us> <subject>         inbox of a box, by next deadline. A box is "u:<unit>" or "k:<worker>"; for
//                                        "p:<department>" by that of its obligations. Which boxes show a need: docs/formats/rows.md.
//   d <due_us> <subject>                 next deadline of every open need
//   w <want> <subject>                   wants: want is 'm' (settle a merge), 'r' (route), 'o' (offer) or 'f' (forget: destroy its keys)
//   k <worker> 0 <subject>               open needs assigned to a worker; its count is the load
//   h <due_us> <subject>                 held at the centre
//   r <client> 0 <reporter_ref16> <submitted_us descending> <subject>    by each reporter
//   g <community> 0 <type> 0 <subject>                                   open needs by place and type; the grid code as
//                                        reported where no community is known. Of an institution also by
//                                        "institution:" and its id
//   n <number> 0 <subject>               by the number that can be said
//   a <client> 0 <head_offset> <subject> last change, for the watch of each client that has reported it
//   b <box> 0 <head_offset> <subject>    last change, for an inbox's watch: every box that has ever shown it; for a
//                                        department that of the plan, and once it owes nothing that of its own part
//   x <subject>                          open and has conflicts: in the centre's queue of them
//   l <collection> 0 <created_us descending> <subject>   every subject that is no need
//   o <subject>                          of these, what the software still has work on
//   l <other need> <kind> <subject>      has to do with that other need; the kind is a digit
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "domain/fold.h"

namespace gridloop::rows {

inline constexpr std::string_view kTables = "abdghiklmnorwx";

std::string BigEndian(uint64_t value);
uint64_t ParseBigEndian(std::string_view eight_bytes);

std::string InboxPrefix(std::string_view box);
std::string DuePrefix();
char LetterOf(Want want);
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
std::string LinkPrefix(std::string_view need);
v1::LinkKind LinkKindOf(std::string_view key);               // for m
std::string InstitutionPlace(std::string_view institution);  // a place like a community, for PlacePrefix

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
