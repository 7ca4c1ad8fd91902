// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/variables.h"

#include "remoting/image/fatbin.h"

#include <algorithm>
#include <cstring>

namespace vgpu::image
{
namespace
{

bool starts_with(std::span<const std::byte> bytes, std::string_view magic)
{
    return bytes.size() >= magic.size() && memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

std::string_view text_of(std::span<const std::byte> bytes)
{
    std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    return text.substr(0, text.find('\0')); // a driver reads no further either
}

// Machine code is for one major number and the minor ones from its own up; PTX for all from its
// own up.
bool loads(const Entry &entry, unsigned capability)
{
    return entry.arch <= capability && (entry.ptx || entry.arch / 10 == capability / 10);
}

uint64_t entry_bytes(const Entry &entry)
{
    std::string content = bytes(entry);
    auto span = std::as_bytes(std::span(content));
    if (starts_with(span, "\177ELF"))
        return elf_variable_bytes(span);
    return entry.ptx ? ptx_variable_bytes(text_of(span)) : 0; // not what a driver could load
}

} // namespace

uint64_t add_aligned(uint64_t total, uint64_t bytes, uint64_t alignment)
{
    uint64_t gap = alignment > 1 && total % alignment ? alignment - total % alignment : 0;
    if (__builtin_add_overflow(total, gap, &total) || __builtin_add_overflow(total, bytes, &total))
        return UINT64_MAX;
    return total;
}

uint64_t variable_bytes(std::span<const std::byte> image, unsigned capability)
{
    if (starts_with(image, "\177ELF"))
        return elf_variable_bytes(image);
    if (!starts_with(image, "\x50\xed\x55\xba"))
        return ptx_variable_bytes(text_of(image));
    auto list = entries(image);
    uint64_t most = 0;
    for (const Entry &entry : list)
        if (loads(entry, capability))
            most = std::max(most, entry_bytes(entry));
    return most;
}

} // namespace vgpu::image
