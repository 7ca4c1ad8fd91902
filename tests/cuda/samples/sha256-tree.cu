// SPDX-License-Identifier: Apache-2.0
// SHA-256 of many messages of different lengths, then a hash tree over them, a launch for each
// level. The host hashes the same; the first message's hash is the one that FIPS 180 gives.
#include "array.h"

#include <cstring>

const char *const program = "sha256-tree";

// The first 32 bits of the fractions of the square and cube roots of the first primes.
struct Constants {
    uint32_t start[8], round[64];
};

__constant__ Constants device_constants;
static Constants host_constants;

static Constants of_primes()
{
    Constants made{};
    unsigned found = 0;
    for (unsigned n = 2; found < 64; n++) {
        bool prime = true;
        for (unsigned d = 2; d * d <= n; d++)
            prime &= n % d != 0;
        if (!prime)
            continue;
        long double square = sqrtl(n), cube = cbrtl(n);
        if (found < 8)
            made.start[found] = uint32_t((square - floorl(square)) * 4294967296.0L);
        made.round[found++] = uint32_t((cube - floorl(cube)) * 4294967296.0L);
    }
    return made;
}

__host__ __device__ inline uint32_t right(uint32_t x, unsigned n)
{
#ifdef __CUDA_ARCH__
    return __funnelshift_r(x, x, n);
#else
    return x >> n | x << (32 - n);
#endif
}

__host__ __device__ inline void digest_block(uint32_t *state, const uint8_t *block)
{
#ifdef __CUDA_ARCH__
    const uint32_t *k = device_constants.round;
#else
    const uint32_t *k = host_constants.round;
#endif
    uint32_t w[16], v[8];
    for (int i = 0; i < 8; i++)
        v[i] = state[i];
    for (int i = 0; i < 64; i++) {
        uint32_t &now = w[i % 16];
        if (i < 16) {
            now = uint32_t(block[4 * i]) << 24 | uint32_t(block[4 * i + 1]) << 16 |
                  uint32_t(block[4 * i + 2]) << 8 | block[4 * i + 3];
        } else {
            uint32_t a = w[(i + 1) % 16], b = w[(i + 14) % 16];
            now += (right(a, 7) ^ right(a, 18) ^ a >> 3) + w[(i + 9) % 16] +
                   (right(b, 17) ^ right(b, 19) ^ b >> 10);
        }
        uint32_t e = v[4], a = v[0];
        uint32_t one = v[7] + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) +
                       ((e & v[5]) ^ (~e & v[6])) + k[i] + now;
        uint32_t two =
            (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        for (int j = 7; j > 0; j--)
            v[j] = v[j - 1];
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

__host__ __device__ inline void hash(const uint8_t *message, unsigned size, uint8_t *out)
{
#ifdef __CUDA_ARCH__
    const uint32_t *start = device_constants.start;
#else
    const uint32_t *start = host_constants.start;
#endif
    uint32_t state[8];
    for (int i = 0; i < 8; i++)
        state[i] = start[i];
    unsigned whole = (size + 8) / 64 + 1;
    for (unsigned b = 0; b < whole; b++) {
        uint8_t block[64];
        for (unsigned i = 0; i < 64; i++) {
            unsigned at = b * 64 + i;
            block[i] = at < size ? message[at] : at == size ? 0x80 : 0;
        }
        if (b == whole - 1)
            for (unsigned i = 0; i < 4; i++)
                block[63 - i] = uint8_t(size * 8 >> 8 * i);
        digest_block(state, block);
    }
    for (unsigned i = 0; i < 32; i++)
        out[i] = uint8_t(state[i / 4] >> 8 * (3 - i % 4));
}

__global__ void hash_all(const uint8_t *text, const uint2 *messages, uint8_t *out, unsigned n)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        hash(text + messages[i].x, messages[i].y, out + 32 * i);
}

int main()
{
    constexpr unsigned kLeaves = 512;
    host_constants = of_primes();
    CUDA(cudaMemcpyToSymbol(device_constants, &host_constants, sizeof host_constants));
    Array<uint2> messages(kLeaves);
    std::vector<uint8_t> all{'a', 'b', 'c'};
    messages[0] = {0, 3};
    for (unsigned i = 1; i < kLeaves; i++) {
        messages[i] = {unsigned(all.size()), scramble(i) % 200};
        for (unsigned j = 0; j < messages[i].y; j++)
            all.push_back(uint8_t(scramble(i * 1000 + j)));
    }
    Array<uint8_t> text(all.size()), tree(2 * kLeaves * 32);
    text.host = all;
    text.put();
    messages.put();
    hash_all<<<blocks(kLeaves, 64), 64>>>(text.at, messages.at, tree.at, kLeaves);
    // Pairs of hashes, until one is left.
    Array<uint2> pairs(kLeaves);
    for (unsigned i = 0; i < kLeaves; i++)
        pairs[i] = {64 * i, 64};
    pairs.put();
    unsigned from = 0;
    for (unsigned n = kLeaves; n > 1; n /= 2) {
        hash_all<<<blocks(n / 2, 64), 64>>>(tree.at + 32 * from, pairs.at,
                                            tree.at + 32 * (from + n), n / 2);
        from += n;
    }
    tree.get();

    std::vector<uint8_t> expected(tree.size());
    for (unsigned i = 0; i < kLeaves; i++)
        hash(&all[messages[i].x], messages[i].y, &expected[32 * i]);
    for (unsigned i = 0; i + 1 < 2 * kLeaves - 1; i += 2)
        hash(&expected[32 * i], 64, &expected[32 * (kLeaves + i / 2)]);
    EXPECT(std::memcmp(expected.data(), tree.host.data(), 32 * (2 * kLeaves - 1)) == 0);
    const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    EXPECT(std::memcmp(tree.host.data(), abc, sizeof abc) == 0);
    passed(checksum(&tree[32 * from], 32));
}
