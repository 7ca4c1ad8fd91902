// SPDX-License-Identifier: Apache-2.0
// Looks for another connection for a session that has lost its own (HACKING.md, "Resumption"), in
// a thread of its own: callers wait in the channel meanwhile.
#pragma once

#include "remoting/client/connection.h"
#include "remoting/wire/handshake.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace vgpu::client
{

class Reconnection
{
public:
    // Both outlive it, and so does the channel. Throws Error where there is no thread.
    Reconnection(const wire::LeaseFile &lease, const wire::SessionInfo &session);
    ~Reconnection();

    // Another bulk connection in the place of one that was lost, for as long as it takes. Throws
    // Error when there will be none.
    wire::BulkConnection replace(wire::BulkAgain again, const Connection &connection);

private:
    void run() noexcept;
    void look();
    bool rest(unsigned ms);
    // Again and again, until `attempt` succeeds or `ended` says so: false then. Throws when there
    // is no hope.
    bool insist(const std::string &lost, const std::function<void()> &attempt,
                const std::function<bool()> &ended);

    const wire::LeaseFile &lease_;
    const wire::SessionInfo &session_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    std::thread thread_;
};

} // namespace vgpu::client
