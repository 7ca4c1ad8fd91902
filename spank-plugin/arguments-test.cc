// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "remoting/base/error.h"
#include "spank-plugin/arguments.h"

namespace vgpu::spank
{
namespace
{

Arguments parse(std::vector<std::string> words)
{
    std::vector<char *> pointers;
    for (std::string &word : words)
        pointers.push_back(word.data());
    return parse_arguments(static_cast<int>(pointers.size()), pointers.data());
}

TEST(Arguments, NameTheConfiguration)
{
    EXPECT_EQ(parse({}).conf, "");
    EXPECT_EQ(parse({"conf=/etc/slurm/vgpu.conf"}).conf, "/etc/slurm/vgpu.conf");
}

TEST(Arguments, RefuseUnknownWords)
{
    for (const char *word : {"conf", "conf=", "config=/x", ""})
        EXPECT_THROW(parse({word}), Error) << word;
    try {
        parse({"verbose"});
        FAIL();
    } catch (const Error &error) {
        EXPECT_NE(std::string(error.what()).find("unknown word 'verbose'"), std::string::npos)
            << error.what();
    }
}

} // namespace
} // namespace vgpu::spank
