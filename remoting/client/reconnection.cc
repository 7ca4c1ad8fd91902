// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/reconnection.h"

#include "remoting/base/clock.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"

#include <cuda.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <pthread.h>

namespace vgpu::client
{

namespace
{

// A refusal is an answer, unless it is one of these: the other side is busy.
bool is_final(int code) noexcept
{
    return code != EBUSY && code != CUDA_ERROR_SYSTEM_NOT_READY;
}

} // namespace

Reconnection::Reconnection(const wire::LeaseFile &lease, const wire::SessionInfo &session)
    : lease_(lease), session_(session)
{
    // The application's signals are not for a thread it does not know of.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::exception &error) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        fail(EAGAIN, "no thread for this session's connection: %s", error.what());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Reconnection::~Reconnection()
{
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    session_.lasting->end("the session has ended");
    thread_.join();
}

void Reconnection::run() noexcept
{
    pthread_setname_np(pthread_self(), "vgpu-reconnect");
    std::string why;
    try {
        while (session_.lasting->wait_for_loss())
            look();
        return;
    } catch (const std::exception &error) {
        why = error.what();
    } catch (...) {
        why = "this process has no memory";
    }
    session_.lasting->end(why);
}

// Until there is another connection. Throws where there will be none.
void Reconnection::look()
{
    const std::string lost = session_.lasting->why_lost();
    log(Level::warning, "the connection to the GPU worker on %s is lost: %s; looking for another",
        session_.node.c_str(), lost.c_str());
    if (insist(
            lost, [this] { wire::resume_session(lease_, session_); }, [] { return false; }))
        log(Level::warning, "the session goes on with the GPU worker on %s", session_.node.c_str());
}

wire::BulkConnection Reconnection::replace(wire::BulkAgain again, const Connection &connection)
{
    wire::BulkConnection out;
    if (!insist(
            "that of large copies", [&] { out = wire::connect_bulk(lease_, session_, again); },
            [&] { return connection.lost(); }))
        fail(ECONNRESET, "the session has ended");
    return out;
}

bool Reconnection::insist(const std::string &lost, const std::function<void()> &attempt,
                          const std::function<bool()> &ended)
{
    constexpr unsigned kFirstMs = 50, kMostMs = 1000;
    const uint64_t until = now_ns() + uint64_t(session_.reconnect_s) * 1'000'000'000;
    for (unsigned wait_ms = 0;; wait_ms = std::clamp(wait_ms * 2, kFirstMs, kMostMs)) {
        if (!rest(wait_ms) || ended())
            return false;
        std::string last;
        try {
            attempt();
            return true;
        } catch (const wire::Refused &refusal) {
            if (is_final(refusal.code()))
                fail(ECONNRESET, "the connection was lost (%s), and the session does not go on: %s",
                     lost.c_str(), refusal.what());
            last = refusal.what();
        } catch (const Error &error) {
            last = error.what();
        }
        if (now_ns() >= until)
            fail(ECONNRESET, "the connection was lost (%s), and in %u s there was no other: %s",
                 lost.c_str(), session_.reconnect_s, last.c_str());
        log(Level::debug, "no connection yet: %s", last.c_str());
    }
}

// False when there is nothing to be looked for any more.
bool Reconnection::rest(unsigned ms)
{
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return stopped_; });
}

} // namespace vgpu::client
