// SPDX-License-Identifier: Apache-2.0
// What fuzzers of requests share: a session over a driver that does nothing, and messages made of
// an input.
#pragma once

#include "remoting/api/calls.h"
#include "remoting/base/error.h"
#include "remoting/server/session.h"

#include <cerrno>
#include <cstring>

namespace vgpu::server::fuzz
{

template<class F>
struct Nothing;
template<class... A>
struct Nothing<CUresult (*)(A...)> {
    static CUresult succeed(A...) { return CUDA_SUCCESS; }
};

template<class F>
void ignore(F &entry)
{
    entry = &Nothing<F>::succeed;
}

template<class H>
CUresult make(H *handle)
{
    static uintptr_t next = 0x1000;
    *handle = reinterpret_cast<H>(next += 16);
    return CUDA_SUCCESS;
}

// Only what must be told has an answer.
inline Driver null_driver()
{
    Driver driver;
#define ENTRY(name) ignore(driver.ServedEntries::name);
#include "remoting/api/driver-table.inc"
#undef ENTRY
#define ENTRY(name) ignore(driver.OwnEntries::name);
    VGPU_OWN_ENTRIES
#undef ENTRY
    ignore(driver.cuDeviceGetUuid_v2);
    ignore(driver.cuEventElapsedTime);
    driver.cuDeviceTotalMem_v2 = [](size_t *bytes, CUdevice) {
        return *bytes = size_t(1) << 40, CUDA_SUCCESS;
    };
    driver.cuMemGetAllocationGranularity = [](size_t *bytes, const CUmemAllocationProp *,
                                              CUmemAllocationGranularity_flags) {
        return *bytes = 2 << 20, CUDA_SUCCESS;
    };
    driver.cuMemAddressReserve = [](CUdeviceptr *got, size_t, size_t, CUdeviceptr at,
                                    unsigned long long) { return *got = at, CUDA_SUCCESS; };
    driver.cuCtxCreate_v2 = [](CUcontext *handle, unsigned, CUdevice) { return make(handle); };
    driver.cuDevicePrimaryCtxRetain = [](CUcontext *handle, CUdevice) { return make(handle); };
    driver.cuEventCreate = [](CUevent *handle, unsigned) { return make(handle); };
    driver.cuStreamCreateWithPriority = [](CUstream *handle, unsigned, int) {
        return make(handle);
    };
    driver.cuFuncGetParamInfo = [](CUfunction, size_t, size_t *, size_t *) {
        return CUDA_ERROR_INVALID_VALUE;
    };
    driver.cuKernelGetParamInfo = [](CUkernel, size_t, size_t *, size_t *) {
        return CUDA_ERROR_INVALID_VALUE;
    };
    return driver;
}

class NullChannel : public wire::Channel
{
public:
    void send(std::span<const std::byte> head, std::span<const std::byte> body) override
    {
        wire::check_outgoing(head, body); // what we say back is right in any case
    }
    void flush() override {}
    void flush_soon() override {}
    size_t room() const override { return 64 << 10; }
    bool receive(std::vector<std::byte> &, int) override { return false; }
    const char *name() const override { return "null"; }
    bool passes_descriptors() const override { return false; }
    void send_descriptor(uint64_t, int) override {}
    Fd receive_descriptor(uint64_t, int) override { return {}; }
    int descriptor() const override { return -1; }
    void shut_down() noexcept override {}
};

constexpr uint64_t kWindow = uint64_t(1) << 44;

// The input as numbers; zeros when it is used up.
class Input
{
public:
    explicit Input(std::span<const std::byte> bytes) : bytes_(bytes) {}
    bool empty() const { return bytes_.empty(); }
    uint8_t byte()
    {
        if (bytes_.empty())
            return 0;
        auto value = uint8_t(bytes_[0]);
        bytes_ = bytes_.subspan(1);
        return value;
    }
    // Often small, sometimes at an edge, sometimes anything.
    uint64_t number()
    {
        uint8_t how = byte();
        if (how < 128)
            return how % 16;
        if (how < 160)
            return ~uint64_t(0) >> (how % 64);
        uint64_t value = 0;
        for (int i = 0; i < 8; ++i)
            value = value << 8 | byte();
        return value;
    }

private:
    std::span<const std::byte> bytes_;
};

// A finished request: `bytes` is room for the header and the body.
inline std::vector<std::byte> finished(std::vector<std::byte> bytes, Input &in, api::Call call,
                                       uint32_t word)
{
    wire::Header header;
    header.size = uint32_t(bytes.size());
    header.call = uint16_t(in.byte() == 255 ? in.number() : uint64_t(call));
    header.flags = in.byte() & 1;
    header.word = word;
    wire::put_header(bytes.data(), header);
    return bytes;
}

// Feeds a whole session with what `message(in)` makes until the input is used up. `begin(session)`
// comes first.
template<class Begin, class Message>
void run_session(std::span<const std::byte> bytes, const Driver &driver, Begin &&begin,
                 Message &&message)
{
    SlicePage pages[2]{};
    std::vector<Slice> slices(2);
    for (size_t i = 0; i < slices.size(); ++i) {
        pages[i].version = kSlicePageVersion;
        slices[i] = {.ordinal = int(i),
                     .memory = uint64_t(1) << 30,
                     .cores = uint32_t(i * 50),
                     .page = &pages[i]};
    }
    NullChannel channel;
    Session session(driver, slices);
    session.attach(channel);
    const uint64_t window = kWindow;
    session.memory.open_window(uint64_t(1) << 36, {&window, 1});
    begin(session);
    Input in(bytes);
    try {
        while (!in.empty() && !session.detached()) {
            auto request = message(in);
            if (wire::get_header(request.data()).call !=
                uint16_t(api::Call::vgpuOutput)) // ours is needed
                session.handle(request);
        }
    } catch (const Error &error) {
        if (error.code() != EPROTO)
            throw;
    }
}

} // namespace vgpu::server::fuzz
