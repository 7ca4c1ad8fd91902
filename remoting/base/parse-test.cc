// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/error.h"
#include "remoting/base/hex.h"
#include "remoting/base/parse.h"
#include "remoting/base/random.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace vgpu
{

template<typename F>
static std::string refusal(F function)
{
    try {
        function();
    } catch (const Error &error) {
        return error.what();
    }
    return "accepted";
}

TEST(Size, Accepted)
{
    EXPECT_EQ(parse_size("0"), 0u);
    EXPECT_EQ(parse_size("123"), 123u);
    EXPECT_EQ(parse_size("7B"), 7u);
    EXPECT_EQ(parse_size("512k"), 512u << 10);
    EXPECT_EQ(parse_size("4G"), 4ull << 30);
    EXPECT_EQ(parse_size("4GB"), 4ull << 30);
    EXPECT_EQ(parse_size("4GiB"), 4ull << 30);
    EXPECT_EQ(parse_size("1.5G"), 3ull << 29);
    EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
}

TEST(Size, Refused)
{
    EXPECT_EQ(refusal([] { parse_size("banana"); }),
              "'banana' is not a size: expected a number and a unit, such as 512M or 4G");
    for (const char *bad : {"", " 4G", "4G ", "-1", "+1", "4X", "4Gi", "4GBs", "1.G", ".5G", "4 G",
                            "0x10", "1e9", "1.0000000001G"})
        EXPECT_NE(refusal([&] { parse_size(bad); }), "accepted") << bad;
    EXPECT_EQ(refusal([] { parse_size("16384P"); }), "'16384P' is too large");
    EXPECT_EQ(refusal([] { parse_size("1.3"); }), "'1.3' is no whole number of bytes");
}

TEST(Size, FormattedAsItIsParsed)
{
    for (uint64_t n :
         std::initializer_list<uint64_t>{0, 1, 1000, 1024, 3ull << 29, 4ull << 30, UINT64_MAX})
        EXPECT_EQ(parse_size(format_size(n)), n);
    EXPECT_EQ(format_size(4ull << 30), "4G");
    EXPECT_EQ(format_size(1000), "1000");
}

TEST(Rate, InPowersOfAThousand)
{
    EXPECT_EQ(parse_rate("0"), 0u);
    EXPECT_EQ(parse_rate("64k"), 64'000u);
    EXPECT_EQ(parse_rate("100M"), 100'000'000u);
    EXPECT_EQ(parse_rate("2.5G"), 2'500'000'000u);
    EXPECT_EQ(parse_rate("0.123456789T"), 123'456'789'000u);
    EXPECT_EQ(refusal([] { parse_rate("fast"); }),
              "'fast' is not a rate: expected bits a second, such as 100M or 2.5G");
    for (const char *bad : {"", "-1", " 1G", "1 G", "1P", "1Gb", "1.5", "1.", "0.0001K"})
        EXPECT_NE(refusal([&] { parse_rate(bad); }), "accepted") << bad;
    EXPECT_EQ(refusal([] { parse_rate("9223373T"); }), "'9223373T' is too large");
}

TEST(Values, Accepted)
{
    EXPECT_EQ(parse_integer("-5"), -5);
    EXPECT_EQ(parse_percent("50"), 50u);
    EXPECT_EQ(parse_percent("100%"), 100u);
    EXPECT_TRUE(parse_boolean("Yes"));
    EXPECT_FALSE(parse_boolean("off"));
    using std::chrono::milliseconds;
    EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
    EXPECT_EQ(parse_duration("30"), milliseconds(30'000));
    EXPECT_EQ(parse_duration("5min"), milliseconds(300'000));
    EXPECT_EQ(parse_duration("1d"), milliseconds(86'400'000));
}

TEST(Values, Refused)
{
    for (const char *bad : {"", "x", "1.5", "9223372036854775808", "1 "})
        EXPECT_NE(refusal([&] { parse_integer(bad); }), "accepted") << bad;
    for (const char *bad : {"", "101", "-1", "50%%", "50 %"})
        EXPECT_NE(refusal([&] { parse_percent(bad); }), "accepted") << bad;
    EXPECT_EQ(refusal([] { parse_boolean("perhaps"); }), "'perhaps' is neither yes nor no");
    for (const char *bad : {"", "s", "5 s", "-1s", "5weeks", "99999999999999999d"})
        EXPECT_NE(refusal([&] { parse_duration(bad); }), "accepted") << bad;
}

TEST(Address, Parsed)
{
    EXPECT_EQ(parse_hostport("gpu1:7070").host, "gpu1");
    EXPECT_EQ(parse_hostport("gpu1:7070").port, 7070);
    EXPECT_EQ(parse_hostport("[::1]:80").host, "::1");
    EXPECT_EQ(parse_hostport("[::1]:80").to_string(), "[::1]:80");
    for (const char *bad : {"", "gpu1", ":80", "gpu1:", "gpu1:x", "gpu1:65536", "::1:80", "a b:1",
                            "[]:1", "gpu1:80x", "/a:1"})
        EXPECT_NE(refusal([&] { parse_hostport(bad); }), "accepted") << bad;
}

TEST(Hex, BothWays)
{
    EXPECT_EQ(to_hex(uint64_t(0xabc)), "0000000000000abc");
    auto bytes = from_hex("00fFa5");
    EXPECT_EQ(to_hex(bytes), "00ffa5");
    EXPECT_NE(refusal([] { from_hex("abc"); }), "accepted");
    EXPECT_NE(refusal([] { from_hex("zz"); }), "accepted");
    EXPECT_TRUE(is_id("0123456789abcdef"));
    EXPECT_FALSE(is_id("0123456789ABCDEF"));
    EXPECT_FALSE(is_id("0123456789abcde"));
    EXPECT_FALSE(is_id("0123456789abcdeg"));
}

TEST(Random, DoesNotRepeat)
{
    std::set<uint64_t> seen;
    for (int i = 0; i < 100; ++i)
        seen.insert(random_u64());
    EXPECT_EQ(seen.size(), 100u);
}

TEST(ErrorText, CarriesCodeAndDescription)
{
    try {
        errno = ENOENT;
        fail_errno("cannot open %s", "x");
    } catch (const Error &error) {
        EXPECT_EQ(error.code(), ENOENT);
        EXPECT_STREQ(error.what(), "cannot open x: No such file or directory");
    }
    EXPECT_EQ(text("%s-%d", std::string(5000, 'a').c_str(), 7).size(), 5002u);
}

} // namespace vgpu
