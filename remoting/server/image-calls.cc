// SPDX-License-Identifier: Apache-2.0
// Modules and libraries: images in, globals out.
#include "remoting/base/log.h"
#include "remoting/server/calls.h"
#include "remoting/server/image-check.h"

#include <algorithm>
#include <cstring>

namespace vgpu::server::calls
{
namespace
{

// Options whose value is a number. The others are pointers into the client, or not for it to
// decide.
bool plain_option(uint64_t option)
{
    switch (option) {
    case CU_JIT_MAX_REGISTERS:
    case CU_JIT_THREADS_PER_BLOCK:
    case CU_JIT_OPTIMIZATION_LEVEL:
    case CU_JIT_TARGET_FROM_CUCONTEXT:
    case CU_JIT_TARGET:
    case CU_JIT_FALLBACK_STRATEGY:
    case CU_JIT_GENERATE_DEBUG_INFO:
    case CU_JIT_LOG_VERBOSE:
    case CU_JIT_GENERATE_LINE_INFO:
    case CU_JIT_CACHE_MODE:
        return true;
    default:
        return false;
    }
}

struct Load {
    uint64_t image = 0, id = 0;
    std::vector<char> info, error; // the driver's logs
    std::vector<CUjit_option> options;
    std::vector<void *> values;

    void add(CUjit_option option, void *value)
    {
        options.push_back(option);
        values.push_back(value);
    }

    void add_log(std::vector<char> &log, uint64_t bytes, CUjit_option buffer, CUjit_option size)
    {
        if (bytes == 0)
            return;
        log.resize(bytes);
        add(buffer, log.data());
        add(size, reinterpret_cast<void *>(bytes));
    }
};

Load decode_load(Request &request)
{
    constexpr uint64_t kMostOptions = 64;
    wire::Decoder &in = request.in;
    Load load;
    load.image = in.u64();
    load.id = in.u64();
    uint64_t info = in.u64(), error = in.u64(), n = in.u64();
    if (info > api::kMaxString || error > api::kMaxString || n > kMostOptions)
        in.fail("a log or a list of options is longer than allowed");
    for (uint64_t i = 0; i < n && in.ok(); ++i) {
        uint64_t option = in.u64(), value = in.u64();
        if (plain_option(option))
            load.add(CUjit_option(option), reinterpret_cast<void *>(value));
    }
    request.check_done();
    load.add_log(load.info, info, CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES);
    load.add_log(load.error, error, CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
    return load;
}

std::string_view text_of(const std::vector<char> &log)
{
    return log.empty() ? std::string_view()
                       : std::string_view(log.data(), strnlen(log.data(), log.size()));
}

// `make` hands a checked image to the driver and gives the handle.
template<class Make>
void load(Session &session, Request &request, api::Kind kind, Make &&make)
{
    Load load = decode_load(request);
    CUresult result = session.handles.claim(kind, load.id);
    const std::vector<std::byte> *image = session.images.find(load.image);
    if (result == CUDA_SUCCESS && !image)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS) {
        if (const char *fault = image_fault(*image)) {
            log(Level::warning, "an image of %zu bytes is refused: %s", image->size(), fault);
            result = CUDA_ERROR_INVALID_IMAGE;
        }
    }
    void *handle = nullptr;
    if (result == CUDA_SUCCESS)
        result = make(load, image->data(), handle);
    if (result == CUDA_SUCCESS)
        session.handles.add(load.id, handle, 0);
    if (!request.wants_reply)
        return session.answer(request, result);
    session.reply.clear();
    wire::Encoder out(session.reply);
    out.string(text_of(load.info));
    out.string(text_of(load.error));
    session.replies.send(request.reply_to(), result, session.reply);
}

} // namespace

CUresult vgpuImageData(Session &session, uint64_t image, uint64_t total, uint64_t offset,
                       const unsigned char *data, uint64_t n)
{
    return session.images.add(image, total, offset, std::as_bytes(std::span(data, n)));
}

CUresult vgpuImageDrop(Session &session, uint64_t image)
{
    session.images.drop(image);
    return CUDA_SUCCESS;
}

void vgpuModuleLoad(Session &session, Request &request)
{
    load(session, request, api::Kind::module, [&](Load &load, const void *image, void *&handle) {
        CUmodule module = nullptr;
        CUresult result = session.driver.cuModuleLoadDataEx(
            &module, image, unsigned(load.options.size()), load.options.data(), load.values.data());
        handle = module;
        return result;
    });
}

void vgpuLibraryLoad(Session &session, Request &request)
{
    load(session, request, api::Kind::library, [&](Load &load, const void *image, void *&handle) {
        CUlibrary library = nullptr;
        CUresult result = session.driver.cuLibraryLoadData(
            &library, image, load.options.data(), load.values.data(), unsigned(load.options.size()),
            nullptr, nullptr, 0);
        handle = library;
        return result;
    });
}

CUresult cuModuleUnload(Session &session, CUmodule module)
{
    session.memory.drop_ranges(uint64_t(module));
    return session.driver.cuModuleUnload(module);
}

CUresult cuLibraryUnload(Session &session, CUlibrary library)
{
    session.memory.drop_ranges(uint64_t(library));
    return session.driver.cuLibraryUnload(library);
}

CUresult cuModuleGetGlobal_v2(Session &session, CUdeviceptr *pointer, size_t *bytes,
                              CUmodule module, const char *name)
{
    CUresult result = session.driver.cuModuleGetGlobal_v2(pointer, bytes, module, name);
    if (result == CUDA_SUCCESS)
        session.memory.add_range(*pointer, *bytes, uint64_t(module));
    return result;
}

CUresult cuLibraryGetGlobal(Session &session, CUdeviceptr *pointer, size_t *bytes,
                            CUlibrary library, const char *name)
{
    CUresult result = session.driver.cuLibraryGetGlobal(pointer, bytes, library, name);
    if (result == CUDA_SUCCESS)
        session.memory.add_range(*pointer, *bytes, uint64_t(library));
    return result;
}

} // namespace vgpu::server::calls
