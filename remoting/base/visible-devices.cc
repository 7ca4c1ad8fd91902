// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/visible-devices.h"

#include <algorithm>
#include <optional>
#include <string>

namespace vgpu
{
namespace
{

constexpr std::string_view kUuidMark = "GPU-";

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
}

// Without the mark: 01234567-89ab-cdef-0123-456789abcdef.
std::string text_of(const DeviceUuid &uuid)
{
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += kDigits[uuid[i] >> 4];
        text += kDigits[uuid[i] & 15];
    }
    return text;
}

// As strtoul reads it, what follows the digits being no matter. Nothing for what is no index.
std::optional<size_t> index_of(std::string_view entry, size_t devices)
{
    while (!entry.empty() && (entry.front() == ' ' || entry.front() == '\t'))
        entry.remove_prefix(1);
    if (!entry.empty() && entry.front() == '+')
        entry.remove_prefix(1);
    if (entry.empty() || !is_digit(entry.front()))
        return std::nullopt;
    size_t index = 0;
    for (; !entry.empty() && is_digit(entry.front()) && index < devices; entry.remove_prefix(1))
        index = 10 * index + size_t(entry.front() - '0');
    return index < devices ? std::optional(index) : std::nullopt;
}

} // namespace

std::vector<size_t> visible_devices(std::string_view value, std::span<const DeviceUuid> devices)
{
    std::vector<size_t> order;
    auto taken = [&](size_t i) { return std::find(order.begin(), order.end(), i) != order.end(); };
    // What the first entry is, all must be.
    const bool by_uuid = value.starts_with(kUuidMark);
    for (bool more = true; more;) {
        const size_t comma = value.find(',');
        std::string_view entry = value.substr(0, comma);
        more = comma != value.npos;
        value.remove_prefix(more ? comma + 1 : value.size());

        if (!by_uuid) {
            const std::optional<size_t> index = index_of(entry, devices.size());
            if (!index)
                return order;
            if (taken(*index))
                return {};
            order.push_back(*index);
            continue;
        }
        if (!entry.starts_with(kUuidMark))
            return order;
        std::string start(entry.substr(kUuidMark.size()));
        std::transform(start.begin(), start.end(), start.begin(), lower);
        std::optional<size_t> first, next;
        for (size_t i = 0; i < devices.size(); ++i) {
            if (!text_of(devices[i]).starts_with(start))
                continue;
            if (first && devices[i] != devices[*first])
                return order; // of which device?
            first = first.value_or(i);
            if (!next && !taken(i))
                next = i;
        }
        if (!first)
            return order;
        if (!next)
            return {};
        order.push_back(*next);
    }
    return order;
}

} // namespace vgpu
