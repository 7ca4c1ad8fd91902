// SPDX-License-Identifier: Apache-2.0
// CUDA_MODULE_LOADING: device code takes its memory when something of it is used first, or with
// EAGER when the process has its first context.
#include "driver-symbol.h"
#include "in-child.h"

#include <chrono>
#include <sys/mman.h>

const char *const program = "module-loading";

constexpr size_t kLarge = 16 << 20;

__device__ char large[kLarge];
__managed__ int shared_with_host = 7;

__global__ void add(int n)
{
    large[n] = 1;
    shared_with_host += n;
}

static size_t free_memory()
{
    size_t free = 0, total = 0;
    CUDA(cudaMemGetInfo(&free, &total));
    return free;
}

// What the first child had. What the one before has had may be given back a moment after its end.
static size_t *first_free;

static void wait_for_memory(size_t least)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (free_memory() < least)
        EXPECT(std::chrono::steady_clock::now() < deadline);
}

static void loads(const char *value, bool eagerly)
{
    in_child("CUDA_MODULE_LOADING", value, [&] {
        CUmoduleLoadingMode mode;
        CUDA(cudaFree(nullptr));
        CU(DRIVER(cuModuleGetLoadingMode)(&mode));
        EXPECT(mode == (eagerly ? CU_MODULE_EAGER_LOADING : CU_MODULE_LAZY_LOADING));
        if (*first_free)
            wait_for_memory(*first_free - (eagerly ? kLarge + kLarge / 2 : 0));
        const size_t before = free_memory();
        *first_free = before;
        void *address;
        CUDA(cudaGetSymbolAddress(&address, large));
        const bool took = free_memory() + kLarge <= before;
        EXPECT(took == !eagerly);
        add<<<1, 1>>>(3);
        CUDA(cudaDeviceSynchronize());
        EXPECT(shared_with_host == 10);
    });
}

int main()
{
    void *shared = mmap(nullptr, sizeof *first_free, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(shared != MAP_FAILED);
    first_free = static_cast<size_t *>(shared);
    loads(nullptr, false);
    loads("LAZY", false);
    loads("DEFAULT", false);
    loads("EAGER", true);
    std::printf("module-loading: ok %d ways\n", 4);
    return 0;
}
