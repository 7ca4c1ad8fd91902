// SPDX-License-Identifier: Apache-2.0
// Bytes and numbers as lower-case hexadecimal digits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu
{

std::string to_hex(std::span<const std::byte> bytes);
std::string to_hex(uint64_t number); // always 16 digits: leases, sessions, instances

// Throws EINVAL unless all are digits and their number is even.
std::vector<std::byte> from_hex(std::string_view digits);

// Whether `text` is 16 lower-case digits, the form of a lease, session or instance.
bool is_id(std::string_view text) noexcept;

} // namespace vgpu
