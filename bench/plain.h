/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels of the group softgpu compute, in plain C for one core: their floor. */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
void plain_vector_add(const float *a, const float *b, float *c, int n);
void plain_matmul(const float *a, const float *b, float *c, int n);
float plain_reduce(const float *a, int n);
void plain_divergent(const unsigned *in, unsigned *out, int n);
void plain_histogram(const unsigned char *in, unsigned *bins, int n);
void plain_stencil(const float *in, float *out, int n);
#ifdef __cplusplus
}
#endif
