// SPDX-License-Identifier: Apache-2.0
// One call of a library: decoded by its parameters' halves, made, answered. Instantiated by the
// generated tables.
#pragma once

#include "remoting/api/library-params.h"
#include "remoting/server/libraries.h"
#include "remoting/server/library-rows.h"
#include "remoting/server/session.h"

#include <tuple>

namespace vgpu::server
{

// What the parameters of remoting/api/library-params.h look up.
class LibraryNames
{
public:
    LibraryNames(Session &session, Libraries &libraries, Libraries::Opened &library)
        : session_(session), libraries_(libraries), library_(library)
    {
    }
    CUresult find(api::Kind kind, uint64_t id, void *&handle) const
    {
        return session_.handles.find(kind, id, handle);
    }
    CUresult pointer(CUdeviceptr pointer) const { return session_.handles.pointer(pointer); }
    CUresult object(uint32_t type, uint64_t id, void *&handle, uint32_t &mode) const;
    CUresult claim_object(uint64_t id) const { return libraries_.claim(id); }
    void add_object(uint32_t type, uint64_t id, void *handle);

    // What the library goes on reading with that object, until there is something else in the slot.
    void keep(uint64_t id, uint32_t slot, std::shared_ptr<void> what);

    // Another function of the library, for parameters that have to be made; null if it has none.
    // `name` is a literal.
    void *function(const char *name) const { return library_.helper(name); }
    CUresult result_of(int status) const
    {
        return status == 0 ? CUDA_SUCCESS : library_.about->result_of(status);
    }

private:
    Session &session_;
    Libraries &libraries_;
    Libraries::Opened &library_;
};

struct LibraryRequest {
    Session &session;
    Request &request;
    Libraries &libraries;
    Libraries::Opened &library;
    const LibraryRow &row;
    void *function;

    void answer(CUresult result);
    void answer(int status, std::span<const std::byte> outputs);

    // The library's function, measured if the slice has a share; `place`: the id of the stream that
    // it works in.
    template<class Function>
    CUresult measured(uint64_t place, int &status, Function &&function);

    void destroy(uint64_t id);

private:
    bool share(uint64_t place, CUstream &stream);
};

template<class Function>
CUresult LibraryRequest::measured(uint64_t place, int &status, Function &&function)
{
    CUstream stream = nullptr;
    if (!(row.effects & LibraryRow::works) || !share(place, stream)) {
        status = function();
        return CUDA_SUCCESS;
    }
    Context &context = *session.contexts.current();
    Throttle &throttle = *session.throttles[context.slice];
    CUevent start = nullptr;
    if (CUresult result = throttle.before(context, stream, start); result != CUDA_SUCCESS)
        return result;
    status = function();
    throttle.after(context, stream, start);
    return CUDA_SUCCESS;
}

// With the types that the parameters' halves have: the library's differ in const alone.
template<class... A>
VGPU_ANY_FUNCTION int call_function(void *function, A... arguments)
{
    return reinterpret_cast<int (*)(A...)>(function)(arguments...);
}

template<class... P>
void serve_library(LibraryRequest &call)
{
    std::tuple<typename P::Server...> halves;
    LibraryNames names(call.session, call.libraries, call.library);
    CUresult result = CUDA_SUCCESS;
    auto keep_first = [&](CUresult one) { result = result == CUDA_SUCCESS ? one : result; };
    auto take = [&](auto &half) {
        if constexpr (requires { half.is_late; })
            keep_first(half.get(call.request.in, names, halves));
        else
            keep_first(half.get(call.request.in, names));
    };
    std::apply([&](auto &...half) { (take(half), ...); }, halves);
    call.request.check_done();
    std::apply([&](auto &...half) { (keep_first(half.bind(halves)), ...); }, halves);
    if (result != CUDA_SUCCESS)
        return call.answer(result);

    uint64_t id = 0; // of the object that it is about
    bool turned = false;
    if constexpr (sizeof...(P) > 0) {
        auto &first = std::get<0>(halves);
        if constexpr (requires { first.mode; }) {
            id = first.id;
            auto look = [&](auto &half) {
                if constexpr (requires { half.turned(); })
                    turned = turned || half.turned();
            };
            std::apply([&](auto &...half) { (look(half), ...); }, halves);
            // A client that lies about the mode has its own results in the wrong place.
            if (turned && (!call.library.set_mode || first.mode != 0))
                return call.answer(CUDA_ERROR_INVALID_VALUE);
            if (call.row.effects & LibraryRow::destroys)
                return call.destroy(id);
            if (turned)
                call.library.set_mode(first.arg(), 1);
        }
    }
    const Libraries::Object *about = id ? call.libraries.find(id) : nullptr;
    uint64_t place = about ? about->stream : 0;
    auto find_place = [&](auto &half) {
        if constexpr (requires { half.is_place; })
            place = half.id;
    };
    std::apply([&](auto &...half) { (find_place(half), ...); }, halves);
    int status = 0;
    result = call.measured(place, status, [&] {
        return std::apply(
            [&](auto &...half) { return call_function(call.function, half.arg()...); }, halves);
    });
    if constexpr (sizeof...(P) > 0) {
        if (turned)
            call.library.set_mode(reinterpret_cast<void *>(std::get<0>(halves).arg()), 0);
    }
    if (result != CUDA_SUCCESS)
        return call.answer(result);
    if (status != 0)
        return call.answer(status, {});
    std::apply([&](auto &...half) { (half.done(names, 0), ...); }, halves);
    if constexpr (sizeof...(P) == 2) {
        auto &second = std::get<1>(halves);
        Libraries::Object *object = id ? call.libraries.find(id) : nullptr;
        if constexpr (requires { uint32_t(second.value); })
            if (object && call.row.effects & LibraryRow::sets_mode)
                object->mode = uint32_t(second.value);
        if constexpr (requires { second.id; })
            if (object && call.row.effects & LibraryRow::sets_stream)
                object->stream = second.id;
    }
    std::vector<std::byte> &reply = call.session.reply;
    reply.clear();
    wire::Encoder out(reply);
    out.i64(status);
    std::apply([&](auto &...half) { (half.put(out), ...); }, halves);
    call.answer(status, reply);
}

} // namespace vgpu::server
