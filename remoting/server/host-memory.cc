// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/host-memory.h"

#include "remoting/base/error.h"
#include "remoting/server/limit.h"

#include <sys/mman.h>

namespace vgpu::server
{

bool rows_fit(uint64_t bytes, uint64_t offset, uint64_t pitch, uint64_t width,
              uint64_t rows) noexcept
{
    if (width == 0 || rows == 0)
        return offset <= bytes;
    uint64_t last, end;
    if (rows > 1 && pitch < width)
        return false;
    return !__builtin_mul_overflow(rows - 1, pitch, &last) &&
           !__builtin_add_overflow(last, width, &end) &&
           !__builtin_add_overflow(end, offset, &end) && end <= bytes;
}

HostMemory::~HostMemory()
{
    for (auto &[id, piece] : pieces_)
        drop(piece);
}

CUresult HostMemory::map(uint64_t id, Fd memfd, uint64_t address, uint64_t bytes, bool fixed,
                         CUdeviceptr *device)
{
    if (bytes == 0 || pieces_.contains(id))
        return CUDA_ERROR_INVALID_VALUE;
    if (!has_room("pieces of pinned host memory", pieces_.size(), kMost))
        return CUDA_ERROR_OUT_OF_MEMORY;
    check_memfd(memfd.get(), bytes);
    constexpr int kAccess = PROT_READ | PROT_WRITE;
    void *wish = reinterpret_cast<void *>(address);
    void *at = MAP_FAILED;
    if (address)
        at = mmap(wish, bytes, kAccess, MAP_SHARED | MAP_FIXED_NOREPLACE, memfd.get(), 0);
    if (at != MAP_FAILED && at != wish) { // a kernel older than the flag
        munmap(at, bytes);
        at = MAP_FAILED;
    }
    if (at == MAP_FAILED && fixed)
        return CUDA_ERROR_ALREADY_MAPPED;
    if (at == MAP_FAILED)
        at = mmap(nullptr, bytes, kAccess, MAP_SHARED, memfd.get(), 0);
    if (at == MAP_FAILED)
        return CUDA_ERROR_OUT_OF_MEMORY;
    Piece piece{static_cast<std::byte *>(at), bytes, false};
    CUresult result = driver_.cuMemHostRegister_v2(
        at, bytes, CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP);
    piece.registered = result == CUDA_SUCCESS;
    if (result == CUDA_SUCCESS)
        result = driver_.cuMemHostGetDevicePointer_v2(device, at, 0);
    if (result == CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED && fixed)
        result = CUDA_ERROR_ALREADY_MAPPED; // as far as the client is concerned
    if (result == CUDA_SUCCESS && fixed && *device != address)
        result = CUDA_ERROR_NOT_SUPPORTED;
    if (result == CUDA_SUCCESS)
        pieces_.emplace(id, piece);
    else
        drop(piece);
    return result;
}

bool HostMemory::take(uint64_t id, Piece &piece)
{
    auto at = pieces_.find(id);
    if (at == pieces_.end())
        return false;
    piece = at->second;
    pieces_.erase(at);
    return true;
}

std::byte *HostMemory::rows(uint64_t id, uint64_t offset, uint64_t pitch, uint64_t width,
                            uint64_t rows) const
{
    auto at = pieces_.find(id);
    if (at == pieces_.end() || !rows_fit(at->second.bytes, offset, pitch, width, rows))
        return nullptr;
    return at->second.data + offset;
}

bool HostMemory::find(const void *pointer, uint64_t &id, uint64_t &offset) const
{
    for (auto &[one, piece] : pieces_) {
        uint64_t from = uint64_t(pointer) - uint64_t(piece.data);
        if (from < piece.bytes) {
            id = one;
            offset = from;
            return true;
        }
    }
    return false;
}

void HostMemory::drop(const Piece &piece)
{
    if (piece.registered)
        driver_.cuMemHostUnregister(piece.data);
    munmap(piece.data, piece.bytes);
}

} // namespace vgpu::server
