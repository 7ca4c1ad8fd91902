// SPDX-License-Identifier: Apache-2.0
// Streams that wait for memory and write to it: one stream releases another, in either width, by
// single calls and by batches; and everything that can be wrong.
#include "driver.h"

const char *const program = "stream-values";

int main()
{
    CUdevice device;
    CUcontext context = open_context(&device);
    CUstream waiting, writing;
    DRIVER(cuStreamCreate(&waiting, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&writing, CU_STREAM_NON_BLOCKING));
    CUdeviceptr cells, data;
    DRIVER(cuMemAlloc(&cells, 64));
    DRIVER(cuMemAlloc(&data, 1024));
    DRIVER(cuMemsetD8(cells, 0, 64));
    DRIVER(cuMemsetD32(data, 1, 256));
    DRIVER(cuCtxSynchronize());

    // The first stream holds its copy back until the second has written, though it was told first.
    unsigned *host = nullptr; // pinned: else the copy itself may wait
    DRIVER(cuMemAllocHost(reinterpret_cast<void **>(&host), 1024));
    DRIVER(cuStreamWaitValue32(waiting, cells, 7, CU_STREAM_WAIT_VALUE_EQ));
    DRIVER(cuMemcpyDtoHAsync(host, data, 1024, waiting));
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(waiting));
    DRIVER(cuMemsetD32Async(data, 5, 256, writing));
    DRIVER(cuStreamWriteValue32(writing, cells, 7, CU_STREAM_WRITE_VALUE_DEFAULT));
    DRIVER(cuStreamSynchronize(waiting));
    for (unsigned i = 0; i < 256; i++)
        EXPECT(host[i] == 5);

    // 64 bits, and every way to compare.
    DRIVER(cuStreamWaitValue64(waiting, cells + 8, uint64_t(1) << 40, CU_STREAM_WAIT_VALUE_GEQ));
    DRIVER(cuStreamWaitValue64(waiting, cells + 16, 0x100, CU_STREAM_WAIT_VALUE_AND));
    DRIVER(cuStreamWriteValue64(waiting, cells + 24, 0x123456789abcdef0, 0));
    DRIVER(cuStreamWriteValue64(writing, cells + 16, 0x300, 0));
    DRIVER(cuStreamWriteValue64(writing, cells + 8, (uint64_t(1) << 40) + 1, 0));
    DRIVER(cuStreamSynchronize(waiting));
    uint64_t back = 0;
    DRIVER(cuMemcpyDtoH(&back, cells + 24, 8));
    EXPECT(back == 0x123456789abcdef0);

    // A batch each, once round between the two.
    CUstreamBatchMemOpParams first[2]{}, second[2]{};
    first[0].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
    first[0].waitValue.address = cells + 32;
    first[0].waitValue.value = 1;
    first[0].waitValue.flags = CU_STREAM_WAIT_VALUE_EQ;
    first[1].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_64;
    first[1].writeValue.address = cells + 40;
    first[1].writeValue.value64 = uint64_t(3) << 33;
    second[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    second[0].writeValue.address = cells + 32;
    second[0].writeValue.value = 1;
    second[1].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_64;
    second[1].waitValue.address = cells + 40;
    second[1].waitValue.value64 = uint64_t(3) << 33;
    second[1].waitValue.flags = CU_STREAM_WAIT_VALUE_EQ;
    DRIVER(cuStreamBatchMemOp(waiting, 2, first, 0));
    DRIVER(cuStreamBatchMemOp(writing, 2, second, 0));
    DRIVER(cuStreamSynchronize(writing));
    DRIVER(cuStreamSynchronize(waiting));

    // The older names.
    using Write = CUresult (*)(CUstream, CUdeviceptr, uint32_t, unsigned);
    DRIVER(symbol<Write>("cuStreamWriteValue32")(writing, cells, 99, 0));
    DRIVER(cuStreamSynchronize(writing));
    unsigned value = 0;
    DRIVER(cuMemcpyDtoH(&value, cells, 4));
    EXPECT(value == 99);

    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(writing, 0, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(writing, cells + 2, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue64(writing, cells + 4, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(writing, cells, 1, 0x80));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamWaitValue32(writing, cells, 1, 0x80));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamBatchMemOp(writing, 0, first, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamBatchMemOp(writing, 257, first, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamBatchMemOp(writing, 1, nullptr, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamBatchMemOp(writing, 1, first, 1));
    first[0].operation = CUstreamBatchMemOpType(999);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuStreamBatchMemOp(writing, 1, first, 0));
    CUstream none = reinterpret_cast<CUstream>(uintptr_t(0x77777777));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuStreamWriteValue32(none, cells, 1, 0));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuStreamBatchMemOp(none, 1, second, 0));

    const uint64_t sum = checksum(host, 1024);
    DRIVER(cuMemFreeHost(host));
    DRIVER(cuMemFree(cells));
    DRIVER(cuMemFree(data));
    DRIVER(cuStreamDestroy(waiting));
    DRIVER(cuStreamDestroy(writing));
    DRIVER(cuCtxDestroy(context));
    passed(sum);
    return 0;
}
