// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/send-log.h"

#include <algorithm>
#include <cstring>

namespace vgpu::wire
{

// A message lies in one chunk; a large one has one of its own.
SendLog::Chunk &SendLog::chunk_for(size_t n)
{
    if (!chunks_.empty() && chunks_.back().room - chunks_.back().used >= n)
        return chunks_.back();
    Chunk chunk;
    chunk.begin = end_;
    chunk.room = std::max(n, kChunk);
    if (chunk.room == kChunk && !spare_.empty()) {
        chunk.bytes = std::move(spare_.back());
        spare_.pop_back();
    } else {
        chunk.bytes = std::make_unique_for_overwrite<std::byte[]>(chunk.room);
    }
    return chunks_.emplace_back(std::move(chunk));
}

void SendLog::append(std::span<const std::byte> head, std::span<const std::byte> body)
{
    Chunk &chunk = chunk_for(head.size() + body.size());
    for (auto piece : {head, body}) {
        if (piece.empty())
            continue;
        std::memcpy(chunk.bytes.get() + chunk.used, piece.data(), piece.size());
        chunk.used += piece.size();
        end_ += piece.size();
    }
}

size_t SendLog::look(uint64_t at, std::span<iovec> pieces) const noexcept
{
    // Mostly it is near the end that somebody looks.
    size_t i = chunks_.size();
    while (i > 0 && chunks_[i - 1].end() > at)
        --i;
    size_t n = 0;
    for (; i < chunks_.size() && n < pieces.size(); ++i, ++n) {
        const Chunk &chunk = chunks_[i];
        const size_t skip = at > chunk.begin ? size_t(at - chunk.begin) : 0;
        pieces[n] = {chunk.bytes.get() + skip, chunk.used - skip};
    }
    return n;
}

void SendLog::drop_first()
{
    if (chunks_.front().room == kChunk && spare_.size() < kSpare / kChunk)
        spare_.push_back(std::move(chunks_.front().bytes));
    chunks_.pop_front();
}

void SendLog::drop(uint64_t before)
{
    while (!chunks_.empty() && chunks_.front().end() <= before)
        drop_first();
}

void SendLog::shed(uint64_t most, uint64_t before)
{
    while (!chunks_.empty() && end_ - begin() > most && chunks_.front().end() <= before)
        drop_first();
}

} // namespace vgpu::wire
