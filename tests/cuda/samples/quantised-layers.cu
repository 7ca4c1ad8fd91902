// SPDX-License-Identifier: Apache-2.0
// A network in 8-bit integers: products of four bytes at once, scales for each channel, rounding
// and clamping back to bytes, layer after layer; exact, so the host says the same to the bit.
#include "array.h"

const char *const program = "quantised-layers";

constexpr int kWidth = 64, kBatch = 24, kLayers = 4;

__host__ __device__ inline int requantise(int sum, int scale, int shift)
{
    // Rounded to the nearest, halves away from zero, as fixed-point inference does.
    long long wide = (long long)sum * scale;
    long long half = 1ll << (shift - 1);
    long long rounded = wide >= 0 ? (wide + half) >> shift : -((-wide + half) >> shift);
    return int(rounded > 127 ? 127 : rounded < -128 ? -128 : rounded);
}

// Four outputs a thread, so that they are written as one word.
__global__ void layer(const int *__restrict__ x, const int *__restrict__ weights,
                      const int *__restrict__ bias, const int *__restrict__ scales, int *out)
{
    int group = threadIdx.x, item = blockIdx.x, sums[4];
    for (int j = 0; j < 4; j++) {
        int row = 4 * group + j;
        sums[j] = bias[row];
        for (int i = 0; i < kWidth / 4; i++)
            sums[j] = __dp4a(__ldg(&weights[row * kWidth / 4 + i]),
                             __ldg(&x[item * kWidth / 4 + i]), sums[j]);
        sums[j] = max(requantise(sums[j], scales[row], 20), -20);
    }
    out[item * kWidth / 4 + group] = int(__byte_perm(
        __byte_perm(sums[0], sums[1], 0x0040), __byte_perm(sums[2], sums[3], 0x0040), 0x5410));
}

// The mean of unsigned pixels against signed weights: sums of absolute differences and mixed signs.
__global__ void distances(const unsigned *a, const unsigned *b, unsigned *out, int words)
{
    unsigned sum = 0, most = 0;
    for (int i = threadIdx.x; i < words; i += 32) {
        sum = __vsadu4(a[i], b[i]) + sum;
        most = __vmaxu4(most, __vabsdiffu4(a[i], b[i]));
    }
    for (int offset = 16; offset; offset /= 2) {
        sum += __shfl_xor_sync(~0u, sum, offset);
        most = __vmaxu4(most, __shfl_xor_sync(~0u, most, offset));
    }
    if (threadIdx.x == 0) {
        out[0] = sum;
        out[1] = most;
    }
}

int main()
{
    constexpr unsigned kBytes = kBatch * kWidth;
    Array<signed char> x(kBytes), weights(kLayers * kWidth * kWidth);
    Array<int> bias(kLayers * kWidth), scales(kLayers * kWidth), a(kBytes / 4), b(kBytes / 4);
    for (unsigned i = 0; i < x.size(); i++)
        x[i] = static_cast<signed char>(scramble(i));
    for (unsigned i = 0; i < weights.size(); i++)
        weights[i] = static_cast<signed char>(scramble(i + 50000));
    for (unsigned i = 0; i < bias.size(); i++) {
        bias[i] = int(scramble(i + 90000) % 20000) - 10000;
        scales[i] = 1500 + int(scramble(i + 95000) % 1500);
    }
    weights.put();
    bias.put();
    scales.put();
    CUDA(cudaMemcpy(a.at, x.host.data(), kBytes, cudaMemcpyHostToDevice));
    std::vector<signed char> now = x.host, next(kBytes);
    for (int l = 0; l < kLayers; l++) {
        layer<<<kBatch, kWidth / 4>>>(a.at,
                                      reinterpret_cast<int *>(weights.at) + l * kWidth * kWidth / 4,
                                      bias.at + l * kWidth, scales.at + l * kWidth, b.at);
        std::swap(a.at, b.at);
        for (size_t item = 0; item < kBatch; item++)
            for (size_t row = 0; row < kWidth; row++) {
                size_t channel = size_t(l) * kWidth + row;
                int sum = bias[channel];
                for (size_t i = 0; i < kWidth; i++)
                    sum += weights[channel * kWidth + i] * now[item * kWidth + i];
                next[item * kWidth + row] =
                    static_cast<signed char>(std::max(requantise(sum, scales[channel], 20), -20));
            }
        now.swap(next);
    }
    std::vector<signed char> seen(kBytes);
    CUDA(cudaMemcpy(seen.data(), a.at, kBytes, cudaMemcpyDeviceToHost));
    EXPECT(seen == now);
    EXPECT(*std::max_element(seen.begin(), seen.end()) > 40);

    Array<unsigned> p(400), q(400), out(2);
    unsigned sum = 0;
    uint8_t most[4] = {};
    for (unsigned i = 0; i < 400; i++) {
        p[i] = scramble(i);
        q[i] = scramble(i + 400);
        for (unsigned j = 0; j < 4; j++) {
            int difference = int(p[i] >> 8 * j & 255) - int(q[i] >> 8 * j & 255);
            sum += unsigned(std::abs(difference));
            most[j] = std::max(most[j], uint8_t(std::abs(difference)));
        }
    }
    p.put();
    q.put();
    distances<<<1, 32>>>(p.at, q.at, out.at, 400);
    out.get();
    EXPECT(out[0] == sum);
    for (unsigned j = 0; j < 4; j++)
        EXPECT((out[1] >> 8 * j & 255) == most[j]);
    passed(checksum(seen.data(), kBytes));
}
