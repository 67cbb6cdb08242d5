#include "runtime/reflection.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>

#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace gridloop {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// The file and everything it imports, each once, imports after importers.
void Collect(const FileDescriptor* file, std::set<std::string>& seen, std::vector<const FileDescriptor*>& files) {
  if (!seen.insert(file->name()).second) return;
  files.push_back(file);
  for (int i = 0; i < file->dependency_count(); ++i) Collect(file->dependency(i), seen, files);
}

template <class Response>
void AnswerWithFile(const FileDescriptor* file, Response& response) {
  if (file == nullptr) {
    response.mutable_error_response()->set_error_code(static_cast<int>(Code::kNotFound));
    response.mutable_error_response()->set_error_message("Nothing here has this name.");
    return;
  }
  std::set<std::string> seen;
  std::vector<const FileDescriptor*> files;
  Collect(file, seen, files);
  for (const auto* each : files) {
    google::protobuf::FileDescriptorProto proto;
    each->CopyTo(&proto);
    response.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
  }
}

template <class Request, class Response>
Response Answer(const Request& request, const std::vector<std::string>& services) {
  const DescriptorPool* pool = DescriptorPool::generated_pool();
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kListServices:
      response.mutable_list_services_response();
      for (const auto& service : services) response.mutable_list_services_response()->add_service()->set_name(service);
      break;
    case Request::kFileByFilename:
      AnswerWithFile(pool->FindFileByName(request.file_by_filename()), response);
      break;
    case Request::kFileContainingSymbol:
      AnswerWithFile(pool->FindFileContainingSymbol(request.file_containing_symbol()), response);
      break;
    case Request::kFileContainingExtension: {
      const auto& asked = request.file_containing_extension();
      const auto* type = pool->FindMessageTypeByName(asked.containing_type());
      const auto* field = type == nullptr ? nullptr : pool->FindExtensionByNumber(type, asked.extension_number());
      AnswerWithFile(field == nullptr ? nullptr : field->file(), response);
      break;
    }
    case Request::kAllExtensionNumbersOfType: {
      const auto* type = pool->FindMessageTypeByName(request.all_extension_numbers_of_type());
      if (type == nullptr) {
        AnswerWithFile(nullptr, response);
        break;
      }
      std::vector<const google::protobuf::FieldDescriptor*> fields;
      pool->FindAllExtensions(type, &fields);
      auto* numbers = response.mutable_all_extension_numbers_response();
      numbers->set_base_type_name(type->full_name());
      for (const auto* field : fields) numbers->add_extension_number(field->number());
      break;
    }
    default:
      response.mutable_error_response()->set_error_code(static_cast<int>(Code::kInvalidArgument));
      response.mutable_error_response()->set_error_message("Ask for a service, a file, a symbol or an extension.");
  }
  return response;
}

template <class Request, class Response>
void BindOne(Router& router, const std::string& method, const std::vector<std::string>& services) {
  router.BidiStream<Request, Response>(method, [services](const Caller&, std::shared_ptr<Conversation<Request, Response>> conversation) {
    conversation->OnMessage([conversation, services](const Request& request) { conversation->Write(Answer<Request, Response>(request, services)); });
    conversation->OnHalfClose([conversation] { conversation->Finish(); });
  });
}

}  // namespace

void BindReflection(Router& router, std::vector<std::string> services) {
  std::ranges::sort(services);
  BindOne<grpc::reflection::v1::ServerReflectionRequest, grpc::reflection::v1::ServerReflectionResponse>(
      router, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", services);
  BindOne<grpc::reflection::v1alpha::ServerReflectionRequest, grpc::reflection::v1alpha::ServerReflectionResponse>(
      router, "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", services);
}

}  // namespace gridloop
