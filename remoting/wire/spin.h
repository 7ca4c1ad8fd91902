// SPDX-License-Identifier: Apache-2.0
// Polling before sleeping.
#pragma once

#include "remoting/base/clock.h"
#include "remoting/base/fd.h"

#include <algorithm>
#include <cstdint>

#include <sched.h>

namespace vgpu::wire
{

inline void relax() noexcept
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// How long to poll before sleeping: long where the other side usually answers soon, next to nothing
// where it does not; not at all on a single core, where the other side could not run meanwhile, nor
// for a while where others want the core: who polls there is in the way of whom he waits for. A
// process that may use one core alone polls too: the other side may have one of its own.
class Spin
{
public:
    // `measures`: asks the kernel how long this thread waited for a core, which sees what a yield
    // does not. It takes a descriptor, so it is not for a process that is somebody else's. All
    // waits are one thread's then.
    explicit Spin(bool measures = false);

    enum class Polled { ready, in_vain, crowded, not_at_all };

    // Polls from now on until ready() or until it is better to sleep, and so long at most; `tries`
    // is how often between two looks at the clock. What came of a sleep behind one that was in vain
    // is for slept().
    template<typename Ready>
    Polled poll(uint64_t now_ns, uint64_t at_most_ns, int tries, Ready &&ready);

    uint64_t limit_ns() const noexcept { return limit_ns_; }
    // The same, for a wait that begins now and is counted.
    uint64_t begin_wait(uint64_t now_ns) noexcept;
    void paid_off() noexcept;
    void was_in_vain() noexcept;
    // Polled and then slept, so long in all: what came soon would have come sooner, and to who
    // polled, had neither side slept.
    void slept(uint64_t waited_ns) noexcept;
    void was_crowded_out() noexcept; // another ran on this core meanwhile
    // Whether it may nap: who waits for one answer only would gain nothing.
    bool measures() const noexcept { return measures_; }
    bool is_crowded() const noexcept { return alone_ || crowded_ != 0; }

    // For how long to come back by oneself there instead of being woken by each message: the longer
    // the more of them come together, up to a bound that grows with the number of those who want
    // the cores: among many, who is woken waits for his turn anyhow.
    uint64_t nap_ns() const noexcept { return nap_ns_; }
    static uint64_t most_nap_ns(unsigned running, unsigned cores) noexcept;
    void came(uint64_t bytes) noexcept; // a wait brought so many

private:
    // Polled so long at most without giving way: on a busy machine the peer may be waiting for this
    // very processor.
    static constexpr uint64_t kRudeNs = 3'000;
    // A yield that takes so long has let another run; one that finds nobody takes some hundred ns.
    static constexpr uint64_t kTakenNs = 5'000;

    static constexpr unsigned kCrowdedWaits = 4;

    void measure(uint64_t now_ns) noexcept;

    uint64_t limit_ns_;
    uint64_t nap_ns_;
    uint64_t most_nap_ns_;
    unsigned crowded_ = 0; // so many more times without polling
    unsigned backs_off_ = kCrowdedWaits; // and so many the next time
    bool measures_;
    unsigned cores_; // of the machine, since its load is
    bool alone_;     // on one core with everybody else
    Fd delays_;      // this thread's schedstat
    Fd load_;        // the machine's loadavg
    bool was_crowded_ = false; // when it was measured last
    uint64_t measured_at_ = 0;
    uint64_t delayed_ns_ = 0; // at that time, since the thread's start
};

template<typename Ready>
Spin::Polled Spin::poll(uint64_t start, uint64_t at_most_ns, int tries, Ready &&ready)
{
    const uint64_t limit = std::min(begin_wait(start), at_most_ns);
    if (limit == 0)
        return is_crowded() ? Polled::crowded : Polled::not_at_all;
    uint64_t spent;
    do {
        for (int i = 0; i < tries; ++i) {
            if (ready()) {
                backs_off_ = kCrowdedWaits;
                paid_off();
                return Polled::ready;
            }
            relax();
        }
        spent = now_ns() - start;
        if (spent > kRudeNs) {
            sched_yield();
            if (now_ns() - start - spent > kTakenNs) {
                was_crowded_out();
                return Polled::crowded;
            }
        }
    } while (spent < limit);
    return Polled::in_vain;
}

} // namespace vgpu::wire
