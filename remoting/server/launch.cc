// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/launch.h"

#include "remoting/server/calls.h"

#include <limits>

namespace vgpu::server
{
namespace
{

constexpr uint32_t kCooperative = 1; // a flag of vgpuLaunch
constexpr size_t kMostParameters = 4096;

} // namespace

CUresult parameter(const Driver &driver, uint64_t id, void *handle, size_t index, size_t &offset,
                   size_t &bytes)
{
    if (api::kind_of(id) == api::Kind::kernel)
        return driver.cuKernelGetParamInfo(CUkernel(handle), index, &offset, &bytes);
    return driver.cuFuncGetParamInfo(CUfunction(handle), index, &offset, &bytes);
}

size_t parameter_bytes(const Driver &driver, uint64_t id, Handles::Entry &function)
{
    if (function.parameters < 0) {
        size_t end = 0, offset, bytes;
        for (size_t i = 0; i < kMostParameters; ++i) {
            if (parameter(driver, id, function.handle, i, offset, bytes) != CUDA_SUCCESS)
                break;
            end = offset + bytes;
        }
        function.parameters = int64_t(end);
    }
    return size_t(function.parameters);
}

namespace calls
{

void vgpuFunctionInfo(Session &session, Request &request)
{
    uint64_t id = request.in.u64();
    request.check_done();
    Handles::Entry *function = session.handles.function(id);
    Context *context = session.contexts.current();
    if (!function || !context)
        return session.answer(request,
                              function ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_HANDLE);
    const Driver &driver = session.driver;
    CUdevice device = session.slices[context->slice].device;
    std::vector<int32_t> attributes(CU_FUNC_ATTRIBUTE_MAX);
    for (size_t i = 0; i < attributes.size(); ++i) {
        int value = 0;
        auto attribute = CUfunction_attribute(i);
        CUresult result =
            api::kind_of(id) == api::Kind::kernel
                ? driver.cuKernelGetAttribute(&value, attribute, CUkernel(function->handle), device)
                : driver.cuFuncGetAttribute(&value, attribute, CUfunction(function->handle));
        attributes[i] = result == CUDA_SUCCESS ? value : std::numeric_limits<int32_t>::min();
    }
    std::vector<uint64_t> layout;
    for (size_t i = 0, offset, bytes; i < kMostParameters; ++i) {
        if (parameter(driver, id, function->handle, i, offset, bytes) != CUDA_SUCCESS)
            break;
        layout.push_back(offset);
        layout.push_back(bytes);
    }
    session.reply.clear();
    wire::Encoder out(session.reply);
    out.u64(attributes.size());
    out.bytes(std::as_bytes(std::span(attributes)));
    out.u64(layout.size() / 2);
    out.bytes(std::as_bytes(std::span(layout)));
    session.replies.send(request.reply_to(), CUDA_SUCCESS, session.reply);
}

CUresult vgpuLaunch(Session &session, uint64_t id, uint32_t grid_x, uint32_t grid_y,
                    uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z,
                    uint32_t shared, uint32_t flags, CUstream stream,
                    const unsigned char *parameters, uint64_t n)
{
    Handles::Entry *entry = session.handles.function(id);
    Context *context = session.contexts.current();
    if (!entry)
        return CUDA_ERROR_INVALID_HANDLE;
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    size_t bytes = parameter_bytes(session.driver, id, *entry);
    if (n < bytes)
        return CUDA_ERROR_INVALID_VALUE;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, const_cast<unsigned char *>(parameters),
                     CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    void **packed = bytes ? extra : nullptr;
    auto function = CUfunction(entry->handle);

    session.replies.may_print(true);
    Throttle &throttle = *session.throttles[context->slice];
    CUevent start = nullptr;
    bool measured = throttle.on() && !session.captures.captures(stream);
    if (measured) {
        if (CUresult result = throttle.before(*context, stream, start); result != CUDA_SUCCESS)
            return result;
    }
    CUresult result;
    if (flags) {
        CUlaunchAttribute attributes[2] = {};
        unsigned count = 0;
        if (flags & kCooperative) {
            attributes[count].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
            attributes[count++].value.cooperative = 1;
        }
        if (flags >> 8) {
            attributes[count].id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
            attributes[count++].value.clusterDim = {flags >> 8 & 0xff, flags >> 16 & 0xff,
                                                    flags >> 24};
        }
        CUlaunchConfig config{};
        config.gridDimX = grid_x;
        config.gridDimY = grid_y;
        config.gridDimZ = grid_z;
        config.blockDimX = block_x;
        config.blockDimY = block_y;
        config.blockDimZ = block_z;
        config.sharedMemBytes = shared;
        config.hStream = stream;
        config.attrs = attributes;
        config.numAttrs = count;
        result = session.driver.cuLaunchKernelEx(&config, function, nullptr, packed);
    } else {
        result = session.driver.cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y,
                                               block_z, shared, stream, nullptr, packed);
    }
    if (measured)
        throttle.after(*context, stream, start);
    if (result == CUDA_SUCCESS) // partner: vgpud, which only reads
        session.slices[context->slice].page->launches.fetch_add(1, std::memory_order_relaxed);
    return result;
}

} // namespace calls
} // namespace vgpu::server
