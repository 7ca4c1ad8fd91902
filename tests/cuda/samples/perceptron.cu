// SPDX-License-Identifier: Apache-2.0
// Two layers learn to tell two spirals apart by plain gradient descent: forward, backward and
// update are kernels of one stream, and the host learns the same, step by step.
#include "array.h"

const char *const program = "perceptron";

constexpr int kPoints = 64, kHidden = 24, kSteps = 150;
constexpr float kRate = 0.5f;

// Everything that is learnt: weights of the first layer, its biases, weights of the second, its
// bias.
constexpr int kFirst = 0, kBias = 2 * kHidden, kSecond = 3 * kHidden, kLast = 4 * kHidden,
              kAll = 4 * kHidden + 1;

__host__ __device__ inline float hidden(const float *w, const float *x, int h)
{
    return tanhf(w[kFirst + 2 * h] * x[0] + w[kFirst + 2 * h + 1] * x[1] + w[kBias + h]);
}

__global__ void forward(const float *w, const float *x, float *state, float *out)
{
    int point = blockIdx.x, h = threadIdx.x;
    float mine = 0;
    if (h < kHidden) {
        mine = state[point * kHidden + h] = hidden(w, x + 2 * point, h);
        mine *= w[kSecond + h];
    }
    for (int offset = 16; offset; offset /= 2)
        mine += __shfl_down_sync(~0u, mine, offset);
    if (h == 0)
        out[point] = 1 / (1 + expf(-mine - w[kLast]));
}

// A block for each number that is learnt, a thread for each point.
__global__ void backward(const float *w, const float *x, const float *state, const float *out,
                         const float *wanted, float *gradient)
{
    __shared__ float parts[kPoints / 32];
    int which = blockIdx.x, point = threadIdx.x;
    float error = out[point] - wanted[point], mine = error;
    if (which >= kSecond && which < kLast)
        mine = error * state[point * kHidden + which - kSecond];
    if (which < kSecond) {
        int h = which < kBias ? which / 2 : which - kBias;
        float s = state[point * kHidden + h];
        mine = error * w[kSecond + h] * (1 - s * s);
        if (which < kBias)
            mine *= x[2 * point + which % 2];
    }
    for (int offset = 16; offset; offset /= 2)
        mine += __shfl_down_sync(~0u, mine, offset);
    if (point % 32 == 0)
        parts[point / 32] = mine;
    __syncthreads();
    if (point == 0)
        gradient[which] = (parts[0] + parts[1]) / kPoints;
}

__global__ void learn(float *w, const float *gradient)
{
    if (threadIdx.x < kAll)
        w[threadIdx.x] -= kRate * gradient[threadIdx.x];
}

static double host_step(std::vector<double> &w, const std::vector<float> &x,
                        const std::vector<float> &wanted)
{
    std::vector<double> gradient(kAll);
    double loss = 0;
    for (size_t p = 0; p < kPoints; p++) {
        double state[kHidden], sum = w[kLast];
        for (size_t h = 0; h < kHidden; h++) {
            state[h] = std::tanh(w[2 * h] * x[2 * p] + w[2 * h + 1] * x[2 * p + 1] + w[kBias + h]);
            sum += w[kSecond + h] * state[h];
        }
        double out = 1 / (1 + std::exp(-sum)), error = (out - wanted[p]) / kPoints;
        loss -= std::log(wanted[p] > 0.5f ? out : 1 - out) / kPoints;
        gradient[kLast] += error;
        for (size_t h = 0; h < kHidden; h++) {
            gradient[kSecond + h] += error * state[h];
            double back = error * w[kSecond + h] * (1 - state[h] * state[h]);
            gradient[kBias + h] += back;
            gradient[2 * h] += back * x[2 * p];
            gradient[2 * h + 1] += back * x[2 * p + 1];
        }
    }
    for (size_t i = 0; i < kAll; i++)
        w[i] -= kRate * gradient[i];
    return loss;
}

int main()
{
    Array<float> w(kAll), x(2 * kPoints), wanted(kPoints), state(kPoints * kHidden), out(kPoints),
        gradient(kAll);
    for (unsigned p = 0; p < kPoints; p++) {
        float turn = float(p / 2) * 0.15f, side = p % 2 ? 1.f : -1.f;
        x[2 * p] = side * (0.2f + turn / 3) * std::cos(turn);
        x[2 * p + 1] = side * (0.2f + turn / 3) * std::sin(turn);
        wanted[p] = float(p % 2);
    }
    for (unsigned i = 0; i < kAll; i++)
        w[i] = 2 * unit(i) - 1;
    std::vector<double> own(w.host.begin(), w.host.end());
    w.put();
    x.put();
    wanted.put();
    // A stream that does not block does not wait for copies of ordinary memory either.
    CUDA(cudaDeviceSynchronize());
    cudaStream_t stream;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    double first = 0, last = 0;
    for (int step = 0; step < kSteps; step++) {
        forward<<<kPoints, 32, 0, stream>>>(w.at, x.at, state.at, out.at);
        backward<<<kAll, kPoints, 0, stream>>>(w.at, x.at, state.at, out.at, wanted.at,
                                               gradient.at);
        learn<<<1, 128, 0, stream>>>(w.at, gradient.at);
        last = host_step(own, x.host, wanted.host);
        if (step == 0)
            first = last;
    }
    CUDA(cudaStreamSynchronize(stream));
    CUDA(cudaStreamDestroy(stream));
    w.get();
    out.get();
    int right = 0;
    for (size_t p = 0; p < kPoints; p++)
        right += (out[p] > 0.5f) == (wanted[p] > 0.5f);
    EXPECT(last < 0.7 * first && right > 54);
    for (size_t i = 0; i < kAll; i++)
        EXPECT(near(w[i], own[i], 1e-2));
    passed(unsigned(right));
}
