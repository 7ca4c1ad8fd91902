// SPDX-License-Identifier: Apache-2.0
// The bytes of a stream of messages from the first that the peer is not known to have: those that
// are on their way, and those that are still to be written. Callers serialise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include <sys/uio.h>

namespace vgpu::wire
{

class SendLog
{
public:
    // Positions count the bytes of all messages since the start.
    uint64_t begin() const noexcept { return chunks_.empty() ? end_ : chunks_.front().begin; }
    uint64_t end() const noexcept { return end_; }

    void append(std::span<const std::byte> head, std::span<const std::byte> body);

    // What lies from `at` on, as far as `pieces` goes; they stay where they are until dropped, also
    // while more is appended. How many they are.
    size_t look(uint64_t at, std::span<iovec> pieces) const noexcept;

    // What lies before that is not needed any more; some of it may stay.
    void drop(uint64_t before);

    // The oldest, until no more than `most` bytes are kept; nothing from `before` on.
    void shed(uint64_t most, uint64_t before);

    // Of memory that is kept for what comes next, and for nothing else.
    static constexpr size_t kSpare = size_t(1) << 20;

private:
    static constexpr size_t kChunk = size_t(64) << 10;
    struct Chunk {
        std::unique_ptr<std::byte[]> bytes;
        size_t room = 0, used = 0;
        uint64_t begin = 0;
        uint64_t end() const noexcept { return begin + used; }
    };
    Chunk &chunk_for(size_t n);
    void drop_first();

    std::deque<Chunk> chunks_;
    std::vector<std::unique_ptr<std::byte[]>> spare_; // of kChunk bytes
    uint64_t end_ = 0;
};

} // namespace vgpu::wire
