// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/entry.h"
#include "softgpu/driver/log.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/stream.h"

#include <atomic>
#include <pthread.h>
#include <system_error>

namespace vgpu::soft::driver
{
namespace
{

enum class State { fresh, ready, forked };
std::atomic<State> state{State::fresh};

} // namespace

CUresult usable()
{
    if (state.load(std::memory_order_acquire) != State::ready)
        return CUDA_ERROR_NOT_INITIALIZED;
    return inside_callback() ? CUDA_ERROR_NOT_PERMITTED : CUDA_SUCCESS;
}

CUresult caught(const char *function) noexcept
{
    try {
        throw;
    } catch (const Failure &failure) {
        if (*failure.what())
            log("%s: %s", function, failure.what());
        return failure.code();
    } catch (const std::bad_alloc &) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    } catch (const std::system_error &error) {
        log("%s: %s", function, error.what());
        return CUDA_ERROR_OPERATING_SYSTEM;
    } catch (const std::exception &error) {
        log("%s: %s", function, error.what());
        return CUDA_ERROR_UNKNOWN;
    } catch (...) {
        return CUDA_ERROR_UNKNOWN;
    }
}

} // namespace vgpu::soft::driver

SOFT_EXPORT CUresult CUDAAPI cuInit(unsigned int flags)
{
    using namespace vgpu::soft::driver;
    return bare_entry(__func__, [&] {
        require(flags == 0);
        // The threads that run the streams stay in the parent, so the child cannot use what it
        // inherited.
        require(state.load() != State::forked, CUDA_ERROR_NOT_INITIALIZED);
        require(!machine().devices.empty(), CUDA_ERROR_NO_DEVICE);
        State fresh = State::fresh;
        if (state.compare_exchange_strong(fresh, State::ready))
            pthread_atfork(nullptr, nullptr, [] { state = State::forked; });
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDriverGetVersion(int *version)
{
    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    *version = CUDA_VERSION;
    return CUDA_SUCCESS;
}
