// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/cublaslt.h"

#include "remoting/libs/soft/gemm-types.h"

#include <climits>
#include <cmath>
#include <vector>

namespace vgpu::soft::cublaslt
{
namespace
{

using namespace vgpu::soft::libs;
using lt::Kind;

// A matrix as its layout describes it; the layout may be gone when the work is done.
struct Shape {
    explicit Shape(const void *layout)
    {
        auto value = [&](size_t row) { return lt::value_of(Kind::layout, data_of(layout), row); };
        type = int(value(0));
        by_rows = value(1) == 1;
        known_order = value(1) == 0 || value(1) == 1;
        rows = value(2);
        columns = value(3);
        ld = value(4);
        count = value(5);
        plain = value(6) == 0 && value(8) == 0;
        stride = value(7);
    }
    // Rows and columns as they lie, columns of `ld`.
    int64_t height() const { return by_rows ? columns : rows; }
    int64_t width() const { return by_rows ? rows : columns; }
    bool ok() const
    {
        return known_order && plain && rows >= 0 && columns >= 0 && rows <= INT_MAX &&
               columns <= INT_MAX && ld <= INT_MAX && ld >= std::max<int64_t>(1, height()) &&
               count >= 0;
    }
    size_t at(int64_t i, int64_t j) const { return size_t(by_rows ? i * ld + j : j * ld + i); }
    const std::byte *of(const void *data, int64_t batch) const
    {
        return static_cast<const std::byte *>(data) + batch * stride * bytes_of(type);
    }

    int type;
    bool by_rows, known_order, plain;
    int64_t rows, columns, ld, count, stride;
};

enum Epilogue { relu = 2, bias = 4, gelu = 32 };

struct Product {
    Product(const void *operation, const void *a, const void *b, const void *c, const void *d)
        : a(a), b(b), c(c ? c : d), d(d)
    {
        auto value = [&](size_t row) {
            return lt::value_of(Kind::matmul, data_of(operation), row);
        };
        compute = int(value(0));
        scale = int(value(1));
        mode = int(value(2));
        ta = int(value(3));
        tb = int(value(4));
        tc = int(value(5));
        epilogue = int(value(7)) == 1 ? 0 : int(value(7));
        biases = reinterpret_cast<const void *>(value(8));
        bias_stride = value(9);
        alpha_stride = value(13);
        const lt::Attribute &type = *lt::find(Kind::matmul, 26);
        bias_type = int(lt::value_of(data_of(operation), type));
        if (bias_type < 0)
            bias_type = this->d.type;
        for (unsigned one : {17, 18, 19, 20, 21, 36}) // factors of types of one byte
            scaled = scaled || lt::value_of(data_of(operation), *lt::find(Kind::matmul, one));
    }

    int judge() const
    {
        int64_t m = d.rows, n = d.columns, k = ta ? a.rows : a.columns;
        if (!a.ok() || !b.ok() || !c.ok() || !d.ok() || mode < 0 || mode > 4)
            return kInvalid;
        if ((ta ? a.columns : a.rows) != m || (tb ? b.columns : b.rows) != k ||
            (tb ? b.rows : b.columns) != n || c.rows != m || c.columns != n || a.count != d.count ||
            b.count != d.count || c.count != d.count)
            return kInvalid;
        if ((epilogue & bias) && !biases)
            return kInvalid;
        bool complex = d.type == kComplexFloat || d.type == kComplexDouble;
        if (tc || scaled || c.type != d.type || (epilogue & ~(relu | bias | gelu)) ||
            (complex && epilogue) || (epilogue & (relu | gelu)) == (relu | gelu) ||
            !knows_product(a.type, b.type, d.type, scale_type(compute, d.type)) ||
            scale != scale_type(compute, d.type))
            return kUnsupported;
        return 0;
    }

    Shape a, b, c, d;
    int compute, scale, mode, ta, tb, tc, epilogue, bias_type;
    const void *biases;
    int64_t bias_stride, alpha_stride;
    bool scaled = false;
};

double activate(int epilogue, double x)
{
    if (epilogue & relu)
        return x > 0 || std::isnan(x) ? x : 0;
    if (epilogue & gelu) // the library's is the one by tanh
        return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    return x;
}

// A factor: one for all, or one for each row of the result.
class Factors
{
public:
    Factors(const void *at, int type, bool here, bool each, bool none)
        : at_(at), type_(type), each_(each), none_(none),
          value_(here ? at : nullptr, here ? type : -1)
    {
        here_ = here;
    }
    bool none() const { return none_; }
    std::complex<double> get(int64_t row) const
    {
        if (none_)
            return 0;
        if (here_)
            return value_.get(type_);
        auto *from = static_cast<const std::byte *>(at_) + (each_ ? row * bytes_of(type_) : 0);
        return ScaleValue(from).get(type_);
    }

private:
    const void *at_;
    int type_;
    bool each_, none_, here_;
    ScaleValue value_;
};

// What OpenBLAS sums up in: the widest that the operands need.
int sum_type(int type)
{
    switch (type) {
    case kDouble:
    case kComplexFloat:
    case kComplexDouble:
        return type;
    case kChar:
        return kInt;
    default:
        return kFloat;
    }
}

void run(const Product &p, const Factors &alpha, const void *a, const void *b, const Factors &beta,
         const void *c, void *d)
{
    int64_t m = p.d.rows, n = p.d.columns, k = p.ta ? p.a.rows : p.a.columns;
    int type = sum_type(p.a.type);
    std::vector<std::byte> sum(size_t(m) * size_t(n) * size_t(bytes_of(type)));
    for (int64_t batch = 0; batch < p.d.count; ++batch) {
        // By rows is the transpose by columns.
        multiply_types(p.a.by_rows ? !p.ta : p.ta, p.b.by_rows ? !p.tb : p.tb, int(m), int(n),
                       int(k), 1, {p.a.of(a, batch), p.a.type, int(p.a.ld)},
                       {p.b.of(b, batch), p.b.type, int(p.b.ld)}, 0,
                       {sum.data(), type, int(std::max<int64_t>(1, m))});
        const void *from = p.c.of(c, batch);
        void *to = const_cast<std::byte *>(p.d.of(d, batch));
        const void *biases = static_cast<const std::byte *>(p.biases) +
                             batch * p.bias_stride * bytes_of(p.bias_type);
        for (int64_t i = 0; i < m; ++i) {
            auto al = alpha.get(batch * p.alpha_stride + i), be = beta.get(i);
            double add =
                p.epilogue & bias ? load_element(biases, p.bias_type, size_t(i)).real() : 0;
            for (int64_t j = 0; j < n; ++j) {
                auto x = al * load_element(sum.data(), type, size_t(j * m + i));
                if (be != 0.0)
                    x += be * load_element(from, p.c.type, p.c.at(i, j));
                if (p.epilogue)
                    x = activate(p.epilogue, x.real() + add);
                store_element(to, p.d.type, p.d.at(i, j), x);
            }
        }
    }
}

} // namespace

int judge(const void *operation, const void *a, const void *b, const void *c, const void *d)
{
    return operation && a && b && c && d ? Product(operation, a, b, c, d).judge() : int(kInvalid);
}

int multiply(const void *operation, const void *alpha, Operand a, Operand b, const void *beta,
             Operand c, Operand d, CUstream stream)
{
    if (!operation || !a.layout || !b.layout || !d.layout || !alpha || !a.data || !b.data ||
        !d.data)
        return kInvalid;
    Product product(operation, a.layout, b.layout, c.layout, d.layout);
    if (int status = product.judge())
        return status;
    int mode = product.mode;
    if (mode != 3 && !beta)
        return kInvalid;
    Factors al(alpha, product.scale, mode == 0, mode >= 2, false);
    Factors be(beta, product.scale, mode == 0 || mode == 4, mode == 2, mode == 3);
    constexpr int kFailed = 13;
    CUresult result =
        give(stream, [=, x = a.data, y = b.data, z = c.data ? c.data : d.data,
                      to = const_cast<void *>(d.data)] { run(product, al, x, y, be, z, to); });
    return result == CUDA_SUCCESS ? 0 : kFailed;
}

} // namespace vgpu::soft::cublaslt
