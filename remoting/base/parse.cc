// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/parse.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

namespace vgpu
{

static std::string quoted(std::string_view text)
{
    return "'" + std::string(text.substr(0, 80)) + (text.size() > 80 ? "..." : "") + "'";
}

static char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

// The leading digits as a number and what follows them; false without digits or on overflow.
static bool split_number(std::string_view text, uint64_t &number, std::string_view &rest) noexcept
{
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc())
        return false;
    rest = text.substr(size_t(end - text.data()));
    return true;
}

// A number with a decimal fraction, kept as one, so that 1.5G is exact; nine digits are plenty.
struct Scaled {
    uint64_t whole = 0, fraction = 0, scale = 1;
};

static bool split_scaled(std::string_view text, Scaled &number, std::string_view &rest) noexcept
{
    if (!split_number(text, number.whole, rest))
        return false;
    if (!rest.starts_with('.'))
        return true;
    rest.remove_prefix(1);
    if (rest.empty() || rest[0] < '0' || rest[0] > '9')
        return false;
    while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
        if (number.scale >= 1'000'000'000)
            return false;
        number.fraction = number.fraction * 10 + uint64_t(rest[0] - '0');
        number.scale *= 10;
        rest.remove_prefix(1);
    }
    return true;
}

uint64_t parse_size(std::string_view text)
{
    auto bad = [&] {
        fail(EINVAL, "%s is not a size: expected a number and a unit, such as 512M or 4G",
             quoted(text).c_str());
    };
    Scaled number;
    std::string_view rest;
    if (!split_scaled(text, number, rest))
        bad();
    unsigned shift = 0;
    if (!rest.empty() && !equal_ignoring_case(rest, "B")) {
        static constexpr std::string_view kUnits = "kmgtp";
        size_t unit = kUnits.find(lower(rest[0]));
        if (unit == std::string_view::npos)
            bad();
        shift = unsigned(10 * (unit + 1));
        rest.remove_prefix(1);
        if (!rest.empty() && !equal_ignoring_case(rest, "B") && !equal_ignoring_case(rest, "iB"))
            bad();
    }
    unsigned __int128 bytes = (unsigned __int128)number.whole << shift;
    unsigned __int128 part = (unsigned __int128)number.fraction << shift;
    if (part % number.scale)
        fail(EINVAL, "%s is no whole number of bytes", quoted(text).c_str());
    bytes += part / number.scale;
    if (bytes > std::numeric_limits<uint64_t>::max())
        fail(EINVAL, "%s is too large", quoted(text).c_str());
    return uint64_t(bytes);
}

std::string format_size(uint64_t bytes)
{
    static constexpr const char *kUnits[] = {"", "K", "M", "G", "T", "P"};
    int unit = 0;
    while (bytes && bytes % 1024 == 0 && unit < 5) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes) + kUnits[unit];
}

uint64_t parse_rate(std::string_view text)
{
    Scaled number;
    std::string_view rest;
    uint64_t unit = 1;
    bool good = split_scaled(text, number, rest);
    if (good && !rest.empty()) {
        const size_t power = std::string_view("kmgt").find(lower(rest[0]));
        good = power != std::string_view::npos && rest.size() == 1;
        for (size_t i = 0; good && i <= power; ++i)
            unit *= 1000;
    }
    const unsigned __int128 part = (unsigned __int128)number.fraction * unit;
    if (!good || part % number.scale) // finer than a bit is nobody's intention
        fail(EINVAL, "%s is not a rate: expected bits a second, such as 100M or 2.5G",
             quoted(text).c_str());
    if (number.whole > std::numeric_limits<int64_t>::max() / unit - 1)
        fail(EINVAL, "%s is too large", quoted(text).c_str());
    return number.whole * unit + uint64_t(part / number.scale);
}

int64_t parse_integer(std::string_view text)
{
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::result_out_of_range)
        fail(EINVAL, "%s is too large", quoted(text).c_str());
    if (error != std::errc() || end != text.data() + text.size())
        fail(EINVAL, "%s is not a whole number", quoted(text).c_str());
    return number;
}

unsigned parse_percent(std::string_view text)
{
    uint64_t number = 0;
    std::string_view rest;
    if (!split_number(text, number, rest) || (!rest.empty() && rest != "%") || number > 100)
        fail(EINVAL, "%s is not a percentage: expected 0 to 100", quoted(text).c_str());
    return unsigned(number);
}

bool parse_boolean(std::string_view text)
{
    for (std::string_view yes : {"yes", "true", "on", "1"}) {
        if (equal_ignoring_case(text, yes))
            return true;
    }
    for (std::string_view no : {"no", "false", "off", "0"}) {
        if (equal_ignoring_case(text, no))
            return false;
    }
    fail(EINVAL, "%s is neither yes nor no", quoted(text).c_str());
}

std::chrono::milliseconds parse_duration(std::string_view text)
{
    static constexpr struct {
        std::string_view name;
        uint64_t ms;
    } kUnits[] = {{"", 1000},      {"ms", 1},       {"s", 1000},      {"m", 60'000},
                  {"min", 60'000}, {"h", 3600'000}, {"d", 86'400'000}};
    uint64_t number = 0;
    std::string_view rest;
    if (split_number(text, number, rest)) {
        for (const auto &unit : kUnits) {
            if (!equal_ignoring_case(rest, unit.name))
                continue;
            if (number > uint64_t(std::numeric_limits<int64_t>::max()) / 1'000'000 / unit.ms)
                fail(EINVAL, "%s is too long", quoted(text).c_str());
            return std::chrono::milliseconds(number * unit.ms);
        }
    }
    fail(EINVAL, "%s is not a duration: expected a number and a unit, such as 250ms, 30s or 5min",
         quoted(text).c_str());
}

HostPort parse_hostport(std::string_view text)
{
    auto bad = [&] {
        fail(EINVAL, "%s is not an address: expected host:port", quoted(text).c_str());
    };
    HostPort out;
    size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0)
        bad();
    std::string_view host = text.substr(0, colon);
    if (host.front() == '[' && host.back() == ']' && host.size() > 2)
        host = host.substr(1, host.size() - 2);
    else if (host.find_first_of(":[]") != std::string_view::npos)
        bad();
    for (char c : host) {
        if (c <= ' ' || c == '/' || c == 0x7f)
            bad();
    }
    uint64_t port = 0;
    std::string_view rest;
    if (!split_number(text.substr(colon + 1), port, rest) || !rest.empty() || port > 65535)
        bad();
    out.host = host;
    out.port = uint16_t(port);
    return out;
}

std::string HostPort::to_string() const
{
    bool brackets = host.find(':') != std::string::npos;
    return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

} // namespace vgpu
