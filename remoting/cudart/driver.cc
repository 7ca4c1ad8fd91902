// SPDX-License-Identifier: Apache-2.0
#include "remoting/cudart/driver.h"
#include "remoting/cudart/log.h"

#include <atomic>
#include <cstring>
#include <cudaTypedefs.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <type_traits>

namespace vgpu::cudart
{

Driver driver_table;

namespace
{

// A form of a driver call that came with a version of CUDA.
template<typename Function>
struct Form {
    int version;
};

// cuGetProcAddress gives out the newest form of a name up to the version asked for, and that need
// not be the one that the header declares under the name: cuCtxGetDevice got another parameter
// in 13.0 as cuCtxGetDevice_v2. So each call is asked for at the newest version whose form has the
// declared type.
template<typename Function, typename... Forms>
constexpr int version_of(Form<Forms>... forms)
{
    int newest = 0;
    ((std::is_same_v<Function, Forms> &&forms.version > newest ? newest = forms.version : 0), ...);
    return newest;
}

constexpr int known_version(const char *name)
{
#define CALL_FORMS(call, ...)                                                                      \
    if (__builtin_strcmp(name, #call) == 0) {                                                      \
        constexpr int version = version_of<decltype(&::call)>(__VA_ARGS__);                        \
        static_assert(version > 0, "no form of " #call " is what cuda.h declares");                \
        return version;                                                                            \
    }
#if CUDA_VERSION < 13000
#include "remoting/cudart/12/call-versions.inc"
#else
#include "remoting/cudart/13/call-versions.inc"
#endif
#undef CALL_FORMS
    return CUDA_VERSION;
}

struct Entry {
    const char *name;
    int version;
    size_t offset;
    CUresult (*absent)();
};

CUresult lack(const char *name, bool *said)
{
    if (!*said)
        log("this driver has no %s", name);
    *said = true;
    return CUDA_ERROR_NOT_SUPPORTED;
}

// What stands in the table for a call that the driver lacks. Its arguments are in registers or on
// the caller's stack, so it need not know them.
#define DRIVER_CALL(name)                                                                          \
    CUresult absent_##name()                                                                       \
    {                                                                                              \
        static bool said;                                                                          \
        return lack(#name, &said);                                                                 \
    }
#include "remoting/cudart/calls.inc"
#undef DRIVER_CALL

constexpr Entry entries[] = {
#define DRIVER_CALL(name) {#name, known_version(#name), offsetof(Driver, name), absent_##name},
#include "remoting/cudart/calls.inc"
#undef DRIVER_CALL
};

pthread_once_t once = PTHREAD_ONCE_INIT;
bool usable = false;
std::atomic<bool> exiting{false};

void fill_table()
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        log("no CUDA driver: %s", dlerror());
        return;
    }
    auto resolve =
        reinterpret_cast<decltype(&::cuGetProcAddress_v2)>(dlsym(library, "cuGetProcAddress_v2"));
    if (!resolve) {
        log("libcuda.so.1 has no cuGetProcAddress_v2: it is no driver of CUDA 12 or newer");
        return;
    }
    for (const Entry &entry : entries) {
        void *address = nullptr;
        CUdriverProcAddressQueryResult found;
        char name[64] = "";
        size_t length = strlen(entry.name);
        if (length > 3 && entry.name[length - 3] == '_' && entry.name[length - 2] == 'v')
            length -= 3;
        memcpy(name, entry.name, length < sizeof name ? length : sizeof name - 1);
        if (resolve(name, &address, entry.version, CU_GET_PROC_ADDRESS_DEFAULT, &found) !=
            CUDA_SUCCESS)
            address = nullptr;
        if (!address)
            address = reinterpret_cast<void *>(entry.absent);
        *reinterpret_cast<void **>(reinterpret_cast<char *>(&driver_table) + entry.offset) =
            address;
    }
    usable = true;
    // Runs before the exit handlers that nvcc's start-up code registered, for it was registered
    // later.
    atexit([] { exiting.store(true); });
}

} // namespace

bool open_driver()
{
    pthread_once(&once, fill_table);
    return usable;
}

bool leaving()
{
    return exiting.load(std::memory_order_relaxed);
}

} // namespace vgpu::cudart
