// SPDX-License-Identifier: Apache-2.0
// A bulk connection whose bytes travel in blocks, each as it is or compressed by LZ4. What is sent
// is compressed while the path is slower than LZ4 and the bytes give way; else a block costs its
// header alone.
#pragma once

#include "remoting/wire/bulk-stream.h"

#include <cstdint>
#include <memory>

namespace vgpu::wire
{

// Before each block: its bytes, and those that follow; fewer are compressed ones.
struct BlockHeader {
    uint32_t plain = 0;
    uint32_t stored = 0;
};
static_assert(sizeof(BlockHeader) == 8);
constexpr size_t kMaxBlock = size_t(64) << 10;

// When to compress: from what writing and compressing have taken so far. By times that are given,
// so that it can be tested.
class CompressionChoice
{
public:
    // Whether to try with the next block of `n` bytes.
    bool tries(size_t n) noexcept;

    void compressed(size_t plain, size_t stored, uint64_t ns) noexcept;
    void written(size_t stored, uint64_t ns) noexcept;

private:
    static constexpr size_t kSampleEvery = size_t(1) << 20; // bytes between two tries
    static constexpr double kForget = 0.9; // of what was measured, at each step of so many bytes
    static constexpr size_t kStep = size_t(256) << 10;

    bool pays() const noexcept;

    double wire_bytes_ = 0, wire_ns_ = 0; // written lately
    double lz4_bytes_ = 0, lz4_ns_ = 0;   // compressed lately
    double ratio_ = 1;                    // stored by plain, of the last try
    size_t untried_ = kSampleEvery;       // bytes since then
};

// Both ends must have agreed on it. Bytes that make no block throw Error (EPROTO).
std::unique_ptr<BulkStream> make_compressed_stream(std::unique_ptr<BulkStream> inner);

} // namespace vgpu::wire
