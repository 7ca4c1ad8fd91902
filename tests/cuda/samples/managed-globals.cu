// SPDX-License-Identifier: Apache-2.0
// Managed variables: written by the host before anything else is done, and ahead of each launch;
// pointers to them and to other managed memory, and what the runtime says of these.
#include "array.h"

const char *const program = "managed-globals";

struct Settings {
    int factor, add;
    const int *table;
};

__managed__ int number = 3;
__managed__ Settings settings = {2, 1, nullptr};
__managed__ int results[64];
__managed__ double never_touched[100000];
__device__ int plain = 9;

__global__ void use(int round)
{
    results[round] = number * settings.factor + settings.add + plain +
                     (settings.table ? settings.table[round] : 0);
    number = round + 100;
}

static void attributes(const char *what, const void *pointer)
{
    cudaPointerAttributes it{};
    CUDA(cudaPointerGetAttributes(&it, pointer));
    std::printf("%s: %s: type %d, device %d, %s on the device, %s on the host\n", program, what,
                int(it.type), it.device,
                it.devicePointer == pointer ? "itself"
                : it.devicePointer          ? "something"
                                            : "nothing",
                it.hostPointer == pointer ? "itself"
                : it.hostPointer          ? "something"
                                          : "nothing");
}

int main()
{
    // Before any call: the first use of one makes them all.
    number = 5;
    settings.factor = 4;
    use<<<1, 1>>>(0);
    CUDA(cudaDeviceSynchronize());
    EXPECT(results[0] == 5 * 4 + 1 + 9);
    EXPECT(number == 100);

    int *table;
    CUDA(cudaMallocManaged(&table, 64 * sizeof(int)));
    for (int i = 0; i < 64; ++i)
        table[i] = i * 1000;
    settings.table = table;
    cudaStream_t stream;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    for (int round = 1; round < 64; ++round) {
        number = round * 7;
        settings.add = -round;
        if (round % 2)
            use<<<1, 1>>>(round);
        else
            use<<<1, 1, 0, stream>>>(round);
        CUDA(cudaDeviceSynchronize());
        EXPECT(results[round] == round * 28 - round + 9 + round * 1000);
        EXPECT(number == round + 100);
    }

    void *address, *device_memory;
    CUDA(cudaGetSymbolAddress(&address, number));
    EXPECT(address == &number);
    CUDA(cudaMemcpyToSymbol(number, &table[2], sizeof(int)));
    EXPECT(number == 2000);
    CUDA(cudaMalloc(&device_memory, 64));
    attributes("a managed variable", &number);
    attributes("the middle of one", &results[7]);
    attributes("one that nobody has used", never_touched);
    attributes("managed memory", table);
    attributes("its middle", table + 5);
    attributes("device memory", device_memory);
    attributes("memory of its own", &device_memory);
    CUDA(cudaGetSymbolAddress(&address, plain));
    attributes("a device variable", address);
    CUDA(cudaFree(table));
    passed(checksum(results, sizeof results));
    return 0;
}
