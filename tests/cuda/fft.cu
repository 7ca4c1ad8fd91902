// SPDX-License-Identifier: Apache-2.0
// cuFFT in one order with kernels, copies and other streams, captured into a graph; compared with
// transforms computed here from their definition. Declared by the library's ABI: its headers are
// not everywhere.
#include "check.h"

#include <cuda_runtime.h>

#include <cmath>
#include <complex>
#include <vector>

const char *const program = "fft";

extern "C" {
int cufftCreate(int *);
int cufftDestroy(int);
int cufftPlan1d(int *, int, int, int);
int cufftPlan2d(int *, int, int, int);
int cufftPlan3d(int *, int, int, int, int);
int cufftPlanMany(int *, int, int *, int *, int, int, int *, int, int, int, int);
int cufftMakePlan1d(int, int, int, int, size_t *);
int cufftXtMakePlanMany(int, int, long long *, long long *, long long, long long, int, long long *,
                        long long, long long, int, long long, size_t *, int);
int cufftExecC2C(int, float2 *, float2 *, int);
int cufftExecR2C(int, float *, float2 *);
int cufftExecC2R(int, float2 *, float *);
int cufftExecZ2Z(int, double2 *, double2 *, int);
int cufftExecD2Z(int, double *, double2 *);
int cufftExecZ2D(int, double2 *, double *);
int cufftXtExec(int, void *, void *, int);
int cufftSetStream(int, cudaStream_t);
int cufftSetAutoAllocation(int, int);
int cufftSetWorkArea(int, void *);
int cufftEstimate1d(int, int, int, size_t *);
int cufftGetVersion(int *);
}

enum Type { kC2C = 0x29, kR2C = 0x2a, kC2R = 0x2c, kZ2Z = 0x69, kD2Z = 0x6a, kZ2D = 0x6c };

static const char *number(int status)
{
    static char text[16];
    std::snprintf(text, sizeof text, "%d", status);
    return text;
}
#define FFT(call) CHECK_WITH(call, 0, number)

using Complex = std::complex<double>;

__global__ void scale(float2 *x, int n, float factor)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        x[i].x *= factor;
        x[i].y *= factor;
    }
}

// x[j] of a signal that has no symmetry.
double signal(size_t j)
{
    return int(scramble(unsigned(j) + 7) % 17) - 8;
}

// From its definition, along one dimension of `n` with `step` between.
void transform(std::vector<Complex> &x, size_t n, size_t step, size_t at, int direction)
{
    std::vector<Complex> y(n);
    for (size_t k = 0; k < n; k++)
        for (size_t j = 0; j < n; j++)
            y[k] += x[at + j * step] *
                    std::polar(1.0, direction * 2 * M_PI * double(j * k % n) / double(n));
    for (size_t k = 0; k < n; k++)
        x[at + k * step] = y[k];
}

// All three, x[(a * ny + b) * nz + c].
std::vector<Complex> transformed(std::vector<Complex> x, size_t nx, size_t ny, size_t nz,
                                 int direction)
{
    for (size_t i = 0; i < nx * ny; i++)
        transform(x, nz, 1, i * nz, direction);
    for (size_t a = 0; a < nx; a++)
        for (size_t c = 0; c < nz; c++)
            transform(x, ny, nz, a * ny * nz + c, direction);
    for (size_t i = 0; i < ny * nz; i++)
        transform(x, nx, ny * nz, i, direction);
    return x;
}

template<class T>
T *device(const std::vector<T> &from)
{
    T *memory;
    CUDA(cudaMalloc(&memory, from.size() * sizeof(T)));
    CUDA(cudaMemcpy(memory, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice));
    CUDA(cudaDeviceSynchronize());
    return memory;
}

template<class T>
std::vector<T> host(const T *from, size_t n)
{
    std::vector<T> to(n);
    CUDA(cudaMemcpy(to.data(), from, n * sizeof(T), cudaMemcpyDeviceToHost));
    return to;
}

template<class P>
bool near(P got, Complex expected, double limit)
{
    return std::abs(Complex(got.x, got.y) - expected) < limit;
}

// A known spectrum, both directions, in place and not, in each number of dimensions.
void complex_transforms()
{
    const size_t sizes[][3] = {{1, 1, 60}, {1, 12, 10}, {4, 6, 5}};
    for (auto &n : sizes) {
        size_t all = n[0] * n[1] * n[2];
        std::vector<float2> x(all);
        std::vector<Complex> reference(all);
        for (size_t i = 0; i < all; i++) {
            x[i] = {float(signal(i)), float(signal(i + all))};
            reference[i] = {x[i].x, x[i].y};
        }
        int plan;
        if (n[1] == 1)
            FFT(cufftPlan1d(&plan, int(n[2]), kC2C, 1));
        else if (n[0] == 1)
            FFT(cufftPlan2d(&plan, int(n[1]), int(n[2]), kC2C));
        else
            FFT(cufftPlan3d(&plan, int(n[0]), int(n[1]), int(n[2]), kC2C));
        float2 *from = device(x), *to = device(x);
        for (int direction : {-1, 1}) {
            FFT(cufftExecC2C(plan, from, to, direction));
            auto expected = transformed(reference, n[0], n[1], n[2], direction);
            auto got = host(to, all);
            for (size_t i = 0; i < all; i++)
                EXPECT(near(got[i], expected[i], 1e-2));
        }
        // There and back again, in place: the signal times its length.
        FFT(cufftExecC2C(plan, from, from, -1));
        FFT(cufftExecC2C(plan, from, from, 1));
        auto back = host(from, all);
        for (size_t i = 0; i < all; i++)
            EXPECT(near(back[i], reference[i] * double(all), 1e-1));
        FFT(cufftDestroy(plan));
        CUDA(cudaFree(from));
        CUDA(cudaFree(to));
    }
}

// Half a spectrum of reals and back, several at once, in double precision and in place in single.
void real_transforms()
{
    const int n = 30, half = n / 2 + 1, batch = 5;
    std::vector<double> x(n * batch);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = signal(i);
    double *from = device(x), *back = device(x);
    double2 *to = device(std::vector<double2>(half * batch));
    int forth, inverse;
    FFT(cufftPlan1d(&forth, n, kD2Z, batch));
    FFT(cufftPlan1d(&inverse, n, kZ2D, batch));
    FFT(cufftExecD2Z(forth, from, to));
    auto spectrum = host(to, half * batch);
    for (int b = 0; b < batch; b++) {
        std::vector<Complex> one(x.begin() + b * n, x.begin() + (b + 1) * n);
        transform(one, n, 1, 0, -1);
        for (int k = 0; k < half; k++)
            EXPECT(near(spectrum[size_t(b * half + k)], one[size_t(k)], 1e-9));
    }
    FFT(cufftExecZ2D(inverse, to, back));
    auto again = host(back, n * batch);
    for (size_t i = 0; i < x.size(); i++)
        EXPECT(std::abs(again[i] - n * x[i]) < 1e-9);
    FFT(cufftDestroy(forth));
    FFT(cufftDestroy(inverse));

    // Rows with room for their spectrum.
    std::vector<float> padded(2 * half * 4);
    for (int r = 0; r < 4; r++)
        for (int i = 0; i < n; i++)
            padded[size_t(r * 2 * half + i)] = float(signal(size_t(r * n + i)));
    float *rows = device(padded);
    FFT(cufftPlan2d(&forth, 4, n, kR2C));
    FFT(cufftPlan2d(&inverse, 4, n, kC2R));
    FFT(cufftExecR2C(forth, rows, reinterpret_cast<float2 *>(rows)));
    FFT(cufftExecC2R(inverse, reinterpret_cast<float2 *>(rows), rows));
    auto got = host(rows, padded.size());
    for (int r = 0; r < 4; r++)
        for (int i = 0; i < n; i++)
            EXPECT(std::abs(got[size_t(r * 2 * half + i)] - 4 * n * signal(size_t(r * n + i))) <
                   1e-1);
    FFT(cufftDestroy(forth));
    FFT(cufftDestroy(inverse));
    for (void *p : {(void *)from, (void *)back, (void *)to, (void *)rows})
        CUDA(cudaFree(p));
}

// The columns of a matrix: strides and distances of the program's own.
void columns()
{
    const int rows = 16, count = 6;
    std::vector<double2> x(rows * count);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = {signal(i), 0};
    double2 *from = device(x), *to = device(std::vector<double2>(x.size()));
    int plan, n = rows, embed = rows;
    FFT(cufftPlanMany(&plan, 1, &n, &embed, count, 1, &embed, 1, rows, kZ2Z, count));
    FFT(cufftExecZ2Z(plan, from, to, -1));
    auto got = host(to, x.size());
    for (int c = 0; c < count; c++) {
        std::vector<Complex> one;
        for (int r = 0; r < rows; r++)
            one.push_back(x[size_t(r * count + c)].x);
        transform(one, rows, 1, 0, -1);
        for (int k = 0; k < rows; k++)
            EXPECT(near(got[size_t(c * rows + k)], one[size_t(k)], 1e-9));
    }
    FFT(cufftDestroy(plan));

    // What PyTorch makes: a plan without memory of its own, its types by name.
    size_t size = 1;
    long long wide = rows;
    FFT(cufftCreate(&plan));
    FFT(cufftSetAutoAllocation(plan, 0));
    FFT(cufftXtMakePlanMany(plan, 1, &wide, nullptr, 1, rows, 5, nullptr, 1, rows, 5, count, &size,
                            5));
    void *area = nullptr;
    if (size)
        CUDA(cudaMalloc(&area, size));
    FFT(cufftSetWorkArea(plan, area));
    FFT(cufftXtExec(plan, to, from, 1));
    auto back = host(from, x.size());
    for (int c = 0; c < count; c++)
        for (int r = 0; r < rows; r++)
            EXPECT(near(back[size_t(c * rows + r)], rows * x[size_t(r * count + c)].x, 1e-9));
    FFT(cufftDestroy(plan));
    for (void *p : {(void *)from, (void *)to, area})
        CUDA(cudaFree(p));
}

// Between a copy and kernels of its own stream, and as part of a graph.
void order()
{
    const int n = 4096;
    std::vector<float2> x(n);
    for (size_t i = 0; i < n; i++)
        x[i] = {float(signal(i)), 0};
    cudaStream_t stream;
    CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    float2 *data, *pinned;
    CUDA(cudaMalloc(&data, n * sizeof *data));
    CUDA(cudaMallocHost(&pinned, n * sizeof *pinned));
    int plan;
    FFT(cufftPlan1d(&plan, n, kC2C, 1));
    FFT(cufftSetStream(plan, stream));
    std::copy(x.begin(), x.end(), pinned);
    auto round = [&] {
        FFT(cufftExecC2C(plan, data, data, -1));
        scale<<<4, 128, 0, stream>>>(data, n, 1.0f / n);
        FFT(cufftExecC2C(plan, data, data, 1));
        scale<<<4, 128, 0, stream>>>(data, n, 2);
    };
    auto check = [&](double factor) {
        CUDA(cudaMemcpyAsync(pinned, data, n * sizeof *data, cudaMemcpyDeviceToHost, stream));
        CUDA(cudaStreamSynchronize(stream));
        for (size_t i = 0; i < n; i++)
            EXPECT(near(pinned[i], factor * x[i].x, 1e-2));
    };
    CUDA(cudaMemcpyAsync(data, pinned, n * sizeof *data, cudaMemcpyHostToDevice, stream));
    round();
    round();
    check(4);

    cudaGraph_t graph;
    cudaGraphExec_t executable;
    CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    round();
    CUDA(cudaStreamEndCapture(stream, &graph));
    check(4);
    CUDA(cudaGraphInstantiate(&executable, graph, 0));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaGraphLaunch(executable, stream));
    CUDA(cudaGraphLaunch(executable, stream));
    check(16);
    CUDA(cudaGraphExecDestroy(executable));
    FFT(cufftDestroy(plan));
    CUDA(cudaStreamDestroy(stream));
    CUDA(cudaFree(data));
    CUDA(cudaFreeHost(pinned));
}

// What cannot be is said at once.
void mistakes()
{
    int plan = -1, other, version = 0;
    size_t size;
    EXPECT(cufftPlan1d(&plan, 0, kC2C, 1) == 8);
    EXPECT(cufftPlan1d(&plan, 8, 99, 1) == 3);
    EXPECT(cufftPlan1d(nullptr, 8, kC2C, 1) == 4);
    EXPECT(cufftEstimate1d(8, kC2C, 1, &size) == 0);
    EXPECT(cufftEstimate1d(-8, kC2C, 1, &size) == 8);
    EXPECT(cufftExecC2C(77, nullptr, nullptr, -1) == 1);
    EXPECT(cufftDestroy(77) == 1);
    FFT(cufftCreate(&plan));
    FFT(cufftCreate(&other));
    EXPECT(plan != other);
    EXPECT(cufftMakePlan1d(plan, -1, kC2C, 1, &size) == 8);
    FFT(cufftMakePlan1d(plan, 8, kC2C, 1, &size));
    EXPECT(cufftMakePlan1d(plan, 8, kC2C, 1, &size) == 1);
    FFT(cufftDestroy(plan));
    EXPECT(cufftDestroy(plan) == 1);
    FFT(cufftDestroy(other));
    FFT(cufftGetVersion(&version));
    EXPECT(version >= 10000);
}

int main()
{
    CUDA(cudaSetDevice(0));
    complex_transforms();
    real_transforms();
    columns();
    order();
    mistakes();
    CUDA(cudaDeviceSynchronize());
    passed(5);
}
