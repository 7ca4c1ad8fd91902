// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/copy.h"

#include "remoting/server/calls.h"
#include "remoting/server/decode.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace vgpu::server
{
namespace
{

CUDA_MEMCPY2D box(const Rows &rows)
{
    CUDA_MEMCPY2D copy{};
    copy.WidthInBytes = rows.width;
    copy.Height = rows.rows;
    return copy;
}

bool packed(const Rows &rows)
{
    return rows.rows == 1 || (rows.device_pitch == rows.width && rows.host_pitch == rows.width);
}

} // namespace

CUresult copy_to_device(const Driver &driver, CUdeviceptr dst, const void *src, const Rows &rows,
                        CUstream stream)
{
    if (rows.width == 0 || rows.rows == 0)
        return CUDA_SUCCESS;
    if (packed(rows))
        return driver.cuMemcpyHtoDAsync_v2(dst, src, rows.width * rows.rows, stream);
    CUDA_MEMCPY2D copy = box(rows);
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = src;
    copy.srcPitch = rows.host_pitch;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = dst;
    copy.dstPitch = rows.device_pitch;
    return driver.cuMemcpy2DAsync_v2(&copy, stream);
}

CUresult copy_to_host(const Driver &driver, void *dst, CUdeviceptr src, const Rows &rows,
                      CUstream stream)
{
    if (rows.width == 0 || rows.rows == 0)
        return CUDA_SUCCESS;
    if (packed(rows))
        return driver.cuMemcpyDtoHAsync_v2(dst, src, rows.width * rows.rows, stream);
    CUDA_MEMCPY2D copy = box(rows);
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = src;
    copy.srcPitch = rows.device_pitch;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = dst;
    copy.dstPitch = rows.host_pitch;
    return driver.cuMemcpy2DAsync_v2(&copy, stream);
}

namespace
{

void answer_behind(Session &session, const Request &request, CUresult result, uint64_t lane,
                   std::vector<std::shared_ptr<const Fence>> all)
{
    if (result != CUDA_SUCCESS)
        session.replies.fail_later(request.call, result);
    const auto done = [](auto &fence) {
        CUresult ignored;
        return fence->done(ignored);
    };
    if (session.waiters.idle(lane) && std::all_of(all.begin(), all.end(), done))
        return session.replies.send(request.reply_to(), CUDA_SUCCESS);
    session.waiters.add(
        lane, [&replies = session.replies, to = request.reply_to(), all = std::move(all)] {
            for (auto &fence : all)
                fence->wait();
            replies.send(to, CUDA_SUCCESS);
        });
}

} // namespace

void answer_when_taken(Session &session, InStaging &staging, const Request &request,
                       CUresult result)
{
    if (!request.wants_reply)
        return session.answer(request, result);
    answer_behind(session, request, result, uint64_t(&staging), staging.take_committed());
}

void answer_when_taken(Session &session, SharedStaging &staging, const Request &request,
                       CUresult result)
{
    if (!request.wants_reply)
        return session.answer(request, result);
    answer_behind(session, request, result, uint64_t(&staging), staging.take());
}

namespace
{

// One copy to the host, in pieces, each with its own wait.
class CopyOut
{
public:
    // The bytes are in the replies, or, under the number of the copy, on the bulk connection.
    CopyOut(Session &session, ReplyTo to, Context &context, CUstream stream, Fetch fetch,
            std::optional<uint32_t> bulk = {})
        : session_(session), to_(to), context_(context), stream_(stream), fetch_(std::move(fetch)),
          bulk_(bulk), key_(lane_key(context, stream))
    {
    }

    // Rows that are apart on the device are packed on their way; a row longer than a piece goes by
    // itself.
    CUresult start(uint64_t width, uint64_t rows)
    {
        if (width == 0 || rows == 0) {
            finish(CUDA_SUCCESS);
            return CUDA_SUCCESS;
        }
        uint64_t total = width * rows, sent = 0;
        uint64_t at_once = std::max<uint64_t>(1, api::kMaxPiece / width); // rows
        for (uint64_t row = 0; row < rows; row += at_once) {
            uint64_t n = std::min(at_once, rows - row);
            for (uint64_t column = 0; column < width; column += api::kMaxPiece) {
                uint64_t part = std::min<uint64_t>(width - column, api::kMaxPiece);
                uint64_t bytes = part * n;
                CUresult result = piece(row, column, part, n, sent, sent + bytes < total);
                if (result != CUDA_SUCCESS)
                    return result;
                sent += bytes;
            }
        }
        return CUDA_SUCCESS;
    }

    // Behind what was sent before.
    void finish(CUresult result)
    {
        session_.waiters.add(
            key_, [&session = session_, to = to_, result, state = state_, bulk = bulk_] {
                Replies &replies = session.replies;
                if (state->failed) // an earlier piece's failure was the last reply
                    return;
                if (bulk) {
                    const uint64_t answer[2] = {state->sent, session.bulk.held_up()};
                    return replies.send(to, result, std::as_bytes(std::span(answer)));
                }
                uint64_t none[2] = {0, 0};
                auto body = std::as_bytes(std::span(none));
                replies.send(to, result, result == CUDA_SUCCESS ? body : body.first(0));
            });
    }

private:
    CUresult piece(uint64_t row, uint64_t column, uint64_t width, uint64_t rows, uint64_t offset,
                   bool more)
    {
        std::byte *slot = session_.out_staging.take();
        auto fence = std::make_shared<Fence>(session_.driver);
        CUresult result = fetch_(slot, row, column, width, rows);
        if (result == CUDA_SUCCESS)
            result = fence->add(context_.handle, context_.events, stream_);
        if (result != CUDA_SUCCESS) {
            session_.out_staging.give(slot);
            return result;
        }
        uint64_t bytes = width * rows;
        session_.waiters.add(key_, [&session = session_, fence, slot, offset, bytes, more, to = to_,
                                    state = state_, bulk = bulk_] {
            CUresult result = fence->wait();
            if (state->failed) { // a failure was the last reply
            } else if (bulk) {
                state->failed = result != CUDA_SUCCESS;
                if (!state->failed &&
                    session.bulk.send({*bulk, uint32_t(bytes), offset}, {slot, bytes}))
                    state->sent += bytes;
                const uint64_t answer[2] = {state->sent, session.bulk.held_up()};
                if (!more || state->failed)
                    session.replies.send(to, result, std::as_bytes(std::span(answer)));
            } else {
                state->failed = result != CUDA_SUCCESS;
                size_t padded = wire::padded(bytes);
                std::memset(slot + bytes, 0, padded - bytes);
                uint64_t place[2] = {offset, bytes};
                if (result == CUDA_SUCCESS)
                    session.replies.send(to, result, std::as_bytes(std::span(place)),
                                         {slot, padded}, more);
                else
                    session.replies.send(to, result);
            }
            session.out_staging.give(slot);
        });
        return CUDA_SUCCESS;
    }

    Session &session_;
    const ReplyTo to_;
    Context &context_;
    const CUstream stream_;
    const Fetch fetch_;
    const std::optional<uint32_t> bulk_;
    const uint64_t key_;
    // Of one lane's thread only.
    struct State {
        bool failed = false;
        uint64_t sent = 0; // on the bulk connection
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

} // namespace

void send_out(Session &session, Request &request, CUresult decoded, uint64_t width, uint64_t rows,
              CUstream stream, Fetch fetch, std::optional<uint32_t> bulk)
{
    CUresult result = decoded;
    Context *context = session.contexts.current();
    uint64_t total;
    if (result == CUDA_SUCCESS && !context)
        result = CUDA_ERROR_INVALID_CONTEXT;
    if (result == CUDA_SUCCESS && __builtin_mul_overflow(width, rows, &total))
        result = CUDA_ERROR_INVALID_VALUE;
    if (result != CUDA_SUCCESS) // nobody may be reading: not sent by this thread
        return session.waiters.add(0, [&session, to = request.reply_to(), result, bulk] {
            const uint64_t none[2] = {0, 0};
            auto body = std::as_bytes(std::span(none));
            session.replies.send(to, result, bulk ? body : body.first(0));
        });
    CopyOut copy(session, request.reply_to(), *context, stream, std::move(fetch), bulk);
    result = copy.start(width, rows);
    if (result != CUDA_SUCCESS)
        copy.finish(result);
}

namespace
{

// Rows of device memory; without gaps they are one long one.
void send_rows(Session &session, Request &request, CUresult decoded, CUdeviceptr src,
               uint64_t pitch, uint64_t width, uint64_t rows, CUstream stream,
               std::optional<uint32_t> bulk = {})
{
    uint64_t total = 0;
    if (decoded == CUDA_SUCCESS && pitch == width && !__builtin_mul_overflow(width, rows, &total)) {
        width = total;
        rows = 1;
    }
    send_out(
        session, request, decoded, width, rows, stream,
        [&driver = session.driver, src, pitch, stream](std::byte *to, uint64_t row, uint64_t column,
                                                       uint64_t width, uint64_t rows) {
            return copy_to_host(driver, to, src + row * pitch + column, {pitch, width, width, rows},
                                stream);
        },
        bulk);
}

} // namespace

namespace calls
{

using api::Handle;
using api::InArray;
using api::Pointer;
using api::Val;

void vgpuCopyIn(Session &session, Request &request)
{
    std::tuple<Pointer::Server, Val<uint64_t>::Server, Val<uint64_t>::Server, Val<uint64_t>::Server,
               Handle<CUstream>::Server, InArray<std::byte>::Server>
        all;
    CUresult result = decode(session, request, all);
    auto &[dst, pitch, width, rows, stream, data] = all;
    if (result == CUDA_SUCCESS) {
        // clang 14 captures no structured bindings.
        const CUdeviceptr to = dst.arg();
        const Rows shape{pitch.arg(), width.arg(), width.arg(), rows.arg()};
        const CUstream on = stream.arg();
        result =
            stage_in(session, shape.width, shape.rows, on, data.bytes, [&](const std::byte *place) {
                return copy_to_device(session.driver, to, place, shape, on);
            });
    }
    answer_when_taken(session, session.in_staging, request, result);
}

void vgpuStagedIn(Session &session, Request &request)
{
    std::tuple<Pointer::Server, Val<uint64_t>::Server, Val<uint64_t>::Server, Val<uint64_t>::Server,
               Val<uint64_t>::Server, Val<uint64_t>::Server, Handle<CUstream>::Server>
        all;
    CUresult result = decode(session, request, all);
    auto &[dst, pitch, host, offset, width, rows, stream] = all;
    Context *context = session.contexts.current();
    const std::byte *from = nullptr;
    if (result == CUDA_SUCCESS && !context)
        result = CUDA_ERROR_INVALID_CONTEXT;
    if (result == CUDA_SUCCESS) {
        from = session.host_memory.rows(host.arg(), offset.arg(), width.arg(), width.arg(),
                                        rows.arg());
        if (!from || session.shared_staging.full())
            result = CUDA_ERROR_INVALID_VALUE;
    }
    if (result == CUDA_SUCCESS)
        result = copy_to_device(session.driver, dst.arg(), from,
                                {pitch.arg(), width.arg(), width.arg(), rows.arg()}, stream.arg());
    if (result == CUDA_SUCCESS) {
        Fence fence(session.driver);
        result = fence.add(context->handle, context->events, stream.arg());
        session.shared_staging.add(std::move(fence));
    }
    answer_when_taken(session, session.shared_staging, request, result);
}

void vgpuBulkIn(Session &session, Request &request)
{
    std::tuple<Val<uint64_t>::Server, Val<uint64_t>::Server, Pointer::Server, Val<uint64_t>::Server,
               Val<uint64_t>::Server, Val<uint64_t>::Server, Handle<CUstream>::Server>
        all;
    CUresult result = decode(session, request, all);
    auto &[connection, position, dst, pitch, width, rows, stream] = all;
    uint64_t total;
    if (__builtin_mul_overflow(width.arg(), rows.arg(), &total))
        total = UINT64_MAX;
    // Whatever becomes of the copy, its bytes are on their way.
    session.bulk.claim(connection.arg(), position.arg(), total);
    if (request.entered != CUDA_SUCCESS)
        result = request.entered;
    Context *context = session.contexts.current();
    if (result == CUDA_SUCCESS && !context)
        result = CUDA_ERROR_INVALID_CONTEXT;
    if (result == CUDA_SUCCESS)
        result = session.bulk.copy(*context, dst.arg(), pitch.arg(), width.arg(), rows.arg(),
                                   stream.arg());
    if (!request.wants_reply)
        return session.answer(request, result);
    // As vgpuCopyIn: the answer says that there is room again.
    if (result != CUDA_SUCCESS)
        session.replies.fail_later(request.call, result);
    session.waiters.add(uint64_t(&session.bulk),
                        [&session, to = request.reply_to(),
                         taken = std::make_shared<Bulk::Taken>(session.bulk.take_claimed())] {
                            session.bulk.release(*taken);
                            session.replies.send(to, CUDA_SUCCESS);
                        });
}

void vgpuBulkOut(Session &session, Request &request)
{
    std::tuple<Val<uint32_t>::Server, Pointer::Server, Val<uint64_t>::Server, Val<uint64_t>::Server,
               Val<uint64_t>::Server, Handle<CUstream>::Server>
        all;
    CUresult result = decode(session, request, all);
    auto &[number, src, pitch, width, rows, stream] = all;
    session.bulk.require();
    send_rows(session, request, result, src.arg(), pitch.arg(), width.arg(), rows.arg(),
              stream.arg(), number.arg());
}

CUresult vgpuBulkTune(Session &session, uint64_t in_window, uint64_t out_window)
{
    session.bulk.tell_windows(in_window, out_window);
    return CUDA_SUCCESS;
}

void vgpuCopyOut(Session &session, Request &request)
{
    std::tuple<Pointer::Server, Val<uint64_t>::Server, Val<uint64_t>::Server, Val<uint64_t>::Server,
               Handle<CUstream>::Server>
        all;
    CUresult result = decode(session, request, all);
    auto &[src, pitch, width, rows, stream] = all;
    send_rows(session, request, result, src.arg(), pitch.arg(), width.arg(), rows.arg(),
              stream.arg());
}

CUresult vgpuCopyOnDevice(Session &session, CUdeviceptr dst, uint64_t dst_pitch, CUdeviceptr src,
                          uint64_t src_pitch, uint64_t width, uint64_t rows, CUstream stream)
{
    if (width == 0 || rows == 0)
        return CUDA_SUCCESS;
    if (rows == 1)
        return session.driver.cuMemcpyAsync(dst, src, width, stream);
    CUDA_MEMCPY2D copy = box({0, 0, width, rows});
    copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = src;
    copy.srcPitch = src_pitch;
    copy.dstDevice = dst;
    copy.dstPitch = dst_pitch;
    return session.driver.cuMemcpy2DAsync_v2(&copy, stream);
}

} // namespace calls
} // namespace vgpu::server
