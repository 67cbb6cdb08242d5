// Which open needs are about one person. Made by those who hold keys, in memory: it is read again from the open needs' reports after a start, and
// erased with them. The log holds a person's pseudonym under seal alone (docs/duplicates.md).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "ports/clock.h"
#include "ports/keys.h"
#include "ports/ledger.h"
#include "ports/view.h"
#include "sealing/secret.h"

namespace gridloop {

// What says who a person is: the identity number, else the phone, in one way of writing; empty if neither does.
std::string PersonIdentifier(std::string_view identity_number, std::string_view phone);
// The pseudonym of that; empty if nobody can tell who it is.
std::string PersonRefOf(const Secret& secret, const v1::Subject& subject);

// Thread-safe.
class PersonIndex {
 public:
  PersonIndex(Ledger& ledger, View& view, KeyStore& keys, Clock& clock, std::chrono::milliseconds between_sweeps = std::chrono::hours(1));
  ~PersonIndex();

  // Begins to read what is open. Before it has, nothing is known of what was there at the start. Once; later calls do nothing.
  void Start();
  bool Ready() const;

  // An event of this need that is in the log names this person; an empty one is nobody. Cheap: for the threads of the ledger.
  void Note(const std::string& subject, const std::string& person_ref);
  void Forget(const std::string& subject);
  // In no order, without ended ones as far as is known; at most `limit`.
  std::vector<std::string> NeedsOf(const std::string& person_ref, size_t limit) const;
  std::vector<std::string> PersonsOf(const std::string& subject) const;
  // Takes out what has ended and does not come back. False: something could not be read.
  bool Sweep();

 private:
  void Run();
  bool ReadOpenNeeds();
  bool ReadNeed(const std::string& subject);
  bool Stopping() const;

  Ledger& ledger_;
  View& view_;
  KeyStore& keys_;
  Clock& clock_;
  const std::chrono::milliseconds between_sweeps_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool ready_ = false;
  std::unordered_map<std::string, std::set<std::string>> needs_;    // by person
  std::unordered_map<std::string, std::set<std::string>> persons_;  // by need
  std::thread thread_;
};

}  // namespace gridloop
