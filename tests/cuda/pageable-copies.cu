// SPDX-License-Identifier: Apache-2.0
// Copies of ordinary memory, large and small, in rows and whole, by several threads at once, each
// of which writes to its memory again as soon as a copy has returned: more bytes than any staging
// memory between the program and the device has.
#include "check.h"

#include <cstring>
#include <thread>
#include <vector>

const char *const program = "pageable-copies";

constexpr int kThreads = 3;
constexpr size_t kMost = size_t(5) << 18; // words
constexpr size_t kTotal = size_t(10) << 18;

__global__ void add_words(const unsigned *words, size_t n, unsigned long long *sum)
{
    for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        atomicAdd(sum, (unsigned long long)words[i] * (i + 1));
}

// Copies of many sizes into one piece of device memory, each summed there before the next comes.
static uint64_t whole(unsigned thread)
{
    std::vector<unsigned> words(kMost);
    unsigned *there;
    unsigned long long *sum, result = 0, expected = 0;
    cudaStream_t stream;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    CUDA(cudaMalloc((void **)&there, kMost * sizeof(unsigned)));
    CUDA(cudaMalloc((void **)&sum, sizeof *sum));
    CUDA(cudaMemsetAsync(sum, 0, sizeof *sum, stream));
    size_t copied = 0;
    for (unsigned round = 0; copied < kTotal; round++) {
        // From 4 bytes to 5 MiB, of 64 KiB and 256 KiB exactly, and a word more.
        const size_t sizes[] = {1,     16385, 16384, 65536,  65537,
                                99991, 3,     kMost, 262144, kMost / 2 + thread};
        const size_t n = sizes[(round + thread) % 10];
        for (size_t i = 0; i < n; i++) {
            words[i] = unsigned(i * 2654435761u) ^ (round * 977 + thread);
            expected += (unsigned long long)words[i] * (i + 1);
        }
        CUDA(cudaMemcpyAsync(there, words.data(), n * sizeof(unsigned), cudaMemcpyHostToDevice,
                             stream));
        std::memset(words.data(), 0xee, n * sizeof(unsigned));
        add_words<<<8, 128, 0, stream>>>(there, n, sum);
        CUDA(cudaGetLastError());
        copied += n;
    }
    CUDA(cudaMemcpyAsync(&result, sum, sizeof result, cudaMemcpyDeviceToHost, stream));
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(result == expected);
    CUDA(cudaFree(there));
    CUDA(cudaFree(sum));
    CUDA(cudaStreamDestroy(stream));
    return result;
}

// A large matrix out of a larger one and back, both ways with gaps.
static uint64_t rows(unsigned thread)
{
    const size_t width = 40'000 + thread, height = 120, pitch_here = 48'000;
    std::vector<unsigned char> from(pitch_here * height), to(pitch_here * height, 9);
    for (size_t i = 0; i < from.size(); i++)
        from[i] = (unsigned char)(i * 31 + thread);
    char *there;
    size_t pitch;
    CUDA(cudaMallocPitch((void **)&there, &pitch, width, height));
    CUDA(cudaMemcpy2D(there, pitch, from.data() + 8, pitch_here, width, height,
                      cudaMemcpyHostToDevice));
    std::memset(from.data() + 8, 0, width);
    CUDA(cudaMemcpy2D(to.data() + 8, pitch_here, there, pitch, width, height,
                      cudaMemcpyDeviceToHost));
    uint64_t sum = 0;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < pitch_here; x++) {
            const size_t i = y * pitch_here + x;
            const bool inside = x >= 8 && x < 8 + width;
            EXPECT(to[i] == (inside ? (unsigned char)(i * 31 + thread) : 9));
            sum += to[i];
        }
    CUDA(cudaFree(there));
    return sum;
}

int main()
{
    uint64_t sums[kThreads] = {};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; i++)
        threads.emplace_back([&sums, i] { sums[i] = whole(i) * 31 + rows(i); });
    for (std::thread &thread : threads)
        thread.join();
    std::printf("%s: ok", program);
    for (uint64_t sum : sums)
        std::printf(" %016llx", (unsigned long long)sum);
    std::printf("\n");
}
