// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/replies.h"

#include "remoting/base/log.h"

#include <cstring>
#include <exception>
#include <unistd.h>

namespace vgpu::server
{

void Replies::fail_later(uint32_t call, CUresult result)
{
    // Not mutex_: that may be held by a waiter for as long as the client does not read, and the
    // client may be waiting for this thread.
    std::lock_guard lock(deferred_mutex_);
    if (deferred_ == CUDA_SUCCESS) {
        deferred_ = result;
        deferred_call_ = call;
    }
}

void Replies::forward_output(ReplyTo to)
{
    std::lock_guard lock(mutex_);
    output_to_ = to;
    if (!output_)
        output_ = std::make_unique<Output>(STDOUT_FILENO);
}

// One message; throws when the peer is gone.
void Replies::transmit(ReplyTo to, CUresult result, std::span<const std::byte> body,
                       std::span<const std::byte> data, bool more)
{
    head_.resize(wire::kHeaderSize + 8);
    head_.insert(head_.end(), body.begin(), body.end());
    uint32_t pair[2] = {0, 0};
    {
        std::lock_guard lock(deferred_mutex_);
        if (deferred_ != CUDA_SUCCESS) {
            pair[0] = uint32_t(deferred_);
            pair[1] = deferred_call_;
        }
        deferred_ = CUDA_SUCCESS;
    }
    std::memcpy(head_.data() + wire::kHeaderSize, pair, sizeof(pair));
    wire::Header header;
    header.size = uint32_t(head_.size() + data.size());
    header.call = uint16_t(to.call);
    header.flags = uint16_t(wire::kIsReply | (more ? wire::kMore : 0));
    header.sequence = to.sequence;
    header.word = uint32_t(result);
    wire::put_header(head_.data(), header);
    channel_->send(head_, data);
}

void Replies::transmit_output()
{
    constexpr size_t kPiece = 64 << 10;
    while (output_->take(printed_, kPiece)) {
        uint64_t n = printed_.size();
        printed_.resize(wire::padded(printed_.size()));
        transmit(output_to_, CUDA_SUCCESS, std::as_bytes(std::span(&n, 1)), printed_, true);
    }
}

void Replies::send(ReplyTo to, CUresult result, std::span<const std::byte> body,
                   std::span<const std::byte> data, bool more) noexcept
try {
    std::lock_guard lock(mutex_);
    if (broken_ || !channel_)
        return;
    broken_ = true; // unless all of this comes through
    if (output_ && !more && may_print_.load(std::memory_order_relaxed))
        transmit_output();
    transmit(to, result, body, data, more);
    channel_->flush();
    broken_ = false;
} catch (const std::exception &error) {
    // The receiving end reports a dead peer once; here it is only worth a word when debugging.
    log(Level::debug, "a reply to %s was not sent: %s", api::call_name(to.call), error.what());
}

} // namespace vgpu::server
