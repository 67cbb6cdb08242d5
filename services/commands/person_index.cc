#include "commands/person_index.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "commands/command.h"
#include "domain/row_keys.h"
#include "sealing/seal.h"

namespace gridloop {
namespace {

constexpr int kRowsAtATime = 256;
constexpr size_t kShortestPhone = 7;
constexpr auto kTryAgain = std::chrono::seconds(1);

const std::string& PersonIn(const Event& event) {
  if (event.has_joined()) return event.joined().person_ref();
  if (event.has_amended()) return event.amended().person_ref();
  return event.submitted().person_ref();
}

}  // namespace

std::string PersonIdentifier(std::string_view identity_number, std::string_view phone) {
  std::string identity;
  for (unsigned char c : identity_number) {
    if (!std::isspace(c)) identity.push_back(static_cast<char>(std::toupper(c)));
  }
  if (!identity.empty()) return "identity " + identity;
  std::string digits;
  for (unsigned char c : phone) {
    if (std::isdigit(c)) digits.push_back(static_cast<char>(c));
  }
  // The country's code before a mobile number of eleven digits.
  if (digits.starts_with("0086") && digits.size() == 15) digits.erase(0, 4);
  if (digits.starts_with("86") && digits.size() == 13) digits.erase(0, 2);
  return digits.size() < kShortestPhone ? std::string() : "phone " + digits;
}

std::string PersonRefOf(const Secret& secret, const v1::Subject& subject) {
  const std::string identifier = PersonIdentifier(subject.identity_number(), subject.phone());
  return identifier.empty() ? std::string() : secret.PersonRef(identifier);
}

PersonIndex::PersonIndex(Ledger& ledger, View& view, KeyStore& keys, Clock& clock, std::chrono::milliseconds between_sweeps)
    : ledger_(ledger), view_(view), keys_(keys), clock_(clock), between_sweeps_(between_sweeps) {}

PersonIndex::~PersonIndex() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void PersonIndex::Start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { Run(); });
}

bool PersonIndex::Ready() const {
  std::lock_guard lock(mutex_);
  return ready_;
}

bool PersonIndex::Stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void PersonIndex::Note(const std::string& subject, const std::string& person_ref) {
  if (person_ref.empty()) return;
  std::lock_guard lock(mutex_);
  needs_[person_ref].insert(subject);
  persons_[subject].insert(person_ref);
}

void PersonIndex::Forget(const std::string& subject) {
  std::lock_guard lock(mutex_);
  auto found = persons_.find(subject);
  if (found == persons_.end()) return;
  for (const std::string& person : found->second) {
    auto needs = needs_.find(person);
    needs->second.erase(subject);
    if (needs->second.empty()) needs_.erase(needs);
  }
  persons_.erase(found);
}

std::vector<std::string> PersonIndex::NeedsOf(const std::string& person_ref, size_t limit) const {
  std::lock_guard lock(mutex_);
  auto found = needs_.find(person_ref);
  if (found == needs_.end()) return {};
  auto end = std::ranges::next(found->second.begin(), static_cast<std::ptrdiff_t>(limit), found->second.end());
  return {found->second.begin(), end};
}

std::vector<std::string> PersonIndex::PersonsOf(const std::string& subject) const {
  std::lock_guard lock(mutex_);
  auto found = persons_.find(subject);
  if (found == persons_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

void PersonIndex::Run() {
  while (true) {
    const bool whole = Ready() ? Sweep() : ReadOpenNeeds();
    std::unique_lock lock(mutex_);
    ready_ |= whole;
    wake_.wait_for(lock, whole ? between_sweeps_ : std::chrono::milliseconds(kTryAgain), [this] { return stopping_; });
    if (stopping_) return;
  }
}

bool PersonIndex::ReadOpenNeeds() {
  std::string after;
  do {
    auto page = ReadRows(view_, rows::DuePrefix(), after, kRowsAtATime);
    if (!page) return false;
    after = page->next_key;
    for (const Row& row : page->rows) {
      if (Stopping() || !ReadNeed(std::string(rows::SubjectOf(row.key)))) return false;
    }
  } while (!after.empty());
  return true;
}

bool PersonIndex::ReadNeed(const std::string& subject) {
  auto state = ReadState(view_, subject);
  if (!state) return state.error().code == Code::kNotFound;
  for (const auto& applied : (*state)->applied()) {
    auto record = ledger_.ReadAt({0, applied.offset()});
    Event event;
    if (!record || !event.ParseFromString(record->value)) return false;
    const bool names = event.has_submitted() || event.has_joined() || event.has_amended();
    if (!names) continue;
    if (auto opened = OpenEvent(&event, keys_); !opened) {
      if (opened.error().reason == "KEY_FORGOTTEN") continue;
      return false;
    }
    Note(subject, PersonIn(event));
  }
  return true;
}

bool PersonIndex::Sweep() {
  std::vector<std::string> subjects;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [subject, persons] : persons_) subjects.push_back(subject);
  }
  bool whole = true;
  for (const std::string& subject : subjects) {
    if (Stopping()) return false;
    auto state = ReadState(view_, subject);
    if (!state) {
      whole = false;
      continue;
    }
    // What may be opened again stays: nobody tells the index when it is.
    const int64_t until_us = std::max((*state)->reopen_until_us(), (*state)->unmerge_until_us());
    if (Ended(**state) && clock_.WallUs() > until_us) Forget(subject);
  }
  return whole;
}

}  // namespace gridloop
