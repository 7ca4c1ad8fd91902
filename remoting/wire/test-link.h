// SPDX-License-Identifier: Apache-2.0
// A slower network than the one that is there, for measurements and tests: VGPU_TEST_LINK makes
// the client's end of a stream channel behave as if the path had a round-trip time and a bandwidth.
// Off, and out of the way, unless that variable is set.
#pragma once

#include "remoting/wire/bulk-stream.h"
#include "remoting/wire/channel.h"

#include <cstdint>
#include <string_view>

namespace vgpu::wire
{

struct TestLink {
    uint64_t rtt_ns = 0;     // half of it each way
    uint64_t bits_per_s = 0; // each way; 0: as fast as it goes
    uint64_t window = 0;     // bytes that a bulk connection has under way each way; 0: any
};

// "rtt=5ms,rate=10G,window=3M": a time in ns, us or ms, a rate in bits a second with K, M or G, and
// bytes with K or M (of 1000); each may be left out. Throws Error(EINVAL).
TestLink parse_test_link(std::string_view text);

// The channel itself without the variable; else one that delays what passes, and tells the log at
// its end how many round trips were waited for and how many bytes went each way.
std::unique_ptr<Channel> with_test_link(std::unique_ptr<Channel> channel);

// The session's bulk connection over the same path: both share its bandwidth, and the calls' bytes
// go before those of bulk that wait.
std::unique_ptr<BulkStream> with_test_link(std::unique_ptr<BulkStream> stream);

// The same with a link that is given.
std::unique_ptr<Channel> make_test_link(std::unique_ptr<Channel> channel, TestLink link);

} // namespace vgpu::wire
