// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/window.h"

#include <algorithm>
#include <bit>
#include <sys/mman.h>

namespace vgpu::client
{
namespace
{

constexpr uint64_t kGiB = uint64_t(1) << 30;
constexpr uint64_t kTiB = uint64_t(1) << 40;

// Away from where the kernel puts programs and libraries (0x55.., 0x7f..), from the sanitizers'
// shadows and from each other. The worker's driver may have any of them in use for itself, hence
// several.
constexpr uint64_t kPlaces[] = {
    0x10 * kTiB + 0x200 * kGiB, 0x20 * kTiB, 0x30 * kTiB, 0x0b * kTiB, 0x40 * kTiB, 0x4c * kTiB};

bool reserve(uint64_t base, uint64_t bytes)
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
            if (reserve(place, bytes_))
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

} // namespace vgpu::client
