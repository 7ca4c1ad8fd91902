// SPDX-License-Identifier: Apache-2.0
// How many bytes may be on their way to the device at once. The worker keeps them until the device
// takes them, which may be busy for long: who copies waits for it here, and everybody else's calls
// go by.
#pragma once

#include "remoting/client/connection.h"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace vgpu::client
{

class CopyInWindow
{
public:
    // In bytes. The worker has room for a little more (session.api, vgpuCopyIn).
    static constexpr size_t kMost = size_t(12) << 20;
    static constexpr size_t kMarked = size_t(1) << 20; // one answer for so many

    // A copy as small as this goes on where others wait: it may be what the device waits for.
    static constexpr size_t kSmall = size_t(64) << 10;
    static constexpr size_t kMostSmall = kMost + (size_t(3) << 20);

    // Told of each answer: for how many bytes, and whether it had to be waited for.
    using Passed = std::function<void(size_t bytes, bool waited)>;

    CopyInWindow() = default;
    explicit CopyInWindow(size_t most, Passed passed)
        : most_(most), most_small_(most), passed_(std::move(passed))
    {
    }

    // From here on so many bytes; fewer let nobody begin until the rest is taken.
    void resize(size_t most);

    // Asked for when the worker has room again for all that was sent before it.
    class Marker : public Pending
    {
    public:
        explicit Marker(size_t bytes) : bytes(bytes) {}
        bool arrived(const wire::Header &header, std::span<const std::byte>) override
        {
            return !(header.flags & wire::kMore);
        }
        const size_t bytes;
        bool sent = false; // the window's
    };

    // Before a piece of n bytes is sent: waits for room. False when the peer is gone. `marker` is
    // what to send the piece with, or null; sent() tells how that went.
    bool enter(Connection &connection, size_t n, Pending *&marker);
    void sent(Pending *marker, bool sent);

private:
    std::mutex mutex_;
    size_t most_ = kMost, most_small_ = kMostSmall;
    const Passed passed_;
    std::condition_variable moved_;
    std::deque<std::unique_ptr<Marker>> markers_; // in the order sent
    bool waiting_ = false;                        // somebody, for the first of them
    bool lost_ = false;
    size_t bytes_ = 0;    // not known to be taken
    size_t unmarked_ = 0; // of these, since the last marker
};

} // namespace vgpu::client
