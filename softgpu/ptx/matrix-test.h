// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/test-machine.h"

#include <bit>
#include <cmath>
#include <functional>
#include <random>

// What the tests of matrix instructions have in common: patterns of elements, and products run in a
// warp.
namespace vgpu::soft
{

using u16 = uint16_t;
using u32 = uint32_t;

struct At {
    unsigned row, column;
};
using Layout = std::function<At(unsigned lane, unsigned i)>; ///< of the lane's i-th element

/// A small whole number's pattern in the format of a type such as ".f16".
inline uint64_t encode(const std::string &type, int value)
{
    if (type == "f64")
        return std::bit_cast<uint64_t>(double(value));
    u32 single = std::bit_cast<u32>(float(value));
    if (type == "f32" || type == "tf32")
        return single;
    if (type == "bf16")
        return single >> 16;
    if (type == "f16")
        return value == 0 ? 0
                          : (single >> 31 << 15) | ((single & 0x7fffffffu) - (112u << 23)) >> 13;
    return u32(value);
}

inline double decode(const std::string &type, uint64_t bits)
{
    if (type == "f64")
        return std::bit_cast<double>(bits);
    if (type == "f32")
        return std::bit_cast<float>(u32(bits));
    if (type == "f16") {
        int exponent = int(bits >> 10 & 31);
        double size = exponent ? std::ldexp(double((bits & 1023) + 1024), exponent - 25)
                               : std::ldexp(double(bits & 1023), -24);
        return bits & 0x8000 ? -size : size;
    }
    return double(int32_t(u32(bits)));
}

inline std::vector<std::string> split(const std::string &text)
{
    std::vector<std::string> parts;
    for (size_t at = 1; at < text.size();) {
        size_t dot = std::min(text.find('.', at), text.size());
        parts.push_back(text.substr(at, dot - at));
        at = dot + 1;
    }
    return parts;
}

class Matrix : public TestMachine
{
protected:
    /// `%s0, %s1, ...` of so many registers.
    static std::string group(char letter, unsigned registers)
    {
        std::string text = "{";
        for (unsigned i = 0; i < registers; i++)
            text += (i ? ", %" : "%") + std::string(1, letter) + std::to_string(i);
        return text + "}";
    }

    /// Runs `instruction` with operands of so many 32-bit (or 64-bit) registers, which each lane
    /// finds in a, b and c, and gives back the lanes' d.
    std::vector<u32> product(const std::string &instruction, unsigned rd, std::vector<u32> a,
                             unsigned ra, std::vector<u32> b, unsigned rb, std::vector<u32> c,
                             unsigned rc, bool wide = false)
    {
        std::string type = wide ? "b64" : "b32";
        unsigned bytes = wide ? 8 : 4;
        std::string body = "{ .reg ." + type + " %s<8>, %t<8>, %u<8>, %v<8>;\n";
        auto move = [&](char letter, unsigned registers, const char *parameter, bool loads) {
            body += "mad.wide.u32 %d9, %r0, " + std::to_string(registers * bytes) + ", %" +
                    parameter + ";\n";
            for (unsigned i = 0; i < registers; i++) {
                std::string reg = "%" + std::string(1, letter) + std::to_string(i);
                std::string at = "[%d9+" + std::to_string(i * bytes) + "]";
                body += loads ? "ld.global." + type + " " + reg + ", " + at + ";\n"
                              : "st.global." + type + " " + at + ", " + reg + ";\n";
            }
        };
        move('s', ra, "p1", true);
        move('t', rb, "p2", true);
        move('u', rc, "p3", true);
        body += instruction + " " + group('v', rd) + ", " + group('s', ra) + ", " + group('t', rb) +
                ", " + group('u', rc) + ";\n";
        move('v', rd, "p0", false);
        return evaluate<u32>(body + "}", size_t(rd) * 32 * bytes / 4, 32,
                             {upload(a), upload(b), upload(c)});
    }

    /// The registers of all lanes of an operand whose element (row, column) `value` gives.
    static std::vector<u32> spread(unsigned elements, unsigned bits, const Layout &layout,
                                   const std::function<uint64_t(unsigned, unsigned)> &value)
    {
        std::vector<u32> words(32 * elements * bits / 32);
        for (unsigned lane = 0; lane < 32; lane++)
            for (unsigned i = 0; i < elements; i++) {
                At at = layout(lane, i);
                uint64_t pattern = value(at.row, at.column);
                size_t bit = (size_t(lane) * elements + i) * bits;
                if (bits < 32)
                    pattern &= (1u << bits) - 1;
                words[bit / 32] |= u32(pattern) << bit % 32;
                if (bits == 64)
                    words[bit / 32 + 1] = u32(pattern >> 32);
            }
        return words;
    }

    static uint64_t pick(const std::vector<u32> &words, unsigned lane, unsigned elements,
                         unsigned i, unsigned bits)
    {
        size_t bit = (size_t(lane) * elements + i) * bits;
        uint64_t low = words[bit / 32] >> bit % 32;
        return bits == 64   ? low | uint64_t(words[bit / 32 + 1]) << 32
               : bits == 16 ? low & 0xffff
                            : low;
    }

    std::mt19937 random_{7};
    int small(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
};

} // namespace vgpu::soft
