// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/bulk.h"

#include "remoting/api/calls.h"
#include "remoting/api/params.h"
#include "remoting/base/error.h"
#include "remoting/client/call.h"
#include "remoting/client/copy-out.h"

#include <csignal>
#include <cstring>

#include <pthread.h>
#include <unistd.h>

namespace vgpu::client
{

using wire::kBulkRing;

Bulk::~Bulk()
{
    shut_down();
    if (reader_.joinable())
        reader_.join();
}

bool Bulk::send(uint32_t word, const Piece &piece, Pending *marker)
{
    const size_t n = piece.width * piece.rows;
    std::lock_guard lock(send_);
    try {
        // The worker has a piece in one place: what would cross the ring's end begins behind it.
        const size_t left = size_t(kBulkRing - position_ % kBulkRing);
        const size_t skipped = left < n ? left : 0;
        const bool apart = piece.rows > 1 && piece.from_pitch != piece.width;
        if (apart || skipped)
            packed_.resize(std::max(apart ? n : 0, skipped));
        for (size_t row = 0; apart && row < piece.rows; ++row)
            std::memcpy(packed_.data() + row * piece.width, piece.from + row * piece.from_pitch,
                        piece.width);
        iovec pieces[] = {
            {packed_.data(), skipped},
            {apart ? packed_.data() : const_cast<std::byte *>(piece.from), n},
        };
        stream_->write(pieces);
        position_ += skipped;
    } catch (const std::exception &error) {
        connection_.give_up(error.what());
        return false;
    }
    Request request;
    for (uint64_t value : {position_, uint64_t(piece.to), uint64_t(piece.pitch),
                           uint64_t(piece.width), uint64_t(piece.rows), api::id_of(piece.stream)})
        request.out().u64(value);
    position_ += n;
    return connection_.send(uint16_t(api::Call::vgpuBulkIn), word, request.bytes(), {}, marker);
}

uint32_t Bulk::add(CopyOut &copy)
{
    std::unique_lock lock(mutex_);
    while (++last_ == 0 || copies_.contains(last_))
        continue;
    copies_[last_] = &copy;
    if (!reader_.joinable()) {
        // The application's signals are not for a thread it does not know of.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            reader_ = std::thread([this] { read(); });
        } catch (...) {
            ended_ = true;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    const uint32_t number = last_;
    const bool ended = ended_;
    lock.unlock();
    if (ended)
        connection_.give_up("the peer closed the bulk connection");
    return number;
}

void Bulk::remove(uint32_t number) noexcept
{
    std::unique_lock lock(mutex_);
    copies_.erase(number);
    // The reader itself lets go of a copy that nobody waits for, when it has all of it.
    if (reader_.get_id() != std::this_thread::get_id())
        left_.wait(lock, [&] { return reading_ != number; });
}

void Bulk::read()
{
    pthread_setname_np(pthread_self(), "vgpu-bulk");
    std::string why = "the peer closed the bulk connection";
    try {
        while (read_frame())
            continue;
    } catch (const std::exception &error) {
        why = error.what();
    }
    bool missed;
    {
        std::lock_guard lock(mutex_);
        reading_ = 0;
        ended_ = true;
        missed = !copies_.empty();
    }
    left_.notify_all();
    // Else it is for the calls to find out.
    if (missed)
        connection_.give_up(why);
}

bool Bulk::read_frame()
{
    wire::BulkFrame frame;
    if (!stream_->read_exactly(std::as_writable_bytes(std::span(&frame, 1))))
        return false;
    CopyOut *copy = nullptr;
    {
        std::lock_guard lock(mutex_);
        if (auto found = copies_.find(frame.copy); found != copies_.end())
            copy = found->second;
        if (!copy || !copy->expects(frame.offset, frame.bytes))
            fail(EPROTO, "the worker sent bytes of a copy that was not asked for");
        reading_ = frame.copy;
    }
    copy->each_row(frame.offset, frame.bytes, [&](std::span<std::byte> to) {
        if (!stream_->read_exactly(to))
            fail(ECONNRESET, "the peer closed the bulk connection inside a copy");
    });
    // It goes on until it has all of its bytes, unless the connection is lost.
    connection_.advance(*copy, frame.bytes);
    {
        std::lock_guard lock(mutex_);
        reading_ = 0;
    }
    left_.notify_all();
    return true;
}

void Bulk::abandon_in_child() noexcept
{
    close(stream_->descriptor());
}

} // namespace vgpu::client
