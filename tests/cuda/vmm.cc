// SPDX-License-Identifier: Apache-2.0
// Virtual memory management: addresses reserved, memory made, mapped, shared by two addresses,
// given back; and everything that can be wrong.
#include "driver.h"

#include <atomic>
#include <thread>
#include <vector>

const char *const program = "vmm";

static const char *const code = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry fill(.param .u64 data, .param .u32 n)
{
    .reg .pred %p<2>;
    .reg .b32 %r<7>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [n];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.s32 %r5, %r2, %r3, %r4;
    setp.ge.u32 %p1, %r5, %r1;
    @%p1 bra DONE;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r5, 4;
    add.s64 %rd4, %rd2, %rd3;
    mul.lo.s32 %r6, %r5, 2654435761;
    st.global.u32 [%rd4], %r6;
DONE:
    ret;
}
.visible .entry wait(.param .u64 flag)
{
    .reg .pred %p<2>;
    .reg .b32 %r<2>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [flag];
    cvta.to.global.u64 %rd2, %rd1;
AGAIN:
    ld.volatile.global.u32 %r1, [%rd2];
    setp.eq.u32 %p1, %r1, 0;
    @%p1 bra AGAIN;
    ret;
}
)";

static size_t free_memory()
{
    size_t free = 0, total = 0;
    DRIVER(cuMemGetInfo(&free, &total));
    return free;
}

// Who unmaps waits for the device; the other threads do not, and it is one of them for which the
// device waits.
static void unmap_while_busy(CUcontext context, CUmodule module, CUdeviceptr mapped, size_t unit)
{
    CUfunction wait;
    CUstream busy, side;
    CUdeviceptr flag;
    DRIVER(cuModuleGetFunction(&wait, module, "wait"));
    DRIVER(cuStreamCreate(&busy, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&side, CU_STREAM_NON_BLOCKING));
    DRIVER(cuMemAlloc(&flag, 8));
    DRIVER(cuMemsetD32(flag, 0, 2));
    DRIVER(cuCtxSynchronize());
    void *arguments[] = {&flag};
    DRIVER(cuLaunchKernel(wait, 1, 1, 1, 1, 1, 1, 0, busy, arguments, nullptr));
    std::atomic<bool> begun{false};
    std::thread other([&] {
        DRIVER(cuCtxSetCurrent(context));
        begun = true;
        DRIVER(cuMemUnmap(mapped, unit));
    });
    while (!begun)
        std::this_thread::yield();
    for (int i = 0; i < 50; i++) {
        DRIVER(cuMemsetD32Async(flag + 4, unsigned(i), 1, side));
        DRIVER(cuStreamSynchronize(side));
    }
    DRIVER(cuMemsetD32Async(flag, 1, 1, side));
    other.join();
    DRIVER(cuStreamSynchronize(busy));
    DRIVER(cuMemFree(flag));
    DRIVER(cuStreamDestroy(busy));
    DRIVER(cuStreamDestroy(side));
}

int main()
{
    CUdevice device;
    CUcontext context = open_context(&device);
    CUmemAllocationProp prop{};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    prop.location.id = device;
    CUmemAccessDesc access{prop.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    size_t unit = 0;
    int can = 0;
    DRIVER(cuDeviceGetAttribute(&can, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED,
                                device));
    EXPECT(can == 1);
    DRIVER(cuMemGetAllocationGranularity(&unit, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    EXPECT(unit > 0 && (unit & (unit - 1)) == 0);
    const size_t before = free_memory();

    // Three pieces in a row are one memory to kernels and copies.
    CUdeviceptr base = 0, other = 0;
    DRIVER(cuMemAddressReserve(&base, 8 * unit, 0, 0, 0));
    CUmemGenericAllocationHandle piece[3];
    for (auto &one : piece)
        DRIVER(cuMemCreate(&one, unit, &prop, 0));
    EXPECT(before - free_memory() == 3 * unit);
    for (unsigned i = 0; i < 3; i++)
        DRIVER(cuMemMap(base + i * unit, unit, 0, piece[i], 0));
    unsigned value = 0;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(base, &value, sizeof value)); // not yet
    DRIVER(cuMemSetAccess(base, 3 * unit, &access, 1));
    const unsigned n = unsigned(3 * unit / 4);
    CUmodule module;
    CUfunction fill;
    DRIVER(cuModuleLoadData(&module, code));
    DRIVER(cuModuleGetFunction(&fill, module, "fill"));
    unsigned count = n;
    void *parameters[] = {&base, &count};
    DRIVER(cuLaunchKernel(fill, (n + 255) / 256, 1, 1, 256, 1, 1, 0, nullptr, parameters, nullptr));
    std::vector<unsigned> host(n);
    DRIVER(cuMemcpyDtoH(host.data(), base, 3 * unit));
    for (unsigned i = 0; i < n; i++)
        EXPECT(host[i] == i * 2654435761u);
    uint64_t sum = checksum(host.data(), 3 * unit);
    DRIVER(cuMemsetD8(base + unit - 2, 7, 4)); // across two
    DRIVER(cuMemcpyDtoH(&value, base + unit - 2, 4));
    EXPECT(value == 0x07070707);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(&value, base + 3 * unit - 2, 4));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(base + 3 * unit, 0, 4));

    // What is known of it.
    unsigned long long flags = 0;
    DRIVER(cuMemGetAccess(&flags, &access.location, base + unit));
    EXPECT(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    CUmemAllocationProp told{};
    DRIVER(cuMemGetAllocationPropertiesFromHandle(&told, piece[0]));
    EXPECT(told.location.id == device && told.type == CU_MEM_ALLOCATION_TYPE_PINNED);
    unsigned type = 0;
    DRIVER(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, base + unit));
    EXPECT(type == CU_MEMORYTYPE_DEVICE);

    // Memory lives as long as handles or mappings.
    DRIVER(cuMemRelease(piece[1]));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemRelease(piece[1]));
    EXPECT(before - free_memory() == 3 * unit);
    CUmemGenericAllocationHandle again;
    DRIVER(cuMemRetainAllocationHandle(&again, reinterpret_cast<void *>(base + unit + 8)));
    DRIVER(cuMemUnmap(base, 2 * unit));
    DRIVER(cuMemAddressReserve(&other, unit, unit, 0, 0));
    EXPECT(other < base || other >= base + 8 * unit);
    DRIVER(cuMemMap(other, unit, 0, again, 0));
    DRIVER(cuMemSetAccess(other, unit, &access, 1));
    DRIVER(cuMemcpyDtoH(&value, other, 2));
    EXPECT((value & 0xffff) == 0x0707); // the second piece, elsewhere
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(&value, base, 4));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(other, unit)); // still mapped
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(other, unit, 0, piece[0], 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(base + 8 * unit, unit, 0, piece[0], 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(base + 1, unit, 0, piece[0], 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(base, 2 * unit, 0, piece[0], 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(base, unit, unit, piece[0], 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemUnmap(base, unit));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemSetAccess(base, unit, &access, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemSetAccess(other, unit, nullptr, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemSetAccess(other, unit, &access, 0));

    // A wish for an address is heard.
    CUdeviceptr wish = 0;
    DRIVER(cuMemAddressReserve(&wish, 2 * unit, 0, 0, 0));
    DRIVER(cuMemAddressFree(wish, 2 * unit));
    CUdeviceptr heard = 0;
    DRIVER(cuMemAddressReserve(&heard, 2 * unit, 0, wish, 0));
    EXPECT(heard == wish);
    CUdeviceptr elsewhere = 0;
    DRIVER(cuMemAddressReserve(&elsewhere, unit, 0, wish, 0));
    EXPECT(elsewhere != wish);
    DRIVER(cuMemAddressFree(elsewhere, unit));
    DRIVER(cuMemAddressFree(heard, 2 * unit));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(heard, 2 * unit));

    // What makes no sense.
    CUmemGenericAllocationHandle none;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(nullptr, unit, 0, 0, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&wish, 0, 0, 0, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&wish, unit + 1, 0, 0, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&wish, unit, 3, 0, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemCreate(nullptr, unit, &prop, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&none, 0, &prop, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&none, unit / 2, &prop, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&none, unit, nullptr, 0));
    FAILS(CUDA_ERROR_OUT_OF_MEMORY, cuMemCreate(&none, size_t(1) << 45, &prop, 0));
    prop.location.id = 77;
    FAILS(CUDA_ERROR_INVALID_DEVICE, cuMemCreate(&none, unit, &prop, 0));
    prop.location.id = device;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemRelease(12345));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemRetainAllocationHandle(&none, reinterpret_cast<void *>(base)));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemFree(other)); // it was not allocated

    unmap_while_busy(context, module, other, unit);
    DRIVER(cuMemRelease(again));
    DRIVER(cuMemUnmap(base + 2 * unit, unit));
    DRIVER(cuMemRelease(piece[0]));
    DRIVER(cuMemRelease(piece[2]));
    DRIVER(cuMemAddressFree(other, unit));
    DRIVER(cuMemAddressFree(base, 8 * unit));
    DRIVER(cuModuleUnload(module));
    EXPECT(free_memory() >= before);
    DRIVER(cuCtxDestroy(context));
    passed(sum);
    return 0;
}
