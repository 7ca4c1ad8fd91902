// SPDX-License-Identifier: Apache-2.0
// usage: mma ROUNDS. A product of f16 matrices on the tensor cores' instructions, beside plain C in floats.
#include "bench/kernels.h"

#include <cmath>
#include <cuda_fp16.h>
#include <mma.h>

using namespace vgpu::bench;
using namespace nvcuda;

namespace
{

// A warp makes a tile of 16 x 16.
__global__ void gemm(const half *a, const half *b, float *c, int n)
{
    int column = int(blockIdx.x) * 16, row = int(blockIdx.y) * 16;
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> fb;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
    wmma::fill_fragment(sum, 0.0f);
    for (int k = 0; k < n; k += 16) {
        wmma::load_matrix_sync(fa, a + row * n + k, unsigned(n));
        wmma::load_matrix_sync(fb, b + k * n + column, unsigned(n));
        wmma::mma_sync(sum, fa, fb, sum);
    }
    wmma::store_matrix_sync(c + row * n + column, sum, unsigned(n), wmma::mem_row_major);
}

} // namespace

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 1, n = 256;
    std::vector<float> a(n * n), b(n * n), c(n * n), plain(n * n);
    std::vector<half> ha(n * n), hb(n * n);
    for (int i = 0; i < n * n; i++) { // halves exactly
        ha[size_t(i)] = a[size_t(i)] = float(i % 17) / 16;
        hb[size_t(i)] = b[size_t(i)] = float(i % 13) / 16;
    }
    half *da = on_device(ha), *db = on_device(hb);
    float *dc = on_device<float>(n * n);
    compare("softgpu-mma-gemm", rounds, [&] { gemm<<<dim3(n / 16, n / 16), 32>>>(da, db, dc, n); },
            [&] { plain_matmul(a.data(), b.data(), plain.data(), n); },
            [&] {
                back(c, dc);
                for (size_t i = 0; i < c.size(); i++)
                    if (std::fabs(c[i] - plain[i]) > 1e-3f * std::fabs(plain[i]))
                        return false;
                return true;
            });
    return 0;
}
