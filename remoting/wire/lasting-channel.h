// SPDX-License-Identifier: Apache-2.0
// A channel over a stream that outlives its connection (HACKING.md, "Resumption"): what the peer
// has not said that it has is kept, and sent again over the next connection, while senders and
// receivers wait.
#pragma once

#include "remoting/wire/channel.h"
#include "remoting/wire/stream-socket.h"

#include <functional>
#include <string>

namespace vgpu::wire
{

// A message of the channels' own, a header alone: so many bytes of messages have been received,
// the lower half in `sequence` and the upper half in `word`. It is not counted itself.
constexpr uint16_t kAcknowledges = 1 << 3;

// What ends a connection and says nothing of the process at its other end.
bool is_loss(int code) noexcept;

// So much may have been received before that is said.
constexpr uint64_t kAcknowledgeEvery = uint64_t(256) << 10;

// What is kept for a peer that does not say so. Beyond it the oldest goes, and with it the hope of
// going on after a loss: nobody waits for a peer's word while the connection holds.
constexpr uint64_t kMostKept = uint64_t(64) << 20;

class LastingChannel : public Channel
{
public:
    // ---- for the one who looks for another connection, in a thread of his own

    // Waits for a loss; false when the channel has ended.
    virtual bool wait_for_loss() = 0;

    // Leaves the connection, which the peer may have left already: nothing of it is received or
    // sent from here on. So many bytes of messages have been received. Throws ECONNRESET when the
    // channel has ended.
    virtual uint64_t leave(const std::string &why) = 0;

    // Whether all is kept that a peer lacks who has received so much.
    virtual bool keeps(uint64_t received) = 0;

    // After leave(): goes on over this one, whose peer has received so much. Throws EPROTO where
    // keeps() says no.
    virtual void go_on(StreamSocket socket, uint64_t received) = 0;

    // There will be no other: everybody is told, by ECONNRESET with this text.
    virtual void end(const std::string &why) noexcept = 0;

    virtual std::string why_lost() = 0; // the last time
};

struct LastingTerms {
    Side side = Side::client;
    // How long a loss is borne before it is the end; negative: until end().
    int patience_ms = -1;
    // Told of each loss.
    std::function<void(const std::string &why)> lost = [](const std::string &) {};
    uint64_t most_kept = kMostKept;
    // Somebody is in wait_for_loss() all the time, and sees to a peer that is silent.
    bool watched = false;
};

std::unique_ptr<LastingChannel> make_lasting_channel(StreamSocket socket, LastingTerms terms);

} // namespace vgpu::wire
