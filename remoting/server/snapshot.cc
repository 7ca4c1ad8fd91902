// SPDX-License-Identifier: Apache-2.0
// The first call: what the client answers from then on by itself.
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/visible-devices.h"
#include "remoting/server/calls.h"

#include <cerrno>
#include <cstring>
#include <limits>

namespace vgpu::server::calls
{
namespace
{

void describe(Session &session, size_t index, wire::Encoder &out)
{
    const Driver &driver = session.driver;
    CUdevice device = session.slices[index].device;
    char name[256] = "", bus[32] = "";
    driver.check(driver.cuDeviceGetName(name, sizeof(name), device), "cuDeviceGetName");
    CUuuid uuid{};
    driver.check(driver.cuDeviceGetUuid_v2(&uuid, device), "cuDeviceGetUuid");
    if (driver.cuDeviceGetPCIBusId(bus, sizeof(bus), device) != CUDA_SUCCESS)
        bus[0] = '\0';
    uint64_t free, total;
    session.memory.info(index, free, total);
    std::vector<int32_t> attributes(CU_DEVICE_ATTRIBUTE_MAX);
    for (size_t i = 0; i < attributes.size(); ++i) {
        int value = 0;
        bool known = i > 0 && driver.cuDeviceGetAttribute(&value, CUdevice_attribute(i), device) ==
                                  CUDA_SUCCESS;
        attributes[i] = known ? value : std::numeric_limits<int32_t>::min();
    }
    out.string(name);
    out.bytes(std::as_bytes(std::span(uuid.bytes)));
    out.u64(total);
    out.string(bus);
    out.u64(attributes.size());
    out.bytes(std::as_bytes(std::span(attributes)));
}

std::vector<size_t> visible_slices(Session &session, std::string_view value)
{
    std::vector<DeviceUuid> uuids;
    for (const Slice &slice : session.slices) {
        CUuuid uuid{};
        session.driver.check(session.driver.cuDeviceGetUuid_v2(&uuid, slice.device),
                             "cuDeviceGetUuid");
        std::memcpy(uuids.emplace_back().data(), uuid.bytes, sizeof(uuid.bytes));
    }
    return visible_devices(value, uuids);
}

} // namespace

void vgpuSnapshot(Session &session, Request &request)
{
    constexpr uint64_t kMostWindows = 1024;
    constexpr uint64_t kMostVisible = 128 << 10; // as much as execve takes
    uint64_t bytes = request.in.u64(), n = request.in.u64();
    if (n > kMostWindows)
        request.in.fail("more windows than anyone could need");
    std::vector<uint64_t> bases;
    for (uint64_t i = 0; i < n && request.in.ok(); ++i)
        bases.push_back(request.in.u64());
    const bool chosen = request.in.u64() != 0;
    const auto visible = chosen ? request.in.string(kMostVisible) : std::string_view();
    request.check_done();
    if (session.memory.window())
        fail(EPROTO, "vgpuSnapshot is the first call, and this is not");
    if (chosen) {
        const std::vector<size_t> order = visible_slices(session, visible);
        if (order.empty())
            return session.answer(request, CUDA_ERROR_NO_DEVICE);
        session.keep(order);
    }
    CUdeviceptr window = session.memory.open_window(bytes, bases);
    if (!window) {
        log(Level::error,
            "none of the %zu address windows of %llu bytes that the client offers is free here",
            bases.size(), (unsigned long long)bytes);
        return session.answer(request, CUDA_ERROR_OUT_OF_MEMORY);
    }
    std::vector<std::byte> body;
    wire::Encoder out(body);
    out.u64(window);
    out.i64(session.driver.version);
    out.u64(session.slices.size());
    for (size_t i = 0; i < session.slices.size(); ++i)
        describe(session, i, out);
    session.replies.send(request.reply_to(), CUDA_SUCCESS, body);
}

// Answered bit by bit, by every reply that has something printed before it.
void vgpuOutput(Session &session, Request &request)
{
    request.check_done();
    session.replies.forward_output(request.reply_to());
}

} // namespace vgpu::server::calls
