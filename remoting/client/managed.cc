// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/managed.h"

#include "remoting/base/fd.h"
#include "remoting/base/log.h"
#include "remoting/client/remote.h"

#include <sys/mman.h>
#include <unistd.h>

namespace vgpu::client
{
namespace
{

constexpr uint64_t kChunk = uint64_t(2) << 20;
constexpr uint64_t kSmall = uint64_t(1) << 20; // larger blocks are chunks by themselves
constexpr uint64_t kAlignment = 512;
constexpr int kAttempts = 8; // at addresses that the worker has free too

constexpr uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

uint64_t page_size()
{
    static const auto size = uint64_t(sysconf(_SC_PAGESIZE));
    return size;
}

void *pointer(uint64_t address)
{
    return reinterpret_cast<void *>(address);
}

// The same memory in both processes at the same address, which kernels are given as it is.
// CUDA_ERROR_NOT_SUPPORTED where there is no such thing.
CUresult share(Session &session, const Context &context, uint64_t bytes, uint64_t &host,
               uint64_t *base)
{
    if (!session.connection().channel().passes_descriptors())
        return CUDA_ERROR_NOT_SUPPORTED;
    Fd fd = memfd("vgpu-managed", bytes);
    // An address that did not do is kept until another has been found.
    void *tried[kAttempts];
    int count = 0;
    CUresult result = CUDA_ERROR_ALREADY_MAPPED;
    while (count < kAttempts && result == CUDA_ERROR_ALREADY_MAPPED) {
        void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
        if (at == MAP_FAILED) {
            result = CUDA_ERROR_OUT_OF_MEMORY;
            break;
        }
        tried[count++] = at;
        host = session.new_id(api::Kind::host);
        *base = reinterpret_cast<uint64_t>(at);
        result = session.connection().send_descriptor(host, fd.get())
                     ? call_in(session, context.word(), api::Call::vgpuManagedMap, val(host),
                               val(*base), val(bytes))
                     : CUDA_ERROR_DEVICE_UNAVAILABLE;
    }
    for (int i = 0; i < count; ++i)
        if (result != CUDA_SUCCESS || i + 1 < count)
            munmap(tried[i], bytes);
    return result == CUDA_ERROR_ALREADY_MAPPED ? CUDA_ERROR_NOT_SUPPORTED : result;
}

// Device memory, and memory of this process at its address, which is reserved for it.
CUresult mirror(Session &session, const Context &context, uint64_t bytes, uint64_t *base)
{
    CUdeviceptr device = 0;
    CUresult result = call_in(session, context.word(), api::Call::cuMemAlloc_v2, out(&device),
                              val(size_t(bytes)));
    if (result != CUDA_SUCCESS)
        return result;
    // It is larger than a block within a chunk, so that its pages are its own.
    if (device % page_size() != 0 || !session.window().holds(device) ||
        mmap(pointer(device), bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        post_in(session, context.word(), api::Call::cuMemFree_v2, at(device));
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *base = device;
    return session.mirrors.add(session, context, device, device, bytes, Mirrors::Writes::idle,
                               false);
}

// As the window had it.
void reserve_again(uint64_t base, uint64_t bytes)
{
    mmap(pointer(base), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
         -1, 0);
}

} // namespace

CUresult Managed::add_chunk(Session &session, const Context &context, uint64_t bytes, bool whole,
                            uint64_t *base)
{
    Chunk chunk{bytes, context.id, 0, whole};
    CUresult result = share(session, context, bytes, chunk.host, base);
    if (result == CUDA_ERROR_NOT_SUPPORTED) {
        chunk.host = 0;
        result = mirror(session, context, bytes, base);
    }
    if (result == CUDA_SUCCESS)
        chunks_[*base] = chunk;
    return result;
}

void Managed::drop_chunk(Session &session, uint64_t base, const Chunk &chunk, bool context_ended)
{
    if (chunk.host) {
        post_in(session, 0, api::Call::vgpuHostUnmap, val(chunk.host));
        munmap(pointer(base), chunk.bytes);
        return;
    }
    if (!context_ended) {
        session.mirrors.remove(session, base);
        post_in(session, uint32_t(api::counter_of(chunk.context)), api::Call::cuMemFree_v2,
                at(base));
    }
    reserve_again(base, chunk.bytes);
}

CUresult Managed::allocate(Session &session, const Context &context, uint64_t bytes,
                           CUdeviceptr *address)
{
    if (bytes > UINT64_MAX / 2)
        return CUDA_ERROR_OUT_OF_MEMORY;
    std::lock_guard lock(mutex_);
    if (bytes > kSmall) {
        uint64_t base = 0;
        CUresult result = add_chunk(session, context, round_up(bytes, page_size()), true, &base);
        *address = base;
        return result;
    }
    Arena &arena = arenas_[context.id];
    uint64_t size = round_up(bytes, kAlignment);
    uint64_t base = arena.allocate(size);
    if (!base) {
        CUresult result = add_chunk(session, context, kChunk, false, &base);
        if (result != CUDA_SUCCESS)
            return result;
        arena.add_chunk(base, kChunk);
        base = arena.allocate(size);
    }
    *address = base;
    return CUDA_SUCCESS;
}

void Managed::free(Session &session, uint64_t context, CUdeviceptr address)
{
    std::lock_guard lock(mutex_);
    auto drop = [&](uint64_t base) {
        auto chunk = chunks_.find(base);
        drop_chunk(session, base, chunk->second, false);
        chunks_.erase(chunk);
    };
    auto chunk = chunks_.find(address);
    if (chunk != chunks_.end() && chunk->second.whole)
        return drop(address);
    Arena &arena = arenas_[context];
    arena.free(address);
    uint64_t base, bytes;
    while (arena.take_empty_chunk(base, bytes))
        drop(base);
}

void Managed::forget_context(Session &session, uint64_t context)
{
    session.mirrors.remove_context(context);
    std::lock_guard lock(mutex_);
    for (auto at = chunks_.begin(); at != chunks_.end();) {
        if (at->second.context == context) {
            drop_chunk(session, at->first, at->second, true);
            at = chunks_.erase(at);
        } else {
            ++at;
        }
    }
    arenas_.erase(context);
}

CUresult Managed::add_variable(Session &session, const Context &context, CUdeviceptr address,
                               uint64_t bytes)
{
    std::lock_guard lock(mutex_);
    const uint64_t page = page_size(), first = address / page, last = (address + bytes - 1) / page;
    for (uint64_t at = first; at <= last; ++at) {
        // Two variables may lie on one page.
        if (variables_.count(at) == 0) {
            void *want = pointer(at * page);
            void *got = mmap(want, page, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
            if (got != want) {
                if (got != MAP_FAILED)
                    munmap(got, page); // a kernel before 4.17 takes the address for a hint
                log(Level::error,
                    "a managed variable lies at 0x%llx on the GPU's node, where this process has "
                    "something else: run it again",
                    (unsigned long long)address);
                return CUDA_ERROR_NOT_SUPPORTED;
            }
        }
        ++variables_[at];
    }
    return session.mirrors.add(session, context, address, address, bytes, Mirrors::Writes::idle,
                               true);
}

void Managed::drop_variable(Session &session, CUdeviceptr address, uint64_t bytes)
{
    session.mirrors.remove(session, address);
    std::lock_guard lock(mutex_);
    const uint64_t page = page_size();
    for (uint64_t at = address / page; at <= (address + bytes - 1) / page; ++at) {
        auto count = variables_.find(at);
        if (count != variables_.end() && --count->second == 0) {
            munmap(pointer(at * page), page);
            variables_.erase(count);
        }
    }
}

} // namespace vgpu::client
