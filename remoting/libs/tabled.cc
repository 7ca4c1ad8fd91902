// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/tabled.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>

namespace vgpu::libs
{
namespace
{

using lib::Field;
using lib::Row;
using lib::Word;

// ---- handles that are ints ----------------------------------------------------------------------

struct SmallHandles {
    std::shared_mutex mutex;
    std::vector<lib::Object *> objects; // by the handle, which counts from 1
};
SmallHandles &small = *new SmallHandles; // for ever: the program's destructors may call us

int number_object(lib::Object *object)
{
    std::unique_lock lock(small.mutex);
    auto free = std::find(small.objects.begin(), small.objects.end(), nullptr);
    if (free == small.objects.end())
        free = small.objects.insert(free, nullptr);
    *free = object;
    return int(free - small.objects.begin()) + 1;
}

void forget_number(Word handle)
{
    std::unique_lock lock(small.mutex);
    if (handle - 1 < small.objects.size())
        small.objects[handle - 1] = nullptr;
}

void give_out(lib::Object *object, void *to)
{
    if (the_calls.small_handles)
        *static_cast<int *>(to) = number_object(object);
    else
        *static_cast<lib::Object **>(to) = object;
}

// ---- one call -----------------------------------------------------------------------------------

void *pointer(Word word)
{
    return reinterpret_cast<void *>(word);
}

bool is_scalar(Field::Kind kind)
{
    return kind == Field::scalar_in || kind == Field::scalar_out || kind == Field::scalar_inout;
}

class Calling
{
public:
    Calling(const Row &row, const Word *words) : row_(row), words_(words) {}
    int run();

private:
    int find_objects();
    int put_all(std::vector<std::byte> &message);
    bool put(const Field &field, Word value, wire::Encoder &out) const;
    void put_scalar(const Field &field, Word value, wire::Encoder &out) const;
    int send(const api::LibraryTable &way, std::vector<std::byte> &message);
    void take(const Field &field, Word value, wire::Decoder &in) const;
    int keep();

    uint64_t bytes(const Field &field) const { return field.bytes(words_); }
    bool on_device() const { return first_ && first_->mode; }

    const Row &row_;
    const Word *words_;
    lib::Object *first_ = nullptr; // what it is about, whose stream it works in
    std::array<lib::Object *, lib::kMostFields> objects_{};
    lib::Object *made_ = nullptr;
    void *made_to_ = nullptr;
    CUdeviceptr scratch_ = 0; // where the result is fetched from
};

int Calling::find_objects()
{
    for (size_t i = 0; i < row_.fields.size(); ++i) {
        const Field &field = row_.fields[i];
        if (field.kind == Field::handle) {
            objects_[i] = object_of_word(words_[i]);
            if (objects_[i] ? objects_[i]->type != field.type : !field.nullable || words_[i])
                return i == 0 ? the_library.not_initialized : the_library.invalid;
            if (i == 0)
                first_ = objects_[i];
        } else if (field.kind == Field::new_handle && !(made_to_ = pointer(words_[i]))) {
            return the_library.invalid;
        } else if (field.kind == Field::scalar_out && (row_.effects & Row::fetches) &&
                   !on_device()) {
            if (!words_[i] || bytes(field) == 0 || bytes(field) > lib::kMostScalar)
                return the_library.invalid;
            if (!(scratch_ = scratch(first_)))
                return the_library.memory;
        }
    }
    return 0;
}

void Calling::put_scalar(const Field &field, Word value, wire::Encoder &out) const
{
    if (scratch_) {
        out.u64(uint64_t(lib::Where::scratch));
        return out.u64(scratch_);
    }
    if (on_device()) {
        out.u64(uint64_t(lib::Where::device));
        return out.u64(value);
    }
    out.u64(uint64_t(lib::Where::host));
    out.u64(bytes(field));
    if (field.kind != Field::scalar_out)
        out.bytes({static_cast<const std::byte *>(pointer(value)), size_t(bytes(field))});
}

// False if the parameter cannot be right.
bool Calling::put(const Field &field, Word value, wire::Encoder &out) const
{
    size_t i = size_t(&field - row_.fields.data());
    uint64_t n = field.bytes ? bytes(field) : 0;
    switch (field.kind) {
    case Field::number:
        out.u64(value);
        return !field.natural || int64_t(value) >= 0;
    case Field::handle:
        out.u64(objects_[i] ? objects_[i]->id : 0);
        return true;
    case Field::new_handle:
        out.u64(made_->id);
        return true;
    case Field::stream: {
        StreamName name(static_cast<CUstream>(pointer(value)));
        out.u64(name.id);
        return name.known;
    }
    case Field::device:
        out.u64(value);
        return true;
    case Field::out_pointer:
        return value;
    case Field::scalar_in:
    case Field::scalar_out:
    case Field::scalar_inout:
        if (!value || n > lib::kMostScalar)
            return false;
        put_scalar(field, value, out);
        return true;
    case Field::string: {
        auto *text = static_cast<const char *>(pointer(value));
        if (!text || strnlen(text, api::kMaxString + 1) > api::kMaxString)
            return false;
        out.string(text);
        return true;
    }
    case Field::work:
        out.u64(value != 0);
        return true;
    case Field::scaling:
    case Field::value: {
        const lib::Object *tensor = objects_[field.type];
        n = value ? lib::scaling_bytes(field.kind == Field::value, tensor ? tensor->mode : 0) : 0;
        out.u64(n);
        out.bytes({static_cast<const std::byte *>(pointer(value)), size_t(n)});
        return true;
    }
    case Field::in:
    case Field::out:
    case Field::inout:
    case Field::addresses:
        break;
    }
    if (field.nullable)
        out.u64(value != 0);
    if (!value)
        return field.nullable || n == 0;
    if (n > api::kMaxReplyArray)
        return false;
    if (field.kind != Field::out) {
        out.u64(n);
        out.bytes({static_cast<const std::byte *>(pointer(value)), size_t(n)});
    }
    return true;
}

int Calling::put_all(std::vector<std::byte> &message)
{
    message.clear();
    message.resize(api::kMessageRoom);
    wire::Encoder out(message);
    out.u64(uint64_t(the_library.number) << 16 | row_.number);
    for (size_t i = 0; i < row_.fields.size(); ++i)
        if (!put(row_.fields[i], words_[i], out))
            return the_library.invalid;
    return message.size() <= wire::kMaxMessage ? 0 : the_library.invalid;
}

void Calling::take(const Field &field, Word value, wire::Decoder &in) const
{
    auto copy = [&](uint64_t n) {
        auto got = in.bytes(size_t(n));
        if (in.ok() && n)
            std::memcpy(pointer(value), got.data(), size_t(n));
    };
    if (field.kind == Field::out_pointer)
        copy(sizeof(uint64_t));
    else if ((field.kind == Field::out || field.kind == Field::inout) && value)
        copy(bytes(field));
    else if (is_scalar(field.kind) && field.kind != Field::scalar_in && !on_device())
        copy(bytes(field));
}

int Calling::send(const api::LibraryTable &way, std::vector<std::byte> &message)
{
    uint64_t stream = first_ ? first_->stream_id : 0;
    int status = 0;
    if (!(row_.effects & Row::asks)) {
        CUresult result = way.post(stream, message.data(), message.size(), &status);
        return result == CUDA_SUCCESS ? status : status_of(result);
    }
    const std::byte *reply = nullptr;
    size_t n = 0;
    CUresult result = way.ask(stream, message.data(), message.size(), &status, &reply, &n);
    if (result != CUDA_SUCCESS)
        return status_of(result);
    if (status != 0 && (!(row_.effects & Row::always) || n == 0))
        return status;
    wire::Decoder in({reply, n});
    for (size_t i = 0; i < row_.fields.size(); ++i)
        take(row_.fields[i], words_[i], in);
    return in.done() ? status : the_library.failed;
}

// What the client remembers of a call that went well.
int Calling::keep()
{
    if (row_.effects & Row::destroys) {
        if (the_calls.small_handles)
            forget_number(words_[0]);
        drop_object(first_);
    }
    if (row_.effects & Row::sets_mode)
        first_->mode = uint32_t(words_[1]);
    for (size_t i = 0; (row_.effects & Row::sets_type) && i < row_.fields.size(); ++i)
        if (row_.fields[i].natural)
            first_->mode = uint32_t(words_[i]);
    if (row_.effects & Row::sets_stream) {
        first_->stream = static_cast<CUstream>(pointer(words_[1]));
        first_->stream_id = StreamName(first_->stream).id;
    }
    if (made_)
        give_out(made_, made_to_);
    for (size_t i = 0; scratch_ && i < row_.fields.size(); ++i)
        if (row_.fields[i].kind == Field::scalar_out)
            return fetch(first_, pointer(words_[i]), size_t(bytes(row_.fields[i])));
    return 0;
}

int Calling::run()
{
    const api::LibraryTable *way = table();
    if (!way)
        return the_library.not_initialized;
    if (int status = find_objects())
        return status;
    if ((row_.effects & Row::sets_mode) && words_[1] > 1)
        return the_library.invalid;
    for (const Field &field : row_.fields)
        if (field.kind == Field::new_handle)
            made_ = make_object(field.type);
    if (made_ && first_) { // a plan works where its handle does
        made_->stream = first_->stream;
        made_->stream_id = first_->stream_id;
    }
    auto &message = message_buffer();
    int status = put_all(message);
    if (status == 0)
        status = send(*way, message);
    if (status == 0)
        return keep();
    if (made_)
        drop_object(made_);
    return status;
}

} // namespace

lib::Object *object_of_word(Word handle) noexcept
{
    if (!the_calls.small_handles) {
        auto *object = static_cast<lib::Object *>(pointer(handle));
        return object && object->type ? object : nullptr;
    }
    std::shared_lock lock(small.mutex);
    return handle - 1 < small.objects.size() ? small.objects[handle - 1] : nullptr;
}

const char *row_name(uint32_t number) noexcept
{
    auto rows = the_calls.rows;
    auto row =
        std::lower_bound(rows.begin(), rows.end(), number,
                         [](const Row &one, uint32_t wanted) { return one.number < wanted; });
    return row != rows.end() && row->number == number ? row->name : nullptr;
}

int make_call(const Row &row, const Word *words) noexcept
try {
    return Calling(row, words).run();
} catch (const std::bad_alloc &) {
    return the_library.memory;
}

} // namespace vgpu::libs
