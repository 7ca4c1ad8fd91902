// SPDX-License-Identifier: Apache-2.0
// Products of polynomials by Fourier's transform over a field of 64 bits, where nothing is rounded:
// butterflies in shared memory, 128-bit products from their halves.
#include "array.h"

const char *const program = "number-transform";

using Number = unsigned long long;
// 2^64 - 2^32 + 1, where 7 makes all numbers.
constexpr Number kPrime = 0xffffffff00000001ull;
constexpr int kN = 1024, kBits = 10;

__host__ __device__ inline Number add(Number a, Number b)
{
    Number sum = a + b;
    return sum < a || sum >= kPrime ? sum - kPrime : sum;
}
__host__ __device__ inline Number subtract(Number a, Number b)
{
    return a >= b ? a - b : a - b + kPrime;
}

// Here 2^64 is 2^32 - 1, and 2^96 is -1.
__device__ inline Number multiply(Number a, Number b)
{
    Number low = a * b, high = __umul64hi(a, b);
    Number middle = high & 0xffffffff, top = high >> 32;
    Number result = subtract(low >= kPrime ? low - kPrime : low, top);
    return add(result, (middle << 32) - middle);
}

static Number host_multiply(Number a, Number b)
{
    return Number(static_cast<unsigned __int128>(a) * b % kPrime);
}

static Number power(Number base, Number exponent)
{
    Number result = 1;
    for (; exponent; exponent >>= 1, base = host_multiply(base, base))
        if (exponent & 1)
            result = host_multiply(result, base);
    return result;
}

// A block for each polynomial; `roots` are the powers of the root of unity.
__global__ void transform(Number *data, const Number *roots)
{
    __shared__ Number x[kN];
    data += blockIdx.x * kN;
    for (unsigned i = threadIdx.x; i < kN; i += blockDim.x)
        x[__brev(i) >> (32 - kBits)] = data[i];
    for (int half = 1; half < kN; half *= 2) {
        __syncthreads();
        for (int i = threadIdx.x; i < kN / 2; i += blockDim.x) {
            int at = i / half * 2 * half + i % half;
            Number a = x[at], b = multiply(x[at + half], roots[i % half * (kN / 2 / half)]);
            x[at] = add(a, b);
            x[at + half] = subtract(a, b);
        }
    }
    __syncthreads();
    for (unsigned i = threadIdx.x; i < kN; i += blockDim.x)
        data[i] = x[i];
}

__global__ void pointwise(const Number *a, const Number *b, Number *out, Number factor)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = multiply(multiply(a[i], b[i]), factor);
}

int main()
{
    constexpr unsigned kPolynomials = 4;
    Array<Number> a(kPolynomials * kN), b(a.size()), forward(kN / 2), backward(kN / 2);
    Number root = power(7, (kPrime - 1) / kN), inverse = power(root, kPrime - 2);
    for (Number i = 0; i < kN / 2; i++) {
        forward[i] = power(root, i);
        backward[i] = power(inverse, i);
    }
    // Half as long as the product.
    for (unsigned i = 0; i < a.size(); i++)
        if (i % kN < kN / 2) {
            a[i] = (Number(scramble(i)) << 32 | scramble(i + 1000000)) % kPrime;
            b[i] = (Number(scramble(i + 2000000)) << 32 | scramble(i + 3000000)) % kPrime;
        }
    a[5] = b[7] = kPrime - 1;
    a.put();
    b.put();
    forward.put();
    backward.put();
    std::vector<Number> one = a.host, two = b.host;
    transform<<<kPolynomials, 256>>>(a.at, forward.at);
    transform<<<kPolynomials, 256>>>(b.at, forward.at);
    pointwise<<<kPolynomials * kN / 256, 256>>>(a.at, b.at, a.at, power(kN, kPrime - 2));
    transform<<<kPolynomials, 256>>>(a.at, backward.at);
    a.get();
    for (size_t p = 0; p < kPolynomials; p++)
        for (size_t i = 0; i < kN; i += p ? 37 : 1) {
            Number sum = 0;
            for (size_t j = i < kN / 2 ? 0 : i - kN / 2 + 1; j <= i && j < kN / 2; j++)
                sum = add(sum, host_multiply(one[p * kN + j], two[p * kN + i - j]));
            EXPECT(a[p * kN + i] == sum);
        }
    passed(a.sum());
}
