// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "remoting/base/error.h"
#include "spank-plugin/option-table.h"

namespace vgpu::spank
{
namespace
{

std::string refusal(const char *option, const char *text)
{
    Options options(option_table());
    try {
        options.set_argument(option, text);
    } catch (const Error &error) {
        EXPECT_FALSE(options.is_given(option + 2)) << text;
        return error.what();
    }
    ADD_FAILURE() << "'" << text << "' was accepted";
    return "";
}

TEST(Options, AreRead)
{
    Options options(option_table());
    EXPECT_FALSE(options.is_given("vgpu-mem"));
    options.set_argument("--vgpu-mem", "4G");
    EXPECT_EQ(options.size("vgpu-mem"), uint64_t(4) << 30);
    EXPECT_TRUE(options.is_given("vgpu-mem"));
    options.set_argument("--vgpu-cores", "25%");
    EXPECT_EQ(options.percent("vgpu-cores"), 25u);
    for (const char *channel : {"shm", "unix", "tcp", "auto"}) {
        options.set_argument("--vgpu-channel", channel);
        EXPECT_EQ(options.string("vgpu-channel"), channel);
    }
}

TEST(Options, AreRefusedByName)
{
    EXPECT_EQ(refusal("--vgpu-mem", "banana").find("--vgpu-mem: 'banana' is not a size"), 0u);
    for (const char *bad : {"", "0", "-1", "4X", "4 apples"})
        EXPECT_EQ(refusal("--vgpu-mem", bad).find("--vgpu-mem: '"), 0u) << bad;
    for (const char *bad : {"", "0", "101", "-5", "half"})
        EXPECT_EQ(refusal("--vgpu-cores", bad).find("--vgpu-cores: '"), 0u) << bad;
    for (const char *bad : {"", "SHM", "rdma", "tcp "})
        EXPECT_NE(refusal("--vgpu-channel", bad).find("not one of auto|shm|unix|tcp"),
                  std::string::npos)
            << bad;
}

// Slurm prints the text of an option behind its name, on one line.
TEST(Options, HaveShortTexts)
{
    for (const Option &option : option_table())
        EXPECT_LT(std::string(option.doc).size(), 100u) << option.key;
}

} // namespace
} // namespace vgpu::spank
