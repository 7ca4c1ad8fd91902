// SPDX-License-Identifier: Apache-2.0
// Host memory that kernels reach: allocated, and the program's own, registered where it lies, with
// no regard to pages. Both ends see what the other has written after a launch and after a wait.
#include "check.h"

#include <cstring>
#include <numeric>
#include <vector>

const char *const program = "mapped-memory";

constexpr int kCount = 50001;

__global__ void add(const int *in, int *out, int n, int what)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[i] = in[i] + what;
}

static void launch(const int *in, int *out, int what)
{
    add<<<(kCount + 255) / 256, 256>>>(in, out, kCount, what);
    CUDA(cudaGetLastError());
}

// What a kernel has written before is there, what is written here is there for the next.
struct Both {
    int *mapped, *managed;
    bool well;
};

static void CUDART_CB in_between(void *data)
{
    auto both = static_cast<Both *>(data);
    both->well = both->mapped[7] == 7 + 20 && both->managed[kCount - 1] == kCount - 1 + 30;
    both->managed[0] = -1000;
    both->mapped[kCount - 1] = -2000;
}

static void expect(const int *memory, int what)
{
    for (int i = 0; i < kCount; i++)
        if (memory[i] != i + what)
            fail("[%d] is %d, not %d", i, memory[i], i + what);
}

int main()
{
    int *mapped, *mapped_device, *device;
    CUDA(cudaHostAlloc(&mapped, kCount * sizeof(int), cudaHostAllocMapped));
    CUDA(cudaHostGetDevicePointer(&mapped_device, mapped, 0));
    CUDA(cudaMalloc(&device, kCount * sizeof(int)));
    std::iota(mapped, mapped + kCount, 0);
    launch(mapped_device, device, 5);
    launch(device, mapped_device, 7);
    CUDA(cudaDeviceSynchronize());
    expect(mapped, 12);

    // Several times, changed by the host between: by a few bytes, then all of it.
    for (int round = 0; round < 3; round++) {
        mapped[1] = 1;
        mapped[kCount - 1] = kCount - 1;
        launch(mapped_device, device, 0);
        CUDA(cudaDeviceSynchronize());
        int ends[2];
        CUDA(cudaMemcpy(ends, device, sizeof ends, cudaMemcpyDeviceToHost));
        EXPECT(ends[0] == (round ? 0 : 12) && ends[1] == 1);
        std::iota(mapped, mapped + kCount, 0);
    }

    // Copies in the order of the stream, by either address, without a wait between.
    launch(mapped_device, mapped_device, 100);
    std::vector<int> own(kCount + 3);
    int *odd = own.data() + 1;
    CUDA(cudaMemcpyAsync(device, mapped, kCount * sizeof(int), cudaMemcpyHostToDevice, 0));
    CUDA(cudaMemcpy(odd, device, kCount * sizeof(int), cudaMemcpyDeviceToHost));
    expect(odd, 100);
    CUDA(cudaMemset(device, 0, kCount * sizeof(int)));
    CUDA(cudaMemcpy(mapped_device, device, kCount * sizeof(int), cudaMemcpyDefault));
    EXPECT(mapped[0] == 0 && mapped[kCount - 1] == 0);
    CUDA(cudaMemset(mapped_device, 1, 8));
    CUDA(cudaDeviceSynchronize());
    EXPECT(mapped[1] == 0x01010101 && mapped[2] == 0);

    // A function of the host in the midst of a stream sees both, and both see what it writes.
    Both both = {mapped, nullptr, false};
    CUDA(cudaMallocManaged(&both.managed, kCount * sizeof(int)));
    std::iota(mapped, mapped + kCount, 0);
    launch(mapped_device, both.managed, 30);
    launch(mapped_device, mapped_device, 20);
    CUDA(cudaLaunchHostFunc(0, in_between, &both));
    launch(both.managed, both.managed, 1);
    launch(mapped_device, device, 1);
    CUDA(cudaDeviceSynchronize());
    EXPECT(both.well);
    EXPECT(both.managed[0] == -999 && both.managed[1] == 32);
    int last = 0;
    CUDA(cudaMemcpy(&last, device + kCount - 1, sizeof last, cudaMemcpyDeviceToHost));
    EXPECT(last == -1999 && mapped[kCount - 1] == -2000);
    CUDA(cudaFree(both.managed));

    // Memory of the program, in the midst of other things.
    own[0] = 77;
    own[kCount + 1] = 78;
    std::iota(odd, odd + kCount, 0);
    int *odd_device;
    CUDA(cudaHostRegister(odd, kCount * sizeof(int), cudaHostRegisterMapped));
    EXPECT(cudaHostRegister(odd, 4, 0) == cudaErrorHostMemoryAlreadyRegistered);
    cudaGetLastError();
    CUDA(cudaHostGetDevicePointer(&odd_device, odd, 0));
    int *again;
    CUDA(cudaHostGetDevicePointer(&again, odd + 10, 0));
    EXPECT(again == odd_device + 10);
    launch(odd_device, odd_device, 3);
    own[0]++;
    own[kCount + 1]++;
    CUDA(cudaDeviceSynchronize());
    expect(odd, 3);
    launch(odd_device, odd_device, 4);
    CUDA(cudaHostUnregister(odd)); // waits
    expect(odd, 7);
    EXPECT(own[0] == 78 && own[kCount + 1] == 79);
    EXPECT(cudaHostUnregister(odd) == cudaErrorHostMemoryNotRegistered);
    EXPECT(cudaHostGetDevicePointer(&again, odd, 0) == cudaErrorInvalidValue);
    cudaGetLastError();

    // A second time, and memory that is freed while a kernel writes to it.
    CUDA(cudaHostRegister(odd, kCount * sizeof(int), cudaHostRegisterMapped));
    CUDA(cudaHostGetDevicePointer(&odd_device, odd, 0));
    launch(odd_device, mapped_device, 1);
    CUDA(cudaDeviceSynchronize());
    expect(mapped, 8);
    CUDA(cudaHostUnregister(odd));
    unsigned flags = 0;
    CUDA(cudaHostGetFlags(&flags, mapped));
    EXPECT(flags & cudaHostAllocMapped);
    uint64_t sum = checksum(mapped, kCount * sizeof(int));
    launch(device, mapped_device, 1);
    CUDA(cudaFreeHost(mapped));
    CUDA(cudaFree(device));
    CUDA(cudaDeviceSynchronize());
    passed(sum);
    return 0;
}
