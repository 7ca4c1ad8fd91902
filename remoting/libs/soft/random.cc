// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/random.h"

namespace vgpu::soft::curand
{
namespace
{

// ---- Xorwow as a matrix over bits ---------------------------------------------------------------

// The five words that are shifted and xored are 160 bits, and a step of them is linear: a column
// is what becomes of one bit.
constexpr size_t kBits = 160;
using Words = std::array<uint32_t, 5>;
using Matrix = std::array<Words, kBits>;

Words times(const Matrix &matrix, const Words &words)
{
    Words sum{};
    for (size_t bit = 0; bit < kBits; ++bit)
        if (words[bit / 32] >> bit % 32 & 1)
            for (size_t i = 0; i < sum.size(); ++i)
                sum[i] ^= matrix[bit][i];
    return sum;
}

Matrix squared(const Matrix &matrix)
{
    Matrix result;
    for (size_t bit = 0; bit < kBits; ++bit)
        result[bit] = times(matrix, matrix[bit]);
    return result;
}

void step(Words &v)
{
    uint32_t t = v[0] ^ v[0] >> 2;
    v = {v[1], v[2], v[3], v[4], v[4] ^ v[4] << 4 ^ t ^ t << 1};
}

// By 2^k steps, k up to 67.
const std::vector<Matrix> &jumps()
{
    static const std::vector<Matrix> made = [] {
        std::vector<Matrix> list(1);
        for (size_t bit = 0; bit < kBits; ++bit) {
            Words one{};
            one[bit / 32] = uint32_t(1) << bit % 32;
            step(one);
            list[0][bit] = one;
        }
        while (list.size() <= 67)
            list.push_back(squared(list.back()));
        return list;
    }();
    return made;
}

constexpr uint32_t kWeyl = 362437;

} // namespace

// ---- Philox -------------------------------------------------------------------------------------

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key)
{
    for (int round = 0; round < 10; ++round) {
        uint64_t a = uint64_t(0xd2511f53) * counter[0], b = uint64_t(0xcd9e8d57) * counter[2];
        counter = {uint32_t(b >> 32) ^ counter[1] ^ key[0], uint32_t(b),
                   uint32_t(a >> 32) ^ counter[3] ^ key[1], uint32_t(a)};
        key = {key[0] + 0x9e3779b9, key[1] + 0xbb67ae85};
    }
    return counter;
}

void Philox::seed(uint64_t seed)
{
    seed_ = seed;
    place_ = 0;
    made_ = ~uint64_t(0);
}

uint32_t Philox::next()
{
    uint64_t block = place_ / 4;
    if (block != made_) {
        block_ = philox({uint32_t(block), uint32_t(block >> 32), 0, 0},
                        {uint32_t(seed_), uint32_t(seed_ >> 32)});
        made_ = block;
    }
    return block_[place_++ % 4];
}

// ---- Xorwow -------------------------------------------------------------------------------------

uint32_t Xorwow::next()
{
    step(v);
    d += kWeyl;
    return v[4] + d;
}

Xorwow xorwow_after(const Xorwow &from, uint64_t steps)
{
    Xorwow to = from;
    for (size_t k = 0; k < 64; ++k)
        if (steps >> k & 1)
            to.v = times(jumps()[k], to.v);
    to.d += kWeyl * uint32_t(steps);
    return to;
}

Xorwow xorwow_far(const Xorwow &from)
{
    return {times(jumps()[67], from.v), from.d}; // 2^67 of the counter's steps are none
}

void ManyXorwow::seed(uint64_t seed)
{
    // How a seed begins the sequence, as for generators in device code.
    uint32_t low = 1099087573u * (uint32_t(seed) ^ 0xaad26b49u);
    uint32_t high = 2591861531u * (uint32_t(seed >> 32) ^ 0xf7dcefddu);
    Xorwow one;
    one.d += low + high;
    one.v[0] += low;
    one.v[1] ^= low;
    one.v[2] += high;
    one.v[3] ^= high;
    one.v[4] += low;
    lanes_.assign(1, one);
    while (lanes_.size() < kLanes)
        lanes_.push_back(xorwow_far(lanes_.back()));
    lane_ = 0;
}

void ManyXorwow::skip(uint64_t numbers)
{
    for (; numbers % kLanes; --numbers)
        next();
    for (Xorwow &lane : lanes_)
        lane = xorwow_after(lane, numbers / kLanes);
}

uint32_t ManyXorwow::next()
{
    uint32_t number = lanes_[lane_].next();
    lane_ = (lane_ + 1) % kLanes;
    return number;
}

} // namespace vgpu::soft::curand
