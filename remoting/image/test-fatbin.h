// SPDX-License-Identifier: Apache-2.0
// For the tests: fatbins as nvcc makes them.
#pragma once
#include "remoting/image/fatbin.h"

#include <cstring>
#include <lz4.h>
#include <string>
#include <vector>
#include <zstd.h>

namespace vgpu::image
{

using Bytes = std::vector<std::byte>;

template<class T>
void put(Bytes &bytes, size_t at, T value)
{
    memcpy(bytes.data() + at, &value, sizeof value);
}

enum class Pack { none, lz4, zstd };

inline Bytes entry(uint16_t kind, unsigned arch, const std::string &text, Pack pack)
{
    std::string packed = text;
    if (pack == Pack::lz4) {
        packed.resize(static_cast<size_t>(LZ4_compressBound(static_cast<int>(text.size()))));
        packed.resize(static_cast<size_t>(LZ4_compress_default(text.data(), packed.data(),
                                                               static_cast<int>(text.size()),
                                                               static_cast<int>(packed.size()))));
    } else if (pack == Pack::zstd) {
        packed.resize(ZSTD_compressBound(text.size()));
        packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
    }
    size_t padded = (packed.size() + 7) / 8 * 8;
    Bytes bytes(64 + padded);
    put<uint16_t>(bytes, 0, kind);
    put<uint32_t>(bytes, 4, 64);
    put<uint64_t>(bytes, 8, padded);
    put<uint32_t>(bytes, 0x10, pack == Pack::none ? 0 : static_cast<uint32_t>(packed.size()));
    put<uint16_t>(bytes, 0x18, 7);
    put<uint16_t>(bytes, 0x1a, 8);
    put<uint32_t>(bytes, 0x1c, arch);
    put<uint64_t>(bytes, 0x28, pack == Pack::lz4 ? 0x2000 : pack == Pack::zstd ? 0x8000 : 0);
    put<uint64_t>(bytes, 0x38, text.size());
    memcpy(bytes.data() + 64, packed.data(), packed.size());
    return bytes;
}

inline Bytes container(std::initializer_list<Bytes> list)
{
    Bytes bytes(16);
    for (auto &one : list)
        bytes.insert(bytes.end(), one.begin(), one.end());
    put<uint32_t>(bytes, 0, kHeaderMagic);
    put<uint16_t>(bytes, 4, 1);
    put<uint16_t>(bytes, 6, 16);
    put<uint64_t>(bytes, 8, bytes.size() - 16);
    return bytes;
}

} // namespace vgpu::image
