// SPDX-License-Identifier: Apache-2.0
// Conjugate gradients whose step is a captured graph: its numbers stay on the device, and the host
// looks at the residual after every ten launches only.
#include "array.h"

const char *const program = "conjugate-gradient";

constexpr int kSide = 48, kN = kSide * kSide, kThreads = 256;

struct Scalars {
    double rr, pq, before;
};

// Of -div grad on a square with zeros around it.
__host__ __device__ double laplace(const double *v, int i)
{
    int x = i % kSide, y = i / kSide;
    double sum = 4 * v[i];
    sum -= x > 0 ? v[i - 1] : 0;
    sum -= x < kSide - 1 ? v[i + 1] : 0;
    sum -= y > 0 ? v[i - kSide] : 0;
    sum -= y < kSide - 1 ? v[i + kSide] : 0;
    return sum;
}

__device__ void add_up(double mine, double *total)
{
    __shared__ double sums[kThreads];
    sums[threadIdx.x] = mine;
    for (int half = kThreads / 2; half; half /= 2) {
        __syncthreads();
        if (int(threadIdx.x) < half)
            sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        *total = sums[0];
}

// One block: the order of additions is the same each time.
__global__ void multiply(const double *p, double *q, Scalars *s)
{
    double sum = 0;
    for (int i = threadIdx.x; i < kN; i += kThreads) {
        q[i] = laplace(p, i);
        sum += p[i] * q[i];
    }
    add_up(sum, &s->pq);
}

__global__ void advance(double *x, double *r, const double *p, const double *q, Scalars *s)
{
    double alpha = s->rr / s->pq, sum = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < kN; i += kThreads) {
        x[i] += alpha * p[i];
        r[i] -= alpha * q[i];
        sum += r[i] * r[i];
    }
    if (threadIdx.x == 0)
        s->before = s->rr;
    add_up(sum, &s->rr);
}

__global__ void turn(const double *r, double *p, const Scalars *s)
{
    int i = blockIdx.x * kThreads + threadIdx.x;
    if (i < kN)
        p[i] = r[i] + s->rr / s->before * p[i];
}

int main()
{
    Array<double> x(kN), right(kN), r(kN), p(kN), q(kN);
    Array<Scalars> s(1);
    for (unsigned i = 0; i < kN; i++) {
        right[i] = p[i] = r[i] = unit(i) - 0.5;
        s[0].rr += r[i] * r[i];
    }
    x.put();
    r.put();
    p.put();
    s.put();
    double first = s[0].rr;

    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t step;
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    multiply<<<1, kThreads, 0, stream>>>(p.at, q.at, s.at);
    advance<<<1, kThreads, 0, stream>>>(x.at, r.at, p.at, q.at, s.at);
    turn<<<blocks(kN, kThreads), kThreads, 0, stream>>>(r.at, p.at, s.at);
    CUDA(cudaStreamEndCapture(stream, &graph));
    CUDA(cudaGraphInstantiate(&step, graph, 0));
    CUDA(cudaGraphDestroy(graph));

    Scalars *seen;
    CUDA(cudaMallocHost(&seen, sizeof *seen));
    int steps = 0;
    do {
        for (int i = 0; i < 10; i++, steps++)
            CUDA(cudaGraphLaunch(step, stream));
        CUDA(cudaMemcpyAsync(seen, s.at, sizeof *seen, cudaMemcpyDeviceToHost, stream));
        CUDA(cudaStreamSynchronize(stream));
    } while (seen->rr > 1e-20 * first && steps < 500);
    EXPECT(steps < 500);
    x.get();
    for (int i = 0; i < kN; i++)
        EXPECT(near(laplace(x.host.data(), i), right[unsigned(i)], 1e-8));
    CUDA(cudaFreeHost(seen));
    CUDA(cudaGraphExecDestroy(step));
    CUDA(cudaStreamDestroy(stream));
    passed(unsigned(steps));
}
