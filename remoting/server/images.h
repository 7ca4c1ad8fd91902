// SPDX-License-Identifier: Apache-2.0
// Images on their way: gathered piece by piece until a load names them.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

class Images
{
public:
    static constexpr uint64_t kMost = uint64_t(1)
                                      << 30; // bytes of all together, promised ones included

    // The next piece: offsets follow one another.
    CUresult add(uint64_t id, uint64_t total, uint64_t offset, std::span<const std::byte> data);
    void drop(uint64_t id);

    // Null unless all of it has come.
    const std::vector<std::byte> *find(uint64_t id) const;

private:
    struct Image {
        uint64_t total;
        std::vector<std::byte> bytes;
    };
    std::unordered_map<uint64_t, Image> images_;
    uint64_t promised_ = 0;
};

} // namespace vgpu::server
