// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/shared-file.h"

#include <cstring>
#include <fcntl.h>
#include <unistd.h>

// Memory pools of one process in another. A pool's descriptor is one of a file that stands for it:
// of one page, as no memory is that has a descriptor. Its blocks are found as memory of
// cuIpcGetMemHandle is (ipc.cc).

using namespace vgpu::soft::driver;

namespace
{

constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;

struct Data {
    char magic[8];
    int32_t pid;
    int32_t descriptor;
    uint64_t bytes; ///< as allocated
    char token[32];
    char pool[8]; ///< the beginning of the pool's token
};
static_assert(sizeof(Data) == sizeof(CUmemPoolPtrExportData));
constexpr char kMagic[8] = {'s', 'o', 'f', 't', 'p', 'o', 'l', '1'};

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuMemPoolExportToShareableHandle(void *shareable, CUmemoryPool pool,
                                                              CUmemAllocationHandleType type,
                                                              unsigned long long flags)
{
    ENTRY({
        require(shareable && flags == 0);
        auto which = machine().pools.get(pool, CUDA_ERROR_INVALID_VALUE);
        require(type == kDescriptor, CUDA_ERROR_NOT_SUPPORTED);
        require(which->name && !which->imported);
        int made = fcntl(which->name->descriptor(), F_DUPFD_CLOEXEC, 0);
        require(made >= 0, CUDA_ERROR_OPERATING_SYSTEM);
        memcpy(shareable, &made, sizeof made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolImportFromShareableHandle(CUmemoryPool *pool, void *shareable,
                                                                CUmemAllocationHandleType type,
                                                                unsigned long long flags)
{
    ENTRY({
        require(pool && flags == 0);
        require(type == kDescriptor, CUDA_ERROR_NOT_SUPPORTED);
        int own = fcntl(int(reinterpret_cast<intptr_t>(shareable)), F_DUPFD_CLOEXEC, 0);
        require(own >= 0);
        auto file = SharedFile::adopt(own);
        require(file->bytes() == kPage);
        for (auto &known : machine().pools.all())
            require(known->imported || !known->name || known->name->token() != file->token());
        Device &device = machine().device(file->device());
        auto made = std::make_shared<Pool>(device, 0, std::move(file), true);
        machine().pools.add(made);
        *pool = handle_of<CUmemoryPool>(*made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolExportPointer(CUmemPoolPtrExportData *data,
                                                    CUdeviceptr pointer)
{
    ENTRY({
        auto known = machine().allocations.find(pointer);
        require(data && known && known->origin == Allocation::Origin::pool && known->shared);
        auto pool = machine().pools.get(known->owner, CUDA_ERROR_INVALID_VALUE);
        Data made{};
        memcpy(made.magic, kMagic, sizeof kMagic);
        made.pid = getpid();
        made.descriptor = known->shared->descriptor();
        made.bytes = known->size;
        memcpy(made.token, known->shared->token().data(), sizeof made.token);
        memcpy(made.pool, pool->name->token().data(), sizeof made.pool);
        memcpy(data, &made, sizeof made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemPoolImportPointer(CUdeviceptr *pointer, CUmemoryPool handle,
                                                    CUmemPoolPtrExportData *data)
{
    ENTRY({
        auto context = current::get();
        require(pointer && data);
        auto pool = machine().pools.get(handle, CUDA_ERROR_INVALID_VALUE);
        Data given;
        memcpy(&given, data, sizeof given);
        std::string token(given.token, sizeof given.token);
        require(pool->imported && memcmp(given.magic, kMagic, sizeof kMagic) == 0 &&
                memcmp(given.pool, pool->name->token().data(), sizeof given.pool) == 0 &&
                given.pid > 0 && given.descriptor >= 0 &&
                token.find_first_not_of("0123456789abcdef") == std::string::npos);
        int own = open_elsewhere(given.pid, given.descriptor, token);
        if (own < 0)
            throw Failure(CUDA_ERROR_INVALID_VALUE,
                          "a pool's memory of process " + std::to_string(given.pid) +
                              " cannot be opened: it was freed there, or the process has ended, or "
                              "is another user's, or in another pid namespace");
        auto file = SharedFile::adopt(own);
        require(file->token() == token && given.bytes != 0 && given.bytes <= file->bytes());
        forbid_unsafe();
        *pointer = map_imported(*context, file, given.bytes, pool->id);
    });
}
