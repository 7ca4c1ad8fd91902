// SPDX-License-Identifier: Apache-2.0
// The client's pinned host memory where the channel can share it: mapped here too, registered with
// the driver.
#pragma once

#include "remoting/base/fd.h"
#include "remoting/server/driver.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace vgpu::server
{

class HostMemory
{
public:
    static constexpr size_t kMost = 1 << 16;

    explicit HostMemory(const Driver &driver) : driver_(driver) {}
    ~HostMemory();

    // Maps a memfd of exactly `bytes` bytes at `address` if that is free here, else elsewhere, or,
    // if it is `fixed`, not at all. `device` is where kernels reach it: at that address too if it
    // is fixed. Throws Error for a descriptor that is not sealed memory of that size.
    CUresult map(uint64_t id, Fd memfd, uint64_t address, uint64_t bytes, bool fixed,
                 CUdeviceptr *device);

    bool has(uint64_t id) const { return pieces_.contains(id); }

    // The id is unknown at once; the memory goes when the device is done with it, by drop(). False
    // if there is none.
    struct Piece {
        std::byte *data;
        size_t bytes;
        bool registered;
    };
    bool take(uint64_t id, Piece &piece);
    void drop(const Piece &piece);

    // `rows` rows of `width` bytes, `pitch` apart, from `offset` on; null if they are not all
    // within it.
    std::byte *rows(uint64_t id, uint64_t offset, uint64_t pitch, uint64_t width,
                    uint64_t rows) const;

    // Which memory a pointer of ours points into.
    bool find(const void *pointer, uint64_t &id, uint64_t &offset) const;

private:
    const Driver &driver_;
    std::unordered_map<uint64_t, Piece> pieces_;
};

// Whether `rows` rows of `width` bytes, `pitch` apart, have no more than `bytes` bytes from first
// to last.
bool rows_fit(uint64_t bytes, uint64_t offset, uint64_t pitch, uint64_t width,
              uint64_t rows) noexcept;

} // namespace vgpu::server
