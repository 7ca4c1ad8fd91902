// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/shared-staging.h"

#include "remoting/base/error.h"
#include "remoting/client/call.h"
#include "remoting/client/host-memory.h"

#include <sys/mman.h>

namespace vgpu::client
{

bool SharedStaging::open(Session &session)
{
    int state = state_.load(std::memory_order_acquire);
    if (state == 0) [[unlikely]] {
        std::lock_guard lock(mutex_);
        state = state_.load(std::memory_order_relaxed);
        if (state == 0)
            state_.store(state = map(session) ? 1 : -1, std::memory_order_release);
    }
    return state > 0;
}

bool SharedStaging::map(Session &session)
{
    if (!session.connection().channel().passes_descriptors())
        return false;
    Fd pages = memfd("vgpu-staging", kBytes);
    void *address = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, pages.get(), 0);
    if (address == MAP_FAILED)
        return false;
    CUdeviceptr device;
    if (!share_pages(session, pages, address, kBytes, host_, device)) {
        munmap(address, kBytes);
        return false;
    }
    madvise(address, kBytes, MADV_DONTFORK); // a child has no session
    data_ = static_cast<std::byte *>(address);
    return true;
}

// Room for n bytes in one piece at head_. While nothing is on its way they are always the same
// pages, which stay in the cache.
bool SharedStaging::make_room(Connection &connection, size_t n)
{
    if (used_ != 0)
        connection.take_what_is_there();
    for (;;) {
        while (!markers_.empty() && markers_.front()->there.load(std::memory_order_acquire)) {
            if (!connection.wait(*markers_.front()))
                return false;
            used_ -= markers_.front()->bytes;
            markers_.pop_front();
        }
        if (used_ == 0)
            head_ = 0;
        const size_t left = kBytes - head_;
        const size_t skipped = left < n ? left : 0;
        if (used_ + skipped + n <= kBytes) {
            used_ += skipped;
            unmarked_ += skipped;
            if (left < n)
                head_ = 0;
            return true;
        }
        if (!connection.wait(*markers_.front()))
            return false;
    }
}

CUresult SharedStaging::send(Session &session, uint32_t word, const RowsIn &piece)
{
    Connection &connection = session.connection();
    const size_t n = piece.bytes();
    std::lock_guard lock(mutex_);
    if (!make_room(connection, n))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    piece.pack(data_ + head_);
    Request request;
    for (uint64_t value : {uint64_t(piece.to), uint64_t(piece.pitch), host_, uint64_t(head_),
                           uint64_t(piece.width), uint64_t(piece.rows), api::id_of(piece.stream)})
        request.out().u64(value);
    // Lines of the cache are not shared by two pieces.
    const size_t taken = (n + 63) / 64 * 64;
    head_ += taken;
    used_ += taken;
    unmarked_ += taken;
    Marker *marker = nullptr;
    if (unmarked_ >= kMarked) {
        markers_.push_back(std::make_unique<Marker>());
        marker = markers_.back().get();
        marker->bytes = std::exchange(unmarked_, 0);
    }
    return connection.send(uint16_t(api::Call::vgpuStagedIn), word, request.bytes(), {}, marker)
               ? CUDA_SUCCESS
               : CUDA_ERROR_DEVICE_UNAVAILABLE;
}

} // namespace vgpu::client
