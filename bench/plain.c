/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/plain.h"

void plain_vector_add(const float *a, const float *b, float *c, int n)
{
    for (int i = 0; i < n; i++)
        c[i] = a[i] + b[i];
}

/* The order of loops that a careful programmer takes: the innermost runs along the rows. */
void plain_matmul(const float *a, const float *b, float *c, int n)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            c[i * n + j] = 0;
        for (int k = 0; k < n; k++)
            for (int j = 0; j < n; j++)
                c[i * n + j] += a[i * n + k] * b[k * n + j];
    }
}

float plain_reduce(const float *a, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i];
    return sum;
}

void plain_divergent(const unsigned *in, unsigned *out, int n)
{
    for (int i = 0; i < n; i++) {
        unsigned x = in[i], steps = 0;
        while (x != 1 && steps < 200) {
            x = x & 1 ? 3 * x + 1 : x / 2;
            steps++;
        }
        out[i] = steps;
    }
}

void plain_histogram(const unsigned char *in, unsigned *bins, int n)
{
    for (int i = 0; i < n; i++)
        bins[in[i]]++;
}

void plain_stencil(const float *in, float *out, int n)
{
    for (int y = 1; y < n - 1; y++)
        for (int x = 1; x < n - 1; x++)
            out[y * n + x] = 0.2f * (in[y * n + x] + in[y * n + x - 1] + in[y * n + x + 1] +
                                     in[(y - 1) * n + x] + in[(y + 1) * n + x]);
}
