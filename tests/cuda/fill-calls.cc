// SPDX-License-Identifier: Apache-2.0
// Fills and copies of planes and between contexts, in all the forms they have; and what is known of
// an address.
#include "driver.h"

#include <vector>

const char *const program = "fill-calls";

constexpr size_t kWidth = 64, kHeight = 8;

static CUdevice device;
static CUcontext context;
static CUstream stream;
static CUdeviceptr data, plane;
static size_t pitch;

// The first byte of each eight of the last row.
static std::vector<unsigned char> last_row()
{
    std::vector<unsigned char> out(kWidth * kHeight);
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = plane;
    copy.srcPitch = pitch;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = out.data();
    copy.dstPitch = kWidth;
    copy.WidthInBytes = kWidth;
    copy.Height = kHeight;
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuMemcpy2D(&copy));
    return {out.end() - kWidth, out.end()};
}

static void planes()
{
    DRIVER(cuMemsetD2D8(plane, pitch, 1, kWidth, kHeight));
    DRIVER(cuMemsetD2D16(plane, pitch, 0x0202, 8, kHeight));
    DRIVER(cuMemsetD2D32(plane, pitch, 0x03030303, 2, kHeight));
    auto row = last_row();
    EXPECT(row[0] == 3 && row[7] == 3 && row[8] == 2 && row[15] == 2 && row[16] == 1);
    DRIVER(cuMemsetD2D8Async(plane, pitch, 4, kWidth, kHeight, stream));
    DRIVER(cuMemsetD2D16Async(plane, pitch, 0x0505, 8, kHeight, stream));
    DRIVER(cuMemsetD2D32Async(plane, pitch, 0x06060606, 2, kHeight, stream));
    row = last_row();
    EXPECT(row[0] == 6 && row[7] == 6 && row[8] == 5 && row[15] == 5 && row[16] == 4);
    DRIVER(cuMemsetD16Async(data, 0x0707, 32, stream));
    EXPECT(element(data, stream) == 0x07070707);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D16(plane + 1, pitch, 0, 8, kHeight)); // askew
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D32(plane + 2, pitch, 0, 2, kHeight));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemsetD16Async(0, 0, 32, stream));
}

static void peers()
{
    DRIVER(cuMemcpyPeer(data, context, plane, context, 4));
    EXPECT(element(data, stream) == 0x06060606);
    DRIVER(cuMemsetD2D32Async(plane, pitch, 0x08080808, 2, kHeight, stream));
    DRIVER(cuMemcpyPeerAsync(data, context, plane, context, 4, stream));
    EXPECT(element(data, stream) == 0x08080808);
    CUDA_MEMCPY3D_PEER box{};
    box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = plane + 8;
    box.dstDevice = data;
    box.srcContext = box.dstContext = context;
    box.WidthInBytes = 8;
    box.Height = box.Depth = 1;
    DRIVER(cuMemcpy3DPeer(&box));
    EXPECT(element(data, stream) == 0x05050505);
    box.srcDevice = plane + 16;
    DRIVER(cuMemcpy3DPeerAsync(&box, stream));
    EXPECT(element(data, stream) == 0x04040404);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyPeerAsync(0, context, plane, context, 4, stream));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy3DPeer(nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy3DPeerAsync(nullptr, stream));
}

static void attributes()
{
    CUpointer_attribute what[2] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                   CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
    CUmemorytype type{};
    int ordinal = -1, sync = 1;
    void *where[2] = {&type, &ordinal};
    DRIVER(cuPointerGetAttributes(2, what, where, plane));
    EXPECT(type == CU_MEMORYTYPE_DEVICE && ordinal == device);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttributes(2, nullptr, where, plane));
    DRIVER(cuPointerSetAttribute(&sync, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, plane));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuPointerSetAttribute(nullptr, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, plane));
    EXPECT(cuPointerSetAttribute(&sync, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, plane) != CUDA_SUCCESS);
}

static void ranges()
{
    CUdeviceptr managed;
    constexpr size_t kBytes = 1 << 16;
    DRIVER(cuMemAllocManaged(&managed, kBytes, CU_MEM_ATTACH_GLOBAL));
    int read_mostly = -1, preferred = -1;
    void *out[] = {&read_mostly, &preferred};
    size_t sizes[] = {sizeof read_mostly, sizeof preferred};
    CUmem_range_attribute which[] = {CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY,
                                     CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION};
    DRIVER(cuMemRangeGetAttributes(out, sizes, which, 2, managed, kBytes));
    EXPECT(read_mostly == 0 && preferred == CU_DEVICE_INVALID);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemRangeGetAttributes(nullptr, sizes, which, 2, managed, kBytes));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemRangeGetAttributes(out, sizes, which, 0, managed, kBytes));
#if CUDA_VERSION >= 13000
    CUdeviceptr addresses[] = {managed};
    size_t bytes[] = {kBytes}, first[] = {0};
    CUmemLocation place{};
    place.type = CU_MEM_LOCATION_TYPE_DEVICE;
    place.id = device;
    DRIVER(cuMemsetD8Async(managed, 9, kBytes, stream));
    CUresult result = cuMemPrefetchBatchAsync(addresses, bytes, 1, &place, first, 1, 0, stream);
    if (result != CUDA_ERROR_NOT_SUPPORTED) {
        DRIVER(result);
        EXPECT(element(managed, stream) == 0x09090909);
        DRIVER(cuMemDiscardBatchAsync(addresses, bytes, 1, 0, stream));
        DRIVER(cuMemDiscardAndPrefetchBatchAsync(addresses, bytes, 1, &place, first, 1, 0, stream));
        FAILS(CUDA_ERROR_INVALID_VALUE,
              cuMemPrefetchBatchAsync(addresses, bytes, 1, nullptr, first, 1, 0, stream));
        FAILS(CUDA_ERROR_INVALID_VALUE, cuMemDiscardBatchAsync(nullptr, bytes, 1, 0, stream));
        FAILS(CUDA_ERROR_INVALID_VALUE, cuMemDiscardAndPrefetchBatchAsync(
                                            addresses, nullptr, 1, &place, first, 1, 0, stream));
    }
#endif
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuMemFree(managed));
}

int main()
{
    context = open_context(&device);
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuMemAlloc(&data, 256));
    DRIVER(cuMemAllocPitch(&plane, &pitch, kWidth, kHeight, 4));
    planes();
    peers();
    attributes();
    ranges();
    passed(0);
}
