// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/launch.h"
#include "softgpu/driver/machine.h"

#include <cstring>
#include <mutex>

// Launches as they were before CUDA 4: block shape, shared memory and parameters are state of the
// function.

namespace vgpu::soft::driver
{
namespace
{

constexpr size_t kMostParameters = 4096;

std::mutex lock;

void set_parameter(CUfunction handle, int offset, const void *value, size_t bytes)
{
    auto function = function_of(handle);
    require(value && offset >= 0 && static_cast<size_t>(offset) <= kMostParameters &&
            bytes <= kMostParameters - static_cast<size_t>(offset));
    std::lock_guard hold(lock);
    auto &all = function->old_launch.parameters;
    if (all.size() < static_cast<size_t>(offset) + bytes)
        all.resize(static_cast<size_t>(offset) + bytes);
    std::memcpy(all.data() + offset, value, bytes);
}

void launch_old(CUfunction handle, int width, int height, CUstream stream)
{
    auto context = current::get();
    auto function = function_of(handle);
    Function::OldLaunch old;
    {
        std::lock_guard hold(lock);
        old = function->old_launch;
    }
    require(old.block[0] && width > 0 && height > 0);
    size_t bytes = old.parameters.size();
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, old.parameters.data(),
                     CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    launch(*stream_of(stream, *context), *function,
           {{static_cast<unsigned>(width), static_cast<unsigned>(height), 1},
            {old.block[0], old.block[1], old.block[2]},
            old.shared},
           nullptr, extra);
}

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuFuncSetBlockShape(CUfunction handle, int x, int y, int z)
{
    ENTRY({
        auto function = function_of(handle);
        require(x > 0 && y > 0 && z > 0);
        std::lock_guard hold(lock);
        auto &block = function->old_launch.block;
        block[0] = static_cast<unsigned>(x);
        block[1] = static_cast<unsigned>(y);
        block[2] = static_cast<unsigned>(z);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuFuncSetSharedSize(CUfunction handle, unsigned int bytes)
{
    ENTRY({
        auto function = function_of(handle);
        std::lock_guard hold(lock);
        function->old_launch.shared = bytes;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuParamSetSize(CUfunction handle, unsigned int bytes)
{
    ENTRY({
        auto function = function_of(handle);
        require(bytes <= kMostParameters);
        std::lock_guard hold(lock);
        function->old_launch.parameters.resize(bytes);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuParamSeti(CUfunction handle, int offset, unsigned int value)
{
    ENTRY({ set_parameter(handle, offset, &value, sizeof value); });
}

SOFT_EXPORT CUresult CUDAAPI cuParamSetf(CUfunction handle, int offset, float value)
{
    ENTRY({ set_parameter(handle, offset, &value, sizeof value); });
}

SOFT_EXPORT CUresult CUDAAPI cuParamSetv(CUfunction handle, int offset, void *value,
                                         unsigned int bytes)
{
    ENTRY({ set_parameter(handle, offset, value, bytes); });
}

SOFT_EXPORT CUresult CUDAAPI cuLaunch(CUfunction handle)
{
    ENTRY({ launch_old(handle, 1, 1, nullptr); });
}

SOFT_EXPORT CUresult CUDAAPI cuLaunchGrid(CUfunction handle, int width, int height)
{
    ENTRY({ launch_old(handle, width, height, nullptr); });
}

SOFT_EXPORT CUresult CUDAAPI cuLaunchGridAsync(CUfunction handle, int width, int height,
                                               CUstream stream)
{
    ENTRY({ launch_old(handle, width, height, stream); });
}
