// SPDX-License-Identifier: Apache-2.0
// Many small fits at once by Householder's reflections, one block each, the matrix in shared memory
// of more than 48 KiB, which a kernel must ask for first.
#include "array.h"

const char *const program = "least-squares";

constexpr int kRows = 400, kColumns = 20, kFits = 6, kThreads = 128;
constexpr size_t kShared = size_t(kRows) * (kColumns + 1) * sizeof(double); // 67,200 bytes

// A sum that every thread gets.
__device__ double total(double mine)
{
    __shared__ double sums[kThreads / 32];
    for (int offset = 16; offset; offset /= 2)
        mine += __shfl_xor_sync(~0u, mine, offset);
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = mine;
    __syncthreads();
    double sum = 0;
    for (double one : sums)
        sum += one;
    return sum;
}

// Columns of the matrix, then the right side as one more.
__global__ void fit(const double *matrices, double *solutions, double *residuals)
{
    extern __shared__ double a[];
    auto at = [&](int row, int column) -> double & { return a[column * kRows + row]; };
    int t = threadIdx.x;
    matrices += size_t(blockIdx.x) * kRows * (kColumns + 1);
    for (int i = t; i < kRows * (kColumns + 1); i += kThreads)
        a[i] = matrices[i];
    __syncthreads();
    for (int k = 0; k < kColumns; k++) {
        double square = 0;
        for (int i = k + t; i < kRows; i += kThreads)
            square += at(i, k) * at(i, k);
        double length = sqrt(total(square)), head = at(k, k);
        double alpha = head > 0 ? -length : length, scale = 1 / (alpha * (alpha - head));
        __syncthreads();
        if (t == 0)
            at(k, k) = head - alpha;
        __syncthreads();
        for (int j = k + 1; j <= kColumns; j++) {
            double dot = 0;
            for (int i = k + t; i < kRows; i += kThreads)
                dot += at(i, k) * at(i, j);
            dot = total(dot) * scale;
            for (int i = k + t; i < kRows; i += kThreads)
                at(i, j) -= dot * at(i, k);
        }
        __syncthreads();
        if (t == 0)
            at(k, k) = alpha;
        __syncthreads();
    }
    double rest = 0;
    for (int i = kColumns + t; i < kRows; i += kThreads)
        rest += at(i, kColumns) * at(i, kColumns);
    rest = total(rest);
    if (t == 0) {
        residuals[blockIdx.x] = rest;
        for (int i = kColumns - 1; i >= 0; i--) {
            double sum = at(i, kColumns);
            for (int j = i + 1; j < kColumns; j++)
                sum -= at(i, j) * solutions[blockIdx.x * kColumns + j];
            solutions[blockIdx.x * kColumns + i] = sum / at(i, i);
        }
    }
}

int main()
{
    constexpr size_t kSize = size_t(kRows) * (kColumns + 1);
    Array<double> matrices(kFits * kSize), solutions(kFits * kColumns), residuals(kFits);
    for (unsigned i = 0; i < matrices.size(); i++)
        matrices[i] = unit(i) - 0.5;
    matrices.put();
    // Not before it was asked for.
    fit<<<1, kThreads, kShared>>>(matrices.at, solutions.at, residuals.at);
    EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
    CUDA(cudaFuncSetAttribute(fit, cudaFuncAttributeMaxDynamicSharedMemorySize, int(kShared)));
    fit<<<kFits, kThreads, kShared>>>(matrices.at, solutions.at, residuals.at);
    CUDA(cudaGetLastError());
    solutions.get();
    residuals.get();
    for (size_t f = 0; f < kFits; f++) {
        const double *a = &matrices.host[f * kSize], *x = &solutions.host[f * kColumns];
        std::vector<double> rest(a + kRows * kColumns, a + kSize);
        double square = 0;
        for (size_t i = 0; i < kRows; i++) {
            for (size_t j = 0; j < kColumns; j++)
                rest[i] -= a[j * kRows + i] * x[j];
            square += rest[i] * rest[i];
        }
        EXPECT(near(square, residuals[f], 1e-10));
        // What is left is at right angles to every column: nothing fits better.
        for (size_t j = 0; j < kColumns; j++) {
            double dot = 0;
            for (size_t i = 0; i < kRows; i++)
                dot += a[j * kRows + i] * rest[i];
            EXPECT(std::abs(dot) < 1e-10);
        }
    }
    passed(uint64_t(residuals[0] * 1e6));
}
