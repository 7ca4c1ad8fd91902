// SPDX-License-Identifier: Apache-2.0
// Allocates until there is no more, by every way of allocating, and gives it all back.
#include "check.h"

#include <vector>

const char *const program = "memory-quota";

constexpr size_t kMiB = 1 << 20;
constexpr size_t kLimit = 512; // allocations; a larger device is not emptied

// MiB that could be had in pieces of `chunk`.
template<typename Allocate, typename Release>
static size_t exhaust(size_t chunk, Allocate allocate, Release release)
{
    std::vector<void *> pieces;
    while (pieces.size() < kLimit) {
        void *piece = nullptr;
        cudaError_t error = allocate(&piece, chunk);
        if (error == cudaErrorMemoryAllocation) {
            EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
            break;
        }
        CUDA(error);
        pieces.push_back(piece);
    }
    for (void *piece : pieces)
        CUDA(release(piece));
    return pieces.size() * (chunk / kMiB);
}

int main()
{
    size_t before = 0, total = 0, after = 0;
    CUDA(cudaFree(nullptr));
    CUDA(cudaMemGetInfo(&before, &total));
    EXPECT(before > 0 && before <= total);
    size_t chunk = 64 * kMiB;
    size_t plain = exhaust(
        chunk, [](void **p, size_t size) { return cudaMalloc(p, size); },
        [](void *p) { return cudaFree(p); });
    EXPECT(plain * kMiB <= total);
    // A failure long before the limit is no quota.
    EXPECT(plain / (chunk / kMiB) >= kLimit || before - plain * kMiB < 2 * chunk);
    CUDA(cudaMemGetInfo(&after, &total));
    EXPECT(after == before);
    size_t pitched = exhaust(
        chunk,
        [](void **p, size_t size) {
            size_t pitch;
            return cudaMallocPitch(p, &pitch, kMiB, size / kMiB);
        },
        [](void *p) { return cudaFree(p); });
    EXPECT(pitched * kMiB <= total);
    CUDA(cudaMemGetInfo(&after, &total));
    EXPECT(after == before);
    size_t ordered = exhaust(
        chunk, [](void **p, size_t size) { return cudaMallocAsync(p, size, nullptr); },
        [](void *p) {
            cudaError_t error = cudaFreeAsync(p, nullptr);
            return error == cudaSuccess ? cudaStreamSynchronize(nullptr) : error;
        });
    EXPECT(ordered * kMiB <= total);
    std::printf("memory-quota: ok total %zu MiB, plain %zu MiB, pitched %zu MiB, ordered %zu MiB\n",
                total / kMiB, plain, pitched, ordered);
    return 0;
}
