// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/launch.h"

#include "remoting/api/launch-attributes.h"
#include "remoting/server/calls.h"

#include <cstddef>
#include <cstring>
#include <limits>

namespace vgpu::server
{
namespace
{

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

CUresult read_attribute(Session &session, CUlaunchAttributeID id,
                        std::span<const unsigned char> bytes, CUlaunchAttributeValue &value)
{
    if (bytes.size() != sizeof value)
        return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(&value, bytes.data(), sizeof value);
    auto event = [&](CUevent &it) {
        void *handle = nullptr;
        CUresult result = session.handles.find(api::Kind::event, api::id_of(it), handle);
        it = CUevent(handle);
        return result;
    };
    switch (id) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW: {
        auto &window = value.accessPolicyWindow;
        return window.num_bytes ? session.handles.pointer(CUdeviceptr(window.base_ptr))
                                : CUDA_SUCCESS;
    }
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
        return event(value.programmaticEvent.event);
#if CUDA_VERSION >= 12030
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
        return event(value.launchCompletionEvent.event);
#endif
#if CUDA_VERSION >= 12040
    case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
        value.deviceUpdatableKernelNode.devNode = nullptr;
        return CUDA_SUCCESS;
#endif
    default: // plain data
        return api::is_known_attribute(id) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    }
}

// A launch of `id`, with what `config` says of its shape.
static CUresult launch(Session &session, uint64_t id, CUlaunchConfig config,
                       std::span<const unsigned char> parameters)
{
    Handles::Entry *entry = session.handles.function(id);
    Context *context = session.contexts.current();
    if (!entry)
        return CUDA_ERROR_INVALID_HANDLE;
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    size_t bytes = parameter_bytes(session.driver, id, *entry);
    if (parameters.size() < bytes)
        return CUDA_ERROR_INVALID_VALUE;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, const_cast<unsigned char *>(parameters.data()),
                     CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    void **packed = bytes ? extra : nullptr;
    auto function = CUfunction(entry->handle);

    session.replies.may_print(true);
    Throttle &throttle = *session.throttles[context->slice];
    CUstream stream = config.hStream;
    CUevent start = nullptr;
    bool measured = throttle.on() && !session.captures.captures(stream);
    if (measured) {
        if (CUresult result = throttle.before(*context, stream, start); result != CUDA_SUCCESS)
            return result;
    }
    CUresult result = config.numAttrs
                          ? session.driver.cuLaunchKernelEx(&config, function, nullptr, packed)
                          : session.driver.cuLaunchKernel(
                                function, config.gridDimX, config.gridDimY, config.gridDimZ,
                                config.blockDimX, config.blockDimY, config.blockDimZ,
                                config.sharedMemBytes, stream, nullptr, packed);
    if (measured)
        throttle.after(*context, stream, start);
    if (result == CUDA_SUCCESS) // partner: vgpud, which only reads
        session.slices[context->slice].page->launches.fetch_add(1, std::memory_order_relaxed);
    return result;
}

static CUlaunchConfig shape_of(uint32_t grid_x, uint32_t grid_y, uint32_t grid_z, uint32_t block_x,
                               uint32_t block_y, uint32_t block_z, uint32_t shared, CUstream stream)
{
    return {grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream, nullptr, 0};
}

// Of `list`, as long as that is.
static CUresult read_attributes(Session &session, std::span<const unsigned char> bytes,
                                std::vector<CUlaunchAttribute> &list)
{
    if (bytes.empty() || bytes.size() % sizeof list[0] != 0 ||
        bytes.size() / sizeof list[0] > api::kMostAttributes)
        return CUDA_ERROR_INVALID_VALUE;
    list.resize(bytes.size() / sizeof list[0]);
    for (size_t i = 0; i < list.size(); ++i) {
        auto one = bytes.subspan(i * sizeof list[i], sizeof list[i]);
        std::memcpy(&list[i].id, one.data(), sizeof list[i].id);
        CUresult result = read_attribute(
            session, list[i].id, one.subspan(offsetof(CUlaunchAttribute, value)), list[i].value);
        if (result != CUDA_SUCCESS)
            return result;
    }
    return CUDA_SUCCESS;
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
                    uint32_t shared, CUstream stream, const unsigned char *parameters, uint64_t n)
{
    return launch(session, id,
                  shape_of(grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream),
                  {parameters, n});
}

CUresult vgpuLaunchWith(Session &session, uint64_t id, uint32_t grid_x, uint32_t grid_y,
                        uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z,
                        uint32_t shared, CUstream stream, const unsigned char *attributes,
                        uint64_t a, const unsigned char *parameters, uint64_t n)
{
    uint64_t none = 0;
    return vgpuLaunchUpdatable(session, id, grid_x, grid_y, grid_z, block_x, block_y, block_z,
                               shared, stream, attributes, a, parameters, n, &none);
}

CUresult vgpuLaunchUpdatable(Session &session, uint64_t id, uint32_t grid_x, uint32_t grid_y,
                             uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z,
                             uint32_t shared, CUstream stream, const unsigned char *attributes,
                             uint64_t a, const unsigned char *parameters, uint64_t n,
                             uint64_t *node)
{
    std::vector<CUlaunchAttribute> list;
    CUresult result = read_attributes(session, {attributes, a}, list);
    if (result != CUDA_SUCCESS)
        return result;
    CUlaunchConfig config =
        shape_of(grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream);
    config.attrs = list.data();
    config.numAttrs = unsigned(list.size());
    result = launch(session, id, config, {parameters, n});
    *node = 0;
#if CUDA_VERSION >= 12040
    for (auto &attribute : list)
        if (attribute.id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE)
            *node = reinterpret_cast<uint64_t>(attribute.value.deviceUpdatableKernelNode.devNode);
#endif
    return result;
}

} // namespace calls
} // namespace vgpu::server
