// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "gres-plugin/charge.h"

namespace
{

vgpu_request request(const char *per_node)
{
    vgpu_request r{};
    r.per_node = per_node;
    r.min_nodes = r.max_nodes = r.tasks = r.tasks_per_node = r.sockets_per_node = VGPU_UNSET;
    return r;
}

uint64_t charge_of(const vgpu_request &r)
{
    vgpu_charge charge;
    EXPECT_TRUE(vgpu_compute_charge(&r, &charge)) << charge.text;
    return charge.vgpus;
}

std::string refusal_of(const vgpu_request &r)
{
    vgpu_charge charge;
    EXPECT_FALSE(vgpu_compute_charge(&r, &charge));
    return charge.text;
}

TEST(Count, ReadsSlurmsSpellings)
{
    uint64_t count;
    char text[VGPU_TEXT];
    const std::pair<const char *, uint64_t> cases[] = {
        {nullptr, 0},           {"", 0},
        {"gres:vgpu:2", 2},     {"gres/vgpu:2", 2},
        {"gres/vgpu=2", 2},     {"vgpu", 1},
        {"gres:vgpu", 1},       {"gres:vgpu:0", 0},
        {"gres:none", 0},       {"gres:gpu:4", 0},
        {"gres:vgpux:4", 0},    {"gres:gpu:1,gres:vgpu:3", 3},
        {"gres:vgpu:2k", 2048}, {"gres:vgpu:1,gres:vgpu:2", 3},
    };
    for (const auto &[tres, expected] : cases) {
        EXPECT_TRUE(vgpu_count_tres(tres, &count, text)) << tres;
        EXPECT_EQ(count, expected) << (tres ? tres : "null");
    }
}

TEST(Count, RefusesWhatIsNoCount)
{
    uint64_t count;
    char text[VGPU_TEXT];
    for (const char *tres :
         {"gres:vgpu:banana", "gres:vgpu:-1", "gres:vgpu:", "gres:vgpu:2x", "gres:vgpu:1.5",
          "gres:vgpu:a100:2", "gres:vgpu:99999999", "gres:vgpu:99999999999999999999"}) {
        text[0] = '\0';
        EXPECT_FALSE(vgpu_count_tres(tres, &count, text)) << tres;
        EXPECT_NE(std::string(text).find("is not a count"), std::string::npos) << tres;
    }
}

TEST(Charge, IsPerNodeTimesNodes)
{
    auto r = request("gres:vgpu:2");
    r.min_nodes = r.max_nodes = 3;
    EXPECT_EQ(charge_of(r), 6u);
    EXPECT_EQ(charge_of(request(nullptr)), 0u);
    EXPECT_EQ(charge_of(request("gres:vgpu:0")), 0u);
}

TEST(Charge, HoldsAJobThatLeavesItsNodesOpen)
{
    vgpu_charge charge;
    auto r = request("gres:vgpu:1");
    r.tasks = 8;
    ASSERT_TRUE(vgpu_compute_charge(&r, &charge));
    EXPECT_TRUE(charge.hold_nodes);
    EXPECT_EQ(charge.nodes, 1u);
    EXPECT_EQ(charge.vgpus, 1u);

    r.min_nodes = 2;
    r.max_nodes = 4;
    ASSERT_TRUE(vgpu_compute_charge(&r, &charge));
    EXPECT_TRUE(charge.hold_nodes);
    EXPECT_EQ(charge.vgpus, 2u);

    r.max_nodes = 2;
    ASSERT_TRUE(vgpu_compute_charge(&r, &charge));
    EXPECT_FALSE(charge.hold_nodes);
}

TEST(Charge, KnowsWhatAJobNeedsAtLeast)
{
    auto r = request("gres:vgpu:1");
    r.tasks = 8;
    r.tasks_per_node = 3;
    EXPECT_EQ(charge_of(r), 3u);
    r.named_nodes = 5;
    EXPECT_EQ(charge_of(r), 5u);
}

TEST(Charge, CountsPerJobTaskAndSocket)
{
    auto r = request(nullptr);
    r.per_job = "gres:vgpu:4";
    EXPECT_EQ(charge_of(r), 4u);
    r.per_job = nullptr;
    r.per_task = "gres:vgpu:2";
    EXPECT_NE(refusal_of(r).find("add -n"), std::string::npos);
    r.tasks = 3;
    EXPECT_EQ(charge_of(r), 6u);
    r.per_task = nullptr;
    r.per_socket = "gres:vgpu:2";
    EXPECT_NE(refusal_of(r).find("--sockets-per-node"), std::string::npos);
    r.sockets_per_node = 2;
    EXPECT_EQ(charge_of(r), 4u);
}

std::string merged(const char *licenses, uint64_t charge, uint64_t paid = 0)
{
    char out[256], text[VGPU_TEXT] = "";
    return vgpu_merge_licenses(licenses, charge, paid, out, sizeof out, text)
               ? out
               : "refused: " + std::string(text);
}

TEST(Licences, KeepTheOthers)
{
    EXPECT_EQ(merged(nullptr, 2), "vgpu:2");
    EXPECT_EQ(merged("matlab:1", 2), "matlab:1,vgpu:2");
    EXPECT_EQ(merged("matlab:1, foo", 0), "matlab:1,foo");
    EXPECT_EQ(merged("vgpux:3,vgpu@site:1", 1), "vgpux:3,vgpu@site:1,vgpu:1");
    EXPECT_EQ(merged("vgpu:2,matlab", 2), "matlab,vgpu:2");
    EXPECT_EQ(merged("a:1|b:1", 0), "a:1|b:1");
}

TEST(Licences, AreReplacedWhenTheJobChanges)
{
    EXPECT_EQ(merged("matlab:1,vgpu:2", 5, 2), "matlab:1,vgpu:5");
    EXPECT_EQ(merged("vgpu:2", 0, 2), "");
}

TEST(Licences, OfOnesOwnAreRefused)
{
    EXPECT_NE(merged("vgpu:5", 1).find("leave 'vgpu:5' out of -L"), std::string::npos);
    EXPECT_NE(merged("vgpu", 0).find("refused"), std::string::npos);
    EXPECT_NE(merged("vgpu:x", 1).find("refused"), std::string::npos);
    EXPECT_NE(merged("a|b", 1).find("alternatives"), std::string::npos);
}

TEST(Licences, FitTheirBuffer)
{
    EXPECT_NE(merged(std::string(300, 'a').c_str(), 1).find("too long"), std::string::npos);
    EXPECT_NE(merged(std::string(253, 'a').c_str(), 100).find("too long"), std::string::npos);
}

TEST(Licences, AreCounted)
{
    EXPECT_EQ(vgpu_count_licenses(nullptr), 0u);
    EXPECT_EQ(vgpu_count_licenses("a:3,vgpu:4,vgpux:2"), 4u);
}

} // namespace
