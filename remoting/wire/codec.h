// SPDX-License-Identifier: Apache-2.0
// The call plane's values: little-endian, each padded to 8 bytes (HACKING.md, "The call plane").
// Encoding cannot fail. Decoding is of hostile bytes: the first failure sticks, every read after it
// gives zeros, and one look at ok() before the values are used is enough.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

static_assert(std::endian::native == std::endian::little,
              "the call plane is little-endian; a big-endian host needs swaps in codec.h");

namespace vgpu::wire
{

constexpr size_t padded(size_t n) noexcept
{
    return (n + 7) & ~size_t(7);
}

// Appends to a vector that the caller keeps, so that its memory is reused from call to call.
class Encoder
{
public:
    explicit Encoder(std::vector<std::byte> &out) : out_(out) {}

    void u64(uint64_t value) { std::memcpy(grow(8), &value, 8); }
    void i64(int64_t value) { u64(uint64_t(value)); }
    void f64(double value) { u64(std::bit_cast<uint64_t>(value)); }
    void f32(float value) { u64(std::bit_cast<uint32_t>(value)); }

    // The bytes as they are and zeros up to the next multiple of 8; the count travels elsewhere.
    void bytes(std::span<const std::byte> value)
    {
        std::byte *to = space(value.size());
        if (!value.empty())
            std::memcpy(to, value.data(), value.size());
    }

    // Length without a NUL, then the bytes.
    void string(std::string_view value)
    {
        u64(value.size());
        bytes(std::as_bytes(std::span(value)));
    }

    // Room for n bytes to be filled by the caller before the next call here; the padding is zeroed.
    std::byte *space(size_t n)
    {
        std::byte *to = grow(padded(n));
        return to;
    }

    size_t size() const noexcept { return out_.size(); }

private:
    std::byte *grow(size_t n)
    {
        size_t at = out_.size();
        out_.resize(at + n); // value-initialises, which is what zeroes the padding
        return out_.data() + at;
    }

    std::vector<std::byte> &out_;
};

class Decoder
{
public:
    explicit Decoder(std::span<const std::byte> in) noexcept : in_(in) {}

    bool ok() const noexcept { return why_ == nullptr; }
    const char *why() const noexcept { return why_ ? why_ : ""; }

    // Also for the callers' own checks. `why` must outlive the decoder: a literal.
    void fail(const char *why) noexcept
    {
        if (!why_)
            why_ = why;
        in_ = {};
    }

    uint64_t u64() noexcept
    {
        if (in_.size() < 8) {
            fail("the message ends inside a value");
            return 0;
        }
        uint64_t value;
        std::memcpy(&value, in_.data(), 8);
        in_ = in_.subspan(8);
        return value;
    }

    int64_t i64() noexcept { return int64_t(u64()); }
    double f64() noexcept { return std::bit_cast<double>(u64()); }
    float f32() noexcept { return std::bit_cast<float>(u32()); }

    uint32_t u32() noexcept
    {
        uint64_t value = u64();
        if (value > std::numeric_limits<uint32_t>::max()) {
            fail("a value does not fit into 32 bits");
            return 0;
        }
        return uint32_t(value);
    }

    int32_t i32() noexcept
    {
        int64_t value = i64();
        if (value < std::numeric_limits<int32_t>::min() ||
            value > std::numeric_limits<int32_t>::max()) {
            fail("a value does not fit into 32 bits with its sign");
            return 0;
        }
        return int32_t(value);
    }

    bool boolean() noexcept
    {
        uint64_t value = u64();
        if (value > 1)
            fail("a truth value is neither 0 nor 1");
        return value == 1;
    }

    // A view into the message, valid as long as that is.
    std::span<const std::byte> bytes(size_t n) noexcept
    {
        // Compared before padding: n may be anything, and n + 7 may wrap round.
        if (n > in_.size() || padded(n) > in_.size()) {
            fail("the message ends inside an array");
            return {};
        }
        auto value = in_.first(n);
        in_ = in_.subspan(padded(n));
        return value;
    }

    std::string_view string(size_t max) noexcept
    {
        uint64_t n = u64();
        if (n > max) {
            fail("a string is longer than allowed");
            return {};
        }
        auto value = bytes(size_t(n));
        return {reinterpret_cast<const char *>(value.data()), value.size()};
    }

    size_t left() const noexcept { return in_.size(); }

    // True when all went well and nothing is left over.
    bool done() const noexcept { return ok() && in_.empty(); }

private:
    std::span<const std::byte> in_;
    const char *why_ = nullptr;
};

} // namespace vgpu::wire
