// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/hex.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>

namespace vgpu
{

static constexpr char kDigits[] = "0123456789abcdef";

std::string to_hex(std::span<const std::byte> bytes)
{
    std::string out;
    out.reserve(2 * bytes.size());
    for (std::byte b : bytes) {
        out += kDigits[unsigned(b) >> 4];
        out += kDigits[unsigned(b) & 15];
    }
    return out;
}

std::string to_hex(uint64_t number)
{
    return text("%016llx", (unsigned long long)number);
}

static int digit(char c) noexcept
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

std::vector<std::byte> from_hex(std::string_view digits)
{
    if (digits.size() % 2)
        fail(EINVAL, "an odd number of hexadecimal digits (%zu)", digits.size());
    std::vector<std::byte> out;
    out.reserve(digits.size() / 2);
    for (size_t i = 0; i < digits.size(); i += 2) {
        int high = digit(digits[i]), low = digit(digits[i + 1]);
        if (high < 0 || low < 0)
            fail(EINVAL, "not a hexadecimal digit at position %zu", high < 0 ? i : i + 1);
        out.push_back(std::byte(high << 4 | low));
    }
    return out;
}

bool is_id(std::string_view text) noexcept
{
    return text.size() == 16 && std::all_of(text.begin(), text.end(), [](char c) {
               return digit(c) >= 0 && !(c >= 'A' && c <= 'F');
           });
}

} // namespace vgpu
