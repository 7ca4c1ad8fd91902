// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/arena.h"

namespace vgpu
{

void Arena::insert_free(uint64_t base, uint64_t bytes)
{
    free_.emplace(base, bytes);
    by_size_.emplace(bytes, base);
    free_bytes_ += bytes;
}

void Arena::erase_free(uint64_t base, uint64_t bytes)
{
    free_.erase(base);
    by_size_.erase({bytes, base});
    free_bytes_ -= bytes;
}

std::map<uint64_t, Arena::Chunk>::iterator Arena::chunk_of(uint64_t address)
{
    return std::prev(chunks_.upper_bound(address));
}

std::pair<uint64_t, uint64_t> Arena::chunk_at(uint64_t address) const
{
    auto after = chunks_.upper_bound(address);
    if (after == chunks_.begin())
        return {};
    auto &[base, chunk] = *std::prev(after);
    return address - base < chunk.bytes ? std::pair(base, chunk.bytes)
                                        : std::pair<uint64_t, uint64_t>();
}

void Arena::add_chunk(uint64_t base, uint64_t bytes)
{
    chunks_.emplace(base, Chunk{bytes, 0});
    insert_free(base, bytes);
}

uint64_t Arena::allocate(uint64_t bytes)
{
    auto at = by_size_.lower_bound({bytes, 0});
    if (at == by_size_.end())
        return 0;
    auto [size, base] = *at;
    erase_free(base, size);
    if (size > bytes)
        insert_free(base + bytes, size - bytes);
    allocated_.emplace(base, bytes);
    chunk_of(base)->second.used += bytes;
    return base;
}

uint64_t Arena::free(uint64_t address)
{
    auto at = allocated_.find(address);
    if (at == allocated_.end())
        return 0;
    uint64_t freed = at->second, base = address, bytes = freed;
    allocated_.erase(at);
    auto chunk = chunk_of(address);
    chunk->second.used -= freed;
    // Joined with its free neighbours in the same chunk.
    auto next = free_.lower_bound(address);
    if (next != free_.end() && next->first == address + freed &&
        next->first < chunk->first + chunk->second.bytes) {
        bytes += next->second;
        erase_free(next->first, next->second);
    }
    auto before = free_.lower_bound(address);
    if (before != free_.begin()) {
        --before;
        if (before->first + before->second == address && before->first >= chunk->first) {
            base = before->first;
            bytes += before->second;
            erase_free(before->first, before->second);
        }
    }
    insert_free(base, bytes);
    return freed;
}

uint64_t Arena::empty_without(std::span<const uint64_t> addresses) const
{
    std::map<uint64_t, uint64_t> freed; // by chunk
    uint64_t bytes = 0;
    for (uint64_t address : addresses) {
        auto block = allocated_.find(address);
        auto chunk = chunks_.upper_bound(address);
        if (block == allocated_.end() || chunk == chunks_.begin())
            continue;
        --chunk;
        if ((freed[chunk->first] += block->second) == chunk->second.used)
            bytes += chunk->second.bytes;
    }
    return bytes;
}

bool Arena::take_empty_chunk(uint64_t &base, uint64_t &bytes)
{
    for (auto at = chunks_.begin(); at != chunks_.end(); ++at) {
        if (at->second.used != 0)
            continue;
        base = at->first;
        bytes = at->second.bytes;
        erase_free(base, bytes);
        chunks_.erase(at);
        return true;
    }
    return false;
}

} // namespace vgpu
