// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/copy-out.h"

#include "remoting/api/calls.h"
#include "remoting/wire/codec.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

namespace vgpu::client
{
namespace
{

struct Outstanding {
    std::mutex mutex;
    std::vector<const CopyOut *> copies;
    uint64_t bytes = 0;
    uint64_t waited = 0; // bytes of the parts that have entered
    std::condition_variable left;
};

Outstanding &outstanding()
{
    static auto &all = *new Outstanding; // outlives the program's destructors
    return all;
}

} // namespace

CopyOut::CopyOut(Connection &connection, Bulk *bulk, void *to, size_t pitch, size_t width,
                 size_t rows)
    : connection_(connection), bulk_(bulk), to_(static_cast<std::byte *>(to)),
      pitch_(rows > 1 ? pitch : width), width_(width), rows_(rows)
{
    if (bulk_)
        number_ = bulk_->add(*this);
    auto &all = outstanding();
    std::lock_guard lock(all.mutex);
    all.copies.push_back(this);
    all.bytes += total();
}

CopyOut::~CopyOut()
{
    if (bulk_)
        bulk_->remove(number_);
    auto &all = outstanding();
    std::lock_guard lock(all.mutex);
    std::erase(all.copies, this);
    all.bytes -= total();
}

bool CopyOut::arrived(const wire::Header &header, std::span<const std::byte> body)
{
    bool more = header.flags & wire::kMore;
    result = CUresult(header.word);
    if (result != CUDA_SUCCESS && defers_)
        connection_.report({header.word, uint32_t(api::Call::vgpuCopyOut)});
    wire::Decoder in(body);
    if (bulk_) {
        announced_ = in.u64();
        bulk_->worker_is_limited(in.u64() != 0);
        return in.done() && !more &&
               (result == CUDA_SUCCESS ? announced_ == total() : announced_ <= total());
    }
    if (result != CUDA_SUCCESS)
        return !more;
    uint64_t offset = in.u64();
    uint64_t n = in.u64();
    auto bytes = in.bytes(n);
    if (!in.done() || !reserve(offset, n))
        return false;
    const std::byte *from = bytes.data();
    each_row(offset, n, [&](std::span<std::byte> to) {
        std::memcpy(to.data(), from, to.size());
        from += to.size();
    });
    received_ += n;
    return more || received_ == total();
}

bool copy_out_enter(uint64_t bytes, bool alone, uint64_t most)
{
    auto &all = outstanding();
    std::unique_lock lock(all.mutex);
    auto room = [&] { return all.waited == 0 || all.waited + bytes <= most; };
    if (!alone && !room())
        return false;
    all.left.wait(lock, room);
    all.waited += bytes;
    return true;
}

void copy_out_leave(uint64_t bytes) noexcept
{
    auto &all = outstanding();
    {
        std::lock_guard lock(all.mutex);
        all.waited -= bytes;
    }
    all.left.notify_all();
}

bool copy_out_overlaps(uint64_t first, uint64_t last) noexcept
{
    auto &all = outstanding();
    std::lock_guard lock(all.mutex);
    return std::any_of(all.copies.begin(), all.copies.end(), [&](const CopyOut *copy) {
        return first < copy->last() && copy->first() < last;
    });
}

bool copy_out_has_room(uint64_t bytes) noexcept
{
    auto &all = outstanding();
    std::lock_guard lock(all.mutex);
    return all.copies.size() < kMaxUnread && all.bytes + bytes <= kMaxUnreadBytes;
}

} // namespace vgpu::client
