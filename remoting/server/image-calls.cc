// SPDX-License-Identifier: Apache-2.0
// Modules and libraries: images in, globals out.
#include "remoting/base/log.h"
#include "remoting/image/variables.h"
#include "remoting/server/calls.h"
#include "remoting/server/image-check.h"
#include "remoting/server/jit-options.h"

#include <algorithm>
#include <exception>

namespace vgpu::server::calls
{
namespace
{

struct Load {
    uint64_t image = 0, id = 0;
    JitOptions jit;
};

Load decode_load(Request &request)
{
    Load load;
    load.image = request.in.u64();
    load.id = request.in.u64();
    load.jit.get_logs(request.in);
    load.jit.get_numbers(request.in);
    request.check_done();
    load.jit.add_logs();
    return load;
}

// What the image's variables will take of the current context's device, or of the first slice's
// for a library that comes before any context.
CUresult measure(Session &session, Load &load, std::span<const std::byte> image, uint64_t &bytes)
{
    Context *context = session.contexts.current();
    CUdevice device = session.slices[context ? context->slice : 0].device;
    int major = 0, minor = 0;
    session.driver.cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                                        device);
    session.driver.cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                                        device);
    try {
        bytes = image::variable_bytes(image, unsigned(major * 10 + minor));
        bytes = image::add_aligned(bytes, 0, Memory::kAlignment);
        return CUDA_SUCCESS;
    } catch (const std::exception &error) {
        log(Level::warning, "an image of %zu bytes is refused: %s", image.size(), error.what());
        load.jit.say_error(error.what());
        return image[0] == std::byte{'P'} || image[0] == std::byte{0x7f} ? CUDA_ERROR_INVALID_IMAGE
                                                                         : CUDA_ERROR_INVALID_PTX;
    }
}

// The driver would take the device's memory first and fail second.
CUresult hold(Session &session, api::Kind kind, uint64_t bytes)
{
    if (kind == api::Kind::library)
        return session.hold_library(bytes);
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    bool held = session.memory.hold(context->slice, context->word, Memory::Held::module, 0, bytes);
    return held ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

// Once the driver has answered: `handle` is null if it has refused.
void settle(Session &session, api::Kind kind, void *handle, uint64_t bytes)
{
    Memory::Held what = kind == api::Kind::library ? Memory::Held::library : Memory::Held::module;
    if (!handle)
        session.memory.let_go(what, 0);
    else if (kind == api::Kind::library)
        session.name_library(CUlibrary(handle), bytes);
    else
        session.memory.name_held(session.contexts.current()->word, what, uint64_t(handle));
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
    uint64_t bytes = 0;
    if (result == CUDA_SUCCESS)
        result = measure(session, load, *image, bytes);
    if (result == CUDA_SUCCESS)
        result = hold(session, kind, bytes);
    if (result == CUDA_SUCCESS) {
        void *handle = nullptr;
        result = make(load, image->data(), handle);
        settle(session, kind, result == CUDA_SUCCESS ? handle : nullptr, bytes);
        if (result == CUDA_SUCCESS)
            session.handles.add(load.id, handle, 0);
    }
    if (!request.wants_reply)
        return session.answer(request, result);
    session.reply.clear();
    wire::Encoder out(session.reply);
    load.jit.put_logs(out);
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
        CUresult result = session.driver.cuModuleLoadDataEx(&module, image, load.jit.count(),
                                                            load.jit.options(), load.jit.values());
        handle = module;
        return result;
    });
}

void vgpuLibraryLoad(Session &session, Request &request)
{
    load(session, request, api::Kind::library, [&](Load &load, const void *image, void *&handle) {
        CUlibrary library = nullptr;
        CUresult result =
            session.driver.cuLibraryLoadData(&library, image, load.jit.options(), load.jit.values(),
                                             load.jit.count(), nullptr, nullptr, 0);
        handle = library;
        return result;
    });
}

CUresult cuModuleUnload(Session &session, CUmodule module)
{
    session.memory.drop_ranges(uint64_t(module));
    session.contexts.let_ask();
    CUresult result = session.driver.cuModuleUnload(module);
    if (result == CUDA_SUCCESS)
        session.memory.let_go(Memory::Held::module, uint64_t(module));
    return result;
}

CUresult cuLibraryUnload(Session &session, CUlibrary library)
{
    session.memory.drop_ranges(uint64_t(library));
    session.contexts.let_ask();
    CUresult result = session.driver.cuLibraryUnload(library);
    if (result == CUDA_SUCCESS)
        session.forget_library(library);
    return result;
}

CUresult cuModuleGetGlobal_v2(Session &session, CUdeviceptr *pointer, size_t *bytes,
                              CUmodule module, const char *name)
{
    CUresult result = session.driver.cuModuleGetGlobal_v2(pointer, bytes, module, name);
    if (result == CUDA_SUCCESS)
        session.memory.add_range(*pointer, *bytes, uint64_t(module));
    return result;
}

CUresult cuLibraryGetManaged(Session &session, CUdeviceptr *pointer, size_t *bytes,
                             CUlibrary library, const char *name)
{
    CUresult result = session.driver.cuLibraryGetManaged(pointer, bytes, library, name);
    if (result == CUDA_SUCCESS)
        session.memory.add_range(*pointer, *bytes, uint64_t(library));
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
