// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/call.h"

#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/client/errors.h"

#include <mutex>
#include <new>
#include <set>
#include <string>

namespace vgpu::client
{

uint64_t new_id(api::Kind kind) noexcept
{
    CUresult why;
    Session *session = Session::get(why);
    return session ? session->new_id(kind) : 0;
}

CUresult refused(const char *name, const char *reason) noexcept
{
    try {
        // On the heap for ever, since destructors of the program may call us.
        static auto &mutex = *new std::mutex;
        static auto &told = *new std::set<std::string>;
        std::lock_guard lock(mutex);
        if (told.insert(name).second)
            log(Level::warning, "%s is not supported: %s", name, reason);
    } catch (...) {
        // Without memory the line is lost, the answer is not.
    }
    return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult caught() noexcept
{
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    } catch (const std::exception &error) {
        log(Level::error, "%s", error.what());
        return CUDA_ERROR_UNKNOWN;
    }
}

bool Answer::arrived(const wire::Header &header, std::span<const std::byte> body)
{
    result = CUresult(header.word);
    body_.assign(body.begin(), body.end());
    return true;
}

CUresult exchange(Session &session, uint32_t word, api::Call call, Request &request, Answer &answer,
                  std::span<const std::byte> body)
{
    Connection &connection = session.connection();
    if (!connection.send(uint16_t(call), word, request.bytes(), body, &answer))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    if (!connection.wait(answer))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    return answer.result;
}

CUresult post(Session &session, uint32_t word, api::Call call, Request &request,
              std::span<const std::byte> body)
{
    // Each call of a capture may be the one that ends it.
    if (session.captures.any()) [[unlikely]] {
        Answer answer;
        return exchange(session, word, call, request, answer, body);
    }
    if (!session.connection().send(uint16_t(call), word, request.bytes(), body))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    return CUDA_SUCCESS;
}

CUresult misunderstood(Session &session, api::Call call, const char *why) noexcept
{
    try {
        session.connection().give_up(text("its reply to %s could not be understood (%s)",
                                          call_name(uint32_t(call)), *why ? why : "too long"));
    } catch (...) {
        return caught();
    }
    return CUDA_ERROR_DEVICE_UNAVAILABLE;
}

} // namespace vgpu::client
