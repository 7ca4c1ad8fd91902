// SPDX-License-Identifier: Apache-2.0
// A wave on two halves, each with a device of its own if there are two: after each step the halves
// exchange their edges by peer copies, while their insides are computed.
#include "array.h"

const char *const program = "halo-exchange";

constexpr int kN = 4096, kHalf = kN / 2, kSteps = 40;

// One half with a cell more at each end, at three times.
struct Half {
    int device;
    float *now, *before, *next;
    cudaStream_t inside, edge;
    cudaEvent_t edges_done, inside_done, copied;
};

__host__ __device__ inline float wave(float left, float middle, float right, float before)
{
    return 2 * middle - before + 0.25f * (left - 2 * middle + right);
}

__global__ void advance(const float *now, const float *before, float *next, int from, int to,
                        int stride)
{
    int i = from + (blockIdx.x * blockDim.x + threadIdx.x) * stride;
    if (i < to)
        next[i] = wave(now[i - 1], now[i], now[i + 1], before[i]);
}

int main()
{
    int devices;
    CUDA(cudaGetDeviceCount(&devices));
    std::vector<float> now(kN + 2), before;
    for (int i = 1; i <= kN; i++)
        now[size_t(i)] = 100 * std::exp(-float((i - 1900) * (i - 1900)) / 2000);
    before = now;
    Half halves[2];
    for (int h = 0; h < 2; h++) {
        Half &one = halves[h];
        one.device = devices > 1 ? h : 0;
        CUDA(cudaSetDevice(one.device));
        int can = 0;
        if (devices > 1)
            CUDA(cudaDeviceCanAccessPeer(&can, h, 1 - h));
        if (can)
            CUDA(cudaDeviceEnablePeerAccess(1 - h, 0));
        for (float **field : {&one.now, &one.before, &one.next}) {
            CUDA(cudaMalloc(field, (kHalf + 2) * sizeof(float)));
            CUDA(cudaMemcpy(*field, &now[size_t(h * kHalf)], (kHalf + 2) * sizeof(float),
                            cudaMemcpyHostToDevice));
        }
        int least, most;
        CUDA(cudaDeviceGetStreamPriorityRange(&least, &most));
        CUDA(cudaStreamCreateWithPriority(&one.inside, cudaStreamNonBlocking, least));
        CUDA(cudaStreamCreateWithPriority(&one.edge, cudaStreamNonBlocking, most));
        for (auto *event : {&one.edges_done, &one.inside_done, &one.copied})
            CUDA(cudaEventCreateWithFlags(event, cudaEventDisableTiming));
        // Streams that do not block do not wait for copies of ordinary memory either.
        CUDA(cudaDeviceSynchronize());
    }
    for (int step = 0; step < kSteps; step++) {
        for (Half &one : halves) {
            CUDA(cudaSetDevice(one.device));
            // What came from the other side, and the inside of the last step.
            Half &other = halves[&one == &halves[0]];
            CUDA(cudaStreamWaitEvent(one.edge, other.copied, 0));
            CUDA(cudaStreamWaitEvent(one.edge, one.inside_done, 0));
            advance<<<1, 2, 0, one.edge>>>(one.now, one.before, one.next, 1, kHalf + 1, kHalf - 1);
            CUDA(cudaEventRecord(one.edges_done, one.edge));
            CUDA(cudaStreamWaitEvent(one.inside, other.copied, 0));
            CUDA(cudaStreamWaitEvent(one.inside, one.copied, 0));
            advance<<<blocks(kHalf - 2, 128), 128, 0, one.inside>>>(one.now, one.before, one.next,
                                                                    2, kHalf, 1);
            CUDA(cudaEventRecord(one.inside_done, one.inside));
        }
        for (int h = 0; h < 2; h++) {
            Half &one = halves[h], &other = halves[1 - h];
            CUDA(cudaSetDevice(one.device));
            CUDA(cudaStreamWaitEvent(one.edge, other.edges_done, 0));
            CUDA(cudaMemcpyPeerAsync(other.next + (h ? kHalf + 1 : 0), other.device,
                                     one.next + (h ? 1 : kHalf), one.device, sizeof(float),
                                     one.edge));
            CUDA(cudaEventRecord(one.copied, one.edge));
        }
        for (Half &one : halves) {
            float *old = one.before;
            one.before = one.now;
            one.now = one.next;
            one.next = old;
        }
        std::vector<float> next(kN + 2);
        for (size_t i = 1; i <= kN; i++)
            next[i] = wave(now[i - 1], now[i], now[i + 1], before[i]);
        before = now;
        now = next;
    }
    std::vector<float> seen(kN);
    for (int h = 0; h < 2; h++) {
        CUDA(cudaSetDevice(halves[h].device));
        CUDA(cudaDeviceSynchronize());
        CUDA(cudaMemcpy(&seen[size_t(h * kHalf)], halves[h].now + 1, kHalf * sizeof(float),
                        cudaMemcpyDeviceToHost));
    }
    for (size_t i = 0; i < kN; i++)
        EXPECT(near(seen[i], now[i + 1], 1e-4));
    for (Half &one : halves) {
        CUDA(cudaSetDevice(one.device));
        for (float *field : {one.now, one.before, one.next})
            CUDA(cudaFree(field));
        for (auto event : {one.edges_done, one.inside_done, one.copied})
            CUDA(cudaEventDestroy(event));
        CUDA(cudaStreamDestroy(one.inside));
        CUDA(cudaStreamDestroy(one.edge));
    }
    passed(checksum(seen.data(), seen.size() * sizeof(float)));
}
