// SPDX-License-Identifier: Apache-2.0
// For the tests: a device that is busy for as long as they like.
#pragma once

#include "remoting/server/test-client.h"

#include <dlfcn.h>
#include <future>
#include <utility>

namespace vgpu::server
{

// The legacy stream of device 0 does nothing until this is gone.
class Hold
{
public:
    Hold()
    {
        const Driver &driver = *test_driver();
        void *library = dlopen(driver.path.c_str(), RTLD_NOW | RTLD_NOLOAD);
        auto launch =
            reinterpret_cast<decltype(&cuLaunchHostFunc)>(dlsym(library, "cuLaunchHostFunc"));
        dlclose(library);
        CUcontext context = nullptr;
        EXPECT_EQ(driver.cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
        EXPECT_EQ(driver.cuCtxSetCurrent(context), CUDA_SUCCESS);
        EXPECT_EQ(launch(
                      nullptr,
                      [](void *hold) { static_cast<Hold *>(hold)->released_.get_future().wait(); },
                      this),
                  CUDA_SUCCESS);
    }
    ~Hold()
    {
        const Driver &driver = *test_driver();
        release();
        driver.cuStreamSynchronize(nullptr);
        driver.cuCtxSetCurrent(nullptr);
        driver.cuDevicePrimaryCtxRelease_v2(0);
    }
    void release()
    {
        if (!std::exchange(is_released_, true))
            released_.set_value();
    }

private:
    std::promise<void> released_;
    bool is_released_ = false;
};

} // namespace vgpu::server
