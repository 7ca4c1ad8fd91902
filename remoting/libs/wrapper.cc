// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/wrapper.h"

#include "config.h"
#include "remoting/base/log.h"

#include <atomic>
#include <cstring>
#include <dlfcn.h>
#include <mutex>

// By this the worker tells us from the vendor's library: it must never load us as one.
LIBRARY_ENTRY const char *vgpuLibraryVersion()
{
    return PACKAGE_VERSION;
}

namespace vgpu::libs
{
namespace
{

// Written once, under open_mutex; partner: table() in every thread.
std::atomic<const api::LibraryTable *> the_table{nullptr};
std::mutex &open_mutex = *new std::mutex;

void *libcuda() noexcept
{
    static void *const handle = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    return handle;
}

const api::LibraryTable *find_table()
{
    using Function = CUresult (*)(const void **, const CUuuid *);
    auto get = reinterpret_cast<Function>(driver_function("cuGetExportTable"));
    CUuuid id;
    std::memcpy(id.bytes, api::kLibraryTableId, sizeof id.bytes);
    const void *found = nullptr;
    if (!get || get(&found, &id) != CUDA_SUCCESS || !found)
        return nullptr;
    auto *table = static_cast<const api::LibraryTable *>(found);
    return table->version == 1 && table->bytes >= sizeof *table ? table : nullptr;
}

const api::LibraryTable *open_table()
{
    std::lock_guard lock(open_mutex);
    if (auto *table = the_table.load(std::memory_order_acquire))
        return table;
    static bool told = false;
    const api::LibraryTable *table = find_table();
    if (!table) {
        if (!told)
            log(Level::error,
                "%s.so.%u is slurm-vgpu's, and works over slurm-vgpu's libcuda.so.1 alone, which "
                "is not the one that this program has: take both from the same folder",
                the_library.name, the_major);
        told = true;
        return nullptr;
    }
    static const api::LibraryIntroduction self{the_library.number, the_major, the_library.hash,
                                               the_library.name, the_library.call_name};
    if (table->open(&self) != CUDA_SUCCESS)
        return nullptr; // libcuda has said why
    the_table.store(table, std::memory_order_release);
    return table;
}

struct FreeObjects {
    std::mutex mutex;
    std::vector<lib::Object *> list;
};
FreeObjects &free_objects = *new FreeObjects; // for ever: the program's destructors may call us

} // namespace

void *driver_function(const char *name) noexcept
{
    return libcuda() ? dlsym(libcuda(), name) : nullptr;
}

const api::LibraryTable *table() noexcept
try {
    auto *found = the_table.load(std::memory_order_acquire);
    return found ? found : open_table();
} catch (...) {
    return nullptr;
}

int refused(const char *name, const char *reason) noexcept
{
    if (auto *way = table())
        way->refused(name, reason);
    return the_library.unsupported;
}

int status_of(CUresult result) noexcept
{
    switch (result) {
    case CUDA_SUCCESS:
        return 0;
    case CUDA_ERROR_OUT_OF_MEMORY:
        return the_library.memory;
    case CUDA_ERROR_INVALID_VALUE:
        return the_library.invalid;
    case CUDA_ERROR_NOT_FOUND:
    case CUDA_ERROR_NOT_SUPPORTED:
        return the_library.unsupported;
    case CUDA_ERROR_INVALID_HANDLE:
    case CUDA_ERROR_NOT_INITIALIZED:
        return the_library.not_initialized;
    default:
        return the_library.failed;
    }
}

lib::Object *make_object(uint32_t type)
{
    lib::Object *object = nullptr;
    {
        std::lock_guard lock(free_objects.mutex);
        if (!free_objects.list.empty()) {
            object = free_objects.list.back();
            free_objects.list.pop_back();
        }
    }
    if (!object)
        object = new lib::Object;
    *object = lib::Object();
    object->type = type;
    object->id = table()->new_id();
    return object;
}

void drop_object(lib::Object *object) noexcept
try {
    static auto free = reinterpret_cast<CUresult (*)(CUdeviceptr)>(driver_function("cuMemFree_v2"));
    if (object->scratch && free)
        free(object->scratch);
    *object = lib::Object();
    std::lock_guard lock(free_objects.mutex);
    free_objects.list.push_back(object);
} catch (...) {
    // It is lost to others, and no worse.
}

StreamName::StreamName(CUstream stream) noexcept
{
    auto *way = table();
    known = way && way->name_stream(stream, &id);
}

std::vector<std::byte> &message_buffer() noexcept
{
    static thread_local std::vector<std::byte> buffer;
    return buffer;
}

CUdeviceptr scratch(lib::Object *object) noexcept
{
    using Function = CUresult (*)(CUdeviceptr *, size_t);
    static auto allocate = reinterpret_cast<Function>(driver_function("cuMemAlloc_v2"));
    if (!object->scratch &&
        (!allocate || allocate(&object->scratch, lib::kMostScalar) != CUDA_SUCCESS))
        object->scratch = 0;
    return object->scratch;
}

int fetch(const lib::Object *object, void *result, size_t bytes) noexcept
{
    using Copy = CUresult (*)(void *, CUdeviceptr, size_t, CUstream);
    using Wait = CUresult (*)(CUstream);
    static auto copy = reinterpret_cast<Copy>(driver_function("cuMemcpyDtoHAsync_v2"));
    static auto wait = reinterpret_cast<Wait>(driver_function("cuStreamSynchronize"));
    CUresult status = copy(result, object->scratch, bytes, object->stream);
    if (status == CUDA_SUCCESS)
        status = wait(object->stream);
    return status_of(status);
}

} // namespace vgpu::libs
