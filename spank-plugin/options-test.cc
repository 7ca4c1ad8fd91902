// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "remoting/base/error.h"
#include "spank-plugin/options.h"

namespace vgpu::spank
{
namespace
{

/// The text of what `read` throws.
std::string refusal(void (*read)(const char *, Options &), const char *text)
{
    Options options;
    try {
        read(text, options);
    } catch (const Error &error) {
        EXPECT_FALSE(options.given) << text;
        return error.what();
    }
    ADD_FAILURE() << "'" << text << "' was accepted";
    return "";
}

TEST(Options, AreRead)
{
    Options options;
    EXPECT_FALSE(options.given);
    read_memory("4G", options);
    EXPECT_EQ(options.memory, uint64_t(4) << 30);
    EXPECT_TRUE(options.given);
    read_cores("25%", options);
    EXPECT_EQ(options.cores, 25u);
    for (const char *channel : {"shm", "unix", "tcp", "auto"}) {
        read_channel(channel, options);
        EXPECT_EQ(options.channel, channel);
    }
}

TEST(Options, AreRefusedByName)
{
    EXPECT_NE(refusal(read_memory, "banana").find("--vgpu-mem=banana"), std::string::npos);
    for (const char *bad : {"", "0", "-1", "4X", "4 apples"})
        EXPECT_NE(refusal(read_memory, bad).find("--vgpu-mem="), std::string::npos) << bad;
    for (const char *bad : {"", "0", "101", "-5", "half"})
        EXPECT_NE(refusal(read_cores, bad).find("--vgpu-cores="), std::string::npos) << bad;
    for (const char *bad : {"", "SHM", "rdma", "tcp "})
        EXPECT_NE(refusal(read_channel, bad).find("auto, shm, unix or tcp"), std::string::npos)
            << bad;
}

} // namespace
} // namespace vgpu::spank
