// SPDX-License-Identifier: Apache-2.0
// What the library makes of vgpud's answers, whole ones and broken ones.
#include "remoting/nvml/state.h"

#include "remoting/base/error.h"
#include "remoting/wire/fields.h"

#include <gtest/gtest.h>

namespace vgpu::nvml
{
namespace
{

wire::Map device(const char *uuid, const char *node = "gpu1", const char *capability = "9.0",
                 const char *driver = "13.0")
{
    wire::Map readings;
    readings.set("nvmlDeviceGetPowerUsage", 70'000).set("odd", "text");
    return wire::Map()
        .set("uuid", uuid)
        .set("node", node)
        .set("name", "NVIDIA Test")
        .set("kind", "whole")
        .set("pci", "0001:17:00.0")
        .set("capability", capability)
        .set("driver", driver)
        .set("units", 132)
        .set("readings", readings);
}

wire::Map slice(const char *lease, unsigned index, const char *uuid, unsigned page)
{
    return wire::Map()
        .set("lease", lease)
        .set("index", index)
        .set("device", uuid)
        .set("memory", 1000 + index)
        .set("memory_used", 10 + index)
        .set("pages", "job")
        .set("page", page);
}

wire::Map session(const char *lease, const char *host, unsigned pid,
                  std::initializer_list<unsigned> memory)
{
    wire::Array used;
    for (unsigned bytes : memory)
        used.add(bytes);
    return wire::Map()
        .set("lease", lease)
        .set("host", host)
        .set("pid", pid)
        .set("memory_used", used);
}

template<class... Maps>
wire::Array array(const Maps &...maps)
{
    wire::Array out;
    (out.add(maps), ...);
    return out;
}

Slices read(const wire::Map &state)
{
    const auto packed = state.pack();
    const auto handle = msgpack::unpack(packed.data(), packed.size());
    wire::LeaseFile lease;
    lease.lease = "a";
    lease.node = "gpu1";
    return slices_of(handle.get(), lease, "here");
}

wire::Map whole()
{
    return wire::Map()
        .set("devices", array(device("GPU-2", "gpu2"), device("GPU-1"), device("GPU-2")))
        .set("slices", array(slice("a", 1, "GPU-2", 5), slice("b", 0, "GPU-2", 5),
                             slice("a", 0, "GPU-1", 4), slice("c", 0, "GPU-1", 9)))
        .set("sessions", array(session("a", "here", 11, {7, 0}), session("b", "here", 12, {8}),
                               session("b", "there", 13, {8}), session("c", "here", 14, {9})));
}

TEST(NvmlState, HasTheSlicesOfTheLeaseInItsOrder)
{
    const Slices slices = read(whole());
    ASSERT_EQ(slices.size(), 2u);
    EXPECT_EQ(slices[0].uuid, "GPU-1");
    EXPECT_EQ(slices[1].uuid, "GPU-2");
    EXPECT_EQ(slices[1].memory, 1001u);
    EXPECT_EQ(slices[1].memory_used, 11u);
    EXPECT_EQ(slices[0].name, "NVIDIA Test");
    EXPECT_EQ(slices[0].major, 9);
    EXPECT_EQ(slices[0].cuda_version, 13000);
    EXPECT_EQ(slices[0].driver, "13.0");
    EXPECT_EQ(slices[0].pci.domain, 1u);
    EXPECT_EQ(slices[0].pci.bus, 0x17u);
    EXPECT_EQ(slices[0].utilisation, -1) << "nobody said";
    EXPECT_EQ(slices[0].readings.size(), 1u) << "what is no number is left out";
    EXPECT_EQ(slices[0].readings.at("nvmlDeviceGetPowerUsage"), 70'000u);
}

TEST(NvmlState, ShowsTheProcessesOfTheSliceOnThisHost)
{
    const Slices slices = read(whole());
    ASSERT_EQ(slices[0].processes.size(), 1u) << "not another tenant's on the same device";
    EXPECT_EQ(slices[0].processes[0].pid, 11u);
    EXPECT_EQ(slices[0].processes[0].memory, 7u);
    ASSERT_EQ(slices[1].processes.size(), 1u) << "another step of the job has the same slice";
    EXPECT_EQ(slices[1].processes[0].pid, 12u);
}

TEST(NvmlState, RefusesWhatIsNotWhole)
{
    EXPECT_THROW(read(wire::Map()), Error);
    EXPECT_THROW(read(wire::Map().set("slices", 1)), Error);
    wire::Map state;
    state.set("devices", wire::Array()).set("sessions", wire::Array());
    EXPECT_THROW(read(state.set("slices", array(wire::Map().set("lease", "a")))), Error);
}

TEST(NvmlState, RefusesAnAnswerWithoutTheLease)
{
    const wire::Map state = wire::Map()
                                .set("devices", array(device("GPU-1")))
                                .set("slices", array(slice("b", 0, "GPU-1", 0)))
                                .set("sessions", wire::Array());
    EXPECT_THROW(read(state), Error);
}

TEST(NvmlState, TakesNoNumberForAVersionThatIsNone)
{
    for (const char *text : {"9999999.9", "-13.0", "13.-1", "13", "", "x.y"}) {
        const wire::Map state =
            wire::Map()
                .set("devices",
                     array(device("GPU-1", "gpu1", text), device("GPU-2", "gpu1", "9.0", text)))
                .set("slices", array(slice("a", 0, "GPU-1", 4), slice("a", 1, "GPU-2", 5)))
                .set("sessions", wire::Array());
        const Slices slices = read(state);
        EXPECT_EQ(slices[1].cuda_version, 0) << text;
        EXPECT_EQ(slices[0].major, 0) << text;
        EXPECT_EQ(slices[0].minor, 0) << text;
    }
}

TEST(NvmlState, ReadsBusIds)
{
    Pci pci;
    EXPECT_TRUE(parse_pci("00000002:3B:1F.0", pci));
    EXPECT_EQ(pci.domain, 2u);
    EXPECT_EQ(pci.bus, 0x3bu);
    EXPECT_EQ(pci.device, 0x1fu);
    EXPECT_TRUE(parse_pci("3b:00", pci));
    EXPECT_EQ(pci.domain, 0u);
    EXPECT_FALSE(parse_pci("", pci));
    EXPECT_FALSE(parse_pci("GPU-1", pci));
}

} // namespace
} // namespace vgpu::nvml
