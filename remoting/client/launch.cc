// SPDX-License-Identifier: Apache-2.0
// Launches. What can be known at home is checked at home, so that a bad configuration is an error
// of the launch itself; the rest of it is one message and no answer. Nothing here allocates once a
// thread's buffer has grown.
#include "remoting/client/entry-of-launch.h"
#include "remoting/client/function.h"
#include "remoting/client/launch-attributes.h"
#include "remoting/client/occupancy.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

#include <climits>
#include <cstring>
#include <span>

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

namespace
{

struct Shape {
    unsigned grid[3];
    unsigned block[3];
    unsigned shared;
    CUstream stream;
    std::span<CUlaunchAttribute> attributes = {};
    bool cooperative = false; // one of them says so
};

CUresult check(const Device &device, Function &function, const Shape &shape)
{
    static constexpr CUdevice_attribute kGrid[] = {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X,
                                                   CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y,
                                                   CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z};
    static constexpr CUdevice_attribute kBlock[] = {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X,
                                                    CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y,
                                                    CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z};
    for (int i = 0; i < 3; ++i)
        if (shape.grid[i] == 0 || shape.block[i] == 0 ||
            shape.grid[i] > unsigned(device[kGrid[i]]) ||
            shape.block[i] > unsigned(device[kBlock[i]]))
            return CUDA_ERROR_INVALID_VALUE;
    uint64_t threads = uint64_t(shape.block[0]) * shape.block[1] * shape.block[2];
    if (threads > unsigned(device[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK]))
        return CUDA_ERROR_INVALID_VALUE;
    // Fewer than the device allows, but more than this function's registers do.
    int most = function.attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
    if (most > 0 && threads > unsigned(most))
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    int dynamic = function.attribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
    if (dynamic >= 0 && shape.shared > unsigned(dynamic))
        return CUDA_ERROR_INVALID_VALUE;
    if (!shape.cooperative)
        return CUDA_SUCCESS;
    // All blocks of a cooperative launch must be resident at once.
    int resident = 0;
    CUresult result = active_blocks(function, int(threads), shape.shared, 0, resident);
    if (result != CUDA_SUCCESS)
        return result;
    uint64_t blocks = uint64_t(shape.grid[0]) * shape.grid[1] * shape.grid[2];
    uint64_t room = uint64_t(resident) * unsigned(device[CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT]);
    return blocks <= room ? CUDA_SUCCESS : CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
}

// The buffer that `extra` names instead of single parameters.
bool read_extra(void **extra, const void *&buffer, size_t &bytes)
{
    for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
        if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER)
            buffer = extra[1];
        else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE && extra[1])
            bytes = *static_cast<size_t *>(extra[1]);
        else
            return false;
    }
    return true;
}

} // namespace

namespace vgpu::client
{

CUresult put_parameters(wire::Encoder &out, const Function &function, void **parameters,
                        void **extra)
{
    size_t n = function.parameter_bytes;
    out.u64(n);
    if (extra) {
        const void *buffer = nullptr;
        size_t bytes = 0;
        if (parameters || !read_extra(extra, buffer, bytes) || bytes < n || (!buffer && n))
            return CUDA_ERROR_INVALID_VALUE;
        out.bytes({static_cast<const std::byte *>(buffer), n});
        return CUDA_SUCCESS;
    }
    if (!parameters && n != 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::byte *to = out.space(n);
    for (size_t i = 0; i < function.parameters.size(); ++i) {
        if (!parameters[i])
            return CUDA_ERROR_INVALID_VALUE;
        std::memcpy(to + function.parameters[i].offset, parameters[i], function.parameters[i].size);
    }
    return CUDA_SUCCESS;
}

} // namespace vgpu::client

namespace
{

// The launch as it travels, in the order of vgpuLaunch's line or, where it has attributes, of
// vgpuLaunchWith's.
CUresult put(wire::Encoder &out, const Function &function, const Shape &shape, void **parameters,
             void **extra)
{
    // In one piece.
    const uint64_t fixed[] = {function.id,    shape.grid[0],  shape.grid[1],
                              shape.grid[2],  shape.block[0], shape.block[1],
                              shape.block[2], shape.shared,   api::id_of(shape.stream)};
    out.bytes(std::as_bytes(std::span(fixed)));
    if (!shape.attributes.empty()) {
        out.u64(shape.attributes.size_bytes());
        out.bytes(std::as_bytes(shape.attributes));
    }
    return put_parameters(out, function, parameters, extra);
}

CUresult launch(CUfunction handle, Shape shape, void **parameters, void **extra)
{
    return entry_of_launch(shape.stream, [&](Session &session, Context &context) -> CUresult {
        Function *function = find_function_again(session, handle);
        if (!function || !good_stream(session, shape.stream))
            return CUDA_ERROR_INVALID_HANDLE;
        CUresult result = describe(session, *function);
        if (result == CUDA_SUCCESS)
            result = check(session.devices()[size_t(context.device)], *function, shape);
        if (result != CUDA_SUCCESS)
            return result;
        DeviceWork work(session, context, shape.stream);
        if (work.result != CUDA_SUCCESS)
            return work.result;
        if (!shape.attributes.empty()) [[unlikely]]
            return send_attributed(
                session, context, shape.stream, shape.attributes,
                [&](wire::Encoder &out) { return put(out, *function, shape, parameters, extra); });
        Request request;
        result = put(request.out(), *function, shape, parameters, extra);
        return result == CUDA_SUCCESS
                   ? post(session, context.word(), api::Call::vgpuLaunch, request)
                   : result;
    });
}

CUresult launch(const CUlaunchConfig &config, CUstream stream, CUfunction function,
                void **parameters, void **extra)
{
    Shape shape{{config.gridDimX, config.gridDimY, config.gridDimZ},
                {config.blockDimX, config.blockDimY, config.blockDimZ},
                config.sharedMemBytes,
                stream};
    if (config.numAttrs && !config.attrs)
        return CUDA_ERROR_INVALID_VALUE;
    shape.attributes = {config.attrs, config.numAttrs};
    CUresult result = read_attributes(shape.attributes, shape.cooperative);
    return result == CUDA_SUCCESS ? launch(function, shape, parameters, extra) : result;
}

CUresult launch_cooperatively(CUfunction function, Shape shape, void **parameters)
{
    CUlaunchAttribute cooperative{};
    cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    cooperative.value.cooperative = 1;
    shape.attributes = {&cooperative, 1};
    shape.cooperative = true;
    return launch(function, shape, parameters, nullptr);
}

} // namespace

VGPU_ENTRY cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                          unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                          CUstream stream, void **parameters, void **extra)
{
    return launch(function, {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, stream},
                  parameters, extra);
}

VGPU_ENTRY cuLaunchKernel_ptsz(CUfunction function, unsigned grid_x, unsigned grid_y,
                               unsigned grid_z, unsigned block_x, unsigned block_y,
                               unsigned block_z, unsigned shared, CUstream stream,
                               void **parameters, void **extra)
{
    return launch(
        function,
        {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, per_thread(stream)},
        parameters, extra);
}

VGPU_ENTRY cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                     unsigned grid_z, unsigned block_x, unsigned block_y,
                                     unsigned block_z, unsigned shared, CUstream stream,
                                     void **parameters)
{
    return launch_cooperatively(
        function, {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, stream},
        parameters);
}

VGPU_ENTRY cuLaunchCooperativeKernel_ptsz(CUfunction function, unsigned grid_x, unsigned grid_y,
                                          unsigned grid_z, unsigned block_x, unsigned block_y,
                                          unsigned block_z, unsigned shared, CUstream stream,
                                          void **parameters)
{
    return cuLaunchCooperativeKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z,
                                     shared, per_thread(stream), parameters);
}

VGPU_ENTRY cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters,
                            void **extra)
{
    return config ? launch(*config, config->hStream, function, parameters, extra)
                  : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuLaunchKernelEx_ptsz(const CUlaunchConfig *config, CUfunction function,
                                 void **parameters, void **extra)
{
    return config ? launch(*config, per_thread(config->hStream), function, parameters, extra)
                  : CUDA_ERROR_INVALID_VALUE;
}
