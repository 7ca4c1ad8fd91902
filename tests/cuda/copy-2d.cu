// SPDX-License-Identifier: Apache-2.0
// Copies and fills of rectangles and boxes, with pitch.
#include "check.h"

#include <cstring>
#include <vector>

const char *const program = "copy-2d";

__global__ void negate_rows(char *rows, size_t pitch, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        int *row = (int *)(rows + y * pitch);
        row[x] = -row[x];
    }
}

__global__ void add_depth(cudaPitchedPtr box, int width, int height, int depth)
{
    int x = threadIdx.x, y = blockIdx.x, z = blockIdx.y;
    if (x < width && y < height && z < depth) {
        char *plane = (char *)box.ptr + z * box.pitch * box.ysize;
        ((int *)(plane + y * box.pitch))[x] += 1000 * z;
    }
}

// A rectangle out of a larger host matrix, to the device and back into the middle of another.
static uint64_t rectangles()
{
    const int width = 301, height = 97, host_width = 400;
    std::vector<int> from(host_width * height), to(host_width * height, 7);
    for (size_t i = 0; i < from.size(); i++)
        from[i] = int(scramble(unsigned(i)) & 0xffff);
    char *rows;
    size_t pitch = 0;
    CUDA(cudaMallocPitch((void **)&rows, &pitch, width * sizeof(int), height));
    EXPECT(pitch >= width * sizeof(int));
    CUDA(cudaMemset2D(rows, pitch, 0x5a, width * sizeof(int), height));
    int probe = 0;
    CUDA(cudaMemcpy(&probe, rows + (height - 1) * pitch + (width - 1) * sizeof(int), sizeof probe,
                    cudaMemcpyDeviceToHost));
    EXPECT(probe == 0x5a5a5a5a);
    CUDA(cudaMemcpy2D(rows, pitch, from.data() + 10, host_width * sizeof(int), width * sizeof(int),
                      height, cudaMemcpyHostToDevice));
    negate_rows<<<dim3((width + 31) / 32, (height + 7) / 8), dim3(32, 8)>>>(rows, pitch, width,
                                                                            height);
    CUDA(cudaGetLastError());
    // From one pitch to another on the device, then to the host asynchronously.
    char *packed;
    CUDA(cudaMalloc((void **)&packed, width * height * sizeof(int)));
    CUDA(cudaMemcpy2D(packed, width * sizeof(int), rows, pitch, width * sizeof(int), height,
                      cudaMemcpyDeviceToDevice));
    CUDA(cudaMemcpy2DAsync(to.data() + 50, host_width * sizeof(int), packed, width * sizeof(int),
                           width * sizeof(int), height, cudaMemcpyDefault, 0));
    CUDA(cudaStreamSynchronize(0));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < host_width; x++) {
            bool inside = x >= 50 && x < 50 + width;
            int expected = inside ? -from[y * host_width + x - 40] : 7;
            if (to[y * host_width + x] != expected)
                fail("[%d][%d] is %d, not %d", y, x, to[y * host_width + x], expected);
        }
    EXPECT(cudaMemcpy2D(rows, 16, from.data(), 8, 16, 2, cudaMemcpyHostToDevice) ==
           cudaErrorInvalidPitchValue);
    (void)cudaGetLastError();
    CUDA(cudaFree(rows));
    CUDA(cudaFree(packed));
    return checksum(to.data(), to.size() * sizeof(int));
}

static uint64_t boxes()
{
    const int width = 65, height = 19, depth = 7;
    std::vector<int> from(width * height * depth), to(from.size());
    for (size_t i = 0; i < from.size(); i++)
        from[i] = int(scramble(unsigned(i)) & 0xff);
    cudaPitchedPtr box;
    cudaExtent extent = make_cudaExtent(width * sizeof(int), height, depth);
    CUDA(cudaMalloc3D(&box, extent));
    CUDA(cudaMemset3D(box, 0, extent));
    cudaMemcpy3DParms copy = {};
    copy.srcPtr = make_cudaPitchedPtr(from.data(), width * sizeof(int), width, height);
    copy.dstPtr = box;
    copy.extent = extent;
    copy.kind = cudaMemcpyHostToDevice;
    CUDA(cudaMemcpy3D(&copy));
    add_depth<<<dim3(height, depth), 96>>>(box, width, height, depth);
    CUDA(cudaGetLastError());
    copy.srcPtr = box;
    copy.dstPtr = make_cudaPitchedPtr(to.data(), width * sizeof(int), width, height);
    copy.kind = cudaMemcpyDeviceToHost;
    CUDA(cudaMemcpy3DAsync(&copy, 0));
    CUDA(cudaDeviceSynchronize());
    for (int z = 0; z < depth; z++)
        for (int i = 0; i < width * height; i++) {
            size_t at = size_t(z) * width * height + i;
            if (to[at] != from[at] + 1000 * z)
                fail("box[%zu] is %d, not %d", at, to[at], from[at] + 1000 * z);
        }
    CUDA(cudaFree(box.ptr));
    return checksum(to.data(), to.size() * sizeof(int));
}

int main()
{
    uint64_t sums[] = {rectangles(), boxes()};
    passed(checksum(sums, sizeof sums));
    return 0;
}
