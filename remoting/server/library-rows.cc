// SPDX-License-Identifier: Apache-2.0
// Calls of libraries that are described by tables (remoting/api/library-rows.h): what
// library-call.h does for each call by its types, one function does by its row.
#include "remoting/api/library-rows.h"

#include "remoting/server/library-call.h"

#include <memory>

namespace vgpu::server
{
namespace
{

using api::lib::Field;
using api::lib::Row;
using api::lib::Where;
using api::lib::Word;

// What libraries ask for is some times the matrix; a worker's memory is not the client's to fill.
constexpr uint64_t kMostWork = uint64_t(1) << 30;
constexpr uint64_t kMostKept = 64; // places of an object; callbacks have nine types

struct Held {
    Word word = 0;
    uint64_t id = 0; // of an object or a stream
    uint32_t mode = 0;
    Where where = Where::host; // of a scalar
    bool given = true;         // what may be null is not
    std::span<const std::byte> sent;
    uint64_t n = 0; // bytes at `at`
    size_t at = 0;  // in the room
};

bool is_scalar(Field::Kind kind)
{
    return kind == Field::scalar_in || kind == Field::scalar_out || kind == Field::scalar_inout;
}

class Serving
{
public:
    explicit Serving(LibraryRequest &call)
        : call_(call), row_(*call.row.tabled), names_(call.session, call.libraries, call.library)
    {
    }
    void run();

private:
    CUresult get(const Field &field, Held &held);
    CUresult get_scalar(const Field &field, Held &held);
    CUresult bind(const Field &field, Held &held);
    CUresult prepare();
    void place();
    void put(const Field &field, const Held &held, wire::Encoder &out) const;
    void keep();
    Word kept_place() const;
    void keep_given();
    void keep_work();
    CUresult look_at_addresses(std::span<const std::byte> sent) const;

    void *room(const Held &held) const
    {
        return reinterpret_cast<std::byte *>(call_.libraries.room.data()) + held.at;
    }

    LibraryRequest &call_;
    const Row &row_;
    LibraryNames names_;
    std::array<Held, api::lib::kMostFields> held_;
    std::array<Word, api::lib::kMostFields> words_{};
    std::vector<std::unique_ptr<std::byte[]>> work_;
};

CUresult Serving::get_scalar(const Field &field, Held &held)
{
    wire::Decoder &in = call_.request.in;
    uint64_t where = in.u64();
    if (where > uint64_t(field.kind == Field::scalar_out ? Where::scratch : Where::device))
        in.fail("a scalar lies neither on the host nor on the device");
    held.where = Where(where);
    if (held.where != Where::host) {
        held.word = in.u64();
        return names_.pointer(held.word);
    }
    held.n = in.u64();
    if (held.n > api::lib::kMostScalar) {
        held.n = 0;
        in.fail("a scalar is longer than any");
    }
    if (field.kind != Field::scalar_out)
        held.sent = in.bytes(size_t(held.n));
    return CUDA_SUCCESS;
}

CUresult Serving::get(const Field &field, Held &held)
{
    wire::Decoder &in = call_.request.in;
    switch (field.kind) {
    case Field::number:
        held.word = in.u64();
        if (held.word != as(field.form, held.word))
            in.fail("a number does not fit its type");
        return CUDA_SUCCESS;
    case Field::handle: {
        held.id = in.u64();
        if (held.id == 0 && field.nullable)
            return CUDA_SUCCESS;
        void *handle = nullptr;
        CUresult result = names_.object(field.type, held.id, handle, held.mode);
        held.word = api::lib::word(handle);
        return result;
    }
    case Field::new_handle:
        held.id = in.u64();
        return names_.claim_object(held.id);
    case Field::stream: {
        api::lib::Stream::Server stream;
        CUresult result = stream.get(in, names_);
        held.id = stream.id;
        held.word = api::lib::word(stream.arg());
        return result;
    }
    case Field::device:
        held.word = in.u64();
        return held.word ? names_.pointer(held.word) : CUDA_SUCCESS;
    case Field::out_pointer:
        return CUDA_SUCCESS;
    case Field::scalar_in:
    case Field::scalar_out:
    case Field::scalar_inout:
        return get_scalar(field, held);
    case Field::string: {
        auto text = in.string(api::kMaxString);
        if (text.find('\0') != text.npos)
            in.fail("a string has a NUL inside");
        held.sent = std::as_bytes(std::span(text));
        return CUDA_SUCCESS;
    }
    case Field::scaling:
    case Field::value:
        held.n = in.u64();
        if (held.n > api::lib::kMostScaling)
            in.fail("a factor is longer than any");
        else
            held.sent = in.bytes(size_t(held.n));
        return CUDA_SUCCESS;
    case Field::in:
    case Field::out:
    case Field::inout:
    case Field::addresses:
    case Field::work:
        break;
    }
    if (field.nullable || field.kind == Field::work)
        held.given = in.u64() != 0;
    if (!held.given || field.kind == Field::out || field.kind == Field::work)
        return CUDA_SUCCESS;
    uint64_t n = in.u64();
    if (n > wire::kMaxMessage)
        in.fail("an array is longer than a message");
    else
        held.sent = in.bytes(size_t(n));
    return CUDA_SUCCESS;
}

// What depends on other parameters: where a scalar lies, how long an array is.
CUresult Serving::bind(const Field &field, Held &held)
{
    if (is_scalar(field.kind)) {
        bool on_device = held_[0].mode != 0;
        if ((held.where == Where::device) != on_device)
            return CUDA_ERROR_INVALID_VALUE;
        // Where the mode is turned over, the library takes no other scalar from the host either.
        bool turned = held.where == Where::scratch;
        bool alone = 1 == std::count_if(row_.fields.begin(), row_.fields.end(),
                                        [](const Field &one) { return is_scalar(one.kind); });
        return turned && !(call_.library.set_mode && alone) ? CUDA_ERROR_INVALID_VALUE
                                                            : CUDA_SUCCESS;
    }
    if (!held.given || !field.bytes)
        return CUDA_SUCCESS;
    held.n = field.bytes(words_.data());
    if (field.kind == Field::work)
        return held.n <= kMostWork ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
    if (field.kind == Field::out)
        return held.n <= api::kMaxReplyArray ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    if (held.n != held.sent.size())
        return CUDA_ERROR_INVALID_VALUE;
    return field.kind == Field::addresses ? look_at_addresses(held.sent) : CUDA_SUCCESS;
}

CUresult Serving::look_at_addresses(std::span<const std::byte> sent) const
{
    for (size_t at = 0; at + sizeof(CUdeviceptr) <= sent.size(); at += sizeof(CUdeviceptr)) {
        CUdeviceptr address;
        std::memcpy(&address, &sent[at], sizeof address);
        CUresult result = address ? names_.pointer(address) : CUDA_SUCCESS;
        if (result != CUDA_SUCCESS)
            return result;
    }
    return CUDA_SUCCESS;
}

// Decodes all. Throws for what is malformed.
CUresult Serving::prepare()
{
    CUresult result = CUDA_SUCCESS;
    auto keep_first = [&](CUresult one) { result = result == CUDA_SUCCESS ? one : result; };
    for (size_t i = 0; i < row_.fields.size(); ++i) {
        keep_first(get(row_.fields[i], held_[i]));
        words_[i] = held_[i].word;
    }
    call_.request.check_done();
    uint64_t answered = 0;
    for (size_t i = 0; i < row_.fields.size(); ++i) {
        keep_first(bind(row_.fields[i], held_[i]));
        if (row_.fields[i].kind == Field::out || row_.fields[i].kind == Field::inout)
            answered += held_[i].n;
    }
    return result == CUDA_SUCCESS && answered > api::kMaxReplyArray ? CUDA_ERROR_INVALID_VALUE
                                                                    : result;
}

// Everything that pointers point to is in one room, aligned and zeroed; what is only read stays in
// the message, unless it is kept.
void Serving::place()
{
    auto &room_of_all = call_.libraries.room;
    size_t used = 0;
    auto needs = [this](const Field &field, const Held &held) -> size_t {
        if (field.kind == Field::new_handle || field.kind == Field::out_pointer)
            return sizeof(void *);
        // More than any scalar has: what the client calls its size is not relied on.
        if (is_scalar(field.kind))
            return held.where == Where::host ? api::lib::kMostScalar : 0;
        if (field.kind == Field::string)
            return held.sent.size() + 1;
        if (field.kind == Field::in || field.kind == Field::addresses)
            return row_.effects & Row::keeps ? held.sent.size() : 0;
        // The library knows the tensor's type; it finds zeros behind what the client called it.
        if (field.kind == Field::scaling || field.kind == Field::value)
            return held.n ? api::lib::kMostScaling : 0;
        return held.given && (field.kind == Field::out || field.kind == Field::inout) ? held.n + 1
                                                                                      : 0;
    };
    for (size_t i = 0; i < row_.fields.size(); ++i) {
        held_[i].at = used;
        used += (needs(row_.fields[i], held_[i]) + 15) & ~size_t(15);
    }
    room_of_all.assign(used / sizeof(room_of_all[0]), {});
    for (size_t i = 0; i < row_.fields.size(); ++i) {
        const Field &field = row_.fields[i];
        Held &held = held_[i];
        if (needs(field, held)) {
            words_[i] = api::lib::word(room(held));
            if (!held.sent.empty())
                std::memcpy(room(held), held.sent.data(), held.sent.size());
        } else if ((field.kind == Field::in || field.kind == Field::addresses) && held.given) {
            words_[i] = api::lib::word(held.sent.data());
        } else if (field.kind == Field::work && held.given) {
            work_.push_back(std::make_unique_for_overwrite<std::byte[]>(size_t(held.n) + 1));
            words_[i] = api::lib::word(work_.back().get());
        }
    }
}

void Serving::put(const Field &field, const Held &held, wire::Encoder &out) const
{
    auto from_room = [&](size_t n) { out.bytes({static_cast<const std::byte *>(room(held)), n}); };
    if (field.kind == Field::out_pointer)
        from_room(sizeof(void *));
    else if ((field.kind == Field::out || field.kind == Field::inout) && held.given)
        from_room(size_t(held.n));
    else if (is_scalar(field.kind) && field.kind != Field::scalar_in && held.where == Where::host)
        from_room(size_t(held.n));
}

void Serving::keep()
{
    Libraries::Object *first = held_[0].id ? call_.libraries.find(held_[0].id) : nullptr;
    for (size_t i = 0; i < row_.fields.size(); ++i) {
        if (row_.fields[i].kind != Field::new_handle)
            continue;
        names_.add_object(row_.fields[i].type, held_[i].id, *static_cast<void **>(room(held_[i])));
        if (first) // a plan works where its handle does
            call_.libraries.find(held_[i].id)->stream = first->stream;
    }
    if (first && (row_.effects & Row::sets_mode))
        first->mode = uint32_t(words_[1]);
    if (first && (row_.effects & Row::sets_stream))
        first->stream = held_[1].id;
}

Word Serving::kept_place() const
{
    auto place = std::find_if(row_.fields.begin(), row_.fields.end(),
                              [](const Field &field) { return field.natural; });
    return words_[size_t(place - row_.fields.begin())];
}

// The room stays with the object, until another call has one for the same place.
void Serving::keep_given()
{
    auto given = std::make_shared<decltype(Libraries::room)>(std::move(call_.libraries.room));
    names_.keep(held_[0].id, uint32_t(kept_place()), std::move(given));
}

// The library may use it for as long as the call's work goes on.
void Serving::keep_work()
{
    if (work_.empty())
        return;
    Fence fence = call_.session.contexts.fence();
    CUresult ignored;
    if (!fence.done(ignored)) {
        auto kept = std::make_shared<decltype(work_)>(std::move(work_));
        call_.session.retire(std::move(fence), [kept] { kept->clear(); });
    }
}

void Serving::run()
{
    if (CUresult result = prepare(); result != CUDA_SUCCESS)
        return call_.answer(result);
    if (row_.effects & Row::destroys)
        return call_.destroy(held_[0].id);
    if ((row_.effects & Row::keeps) && kept_place() >= kMostKept)
        return call_.answer(CUDA_ERROR_INVALID_VALUE);
    place();
    bool turned = false;
    for (size_t i = 0; i < row_.fields.size(); ++i)
        turned = turned || held_[i].where == Where::scratch;
    void *first = reinterpret_cast<void *>(words_[0]);
    const Libraries::Object *about = !row_.fields.empty() && row_.fields[0].kind == Field::handle
                                         ? call_.libraries.find(held_[0].id)
                                         : nullptr;
    if (turned)
        call_.library.set_mode(first, 1);
    int status = 0;
    CUresult result = call_.measured(about ? about->stream : 0, status, [&] {
        return call_.row.invoke(call_.function, words_.data());
    });
    if (turned)
        call_.library.set_mode(first, 0);
    keep_work();
    if (result != CUDA_SUCCESS)
        return call_.answer(result);
    if (status == 0)
        keep();
    else if (!(row_.effects & Row::always) || !call_.request.wants_reply)
        return call_.answer(status, {});
    std::vector<std::byte> &reply = call_.session.reply;
    reply.clear();
    wire::Encoder out(reply);
    out.i64(status);
    for (size_t i = 0; i < row_.fields.size(); ++i)
        put(row_.fields[i], held_[i], out);
    if (row_.effects & Row::keeps)
        keep_given();
    call_.answer(status, reply);
}

} // namespace

void serve_tabled(LibraryRequest &call)
{
    Serving(call).run();
}

} // namespace vgpu::server
