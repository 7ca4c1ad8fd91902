// SPDX-License-Identifier: Apache-2.0
// AES with 128 bits in counter mode from tables in constant and shared memory, which the host makes
// by the field's arithmetic; FIPS 197's example, then a long text enciphered and back.
#include "array.h"

#include <cstring>

const char *const program = "aes-counter";

__constant__ uint32_t table[256];     // one column of the round, of each byte
__constant__ uint32_t round_keys[44]; // of the key in use

static uint8_t box[256];

static uint8_t times_two(uint8_t x)
{
    return uint8_t(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

static void make_box()
{
    // The inverse by powers of 3, whose inverse is 0xf6.
    uint8_t p = 1, q = 1;
    do {
        p = uint8_t(p ^ times_two(p));
        q = uint8_t(q ^ q << 1);
        q = uint8_t(q ^ q << 2);
        q = uint8_t(q ^ q << 4);
        q = uint8_t(q & 0x80 ? q ^ 9 : q);
        auto turned = [&](int n) { return uint8_t(q << n | q >> (8 - n)); };
        box[p] = uint8_t(q ^ turned(1) ^ turned(2) ^ turned(3) ^ turned(4) ^ 0x63);
    } while (p != 1);
    box[0] = 0x63;
}

static uint32_t substituted(uint32_t word)
{
    return uint32_t(box[word >> 24]) << 24 | uint32_t(box[word >> 16 & 255]) << 16 |
           uint32_t(box[word >> 8 & 255]) << 8 | box[word & 255];
}

static std::vector<uint32_t> expand(const uint8_t *key)
{
    std::vector<uint32_t> words;
    uint8_t constant = 1;
    for (size_t i = 0; i < 44; i++) {
        if (i < 4) {
            words.push_back(uint32_t(key[4 * i]) << 24 | uint32_t(key[4 * i + 1]) << 16 |
                            uint32_t(key[4 * i + 2]) << 8 | key[4 * i + 3]);
            continue;
        }
        uint32_t last = words[i - 1];
        if (i % 4 == 0) {
            last = substituted(last << 8 | last >> 24) ^ uint32_t(constant) << 24;
            constant = times_two(constant);
        }
        words.push_back(words[i - 4] ^ last);
    }
    return words;
}

__device__ uint4 encipher(uint4 in, const uint32_t *shared)
{
    uint32_t s[4] = {in.x ^ round_keys[0], in.y ^ round_keys[1], in.z ^ round_keys[2],
                     in.w ^ round_keys[3]};
    for (int round = 1; round <= 10; round++) {
        uint32_t next[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            uint32_t a = shared[s[i] >> 24], b = shared[s[(i + 1) % 4] >> 16 & 255];
            uint32_t c = shared[s[(i + 2) % 4] >> 8 & 255], d = shared[s[(i + 3) % 4] & 255];
            if (round < 10) {
                next[i] = a ^ __funnelshift_r(b, b, 8) ^ __funnelshift_r(c, c, 16) ^
                          __funnelshift_r(d, d, 24);
            } else {
                // The plain byte is the table's second, and its third.
                uint32_t high = __byte_perm(b, a, 0x6200), low = __byte_perm(d, c, 0x0062);
                next[i] = (high & 0xffff0000) | (low & 0xffff);
            }
            next[i] ^= round_keys[4 * round + i];
        }
        for (int i = 0; i < 4; i++)
            s[i] = next[i];
    }
    return make_uint4(s[0], s[1], s[2], s[3]);
}

__global__ void counter_mode(const uint4 *in, uint4 *out, uint4 start, int n)
{
    __shared__ uint32_t shared[256];
    for (int i = threadIdx.x; i < 256; i += blockDim.x)
        shared[i] = table[i];
    __syncthreads();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    uint4 counter = start;
    counter.w += unsigned(i);
    counter.z += counter.w < start.w;
    uint4 stream = encipher(counter, shared), text = in[i];
    out[i] = make_uint4(text.x ^ stream.x, text.y ^ stream.y, text.z ^ stream.z, text.w ^ stream.w);
}

// By the standard's words: bytes, rows, columns.
static void host_encipher(const uint32_t *in, const std::vector<uint32_t> &keys, uint32_t *out)
{
    uint8_t s[16];
    auto add_key = [&](size_t round) {
        for (size_t i = 0; i < 16; i++)
            s[i] = uint8_t(s[i] ^ keys[4 * round + i / 4] >> 8 * (3 - i % 4));
    };
    for (size_t i = 0; i < 16; i++)
        s[i] = uint8_t(in[i / 4] >> 8 * (3 - i % 4));
    add_key(0);
    for (size_t round = 1; round <= 10; round++) {
        uint8_t t[16];
        for (size_t i = 0; i < 16; i++)
            t[i] = box[s[(i + 4 * (i % 4)) % 16]];
        for (size_t i = 0; i < 16; i++) {
            const uint8_t *column = t + i / 4 * 4;
            uint8_t a = column[i % 4], b = column[(i + 1) % 4];
            s[i] = round == 10 ? a
                               : uint8_t(times_two(a) ^ times_two(b) ^ b ^ column[(i + 2) % 4] ^
                                         column[(i + 3) % 4]);
        }
        add_key(round);
    }
    for (size_t i = 0; i < 4; i++)
        out[i] = uint32_t(s[4 * i]) << 24 | uint32_t(s[4 * i + 1]) << 16 |
                 uint32_t(s[4 * i + 2]) << 8 | s[4 * i + 3];
}

int main()
{
    constexpr int kBlocks = 2000;
    make_box();
    uint32_t made[256];
    for (unsigned i = 0; i < 256; i++) {
        uint8_t x = box[i], two = times_two(x);
        made[i] = uint32_t(two) << 24 | uint32_t(x) << 16 | uint32_t(x) << 8 | uint8_t(two ^ x);
    }
    uint8_t key[16];
    for (unsigned i = 0; i < 16; i++)
        key[i] = uint8_t(i);
    std::vector<uint32_t> keys = expand(key);
    CUDA(cudaMemcpyToSymbol(table, made, sizeof made));
    CUDA(cudaMemcpyToSymbol(round_keys, keys.data(), sizeof(uint32_t) * 44));
    Array<uint4> text(kBlocks), out(kBlocks), back(kBlocks);
    text.put();
    // FIPS 197, appendix C.1: what is enciphered is the counter itself.
    uint4 start = make_uint4(0x00112233, 0x44556677, 0x8899aabb, 0xccddeeff);
    counter_mode<<<1, 32>>>(text.at, out.at, start, 1);
    out.get();
    EXPECT(out[0].x == 0x69c4e0d8 && out[0].y == 0x6a7b0430 && out[0].z == 0xd8cdb780 &&
           out[0].w == 0x70b4c55a);

    for (unsigned i = 0; i < kBlocks; i++)
        text[i] = make_uint4(scramble(4 * i), scramble(4 * i + 1), scramble(4 * i + 2),
                             scramble(4 * i + 3));
    text.put();
    start.w = 0xffffff00; // it carries on the way
    counter_mode<<<blocks(kBlocks, 128), 128>>>(text.at, out.at, start, kBlocks);
    counter_mode<<<blocks(kBlocks, 128), 128>>>(out.at, back.at, start, kBlocks);
    out.get();
    back.get();
    for (unsigned i = 0; i < kBlocks; i++) {
        uint32_t counter[4] = {start.x, start.y, start.z, start.w + i}, stream[4];
        counter[2] += counter[3] < start.w;
        host_encipher(counter, keys, stream);
        EXPECT(out[i].x == (text[i].x ^ stream[0]) && out[i].w == (text[i].w ^ stream[3]));
    }
    EXPECT(std::memcmp(back.host.data(), text.host.data(), kBlocks * sizeof(uint4)) == 0);
    passed(out.sum());
}
