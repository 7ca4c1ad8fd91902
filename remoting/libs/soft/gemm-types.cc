// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/gemm-types.h"

#include "remoting/libs/soft/cblas-types.h"
#include "remoting/libs/soft/half.h"

#include <cmath>
#include <limits>
#include <vector>

namespace vgpu::soft::libs
{
namespace
{

template<class R>
R load(const void *data, int type, size_t i)
{
    auto at = [&](auto t) { return static_cast<const decltype(t) *>(data)[i]; };
    if constexpr (kComplex<R>) {
        return type == kComplexDouble ? R(at(Z())) : R(at(C()));
    } else {
        switch (type) {
        case kDouble:
            return R(at(double()));
        case kHalf:
            return R(from_half(at(uint16_t())));
        case kBfloat:
            return R(from_bfloat(at(uint16_t())));
        case kChar:
            return R(at(int8_t()));
        case kInt:
            return R(at(int32_t()));
        default:
            return R(at(float()));
        }
    }
}

template<class R>
void store(void *data, int type, size_t i, R value)
{
    auto put = [&](auto v) { static_cast<decltype(v) *>(data)[i] = v; };
    if constexpr (kComplex<R>) {
        if (type == kComplexDouble)
            put(Z(value));
        else
            put(C(value));
    } else {
        switch (type) {
        case kDouble:
            return put(double(value));
        case kHalf:
            return put(to_half(float(value)));
        case kBfloat:
            return put(to_bfloat(float(value)));
        case kInt:
            return put(int32_t(std::nearbyint(double(value))));
        default:
            return put(float(value));
        }
    }
}

// A packed copy in the type that is computed in; the matrix itself where it has that.
template<class R>
const R *read(ConstMatrix matrix, int own, int rows, int columns, std::vector<R> &room, int &ld)
{
    ld = matrix.ld;
    if (matrix.type == own)
        return static_cast<const R *>(matrix.data);
    ld = rows > 0 ? rows : 1;
    room.resize(size_t(ld) * size_t(columns));
    for (int j = 0; j < columns; ++j)
        for (int i = 0; i < rows; ++i)
            room[size_t(j) * size_t(ld) + size_t(i)] =
                load<R>(matrix.data, matrix.type, size_t(j) * size_t(matrix.ld) + size_t(i));
    return room.data();
}

template<class R>
void multiply_in(int own, int ta, int tb, int m, int n, int k, R alpha, ConstMatrix a,
                 ConstMatrix b, R beta, Matrix c)
{
    std::vector<R> room_a, room_b, sum;
    int lda, ldb, ldc = c.ld;
    const R *x = read<R>(a, own, ta ? k : m, ta ? m : k, room_a, lda);
    const R *y = read<R>(b, own, tb ? n : k, tb ? k : n, room_b, ldb);
    auto *to = static_cast<R *>(c.data);
    if (c.type != own) {
        ldc = m > 0 ? m : 1;
        sum.resize(size_t(ldc) * size_t(n));
        to = sum.data();
        for (int j = 0; j < n && beta != R(); ++j)
            for (int i = 0; i < m; ++i)
                to[size_t(j) * size_t(ldc) + size_t(i)] =
                    load<R>(c.data, c.type, size_t(j) * size_t(c.ld) + size_t(i));
    }
    blas_gemm<R>(CblasColMajor, op(ta), op(tb), m, n, k, pass(alpha), x, lda, y, ldb, pass(beta),
                 to, ldc);
    for (int j = 0; j < n && c.type != own; ++j)
        for (int i = 0; i < m; ++i)
            store<R>(c.data, c.type, size_t(j) * size_t(c.ld) + size_t(i),
                     to[size_t(j) * size_t(ldc) + size_t(i)]);
}

bool is_complex(int type)
{
    return type == kComplexFloat || type == kComplexDouble;
}

} // namespace

int bytes_of(int type) noexcept
{
    switch (type) {
    case kDouble:
    case kComplexFloat:
        return 8;
    case kComplexDouble:
        return 16;
    case kHalf:
    case kBfloat:
        return 2;
    case kChar:
        return 1;
    default:
        return 4;
    }
}

int scale_type(int compute, int result) noexcept
{
    switch (compute) {
    case kCompute16:
    case 65:
        return kHalf;
    case 70:
    case 71:
    case 79:
        return is_complex(result) ? kComplexDouble : kDouble;
    case 72:
    case 73:
        return kInt;
    default:
        return is_complex(result) ? kComplexFloat : kFloat;
    }
}

bool knows_product(int a, int b, int c, int scale) noexcept
{
    if (a != b)
        return false;
    switch (a) {
    case kFloat:
        return c == kFloat && scale == kFloat;
    case kDouble:
        return c == kDouble && scale == kDouble;
    case kHalf:
        return (c == kHalf && scale != kInt) || (c == kFloat && scale == kFloat);
    case kBfloat:
        return (c == kBfloat || c == kFloat) && scale == kFloat;
    case kChar:
        return (c == kInt && scale == kInt) || (c == kFloat && scale == kFloat);
    case kComplexFloat:
        return c == kComplexFloat && scale == kComplexFloat;
    case kComplexDouble:
        return c == kComplexDouble && scale == kComplexDouble;
    default:
        return false;
    }
}

std::complex<double> load_element(const void *data, int type, size_t i) noexcept
{
    return is_complex(type) ? load<Z>(data, type, i) : Z(load<double>(data, type, i));
}

void store_element(void *data, int type, size_t i, std::complex<double> value) noexcept
{
    if (is_complex(type))
        store<Z>(data, type, i, value);
    else
        store<double>(data, type, i, value.real());
}

ScaleValue::ScaleValue(const void *at, int type) noexcept : at_(nullptr)
{
    if (at)
        value_ = ScaleValue(at).get(type);
}

std::complex<double> ScaleValue::get(int type) const noexcept
{
    if (!at_)
        return value_;
    return is_complex(type) ? load<Z>(at_, type, 0) : Z(load<double>(at_, type, 0));
}

void multiply_types(int ta, int tb, int m, int n, int k, std::complex<double> alpha, ConstMatrix a,
                    ConstMatrix b, std::complex<double> beta, Matrix c)
{
    if (a.type == kComplexFloat)
        return multiply_in<C>(kComplexFloat, ta, tb, m, n, k, C(alpha), a, b, C(beta), c);
    if (a.type == kComplexDouble)
        return multiply_in<Z>(kComplexDouble, ta, tb, m, n, k, alpha, a, b, beta, c);
    // Sums of products of bytes are exact in double precision.
    if (a.type == kDouble || a.type == kChar)
        return multiply_in<double>(kDouble, ta, tb, m, n, k, alpha.real(), a, b, beta.real(), c);
    multiply_in<float>(kFloat, ta, tb, m, n, k, float(alpha.real()), a, b, float(beta.real()), c);
}

} // namespace vgpu::soft::libs
