// SPDX-License-Identifier: Apache-2.0
// Device memory that two processes share by cudaIpc*: each writes with kernels and copies what the
// other reads; then all that must be refused, and what becomes of it when one of them lets go.
#include "check.h"
#include "two-processes.h"

#include <cstring>
#include <cuda_runtime.h>

const char *const program = "ipc";

namespace
{

constexpr int kLarge = 3 << 20; // elements, mapped by itself
constexpr int kSmall = 1000;    // one of several in a chunk

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

void write(unsigned *numbers, int n, unsigned seed)
{
    write_numbers<<<(n + 255) / 256, 256>>>(numbers, n, seed);
    CUDA(cudaDeviceSynchronize());
}

bool holds(const unsigned *numbers, int n, unsigned seed)
{
    unsigned *wrong, result = 1;
    CUDA(cudaMalloc(&wrong, sizeof *wrong));
    CUDA(cudaMemset(wrong, 0, sizeof *wrong));
    count_wrong<<<(n + 255) / 256, 256>>>(numbers, n, seed, wrong);
    CUDA(cudaMemcpy(&result, wrong, sizeof result, cudaMemcpyDeviceToHost));
    CUDA(cudaFree(wrong));
    return result == 0;
}

void fails(cudaError_t with, cudaError_t code, int line)
{
    if (code != with)
        fail("%s instead of %s (line %d)", cudaGetErrorName(code), cudaGetErrorName(with), line);
    cudaGetLastError();
}
#define FAILS(with, call) fails(with, call, __LINE__)

unsigned *open_memory(const cudaIpcMemHandle_t &handle)
{
    void *pointer = nullptr;
    CUDA(cudaIpcOpenMemHandle(&pointer, handle, cudaIpcMemLazyEnablePeerAccess));
    return static_cast<unsigned *>(pointer);
}

cudaIpcMemHandle_t handle_of(void *pointer)
{
    cudaIpcMemHandle_t handle;
    CUDA(cudaIpcGetMemHandle(&handle, pointer));
    return handle;
}

int exporter()
{
    unsigned *large, *small, *neighbour;
    CUDA(cudaMalloc(&large, kLarge * sizeof *large));
    CUDA(cudaMalloc(&small, kSmall * sizeof *small));
    CUDA(cudaMalloc(&neighbour, kSmall * sizeof *neighbour));
    write(large, kLarge, 1); // before it is exported
    write(small, kSmall, 2);
    write(neighbour, kSmall, 3);
    cudaIpcMemHandle_t handle = handle_of(large), again = handle_of(large);
    EXPECT(std::memcmp(&handle, &again, sizeof handle) == 0);
    tell(handle);
    tell(handle_of(small));
    tell(handle_of(neighbour));

    hear<int>(); // written by the other
    EXPECT(holds(large, kLarge, 11));
    EXPECT(holds(small, kSmall, 12));
    EXPECT(holds(neighbour, kSmall, 3));
    write(large, kLarge, 21);
    unsigned *theirs = open_memory(hear<cudaIpcMemHandle_t>());
    EXPECT(holds(theirs, kSmall, 31));
    write(theirs, kSmall, 32);
    CUDA(cudaIpcCloseMemHandle(theirs));
    tell(1);

    hear<int>();           // seen by the other
    CUDA(cudaFree(small)); // though the other has it
    unsigned *next;
    CUDA(cudaMalloc(&next, kSmall * sizeof *next)); // perhaps at its place
    write(next, kSmall, 4);
    tell(2);
    hear<int>();
    CUDA(cudaDeviceSynchronize());
    return 0;
}

void refusals(const cudaIpcMemHandle_t &theirs)
{
    void *pointer;
    unsigned *own;
    cudaIpcMemHandle_t handle;
    CUDA(cudaMalloc(&own, kSmall * sizeof *own));
    FAILS(cudaErrorDeviceUninitialized,
          cudaIpcOpenMemHandle(&pointer, handle_of(own), cudaIpcMemLazyEnablePeerAccess));
    FAILS(cudaErrorInvalidValue, cudaIpcCloseMemHandle(own));
    std::memset(&handle, 0, sizeof handle);
    FAILS(cudaErrorInvalidValue,
          cudaIpcOpenMemHandle(&pointer, handle, cudaIpcMemLazyEnablePeerAccess));
    std::memset(&handle, 0x5a, sizeof handle);
    FAILS(cudaErrorInvalidValue,
          cudaIpcOpenMemHandle(&pointer, handle, cudaIpcMemLazyEnablePeerAccess));
    handle = theirs; // a secret that is not the right one
    handle.reserved[28] = char(handle.reserved[28] ^ 1);
    FAILS(cudaErrorInvalidValue,
          cudaIpcOpenMemHandle(&pointer, handle, cudaIpcMemLazyEnablePeerAccess));
    FAILS(cudaErrorInvalidValue, cudaIpcOpenMemHandle(&pointer, theirs, 0x80));

    void *pinned, *managed;
    CUDA(cudaMallocHost(&pinned, 4096));
    CUDA(cudaMallocManaged(&managed, 4096));
    FAILS(cudaErrorInvalidValue, cudaIpcGetMemHandle(&handle, pinned));
    FAILS(cudaErrorInvalidValue, cudaIpcGetMemHandle(&handle, managed));
    CUDA(cudaFreeHost(pinned));
    CUDA(cudaFree(managed));
    CUDA(cudaFree(own));
    FAILS(cudaErrorInvalidValue, cudaIpcGetMemHandle(&handle, own));
}

void importer(pid_t child)
{
    auto large_handle = hear<cudaIpcMemHandle_t>(), small_handle = hear<cudaIpcMemHandle_t>(),
         neighbour_handle = hear<cudaIpcMemHandle_t>();
    size_t before = 0, after = 0, total;
    CUDA(cudaMemGetInfo(&before, &total));
    unsigned *large = open_memory(large_handle), *small = open_memory(small_handle),
             *neighbour = open_memory(neighbour_handle);
    CUDA(cudaMemGetInfo(&after, &total));
    EXPECT(before == after);                    // who allocated it pays
    EXPECT(open_memory(large_handle) == large); // now twice
    EXPECT(holds(large, kLarge, 1));
    EXPECT(holds(small, kSmall, 2));
    EXPECT(holds(neighbour, kSmall, 3));
    cudaPointerAttributes attributes;
    CUDA(cudaPointerGetAttributes(&attributes, large + 5));
    EXPECT(attributes.type == cudaMemoryTypeDevice && attributes.device == 0);
    FAILS(cudaErrorInvalidValue, cudaFree(large)); // it is not ours
    refusals(large_handle);

    unsigned *own, middle[4];
    CUDA(cudaMalloc(&own, kSmall * sizeof *own));
    write(own, kSmall, 31);
    write(large, kLarge, 0);
    write(own, kSmall, 12);
    CUDA(cudaMemcpy(small, own, kSmall * sizeof *own, cudaMemcpyDeviceToDevice));
    write(own, kSmall, 31);
    write(large, kLarge, 11);
    tell(1);
    tell(handle_of(own));
    hear<int>();
    EXPECT(holds(large, kLarge, 21));
    EXPECT(holds(own, kSmall, 32));
    CUDA(cudaMemcpy(middle, large + kLarge / 2, sizeof middle, cudaMemcpyDeviceToHost));
    EXPECT(middle[1] == unsigned(kLarge / 2 + 1) * 2654435761u + 21);

    tell(2);
    hear<int>(); // freed over there
    EXPECT(holds(small, kSmall, 12));
    CUDA(cudaIpcCloseMemHandle(small));
    void *pointer;
    FAILS(cudaErrorInvalidValue,
          cudaIpcOpenMemHandle(&pointer, small_handle, cudaIpcMemLazyEnablePeerAccess));
    CUDA(cudaIpcCloseMemHandle(large));
    EXPECT(holds(large, kLarge, 21)); // once more open

    tell(3);
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(holds(large, kLarge, 21)); // though nobody else has it
    EXPECT(holds(neighbour, kSmall, 3));
    CUDA(cudaIpcCloseMemHandle(large));
    FAILS(cudaErrorInvalidValue, cudaIpcCloseMemHandle(large));
    CUDA(cudaIpcCloseMemHandle(neighbour));
    // What worked for the child may see its end a moment after us; alarm() ends a wait in vain.
    while (cudaIpcOpenMemHandle(&pointer, large_handle, cudaIpcMemLazyEnablePeerAccess) ==
           cudaSuccess) {
        CUDA(cudaIpcCloseMemHandle(pointer));
        usleep(1000);
    }
    cudaGetLastError();
    FAILS(cudaErrorInvalidValue,
          cudaIpcOpenMemHandle(&pointer, large_handle, cudaIpcMemLazyEnablePeerAccess));
    FAILS(cudaErrorInvalidValue, cudaMemset(large, 0, 4));
    CUDA(cudaFree(own));
}

} // namespace

int main()
{
    pid_t child = two_processes();
    if (child == 0)
        return exporter();
    importer(child);
    std::printf("%s: ok two processes shared %d and %d numbers\n", program, kLarge, kSmall);
    return 0;
}
