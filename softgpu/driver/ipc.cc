// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/shared-file.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

// Device memory of one process in another. A handle says where the memory's file is open:
// /proc/PID/fd/N of the process that exported it, which the kernel opens for the same user only. It
// needs no thread and no socket in that process, and a file that is gone, or a number that is
// another process's by now, is told by the random number in the file's name: whoever does not have
// the handle cannot make one up. (Yama's ptrace_scope does not concern it. In another pid namespace
// the process is not found, or is another one, and the handle is refused.)

namespace vgpu::soft::driver
{
namespace
{

struct Handle {
    char magic[8];
    int32_t pid;
    int32_t descriptor;
    uint64_t bytes; ///< as allocated
    char token[32];
    uint64_t zero;
};
static_assert(sizeof(Handle) == sizeof(CUipcMemHandle));
constexpr char kMagic[8] = {'s', 'o', 'f', 't', 'm', 'e', 'm', '1'};

struct Opened {
    uint64_t address = 0;
    uint64_t number = 0; ///< of the allocation, which may have gone with its context
    size_t times = 0;
};

std::mutex lock;
std::map<std::pair<uint64_t, std::string>, Opened> opened; ///< by context and token

bool alive(const Opened &one)
{
    auto known = machine().allocations.find(one.address);
    return known && known->number == one.number;
}

/// Under the gate, and while the allocation can not be freed.
void make_shareable(Allocation &it)
{
    auto file = SharedFile::make(it.device, it.charged);
    file->fill(it.address, it.size);
    file->map(it.address, it.charged, 0, PROT_READ | PROT_WRITE);
    it.shared = std::move(file);
}

Handle describe(const Allocation &it)
{
    Handle handle{};
    memcpy(handle.magic, kMagic, sizeof kMagic);
    handle.pid = getpid();
    handle.descriptor = it.shared->descriptor();
    handle.bytes = it.size;
    memcpy(handle.token, it.shared->token().data(), sizeof handle.token);
    return handle;
}

std::shared_ptr<SharedFile> file_of(const Handle &handle)
{
    std::string token(handle.token, sizeof handle.token);
    require(memcmp(handle.magic, kMagic, sizeof kMagic) == 0 && handle.pid > 0 &&
            handle.descriptor >= 0 && handle.zero == 0 &&
            token.find_first_not_of("0123456789abcdef") == std::string::npos);
    std::shared_ptr<SharedFile> file;
    if (int descriptor = open_elsewhere(handle.pid, handle.descriptor, token); descriptor >= 0)
        file = SharedFile::adopt(descriptor);
    if (!file || file->token() != token || handle.bytes == 0 || handle.bytes > file->bytes())
        throw Failure(CUDA_ERROR_INVALID_VALUE,
                      "memory of process " + std::to_string(handle.pid) +
                          " cannot be opened: it was freed there, or the process has ended, or is "
                          "another user's, or in another pid namespace");
    if (handle.pid == getpid())
        throw Failure(CUDA_ERROR_INVALID_CONTEXT,
                      "a process cannot open a handle of its own: it has the memory already");
    return file;
}

} // namespace

uint64_t map_imported(Context &context, const std::shared_ptr<SharedFile> &file, size_t bytes,
                      uint64_t pool)
{
    uint64_t address = map_pages(file->bytes());
    try {
        file->map(address, file->bytes(), 0, PROT_READ | PROT_WRITE);
        machine().memory.add({address, address + bytes, true});
    } catch (...) {
        unmap_pages(address, file->bytes());
        throw;
    }
    Allocation allocation{address,        bytes,     file->bytes(), Allocation::Origin::imported,
                          file->device(), context.id};
    allocation.owner = pool;
    allocation.shared = file;
    machine().allocations.add(allocation);
    return address;
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr pointer)
{
    ENTRY({
        current::get();
        forbid_unsafe();
        auto known = machine().allocations.find(pointer);
        require(handle && known && known->origin == Allocation::Origin::plain);
        if (!known->shared) {
            NoWork stop;
            machine().allocations.change(known->address, [&](Allocation &it) {
                require(it.number == known->number);
                if (!it.shared)
                    make_shareable(it);
                known->shared = it.shared;
            });
            require(known->shared != nullptr);
        }
        Handle made = describe(*known);
        memcpy(handle, &made, sizeof made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuIpcOpenMemHandle_v2(CUdeviceptr *pointer, CUipcMemHandle handle,
                                                   unsigned int flags)
{
    ENTRY({
        auto context = current::get();
        require(pointer && (flags & ~unsigned(CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)) == 0);
        forbid_unsafe();
        Handle given;
        memcpy(&given, &handle, sizeof given);
        std::lock_guard hold(lock);
        std::erase_if(opened, [](auto &item) { return !alive(item.second); });
        Opened &one = opened[{context->id, std::string(given.token, sizeof given.token)}];
        if (one.times == 0) {
            try {
                auto file = file_of(given);
                one.address = map_imported(*context, file, given.bytes);
                one.number = machine().allocations.find(one.address)->number;
            } catch (...) {
                std::erase_if(opened, [](auto &item) { return item.second.times == 0; });
                throw;
            }
        }
        one.times++;
        *pointer = one.address;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuIpcCloseMemHandle(CUdeviceptr pointer)
{
    ENTRY({
        auto context = current::get();
        forbid_unsafe();
        std::unique_lock hold(lock);
        auto at = std::find_if(opened.begin(), opened.end(), [&](auto &item) {
            return item.first.first == context->id && item.second.address == pointer;
        });
        require(at != opened.end() && alive(at->second));
        if (--at->second.times)
            return;
        opened.erase(at);
        hold.unlock();
        for (auto &device : machine().devices)
            device->synchronize();
        if (auto allocation = machine().allocations.take(pointer))
            release(*allocation);
    });
}
