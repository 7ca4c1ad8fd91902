// SPDX-License-Identifier: Apache-2.0
// Attention without the matrix of scores: keys come by tiles through shared memory, the softmax is
// kept up to date as they come; causal, several heads; and its gradients from what was kept.
#include "array.h"

const char *const program = "attention";

constexpr int kLength = 96, kHeads = 3, kWidth = 16, kTile = 32;
constexpr float kScale = 0.25f; // 1 / sqrt(kWidth)

// A thread for each query.
__global__ void __launch_bounds__(kTile)
    forward(const float *__restrict__ q, const float *__restrict__ k, const float *__restrict__ v,
            float *__restrict__ out, float *__restrict__ logs)
{
    __shared__ float ks[kTile][kWidth], vs[kTile][kWidth];
    int head = blockIdx.y, row = blockIdx.x * kTile + threadIdx.x;
    size_t base = size_t(head) * kLength * kWidth;
    float mine[kWidth], sum[kWidth] = {}, most = -INFINITY, total = 0;
    for (int i = 0; i < kWidth; i++)
        mine[i] = q[base + row * kWidth + i] * kScale;
    for (int tile = 0; tile <= int(blockIdx.x); tile++) {
        __syncthreads();
        for (int i = threadIdx.x; i < kTile * kWidth; i += kTile) {
            ks[i / kWidth][i % kWidth] = k[base + tile * kTile * kWidth + i];
            vs[i / kWidth][i % kWidth] = v[base + tile * kTile * kWidth + i];
        }
        __syncthreads();
        for (int j = 0; j < kTile && tile * kTile + j <= row; j++) {
            float score = 0;
            for (int i = 0; i < kWidth; i++)
                score += mine[i] * ks[j][i];
            float now = fmaxf(most, score), shrink = __expf(most - now), part = __expf(score - now);
            total = total * shrink + part;
            for (int i = 0; i < kWidth; i++)
                sum[i] = sum[i] * shrink + part * vs[j][i];
            most = now;
        }
    }
    for (int i = 0; i < kWidth; i++)
        out[base + row * kWidth + i] = sum[i] / total;
    logs[head * kLength + row] = most + __logf(total);
}

// A warp for each query; many add to a key's gradient.
__global__ void backward(const float *q, const float *k, const float *v, const float *out,
                         const float *logs, const float *dout, float *dq, float *dk, float *dv)
{
    int row = blockIdx.x, head = blockIdx.y, lane = threadIdx.x;
    size_t base = size_t(head) * kLength * kWidth, at = base + row * kWidth;
    float delta = lane < kWidth ? out[at + lane] * dout[at + lane] : 0;
    for (int offset = 16; offset; offset /= 2)
        delta += __shfl_xor_sync(~0u, delta, offset);
    float own[kWidth] = {};
    for (int j = lane; j <= row; j += 32) {
        const float *key = k + base + j * kWidth, *value = v + base + j * kWidth;
        float score = 0, dp = 0;
        for (int i = 0; i < kWidth; i++) {
            score += q[at + i] * key[i];
            dp += dout[at + i] * value[i];
        }
        float p = __expf(score * kScale - logs[head * kLength + row]);
        float ds = p * (dp - delta) * kScale;
        for (int i = 0; i < kWidth; i++) {
            own[i] += ds * key[i];
            atomicAdd(&dk[base + j * kWidth + i], ds * q[at + i]);
            atomicAdd(&dv[base + j * kWidth + i], p * dout[at + i]);
        }
    }
    for (int i = 0; i < kWidth; i++) {
        for (int offset = 16; offset; offset /= 2)
            own[i] += __shfl_xor_sync(~0u, own[i], offset);
        if (lane == 0)
            dq[at + i] = own[i];
    }
}

int main()
{
    constexpr size_t kAll = kHeads * kLength * kWidth;
    Array<float> q(kAll), k(kAll), v(kAll), out(kAll), dout(kAll), dq(kAll), dk(kAll), dv(kAll),
        logs(kHeads * kLength);
    unsigned number = 0;
    for (auto *one : {&q, &k, &v, &dout}) {
        for (float &x : one->host)
            x = 4 * unit(number++) - 2;
        one->put();
    }
    dk.put();
    dv.put();
    forward<<<dim3(kLength / kTile, kHeads), kTile>>>(q.at, k.at, v.at, out.at, logs.at);
    backward<<<dim3(kLength, kHeads), 32>>>(q.at, k.at, v.at, out.at, logs.at, dout.at, dq.at,
                                            dk.at, dv.at);
    for (auto *one : {&out, &dq, &dk, &dv})
        one->get();

    for (size_t head = 0; head < kHeads; head++) {
        std::vector<double> of_k(kLength * kWidth), of_v(kLength * kWidth);
        size_t base = head * kLength * kWidth;
        for (size_t row = 0; row < kLength; row++) {
            std::vector<double> p(row + 1), dp(row + 1);
            double total = 0, delta = 0;
            size_t at = base + row * kWidth;
            for (size_t j = 0; j <= row; j++) {
                for (size_t i = 0; i < kWidth; i++)
                    p[j] += q[at + i] * k[base + j * kWidth + i] * kScale;
                total += p[j] = std::exp(p[j]);
            }
            for (size_t j = 0; j <= row; j++) {
                p[j] /= total;
                for (size_t i = 0; i < kWidth; i++)
                    dp[j] += dout[at + i] * v[base + j * kWidth + i];
                delta += p[j] * dp[j];
            }
            for (size_t i = 0; i < kWidth; i++) {
                double sum = 0, of_q = 0;
                for (size_t j = 0; j <= row; j++) {
                    double ds = p[j] * (dp[j] - delta) * kScale;
                    sum += p[j] * v[base + j * kWidth + i];
                    of_q += ds * k[base + j * kWidth + i];
                    of_k[j * kWidth + i] += ds * q[at + i];
                    of_v[j * kWidth + i] += p[j] * dout[at + i];
                }
                EXPECT(near(out[at + i], sum, 1e-4));
                EXPECT(near(dq[at + i], of_q, 1e-4));
            }
        }
        for (size_t i = 0; i < kLength * kWidth; i++) {
            EXPECT(near(dk[base + i], of_k[i], 1e-4));
            EXPECT(near(dv[base + i], of_v[i], 1e-4));
        }
    }
    passed(out.sum());
}
