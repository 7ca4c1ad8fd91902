// SPDX-License-Identifier: Apache-2.0
// Memory pools that two processes share by descriptors (cudaMemPoolExportToShareableHandle): what
// one allocates there the other uses, as soon as an event says so, and frees; then all that must be
// refused, and what becomes of it when the other has let go.
#include "check.h"
#include "two-processes.h"

#include <cstring>
#include <cuda_runtime.h>

const char *const program = "ipc-pools";

namespace
{

constexpr int kLarge = 3 << 20; // elements, mapped by itself
constexpr int kSmall = 1000;    // one of several in a chunk
constexpr auto kDescriptor = cudaMemHandleTypePosixFileDescriptor;

__global__ void write_numbers(unsigned *numbers, int n, unsigned seed)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n)
        numbers[i] = unsigned(i) * 2654435761u + seed;
}

__global__ void count_wrong(const unsigned *numbers, int n, unsigned seed, unsigned *wrong)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n && numbers[i] != unsigned(i) * 2654435761u + seed)
        atomicAdd(wrong, 1);
}

cudaStream_t stream;

void write(unsigned *numbers, int n, unsigned seed)
{
    write_numbers<<<(n + 255) / 256, 256, 0, stream>>>(numbers, n, seed);
}

bool holds(const unsigned *numbers, int n, unsigned seed)
{
    unsigned *wrong, result = 1;
    CUDA(cudaMallocAsync(&wrong, sizeof *wrong, stream));
    CUDA(cudaMemsetAsync(wrong, 0, sizeof *wrong, stream));
    count_wrong<<<(n + 255) / 256, 256, 0, stream>>>(numbers, n, seed, wrong);
    CUDA(cudaMemcpyAsync(&result, wrong, sizeof result, cudaMemcpyDeviceToHost, stream));
    CUDA(cudaFreeAsync(wrong, stream));
    CUDA(cudaStreamSynchronize(stream));
    return result == 0;
}

void fails(cudaError_t with, cudaError_t code, int line)
{
    if (code != with)
        fail("%s instead of %s (line %d)", cudaGetErrorName(code), cudaGetErrorName(with), line);
    cudaGetLastError();
}
#define FAILS(with, call) fails(with, call, __LINE__)

cudaMemPool_t make_pool(cudaMemAllocationHandleType types)
{
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.handleTypes = types;
    properties.location.type = cudaMemLocationTypeDevice;
    cudaMemPool_t pool;
    CUDA(cudaMemPoolCreate(&pool, &properties));
    return pool;
}

unsigned *allocate(cudaMemPool_t pool, int n)
{
    void *pointer;
    CUDA(cudaMallocFromPoolAsync(&pointer, n * sizeof(unsigned), pool, stream));
    return static_cast<unsigned *>(pointer);
}

int descriptor_of(cudaMemPool_t pool)
{
    int fd = -1;
    CUDA(cudaMemPoolExportToShareableHandle(&fd, pool, kDescriptor, 0));
    return fd;
}

void *as_handle(int fd)
{
    return reinterpret_cast<void *>(intptr_t(fd));
}

cudaMemPool_t import_pool(int fd)
{
    cudaMemPool_t pool;
    CUDA(cudaMemPoolImportFromShareableHandle(&pool, as_handle(fd), kDescriptor, 0));
    close(fd);
    return pool;
}

cudaMemPoolPtrExportData data_of(void *pointer)
{
    cudaMemPoolPtrExportData data;
    CUDA(cudaMemPoolExportPointer(&data, pointer));
    return data;
}

unsigned *import_pointer(cudaMemPool_t pool, cudaMemPoolPtrExportData data)
{
    void *pointer;
    CUDA(cudaMemPoolImportPointer(&pointer, pool, &data));
    return static_cast<unsigned *>(pointer);
}

int maker()
{
    cudaMemPool_t pool = make_pool(kDescriptor), second = make_pool(kDescriptor);
    unsigned *large = allocate(pool, kLarge), *small = allocate(pool, kSmall),
             *neighbour = allocate(second, kSmall);
    cudaEvent_t ready;
    cudaIpcEventHandle_t handle;
    CUDA(cudaEventCreateWithFlags(&ready, cudaEventInterprocess | cudaEventDisableTiming));
    CUDA(cudaIpcGetEventHandle(&handle, ready));
    write(large, kLarge, 1);
    write(small, kSmall, 2);
    write(neighbour, kSmall, 3);
    CUDA(cudaEventRecord(ready, stream));
    tell(handle);
    tell_descriptor(descriptor_of(pool));
    tell_descriptor(descriptor_of(second));
    tell(data_of(large));
    tell(data_of(small));
    tell(data_of(neighbour));

    hear<int>(); // to be written and freed by the other, whose stream comes so far
    CUDA(cudaStreamWaitEvent(stream, ready, 0));
    EXPECT(holds(large, kLarge, 11));
    EXPECT(holds(small, kSmall, 12));
    CUDA(cudaFreeAsync(small, stream));
    CUDA(cudaFreeAsync(large, stream));
    unsigned *next = allocate(pool, kLarge); // perhaps at its place
    write(next, kLarge, 4);
    CUDA(cudaStreamSynchronize(stream));
    CUDA(cudaFree(next));
    CUDA(cudaDeviceSynchronize());
    tell(1);
    hear<int>();
    CUDA(cudaMemPoolDestroy(second)); // with memory in it
    EXPECT(holds(neighbour, kSmall, 3));
    tell(1);
    hear<int>();
    CUDA(cudaFree(neighbour));
    CUDA(cudaMemPoolDestroy(pool));
    return 0;
}

void refusals(cudaMemPool_t theirs, cudaMemPool_t second, cudaMemPoolPtrExportData data,
              void *imported)
{
    int fd;
    void *pointer;
    cudaMemPool_t pool, plain = make_pool(cudaMemHandleTypeNone), own = make_pool(kDescriptor),
                        standard;
    CUDA(cudaDeviceGetDefaultMemPool(&standard, 0));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportToShareableHandle(&fd, plain, kDescriptor, 0));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportToShareableHandle(&fd, standard, kDescriptor, 0));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportToShareableHandle(&fd, theirs, kDescriptor, 0));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportToShareableHandle(&fd, own, kDescriptor, 1));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportToShareableHandle(nullptr, own, kDescriptor, 0));
    FAILS(cudaErrorNotSupported,
          cudaMemPoolExportToShareableHandle(&fd, own, cudaMemHandleTypeWin32, 0));

    FAILS(cudaErrorInvalidValue,
          cudaMemPoolImportFromShareableHandle(&pool, as_handle(-1), kDescriptor, 0));
    int ends[2];
    EXPECT(pipe(ends) == 0);
    FAILS(cudaErrorInvalidValue,
          cudaMemPoolImportFromShareableHandle(&pool, as_handle(ends[0]), kDescriptor, 0));
    close(ends[0]);
    close(ends[1]);
    fd = descriptor_of(own);
    FAILS(cudaErrorInvalidValue,
          cudaMemPoolImportFromShareableHandle(&pool, as_handle(fd), kDescriptor, 0)); // ours
    FAILS(cudaErrorInvalidValue,
          cudaMemPoolImportFromShareableHandle(&pool, as_handle(fd), kDescriptor, 1));
    FAILS(cudaErrorInvalidValue,
          cudaMemPoolImportFromShareableHandle(nullptr, as_handle(fd), kDescriptor, 0));
    FAILS(cudaErrorNotSupported,
          cudaMemPoolImportFromShareableHandle(&pool, as_handle(fd), cudaMemHandleTypeWin32, 0));
    close(fd);

    cudaMemPoolPtrExportData made;
    void *ordinary, *unshared = allocate(plain, kSmall), *shared = allocate(own, kSmall);
    CUDA(cudaMalloc(&ordinary, kSmall));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportPointer(&made, ordinary));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportPointer(&made, unshared));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportPointer(&made, imported));
    FAILS(cudaErrorInvalidValue, cudaMemPoolExportPointer(nullptr, shared));
    cudaIpcMemHandle_t handle;
    FAILS(cudaErrorInvalidValue, cudaIpcGetMemHandle(&handle, shared));

    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, own, &data));
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, second, &data));
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(nullptr, theirs, &data));
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, theirs, nullptr));
    made = data_of(shared);
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, theirs, &made));
    made = data; // a secret that is not the right one
    made.reserved[28] ^= 1;
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, theirs, &made));
    std::memset(&made, 0, sizeof made);
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, theirs, &made));

    FAILS(cudaErrorInvalidValue, cudaMallocFromPoolAsync(&pointer, 100, theirs, stream));
    FAILS(cudaErrorInvalidValue, cudaDeviceSetMemPool(0, theirs));
    FAILS(cudaErrorInvalidValue, cudaIpcCloseMemHandle(imported));
    CUDA(cudaFree(ordinary));
    CUDA(cudaFreeAsync(unshared, stream));
    CUDA(cudaFreeAsync(shared, stream));
    CUDA(cudaMemPoolDestroy(plain));
    CUDA(cudaMemPoolDestroy(own));
}

void user(pid_t child)
{
    cudaEvent_t ready;
    CUDA(cudaIpcOpenEventHandle(&ready, hear<cudaIpcEventHandle_t>()));
    int fd = hear_descriptor();
    cudaMemPool_t again, pool = nullptr, second = import_pool(hear_descriptor());
    CUDA(cudaMemPoolImportFromShareableHandle(&again, as_handle(fd), kDescriptor, 0));
    CUDA(cudaMemPoolDestroy(again));
    CUDA(cudaMemPoolImportFromShareableHandle(&pool, as_handle(fd), kDescriptor, 0));
    auto large_data = hear<cudaMemPoolPtrExportData>(),
         small_data = hear<cudaMemPoolPtrExportData>(),
         neighbour_data = hear<cudaMemPoolPtrExportData>();
    size_t before = 0, after = 0, total;
    CUDA(cudaMemGetInfo(&before, &total));
    unsigned *large = import_pointer(pool, large_data), *small = import_pointer(pool, small_data),
             *neighbour = import_pointer(second, neighbour_data);
    CUDA(cudaMemGetInfo(&after, &total));
    EXPECT(before == after); // who allocated it pays
    CUDA(cudaStreamWaitEvent(stream, ready, 0));
    EXPECT(holds(large, kLarge, 1));
    EXPECT(holds(small, kSmall, 2));
    EXPECT(holds(neighbour, kSmall, 3));
    cudaPointerAttributes attributes;
    CUDA(cudaPointerGetAttributes(&attributes, large + 5));
    EXPECT(attributes.type == cudaMemoryTypeDevice && attributes.device == 0);
    refusals(pool, second, large_data, large);

    write(large, kLarge, 11);
    write(small, kSmall, 12);
    CUDA(cudaFreeAsync(small, stream));
    CUDA(cudaFree(large));
    CUDA(cudaEventRecord(ready, stream));
    tell(1);
    hear<int>(); // freed over there
    FAILS(cudaErrorInvalidValue, cudaFreeAsync(small, stream));
    void *pointer;
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, pool, &small_data));
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, pool, &large_data));
    FAILS(cudaErrorInvalidValue, cudaFree(large));

    tell(2);
    hear<int>(); // the second pool is destroyed, which its memory survives
    EXPECT(holds(neighbour, kSmall, 3));
    CUDA(cudaMemPoolDestroy(second));
    tell(3);
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(holds(neighbour, kSmall, 3));
    CUDA(cudaFree(neighbour));
    FAILS(cudaErrorInvalidValue, cudaMemPoolImportPointer(&pointer, pool, &neighbour_data));
    CUDA(cudaMemPoolDestroy(pool));
    close(fd);
    CUDA(cudaEventDestroy(ready));
    int can = 0;
    CUDA(cudaDeviceGetAttribute(&can, cudaDevAttrMemoryPoolSupportedHandleTypes, 0));
    EXPECT(can == kDescriptor);
}

} // namespace

int main()
{
    pid_t child = two_processes();
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    if (child == 0)
        return maker();
    user(child);
    std::printf("%s: ok two processes shared %d and %d numbers\n", program, kLarge, kSmall);
    return 0;
}
