// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/window.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <mutex>
#include <sys/mman.h>

namespace vgpu::client
{
namespace
{

constexpr uint64_t kGiB = uint64_t(1) << 30;
constexpr uint64_t kTiB = uint64_t(1) << 40;

struct Place {
    uint64_t base;
    uint64_t end;
};

#ifndef __SANITIZE_THREAD__

// Away from where the kernel puts programs and libraries (0x55.., 0x7f..), from the sanitizers'
// shadows and from each other. The worker's driver may have any of them in use for itself, hence
// several.
constexpr uint64_t kPlaces[] = {
    0x10 * kTiB + 0x200 * kGiB, 0x20 * kTiB, 0x30 * kTiB, 0x0b * kTiB, 0x40 * kTiB, 0x4c * kTiB};

// For further ranges: between the places above, so that a window never comes into their way. In
// steps, since what is in use there is seldom small.
constexpr Place kFurther[] = {{0x28 * kTiB, 0x30 * kTiB},
                              {0x38 * kTiB, 0x40 * kTiB},
                              {0x1c * kTiB, 0x20 * kTiB},
                              {0x48 * kTiB, 0x4c * kTiB}};

#else

// ThreadSanitizer lets nothing be mapped but below 0.5 TiB and where the kernel puts things.
constexpr uint64_t kPlaces[] = {0x80 * kGiB, 0xc0 * kGiB, 0x100 * kGiB};
constexpr Place kFurther[] = {{0x140 * kGiB, 0x200 * kGiB}};

#endif

constexpr uint64_t kStep = 64 * kGiB;

bool map_nothing(uint64_t base, uint64_t bytes)
{
    void *want = reinterpret_cast<void *>(base);
    void *got = mmap(want, bytes, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED)
        return false;
    if (got == want)
        return true;
    munmap(got, bytes); // a kernel before 4.17 takes the address for a hint
    return false;
}

} // namespace

// Four times the quota: freed ranges are used again, but not at once and not perfectly.
Window::Window(uint64_t memory)
{
    uint64_t want = std::clamp(std::bit_ceil(std::min(memory, 4 * kTiB)) * 4, 64 * kGiB, 8 * kTiB);
    // A limit on the address space (ulimit -v) may allow less.
    for (bytes_ = want; candidates_.empty() && bytes_ >= kGiB; bytes_ /= 4) {
        for (uint64_t place : kPlaces)
            if (map_nothing(place, bytes_))
                candidates_.push_back(place);
        if (!candidates_.empty())
            break;
    }
}

bool Window::keep(uint64_t base) noexcept
{
    bool found = false;
    for (uint64_t candidate : candidates_) {
        if (candidate == base)
            found = true;
        else
            munmap(reinterpret_cast<void *>(candidate), bytes_);
    }
    candidates_.clear();
    if (found)
        base_ = base;
    return found;
}

uint64_t Window::reserve(uint64_t bytes, uint64_t alignment, uint64_t wanted)
{
    std::unique_lock lock(mutex_);
    auto take = [&](uint64_t base) {
        if (!map_nothing(base, bytes))
            return false;
        reserved_[base] = bytes;
        return true;
    };
    if (wanted != 0)
        return wanted % alignment == 0 && take(wanted) ? wanted : 0;
    // Upwards, without using again what was given back, until the end of all places is reached.
    for (int round = 0; round < 2; ++round) {
        for (const Place &place : kFurther) {
            uint64_t first = std::max(place.base, next_);
            for (uint64_t base = (first + alignment - 1) / alignment * alignment;
                 base < place.end && bytes <= place.end - base;) {
                next_ = base + bytes;
                if (take(base))
                    return base;
                base = (base + std::max(alignment, kStep) + alignment - 1) / alignment * alignment;
            }
        }
        next_ = 0;
    }
    return 0;
}

std::optional<uint64_t> Window::reserved(uint64_t base) const
{
    std::shared_lock lock(mutex_);
    auto at = reserved_.find(base);
    return at == reserved_.end() ? std::nullopt : std::optional(base + at->second);
}

uint64_t Window::reserved_after(uint64_t address) const
{
    std::shared_lock lock(mutex_);
    auto after = reserved_.upper_bound(address);
    if (after == reserved_.begin())
        return 0;
    auto [base, bytes] = *std::prev(after);
    return address - base < bytes ? bytes - (address - base) : 0;
}

void Window::give_back(uint64_t base) noexcept
{
    std::unique_lock lock(mutex_);
    auto at = reserved_.find(base);
    if (at == reserved_.end())
        return;
    munmap(reinterpret_cast<void *>(at->first), at->second);
    reserved_.erase(at);
}

} // namespace vgpu::client
