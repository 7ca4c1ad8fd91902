// SPDX-License-Identifier: Apache-2.0
// Values as people write them. Each function throws EINVAL with a text that repeats the value and
// says what is expected; nothing is guessed, rounded or cut.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace vgpu
{

// "512M", "4G", "1.5G", "4GiB", "4GB" (binary units: K M G T P); a bare number counts bytes.
uint64_t parse_size(std::string_view text);

// The shortest exact form: 4294967296 is "4G", 1000 is "1000".
std::string format_size(uint64_t bytes);

// "100M", "2.5G": bits a second in powers of 1000, as networks are sold (units K M G T).
uint64_t parse_rate(std::string_view text);

int64_t parse_integer(std::string_view text);

// "50" or "50%": 0 to 100.
unsigned parse_percent(std::string_view text);

// yes/no, true/false, on/off, 1/0 in any case.
bool parse_boolean(std::string_view text);

// "250ms", "30s", "5min" or "5m", "2h", "1d"; a bare number counts seconds.
std::chrono::milliseconds parse_duration(std::string_view text);

// "host:port", "[::1]:port", "*:port" (all addresses).
struct HostPort {
    std::string host;
    uint16_t port = 0;
    std::string to_string() const;
};
HostPort parse_hostport(std::string_view text);

// Equal but for the case of ASCII letters: keys of a configuration file.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

} // namespace vgpu
