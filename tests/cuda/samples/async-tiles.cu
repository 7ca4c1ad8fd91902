// SPDX-License-Identifier: Apache-2.0
// A matrix product whose tiles come into shared memory by asynchronous copies, three stages ahead:
// with the pipeline's intrinsics, and with cooperative groups. For devices from 8.0 on.
#include "array.h"

#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda_pipeline.h>

namespace cg = cooperative_groups;
const char *const program = "async-tiles";

constexpr int kTile = 16, kStages = 3, kN = 96;

__global__ void by_pipeline(const float *a, const float *b, float *c)
{
    __shared__ alignas(16) float as[kStages][kTile][kTile], bs[kStages][kTile][kTile];
    int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * kTile, column = blockIdx.x * kTile;
    auto fetch = [&](int k) {
        // Four floats at once for one matrix by the first rows of threads, the other by single
        // ones.
        if (k < kN / kTile) {
            if (x < 4)
                __pipeline_memcpy_async(&as[k % kStages][y][4 * x],
                                        a + (row + y) * kN + k * kTile + 4 * x, 16);
            __pipeline_memcpy_async(&bs[k % kStages][y][x], b + (k * kTile + y) * kN + column + x,
                                    4);
        }
        __pipeline_commit();
    };
    float sum = 0;
    for (int k = 0; k < kStages - 1; k++)
        fetch(k);
    for (int k = 0; k < kN / kTile; k++) {
        fetch(k + kStages - 1);
        __pipeline_wait_prior(kStages - 1);
        __syncthreads();
        for (int i = 0; i < kTile; i++)
            sum += as[k % kStages][y][i] * bs[k % kStages][i][x];
        __syncthreads();
    }
    c[(row + y) * kN + column + x] = sum;
}

// Each block its rows of a against all of b; the last rows are fewer.
__global__ void by_groups(const float *a, const float *b, float *c, int rows)
{
    extern __shared__ __align__(16) float shared[];
    auto block = cg::this_thread_block();
    int first = blockIdx.x * 8, mine = min(8, rows - first);
    float *part = shared, *strip[2] = {shared + 8 * kN, shared + 8 * kN + kTile * kN};
    cg::memcpy_async(block, part, a + first * kN, sizeof(float) * mine * kN);
    cg::memcpy_async(block, strip[0], b, sizeof(float) * kTile * kN);
    float sums[8] = {};
    for (int k = 0; k < kN / kTile; k++) {
        if (k + 1 < kN / kTile) {
            cg::memcpy_async(block, strip[(k + 1) % 2], b + (k + 1) * kTile * kN,
                             sizeof(float) * kTile * kN);
            cg::wait_prior<1>(block);
        } else {
            cg::wait(block);
        }
        for (int r = 0; r < mine; r++)
            for (int i = 0; i < kTile; i++)
                sums[r] += part[r * kN + k * kTile + i] * strip[k % 2][i * kN + threadIdx.x];
        block.sync();
    }
    for (int r = 0; r < mine; r++)
        c[(first + r) * kN + threadIdx.x] = sums[r];
}

int main()
{
    Array<float> a(kN * kN), b(kN * kN), c(kN * kN, 0), d(kN * kN, 0);
    for (unsigned i = 0; i < a.size(); i++) {
        a[i] = unit(i) - 0.5f;
        b[i] = unit(i + 100000) - 0.5f;
    }
    a.put();
    b.put();
    d.put();
    by_pipeline<<<dim3(kN / kTile, kN / kTile), dim3(kTile, kTile)>>>(a.at, b.at, c.at);
    int bytes = (8 + 2 * kTile) * kN * 4;
    by_groups<<<12, kN, bytes>>>(a.at, b.at, d.at, 93);
    c.get();
    d.get();
    for (unsigned y = 0; y < kN; y++)
        for (unsigned x = 0; x < kN; x++) {
            double sum = 0;
            for (unsigned k = 0; k < kN; k++)
                sum += a[y * kN + k] * b[k * kN + x];
            EXPECT(near(c[y * kN + x], sum, 1e-5));
            EXPECT(near(d[y * kN + x], y < 93 ? sum : 0, 1e-5));
        }
    passed(c.sum());
}
