// SPDX-License-Identifier: Apache-2.0
// Hostile calls of the CUDA libraries against a whole session, over the recording libraries, which
// read and write all that they are given. With VGPU_FUZZER a libFuzzer program; the unit tests feed
// it a few hundred random inputs. Run in the build tree, where the recording libraries are.
#include "remoting/api/library-rows.h"

#include "remoting/base/log.h"
#include "remoting/server/fuzz-session.h"

namespace vgpu::server
{
namespace
{

using namespace fuzz;
using api::lib::Field;

constexpr const char *kBeside = "remoting/libs/null/.libs/libcuda-null.so.1";

// Of each type there is one object from the beginning; those that are made have few ids, so that
// they meet again.
uint64_t first_of(uint32_t type)
{
    return api::make_id(api::Kind::library_object, 0, 1000 + type);
}

void put_object(wire::Encoder &out, Input &in, uint32_t type, bool is_new = false)
{
    uint8_t which = in.byte();
    if (which == 255)
        return out.u64(in.number());
    out.u64(which < 192 && !is_new ? first_of(type)
                                   : api::make_id(api::Kind::library_object, 0, which % 6 + 1));
}

void put_bytes(wire::Encoder &out, Input &in, size_t n)
{
    std::vector<std::byte> data(n, std::byte(in.byte()));
    out.u64(n);
    out.bytes(data);
}

void put_addresses(wire::Encoder &out, Input &in, size_t n)
{
    out.u64(n);
    for (; n >= 8; n -= 8)
        out.u64(in.byte() % 8 ? kWindow + in.number() % (1 << 30) : in.number());
    out.bytes(std::vector<std::byte>(n));
}

void put_scalar(const Field &field, wire::Encoder &out, Input &in, size_t n)
{
    uint8_t where = in.byte();
    where = where < 16 ? where : where % 3;
    out.u64(where);
    if (where)
        return out.u64(kWindow + in.number());
    if (field.kind == Field::scalar_out)
        out.u64(n);
    else
        put_bytes(out, in, n % 256);
}

// What a field should be, most of the time; its word is kept for the sizes of others.
uint64_t put_field(const Field &field, const api::lib::Word *words, wire::Encoder &out, Input &in)
{
    if (in.byte() == 255) {
        out.u64(in.number());
        return 0;
    }
    uint64_t word = 0;
    size_t n = field.bytes ? size_t(field.bytes(words)) % 4096 : 0;
    if (in.byte() == 254)
        n = in.byte();
    switch (field.kind) {
    case Field::number:
        word = as(field.form, in.number());
        out.u64(word);
        return word;
    case Field::handle:
    case Field::new_handle:
        put_object(out, in, field.type, field.kind == Field::new_handle);
        return 0;
    case Field::stream:
        out.u64(in.byte() % 3 == 0 ? api::make_id(api::Kind::stream, 0, in.byte() % 4) : 0);
        return 0;
    case Field::device:
        out.u64(in.byte() % 8 ? kWindow + in.number() % (1 << 30) : in.number());
        return 0;
    case Field::out_pointer:
        return 0;
    case Field::scalar_in:
    case Field::scalar_out:
    case Field::scalar_inout:
        put_scalar(field, out, in, n);
        return 0;
    case Field::string:
        put_bytes(out, in, in.byte());
        return 0;
    case Field::work:
        out.u64(in.byte() & 1);
        return 0;
    case Field::scaling:
    case Field::value:
        put_bytes(out, in, in.byte() % 40);
        return 0;
    case Field::in:
    case Field::out:
    case Field::inout:
    case Field::addresses:
        break;
    }
    bool given = !field.nullable || in.byte() & 1;
    if (field.nullable)
        out.u64(given);
    if (given && field.kind == Field::addresses)
        put_addresses(out, in, n);
    else if (given && field.kind != Field::out)
        put_bytes(out, in, n);
    return 0;
}

// The numbers that sizes are made of stand behind some arrays: so the same bytes are read twice.
void put_fields(const api::lib::Row &row, wire::Encoder &out, Input &in)
{
    std::array<api::lib::Word, api::lib::kMostFields> words{};
    Input again = in;
    std::vector<std::byte> tried;
    wire::Encoder trial(tried);
    for (size_t i = 0; i < row.fields.size(); ++i)
        words[i] = put_field(row.fields[i], words.data(), trial, again);
    for (size_t i = 0; i < row.fields.size(); ++i)
        words[i] = put_field(row.fields[i], words.data(), out, in);
}

std::vector<std::byte> message(Input &in)
{
    std::vector<std::byte> bytes(wire::kHeaderSize);
    wire::Encoder out(bytes);
    auto all = library_descriptions();
    const LibraryDescription &library = *all[in.byte() % all.size()];
    size_t which = (size_t(in.byte()) << 8 | in.byte()) % library.rows.size();
    const LibraryRow &row = library.rows[which];
    out.u64(uint64_t(library.number) << 16 |
            (in.byte() == 255 ? in.number() & 0xffff : row.number));
    if (row.tabled)
        put_fields(*row.tabled, out, in);
    else
        for (int words = in.byte() % 24; words > 0; --words)
            in.byte() & 1 ? out.u64(in.number()) : put_object(out, in, 1);
    return finished(std::move(bytes), in, api::Call::vgpuLibraryCall, in.byte() % 8 == 7 ? 2 : 1);
}

void open_all(Session &session)
{
    for (const LibraryDescription *library : library_descriptions())
        if (std::string why = session.libraries.open(kBeside, library->number, 0, library->hash);
            !why.empty())
            fail(ENOENT, "%s: %s", library->name, why.c_str());
    for (const LibraryDescription *library : library_descriptions())
        for (const LibraryRow &row : library->rows)
            for (const Field &field : row.tabled ? row.tabled->fields : std::span<const Field>())
                if (field.kind == Field::handle) // the recording libraries look at no object
                    session.libraries.add(
                        first_of(field.type),
                        {field.type, 0, api::handle_of<void *>(0x500000 + field.type), 0, 1});
}

} // namespace

void fuzz_libraries(std::span<const std::byte> bytes)
{
    static const Driver driver = null_driver();
    run_session(bytes, driver, open_all, message);
}

} // namespace vgpu::server

#ifdef VGPU_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bool quiet = (vgpu::set_log_sink([](vgpu::Level, std::string_view) {}), true);
    (void)quiet;
    vgpu::server::fuzz_libraries(std::as_bytes(std::span(data, size)));
    return 0;
}
#endif
