// SPDX-License-Identifier: Apache-2.0
// Hostile messages against a whole session whose driver does nothing: nothing but the decoding, the
// tables and the bookkeeping can go wrong. With VGPU_FUZZER a libFuzzer program; the unit tests
// feed it a few thousand random inputs.
#include "remoting/api/calls.h"
#include "remoting/base/error.h"
#include "remoting/server/session.h"

#include <cerrno>
#include <cstring>

namespace vgpu::server
{
namespace
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
Driver null_driver()
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

struct Shape {
    api::Call call;
    const char *fields;
};
constexpr Shape kShapes[] = {
#define SHAPE(name, fields) {api::Call::name, fields},
#include "remoting/api/shapes.inc"
#undef SHAPE
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

void put_field(wire::Encoder &out, Input &in, char letter, char kind)
{
    if (in.byte() == 255) // not what was meant at all
        return out.u64(in.number());
    unsigned number = kind <= '9' ? unsigned(kind - '0') : unsigned(kind - 'a' + 10);
    std::vector<std::byte> data;
    switch (letter) {
    case 'h':
    case 'n':
        return out.u64(api::make_id(api::Kind(number), 0, in.byte() % 8 + (number == 1 ? 998 : 0)));
    case 'p':
        return out.u64(kWindow + in.number());
    case 'd':
        return out.u64(in.byte() % 3);
    case 'a':
    case 's':
    case 'i':
        data.resize(in.byte() * (letter == 'i' ? 8u : 16u));
        out.u64(letter == 'i' ? data.size() / 8 : data.size());
        std::fill(data.begin(), data.end(), std::byte('a'));
        return out.bytes(data);
    default:
        return out.u64(in.number());
    }
}

std::vector<std::byte> message(Input &in)
{
    const Shape &shape = kShapes[in.byte() % std::size(kShapes)];
    std::vector<std::byte> bytes(wire::kHeaderSize);
    wire::Encoder out(bytes);
    for (const char *field = shape.fields; *field; ++field) {
        char letter = *field, kind = '0';
        if (letter == 'h' || letter == 'n')
            kind = *++field;
        put_field(out, in, letter, kind);
    }
    for (int more = shape.fields[0] ? in.byte() == 254 : in.byte() % 16; more > 0; --more)
        out.u64(in.number());
    wire::Header header;
    header.size = uint32_t(bytes.size());
    header.call = uint16_t(in.byte() == 255 ? in.number() : uint64_t(shape.call));
    header.flags = in.byte() & 1;
    header.word = in.byte() % 4;
    wire::put_header(bytes.data(), header);
    return bytes;
}

} // namespace

void fuzz_dispatch(std::span<const std::byte> bytes)
{
    static const Driver driver = null_driver();
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
    Input in(bytes);
    try {
        while (!in.empty() && !session.detached()) {
            auto bytes = message(in);
            if (wire::get_header(bytes.data()).call !=
                uint16_t(api::Call::vgpuOutput)) // ours is needed
                session.handle(bytes);
        }
    } catch (const Error &error) {
        if (error.code() != EPROTO)
            throw;
    }
}

} // namespace vgpu::server

#ifdef VGPU_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vgpu::server::fuzz_dispatch(std::as_bytes(std::span(data, size)));
    return 0;
}
#endif
