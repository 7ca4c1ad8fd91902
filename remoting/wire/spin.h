// SPDX-License-Identifier: Apache-2.0
// Polling before sleeping.
#pragma once

#include <cstdint>

namespace vgpu::wire
{

// How long to poll before sleeping: long where the other side usually answers soon, next to nothing
// where it does not; not at all on a single core, where the other side could not run meanwhile, nor
// for a while where others want the core: who polls there is in the way of whom he waits for.
class Spin
{
public:
    Spin();
    // For one wait.
    uint64_t limit_ns() noexcept { return crowded_ ? --crowded_, 0 : limit_ns_; }
    void paid_off() noexcept;
    void was_in_vain() noexcept;
    void was_crowded_out() noexcept; // another ran on this core meanwhile

private:
    uint64_t limit_ns_;
    unsigned crowded_ = 0; // so many more times without polling
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
