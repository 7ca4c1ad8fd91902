// SPDX-License-Identifier: Apache-2.0
// One message: decoded by the parameters' server halves, its context made current, the call made,
// the answer sent.
#include "remoting/api/resource.h"
#include "remoting/base/error.h"
#include "remoting/server/calls.h"
#include "remoting/server/decode.h"

#include <cerrno>

namespace vgpu::server
{
namespace
{

using namespace vgpu::api; // the generated table names the parameters as they are

template<class... P, class Function>
void serve(Session &session, Request &request, Function &&function)
{
    std::tuple<typename P::Server...> halves;
    CUresult result = decode(session, request, halves);
    if (result == CUDA_SUCCESS)
        result = std::apply([&](auto &...half) { return function(half.arg()...); }, halves);
    if (result == CUDA_SUCCESS) {
        uint64_t owner = 0;
        std::apply([&](auto &...half) { ((owner = owner ? owner : half.owner()), ...); }, halves);
        std::apply([&](auto &...half) { (half.done(session.handles, owner), ...); }, halves);
    }
    if (!request.wants_reply || result != CUDA_SUCCESS)
        return session.answer(request, result);
    session.reply.clear();
    Encoder out(session.reply);
    std::apply([&](auto &...half) { (half.put(out), ...); }, halves);
    session.replies.send(request.reply_to(), result, session.reply);
}

template<class... P, class Function>
void serve_wait(Session &session, Request &request, Function &&function)
{
    std::tuple<typename P::Server...> halves;
    if (CUresult result = decode(session, request, halves); result != CUDA_SUCCESS)
        return session.answer(request, result);
    std::apply([&](auto &...half) { function(half.arg()...); }, halves);
}

} // namespace

#define SERVE(name, ...)                                                                           \
    case Call::name:                                                                               \
        return serve<__VA_ARGS__>(*this, request, [&](auto... arguments) {                         \
            return driver.name ? driver.name(arguments...) : CUDA_ERROR_NOT_SUPPORTED;             \
        });
#define SERVE_OWN(name, ...)                                                                       \
    case Call::name:                                                                               \
        return serve<__VA_ARGS__>(                                                                 \
            *this, request, [&](auto... arguments) { return calls::name(*this, arguments...); });
#define SERVE_WAIT(name, ...)                                                                      \
    case Call::name:                                                                               \
        return serve_wait<__VA_ARGS__>(*this, request, [&](auto... arguments) {                    \
            calls::name(*this, request, arguments...);                                             \
        });
#define SERVE_CUSTOM(name)                                                                         \
    case Call::name:                                                                               \
        return calls::name(*this, request);

void Session::handle(std::span<const std::byte> message)
{
    wire::Header header = wire::checked_header(message);
    if (header.flags & ~wire::kWantsReply)
        fail(EPROTO, "a request with flags 0x%x", header.flags);
    Request request{Call(header.call), header.sequence, (header.flags & wire::kWantsReply) != 0,
                    wire::Decoder(message.subspan(wire::kHeaderSize)), CUDA_SUCCESS};
    if (!call_name(request.call))
        fail(EPROTO,
             "call number %u, which is none of those carried: install the same slurm-vgpu on both",
             header.call);
    in_mirror_ = is_mirror(request.call);
    request.entered = contexts.enter(header.word);
    // The bytes of a bulk copy are to be taken in any case.
    if (request.entered != CUDA_SUCCESS && request.call != Call::vgpuBulkIn)
        return answer(request, request.entered);
    switch (request.call) {
#include "remoting/api/server-table.inc"
    default: // of a newer toolkit than this was built with
        return answer(request, CUDA_ERROR_NOT_SUPPORTED);
    }
}

} // namespace vgpu::server
