// SPDX-License-Identifier: Apache-2.0
// Interval arithmetic by the directed roundings of single and double precision: all roots of a
// polynomial by bisection, each enclosed for certain; the host rounds by its own mode.
#include "array.h"

#include <cfenv>

const char *const program = "intervals";

constexpr int kDegree = 5, kMost = 1024;
// (x + 3)(x + 1)(x - 0.5)(x - 2)(x - 4), from the highest power.
__constant__ double device_terms[kDegree + 1];
static double host_terms[kDegree + 1];

struct Interval {
    double low, high;
};

__device__ Interval times(Interval a, Interval b)
{
    double low = fmin(fmin(__dmul_rd(a.low, b.low), __dmul_rd(a.low, b.high)),
                      fmin(__dmul_rd(a.high, b.low), __dmul_rd(a.high, b.high)));
    double high = fmax(fmax(__dmul_ru(a.low, b.low), __dmul_ru(a.low, b.high)),
                       fmax(__dmul_ru(a.high, b.low), __dmul_ru(a.high, b.high)));
    return {low, high};
}

__device__ Interval value(Interval x)
{
    Interval sum{device_terms[0], device_terms[0]};
    for (int i = 1; i <= kDegree; i++) {
        sum = times(sum, x);
        sum = {__dadd_rd(sum.low, device_terms[i]), __dadd_ru(sum.high, device_terms[i])};
    }
    return sum;
}

// Splits what may have a root; what is narrow enough is kept.
__global__ void split(const Interval *in, int n, Interval *out, int *count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    Interval f = value(in[i]);
    if (f.low > 0 || f.high < 0)
        return;
    double middle = 0.5 * (in[i].low + in[i].high);
    int at = atomicAdd(count, 2);
    out[at] = {in[i].low, middle};
    out[at + 1] = {middle, in[i].high};
}

// One number in all four directions, by every operation that has them.
__global__ void directions(const float *a, const float *b, float *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    float x = a[i], y = b[i], *o = out + 20 * i;
    o[0] = __fadd_rn(x, y), o[1] = __fadd_rd(x, y), o[2] = __fadd_ru(x, y), o[3] = __fadd_rz(x, y);
    o[4] = __fmul_rn(x, y), o[5] = __fmul_rd(x, y), o[6] = __fmul_ru(x, y), o[7] = __fmul_rz(x, y);
    o[8] = __fdiv_rn(x, y), o[9] = __fdiv_rd(x, y), o[10] = __fdiv_ru(x, y),
    o[11] = __fdiv_rz(x, y);
    float p = fabsf(x);
    o[12] = __fsqrt_rn(p), o[13] = __fsqrt_rd(p), o[14] = __fsqrt_ru(p), o[15] = __fsqrt_rz(p);
    double d = double(x) / 3 + double(y) / 7;
    o[16] = __double2float_rn(d), o[17] = __double2float_rd(d), o[18] = __double2float_ru(d),
    o[19] = __double2float_rz(d);
}

int main()
{
    const double roots[] = {-3, -1, 0.5, 2, 4};
    host_terms[0] = 1;
    for (double root : roots)
        for (int i = kDegree; i > 0; i--)
            host_terms[i] -= root * host_terms[i - 1];
    CUDA(cudaMemcpyToSymbol(device_terms, host_terms, sizeof host_terms));
    Array<Interval> a(kMost), b(kMost);
    Array<int> count(1);
    a[0] = {-10, 11};
    a.put();
    int n = 1;
    for (int step = 0; step < 46; step++) {
        CUDA(cudaMemset(count.at, 0, sizeof(int)));
        split<<<blocks(size_t(n), 64), 64>>>(a.at, n, b.at, count.at);
        count.get();
        n = count[0];
        EXPECT(n > 0 && n <= kMost / 2);
        std::swap(a.at, b.at);
    }
    a.get();
    std::vector<Interval> found(a.host.begin(), a.host.begin() + n);
    for (double root : roots)
        EXPECT(std::any_of(found.begin(), found.end(), [&](const Interval &x) {
            return x.low <= root && root <= x.high && x.high - x.low < 1e-11;
        }));
    for (const Interval &x : found)
        EXPECT(std::any_of(roots, roots + 5,
                           [&](double root) { return std::abs(x.low - root) < 1e-8; }));

    constexpr unsigned kN = 500;
    Array<float> x(kN), y(kN), out(20 * kN);
    for (unsigned i = 0; i < kN; i++) {
        x[i] = std::ldexp(unit(i) - 0.5f, int(scramble(i) % 40) - 20);
        y[i] = std::ldexp(unit(i + kN) + 0.01f, int(scramble(i + kN) % 40) - 20);
    }
    x.put();
    y.put();
    directions<<<blocks(kN, 128), 128>>>(x.at, y.at, out.at, int(kN));
    out.get();
    const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    for (size_t i = 0; i < kN; i++) {
        volatile float p = x[i], q = y[i], r;
        volatile double d = double(x[i]) / 3 + double(y[i]) / 7;
        for (size_t m = 0; m < 4; m++) {
            float expected[5];
            std::fesetround(modes[m]);
            r = p + q, expected[0] = r;
            r = p * q, expected[1] = r;
            r = p / q, expected[2] = r;
            r = std::sqrt(std::abs(p)), expected[3] = r;
            r = float(d), expected[4] = r;
            std::fesetround(FE_TONEAREST);
            for (size_t o = 0; o < 5; o++)
                EXPECT(out[20 * i + 4 * o + m] == expected[o]);
        }
    }
    passed(out.sum());
}
