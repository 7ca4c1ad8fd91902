// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/host-pool.h"

#include "remoting/server/test-client.h"

#include <cstring>
#include <gtest/gtest.h>
#include <set>

namespace vgpu::server
{

constexpr size_t kSlot = 4096, kGroup = 4, kMost = 10; // in whole groups: 12

TEST(HostPool, HasWhatItMayAndLetsGoOfWhatIsNotInUse)
{
    if (!test_driver())
        GTEST_SKIP() << "the software GPU is not built";
    HostPool pool(*test_driver(), {kSlot, kGroup}, kMost);
    EXPECT_EQ(pool.bytes(), 0u);
    std::set<std::byte *> slots;
    std::byte *kept = nullptr; // the last
    while (std::byte *slot = pool.take()) {
        std::memset(slot, int(slots.size()), kSlot); // all of it is there
        EXPECT_TRUE(slots.insert(slot).second);
        kept = slot;
    }
    EXPECT_EQ(slots.size(), 12u);
    pool.trim(); // nothing is free
    EXPECT_EQ(pool.bytes(), 12 * kSlot);

    for (std::byte *slot : slots)
        if (slot != kept)
            pool.give(slot);
    pool.trim();
    EXPECT_EQ(pool.bytes(), 8 * kSlot); // the first group, and the one in use
    EXPECT_EQ(*kept, std::byte(11));
    pool.give(kept);
    pool.trim();
    EXPECT_EQ(pool.bytes(), 4 * kSlot);
    EXPECT_NE(pool.take(), nullptr);
    EXPECT_EQ(pool.bytes(), 4 * kSlot);
}

} // namespace vgpu::server
