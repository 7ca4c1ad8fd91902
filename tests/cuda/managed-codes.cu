// SPDX-License-Identifier: Apache-2.0
// What calls about managed and host memory answer when they are given something wrong, and what
// advice is told to whom asks for it.
#include "check.h"

#include <cuda.h>
#include <dlfcn.h>
#include <vector>

const char *const program = "managed-codes";

template<class F>
static F *entry(const char *name)
{
    static void *driver = dlopen("libcuda.so.1", RTLD_NOW);
    auto found = reinterpret_cast<F *>(dlsym(driver, name));
    if (!found)
        fail("libcuda.so.1 has no %s", name);
    return found;
}

// By the symbol's own name: those of the header may be macros.
#define CALL(name, ...) say(#name "(" #__VA_ARGS__ ")", entry<decltype(name)>(#name)(__VA_ARGS__))

static void say(const char *what, CUresult result)
{
    const char *name = "?";
    entry<CUresult(CUresult, const char **)>("cuGetErrorName")(result, &name);
    std::printf("%s: %s\n", what, name);
}

// The oldest form there is, by whatever name the header has for it.
using Advise = CUresult(CUdeviceptr, size_t, CUmem_advise, CUdevice);
using Prefetch = CUresult(CUdeviceptr, size_t, CUdevice, CUstream);

int main()
{
    CUDA(cudaFree(nullptr));
    CUdeviceptr managed = 0, plain = 0, nowhere = 0;
    const size_t bytes = 100000, page = 4096;
    CALL(cuMemAllocManaged, &managed, bytes, CU_MEM_ATTACH_GLOBAL);
    CALL(cuMemAllocManaged, &nowhere, 0, CU_MEM_ATTACH_GLOBAL);
    CALL(cuMemAllocManaged, nullptr, bytes, CU_MEM_ATTACH_GLOBAL);
    CALL(cuMemAllocManaged, &nowhere, bytes, 0);
    CALL(cuMemAllocManaged, &nowhere, bytes, CU_MEM_ATTACH_SINGLE);
    CALL(cuMemAllocManaged, &nowhere, size_t(1) << 50, CU_MEM_ATTACH_GLOBAL);
    EXPECT(nowhere == 0);
    EXPECT(cudaMalloc(reinterpret_cast<void **>(&plain), bytes) == cudaSuccess);

    auto advise = entry<Advise>("cuMemAdvise");
    auto prefetch = entry<Prefetch>("cuMemPrefetchAsync");
    say("read mostly", advise(managed, page, CU_MEM_ADVISE_SET_READ_MOSTLY, 0));
    say("preferred", advise(managed, bytes, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, CU_DEVICE_CPU));
    say("accessed by", advise(managed, 2 * page, CU_MEM_ADVISE_SET_ACCESSED_BY, 0));
    say("accessed by a device that is none",
        advise(managed, bytes, CU_MEM_ADVISE_SET_ACCESSED_BY, 77));
    say("no advice", advise(managed, bytes, CUmem_advise(99), 0));
    say("advice on too much", advise(managed, bytes + 1, CU_MEM_ADVISE_SET_READ_MOSTLY, 0));
    say("advice on nothing", advise(managed, 0, CU_MEM_ADVISE_SET_READ_MOSTLY, 0));
    say("advice on device memory", advise(plain, page, CU_MEM_ADVISE_SET_READ_MOSTLY, 0));
    say("prefetch", prefetch(managed, page, 0, nullptr));
    say("prefetch to the host", prefetch(managed + page, page, CU_DEVICE_CPU, nullptr));
    say("prefetch to no device", prefetch(managed, page, 77, nullptr));
    say("prefetch of device memory", prefetch(plain, page, 0, nullptr));
    CUDA(cudaDeviceSynchronize());

    for (size_t length : {page, 2 * page, bytes}) {
        for (auto attribute :
             {CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION,
              CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY, CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION}) {
            int value = 4711;
            CALL(cuMemRangeGetAttribute, &value, sizeof value, attribute, managed, length);
            std::printf("%zu %d: %d\n", length, int(attribute), value);
        }
    }
    int value = 0;
    CALL(cuMemRangeGetAttribute, &value, 3, CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, managed, page);
    CALL(cuMemRangeGetAttribute, &value, 4, CUmem_range_attribute(99), managed, page);
    CALL(cuMemRangeGetAttribute, &value, 4, CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, plain, page);
    CALL(cuMemRangeGetAttribute, nullptr, 4, CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, managed, page);

    CUstream stream = nullptr;
    CUDA(cudaStreamCreate(reinterpret_cast<cudaStream_t *>(&stream)));
    CALL(cuStreamAttachMemAsync, stream, managed, 0, CU_MEM_ATTACH_SINGLE);
    CALL(cuStreamAttachMemAsync, stream, managed, bytes, CU_MEM_ATTACH_HOST);
    CALL(cuStreamAttachMemAsync, stream, managed, 0, CU_MEM_ATTACH_GLOBAL);
    CALL(cuStreamAttachMemAsync, nullptr, managed, 0, CU_MEM_ATTACH_SINGLE);
    CALL(cuStreamAttachMemAsync, stream, managed, bytes - 1, CU_MEM_ATTACH_GLOBAL);
    CALL(cuStreamAttachMemAsync, stream, managed + page, 0, CU_MEM_ATTACH_GLOBAL);
    CALL(cuStreamAttachMemAsync, stream, managed, 0, 8);
    CALL(cuStreamAttachMemAsync, stream, plain, 0, CU_MEM_ATTACH_GLOBAL);

    for (CUdeviceptr address : {managed + 5, plain + 5}) {
        unsigned type = 0, is_managed = 0;
        void *host = nullptr;
        CALL(cuPointerGetAttribute, &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address);
        CALL(cuPointerGetAttribute, &is_managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, address);
        CALL(cuPointerGetAttribute, &host, CU_POINTER_ATTRIBUTE_HOST_POINTER, address);
        std::printf("type %u, managed %u, host %d\n", type, is_managed & 1,
                    host == reinterpret_cast<void *>(address));
    }

    void *host = nullptr;
    unsigned flags = 0;
    CUdeviceptr device = 0;
    static int own[100];
    CALL(cuMemHostAlloc, &host, 1000, CU_MEMHOSTALLOC_DEVICEMAP);
    CALL(cuMemHostAlloc, &host, 0, 0);
    CALL(cuMemHostAlloc, &host, 1000, 64);
    CALL(cuMemHostGetFlags, &flags, host);
    std::printf("flags %u\n", flags);
    CALL(cuMemHostGetFlags, &flags, own);
    CALL(cuMemHostGetDevicePointer_v2, &device, own, 0);
    CALL(cuMemHostGetDevicePointer_v2, &device, host, 1);
    CALL(cuMemHostRegister_v2, own, sizeof own, 64);
    CALL(cuMemHostRegister_v2, own, 0, 0);
    CALL(cuMemHostRegister_v2, nullptr, 8, 0);
    CALL(cuMemHostUnregister, own);
    CALL(cuMemHostUnregister, nullptr);
    CALL(cuMemHostRegister_v2, own, sizeof own, CU_MEMHOSTREGISTER_DEVICEMAP);
    CALL(cuMemHostRegister_v2, own, 8, 0);
    CALL(cuMemHostGetFlags, &flags, own);
    CALL(cuMemFreeHost, own);
    CALL(cuMemHostUnregister, own + 1);
    CALL(cuMemHostUnregister, own);
    CALL(cuMemFreeHost, host);
    CALL(cuMemFreeHost, host);
    CALL(cuMemFree_v2, managed + page);
    CALL(cuMemFree_v2, managed);
    CALL(cuMemFree_v2, managed);

    // It counts against the device's memory, and is given back.
    for (int round = 0; round < 2; round++) {
        std::vector<void *> all;
        void *one;
        while (cudaMallocManaged(&one, 32 << 20) == cudaSuccess)
            all.push_back(one);
        std::printf("%zu of 32 MiB, then %s\n", all.size(), cudaGetErrorName(cudaGetLastError()));
        for (void *pointer : all)
            CUDA(cudaFree(pointer));
    }
    passed(0);
    return 0;
}
