// SPDX-License-Identifier: Apache-2.0
// The one way of a call to the worker. The generated stubs and the hand-written entry points use
// the same halves of parameters (remoting/api/params.h), so that neither can drift from the server.
#pragma once

#include "remoting/api/calls.h"
#include "remoting/api/params.h"
#include "remoting/client/entry.h"
#include "remoting/client/session.h"
#include "remoting/client/thread.h"

#include <exception>

namespace vgpu::client
{

// For stubs of creating calls: an id of this session, 0 if there is none yet.
uint64_t new_id(api::Kind kind) noexcept;

// A call that is not carried: logs it once with the reason. `name` is a literal.
CUresult refused(const char *name, const char *reason) noexcept;

// A reply, kept until it is decoded. Its memory is the thread's.
class Answer : public Pending
{
public:
    Answer() : body_(thread_state().reply) { body_.clear(); }
    bool arrived(const wire::Header &header, std::span<const std::byte> body) override;

    CUresult result = CUDA_ERROR_DEVICE_UNAVAILABLE; // what it is if no reply comes
    std::span<const std::byte> body() const noexcept { return body_; }

private:
    std::vector<std::byte> &body_;
};

// The request being made, in the thread's buffer, with room for the header.
class Request
{
public:
    Request() : bytes_(thread_state().request), out_(bytes_)
    {
        bytes_.clear();
        bytes_.resize(wire::kHeaderSize);
    }
    wire::Encoder &out() noexcept { return out_; }
    std::span<std::byte> bytes() noexcept { return bytes_; }

private:
    std::vector<std::byte> &bytes_;
    wire::Encoder out_;
};

// Sends and waits. `word`: the context it belongs to.
CUresult exchange(Session &session, uint32_t word, api::Call call, Request &request, Answer &answer,
                  std::span<const std::byte> body = {});

// Sends.
CUresult post(Session &session, uint32_t word, api::Call call, Request &request,
              std::span<const std::byte> body = {});

// A reply that does not decode ends the connection: the two ends do not understand each other.
CUresult misunderstood(Session &session, api::Call call, const char *why) noexcept;

template<class... Halves>
CUresult call_in(Session &session, uint32_t word, api::Call call, const Halves &...halves)
{
    if (!(halves.ok() && ...))
        return CUDA_ERROR_INVALID_VALUE;
    Request request;
    (halves.put(request.out()), ...);
    Answer answer;
    CUresult result = exchange(session, word, call, request, answer);
    if (result != CUDA_SUCCESS)
        return result;
    wire::Decoder in(answer.body());
    (halves.take(in), ...);
    if (!in.done())
        return misunderstood(session, call, in.why());
    (halves.made(), ...);
    return result;
}

template<class... Halves>
CUresult post_in(Session &session, uint32_t word, api::Call call, const Halves &...halves)
{
    if (!(halves.ok() && ...))
        return CUDA_ERROR_INVALID_VALUE;
    Request request;
    (halves.put(request.out()), ...);
    CUresult result = post(session, word, call, request);
    if (result == CUDA_SUCCESS)
        (halves.made(), ...);
    return result;
}

// What the generated stubs use: the current context's.
template<class... Halves>
CUresult call(api::Call call, const Halves &...halves)
{
    return entry(
        [&](Session &session) { return call_in(session, current_word(), call, halves...); });
}

template<class... Halves>
CUresult post(api::Call call, const Halves &...halves)
{
    return entry(
        [&](Session &session) { return post_in(session, current_word(), call, halves...); });
}

// The halves that are used most, short.
template<class T>
typename api::Val<T>::Client val(T value)
{
    return typename api::Val<T>::Client(value);
}
template<api::HandleType H>
typename api::Handle<H>::Client handle(H value)
{
    return typename api::Handle<H>::Client(value);
}
template<class T>
typename api::Out<T>::Client out(T *pointer)
{
    return typename api::Out<T>::Client(pointer);
}
inline api::Pointer::Client at(CUdeviceptr pointer)
{
    return api::Pointer::Client(pointer);
}

} // namespace vgpu::client
