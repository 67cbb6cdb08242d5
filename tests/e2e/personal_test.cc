// Personal data over everything that a process writes and shows: marked values go in wherever a field is personal, and wherever
// a caller may get it wrong; afterwards every file, row, log line, page and answer is searched for them.
#include <google/protobuf/descriptor.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <rocksdb/db.h>

#include <atomic>
#include <cstring>
#include <set>
#include <thread>

#include "e2e/process.h"
#include "gridloop/v1/department_service.pb.h"

namespace gridloop::e2e {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr char kMark[] = "PERSONALMARK-7f3a";
constexpr char kChineseMark[] = "隐私标记";
constexpr char kIdentityNumber[] = "11010519491231002X";  // the standard's own example
constexpr double kLatitude = 31.45670891234;
constexpr double kLongitude = 121.10980127654;
constexpr char kCell[] = "320585100001001";

// What cannot depend on the bytes around it of the base64 of `text`, for the three ways it may be aligned.
std::vector<std::string> InBase64(const std::string& text) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::string> all;
  for (size_t before = 0; before < 3; ++before) {
    std::string bits;
    for (char c : std::string(before, '\0') + text) {
      for (int bit = 7; bit >= 0; --bit) bits.push_back((static_cast<unsigned char>(c) >> bit) & 1 ? '1' : '0');
    }
    std::string encoded;
    for (size_t at = (before * 8 + 5) / 6 * 6; at + 6 <= bits.size(); at += 6) encoded.push_back(kAlphabet[std::stoul(bits.substr(at, 6), nullptr, 2)]);
    all.push_back(encoded);
  }
  return all;
}

std::string InHex(const std::string& text, const char* digits) {
  std::string hex;
  for (unsigned char c : text) hex += {digits[c >> 4], digits[c & 15]};
  return hex;
}

// As protobuf's text form and JSON write what is not ASCII.
std::string InOctal(const std::string& text) {
  std::string octal;
  for (unsigned char c : text)
    octal += std::string("\\") + static_cast<char>('0' + (c >> 6)) + static_cast<char>('0' + (c >> 3 & 7)) + static_cast<char>('0' + (c & 7));
  return octal;
}

std::vector<std::string> Needles() {
  std::vector<std::string> needles = {"\\u9690\\u79c1\\u6807\\u8bb0", "31.45670", "121.10980", InOctal(kChineseMark)};
  for (double coordinate : {kLatitude, kLongitude}) {
    std::string bytes(sizeof(coordinate), '\0');
    std::memcpy(bytes.data(), &coordinate, sizeof(coordinate));
    needles.push_back(bytes);
  }
  for (const std::string& text : {std::string(kMark), std::string(kChineseMark), std::string(kIdentityNumber)}) {
    needles.push_back(text);
    needles.push_back(InHex(text, "0123456789abcdef"));
    needles.push_back(InHex(text, "0123456789ABCDEF"));
    for (const auto& encoded : InBase64(text)) needles.push_back(encoded);
  }
  return needles;
}

// What of it is found, with a little around it; empty: nothing.
std::string Leak(std::string_view text) {
  static const std::vector<std::string> kNeedles = Needles();
  for (const auto& needle : kNeedles) {
    size_t at = text.find(needle);
    if (at == std::string_view::npos) continue;
    size_t from = at < 80 ? 0 : at - 80;
    return std::string(text.substr(from, 200));
  }
  return {};
}

std::string TextOf(const Error& error) {
  std::string text = error.reason + "\n" + error.message + "\n" + error.message_zh;
  for (const auto& field : error.fields) text += "\n" + field.field + ": " + field.description;
  for (const auto& [key, value] : error.metadata) text += "\n" + key + "=" + value;
  return text;
}

// Gives every field that is personal a value with a mark of its own; nothing else is touched but what holds such a field.
class Marker {
 public:
  std::string Mark() { return std::string(kMark) + "-" + std::to_string(++marks_) + kChineseMark; }  // fits the shortest field
  void Fill(Message* message, bool personal = false) {
    const auto* reflection = message->GetReflection();
    for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = message->GetDescriptor()->field(i);
      bool marked = personal || field->options().GetExtension(v1::personal);
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        if (!marked && (field->is_repeated() || !HoldsPersonal(field->message_type()))) continue;
        Fill(field->is_repeated() ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field), marked);
      } else if (marked && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        std::string value = field->type() == FieldDescriptor::TYPE_BYTES ? (kMark + std::string(32, '.')).substr(0, 32) : Mark();
        if (field->is_repeated()) {
          reflection->AddString(message, field, value);
        } else {
          reflection->SetString(message, field, value);
        }
      }
    }
  }
  static bool HoldsPersonal(const Descriptor* type) {
    std::set<const FieldDescriptor*> found;
    Collect(type, &found);
    return !found.empty();
  }
  // The fields that carry the option, in a type and what it holds.
  static void Collect(const Descriptor* type, std::set<const FieldDescriptor*>* found) {
    if (type->file()->package() != "gridloop.v1" || type == v1::DirectoryFile::descriptor()) return;  // tables name staff
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (field->options().GetExtension(v1::personal)) {
        found->insert(field);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        Collect(field->message_type(), found);
      }
    }
  }
  static void CollectPresent(const Message& message, std::set<const FieldDescriptor*>* found) {
    std::vector<const FieldDescriptor*> present;
    message.GetReflection()->ListFields(message, &present);
    for (const auto* field : present) {
      if (field->options().GetExtension(v1::personal)) {
        found->insert(field);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated()) {
        CollectPresent(message.GetReflection()->GetMessage(message, field), found);
      }
    }
  }

 private:
  int marks_ = 1000;
};

class Personal : public testing::Test {
 protected:
  void SetUp() override {
    app_ = MakeToken(data_, "city-app", "app-1", v1::ROLE_REPORTER_APP);
    other_app_ = MakeToken(data_, "other-app", "app-2", v1::ROLE_REPORTER_APP);
    head_ = MakeToken(data_, "station-s01", "head-s01", v1::ROLE_STATION_HEAD, "s01", "h-s01");
    centre_ = MakeToken(data_, "centre", "dispatcher-1", v1::ROLE_DISPATCHER, "center", "c-dispatch-1");
    education_ = MakeToken(data_, "education-bureau", "edu-1", v1::ROLE_DEPARTMENT, "education");
    auditor_ = MakeToken(data_, "audit", "auditor-1", v1::ROLE_AUDITOR, "center");
    Credential guides{"supervision", {}, 0};
    guides.actor.set_principal("supervisor-1");
    guides.actor.set_role(v1::ROLE_SUPERVISOR);
    guides.actor.add_stations("s01");
    RandomIds ids;
    supervisor_ = CreateToken(data_ / "tokens.tsv", guides, ids).value_or("");
    // One takes what it is told, the other one never does, so that it stays on the disk.
    receiver_.Post("/good", [this](const httplib::Request& request, httplib::Response& response) { Hear(request, response, 200); });
    receiver_.Post("/bad", [this](const httplib::Request& request, httplib::Response& response) { Hear(request, response, 500); });
    int port = receiver_.bind_to_any_port("127.0.0.1");
    receiving_ = std::thread([this] { receiver_.listen_after_bind(); });
    std::ofstream(beside_.path() / "webhook.secret") << "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    std::filesystem::permissions(beside_.path() / "webhook.secret", std::filesystem::perms::owner_read);
    std::ofstream recipients(beside_.path() / "recipients.yaml");
    recipients << "recipients:\n";
    for (const char* id : {"good", "bad"}) {
      recipients << "  - id: " << id << "\n    url: http://127.0.0.1:" << port << "/" << id << "\n    secret_file: webhook.secret\n    allow_private: true\n";
    }
    recipients.close();
    gridloop_ = std::make_unique<StandingGridloop>(data_, beside_.path(), true,
                                                   std::vector<std::string>{"--log-level", "debug", "--recipients", beside_.path() / "recipients.yaml"});
  }
  void TearDown() override {
    receiver_.stop();
    receiving_.join();
  }
  void Hear(const httplib::Request& request, httplib::Response& response, int status) {
    std::string text = request.path + request.body;
    for (const auto& [name, value] : request.headers) text += "\n" + name + ": " + value;
    EXPECT_EQ(Leak(text), "");
    EXPECT_EQ(request.body.find(kCell), std::string::npos) << "no cell, no category, no type";
    response.status = status;
    if (status == 200) ++heard_;
  }

  // Calls; whatever is answered must show nothing.
  template <class Response>
  Expected<Response> Call(const std::string& token, const std::string& method, const Message& request) {
    Response response;
    auto called = gridloop_->Connect(token)->Call("gridloop.v1." + method, request, &response);
    if (!called) {
      EXPECT_EQ(Leak(TextOf(called.error())), "") << method;
      return std::unexpected(called.error());
    }
    Marker::CollectPresent(request, &accepted_);
    Response shown = response;
    HideWhatIsForTheReporter(&shown);
    EXPECT_EQ(Leak(shown.SerializeAsString()), "") << method;
    return response;
  }
  // What is written for the reporter, who gets it: the closing sentence and a question.
  static void HideWhatIsForTheReporter(Message* response) {
    if (auto* got = dynamic_cast<v1::IntakeServiceGetNeedResponse*>(response)) {
      got->mutable_need()->clear_closing_sentence();
      got->mutable_need()->clear_question();
    }
    if (auto* listed = dynamic_cast<v1::ListNeedsResponse*>(response)) {
      for (auto& need : *listed->mutable_needs()) {
        need.clear_closing_sentence();
        need.clear_question();
      }
    }
  }
  template <class Request>
  Request On(const std::string& name) {
    Request request;
    request.set_name(name);
    request.set_request_id("r-" + std::to_string(++requests_));
    marker_.Fill(&request);
    return request;
  }
  template <class Response>
  void Do(const std::string& token, const std::string& method, const Message& request) {
    auto done = Call<Response>(token, method, request);
    ASSERT_TRUE(done) << method << ": " << TextOf(done.error());
  }
  v1::SubmitNeedRequest MarkedReport() {
    v1::SubmitNeedRequest request;
    request.set_request_id("r-" + std::to_string(++requests_));
    marker_.Fill(&request);
    auto& report = *request.mutable_report();
    report.mutable_location()->set_grid_code(kCell);
    report.mutable_location()->mutable_coordinates()->set_latitude_degrees(kLatitude);
    report.mutable_location()->mutable_coordinates()->set_longitude_degrees(kLongitude);
    report.mutable_reporter()->set_role(v1::REPORTER_ROLE_GRID_WORKER);
    report.set_source(v1::SOURCE_PATROL);
    report.set_type("care");
    report.mutable_subject()->set_identity_number(kIdentityNumber);
    for (auto& attachment : *report.mutable_attachments()) attachment.set_uri("https://" + attachment.uri());
    return request;
  }
  std::string SubmitMarked() {
    auto submitted = Call<v1::SubmitNeedResponse>(app_, "IntakeService/SubmitNeed", MarkedReport());
    EXPECT_TRUE(submitted) << TextOf(submitted.error());
    return submitted ? submitted->name() : "";
  }
  v1::Need Look(const std::string& name) {
    v1::AssignmentServiceGetNeedRequest request;
    request.set_name(name);
    auto response = Call<v1::AssignmentServiceGetNeedResponse>(centre_, "AssignmentService/GetNeed", request);
    return response ? response->need() : v1::Need();
  }
  std::string Offered(const std::string& name) {
    EXPECT_TRUE(gridloop_->Eventually([&] { return Look(name).has_offer(); }));
    return Look(name).offer().id();
  }
  std::string Held(const std::string& name) {
    EXPECT_TRUE(gridloop_->Eventually([&] { return !Look(name).held().empty(); }));
    return Look(name).held();
  }
  void Accept(const std::string& name) {
    auto accept = On<v1::AcceptOfferRequest>(name);
    accept.set_offer(Offered(name));
    Do<v1::AcceptOfferResponse>(head_, "AssignmentService/AcceptOffer", accept);
  }
  // A token for the assigned worker, which the running process takes.
  std::string Assign(const std::string& name) {
    std::string worker = Look(name).offer().suggested_worker();
    Accept(name);
    auto assign = On<v1::AssignWorkerRequest>(name);
    assign.set_worker(worker);
    Do<v1::AssignWorkerResponse>(head_, "AssignmentService/AssignWorker", assign);
    std::string id = worker.substr(worker.find('/') + 1);
    std::string token = MakeToken(data_, "room", id, v1::ROLE_WORKER, {}, id);
    EXPECT_TRUE(gridloop_->Eventually([&] { return DirectoryHashOf(token); }));
    return token;
  }
  bool DirectoryHashOf(const std::string& token) {
    v1::GetDirectoryResponse response;
    return gridloop_->Connect(token)->Call("gridloop.v1.RoutingService/GetDirectory", v1::GetDirectoryRequest(), &response).has_value();
  }
  // Somebody with a post at that station.
  std::string HelperOf(const std::string& station) {
    v1::ListWorkersRequest request;
    request.set_unit("units/" + station);
    v1::ListWorkersResponse response;
    EXPECT_TRUE(gridloop_->Connect(centre_)->Call("gridloop.v1.RoutingService/ListWorkers", request, &response));
    return response.workers().empty() ? std::string() : response.workers(0).name().substr(std::string("workers/").size());
  }
  void RequestAndVerify(const std::string& name, const std::string& worker, bool approve) {
    auto closing = On<v1::RequestClosingRequest>(name);
    closing.mutable_closing()->set_reason(v1::CLOSING_REASON_GOALS_MET);
    closing.mutable_closing()->set_goals(v1::GOALS_OUTCOME_MET);
    closing.mutable_closing()->set_final_grade(v1::GRADE_FOUR);
    Do<v1::RequestClosingResponse>(worker, "AssignmentService/RequestClosing", closing);
    auto verify = On<v1::VerifyClosingRequest>(name);
    verify.set_closing(Look(name).closing());
    verify.set_approve(approve);
    Do<v1::VerifyClosingResponse>(head_, "AssignmentService/VerifyClosing", verify);
  }

  void WalkTheLifeOfNeeds();
  void ProvokeErrors();
  void ReadWhatOthersMayRead();
  void SearchRows();

  TemporaryDirectory beside_;
  std::filesystem::path data_ = beside_.path() / "data";
  void WalkAPlan();

  std::string app_, other_app_, head_, centre_, auditor_, supervisor_, worker_, education_;
  std::unique_ptr<Gridloop> gridloop_;
  Marker marker_;
  int requests_ = 0;
  std::string closed_, open_;
  httplib::Server receiver_;
  std::thread receiving_;
  std::atomic<int> heard_ = 0;
  std::set<const FieldDescriptor*> accepted_;  // personal fields that a call which succeeded has carried
};

void Personal::WalkTheLifeOfNeeds() {
  // Declined, dispatched by the centre, worked on, its closing returned, closed.
  closed_ = SubmitMarked();
  auto decline = On<v1::DeclineOfferRequest>(closed_);
  decline.set_offer(Offered(closed_));
  decline.set_reason(v1::DECLINE_REASON_OTHER);
  Do<v1::DeclineOfferResponse>(head_, "AssignmentService/DeclineOffer", decline);
  Do<v1::UrgeNeedResponse>(app_, "IntakeService/UrgeNeed", On<v1::UrgeNeedRequest>(closed_));
  Do<v1::RecallNeedResponse>(centre_, "RoutingService/RecallNeed", On<v1::RecallNeedRequest>(closed_));
  auto dispatch = On<v1::DispatchNeedRequest>(closed_);
  dispatch.set_held(Held(closed_));
  dispatch.set_unit("units/s01");
  Do<v1::DispatchNeedResponse>(centre_, "RoutingService/DispatchNeed", dispatch);
  Offered(closed_);
  worker_ = Assign(closed_);
  Do<v1::EscalateNeedResponse>(worker_, "AssignmentService/EscalateNeed", On<v1::EscalateNeedRequest>(closed_));
  Do<v1::RecordEmergencyActionResponse>(worker_, "AssignmentService/RecordEmergencyAction", On<v1::RecordEmergencyActionRequest>(closed_));
  auto assess = On<v1::AssessNeedRequest>(closed_);
  assess.set_casework(true);
  Do<v1::AssessNeedResponse>(worker_, "AssignmentService/AssessNeed", assess);
  auto grade = On<v1::GradeNeedRequest>(closed_);
  grade.set_grade(v1::GRADE_THREE);
  Do<v1::GradeNeedResponse>(worker_, "AssignmentService/GradeNeed", grade);
  Do<v1::PlanServiceResponse>(worker_, "AssignmentService/PlanService", On<v1::PlanServiceRequest>(closed_));
  auto service = On<v1::RecordServiceRequest>(closed_);
  service.mutable_start_time()->set_seconds(StandingGridloop::kStartSeconds);
  service.mutable_duration()->set_seconds(2700);
  service.set_form("visit");
  Do<v1::RecordServiceResponse>(worker_, "AssignmentService/RecordService", service);
  Do<v1::AddNoteResponse>(worker_, "AssignmentService/AddNote", On<v1::AddNoteRequest>(closed_));
  Do<v1::RecordFollowUpResponse>(worker_, "AssignmentService/RecordFollowUp", On<v1::RecordFollowUpRequest>(closed_));
  // Helped from another unit for a while.
  const std::string helper = HelperOf("s02");
  auto support = On<v1::AddSupportRequest>(closed_);
  support.set_unit("units/s02");
  support.set_worker("workers/" + helper);
  Do<v1::AddSupportResponse>(head_, "AssignmentService/AddSupport", support);
  auto unsupport = On<v1::EndSupportRequest>(closed_);
  unsupport.set_worker("workers/" + helper);
  Do<v1::EndSupportResponse>(head_, "AssignmentService/EndSupport", unsupport);
  // Corrected, asked about, put off and put on hold.
  Do<v1::ReviseAssessmentResponse>(worker_, "AssignmentService/ReviseAssessment", On<v1::ReviseAssessmentRequest>(closed_));
  Do<v1::RevisePlanResponse>(worker_, "AssignmentService/RevisePlan", On<v1::RevisePlanRequest>(closed_));
  Do<v1::RequestInformationResponse>(worker_, "AssignmentService/RequestInformation", On<v1::RequestInformationRequest>(closed_));
  auto inform = On<v1::ProvideInformationRequest>(closed_);
  inform.set_information(Look(closed_).information());
  for (auto& attachment : *inform.mutable_attachments()) attachment.set_uri("https://" + attachment.uri());
  Do<v1::ProvideInformationResponse>(app_, "IntakeService/ProvideInformation", inform);
  auto amend = On<v1::AmendNeedRequest>(closed_);
  *amend.mutable_report() = MarkedReport().report();
  for (const char* field : {"location", "subject", "summary"}) amend.mutable_update_mask()->add_paths(field);
  Do<v1::AmendNeedResponse>(worker_, "IntakeService/AmendNeed", amend);
  auto extend = On<v1::RequestExtensionRequest>(closed_);
  extend.set_clock(v1::CLOCK_KIND_SERVICE);
  extend.mutable_due_time()->set_seconds(StandingGridloop::kStartSeconds + 60 * 86'400);
  Do<v1::RequestExtensionResponse>(worker_, "AssignmentService/RequestExtension", extend);
  auto extended = On<v1::DecideExtensionRequest>(closed_);
  extended.set_extension(Look(closed_).extension());
  extended.set_approve(true);
  Do<v1::DecideExtensionResponse>(head_, "AssignmentService/DecideExtension", extended);
  auto hold = On<v1::RequestHoldRequest>(closed_);
  hold.mutable_end_time()->set_seconds(StandingGridloop::kStartSeconds + 30 * 86'400);
  Do<v1::RequestHoldResponse>(worker_, "AssignmentService/RequestHold", hold);
  auto held = On<v1::DecideHoldRequest>(closed_);
  held.set_hold(Look(closed_).hold());
  held.set_approve(true);
  Do<v1::DecideHoldResponse>(head_, "AssignmentService/DecideHold", held);
  auto resume = On<v1::ResumeNeedRequest>(closed_);
  resume.set_hold(Look(closed_).hold());
  Do<v1::ResumeNeedResponse>(worker_, "AssignmentService/ResumeNeed", resume);
  RequestAndVerify(closed_, worker_, false);
  RequestAndVerify(closed_, worker_, true);
  Do<v1::RecordAfterVisitResponse>(worker_, "AssignmentService/RecordAfterVisit", On<v1::RecordAfterVisitRequest>(closed_));
  Do<v1::AddSupervisionNoteResponse>(supervisor_, "AssignmentService/AddSupervisionNote", On<v1::AddSupervisionNoteRequest>(closed_));
  // Withdrawn; answered at once; open.
  auto withdrawn = MarkedReport();
  auto taken = Call<v1::SubmitNeedResponse>(app_, "IntakeService/SubmitNeed", withdrawn);
  ASSERT_TRUE(taken) << TextOf(taken.error());
  auto withdraw = On<v1::WithdrawNeedRequest>(taken->name());
  withdraw.set_reporter_reference(withdrawn.report().reporter().reference());
  Do<v1::WithdrawNeedResponse>(app_, "IntakeService/WithdrawNeed", withdraw);
  // Reported twice: found, joined, linked, merged, taken apart again.
  const std::string earlier = SubmitMarked();
  const std::string later = SubmitMarked();
  v1::FindDuplicatesRequest find;
  find.set_grid_code(kCell);
  find.set_type("care");
  auto found = Call<v1::FindDuplicatesResponse>(app_, "IntakeService/FindDuplicates", find);
  ASSERT_TRUE(found && !found->join_token().empty());
  v1::JoinNeedRequest join;
  auto joined = MarkedReport();
  join.set_request_id(joined.request_id());
  join.set_join_token(found->join_token());
  *join.mutable_report() = joined.report();
  Do<v1::JoinNeedResponse>(app_, "IntakeService/JoinNeed", join);
  find.set_person(kIdentityNumber);
  Do<v1::FindDuplicatesResponse>(centre_, "IntakeService/FindDuplicates", find);
  auto link = On<v1::LinkNeedsRequest>(earlier);
  link.set_other(later);
  link.set_kind(v1::LINK_KIND_HOUSEHOLD);
  Do<v1::LinkNeedsResponse>(centre_, "AssignmentService/LinkNeeds", link);
  auto merge = On<v1::MergeNeedRequest>(earlier);
  merge.set_other(later);
  merge.set_survivor(earlier);
  Do<v1::MergeNeedResponse>(centre_, "AssignmentService/MergeNeed", merge);
  while (Look(earlier).merged_size() == 0 || Look(earlier).merged(0).pending()) ASSERT_FALSE(HasFailure());
  auto unmerge = On<v1::UnmergeNeedRequest>(earlier);
  unmerge.set_merged(later);
  Do<v1::UnmergeNeedResponse>(centre_, "AssignmentService/UnmergeNeed", unmerge);
  std::string answered = SubmitMarked();
  Accept(answered);
  auto answer = On<v1::AnswerNeedRequest>(answered);
  answer.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  Do<v1::AnswerNeedResponse>(head_, "AssignmentService/AnswerNeed", answer);
  Do<v1::ReopenNeedResponse>(head_, "AssignmentService/ReopenNeed", On<v1::ReopenNeedRequest>(answered));
  auto propose = On<v1::ProposeTransferRequest>(answered);
  propose.set_unit("units/s01");  // its own head may take it over
  Do<v1::ProposeTransferResponse>(head_, "AssignmentService/ProposeTransfer", propose);
  auto decline_transfer = On<v1::DeclineTransferRequest>(answered);
  decline_transfer.set_transfer(Look(answered).transfer());
  Do<v1::DeclineTransferResponse>(head_, "AssignmentService/DeclineTransfer", decline_transfer);
  // Referred to somebody outside, who sends it back, and again.
  for (bool received : {false, true}) {
    auto refer = On<v1::ReferOutRequest>(answered);
    refer.set_to("12345");
    Do<v1::ReferOutResponse>(received ? centre_ : head_, "AssignmentService/ReferOut", refer);
    const std::string referral = Look(answered).referral();
    if (!received) {
      auto back = On<v1::ReturnReferralRequest>(answered);
      back.set_referral(referral);
      Do<v1::ReturnReferralResponse>(centre_, "AssignmentService/ReturnReferral", back);
      continue;
    }
    auto confirm = On<v1::ConfirmReferralRequest>(answered);
    confirm.set_referral(referral);
    confirm.set_receipt("12345-1");
    Do<v1::ConfirmReferralResponse>(centre_, "AssignmentService/ConfirmReferral", confirm);
  }
  // Closed without a verifier; then its worker leaves.
  auto asked = MarkedReport();
  asked.mutable_report()->set_type("information");
  auto light = Call<v1::SubmitNeedResponse>(app_, "IntakeService/SubmitNeed", asked);
  ASSERT_TRUE(light);
  Offered(light->name());
  const std::string its_worker = Assign(light->name());
  const std::string who = Look(light->name()).worker();
  auto close = On<v1::CloseNeedRequest>(light->name());
  close.mutable_closing()->set_reason(v1::CLOSING_REASON_REFUSED);
  Do<v1::CloseNeedResponse>(its_worker, "AssignmentService/CloseNeed", close);
  v1::HandOverWorkRequest leaves;
  leaves.set_request_id("leaves-1");
  leaves.set_worker(who);
  marker_.Fill(&leaves);
  Do<v1::HandOverWorkResponse>(centre_, "AssignmentService/HandOverWork", leaves);
  open_ = SubmitMarked();
  Offered(open_);
  v1::ListNeedsRequest mine;
  auto again = MarkedReport();
  mine.set_reporter_reference(again.report().reporter().reference());
  Do<v1::SubmitNeedResponse>(app_, "IntakeService/SubmitNeed", again);
  auto listed = Call<v1::ListNeedsResponse>(app_, "IntakeService/ListNeeds", mine);
  EXPECT_TRUE(listed && listed->needs_size() == 1);
}

// Each answer to a joint plan, by its party and by the centre for it.
void Personal::WalkAPlan() {
  std::string name = SubmitMarked();
  Accept(name);
  auto propose = [&] {
    auto request = On<v1::ProposeObligationRequest>(name);
    request.set_party("departments/education");
    request.mutable_due_time()->set_seconds(StandingGridloop::kStartSeconds + 10 * 86'400);
    request.add_shared_fields("subject.identity_number");
    auto proposed = Call<v1::ProposeObligationResponse>(head_, "AssignmentService/ProposeObligation", request);
    EXPECT_TRUE(proposed);
    return proposed ? proposed->outcome().event() : std::string();
  };
  auto about = [](auto request, const std::string& obligation) {
    request.set_obligation(obligation);
    return request;
  };
  std::string own = propose();
  v1::GetPlanRequest plan;
  plan.set_name(name);
  EXPECT_TRUE(Call<v1::GetPlanResponse>(education_, "DepartmentService/GetPlan", plan));  // shows nothing without a purpose
  EXPECT_TRUE(Call<v1::ListObligationsResponse>(education_, "DepartmentService/ListObligations", v1::ListObligationsRequest()));
  Do<v1::DepartmentServiceAcceptObligationResponse>(education_, "DepartmentService/AcceptObligation",
                                                    about(On<v1::DepartmentServiceAcceptObligationRequest>(name), own));
  Do<v1::DepartmentServiceRecordObligationProgressResponse>(education_, "DepartmentService/RecordObligationProgress",
                                                            about(On<v1::DepartmentServiceRecordObligationProgressRequest>(name), own));
  Do<v1::DepartmentServiceFulfilObligationResponse>(education_, "DepartmentService/FulfilObligation",
                                                    about(On<v1::DepartmentServiceFulfilObligationRequest>(name), own));
  own = propose();
  Do<v1::DepartmentServiceDeclineObligationResponse>(education_, "DepartmentService/DeclineObligation",
                                                     about(On<v1::DepartmentServiceDeclineObligationRequest>(name), own));
  Do<v1::WaiveObligationResponse>(centre_, "AssignmentService/WaiveObligation", about(On<v1::WaiveObligationRequest>(name), own));
  own = propose();
  Do<v1::AcceptObligationResponse>(centre_, "AssignmentService/AcceptObligation", about(On<v1::AcceptObligationRequest>(name), own));
  Do<v1::RecordObligationProgressResponse>(centre_, "AssignmentService/RecordObligationProgress", about(On<v1::RecordObligationProgressRequest>(name), own));
  Do<v1::FulfilObligationResponse>(centre_, "AssignmentService/FulfilObligation", about(On<v1::FulfilObligationRequest>(name), own));
  own = propose();
  Do<v1::DeclineObligationResponse>(centre_, "AssignmentService/DeclineObligation", about(On<v1::DeclineObligationRequest>(name), own));
  // What its own obligation shares is for that department, and with a purpose alone.
  own = propose();
  plan.set_purpose("admission");
  v1::GetPlanResponse whole;
  EXPECT_TRUE(gridloop_->Connect(education_)->Call("gridloop.v1.DepartmentService/GetPlan", plan, &whole));
  EXPECT_EQ(whole.own_size(), 3);  // two that are done, one that waits
  EXPECT_NE(Leak(whole.SerializeAsString()), "");
}

// Marks where a caller gets it wrong: nobody echoes, logs or keeps them.
void Personal::ProvokeErrors() {
  auto refused = [this](const std::string& token, const std::string& method, const Message& request) {
    v1::SubmitNeedResponse response;
    auto called = gridloop_->Connect(token)->Call("gridloop.v1." + method, request, &response);
    EXPECT_FALSE(called) << method;
    if (called) return std::string("OK");
    EXPECT_EQ(Leak(TextOf(called.error())), "") << method;
    return called.error().reason;
  };
  const std::string mark = marker_.Mark();
  auto report = MarkedReport();
  report.mutable_report()->set_summary(std::string(3000, 'x') + mark);
  report.mutable_report()->mutable_location()->set_grid_code(mark + mark);
  report.mutable_report()->mutable_location()->set_institution(mark);
  report.mutable_report()->set_type(mark);
  report.mutable_report()->add_categories(mark);
  report.mutable_report()->add_dangers(mark);
  report.mutable_report()->set_related_need(mark);
  report.mutable_report()->mutable_subject()->set_identity_number(mark);
  report.set_request_id(mark + " ");
  EXPECT_EQ(refused(app_, "IntakeService/SubmitNeed", report), "INVALID_FIELDS");
  auto first = MarkedReport();
  Do<v1::SubmitNeedResponse>(app_, "IntakeService/SubmitNeed", first);
  first.mutable_report()->set_summary(marker_.Mark());
  EXPECT_EQ(refused(app_, "IntakeService/SubmitNeed", first), "REQUEST_ID_REUSED");
  EXPECT_EQ(refused(kMark, "IntakeService/SubmitNeed", first), "CREDENTIAL_UNKNOWN");
  EXPECT_EQ(refused(auditor_, "IntakeService/SubmitNeed", first), "ROLE_NOT_ALLOWED");
  refused(app_, "IntakeService/" + std::string(kMark), first);

  for (const std::string& name : {mark, "needs/" + mark, "numbers/" + mark}) {
    v1::IntakeServiceGetNeedRequest get;
    get.set_name(name);
    get.set_at_least(mark);
    EXPECT_EQ(refused(app_, "IntakeService/GetNeed", get), "INVALID_FIELDS") << name;
  }
  auto note = On<v1::AddNoteRequest>(open_);
  note.set_text(std::string(3000, 'x') + mark);
  EXPECT_EQ(refused(centre_, "AssignmentService/AddNote", note), "INVALID_FIELDS");
  note = On<v1::AddNoteRequest>(open_);
  note.set_etag(mark);
  refused(centre_, "AssignmentService/AddNote", note);
  auto assign = On<v1::AssignWorkerRequest>(open_);
  assign.set_worker("workers/" + mark);
  assign.add_co_workers("workers/" + mark);
  refused(centre_, "AssignmentService/AssignWorker", assign);
  auto dispatch = On<v1::DispatchNeedRequest>(open_);
  dispatch.set_held(mark);
  dispatch.set_unit("units/" + mark);
  refused(centre_, "RoutingService/DispatchNeed", dispatch);
  auto assess = On<v1::AssessNeedRequest>(open_);
  assess.set_type(mark);
  refused(worker_, "AssignmentService/AssessNeed", assess);
  auto service = On<v1::RecordServiceRequest>(open_);
  service.set_form(mark);
  service.add_workers(mark);
  refused(worker_, "AssignmentService/RecordService", service);
  refused(worker_, "AssignmentService/RequestClosing", On<v1::RequestClosingRequest>(closed_));
  v1::ListInboxRequest inbox;
  inbox.set_parent("units/" + mark);
  inbox.set_page_token(mark);
  refused(centre_, "AssignmentService/ListInbox", inbox);
  v1::ExportEventsRequest from;
  from.set_from_position(mark);
  v1::ExportEventsResponse none;
  auto exported = gridloop_->Connect(auditor_)->ReadStream("gridloop.v1.AuditService/ExportEvents", from, &none, [] { return true; });
  ASSERT_FALSE(exported);
  EXPECT_EQ(Leak(TextOf(exported.error())), "");
  v1::ExplainRouteRequest route;
  route.mutable_inputs()->set_grid_code(mark);
  route.mutable_inputs()->set_type(mark);
  route.mutable_inputs()->add_categories(mark);
  v1::ExplainRouteResponse explained;  // what it is asked about is the answer, so only what is logged counts
  (void)gridloop_->Connect(centre_)->Call("gridloop.v1.RoutingService/ExplainRoute", route, &explained);

  // What this build does not know: fields of a newer app, bytes that are no UTF-8.
  auto newer = MarkedReport();
  for (Message* message :
       {static_cast<Message*>(&newer), static_cast<Message*>(newer.mutable_report()), static_cast<Message*>(newer.mutable_report()->mutable_location()),
        static_cast<Message*>(newer.mutable_report()->mutable_subject())}) {
    message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(900, marker_.Mark());
  }
  Do<v1::SubmitNeedResponse>(app_, "IntakeService/SubmitNeed", newer);
  auto newer_closing = On<v1::AnswerNeedRequest>(open_);
  newer_closing.mutable_closing()->set_reason(v1::CLOSING_REASON_ANSWERED);
  newer_closing.mutable_closing()->GetReflection()->MutableUnknownFields(newer_closing.mutable_closing())->AddLengthDelimited(900, marker_.Mark());
  Accept(open_);
  Do<v1::AnswerNeedResponse>(head_, "AssignmentService/AnswerNeed", newer_closing);
  auto broken = MarkedReport();
  broken.mutable_report()->clear_summary();
  broken.mutable_report()->GetReflection()->MutableUnknownFields(broken.mutable_report())->AddLengthDelimited(1, mark + "\xff");
  refused(app_, "IntakeService/SubmitNeed", broken);

  // A trace context that is none.
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + app_);
  context.AddMetadata("traceparent", std::string(kMark) + "-in-a-header");
  context.AddMetadata("x-person", kMark);
  auto traced = MarkedReport();
  v1::SubmitNeedResponse response;
  auto channel = grpc::CreateChannel(gridloop_->address(), grpc::InsecureChannelCredentials());
  grpc::internal::RpcMethod method("/gridloop.v1.IntakeService/SubmitNeed", grpc::internal::RpcMethod::NORMAL_RPC);
  auto status = grpc::internal::BlockingUnaryCall<Message, Message>(channel.get(), method, &context, traced, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

void Personal::ReadWhatOthersMayRead() {
  for (const std::string& name : {closed_, open_}) {
    v1::GetTimelineRequest timeline;
    timeline.set_name(name);
    auto shown = Call<v1::GetTimelineResponse>(auditor_, "AuditService/GetTimeline", timeline);
    EXPECT_TRUE(shown && shown->entries_size() > 3);
    v1::IntakeServiceGetNeedRequest theirs;
    theirs.set_name(name);
    EXPECT_TRUE(Call<v1::IntakeServiceGetNeedResponse>(app_, "IntakeService/GetNeed", theirs));
    EXPECT_FALSE(Call<v1::IntakeServiceGetNeedResponse>(other_app_, "IntakeService/GetNeed", theirs));
    for (const std::string& token : {centre_, head_, auditor_, worker_, supervisor_}) {
      v1::AssignmentServiceGetNeedRequest without_purpose;
      without_purpose.set_name(name);
      (void)Call<v1::AssignmentServiceGetNeedResponse>(token, "AssignmentService/GetNeed", without_purpose);
    }
    v1::AssignmentServiceGetNeedRequest not_assigned;
    not_assigned.set_name(name);
    not_assigned.set_purpose("curiosity");
    EXPECT_TRUE(Call<v1::AssignmentServiceGetNeedResponse>(auditor_, "AssignmentService/GetNeed", not_assigned));
    auto guided = Call<v1::GetTimelineResponse>(supervisor_, "AuditService/GetTimeline", timeline);
    EXPECT_TRUE(guided && guided->entries_size() > 3);
    v1::ListAccessesRequest accesses;
    accesses.set_name(name);
    auto read = Call<v1::ListAccessesResponse>(auditor_, "AuditService/ListAccesses", accesses);
    EXPECT_TRUE(read && (read->entries_size() > 0 || name != closed_));
    v1::ReplayRouteRequest replay;
    replay.set_name(name);
    (void)Call<v1::ReplayRouteResponse>(auditor_, "RoutingService/ReplayRoute", replay);
  }
  std::string waiting = SubmitMarked();
  Offered(waiting);
  v1::ExplainDeadlineRequest deadline;
  deadline.set_name(waiting);
  EXPECT_TRUE(Call<v1::ExplainDeadlineResponse>(auditor_, "AuditService/ExplainDeadline", deadline));
  v1::ListInboxRequest inbox;
  inbox.set_parent("units/s01");
  auto listed = Call<v1::ListInboxResponse>(head_, "AssignmentService/ListInbox", inbox);
  EXPECT_TRUE(listed && listed->needs_size() > 0);
  auto vague = MarkedReport();
  vague.mutable_report()->mutable_location()->clear_grid_code();
  auto held = Call<v1::SubmitNeedResponse>(app_, "IntakeService/SubmitNeed", vague);
  ASSERT_TRUE(held);
  Held(held->name());
  auto in_the_centre = Call<v1::ListHeldNeedsResponse>(centre_, "RoutingService/ListHeldNeeds", v1::ListHeldNeedsRequest());
  EXPECT_TRUE(in_the_centre && in_the_centre->needs_size() > 0);
  auto loops = Call<v1::ListOpenLoopsResponse>(auditor_, "AuditService/ListOpenLoops", v1::ListOpenLoopsRequest());
  EXPECT_TRUE(loops.has_value());
  auto strangers = Call<v1::ListNeedsResponse>(other_app_, "IntakeService/ListNeeds", v1::ListNeedsRequest());
  EXPECT_TRUE(strangers && strangers->needs_size() == 0);

  int records = 0;
  v1::ExportEventsRequest all;
  all.set_max_events(100'000);
  v1::ExportEventsResponse record;
  EXPECT_TRUE(gridloop_->Connect(auditor_)->ReadStream("gridloop.v1.AuditService/ExportEvents", all, &record, [&] {
    EXPECT_EQ(Leak(record.SerializeAsString()), "");
    return ++records < 40;
  }));
  EXPECT_EQ(records, 40);
  v1::WatchInboxRequest watch;
  watch.set_parent("units/s01");
  v1::WatchInboxResponse change;
  EXPECT_TRUE(gridloop_->Connect(head_)->ReadStream("gridloop.v1.AssignmentService/WatchInbox", watch, &change, [&] {
    EXPECT_EQ(Leak(change.SerializeAsString()), "");
    return false;
  }));
}

// The files may be compressed, so the rows are read as well.
void Personal::SearchRows() {
  int cells = 0;
  for (const char* database : {"ledger", "view", "vault", "notices"}) {
    std::string path = data_ / database;
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok()) << path;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    auto status = rocksdb::DB::OpenForReadOnly({}, path, families, &handles, &opened);
    ASSERT_TRUE(status.ok()) << status.ToString();
    std::unique_ptr<rocksdb::DB> owned(opened);
    for (auto* handle : handles) {
      std::unique_ptr<rocksdb::Iterator> row(opened->NewIterator({}, handle));
      for (row->SeekToFirst(); row->Valid(); row->Next()) {
        std::string text = row->key().ToString() + row->value().ToString();
        EXPECT_EQ(Leak(text), "") << database;
        cells += text.find(kCell) != std::string::npos ? 1 : 0;
      }
      opened->DestroyColumnFamilyHandle(handle);
    }
  }
  EXPECT_GT(cells, 10) << "the search did not look where the events are";
}

TEST_F(Personal, NothingPersonalIsInClearInWhatAProcessWritesOrShows) {
  ASSERT_FALSE(HasFailure());
  WalkTheLifeOfNeeds();
  ASSERT_FALSE(HasFailure());
  // It went in: who is assigned and says why reads all of it.
  v1::AssignmentServiceGetNeedRequest with_purpose;
  with_purpose.set_name(closed_);
  with_purpose.set_purpose("home visit to " + marker_.Mark());
  v1::AssignmentServiceGetNeedResponse whole;
  EXPECT_TRUE(gridloop_->Connect(worker_)->Call("gridloop.v1.AssignmentService/GetNeed", with_purpose, &whole));
  EXPECT_NE(Leak(whole.SerializeAsString()), "");
  EXPECT_EQ(whole.need().report().subject().identity_number(), kIdentityNumber);

  WalkAPlan();
  ASSERT_FALSE(HasFailure());
  ProvokeErrors();
  ReadWhatOthersMayRead();
  for (const char* page : {"/metrics", "/healthz", "/readyz", "/PERSONALMARK-7f3a", "/metrics?name=PERSONALMARK-7f3a"}) {
    auto answer = gridloop_->Http(page);
    EXPECT_NE(answer.status, 0) << page;
    EXPECT_EQ(Leak(answer.body), "") << page;
  }
  EXPECT_TRUE(gridloop_->Eventually([&] { return heard_ > 30; })) << "notices of what was done: " << heard_;
  gridloop_->Stop();

  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(beside_.path())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(Leak(content), "") << entry.path();
    EXPECT_EQ(Leak(entry.path().string()), "");
    ++files;
  }
  EXPECT_GT(files, 10);
  std::string log = gridloop_->process().Log();
  EXPECT_NE(log.find("gridloop.v1.AssignmentService/AddNote"), std::string::npos) << "the log was to hold each call";
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) EXPECT_TRUE(line.starts_with("{\"time\":")) << "no log line of ours: " << line;
  SearchRows();

  // A personal field that comes later makes this fail until the walk carries it.
  std::set<const FieldDescriptor*> all;
  for (const auto* some : {v1::SubmitNeedRequest::descriptor(), v1::DispatchNeedRequest::descriptor(), v1::AcceptOfferRequest::descriptor(),
                           v1::GetTimelineRequest::descriptor(), v1::GetPlanRequest::descriptor()}) {
    const auto* service = some->file()->service(0);
    for (int i = 0; i < service->method_count(); ++i) Marker::Collect(service->method(i)->input_type(), &all);
  }
  for (const auto* field : all) EXPECT_TRUE(accepted_.contains(field)) << field->full_name() << " was never carried by a call that succeeded";
  EXPECT_GT(all.size(), 20U);
}

}  // namespace
}  // namespace gridloop::e2e
