// SPDX-License-Identifier: Apache-2.0
// A channel carries whole messages, in order, both ways between one client process and its worker.
#pragma once

#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/wire/message.h"

#include <memory>
#include <vector>

namespace vgpu::wire
{

enum class Side { client, worker }; // the worker waits for any call, in one thread

class Channel
{
public:
    virtual ~Channel() = default;

    // One whole message made of two pieces; the head starts with its Header. Blocks while the
    // peer's ring or socket is full. It may be held back for others to go with it until one of the
    // two below is called. Throws Error (ECONNRESET, EPIPE) when the peer is gone. Callers
    // serialise.
    virtual void send(std::span<const std::byte> head, std::span<const std::byte> body = {}) = 0;

    // What was sent is on its way when this returns: before waiting for an answer to it.
    virtual void flush() = 0;

    // The same, but by somebody else and without waiting: for messages that nobody waits for.
    // Cheap after each of them.
    virtual void flush_soon() = 0;

    // So many bytes can be sent without the peer reading any.
    virtual size_t room() const = 0;

    // The next message, copied out of shared memory, its size checked; false when the time is up.
    // Throws Error(ECONNRESET) when the peer has closed and nothing is left to read, Error(EPROTO)
    // when it has broken the rules. One receiver at a time, beside a sender.
    virtual bool receive(std::vector<std::byte> &message, int timeout_ms = -1) = 0;

    virtual const char *name() const = 0; // "shm", "unix", "tcp"

    // Descriptors travel beside the messages (ring only; else both calls throw ENOTSUP). The tag is
    // the sender's: it names the descriptor in a message, sent before or after.
    virtual bool passes_descriptors() const = 0;
    virtual void send_descriptor(uint64_t tag, int fd) = 0;
    virtual Fd receive_descriptor(uint64_t tag, int timeout_ms) = 0; // throws ETIMEDOUT

    // The connection: to be polled for the peer's death, not to be read.
    virtual int descriptor() const = 0;

    // Ends both directions: a blocked send() or receive() here, and the peer's, throw ECONNRESET.
    // May be called from any thread.
    virtual void shut_down() noexcept = 0;
};

} // namespace vgpu::wire
