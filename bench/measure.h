// SPDX-License-Identifier: Apache-2.0
// What every measuring program needs: a clock, medians, and the line that says a result.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <unistd.h>
#include <vector>

namespace vgpu::bench
{

inline double seconds(clockid_t clock = CLOCK_MONOTONIC)
{
    timespec now;
    clock_gettime(clock, &now);
    return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

class Samples
{
public:
    void add(double value) { values_.push_back(value); }

    double quantile(double q)
    {
        std::sort(values_.begin(), values_.end());
        return values_.empty() ? 0 : values_[size_t(q * double(values_.size() - 1))];
    }
    double median() { return quantile(0.5); }

private:
    std::vector<double> values_;
};

// The time of one run of `work`.
template<class Work>
double timed(Work &&work, clockid_t clock = CLOCK_MONOTONIC)
{
    double start = seconds(clock);
    work();
    return seconds(clock) - start;
}

// Between two measurements: who still polls for the one would be in the other's way.
inline void settle()
{
    usleep(2000);
}

// A result beside its floor, which was measured in the same run: what the machine itself can do.
inline void report(const char *name, double value, const char *unit, double floor)
{
    std::printf("BENCH name=%s value=%.6g unit=%s floor=%.6g ratio=%.4g\n", name, value, unit,
                floor, floor != 0 ? value / floor : 0);
    std::fflush(stdout);
}

} // namespace vgpu::bench
