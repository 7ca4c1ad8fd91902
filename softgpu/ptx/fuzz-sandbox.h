// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/program.h"

#include <atomic>
#include <cstring>
#include <mutex>

// What fuzzed programs run in.
namespace vgpu::soft::fuzz
{

inline constexpr size_t kBuffer = 1024;
inline constexpr unsigned kPatience = 40; ///< slices a launch may take
inline constexpr size_t kMostBytes = 64u << 20;
// Kernels race with themselves, which is not what the thread sanitizer is asked about.
#ifdef __SANITIZE_THREAD__
inline constexpr unsigned kThreads = 1;
#else
inline constexpr unsigned kThreads = 2;
#endif

/// Memory, and a host that loses its patience.
class Sandbox : public Host
{
public:
    uint64_t take(size_t bytes, size_t alignment, bool writable)
    {
        std::lock_guard guard(lock_);
        size_t room = std::max<size_t>(bytes, 1);
        // The end is the allocation's end: a sanitizer sees the first byte behind it.
        size_t padded = (room + alignment - 1) / alignment * alignment;
        owned_.push_back(
            {static_cast<std::byte *>(::operator new(padded, std::align_val_t(alignment))),
             alignment});
        std::memset(owned_.back().at, 0, padded);
        auto address = reinterpret_cast<uint64_t>(owned_.back().at);
        map.add({address, address + room, writable});
        return address;
    }
    ~Sandbox() override
    {
        for (const Owned &one : owned_)
            ::operator delete(one.at, std::align_val_t(one.alignment));
    }
    void print(std::string_view) override {}
    uint64_t allocate(size_t bytes) override { return bytes > kBuffer ? 0 : take(bytes, 16, true); }
    void release(uint64_t address) override { map.remove(address); }
    bool cancelled() const override { return ++polls > kPatience; }

    MemoryMap map;
    mutable std::atomic<unsigned> polls{0};

private:
    struct Owned {
        std::byte *at;
        size_t alignment;
    };
    std::mutex lock_;
    std::vector<Owned> owned_;
};

} // namespace vgpu::soft::fuzz
