// SPDX-License-Identifier: Apache-2.0
// A transform as cuFFT describes it, and FFTW's plans for it.
#pragma once

#include "remoting/libs/soft/work.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace vgpu::soft::cufft
{

struct Shape {
    int type = 0;
    int rank = 0;
    std::array<int64_t, 3> n{};
    // Elements from one to the next along each dimension, and from one transform to the next; the
    // two sides of a real transform count in elements of their own.
    bool packed = true; // the library's own layout, which depends on whether it is in place
    std::array<int64_t, 3> in{}, out{};
    int64_t in_distance = 0, out_distance = 0;
    int64_t batch = 1;

    bool is_double() const { return type & 0x40; }
    bool from_real() const;
    bool to_real() const;
};

class Plan
{
public:
    CUstream stream = nullptr;

    bool made() const { return made_; }
    void make(const Shape &shape);
    const Shape &shape() const { return shape_; }

    // FFTW's plan for this direction; null if it has none. Made at its first use.
    void *fftw(bool in_place, int direction);
    // Its work, where it has come so far in its stream.
    void run(void *fftw, void *from, void *to) const;
    ~Plan();

private:
    bool made_ = false;
    Shape shape_;
    std::map<std::pair<bool, int>, void *> plans_;
};

} // namespace vgpu::soft::cufft
