// SPDX-License-Identifier: Apache-2.0
// Products of matrices whose elements are not of one type: computed in single or double precision,
// real or complex, and rounded once at the end.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>

namespace vgpu::soft::libs
{

// Of cudaDataType and cublasComputeType_t, which need no header here.
enum : int {
    kFloat = 0,
    kDouble = 1,
    kHalf = 2,
    kChar = 3,
    kComplexFloat = 4,
    kComplexDouble = 5,
    kInt = 10,
    kBfloat = 14,
    kCompute16 = 64,
    kCompute32 = 68,
};

int bytes_of(int type) noexcept;

// The type of alpha and beta.
int scale_type(int compute, int result) noexcept;

bool knows_product(int a, int b, int c, int scale) noexcept;

// A scalar of any of these types: its value, or where it will lie.
class ScaleValue
{
public:
    explicit ScaleValue(const void *at) noexcept : at_(at) {}
    ScaleValue(const void *at, int type) noexcept;
    std::complex<double> get(int type) const noexcept;

private:
    const void *at_;
    std::complex<double> value_{};
};

// An element of a matrix, rounded to its type when it is stored.
std::complex<double> load_element(const void *data, int type, size_t i) noexcept;
void store_element(void *data, int type, size_t i, std::complex<double> value) noexcept;

struct ConstMatrix {
    const void *data;
    int type, ld;
};
struct Matrix {
    void *data;
    int type, ld;
};

void multiply_types(int ta, int tb, int m, int n, int k, std::complex<double> alpha, ConstMatrix a,
                    ConstMatrix b, std::complex<double> beta, Matrix c);

} // namespace vgpu::soft::libs
