// The bare baseline: generated async stubs, one completion queue, one poller, no interceptors, no work.
#pragma once

namespace gridloop::bench {

// Serves until stdin closes; prints its port on stdout first.
int ServeEcho();

}  // namespace gridloop::bench
