// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/copy.h"

#include "remoting/client/copy-out.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>

namespace vgpu::client
{
namespace
{

// Below this the bytes of a piece whose length is no multiple of 8 are copied beside the header;
// above it is sent in two parts instead, so that the bulk is never copied.
constexpr size_t kGather = 8 << 10;

using Side = Place::Side;

// The far end of a copy as calls have it: rows in device memory, or in an array.
struct Far : api::ClientHalf {
    explicit Far(const Place &place)
        : address(place.address), pitch(place.pitch), place(place.array)
    {
    }
    bool in_array() const { return place.array != 0; }
    bool takes_bulk(uint64_t bytes) const { return !in_array() && Bulk::takes(bytes); }
    bool packed(size_t width) const { return !in_array() && pitch == width; }
    Far at(uint64_t row, uint64_t column) const
    {
        Far far = *this;
        far.address += row * pitch + column;
        far.place.x += column;
        far.place.y += row;
        return far;
    }
    void put(wire::Encoder &out) const
    {
        if (!in_array()) {
            out.u64(address);
            out.u64(pitch);
            return;
        }
        for (uint64_t value : {place.array, place.context, place.x, place.y, place.z})
            out.u64(value);
    }
    api::Call call(api::Call memory, api::Call array) const { return in_array() ? array : memory; }

    CUdeviceptr address;
    uint64_t pitch;
    ArrayPlace place;
};

// How many bytes lie between the first and the last one copied; 0 when that wraps round.
uint64_t span_of(size_t pitch, size_t width, size_t rows)
{
    unsigned __int128 span = static_cast<unsigned __int128>(rows - 1) * pitch + width;
    return span > std::numeric_limits<uint64_t>::max() / 2 ? 0 : uint64_t(span);
}

} // namespace

Place locate(Session &session, const End &end, size_t width, size_t rows)
{
    Place place;
    place.address = end.address;
    place.pointer = reinterpret_cast<std::byte *>(end.address);
    place.pitch = rows > 1 ? end.pitch : width;
    if (end.hint == Hint::array) {
        place.side = Side::array;
        place.array = end.place;
        return place;
    }
    uint64_t span = span_of(place.pitch, width, rows);
    if (end.address == 0 || span == 0 || place.pitch < width)
        return place;
    auto range = session.ranges.find(end.address);
    if (!range) {
        // Nothing of ours. In the window it cannot be good; elsewhere it is host memory, or, if it
        // is said to be a device's, for the worker's driver to judge: the address of a global
        // variable need not have passed through us.
        if (!session.window().holds(end.address))
            place.side = end.hint == Hint::device ? Side::foreign : Side::host;
        return place;
    }
    if (span > session.ranges.room(*range, end.address)) {
        // Host memory may go on beyond what was registered; device memory may not.
        if (range->kind == Range::Kind::registered)
            place.side = Side::host;
        return place;
    }
    if (range->on_device() || range->mirrored) {
        place.side = Side::device;
        place.shared = range->kind == Range::Kind::managed || range->kind == Range::Kind::mirror ||
                       range->mirrored;
        // What kernels have written to a mirror is there before it is here.
        if (range->mirrored)
            place.address = range->device_address + (end.address - range->base);
        return place;
    }
    place.side = Side::host;
    place.pinned = true;
    place.host = range->host;
    place.offset = end.address - range->base;
    return place;
}

namespace
{

CUresult send_piece(Session &session, uint32_t word, const Far &to, const std::byte *from,
                    size_t from_pitch, size_t width, size_t rows, CUstream stream)
{
    const RowsIn piece{from, from_pitch, width, rows, to.address, to.pitch, stream};
    const size_t n = piece.bytes();
    const bool gather = !piece.packed() || n % 8 != 0;
    if (n >= SharedStaging::kLeast && !to.in_array() && session.shared_staging.open(session))
        return session.shared_staging.send(session, word, piece);
    if (Bulk *bulk = to.takes_bulk(n) ? session.bulk() : nullptr)
        return bulk->send(word, piece) ? CUDA_SUCCESS : CUDA_ERROR_DEVICE_UNAVAILABLE;
    Pending *marker;
    if (!session.copy_in_window.enter(session.connection(), n, marker))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    Request request;
    wire::Encoder &out = request.out();
    to.put(out);
    for (uint64_t value : {uint64_t(width), uint64_t(rows), api::id_of(stream), uint64_t(n)})
        out.u64(value);
    std::span<const std::byte> body;
    if (gather) {
        piece.pack(out.space(n));
    } else {
        body = {from, n};
    }
    auto call = to.call(api::Call::vgpuCopyIn, api::Call::vgpuArrayIn);
    bool sent = session.connection().send(uint16_t(call), word, request.bytes(), body, marker);
    session.copy_in_window.sent(marker, sent);
    return sent ? CUDA_SUCCESS : CUDA_ERROR_DEVICE_UNAVAILABLE;
}

CUresult send_row(Session &session, uint32_t word, const Far &to, const std::byte *from,
                  size_t bytes, CUstream stream)
{
    const size_t most =
        to.takes_bulk(bytes) && session.bulk() ? Bulk::piece_of(bytes) : api::kMaxPiece;
    for (size_t at = 0, n; at < bytes; at += n) {
        n = std::min(bytes - at, most);
        if (n > kGather)
            n &= ~size_t(15); // of an array, whole elements
        CUresult result = send_piece(session, word, to.at(0, at), from + at, n, n, 1, stream);
        if (result != CUDA_SUCCESS)
            return result;
    }
    return CUDA_SUCCESS;
}

// What is still on its way to this host memory comes first: the answers of two streams' copies may
// overtake each other.
void await_arrivals(Session &session, const Place &host, const Copy &copy)
{
    Connection &connection = session.connection();
    uint64_t first = host.address;
    if (connection.has_detached() &&
        copy_out_overlaps(first, first + span_of(host.pitch, copy.width, copy.rows)))
        connection.complete_before(connection.last_sequence());
}

CUresult copy_in(Session &session, uint32_t word, const Copy &copy, const Place &target,
                 const Place &from)
{
    const Far to(target);
    await_arrivals(session, from, copy); // which are what must be sent

    size_t total = copy.width * copy.rows;
    CUresult result = CUDA_SUCCESS;
    // From shared memory the worker copies by itself, and in order: an earlier copy or kernel may
    // still be writing there.
    if (from.host) {
        result = post_in(session, word,
                         to.call(api::Call::vgpuCopyFromHost, api::Call::vgpuArrayFromHost), to,
                         val(from.host), val(from.offset), val(uint64_t(from.pitch)),
                         val(uint64_t(copy.width)), val(uint64_t(copy.rows)), handle(copy.stream));
        if (result == CUDA_SUCCESS && copy.waits)
            result = synchronize_stream(session, word, copy.stream);
        return result;
    }
    // A function of the host's that is under way may be what writes there.
    if (from.pinned && session.host_service.expects())
        result = synchronize_stream(session, word, copy.stream);
    if (result != CUDA_SUCCESS)
        return result;
    if (copy.rows == 1 || (to.packed(copy.width) && from.pitch == copy.width)) {
        result = send_row(session, word, to, from.pointer, total, copy.stream);
    } else {
        size_t rows_each = std::max<size_t>(1, api::kMaxPiece / copy.width);
        for (size_t row = 0; row < copy.rows && result == CUDA_SUCCESS; row += rows_each) {
            size_t rows = std::min(rows_each, copy.rows - row);
            const std::byte *source = from.pointer + row * from.pitch;
            if (copy.width > api::kMaxPiece)
                result = send_row(session, word, to.at(row, 0), source, copy.width, copy.stream);
            else
                result = send_piece(session, word, to.at(row, 0), source, from.pitch, copy.width,
                                    rows, copy.stream);
        }
    }
    // What only the worker can judge is judged before a waiting caller goes on; what it
    // may read or write next is the host's again.
    if (result == CUDA_SUCCESS && copy.waits && (target.unsure() || target.shared))
        result = synchronize_stream(session, word, copy.stream);
    else if (result == CUDA_SUCCESS && target.side == Side::foreign)
        result = judge(session, word);
    return result;
}

void encode_copy_out(Request &request, const CopyOut &copy, const Far &from, uint64_t width,
                     uint64_t rows, CUstream stream)
{
    if (copy.call() == api::Call::vgpuBulkOut)
        request.out().u64(copy.number());
    from.put(request.out());
    for (uint64_t value : {width, rows, api::id_of(stream)})
        request.out().u64(value);
}

uint16_t copy_out_call(const CopyOut &copy, const Far &from)
{
    return uint16_t(from.call(copy.call(), api::Call::vgpuArrayOut));
}

// A copy to the host that is waited for goes in parts, a few of them on their way at once: the
// worker has host memory for so much, and its dispatch must not wait for more.
constexpr uint64_t kPart = uint64_t(4) << 20;

class CopyOutParts
{
public:
    CopyOutParts(Session &session, uint32_t word, CUstream stream)
        : session_(session), connection_(session.connection()), word_(word), stream_(stream)
    {
    }

    // Both false when there is no sense in going on.
    bool row(std::byte *to, const Far &from, uint64_t bytes)
    {
        for (uint64_t at = 0, n; at < bytes; at += n) {
            n = std::min(bytes - at, kPart);
            if (!add(to + at, n, from.at(0, at), n, 1))
                return false;
        }
        return true;
    }

    bool add(std::byte *to, size_t pitch, const Far &from, uint64_t width, uint64_t rows)
    {
        uint64_t bytes = width * rows;
        Bulk *bulk = from.takes_bulk(bytes) ? session_.bulk() : nullptr;
        while (!copy_out_enter(bytes, parts_.empty(), bulk ? bulk->out_window() : kMaxWaitedBytes))
            take_first(bulk);
        if (result_ != CUDA_SUCCESS) {
            copy_out_leave(bytes);
            return false;
        }
        parts_.push_back(std::make_unique<CopyOut>(connection_, bulk, to, pitch, width, rows));
        CopyOut &part = *parts_.back();
        Request request;
        encode_copy_out(request, part, from, width, rows, stream_);
        if (connection_.send(copy_out_call(part, from), word_, request.bytes(), {}, &part))
            return true;
        lost_ = true;
        parts_.pop_back();
        copy_out_leave(bytes);
        return false;
    }

    CUresult finish()
    {
        while (!parts_.empty())
            take_first();
        return lost_ ? CUDA_ERROR_DEVICE_UNAVAILABLE : settle(session_, sequence_, result_);
    }

private:
    void take_first(Bulk *bulk = nullptr)
    {
        CopyOut &first = *parts_.front();
        const bool there = connection_.has_done(first);
        if (!connection_.wait(first))
            lost_ = true;
        else if (bulk)
            bulk->passed_out(first.total(), !there);
        if (!lost_ && result_ == CUDA_SUCCESS)
            result_ = first.result;
        sequence_ = first.sequence();
        uint64_t bytes = first.total();
        parts_.pop_front();
        copy_out_leave(bytes);
    }

    Session &session_;
    Connection &connection_;
    const uint32_t word_;
    const CUstream stream_;
    std::deque<std::unique_ptr<CopyOut>> parts_;
    CUresult result_ = CUDA_SUCCESS;
    uint32_t sequence_ = 0;
    bool lost_ = false;
};

CUresult copy_out(Session &session, uint32_t word, const Copy &copy, const Place &to,
                  const Place &source)
{
    const Far from(source);
    Connection &connection = session.connection();
    if (to.host) {
        CUresult result =
            post_in(session, word, from.call(api::Call::vgpuCopyToHost, api::Call::vgpuArrayToHost),
                    val(to.host), val(to.offset), val(uint64_t(to.pitch)), from,
                    val(uint64_t(copy.width)), val(uint64_t(copy.rows)), handle(copy.stream));
        if (result == CUDA_SUCCESS && copy.waits)
            result = synchronize_stream(session, word, copy.stream);
        return result;
    }
    await_arrivals(session, to, copy);
    uint64_t total = uint64_t(copy.width) * copy.rows;
    // Pageable memory is waited for, as the driver does; of pinned memory only as much as may stay
    // unread.
    if (!copy.waits && to.pinned && total <= kMaxUnreadBytes) {
        if (!copy_out_has_room(total))
            connection.complete_before(connection.last_sequence());
        if (copy_out_has_room(total)) {
            auto pending = std::make_unique<CopyOut>(
                connection, from.takes_bulk(total) ? session.bulk() : nullptr, to.pointer, to.pitch,
                copy.width, copy.rows);
            const uint16_t number = copy_out_call(*pending, from);
            Request request;
            encode_copy_out(request, *pending, from, copy.width, copy.rows, copy.stream);
            pending->defer_failure();
            bool sent = connection.send_detached(number, word, request.bytes(), std::move(pending));
            return sent ? CUDA_SUCCESS : CUDA_ERROR_DEVICE_UNAVAILABLE;
        }
    }
    CopyOutParts parts(session, word, copy.stream);
    bool going = true;
    if (copy.rows == 1 || (to.pitch == copy.width && from.packed(copy.width))) {
        going = parts.row(to.pointer, from, total);
    } else if (copy.width > kPart) {
        for (size_t row = 0; row < copy.rows && going; ++row)
            going = parts.row(to.pointer + row * to.pitch, from.at(row, 0), copy.width);
    } else {
        for (size_t row = 0, rows = kPart / copy.width; row < copy.rows && going; row += rows)
            going = parts.add(to.pointer + row * to.pitch, to.pitch, from.at(row, 0), copy.width,
                              std::min(rows, copy.rows - row));
    }
    return parts.finish();
}

// The memory is read, or written, whenever the graph runs.
CUresult capture_place(Session &session, uint32_t word, const Copy &copy, const Place &device,
                       const Place &host, bool to_device)
{
    if (Far(device).in_array())
        return refused("a captured copy between an array and memory that the worker does not share",
                       "it is not carried yet");
    uint64_t place =
        session.host_service.keep(session, {host.pointer, host.pitch, copy.width, copy.rows, 0, 1});
    return post_in(session, word, api::Call::vgpuCopyPlace, at(device.address),
                   val(uint64_t(device.pitch)), val(place), val(uint64_t(copy.width)),
                   val(uint64_t(copy.rows)), val(uint32_t(to_device)), handle(copy.stream));
}

api::Call on_device_call(const Far &to, const Far &from)
{
    if (to.in_array())
        return from.call(api::Call::vgpuArrayFromDevice, api::Call::vgpuArrayToArray);
    return from.call(api::Call::vgpuCopyOnDevice, api::Call::vgpuArrayToDevice);
}

// What the host can do alone, in its place in the stream: behind the legacy stream's work too, and
// that behind all other streams' that wait for it.
CUresult copy_at_home(Session &session, uint32_t word, const Copy &copy, const Place &to,
                      const Place &from)
{
    Stream *stream = find_stream(session, copy.stream);
    bool alone = stream && (stream->flags & CU_STREAM_NON_BLOCKING);
    CUresult result = synchronize_stream(session, word, alone ? copy.stream : nullptr);
    if (result != CUDA_SUCCESS)
        return result;
    for (size_t row = 0; row < copy.rows; ++row)
        std::memmove(to.pointer + row * to.pitch, from.pointer + row * from.pitch, copy.width);
    return CUDA_SUCCESS;
}

} // namespace

CUresult copy(Session &session, Context &context, Copy copy)
{
    if (!good_stream(session, copy.stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (copy.width == 0 || copy.rows == 0)
        return CUDA_SUCCESS;
    uint32_t word = stream_word(session, context.word(), copy.stream);
    bool capturing = false;
    if (session.captures.any()) [[unlikely]] {
        CUresult result = copy.waits ? session.captures.forbid_wait(session, word, copy.stream)
                                     : session.captures.ask(session, word, copy.stream, capturing);
        if (result == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT) // as its driver says when it is used
            session.captures.forbid_wait(session, word, copy.stream);
        if (result != CUDA_SUCCESS)
            return result;
    }
    Place to = locate(session, copy.to, copy.width, copy.rows);
    Place from = locate(session, copy.from, copy.width, copy.rows);
    if (to.side == Side::bad || from.side == Side::bad)
        return CUDA_ERROR_INVALID_VALUE;
    if (capturing && to.side == Side::host && from.side == Side::host)
        return refused("a captured copy of host memory to host memory", "it is not carried yet");
    if (to.side == Side::host && from.side == Side::host)
        return copy_at_home(session, word, copy, to, from);
    if (capturing && from.side == Side::host && !from.host)
        return capture_place(session, word, copy, to, from, true);
    if (capturing && to.side == Side::host && !to.host)
        return capture_place(session, word, copy, from, to, false);
    DeviceWork work(session, context, copy.stream);
    if (work.result != CUDA_SUCCESS)
        return work.result;
    if (from.side == Side::host)
        return copy_in(session, word, copy, to, from);
    if (to.side == Side::host)
        return copy_out(session, word, copy, to, from);
    // Between device addresses even the waiting forms do not hold up the host.
    const Far target(to), source(from);
    CUresult result =
        post_in(session, word, on_device_call(target, source), target, source,
                val(uint64_t(copy.width)), val(uint64_t(copy.rows)), handle(copy.stream));
    if (result == CUDA_SUCCESS && copy.waits &&
        (to.unsure() || from.unsure() || to.shared || from.shared))
        result = synchronize_stream(session, word, copy.stream);
    else if (result == CUDA_SUCCESS && (to.side == Side::foreign || from.side == Side::foreign))
        result = judge(session, word);
    return result;
}

} // namespace vgpu::client
