// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/arena.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

using vgpu::Arena;

TEST(Arena, fits_best_and_joins_neighbours)
{
    Arena arena;
    EXPECT_EQ(arena.allocate(1), 0u);
    arena.add_chunk(0x1000, 0x1000);
    uint64_t a = arena.allocate(0x400), b = arena.allocate(0x400), c = arena.allocate(0x800);
    EXPECT_EQ(arena.allocate(1), 0u);
    EXPECT_EQ(arena.free(b), 0x400u);
    EXPECT_EQ(arena.free(b), 0u); // not twice
    EXPECT_EQ(arena.free(a), 0x400u);
    EXPECT_EQ(arena.allocate(0x800), a); // joined
    uint64_t base, bytes;
    EXPECT_FALSE(arena.take_empty_chunk(base, bytes));
    arena.free(a);
    arena.free(c);
    ASSERT_TRUE(arena.take_empty_chunk(base, bytes));
    EXPECT_EQ(base, 0x1000u);
    EXPECT_EQ(bytes, 0x1000u);
    EXPECT_EQ(arena.free_bytes(), 0u);
}

TEST(Arena, keeps_neighbouring_chunks_apart)
{
    Arena arena;
    arena.add_chunk(0x1000, 0x1000);
    arena.add_chunk(0x2000, 0x1000);
    EXPECT_EQ(arena.allocate(0x1800), 0u);
    uint64_t a = arena.allocate(0x1000), b = arena.allocate(0x1000);
    arena.free(a);
    arena.free(b);
    EXPECT_EQ(arena.allocate(0x1800), 0u);
}

TEST(Arena, never_gives_the_same_twice)
{
    Arena arena;
    std::mt19937 random(1);
    std::map<uint64_t, uint64_t> held; // base -> bytes
    for (uint64_t chunk = 1; chunk <= 4; ++chunk)
        arena.add_chunk(chunk << 20, 1 << 20);
    for (int i = 0; i < 20000; ++i) {
        if (held.size() < 50 || random() % 2) {
            uint64_t bytes = (random() % 100 + 1) * 512, base = arena.allocate(bytes);
            if (!base)
                continue;
            auto next = held.lower_bound(base);
            ASSERT_TRUE(next == held.end() || base + bytes <= next->first);
            ASSERT_TRUE(next == held.begin() ||
                        std::prev(next)->first + std::prev(next)->second <= base);
            held[base] = bytes;
        } else {
            auto at = std::next(held.begin(), ptrdiff_t(random() % held.size()));
            ASSERT_EQ(arena.free(at->first), at->second);
            held.erase(at);
        }
    }
    for (auto &[base, bytes] : held)
        arena.free(base);
    EXPECT_EQ(arena.free_bytes(), uint64_t(4) << 20);
}
