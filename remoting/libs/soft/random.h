// SPDX-License-Identifier: Apache-2.0
// The generators that cuRAND's documentation names, as their authors published them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace vgpu::soft::curand
{

// A sequence of 32 bits each, at some place of it.
class Source
{
public:
    virtual ~Source() = default;
    virtual void seed(uint64_t seed) = 0;    // and back to its beginning
    virtual void skip(uint64_t numbers) = 0; // from where it is
    virtual uint32_t next() = 0;
};

// Salmon, Moraes, Dror and Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011).
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class Philox : public Source
{
public:
    void seed(uint64_t seed) override;
    void skip(uint64_t numbers) override { place_ += numbers; }
    uint32_t next() override;

private:
    uint64_t seed_ = 0, place_ = 0;
    uint64_t made_ = ~uint64_t(0); // the block that is here
    std::array<uint32_t, 4> block_{};
};

// Marsaglia: Xorshift RNGs (2003), section 3.1.
struct Xorwow {
    std::array<uint32_t, 5> v{123456789, 362436069, 521288629, 88675123, 5783321};
    uint32_t d = 6615241;
    uint32_t next();
};

// So many steps on, without making them.
Xorwow xorwow_after(const Xorwow &from, uint64_t steps);
// The same by 2^67.
Xorwow xorwow_far(const Xorwow &from);

// cuRAND's order: number n is at (n mod 4096) 2^67 + n / 4096 of the sequence.
class ManyXorwow : public Source
{
public:
    ManyXorwow() { seed(0); }
    void seed(uint64_t seed) override;
    void skip(uint64_t numbers) override;
    uint32_t next() override;

private:
    static constexpr size_t kLanes = 4096;
    std::vector<Xorwow> lanes_;
    size_t lane_ = 0;
};

} // namespace vgpu::soft::curand
