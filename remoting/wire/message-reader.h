// SPDX-License-Identifier: Apache-2.0
// Messages out of a stream's bytes: as many from one recv() as there are.
#pragma once

#include "remoting/wire/message.h"
#include "remoting/wire/spin.h"
#include "remoting/wire/stream-socket.h"

#include <vector>

namespace vgpu::wire
{

class MessageReader
{
public:
    // `spin`: how to wait for bytes.
    explicit MessageReader(Spin spin);

    // The next message; false when the time is up, which loses nothing. Throws Error: ECONNRESET
    // where the stream has ended, EPROTO for a size that no message has.
    bool next(StreamSocket &socket, std::vector<std::byte> &message, Deadline deadline);

    // Whether the last failure was the stream's end.
    bool at_end() const noexcept { return at_end_; }

    // Forgets what has come of messages that were not given out: another stream begins.
    void restart() noexcept;

private:
    bool fill(StreamSocket &socket, Deadline deadline);
    bool take(StreamSocket &socket, bool sleep);
    bool start_message();
    size_t transfer(StreamSocket &socket, std::span<std::byte> to, bool sleep);

    // What was read beyond the message at hand: buffer_[begin_, end_).
    std::vector<std::byte> buffer_;
    size_t begin_ = 0, end_ = 0;
    // A message too large for the buffer is read into its own place; it survives a timeout.
    std::vector<std::byte> partial_;
    size_t have_ = 0;
    bool in_message_ = false;
    bool at_end_ = false;
    Spin spin_;
};

} // namespace vgpu::wire
