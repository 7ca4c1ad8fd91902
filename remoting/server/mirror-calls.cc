// SPDX-License-Identifier: Apache-2.0
// vgpuMirror*: what the client and the device have changed in memory that the program takes for
// one.
#include "remoting/base/error.h"
#include "remoting/server/calls.h"
#include "remoting/server/copy.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace vgpu::server::calls
{
namespace
{

// Records of an address, a count and as many bytes.
class Records
{
public:
    Records(Replies &replies, ReplyTo to) : replies_(replies), to_(to) {}

    void add(CUdeviceptr device, std::span<const std::byte> bytes)
    {
        constexpr size_t kHead = 2 * sizeof(uint64_t);
        while (!bytes.empty()) {
            if (buffer_.size() + kHead >= api::kMaxPiece)
                send();
            auto part = bytes.first(
                std::min<size_t>(bytes.size(), api::kMaxPiece - buffer_.size() - kHead));
            wire::Encoder out(buffer_);
            out.u64(device);
            out.u64(part.size());
            out.bytes(part);
            device += part.size();
            bytes = bytes.subspan(part.size());
        }
    }

    void send()
    {
        if (!buffer_.empty())
            replies_.send(to_, CUDA_SUCCESS, {}, buffer_, true);
        buffer_.clear();
    }

private:
    Replies &replies_;
    const ReplyTo to_;
    std::vector<std::byte> buffer_;
};

struct Piece {
    CUdeviceptr device;
    std::span<const std::byte> bytes;
};

// Whether nothing that came before can change any more of what is gathered next. An idle device
// passes a fence within microseconds, a busy one need not be waited for.
bool passed(const Fence &fence)
{
    constexpr int kLooks = 20;
    CUresult ignored;
    for (int i = 0; i < kLooks; ++i) {
        if (fence.done(ignored))
            return true;
        std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
    return false;
}

CUresult write(Session &session, std::span<const Piece> pieces, size_t total)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    for (const Piece &piece : pieces)
        if (!session.mirrors.holds(*context, piece.device, piece.bytes.size()))
            return CUDA_ERROR_INVALID_VALUE;
    if (total == 0)
        return CUDA_SUCCESS;
    CUstream stream = session.mirrors.stream(*context);
    std::byte *place = session.mirror_staging.acquire(total, session.contexts);
    CUresult result = CUDA_SUCCESS;
    size_t at = 0;
    for (const Piece &piece : pieces) {
        size_t n = piece.bytes.size();
        std::memcpy(place + at, piece.bytes.data(), n);
        result = session.driver.cuMemcpyHtoDAsync_v2(piece.device, place + at, n, stream);
        if (result != CUDA_SUCCESS)
            break;
        session.mirrors.note(piece.device, piece.bytes);
        at += n;
    }
    // What was given to the driver before a failure still reads the staging memory.
    Fence fence(session.driver);
    CUresult marked = fence.add(context->handle, context->events, stream);
    session.mirror_staging.commit(total, std::move(fence));
    return result == CUDA_SUCCESS ? marked : result;
}

} // namespace

CUresult vgpuMirrorAdd(Session &session, CUdeviceptr device, uint64_t bytes, uint32_t keep)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (bytes == 0 || !session.memory.reaches(device + bytes - 1))
        return CUDA_ERROR_INVALID_VALUE;
    return session.mirrors.add(*context, device, bytes, keep != 0);
}

CUresult vgpuMirrorDrop(Session &session, CUdeviceptr device)
{
    session.mirrors.drop(device); // it may have gone with its context
    return CUDA_SUCCESS;
}

void vgpuMirrorIn(Session &session, Request &request)
{
    std::vector<Piece> pieces;
    size_t total = 0;
    while (request.in.left() != 0) {
        CUdeviceptr device = request.in.u64();
        pieces.push_back({device, request.in.bytes(request.in.u64())});
        total += pieces.back().bytes.size();
    }
    request.check_done();
    CUresult result =
        total <= api::kMaxPiece ? write(session, pieces, total) : CUDA_ERROR_INVALID_VALUE;
    answer_when_taken(session, session.mirror_staging, request, result);
}

CUresult vgpuMirrorJoin(Session &session, CUstream stream)
{
    return session.mirrors.join(session.contexts, stream);
}

void vgpuMirrorOut(Session &session, Request &request)
{
    request.check_done();
    if (!session.mirrors.begin_gather())
        fail(EPROTO, "a second vgpuMirrorOut before the first was answered");
    auto before = std::make_shared<Fence>(session.contexts.fence());
    session.waiters.add(uint64_t(&session.mirrors), [&session, to = request.reply_to(), before,
                                                     behind = session.behind(),
                                                     gather = session.mirrors.gather()] {
        bool idle = passed(*before) && !behind;
        Records records(session.replies, to);
        CUresult result = gather([&](CUdeviceptr device, std::span<const std::byte> bytes) {
            records.add(device, bytes);
        });
        records.send();
        uint64_t word = idle;
        session.mirrors.end_gather();
        session.replies.send(to, result, std::as_bytes(std::span(&word, 1)));
    });
}

} // namespace vgpu::server::calls
