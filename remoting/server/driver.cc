// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/driver.h"

#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/variables.h"

#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>

// What the header calls deprecated is carried too.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace vgpu::server
{
namespace
{

template<class F>
void resolve(void *library, const std::string &path, const char *name, F &entry)
{
    entry = reinterpret_cast<F>(dlsym(library, name));
    if (!entry)
        fail(ENOSYS, "driver %s lacks %s: it is too old, CUDA 12 or newer is needed", path.c_str(),
             name);
}

// The client's library has the driver's name. A worker that took it for the driver would call
// itself.
bool is_wrapper(void *library)
{
    return dlsym(library, "vgpuClientVersion") != nullptr;
}

std::unique_ptr<Driver> try_open(const std::string &path)
{
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail(ENOENT, "%s", dlerror());
    if (is_wrapper(library)) {
        dlclose(library);
        fail(ELOOP,
             "%s is slurm-vgpu's own client library, not a driver: set Driver= in vgpu.conf "
             "to the vendor's libcuda.so.1, or take slurm-vgpu out of the daemon's LD_LIBRARY_PATH",
             path.c_str());
    }
    auto driver = std::make_unique<Driver>();
    driver->path = path;
    // Newer calls of the table may be absent: they answer CUDA_ERROR_NOT_SUPPORTED then.
#define ENTRY(name)                                                                                \
    driver->ServedEntries::name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name));
#include "remoting/api/driver-table.inc"
#undef ENTRY
#define ENTRY(name)                                                                                \
    driver->GraphEntries::name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name));
    VGPU_GRAPH_ENTRIES
#undef ENTRY
#define ENTRY(name) resolve(library, path, #name, driver->OwnEntries::name);
    VGPU_OWN_ENTRIES
#undef ENTRY
#define ENTRY(name)                                                                                \
    driver->OwnEntries::name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name));
    VGPU_OPTIONAL_ENTRIES
#undef ENTRY
    resolve(library, path, "cuDeviceGetUuid_v2", driver->cuDeviceGetUuid_v2);
    resolve(library, path, "cuCtxCreate_v2", driver->cuCtxCreate_v2);
    driver->cuEventElapsedTime =
        reinterpret_cast<ElapsedTimeFn>(dlsym(library, "cuEventElapsedTime_v2"));
    if (!driver->cuEventElapsedTime)
        resolve(library, path, "cuEventElapsedTime", driver->cuEventElapsedTime);

    driver->check(driver->cuInit(0), "cuInit");
    int devices = 0;
    driver->check(driver->cuDeviceGetCount(&devices), "cuDeviceGetCount");
    if (devices == 0)
        fail(ENODEV, "driver %s has no device", path.c_str());
    driver->check(driver->cuDriverGetVersion(&driver->version), "cuDriverGetVersion");
    return driver;
}

std::string software_gpu()
{
    if (const std::string dir = variable(kLibdirVariable); !dir.empty())
        return dir + "/soft/libcuda-soft.so.1";
    return VGPU_SOFT_DIR "/libcuda-soft.so.1";
}

} // namespace

std::string Driver::name_of(CUresult result) const
{
    const char *name = nullptr;
    if (cuGetErrorName && cuGetErrorName(result, &name) == CUDA_SUCCESS && name)
        return name;
    return text("CUresult %d", int(result));
}

void Driver::check(CUresult result, const char *what) const
{
    if (result != CUDA_SUCCESS)
        throw Error(int(result),
                    text("driver %s: %s: %s", path.c_str(), what, name_of(result).c_str()));
}

std::unique_ptr<Driver> open_driver(const std::string &path)
{
    if (!path.empty())
        return try_open(path);
    std::string why;
    try {
        return try_open("libcuda.so.1");
    } catch (const Error &error) {
        why = error.what();
    }
    std::string software = software_gpu();
    try {
        auto driver = try_open(software);
        log(Level::info, "the software GPU is used: %s", why.c_str());
        return driver;
    } catch (const Error &error) {
        fail(error.code(), "no driver: %s; and no software GPU: %s", why.c_str(), error.what());
    }
}

} // namespace vgpu::server
