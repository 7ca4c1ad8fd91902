// SPDX-License-Identifier: Apache-2.0
// The way back to the client: replies of the dispatch thread and of the waiters, and the failure
// that waits for one.
#pragma once

#include "remoting/api/calls.h"
#include "remoting/server/output.h"
#include "remoting/wire/channel.h"
#include "remoting/wire/codec.h"

#include <cuda.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace vgpu::server
{

// Which request a reply is for.
struct ReplyTo {
    api::Call call;
    uint32_t sequence;
};

class Replies
{
public:
    // Before the first reply; the channel outlives the last.
    void attach(wire::Channel &channel) { channel_ = &channel; }

    // Keeps the first failure since the last reply; the next reply carries it.
    void fail_later(api::Call call, CUresult result) { fail_later(uint32_t(call), result); }
    // `call` may be a library's too: its number is behind the library's, at bit 16.
    void fail_later(uint32_t call, CUresult result);

    // `body` is what follows the pair of the deferred failure; `data` follows the body, its size a
    // multiple of 8. A peer that is gone is noted, not thrown: a waiter has nobody to tell; the
    // dispatch thread sees it at its next receive.
    void send(ReplyTo to, CUresult result, std::span<const std::byte> body = {},
              std::span<const std::byte> data = {}, bool more = false) noexcept;

    // Whether the device may have printed something since it was last looked for: dispatch thread.
    void may_print(bool may) noexcept { may_print_.store(may, std::memory_order_relaxed); }

    // From now on what the device prints goes to the client, ahead of the replies.
    void forward_output(ReplyTo to);

private:
    void transmit(ReplyTo to, CUresult result, std::span<const std::byte> body,
                  std::span<const std::byte> data, bool more);
    void transmit_output();

    wire::Channel *channel_ = nullptr;
    std::atomic<bool> may_print_{true}; // partner: send() in every thread
    std::mutex mutex_;                  // of all below, and of sending
    std::vector<std::byte> head_;
    bool broken_ = false;
    std::unique_ptr<Output> output_;
    ReplyTo output_to_{};
    std::vector<std::byte> printed_;

    std::mutex deferred_mutex_; // of the two below; taken after mutex_, never held while sending
    CUresult deferred_ = CUDA_SUCCESS;
    uint32_t deferred_call_ = 0;
};

} // namespace vgpu::server
