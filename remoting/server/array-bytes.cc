// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/array-bytes.h"

#include "remoting/api/array-format.h"

#include <algorithm>
#include <limits>

namespace vgpu::server
{
namespace
{

using Wide = unsigned __int128;

// Devices keep arrays in tiles, of 64 bytes and 8 rows.
constexpr uint64_t kTileWidth = 64, kTileRows = 8, kPage = 4096;

// Of an element that has no size of its own: none of the compressed and planar formats takes more.
constexpr uint64_t kMostElement = 8;

constexpr unsigned kLayered = 0x01, kSparse = 0x40, kDeferred = 0x80; // CUDA_ARRAY3D_*

Wide round_up(Wide n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

} // namespace

std::optional<uint64_t> array_bytes(const CUDA_ARRAY3D_DESCRIPTOR &it, unsigned levels)
{
    if (it.Flags & (kSparse | kDeferred))
        return 0;
    if (std::max({uint64_t(it.Width), uint64_t(it.Height), uint64_t(it.Depth)}) > UINT32_MAX)
        return std::nullopt; // and products fit below
    uint64_t element = api::element_bytes(it.Format, it.NumChannels);
    if (element == 0)
        element = kMostElement;
    bool layered = it.Flags & kLayered;
    Wide total = 0;
    for (unsigned level = 0; level < std::clamp(levels, 1u, 32u); ++level) {
        auto size = [&](uint64_t whole) { return std::max<uint64_t>(whole >> level, 1); };
        Wide row = round_up(Wide(size(it.Width)) * element, kTileWidth);
        Wide rows = it.Height ? round_up(size(it.Height), kTileRows) : 1;
        Wide depth = layered ? std::max<uint64_t>(it.Depth, 1) : size(it.Depth);
        total += row * rows * depth;
        if (size(it.Width) == 1 && size(it.Height) == 1 && (layered || size(it.Depth) == 1))
            break; // the driver makes no more
    }
    total = round_up(total, kPage);
    return uint64_t(std::min<Wide>(total, std::numeric_limits<int64_t>::max()));
}

} // namespace vgpu::server
