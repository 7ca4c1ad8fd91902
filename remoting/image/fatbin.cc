// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/fatbin.h"

#include <cstring>
#include <lz4.h>
#include <stdexcept>
#include <zstd.h>

namespace vgpu::image
{
namespace
{

// Byte positions in a container's header and in an entry's.
constexpr size_t kHeaderBytes = 16;
constexpr size_t kEntryBytes = 64; ///< the least that an entry's header has
constexpr uint64_t kFlagLz4 = 0x2000;
constexpr uint64_t kFlagZstd = 0x8000;
constexpr uint16_t kKindPtx = 1;

template<class T>
T read(std::span<const std::byte> bytes, size_t at)
{
    T value;
    if (at > bytes.size() || sizeof value > bytes.size() - at)
        throw std::runtime_error("fatbin: cut short at byte " + std::to_string(at));
    memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

/// Reads the entry at the start of `bytes` and leaves behind it.
Entry take_entry(std::span<const std::byte> &bytes)
{
    auto header = read<uint32_t>(bytes, 4);
    auto padded = read<uint64_t>(bytes, 8);
    auto packed = read<uint32_t>(bytes, 0x10);
    auto flags = read<uint64_t>(bytes, 0x28);
    if (header < kEntryBytes || header > bytes.size() || padded > bytes.size() - header)
        throw std::runtime_error("fatbin: an entry is larger than its container");
    if (packed > padded)
        throw std::runtime_error("fatbin: an entry's compressed size is above its size");
    Entry entry;
    entry.ptx = read<uint16_t>(bytes, 0) == kKindPtx;
    entry.minor = read<uint16_t>(bytes, 0x18);
    entry.major = read<uint16_t>(bytes, 0x1a);
    entry.arch = read<uint32_t>(bytes, 0x1c);
    if (packed != 0 && (flags & kFlagZstd))
        entry.packing = Entry::Packing::zstd;
    else if (packed != 0 && (flags & kFlagLz4))
        entry.packing = Entry::Packing::lz4;
    bool raw = entry.packing == Entry::Packing::none;
    entry.raw_bytes = raw ? padded : read<uint64_t>(bytes, 0x38);
    entry.payload = bytes.subspan(header, raw ? padded : packed);
    bytes = bytes.subspan(header + padded);
    return entry;
}

} // namespace

size_t container_bytes(const void *header)
{
    uint32_t magic;
    uint16_t header_bytes;
    uint64_t payload;
    memcpy(&magic, header, sizeof magic);
    memcpy(&header_bytes, static_cast<const char *>(header) + 6, sizeof header_bytes);
    memcpy(&payload, static_cast<const char *>(header) + 8, sizeof payload);
    if (magic != kHeaderMagic || header_bytes < kHeaderBytes || payload > (uint64_t(1) << 32))
        return 0;
    return header_bytes + payload;
}

std::vector<Entry> entries(std::span<const std::byte> rest)
{
    std::vector<Entry> list;
    while (rest.size() >= kHeaderBytes && read<uint32_t>(rest, 0) == kHeaderMagic) {
        size_t header = read<uint16_t>(rest, 6);
        auto payload = read<uint64_t>(rest, 8);
        if (header < kHeaderBytes || header > rest.size() || payload > rest.size() - header)
            throw std::runtime_error("fatbin: a container is larger than its image");
        auto body = rest.subspan(header, payload);
        rest = rest.subspan(header + payload);
        while (body.size() >= kEntryBytes)
            list.push_back(take_entry(body));
        if (!body.empty())
            throw std::runtime_error("fatbin: " + std::to_string(body.size()) +
                                     " bytes are left after the last entry");
    }
    if (!rest.empty())
        throw std::runtime_error("fatbin: no container where one should start");
    return list;
}

std::optional<Entry> best_ptx(const std::vector<Entry> &entries, unsigned arch)
{
    std::optional<Entry> best;
    for (auto &entry : entries)
        if (entry.ptx && entry.arch <= arch && (!best || entry.arch > best->arch))
            best = entry;
    return best;
}

std::string bytes(const Entry &entry)
{
    if (entry.raw_bytes > kMaxText)
        throw std::runtime_error("fatbin: an entry of " + std::to_string(entry.raw_bytes) +
                                 " bytes is too large");
    std::string bytes;
    auto *packed = reinterpret_cast<const char *>(entry.payload.data());
    if (entry.packing == Entry::Packing::none) {
        bytes.assign(packed, entry.payload.size());
    } else if (entry.packing == Entry::Packing::zstd) {
        bytes.resize(entry.raw_bytes);
        size_t got = ZSTD_decompress(bytes.data(), bytes.size(), packed, entry.payload.size());
        if (ZSTD_isError(got) || got != bytes.size())
            throw std::runtime_error("fatbin: bad zstd data");
    } else {
        bytes.resize(entry.raw_bytes);
        int got = LZ4_decompress_safe(packed, bytes.data(), static_cast<int>(entry.payload.size()),
                                      static_cast<int>(bytes.size()));
        if (got < 0 || static_cast<size_t>(got) != bytes.size())
            throw std::runtime_error("fatbin: bad LZ4 data");
    }
    return bytes;
}

std::string text(const Entry &entry)
{
    std::string text = bytes(entry);
    while (!text.empty() && text.back() == 0)
        text.pop_back();
    return text;
}

} // namespace vgpu::image
