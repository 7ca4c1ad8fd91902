// SPDX-License-Identifier: Apache-2.0
// Hostile messages against a whole session whose driver does nothing: nothing but the decoding, the
// tables and the bookkeeping can go wrong. With VGPU_FUZZER a libFuzzer program; the unit tests
// feed it a few thousand random inputs.
#include "remoting/server/fuzz-session.h"

namespace vgpu::server
{
namespace
{

using namespace fuzz;

struct Shape {
    api::Call call;
    const char *fields;
};
constexpr Shape kShapes[] = {
#define SHAPE(name, fields) {api::Call::name, fields},
#include "remoting/api/shapes.inc"
#undef SHAPE
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
    return finished(std::move(bytes), in, shape.call, in.byte() % 4);
}

} // namespace

void fuzz_dispatch(std::span<const std::byte> bytes)
{
    static const Driver driver = null_driver();
    run_session(
        bytes, driver, [](Session &) {}, message);
}

} // namespace vgpu::server

#ifdef VGPU_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vgpu::server::fuzz_dispatch(std::as_bytes(std::span(data, size)));
    return 0;
}
#endif
