// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/vmm.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

// Virtual memory management: addresses are reserved, physical memory is made, one is mapped at the
// other, and access is granted. A reserved address without memory faults in a kernel, and would
// fault here: nothing is mapped behind it.

namespace vgpu::soft::driver
{
namespace
{

struct Mapping {
    size_t size = 0;
    size_t offset = 0; ///< in the physical memory
    std::shared_ptr<Physical> physical;
    int access = CU_MEM_ACCESS_FLAGS_PROT_NONE;
};

std::mutex lock;
std::map<uint64_t, size_t> reservations;
std::map<uint64_t, Mapping> mappings;

/// The one sparse file; pieces are given out upwards, and a piece that is given back is emptied,
/// not used again, which costs addresses of a 2^62 bytes large space only.
struct File {
    int descriptor = -1;
    uint64_t end = 0;
} store;

template<class Map>
typename Map::iterator holding(Map &map, uint64_t address)
{
    auto it = map.upper_bound(address);
    return it == map.begin() ? map.end() : std::prev(it);
}

void *pointer(uint64_t address)
{
    return reinterpret_cast<void *>(address);
}

/// Takes the mapping's memory out of sight of kernels and copies.
void hide(uint64_t address)
{
    machine().memory.remove(address);
    machine().allocations.take(address);
}

void unmap(uint64_t address, const Mapping &mapping)
{
    hide(address);
    void *blank = mmap(pointer(address), mapping.size, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    require(blank != MAP_FAILED, CUDA_ERROR_UNMAP_FAILED);
}

/// The mappings that make up exactly [address, address + size).
std::vector<uint64_t> mapped_exactly(uint64_t address, size_t size)
{
    std::vector<uint64_t> list;
    for (size_t done = 0; done < size;) {
        auto it = mappings.find(address + done);
        require(it != mappings.end() && it->second.size <= size - done);
        list.push_back(it->first);
        done += it->second.size;
    }
    return list;
}

void check_properties(const CUmemAllocationProp *properties)
{
    require(properties && properties->type == CU_MEM_ALLOCATION_TYPE_PINNED);
    require(properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE, CUDA_ERROR_NOT_SUPPORTED);
    require((properties->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) == 0,
            CUDA_ERROR_NOT_SUPPORTED);
    machine().device(properties->location.id);
}

void synchronize_all()
{
    for (auto &device : machine().devices)
        device->synchronize();
}

} // namespace

Physical::Physical(Device &device, size_t size, const CUmemAllocationProp &properties)
    : device(device), size(size), properties(properties)
{
    device.charge(size);
    if (store.descriptor < 0)
        store.descriptor = memfd_create("vgpu-soft", MFD_CLOEXEC);
    if (store.descriptor < 0 ||
        ftruncate(store.descriptor, static_cast<off_t>(store.end + size)) != 0) {
        device.refund(size);
        throw Failure(CUDA_ERROR_OUT_OF_MEMORY);
    }
    offset_ = store.end;
    store.end += size;
}

namespace
{

CUmemAllocationProp properties_of_import(int device)
{
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device;
    return properties;
}

int protection_of(int access)
{
    return access == CU_MEM_ACCESS_FLAGS_PROT_NONE        ? PROT_NONE
           : access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE ? PROT_READ | PROT_WRITE
                                                          : PROT_READ;
}

} // namespace

Physical::Physical(std::shared_ptr<SharedFile> imported)
    : device(machine().device(imported->device())), size(imported->bytes()),
      properties(properties_of_import(imported->device())), imported_(true),
      shared_(std::move(imported))
{
}

Physical::~Physical()
{
    if (imported_)
        return;
    if (!shared_)
        fallocate(store.descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(offset_), static_cast<off_t>(size));
    device.refund(size);
}

int Physical::file() const
{
    return shared_ ? shared_->descriptor() : store.descriptor;
}

SharedFile &Physical::share()
{
    if (!shared_) {
        auto file = SharedFile::make(device.ordinal, size);
        file->fill(store.descriptor, offset_);
        fallocate(store.descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(offset_), static_cast<off_t>(size));
        offset_ = 0;
        shared_ = std::move(file);
    }
    return *shared_;
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuMemGetAllocationGranularity(size_t *granularity,
                                                           const CUmemAllocationProp *properties,
                                                           CUmemAllocationGranularity_flags which)
{
    ENTRY({
        require(granularity && (which == CU_MEM_ALLOC_GRANULARITY_MINIMUM ||
                                which == CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
        check_properties(properties);
        *granularity = kGranularity;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemAddressReserve(CUdeviceptr *address, size_t size,
                                                 size_t alignment, CUdeviceptr wanted,
                                                 unsigned long long flags)
{
    ENTRY({
        require(address && size && size % kGranularity == 0 && flags == 0 &&
                (alignment & (alignment - 1)) == 0);
        constexpr int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        alignment = std::max(alignment, kGranularity);
        std::lock_guard hold(lock);
        if (wanted && wanted % alignment == 0) {
            void *got = mmap(pointer(wanted), size, PROT_NONE, how | MAP_FIXED_NOREPLACE, -1, 0);
            // A kernel that does not know the flag takes the address as a hint.
            if (got == pointer(wanted)) {
                reservations[wanted] = size;
                *address = wanted;
                return;
            }
            if (got != MAP_FAILED)
                munmap(got, size);
        }
        require(size <= SIZE_MAX - alignment, CUDA_ERROR_OUT_OF_MEMORY);
        void *got = mmap(nullptr, size + alignment, PROT_NONE, how, -1, 0);
        require(got != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
        auto start = reinterpret_cast<uint64_t>(got);
        uint64_t aligned = (start + alignment - 1) / alignment * alignment;
        if (aligned != start)
            munmap(got, aligned - start);
        if (uint64_t rest = start + alignment - aligned)
            munmap(pointer(aligned + size), rest);
        reservations[aligned] = size;
        *address = aligned;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemAddressFree(CUdeviceptr address, size_t size)
{
    ENTRY({
        std::lock_guard hold(lock);
        auto it = reservations.find(address);
        require(it != reservations.end() && it->second == size);
        auto next = mappings.lower_bound(address);
        require(next == mappings.end() || next->first >= address + size);
        munmap(pointer(address), size);
        reservations.erase(it);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                                         const CUmemAllocationProp *properties,
                                         unsigned long long flags)
{
    ENTRY({
        require(handle && size && size % kGranularity == 0 && flags == 0);
        check_properties(properties);
        std::lock_guard hold(lock);
        auto made = std::make_shared<Physical>(machine().device(properties->location.id), size,
                                               *properties);
        machine().physicals.add(made);
        *handle = made->id;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemRelease(CUmemGenericAllocationHandle handle)
{
    ENTRY({
        std::lock_guard hold(lock);
        auto physical = machine().physicals.get(handle, CUDA_ERROR_INVALID_VALUE);
        if (--physical->handles == 0)
            machine().physicals.remove(physical->id);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle,
                                                         void *address)
{
    ENTRY({
        require(handle != nullptr);
        std::lock_guard hold(lock);
        auto at = reinterpret_cast<uint64_t>(address);
        auto it = holding(mappings, at);
        require(it != mappings.end() && at - it->first < it->second.size);
        auto physical = it->second.physical;
        // All handles may have been released while the mapping kept the memory.
        if (physical->handles++ == 0)
            machine().physicals.add(physical);
        *handle = physical->id;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemGetAllocationPropertiesFromHandle(
    CUmemAllocationProp *properties, CUmemGenericAllocationHandle handle)
{
    ENTRY({
        require(properties != nullptr);
        *properties = machine().physicals.get(handle, CUDA_ERROR_INVALID_VALUE)->properties;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemMap(CUdeviceptr address, size_t size, size_t offset,
                                      CUmemGenericAllocationHandle handle, unsigned long long flags)
{
    ENTRY({
        require(size && size % kGranularity == 0 && address % kGranularity == 0 && flags == 0);
        std::lock_guard hold(lock);
        auto physical = machine().physicals.get(handle, CUDA_ERROR_INVALID_VALUE);
        require(offset % kGranularity == 0 && offset <= physical->size &&
                size <= physical->size - offset);
        auto reserved = holding(reservations, address);
        require(reserved != reservations.end() && address - reserved->first < reserved->second &&
                size <= reserved->second - (address - reserved->first));
        auto before = holding(mappings, address + size - 1);
        require(before == mappings.end() || before->first + before->second.size <= address);
        // Without cuMemSetAccess nobody may touch it.
        void *got = mmap(pointer(address), size, PROT_NONE, MAP_SHARED | MAP_FIXED,
                         physical->file(), static_cast<off_t>(physical->offset() + offset));
        require(got != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
        mappings[address] = {size, offset, physical};
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemUnmap(CUdeviceptr address, size_t size)
{
    ENTRY({
        synchronize_all();
        std::lock_guard hold(lock);
        require(size != 0);
        for (uint64_t start : mapped_exactly(address, size)) {
            unmap(start, mappings[start]);
            mappings.erase(start);
        }
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemSetAccess(CUdeviceptr address, size_t size,
                                            const CUmemAccessDesc *descriptions, size_t count)
{
    ENTRY({
        require(descriptions && count && size);
        // Devices are peers and share one map, so the widest of the grants is what all of them get.
        int access = CU_MEM_ACCESS_FLAGS_PROT_NONE;
        for (size_t i = 0; i < count; i++) {
            require(descriptions[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE,
                    CUDA_ERROR_NOT_SUPPORTED);
            machine().device(descriptions[i].location.id);
            int flags = descriptions[i].flags;
            require(flags == CU_MEM_ACCESS_FLAGS_PROT_NONE ||
                    flags == CU_MEM_ACCESS_FLAGS_PROT_READ ||
                    flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
            access = std::max(access, flags);
        }
        bool writable = access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
        int protection = protection_of(access);
        std::unique_lock hold(lock);
        auto all = mapped_exactly(address, size);
        // Of what is only granted nobody has made use yet.
        if (std::any_of(all.begin(), all.end(),
                        [&](uint64_t start) { return mappings[start].access > access; })) {
            hold.unlock();
            synchronize_all();
            hold.lock();
            all = mapped_exactly(address, size);
        }
        for (uint64_t start : all) {
            Mapping &mapping = mappings[start];
            require(mprotect(pointer(start), mapping.size, protection) == 0,
                    CUDA_ERROR_OPERATING_SYSTEM);
            hide(start);
            mapping.access = access;
            if (access == CU_MEM_ACCESS_FLAGS_PROT_NONE)
                continue;
            machine().memory.add({start, start + mapping.size, writable});
            machine().allocations.add({start, mapping.size, 0, Allocation::Origin::mapped,
                                       mapping.physical->device.ordinal, 0, 0, writable,
                                       mapping.physical->id});
        }
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemGetAccess(unsigned long long *flags,
                                            const CUmemLocation *location, CUdeviceptr address)
{
    ENTRY({
        require(flags && location && location->type == CU_MEM_LOCATION_TYPE_DEVICE);
        machine().device(location->id);
        std::lock_guard hold(lock);
        auto it = holding(mappings, address);
        require(it != mappings.end() && address - it->first < it->second.size);
        *flags = static_cast<unsigned long long>(it->second.access);
    });
}

// The descriptor is the memory's file itself: it may be sent to another process, and keeps the
// memory for as long as it is open.
SOFT_EXPORT CUresult CUDAAPI cuMemExportToShareableHandle(void *shareable,
                                                          CUmemGenericAllocationHandle handle,
                                                          CUmemAllocationHandleType type,
                                                          unsigned long long flags)
{
    ENTRY({
        require(shareable && flags == 0);
        require(type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, CUDA_ERROR_NOT_SUPPORTED);
        NoWork stop;
        std::lock_guard hold(lock);
        auto physical = machine().physicals.get(handle, CUDA_ERROR_INVALID_VALUE);
        require(physical->properties.requestedHandleTypes & type);
        int before = physical->file();
        SharedFile &file = physical->share();
        if (file.descriptor() != before)
            for (auto &[address, mapping] : mappings)
                if (mapping.physical == physical)
                    file.map(address, mapping.size, mapping.offset, protection_of(mapping.access));
        int made = fcntl(file.descriptor(), F_DUPFD_CLOEXEC, 0);
        require(made >= 0, CUDA_ERROR_OPERATING_SYSTEM);
        memcpy(shareable, &made, sizeof made);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle,
                                                            void *shareable,
                                                            CUmemAllocationHandleType type)
{
    ENTRY({
        require(handle != nullptr);
        require(type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, CUDA_ERROR_NOT_SUPPORTED);
        int own = fcntl(int(reinterpret_cast<intptr_t>(shareable)), F_DUPFD_CLOEXEC, 0);
        require(own >= 0);
        auto file = SharedFile::adopt(own);
        require(file->bytes() % kGranularity == 0);
        std::lock_guard hold(lock);
        auto made = std::make_shared<Physical>(std::move(file));
        machine().physicals.add(made);
        *handle = made->id;
    });
}
