// SPDX-License-Identifier: Apache-2.0
// CUDA_VISIBLE_DEVICES chooses among two devices, and all calls count what is left.
#include "check.h"
#include "driver-symbol.h"
#include "in-child.h"

#include <chrono>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

const char *const program = "visible-devices";

constexpr int kCount = 1 << 12;
constexpr size_t kLarge = 32 << 20;

__device__ int salt = 1;

__global__ void fill(int *data, int start)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    data[i] = start + i * salt;
}

// What the two are called, as a child that sees both found them.
struct Names {
    char uuid[2][16];
    char bus[2][32];
    int all; // devices, of which these are the first

    // Else they are vgpus of one GPU.
    bool differ() const { return std::memcmp(uuid[0], uuid[1], sizeof uuid[0]) != 0; }
};

static Names names_here()
{
    auto get = DRIVER(cuDeviceGetUuid_v2);
    Names names{};
    CUDA(cudaGetDeviceCount(&names.all));
    for (int d = 0; d < 2; d++) {
        CUDA(cudaSetDevice(d));
        EXPECT(get(reinterpret_cast<CUuuid *>(names.uuid[d]), d) == CUDA_SUCCESS);
        CUDA(cudaDeviceGetPCIBusId(names.bus[d], sizeof names.bus[d], d));
    }
    return names;
}

constexpr const char *kVariable = "CUDA_VISIBLE_DEVICES";

static size_t free_memory(int device)
{
    size_t free = 0, total = 0;
    CUDA(cudaSetDevice(device));
    CUDA(cudaMemGetInfo(&free, &total));
    return free;
}

// All that names a device must mean this one: its memory, kernels, variables, pool, managed memory.
static void work_on(int device, int devices)
{
    CUDA(cudaSetDevice(device));
    void *large;
    // What processes before this one had may be given back meanwhile.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (bool only_here = false; !only_here;) {
        EXPECT(std::chrono::steady_clock::now() < deadline);
        std::vector<size_t> before(static_cast<size_t>(devices));
        for (int d = 0; d < devices; d++)
            before[static_cast<size_t>(d)] = free_memory(d);
        CUDA(cudaSetDevice(device));
        CUDA(cudaMalloc(&large, kLarge));
        only_here = true;
        for (int d = 0; d < devices; d++) {
            bool less = free_memory(d) + kLarge <= before[static_cast<size_t>(d)];
            only_here = only_here && less == (d == device);
        }
        CUDA(cudaSetDevice(device));
        if (!only_here)
            CUDA(cudaFree(large));
    }
    cudaPointerAttributes attributes;
    CUDA(cudaPointerGetAttributes(&attributes, large));
    EXPECT(attributes.device == device);
    CUDA(cudaSetDevice(device));
    CUDA(cudaFree(large));

    int salt_here = device + 2, *data;
    CUDA(cudaMemcpyToSymbol(salt, &salt_here, sizeof salt_here));
    cudaMemPool_t pool;
    CUDA(cudaDeviceGetDefaultMemPool(&pool, device));
    CUDA(cudaMallocFromPoolAsync(reinterpret_cast<void **>(&data), kCount * sizeof(int), pool, 0));
    fill<<<kCount / 256, 256>>>(data, 7);
    std::vector<int> host(kCount);
    CUDA(cudaMemcpy(host.data(), data, kCount * sizeof(int), cudaMemcpyDefault));
    for (int i = 0; i < kCount; i++)
        EXPECT(host[static_cast<size_t>(i)] == 7 + i * salt_here);
    CUDA(cudaFreeAsync(data, 0));

    CUDA(cudaMallocManaged(&data, kCount * sizeof(int)));
    fill<<<kCount / 256, 256>>>(data, 9);
    CUDA(cudaDeviceSynchronize());
    EXPECT(data[1] == 9 + salt_here);
    CUDA(cudaPointerGetAttributes(&attributes, data));
    EXPECT(attributes.device == device);
    CUDA(cudaFree(data));
}

// What the first visible device computed, by way of the second.
static void work_across()
{
    int *data[2], reaches = 0;
    CUDA(cudaDeviceCanAccessPeer(&reaches, 1, 0));
    for (int d = 0; d < 2; d++) {
        CUDA(cudaSetDevice(d));
        CUDA(cudaMalloc(&data[d], kCount * sizeof(int)));
    }
    CUDA(cudaSetDevice(0));
    fill<<<kCount / 256, 256>>>(data[0], 11);
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaSetDevice(1));
    if (reaches)
        CUDA(cudaDeviceEnablePeerAccess(0, 0));
    CUDA(cudaMemcpyPeer(data[1], 1, data[0], 0, kCount * sizeof(int)));
    int value = 0;
    CUDA(cudaMemcpy(&value, data[1] + 1, sizeof value, cudaMemcpyDefault));
    EXPECT(value == 11 + 2); // the salt of device 0
}

static void expect(const Names &names, const std::string &visible, const std::vector<int> &order)
{
    in_child(kVariable, visible.c_str(), [&] {
        int devices = -1, n = static_cast<int>(order.size());
        if (order.empty()) {
            EXPECT(DRIVER(cuInit)(0) == CUDA_ERROR_NO_DEVICE);
            EXPECT(cudaGetDeviceCount(&devices) == cudaErrorNoDevice);
            EXPECT(cudaGetLastError() == cudaErrorNoDevice);
            EXPECT(cudaFree(nullptr) == cudaErrorNoDevice);
            return;
        }
        CUDA(cudaGetDeviceCount(&devices));
        EXPECT(devices == n);
        EXPECT(cudaSetDevice(n) == cudaErrorInvalidDevice);
        cudaGetLastError();
        auto get = DRIVER(cuDeviceGetUuid_v2);
        for (int d = 0; d < n; d++) {
            const int which = order[static_cast<size_t>(d)];
            CUuuid uuid;
            EXPECT(get(&uuid, d) == CUDA_SUCCESS);
            EXPECT(std::memcmp(&uuid, names.uuid[which], sizeof uuid) == 0);
            int found = -1;
            CUDA(cudaDeviceGetByPCIBusId(&found, names.bus[which]));
            EXPECT(found == d || !names.differ());
        }
        if (n == 1 && names.differ()) {
            int found;
            EXPECT(cudaDeviceGetByPCIBusId(&found, names.bus[1 - order[0]]) ==
                   cudaErrorInvalidDevice);
            cudaGetLastError();
        }
        for (int d = 0; d < n; d++)
            work_on(d, n);
        if (n == 2)
            work_across();
    });
}

static std::string text_of(const char (&uuid)[16])
{
    std::string text = "GPU-";
    char digits[3];
    for (int i = 0; i < 16; i++) {
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(uuid[i]));
        text += digits;
        if (i == 3 || i == 5 || i == 7 || i == 9)
            text += '-';
    }
    return text;
}

int main()
{
    int ends[2];
    EXPECT(pipe(ends) == 0);
    in_child(kVariable, nullptr, [&] {
        int devices = 0;
        CUDA(cudaGetDeviceCount(&devices));
        if (devices < 2)
            return;
        Names names = names_here();
        EXPECT(write(ends[1], &names, sizeof names) == ssize_t(sizeof names));
    });
    close(ends[1]);
    Names names;
    const ssize_t got = read(ends[0], &names, sizeof names);
    if (got == 0) {
        std::printf("%s: there is one device\n", program);
        return 77;
    }
    EXPECT(got == ssize_t(sizeof names));
    const std::string first = text_of(names.uuid[0]), second = text_of(names.uuid[1]);

    expect(names, "0,1", {0, 1});
    expect(names, "1,0", {1, 0});
    expect(names, "1", {1});
    expect(names, "1,-1,0", {1});
    expect(names, "1,64,0", {1});
    expect(names, second + "," + first, {1, 0});
    expect(names, second, {1});
    expect(names, second + ",GPU-no,0", {1});
    expect(names, "", {});
    expect(names, "-1", {});
    expect(names, "64,0", {});
    expect(names, "NoDevFiles", {});
    expect(names, "0,0", {});
    expect(names, first + "," + first,
           names.differ() ? std::vector<int>{} : std::vector<int>{0, 1});
    if (names.differ() || names.all == 2) // or it is the third of one GPU
        expect(names, first + "," + second + "," + first, {});
    // The order of programs that leave it to their driver is no other.
    setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST", 1);
    expect(names, "1,0", {1, 0});
    setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1);
    expect(names, "1,0", {1, 0});
    std::printf("visible-devices: ok %d values\n", 17);
    return 0;
}
