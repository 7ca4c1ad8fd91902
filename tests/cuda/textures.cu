// SPDX-License-Identifier: Apache-2.0
// Arrays and the objects through which kernels see them: point and linear reads, addresses beyond
// the edge, layers, volumes, plain memory, and writes through a surface.
#include "check.h"

#include <algorithm>
#include <vector>

const char *const program = "textures";

constexpr int kWidth = 40, kHeight = 24, kLayers = 3;

__global__ void read_points(cudaTextureObject_t texture, float *out)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
    if (x < kWidth)
        out[y * kWidth + x] = tex2D<float>(texture, float(x - 2) + 0.5f, float(y - 2) + 0.5f);
}

__global__ void read_between(cudaTextureObject_t texture, float *out)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
    if (x < kWidth)
        out[y * kWidth + x] =
            tex2D<float>(texture, float(x + 1) / kWidth, (float(y) + 0.5f) / kHeight);
}

__global__ void read_layers(cudaTextureObject_t texture, uchar4 *out)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y, z = blockIdx.z;
    if (x < kWidth)
        out[(z * kHeight + y) * kWidth + x] =
            tex2DLayered<uchar4>(texture, float(x) + 0.5f, float(y) + 0.5f, z);
}

__global__ void read_volume(cudaTextureObject_t texture, int *out)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y, z = blockIdx.z;
    if (x < kWidth)
        out[(z * kHeight + y) * kWidth + x] =
            tex3D<int>(texture, float(x) + 0.5f, float(y) + 0.5f, float(z) + 0.5f);
}

__global__ void fetch(cudaTextureObject_t texture, int *out, int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        out[i] = tex1Dfetch<int>(texture, count - 1 - i);
}

__global__ void turn(cudaSurfaceObject_t from, cudaSurfaceObject_t to)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
    if (x < kWidth) {
        float value = surf2Dread<float>(from, x * int(sizeof(float)), y);
        surf2Dwrite(value + 1, to, (kWidth - 1 - x) * int(sizeof(float)), kHeight - 1 - y);
    }
}

static cudaTextureObject_t texture_of(cudaArray_t array, cudaTextureAddressMode address,
                                      cudaTextureFilterMode filter, bool normalized)
{
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureDesc how = {};
    for (auto &mode : how.addressMode)
        mode = address;
    how.filterMode = filter;
    how.readMode = cudaReadModeElementType;
    how.normalizedCoords = normalized;
    cudaTextureObject_t texture = 0;
    CUDA(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
    return texture;
}

int main()
{
    const dim3 plane(2, kHeight), box(2, kHeight, kLayers);
    const size_t count = size_t(kWidth) * kHeight;
    std::vector<float> in(count), out(count);
    for (size_t i = 0; i < count; i++)
        in[i] = float(scramble(unsigned(i)) % 1000);
    auto at = [&](int x, int y) {
        return in[size_t(std::clamp(y, 0, kHeight - 1)) * kWidth +
                  size_t(std::clamp(x, 0, kWidth - 1))];
    };
    uint64_t sum = 0;

    cudaArray_t array;
    cudaChannelFormatDesc floats = cudaCreateChannelDesc<float>();
    CUDA(cudaMallocArray(&array, &floats, kWidth, kHeight, cudaArraySurfaceLoadStore));
    CUDA(cudaMemcpy2DToArray(array, 0, 0, in.data(), kWidth * sizeof(float), kWidth * sizeof(float),
                             kHeight, cudaMemcpyHostToDevice));
    float *device;
    CUDA(cudaMalloc(&device, count * sizeof(float)));

    // Points, with zeros around; then clamped, half-way between two.
    auto points = texture_of(array, cudaAddressModeBorder, cudaFilterModePoint, false);
    read_points<<<plane, 32>>>(points, device);
    CUDA(cudaMemcpy(out.data(), device, count * sizeof(float), cudaMemcpyDeviceToHost));
    for (int y = 0; y < kHeight; y++)
        for (int x = 0; x < kWidth; x++)
            EXPECT(out[size_t(y) * kWidth + size_t(x)] ==
                   (x < 2 || y < 2 ? 0.0f : at(x - 2, y - 2)));
    sum ^= checksum(out.data(), count * sizeof(float));
    auto between = texture_of(array, cudaAddressModeClamp, cudaFilterModeLinear, true);
    read_between<<<plane, 32>>>(between, device);
    CUDA(cudaMemcpy(out.data(), device, count * sizeof(float), cudaMemcpyDeviceToHost));
    for (int y = 0; y < kHeight; y++)
        for (int x = 0; x < kWidth; x++) {
            // The hardware's weights have 8 bits, and the coordinate is rounded.
            float wanted = (at(x, y) + at(x + 1, y)) / 2;
            float error = out[size_t(y) * kWidth + size_t(x)] - wanted;
            EXPECT(error > -8 && error < 8);
        }
    CUDA(cudaDestroyTextureObject(points));
    CUDA(cudaDestroyTextureObject(between));

    // Layers of four bytes, and a volume of numbers, copied as boxes.
    std::vector<unsigned> bytes(count * kLayers), bytes_out(bytes.size());
    for (size_t i = 0; i < bytes.size(); i++)
        bytes[i] = scramble(unsigned(i));
    cudaExtent extent = make_cudaExtent(kWidth, kHeight, kLayers);
    for (bool layered : {true, false}) {
        cudaArray_t deep;
        cudaChannelFormatDesc format =
            layered ? cudaCreateChannelDesc<uchar4>() : cudaCreateChannelDesc<int>();
        CUDA(cudaMalloc3DArray(&deep, &format, extent, layered ? cudaArrayLayered : 0));
        cudaMemcpy3DParms copy = {};
        copy.srcPtr = make_cudaPitchedPtr(bytes.data(), kWidth * 4, kWidth, kHeight);
        copy.dstArray = deep;
        copy.extent = extent;
        copy.kind = cudaMemcpyHostToDevice;
        CUDA(cudaMemcpy3D(&copy));
        unsigned *results;
        CUDA(cudaMalloc(&results, bytes.size() * 4));
        auto texture = texture_of(deep, cudaAddressModeClamp, cudaFilterModePoint, false);
        if (layered)
            read_layers<<<box, 32>>>(texture, reinterpret_cast<uchar4 *>(results));
        else
            read_volume<<<box, 32>>>(texture, reinterpret_cast<int *>(results));
        CUDA(cudaMemcpy(bytes_out.data(), results, bytes.size() * 4, cudaMemcpyDeviceToHost));
        EXPECT(bytes == bytes_out);
        CUDA(cudaDestroyTextureObject(texture));
        CUDA(cudaFreeArray(deep));
        CUDA(cudaFree(results));
    }

    // Plain memory.
    int *numbers, *backwards;
    CUDA(cudaMalloc(&numbers, 1000 * sizeof(int)));
    CUDA(cudaMalloc(&backwards, 1000 * sizeof(int)));
    CUDA(cudaMemcpy(numbers, bytes.data(), 1000 * sizeof(int), cudaMemcpyHostToDevice));
    cudaResourceDesc linear = {};
    linear.resType = cudaResourceTypeLinear;
    linear.res.linear.devPtr = numbers;
    linear.res.linear.desc = cudaCreateChannelDesc<int>();
    linear.res.linear.sizeInBytes = 1000 * sizeof(int);
    cudaTextureDesc plain = {};
    cudaTextureObject_t row;
    CUDA(cudaCreateTextureObject(&row, &linear, &plain, nullptr));
    fetch<<<4, 256>>>(row, backwards, 1000);
    CUDA(cudaMemcpy(bytes_out.data(), backwards, 1000 * sizeof(int), cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < 1000; i++)
        EXPECT(bytes_out[i] == bytes[999 - i]);
    CUDA(cudaDestroyTextureObject(row));

    // Through surfaces from one array into another.
    cudaArray_t turned;
    CUDA(cudaMallocArray(&turned, &floats, kWidth, kHeight, cudaArraySurfaceLoadStore));
    cudaSurfaceObject_t from, to;
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    CUDA(cudaCreateSurfaceObject(&from, &resource));
    resource.res.array.array = turned;
    CUDA(cudaCreateSurfaceObject(&to, &resource));
    turn<<<plane, 32>>>(from, to);
    CUDA(cudaMemcpy2DFromArray(out.data(), kWidth * sizeof(float), turned, 0, 0,
                               kWidth * sizeof(float), kHeight, cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < count; i++)
        EXPECT(out[count - 1 - i] == in[i] + 1);
    sum ^= checksum(out.data(), count * sizeof(float));
    CUDA(cudaDestroySurfaceObject(from));
    CUDA(cudaDestroySurfaceObject(to));
    CUDA(cudaFreeArray(array));
    CUDA(cudaFreeArray(turned));
    CUDA(cudaFree(device));
    CUDA(cudaFree(numbers));
    CUDA(cudaFree(backwards));
    passed(sum);
    return 0;
}
