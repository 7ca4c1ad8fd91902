// SPDX-License-Identifier: Apache-2.0
#include "remoting/cudart/runtime.h"
#include "remoting/cudart/log.h"
#include "remoting/cudart/registry.h"

#include <atomic>
#include <pthread.h>
#include <stdlib.h>

namespace vgpu::cudart
{
namespace
{

struct Device {
    CUdevice handle;
    std::atomic<CUcontext> primary;
    // Counts resets: a thread that was bound before one has to bind again.
    std::atomic<unsigned> epoch;
};

// Plain data, so that a thread needs no destructor and the library none of libstdc++.
struct Thread {
    int device = -1; // none chosen: the process's default
    cudaError_t error = cudaSuccess;
    CUcontext bound = nullptr;
    int bound_device = -1;
    unsigned bound_epoch = 0;
};

constinit thread_local Thread self;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // guards the start and the primary contexts
std::atomic<bool> started{false};
Device *devices = nullptr; // written once, before `started`
int count = 0;
bool loads_eagerly = false; // likewise
std::atomic<int> default_device{0};

class Lock
{
public:
    Lock() { pthread_mutex_lock(&mutex); }
    ~Lock() { pthread_mutex_unlock(&mutex); }
    Lock(const Lock &) = delete;
};

// A failure is not kept: a driver that could not reach its GPU may do so at the next call.
cudaError_t start_locked()
{
    if (!open_driver())
        return cudaErrorInsufficientDriver;
    CUresult result = driver().cuInit(0);
    if (result != CUDA_SUCCESS)
        return translate(result);
    int version = 0;
    result = driver().cuDriverGetVersion(&version);
    if (result == CUDA_SUCCESS && version / 1000 < CUDART_VERSION / 1000)
        return cudaErrorInsufficientDriver;
    int found = 0;
    result = driver().cuDeviceGetCount(&found);
    if (result != CUDA_SUCCESS)
        return translate(result);
    if (found <= 0)
        return cudaErrorNoDevice;
    Device *list = static_cast<Device *>(calloc(size_t(found), sizeof(Device)));
    if (!list)
        return cudaErrorMemoryAllocation;
    for (int i = 0; i < found; i++) {
        result = driver().cuDeviceGet(&list[i].handle, i);
        if (result != CUDA_SUCCESS) {
            free(list);
            return translate(result);
        }
    }
    CUmoduleLoadingMode mode;
    loads_eagerly =
        driver().cuModuleGetLoadingMode(&mode) == CUDA_SUCCESS && mode == CU_MODULE_EAGER_LOADING;
    devices = list;
    count = found;
    started.store(true, std::memory_order_release); // partner: the load in start()
    return cudaSuccess;
}

int chosen_device()
{
    return self.device >= 0 ? self.device : default_device.load();
}

cudaError_t bind(int ordinal)
{
    CUcontext context = nullptr;
    unsigned epoch = devices[ordinal].epoch.load(std::memory_order_acquire);
    cudaError_t error = primary_context(ordinal, &context);
    if (error != cudaSuccess)
        return error;
    error = translate(driver().cuCtxSetCurrent(context));
    if (error == cudaSuccess && loads_eagerly)
        error = load_registered();
    if (error != cudaSuccess)
        return error;
    self.bound = context;
    self.bound_device = ordinal;
    self.bound_epoch = epoch;
    return cudaSuccess;
}

bool was_reset_since_bound()
{
    return devices[self.bound_device].epoch.load(std::memory_order_acquire) != self.bound_epoch;
}

} // namespace

cudaError_t finish(cudaError_t error)
{
    if (error != cudaSuccess) [[unlikely]]
        self.error = error;
    return error;
}

cudaError_t last_error()
{
    return self.error;
}

cudaError_t take_last_error()
{
    cudaError_t error = self.error;
    if (!is_sticky(error))
        self.error = cudaSuccess;
    return error;
}

void forget_errors()
{
    self.error = cudaSuccess;
}

cudaError_t start()
{
    if (started.load(std::memory_order_acquire)) [[likely]]
        return cudaSuccess;
    Lock lock;
    return started.load() ? cudaSuccess : start_locked();
}

cudaError_t attach()
{
    cudaError_t error = start();
    if (error != cudaSuccess)
        return error;
    CUcontext current = nullptr;
    error = translate(driver().cuCtxGetCurrent(&current));
    if (error != cudaSuccess)
        return error;
    if (current && !(current == self.bound && was_reset_since_bound())) [[likely]]
        return cudaSuccess;
    return bind(chosen_device());
}

int device_count()
{
    return count;
}

const CUdevice *find_device(int ordinal)
{
    return ordinal >= 0 && ordinal < count ? &devices[ordinal].handle : nullptr;
}

int current_device()
{
    CUcontext current = nullptr;
    CUdevice handle;
    if (driver().cuCtxGetCurrent(&current) == CUDA_SUCCESS && current &&
        driver().cuCtxGetDevice(&handle) == CUDA_SUCCESS)
        for (int i = 0; i < count; i++)
            if (devices[i].handle == handle)
                return i;
    return chosen_device();
}

cudaError_t primary_context(int ordinal, CUcontext *context)
{
    if (!find_device(ordinal))
        return cudaErrorInvalidDevice;
    Device &device = devices[ordinal];
    *context = device.primary.load(std::memory_order_acquire);
    if (*context)
        return cudaSuccess;
    Lock lock;
    *context = device.primary.load();
    if (*context)
        return cudaSuccess;
    cudaError_t error = translate(driver().cuDevicePrimaryCtxRetain(context, device.handle));
    if (error == cudaSuccess)
        device.primary.store(*context, std::memory_order_release);
    return error;
}

cudaError_t select_device(int ordinal)
{
    cudaError_t error = start();
    if (error != cudaSuccess)
        return error;
    if (!find_device(ordinal))
        return cudaErrorInvalidDevice;
    error = bind(ordinal);
    if (error == cudaSuccess)
        self.device = ordinal;
    return error;
}

cudaError_t reset_device()
{
    cudaError_t error = start();
    if (error != cudaSuccess)
        return error;
    Device &device = devices[current_device()];
    error = translate(driver().cuDevicePrimaryCtxReset(device.handle));
    if (error != cudaSuccess)
        return error;
    {
        Lock lock;
        device.primary.store(nullptr);
        device.epoch.fetch_add(1, std::memory_order_release); // partner: was_reset_since_bound()
    }
    driver().cuCtxSetCurrent(nullptr);
    self.bound = nullptr;
    forget_errors();
    return cudaSuccess;
}

cudaError_t prefer_devices(const int *ordinals, int length)
{
    cudaError_t error = start();
    if (error != cudaSuccess)
        return error;
    if (length < 0 || length > count || (length > 0 && !ordinals))
        return cudaErrorInvalidValue;
    for (int i = 0; i < length; i++)
        if (!find_device(ordinals[i]))
            return cudaErrorInvalidDevice;
    default_device.store(length > 0 ? ordinals[0] : 0);
    return cudaSuccess;
}

} // namespace vgpu::cudart
