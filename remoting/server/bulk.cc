// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/bulk.h"

#include "remoting/base/clock.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/server/copy.h"

#include <algorithm>
#include <cerrno>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

namespace vgpu::server
{

using wire::kBulkRing;

void Bulk::open(Door door)
{
    door_ = std::move(door);
    thread_ = std::thread([this] { run(); });
}

void Bulk::run()
{
    std::string why;
    try {
        if (!door_.wait())
            return;
        {
            // The client may make use of it as soon as it is welcomed: require() waits for us.
            std::lock_guard lock(mutex_);
            if (ended_)
                return;
            ring_ = std::make_unique<Pinned>(driver_, kBulkRing, false);
            stream_ = door_.welcome();
        }
        read();
    } catch (const std::exception &error) {
        why = error.what();
    }
    {
        std::lock_guard lock(mutex_);
        // A client that ends has no copy of which bytes are missing.
        if (why.empty() && claimed_.load() > received_.load())
            why = "the client closed its bulk connection inside a copy";
        if (ended_)
            why.clear(); // we closed it
        ended_ = true;
        if (!why.empty())
            failure_ = why;
    }
    arrived_.notify_all();
    if (!why.empty())
        door_.broken();
}

void Bulk::read()
{
    for (;;) {
        const uint64_t at = received_.load(std::memory_order_relaxed);
        const uint64_t room = kBulkRing - (at - freed_.load(std::memory_order_acquire));
        if (room == 0)
            fail(EPROTO, "the client sent %llu bytes in bulk that no copy has taken",
                 (unsigned long long)kBulkRing);
        const size_t place = at % kBulkRing;
        const size_t most = size_t(std::min(room, kBulkRing - uint64_t(place)));
        const uint64_t before = stream_->bytes_in();
        const size_t n = stream_->read({ring_->data() + place, in_pace_.enter(most)});
        if (n == 0)
            return;
        in_pace_.passed(n, stream_->bytes_in() - before);
        observe();
        std::lock_guard lock(mutex_);
        received_.store(at + n, std::memory_order_release);
        if (at + n >= wanted_) {
            wanted_ = UINT64_MAX; // who waits for more says so again
            arrived_.notify_all();
        }
    }
}

// For people, now and then: what the kernel knows of the path, and what waits on it.
void Bulk::observe() noexcept
{
    constexpr uint64_t kOftenNs = 100'000'000;
    if (!traffic_)
        return;
    const uint64_t now = now_ns();
    uint64_t last = observed_ns_.load(std::memory_order_relaxed);
    if (now - last < kOftenNs || !observed_ns_.compare_exchange_strong(last, now))
        return;
    tcp_info info{};
    socklen_t size = sizeof info;
    if (getsockopt(stream_->descriptor(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
        traffic_->rtt_us.store(info.tcpi_rtt, std::memory_order_relaxed);
    int unsent = 0;
    if (ioctl(stream_->descriptor(), SIOCOUTQ, &unsent) == 0 && unsent >= 0)
        traffic_->out.queue.store(uint64_t(unsent), std::memory_order_relaxed);
    const uint64_t received = received_.load(std::memory_order_relaxed);
    const uint64_t claimed = claimed_.load(std::memory_order_relaxed);
    traffic_->in.queue.store(claimed > received ? claimed - received : 0,
                             std::memory_order_relaxed);
}

bool Bulk::wait_for(uint64_t end)
{
    if (has(end))
        return true;
    std::unique_lock lock(mutex_);
    while (!ended_ && !has(end)) {
        wanted_ = std::min(wanted_, end);
        arrived_.wait(lock);
    }
    return has(end);
}

void Bulk::await(void *data)
{
    const Arrival arrival = *static_cast<Arrival *>(data); // its owner need not wait for us
    arrival.bulk->wait_for(arrival.end);
}

void Bulk::require()
{
    std::lock_guard lock(mutex_); // the thread has it from the handing over to the welcome
    if (!stream_)
        fail(EPROTO, "a bulk copy, and no bulk connection");
}

void Bulk::claim(uint64_t position, uint64_t bytes)
{
    require();
    const uint64_t claimed = claimed_.load(std::memory_order_relaxed);
    // At the ring's end a little may be left out.
    const bool skips =
        position > claimed && position % kBulkRing == 0 && position - claimed < wire::kBulkMost;
    if (bytes < wire::kBulkLeast || bytes > wire::kBulkMost || (position != claimed && !skips) ||
        position % kBulkRing + bytes > kBulkRing)
        fail(EPROTO, "a bulk copy of %llu bytes at %llu, where %llu is next",
             (unsigned long long)bytes, (unsigned long long)position, (unsigned long long)claimed);
    if (position + bytes - freed_.load(std::memory_order_acquire) > kBulkRing)
        fail(EPROTO, "bulk copies of more than %llu bytes at once", (unsigned long long)kBulkRing);
    begin_ = position;
    claimed_.store(position + bytes, std::memory_order_release);
}

CUresult Bulk::copy(Context &context, CUdeviceptr to, uint64_t pitch, uint64_t width, uint64_t rows,
                    CUstream stream)
{
    if (!pinned_)
        ring_->pin();
    pinned_ = true;
    Piece piece{nullptr, Fence(driver_)};
    const uint64_t end = claimed_.load(std::memory_order_relaxed);
    CUresult result = CUDA_SUCCESS;
    if (!has(end)) {
        piece.arrival = std::make_unique<Arrival>(Arrival{this, end});
        result = driver_.cuLaunchHostFunc(stream, await, piece.arrival.get());
    }
    if (result == CUDA_SUCCESS)
        result = copy_to_device(driver_, to, ring_->data() + begin_ % kBulkRing,
                                {pitch, width, width, rows}, stream);
    // Also behind a host function alone, whose parameter is to be kept for it.
    if (CUresult marked = piece.fence.add(context.handle, context.events, stream);
        result == CUDA_SUCCESS)
        result = marked;
    pieces_.push_back(std::move(piece));
    return result;
}

Bulk::Taken Bulk::take_claimed()
{
    Taken out{claimed_.load(std::memory_order_relaxed), std::move(pieces_)};
    pieces_.clear();
    return out;
}

void Bulk::release(const Taken &taken)
{
    for (const Piece &piece : taken.pieces)
        piece.fence.wait();
    // A copy that failed has no fence, and its bytes may still be on their way.
    if (wait_for(taken.end))
        freed_.store(taken.end, std::memory_order_release);
}

bool Bulk::send(const wire::BulkFrame &frame, std::span<const std::byte> data) noexcept
try {
    iovec pieces[] = {{const_cast<wire::BulkFrame *>(&frame), sizeof frame},
                      {const_cast<std::byte *>(data.data()), data.size()}};
    std::lock_guard lock(out_);
    out_pace_.enter(data.size());
    const uint64_t before = stream_->bytes_out();
    stream_->write(pieces);
    out_pace_.passed(sizeof frame + data.size(), stream_->bytes_out() - before);
    observe();
    return true;
} catch (const std::exception &error) {
    // The receiving end reports a dead peer; here it is only worth a word when debugging.
    log(Level::debug, "a bulk copy was not sent: %s", error.what());
    return false;
}

std::optional<std::string> Bulk::failure() const
{
    std::lock_guard lock(mutex_);
    return failure_;
}

void Bulk::shut_down() noexcept
{
    if (!thread_.joinable())
        return;
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
        if (stream_)
            stream_->shut_down();
    }
    in_pace_.stop();
    out_pace_.stop();
    arrived_.notify_all();
    door_.interrupt();
}

void Bulk::end()
{
    shut_down();
    if (thread_.joinable())
        thread_.join();
}

} // namespace vgpu::server
