// SPDX-License-Identifier: Apache-2.0
// Launches as they were before CUDA 4: block shape, shared memory and parameters are state of the
// function, kept here until the launch, which is one of today's.
#include "remoting/client/entry.h"
#include "remoting/client/function.h"

#include <cstring>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

constexpr size_t kMostParameters = 4096; // bytes, the driver's own limit

// body(Function &, OldLaunch &), the function locked.
template<class Body>
CUresult with_function(CUfunction handle, Body &&body)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        auto function = session.functions.find(api::id_of(handle));
        if (!function || api::kind_of(api::id_of(handle)) != api::Kind::function)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(function->mutex);
        return body(function->old_launch);
    });
}

CUresult set_parameter(CUfunction handle, int offset, const void *value, size_t bytes)
{
    return with_function(handle, [&](OldLaunch &old) -> CUresult {
        if (!value || offset < 0 || size_t(offset) > kMostParameters ||
            bytes > kMostParameters - size_t(offset))
            return CUDA_ERROR_INVALID_VALUE;
        if (old.parameters.size() < size_t(offset) + bytes)
            old.parameters.resize(size_t(offset) + bytes);
        std::memcpy(old.parameters.data() + offset, value, bytes);
        return CUDA_SUCCESS;
    });
}

CUresult launch(CUfunction handle, int width, int height, CUstream stream)
{
    OldLaunch old;
    CUresult result = with_function(handle, [&](OldLaunch &state) -> CUresult {
        old = state;
        return state.block[0] == 0 || width <= 0 || height <= 0 ? CUDA_ERROR_INVALID_VALUE
                                                                : CUDA_SUCCESS;
    });
    if (result != CUDA_SUCCESS)
        return result;
    size_t bytes = old.parameters.size();
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, old.parameters.data(),
                     CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    return cuLaunchKernel(handle, unsigned(width), unsigned(height), 1, old.block[0], old.block[1],
                          old.block[2], old.shared, stream, nullptr, extra);
}

} // namespace

VGPU_ENTRY cuFuncSetBlockShape(CUfunction function, int x, int y, int z)
{
    return with_function(function, [&](OldLaunch &old) -> CUresult {
        if (x <= 0 || y <= 0 || z <= 0)
            return CUDA_ERROR_INVALID_VALUE;
        old.block[0] = unsigned(x);
        old.block[1] = unsigned(y);
        old.block[2] = unsigned(z);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuFuncSetSharedSize(CUfunction function, unsigned bytes)
{
    return with_function(function, [&](OldLaunch &old) -> CUresult {
        old.shared = bytes;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuParamSetSize(CUfunction function, unsigned bytes)
{
    return with_function(function, [&](OldLaunch &old) -> CUresult {
        if (bytes > kMostParameters)
            return CUDA_ERROR_INVALID_VALUE;
        old.parameters.resize(bytes);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuParamSeti(CUfunction function, int offset, unsigned value)
{
    return set_parameter(function, offset, &value, sizeof(value));
}

VGPU_ENTRY cuParamSetf(CUfunction function, int offset, float value)
{
    return set_parameter(function, offset, &value, sizeof(value));
}

VGPU_ENTRY cuParamSetv(CUfunction function, int offset, void *value, unsigned bytes)
{
    return set_parameter(function, offset, value, bytes);
}

VGPU_ENTRY cuLaunch(CUfunction function)
{
    return launch(function, 1, 1, nullptr);
}

VGPU_ENTRY cuLaunchGrid(CUfunction function, int width, int height)
{
    return launch(function, width, height, nullptr);
}

VGPU_ENTRY cuLaunchGridAsync(CUfunction function, int width, int height, CUstream stream)
{
    return launch(function, width, height, stream);
}
