#include "notification/wiring.h"

namespace gridloop {

const google::protobuf::ServiceDescriptor* NotificationDescriptor() { return v1::ListRecipientsRequest::descriptor()->file()->service(0); }

void BindNotification(Router& router, Notification& service) {
  const std::string prefix = "gridloop.v1.NotificationService/";
  router.Bind(prefix + "ListRecipients", service, &Notification::ListRecipients);
  router.Bind(prefix + "ListDeadLetters", service, &Notification::ListDeadLetters);
  router.Bind(prefix + "RedeliverNotices", service, &Notification::RedeliverNotices);
  router.Bind(prefix + "SendTestNotice", service, &Notification::SendTestNotice);
}

}  // namespace gridloop
