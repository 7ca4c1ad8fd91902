// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/policy.h"

#include <gtest/gtest.h>

namespace vgpu::control
{

namespace
{

constexpr uint64_t kG = 1ULL << 30;

void add_node(Table &table, const std::string &name, unsigned devices, uint64_t memory,
              const char *state = "up")
{
    Node node;
    node.node = name;
    node.state = state;
    table.nodes[name] = node;
    for (unsigned i = 0; i < devices; ++i) {
        Device device;
        device.node = name;
        device.index = i;
        device.uuid = "GPU-" + std::to_string(i);
        device.memory = memory;
        device.max_slices = 4;
        device.default_memory = memory / 4;
        table.devices[device_key(name, device.uuid)] = device;
    }
}

void take(Table &table, const std::string &id, const std::string &node, const std::string &device,
          uint64_t memory, uint32_t cores = 0)
{
    Lease lease;
    lease.lease = id;
    lease.node = node;
    lease.slices = {{0, device, memory, cores}};
    table.leases[id] = lease;
}

LeaseRequest ask(uint32_t count, uint64_t memory = 0, uint32_t cores = 0)
{
    LeaseRequest request;
    request.count = count;
    request.memory = memory;
    request.cores = cores;
    return request;
}

/// What a step of job 7 gets, which has `granted` on its host; kept in the table as lease `id`.
Allotment step(Table &table, const std::string &id, uint32_t number, uint32_t count,
               uint32_t granted, uint64_t memory = 0, const char *host = "cpu1")
{
    LeaseRequest request = ask(count, memory);
    request.job = 7;
    request.step = number;
    request.task_host = host;
    request.job_count = granted;
    const Allotment got = allot(table, request);
    if (got.slices.empty())
        return got;
    Lease lease;
    lease.lease = id;
    lease.job = 7;
    lease.step = number;
    lease.task_host = host;
    lease.node = got.node;
    lease.pages = got.pages.empty() ? id : got.pages;
    lease.slices = got.slices;
    table.leases[id] = lease;
    return got;
}

std::vector<uint32_t> pages(const Allotment &got)
{
    std::vector<uint32_t> list;
    for (const Slice &slice : got.slices)
        list.push_back(slice.page);
    return list;
}

uint32_t slices_in_use(const Table &table)
{
    uint32_t sum = 0;
    for (const auto &[key, device] : table.devices)
        sum += used_of(table, device).slices;
    return sum;
}

using Pages = std::vector<uint32_t>;

TEST(Place, GivesTheDefaultShare)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    const Allotment placed = place(table, ask(1));
    ASSERT_EQ(placed.slices.size(), 1U);
    EXPECT_EQ(placed.node, "gpu1");
    EXPECT_EQ(placed.slices[0].memory, 2 * kG);
}

TEST(Place, SpreadsALeaseOverTheDevicesOfOneNode)
{
    Table table;
    add_node(table, "gpu1", 2, 8 * kG);
    const Allotment placed = place(table, ask(3, kG));
    ASSERT_EQ(placed.slices.size(), 3U);
    EXPECT_NE(placed.slices[0].device, placed.slices[1].device);
    EXPECT_EQ(placed.slices[2].index, 2U);
}

TEST(Place, PrefersTheFullestDeviceAndNode)
{
    Table table;
    add_node(table, "gpu1", 2, 8 * kG);
    add_node(table, "gpu2", 2, 8 * kG);
    take(table, "a", "gpu2", "GPU-1", 4 * kG);
    const Allotment placed = place(table, ask(1, 2 * kG));
    EXPECT_EQ(placed.node, "gpu2");
    EXPECT_EQ(placed.slices.at(0).device, "GPU-1");
    EXPECT_EQ(place(table, ask(1, 6 * kG)).slices.at(0).device, "GPU-0");
}

TEST(Place, NeverSplitsALeaseOverNodes)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    add_node(table, "gpu2", 1, 8 * kG);
    EXPECT_TRUE(place(table, ask(2, 8 * kG)).slices.empty());
}

TEST(Place, SaysWhatIsMissing)
{
    Table table;
    add_node(table, "gpu1", 1, 3 * kG);
    EXPECT_EQ(place(table, ask(3, 2 * kG)).reason,
              "no free slice: 3 asked for, 1 free on gpu1 (memory 2G asked, 1G free)");
    take(table, "a", "gpu1", "GPU-0", 0, 60);
    EXPECT_EQ(place(table, ask(1, kG, 50)).reason,
              "no free slice: 1 asked for, 0 free on gpu1 (memory 1G asked, 3G free; cores 50% "
              "asked, 40% free)");
}

TEST(Place, CountsSlicesPerDevice)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    EXPECT_EQ(place(table, ask(4, 1)).slices.size(), 4U);
    EXPECT_EQ(place(table, ask(5, 1)).reason,
              "no free slice: 5 asked for, 4 free on gpu1 (SlicesPerDevice is reached)");
}

TEST(Place, TellsNodesWithTheSameUuidsApart)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    add_node(table, "gpu2", 1, 8 * kG);
    take(table, "a", "gpu1", "GPU-0", 8 * kG);
    EXPECT_EQ(place(table, ask(1, 8 * kG)).node, "gpu2");
}

TEST(Place, PassesOverWhatIsLostOrSick)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG, "lost");
    EXPECT_EQ(place(table, ask(1)).reason, "no free slice: no GPU node is up");
    add_node(table, "gpu2", 1, 8 * kG);
    table.devices[device_key("gpu2", "GPU-0")].health = "failed";
    EXPECT_TRUE(place(table, ask(1)).slices.empty());
}

TEST(Allot, GivesStepsTheSlicesOfTheirJob)
{
    Table table;
    add_node(table, "gpu1", 2, 8 * kG);
    const Allotment batch = step(table, "b", 100, 2, 2);
    EXPECT_EQ(pages(batch), (Pages{0, 1}));
    const Allotment first = step(table, "s0", 0, 1, 2);
    const Allotment second = step(table, "s1", 1, 1, 2);
    EXPECT_EQ(pages(first), Pages{0});
    EXPECT_EQ(pages(second), Pages{1}) << "the one that no other step has";
    EXPECT_EQ(second.pages, "b");
    EXPECT_EQ(second.slices[0].index, 0U);
    EXPECT_EQ(second.slices[0].device, batch.slices[1].device);
    EXPECT_EQ(second.slices[0].memory, batch.slices[1].memory);
    EXPECT_EQ(slices_in_use(table), 2U);
    EXPECT_EQ(used_of(table, table.devices.begin()->second).memory, 2 * kG);
}

TEST(Allot, KeepsTheSlicesOfAStepThatOutlivesTheirFirstOwner)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    step(table, "b", 100, 2, 2);
    step(table, "s0", 0, 1, 2);
    table.end_lease("b", "was released", 1);
    EXPECT_EQ(slices_in_use(table), 1U);
    const Allotment next = step(table, "s1", 1, 1, 2);
    EXPECT_EQ(pages(next), Pages{1});
    EXPECT_EQ(next.pages, "b");
    EXPECT_EQ(slices_in_use(table), 2U);
}

TEST(Allot, GivesStepsNewSlicesUpToWhatTheJobHas)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    EXPECT_EQ(pages(step(table, "s0", 0, 1, 3)), Pages{0});
    EXPECT_EQ(pages(step(table, "s1", 1, 1, 3)), Pages{1});
    // Overlapping steps: one new slice is left, the others are shared.
    EXPECT_EQ(pages(step(table, "s2", 2, 2, 3)), (Pages{0, 2}));
    EXPECT_EQ(pages(step(table, "s3", 3, 3, 3)), (Pages{0, 1, 2}));
    EXPECT_EQ(slices_in_use(table), 3U);
    EXPECT_EQ(step(table, "s4", 4, 4, 3).reason,
              "the job has 3 vgpus on cpu1, and this step asks for 4");
}

TEST(Allot, SharesWhereNobodyKnowsWhatTheJobHas)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    step(table, "s0", 0, 1, 0);
    EXPECT_EQ(pages(step(table, "s1", 1, 1, 0)), Pages{0});
    EXPECT_EQ(pages(step(table, "s2", 2, 2, 0)), (Pages{0, 1}));
    EXPECT_EQ(slices_in_use(table), 2U);
}

TEST(Allot, KeepsJobsAndHostsApart)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    step(table, "a", 0, 1, 1);
    step(table, "b", 0, 1, 1, 0, "cpu2");
    LeaseRequest other = ask(1);
    other.job = 8;
    other.task_host = "cpu1";
    other.job_count = 1;
    EXPECT_TRUE(allot(table, other).pages.empty());
    EXPECT_EQ(slices_in_use(table), 2U);
}

TEST(Allot, RefusesASliceOfAnotherSizeThanTheJobs)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    step(table, "b", 100, 1, 1, kG);
    EXPECT_EQ(pages(step(table, "s0", 0, 1, 1, kG)), Pages{0});
    EXPECT_EQ(step(table, "s1", 1, 1, 1, 2 * kG).reason,
              "a step has slices of its job, each with 1G and no fixed share of the cores: leave "
              "out --vgpu-mem and --vgpu-cores, or say the same");
}

TEST(Allot, SaysThatTheNodeOfTheJobsSlicesIsLost)
{
    Table table;
    add_node(table, "gpu1", 1, 8 * kG);
    step(table, "b", 100, 1, 1);
    table.nodes["gpu1"].state = "lost";
    add_node(table, "gpu2", 1, 8 * kG);
    EXPECT_EQ(step(table, "s0", 0, 1, 1).reason,
              "no free slice: those of the job are on gpu1, which is lost");
}

TEST(Admit, KnowsWhoMayAsk)
{
    LeaseRequest request = ask(1);
    request.uid = 1000;
    EXPECT_FALSE(admit(request, {0, true}, false));
    EXPECT_TRUE(admit(request, {1000, false}, false)); // vgpuctld: through Slurm only
    EXPECT_FALSE(admit(request, {1000, false}, true)); // a vgpud that stands alone: for oneself
    EXPECT_TRUE(admit(request, {1001, false}, true));  // but not for another
    EXPECT_TRUE(admit(ask(0), {0, true}, true));
    EXPECT_TRUE(admit(ask(1, 0, 101), {0, true}, true));
    EXPECT_TRUE(admit(ask(1'000'000), {0, true}, true));
}

TEST(Standing, FindsTheSameRequest)
{
    Table table;
    Lease lease;
    lease.lease = "a";
    lease.job = 7;
    lease.task_host = "cpu1";
    table.leases["a"] = lease;
    LeaseRequest request = ask(1);
    request.job = 7;
    request.task_host = "cpu1";
    ASSERT_NE(standing(table, request), nullptr);
    request.restart = 1;
    EXPECT_EQ(standing(table, request), nullptr);
    request.restart = 0;
    request.task_host = "cpu2";
    EXPECT_EQ(standing(table, request), nullptr);
    EXPECT_EQ(standing(table, ask(1)), nullptr) << "without a job two requests are two";
}

TEST(Expired, SparesWhatIsInUse)
{
    Table table;
    take(table, "a", "gpu1", "GPU-0", kG);
    take(table, "b", "gpu1", "GPU-0", kG);
    table.leases["a"].expiry = table.leases["b"].expiry = 100;
    table.sessions["s"].lease = "b";
    EXPECT_TRUE(expired(table, 99).empty());
    EXPECT_EQ(expired(table, 100), std::vector<std::string>{"a"});
}

TEST(Tick, ForgivesWhatWasSilentWhileWeDidNotRun)
{
    Table table;
    add_node(table, "gpu1", 1, kG);
    take(table, "a", "gpu1", "GPU-0", kG);
    table.nodes["gpu1"].last_seen = 100;
    table.leases["a"].expiry = 106;
    for (uint64_t now : {100, 101, 103})
        table.tick(now);
    EXPECT_EQ(table.leases["a"].expiry, 106U);
    table.tick(120); // 17 s after the last, 16 more than it should have been
    EXPECT_EQ(table.leases["a"].expiry, 122U);
    EXPECT_EQ(table.nodes["gpu1"].last_seen, 116U);
    table.tick(90); // a clock that was set back
    table.tick(91);
    EXPECT_EQ(table.leases["a"].expiry, 122U);
}

TEST(Silent, IsANodeNotHeardOf)
{
    Table table;
    add_node(table, "gpu1", 1, kG);
    table.nodes["gpu1"].last_seen = 100;
    EXPECT_TRUE(silent_nodes(table, 115, 15).empty());
    EXPECT_EQ(silent_nodes(table, 116, 15).size(), 1U);
    table.nodes["gpu1"].state = "lost";
    EXPECT_TRUE(silent_nodes(table, 116, 15).empty());
}

TEST(Table, RemembersWhyALeaseEnded)
{
    Table table;
    take(table, "a", "gpu1", "GPU-0", kG);
    table.sessions["s"].lease = "a";
    table.usage[{"a", 0}].launches = 3;
    EXPECT_TRUE(table.end_lease("a", "was released", 5));
    EXPECT_FALSE(table.end_lease("a", "again", 6));
    EXPECT_TRUE(table.sessions.empty());
    EXPECT_TRUE(table.usage.empty());
    EXPECT_EQ(table.absence("a"), "lease a was released");
    EXPECT_EQ(table.absence("b"), "lease b is unknown here");
}

TEST(SizeText, IsShort)
{
    EXPECT_EQ(size_text(0), "0B");
    EXPECT_EQ(size_text(4 * kG), "4G");
    EXPECT_EQ(size_text(3 * kG / 2), "1.5G");
}

} // namespace

} // namespace vgpu::control
