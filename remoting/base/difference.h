// SPDX-License-Identifier: Apache-2.0
// Where two pieces of memory differ. Both ends of a session find with it what the program or the
// device has changed since they were last the same.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vgpu
{

// Calls run(offset, length) for each run of bytes that differ, in ascending order. Runs with no
// more than `gap` equal bytes between them are one; with 0 each is exactly what differs. `now` may
// be written meanwhile: what is written then is found now or the next time.
template<class Run>
void each_difference(const std::byte *now, const std::byte *before, size_t bytes, size_t gap,
                     Run &&run)
{
    constexpr size_t kBlock = 4096, kWord = sizeof(uint64_t);
    size_t begin = 0, end = 0; // of the run that may still grow
    auto add = [&](size_t from, size_t to) {
        if (end != begin && from - end <= gap) {
            end = to;
            return;
        }
        if (end != begin)
            run(begin, end - begin);
        begin = from;
        end = to;
    };
    auto word = [](const std::byte *at) {
        uint64_t value;
        std::memcpy(&value, at, kWord);
        return value;
    };
    for (size_t block = 0; block < bytes; block += kBlock) {
        size_t last = std::min(block + kBlock, bytes);
        if (std::memcmp(now + block, before + block, last - block) == 0)
            continue;
        size_t at = block;
        for (; at + kWord <= last; at += kWord) {
            if (word(now + at) == word(before + at))
                continue;
            if (gap >= kWord) {
                add(at, at + kWord);
                continue;
            }
            for (size_t i = at; i < at + kWord; ++i)
                if (now[i] != before[i])
                    add(i, i + 1);
        }
        for (; at < last; ++at)
            if (now[at] != before[at])
                add(at, at + 1);
    }
    if (end != begin)
        run(begin, end - begin);
}

} // namespace vgpu
