// SPDX-License-Identifier: Apache-2.0
// Functions of the host under way while pinned and device memory is freed and unregistered, which
// waits for the device; and a process that ends behind the last of them.
#include "array.h"

#include <atomic>
#include <thread>

const char *const program = "host-function-ends";

constexpr int kCount = 1 << 12, kRounds = 16;

__global__ void spin(unsigned *data, unsigned rounds)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x, value = data[i];
    for (unsigned round = 0; round < rounds; ++round)
        value = value * 1664525u + 1013904223u;
    data[i] = value;
}

static std::atomic<int> called{0};

static std::atomic<int> freeing{0};

// Has much to do from the time when memory is freed for the `round`th time.
static void CUDART_CB work(void *round)
{
    while (freeing < int(reinterpret_cast<size_t>(round)))
        std::this_thread::yield();
    unsigned value = 1;
    for (unsigned i = 0; i < 2'000'000; ++i)
        value = scramble(value + i);
    called += value != 0 ? 1 : 2;
}

// What kernels write to mapped memory is there when the function runs, what it writes itself when
// its stream goes on.
static void CUDART_CB add_to(void *number)
{
    *static_cast<volatile unsigned *>(number) += 1;
    ++called;
}

__global__ void twice(unsigned *number)
{
    *number *= 2;
}

int main()
{
    cudaStream_t stream, other;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    Array<unsigned> data(kCount, 7);
    data.put();
    std::vector<unsigned> own(kCount, 1);
    static unsigned mapped[1024] = {1};
    CUDA(cudaHostRegister(mapped, sizeof mapped, cudaHostRegisterMapped));
    unsigned *number, *before, *behind, *large;
    CUDA(cudaHostGetDevicePointer(reinterpret_cast<void **>(&number), mapped, 0));
    for (int round = 1; round <= kRounds; ++round) {
        CUDA(cudaMallocHost(&before, kCount * sizeof(unsigned)));
        CUDA(cudaMallocHost(&behind, kCount * sizeof(unsigned)));
        CUDA(cudaMalloc(&large, 8 << 20));
        CUDA(cudaHostRegister(own.data(), own.size() * sizeof(unsigned), 0));
        spin<<<kCount / 128, 128, 0, stream>>>(data.at, 50);
        CUDA(cudaDeviceSynchronize());
        CUDA(cudaFreeHost(before));
        CUDA(cudaLaunchHostFunc(stream, work, reinterpret_cast<void *>(size_t(round))));
        twice<<<1, 1, 0, other>>>(number);
        CUDA(cudaLaunchHostFunc(other, add_to, mapped));
        freeing = round;
        CUDA(cudaFreeHost(behind));
        CUDA(cudaFree(large));
        CUDA(cudaHostUnregister(own.data()));
    }
    CUDA(cudaDeviceSynchronize());
    EXPECT(called == 2 * kRounds);
    data.get();
    uint64_t sum = data.sum() ^ mapped[0];
    // Nobody waits for these.
    CUDA(cudaMallocHost(&behind, kCount * sizeof(unsigned)));
    spin<<<kCount / 128, 128, 0, stream>>>(data.at, 200);
    CUDA(cudaLaunchHostFunc(stream, work, nullptr));
    CUDA(cudaFreeHost(behind));
    passed(sum);
    return 0;
}
