// SPDX-License-Identifier: Apache-2.0
// Polling before sleeping.
#pragma once

#include <cstdint>

namespace vgpu::wire
{

// How long to poll before sleeping: long where the other side usually answers soon, next to nothing
// where it does not, and not at all on a single core, where the other side could not run meanwhile.
class Spin
{
public:
    Spin();
    uint64_t limit_ns() const noexcept { return limit_ns_; }
    void paid_off() noexcept;
    void was_in_vain() noexcept;

private:
    uint64_t limit_ns_;
    bool alone_;
};

inline void relax() noexcept
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

} // namespace vgpu::wire
