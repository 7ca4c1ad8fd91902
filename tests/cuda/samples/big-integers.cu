// SPDX-License-Identifier: Apache-2.0
// Powers modulo a prime of 256 bits by Montgomery's product, on carry chains in inline PTX:
// Fermat's little theorem must hold, and products must be the host's.
#include "array.h"

const char *const program = "big-integers";

constexpr int kWords = 8;

struct Big {
    uint32_t word[kWords];
};

// 2^255 - 19.
static Big modulus()
{
    Big p;
    std::fill(p.word, p.word + kWords, ~0u);
    p.word[0] = 0xffffffed;
    p.word[7] = 0x7fffffff;
    return p;
}

// sum += a * b + carry, with the carry into the next word.
__device__ inline void multiply_add(uint32_t &sum, uint32_t &carry, uint32_t a, uint32_t b)
{
    asm("{\n\t"
        ".reg .u32 high;\n\t"
        "mad.lo.cc.u32 %0, %2, %3, %0;\n\t"
        "madc.hi.u32 high, %2, %3, 0;\n\t"
        "add.cc.u32 %0, %0, %1;\n\t"
        "addc.u32 %1, high, 0;\n\t"
        "}"
        : "+r"(sum), "+r"(carry)
        : "r"(a), "r"(b));
}

// a - b, and whether it is below zero.
__device__ inline bool subtract(Big &out, const Big &a, const Big &b)
{
    uint32_t borrow;
    asm("sub.cc.u32 %0, %9, %17;\n\t"
        "subc.cc.u32 %1, %10, %18;\n\t"
        "subc.cc.u32 %2, %11, %19;\n\t"
        "subc.cc.u32 %3, %12, %20;\n\t"
        "subc.cc.u32 %4, %13, %21;\n\t"
        "subc.cc.u32 %5, %14, %22;\n\t"
        "subc.cc.u32 %6, %15, %23;\n\t"
        "subc.cc.u32 %7, %16, %24;\n\t"
        "subc.u32 %8, 0, 0;"
        : "=r"(out.word[0]), "=r"(out.word[1]), "=r"(out.word[2]), "=r"(out.word[3]),
          "=r"(out.word[4]), "=r"(out.word[5]), "=r"(out.word[6]), "=r"(out.word[7]), "=r"(borrow)
        : "r"(a.word[0]), "r"(a.word[1]), "r"(a.word[2]), "r"(a.word[3]), "r"(a.word[4]),
          "r"(a.word[5]), "r"(a.word[6]), "r"(a.word[7]), "r"(b.word[0]), "r"(b.word[1]),
          "r"(b.word[2]), "r"(b.word[3]), "r"(b.word[4]), "r"(b.word[5]), "r"(b.word[6]),
          "r"(b.word[7]));
    return borrow != 0;
}

// a * b / 2^256 modulo p.
__device__ Big montgomery(const Big &a, const Big &b, const Big &p, uint32_t inverse)
{
    uint32_t sum[kWords + 2] = {};
    for (int i = 0; i < kWords; i++) {
        uint32_t carry = 0;
#pragma unroll
        for (int j = 0; j < kWords; j++)
            multiply_add(sum[j], carry, a.word[j], b.word[i]);
        sum[kWords] += carry;
        sum[kWords + 1] = sum[kWords] < carry;
        uint32_t q = sum[0] * inverse;
        carry = 0;
#pragma unroll
        for (int j = 0; j < kWords; j++)
            multiply_add(sum[j], carry, q, p.word[j]);
        sum[kWords] += carry;
        sum[kWords + 1] += sum[kWords] < carry;
#pragma unroll
        for (int j = 0; j <= kWords; j++)
            sum[j] = sum[j + 1];
    }
    Big out, less;
#pragma unroll
    for (int j = 0; j < kWords; j++)
        out.word[j] = sum[j];
    return subtract(less, out, p) && !sum[kWords] ? out : less;
}

// `square` is 2^512 modulo p, which takes numbers into Montgomery's form.
__global__ void powers(const Big *base, Big exponent, Big p, Big square, uint32_t inverse, Big *out,
                       Big *products, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    Big one{{1}}, x = montgomery(base[i], square, p, inverse);
    Big result = montgomery(one, square, p, inverse);
    for (int bit = 255; bit >= 0; bit--) {
        result = montgomery(result, result, p, inverse);
        if (exponent.word[bit / 32] >> bit % 32 & 1)
            result = montgomery(result, x, p, inverse);
    }
    out[i] = montgomery(result, one, p, inverse);
    Big next = montgomery(base[(i + 1) % n], square, p, inverse);
    products[i] = montgomery(montgomery(x, next, p, inverse), one, p, inverse);
}

// On the host by the schoolbook, a bit at a time.
static Big product(const Big &a, const Big &b, const Big &p)
{
    auto reduced_double = [&](Big x, uint32_t add_in, const Big &y) {
        uint64_t carry = 0;
        for (int i = 0; i < kWords; i++) {
            carry += 2ull * x.word[i] + (add_in ? y.word[i] : 0);
            x.word[i] = uint32_t(carry);
            carry >>= 32;
        }
        for (;;) {
            Big less;
            int64_t borrow = 0;
            for (int i = 0; i < kWords; i++) {
                borrow += int64_t(x.word[i]) - p.word[i];
                less.word[i] = uint32_t(borrow);
                borrow >>= 32;
            }
            if (borrow + int64_t(carry) < 0)
                return x;
            carry += uint64_t(borrow);
            x = less;
        }
    };
    Big sum{};
    for (int bit = 255; bit >= 0; bit--)
        sum = reduced_double(sum, b.word[bit / 32] >> bit % 32 & 1, a);
    return sum;
}

int main()
{
    constexpr int kN = 256;
    Big p = modulus(), exponent = p, square{};
    exponent.word[0]--;
    // 2^256 is 38 modulo p, so 2^512 is 1444; the inverse is by Newton, of -p modulo 2^32.
    square.word[0] = 38 * 38;
    uint32_t inverse = 1;
    for (int i = 0; i < 5; i++)
        inverse *= 2 - p.word[0] * inverse;
    inverse = 0 - inverse;
    Array<Big> base(kN), out(kN), products(kN);
    for (unsigned i = 0; i < kN; i++)
        for (unsigned w = 0; w < kWords; w++)
            base[i].word[w] = scramble(i * kWords + w) >> (w == 7);
    base.put();
    powers<<<blocks(kN, 64), 64>>>(base.at, exponent, p, square, inverse, out.at, products.at, kN);
    out.get();
    products.get();
    for (size_t i = 0; i < kN; i++) {
        Big expected = product(base[i], base[(i + 1) % kN], p);
        for (int w = 0; w < kWords; w++) {
            EXPECT(out[i].word[w] == uint32_t(w == 0));
            EXPECT(products[i].word[w] == expected.word[w]);
        }
    }
    passed(products.sum());
}
