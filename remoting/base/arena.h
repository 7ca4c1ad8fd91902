// SPDX-License-Identifier: Apache-2.0
// Small blocks within mapped chunks of memory, and ranges of the address window: bookkeeping only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

namespace vgpu
{

// Chunks are never joined, even if they are neighbours: each is unmapped by itself.
class Arena
{
public:
    void add_chunk(uint64_t base, uint64_t bytes);

    // The smallest free range that has room; 0 if there is none. `bytes` is a multiple of the
    // alignment wanted.
    uint64_t allocate(uint64_t bytes);

    // The size of what was there, 0 if nothing begins there.
    uint64_t free(uint64_t address);

    // A chunk in which nothing is allocated is forgotten and given back to the caller.
    bool take_empty_chunk(uint64_t &base, uint64_t &bytes);

    // Bytes of the chunks in which nothing would be allocated without these.
    uint64_t empty_without(std::span<const uint64_t> addresses) const;

    // The chunk that holds an address: its base and its bytes; zeros if there is none.
    std::pair<uint64_t, uint64_t> chunk_at(uint64_t address) const;

    uint64_t free_bytes() const noexcept { return free_bytes_; }

private:
    struct Chunk {
        uint64_t bytes;
        uint64_t used;
    };
    std::map<uint64_t, Chunk>::iterator chunk_of(uint64_t address);
    void insert_free(uint64_t base, uint64_t bytes);
    void erase_free(uint64_t base, uint64_t bytes);

    std::map<uint64_t, Chunk> chunks_;
    std::map<uint64_t, uint64_t> free_;                // base -> bytes
    std::set<std::pair<uint64_t, uint64_t>> by_size_;  // (bytes, base) of the same
    std::unordered_map<uint64_t, uint64_t> allocated_; // base -> bytes
    uint64_t free_bytes_ = 0;
};

} // namespace vgpu
