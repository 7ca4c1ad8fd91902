// SPDX-License-Identifier: Apache-2.0
// cuBLAS beside the software GPU: what cublas.served names, over OpenBLAS. T is the type of the
// elements, I that of the counts. The parameters are cuBLAS's, every pointer one to void.
#pragma once

#include "remoting/libs/soft/cblas-types.h"
#include "remoting/libs/soft/gemm-types.h"
#include "remoting/libs/soft/work.h"

#include <climits>
#include <cstring>
#include <vector>

namespace vgpu::soft::cublas
{

using namespace vgpu::soft::libs;
using S = float;
using D = double;

enum Status {
    kSuccess = 0,
    kNotInitialized = 1,
    kInvalid = 7,
    kFailed = 13,
    kUnsupported = 15,
};

struct Handle {
    CUstream stream = nullptr;
    int mode = 0; // 1: scalars lie on the device
    int math = 0, atomics = 0;
};

inline int refused(const char *name) noexcept
{
    tell_refused("cuBLAS", name);
    return kUnsupported;
}

inline Handle *of(void *handle)
{
    return static_cast<Handle *>(handle);
}

// OpenBLAS counts with ints, and stops the program where it does not like one.
template<class... I>
bool bad(const void *handle, I... counts)
{
    return !handle || ((counts < 0 || counts > INT_MAX) || ...);
}

// A leading dimension or an increment.
template<class... I>
bool bad_step(I... steps)
{
    return ((steps == 0 || steps > INT_MAX || steps < -INT_MAX) || ...);
}

// A scalar as the call found it: its value, or where it will lie when the work is done.
template<class T>
class Scalar
{
public:
    Scalar(const Handle *handle, const void *at) : at_(static_cast<const T *>(at))
    {
        if (!handle->mode && at_) {
            value_ = *at_;
            here_ = true;
        }
    }
    bool ok() const { return at_; }
    T get() const { return here_ ? value_ : *at_; }

private:
    const T *at_;
    T value_{};
    bool here_ = false;
};

inline int status_of(CUresult result)
{
    return result == CUDA_SUCCESS ? kSuccess : kFailed;
}

template<class F>
int work(Handle *handle, F &&f)
{
    return status_of(give(handle->stream, std::forward<F>(f)));
}

// A result for the host is waited for, as in cuBLAS.
template<class R, class F>
int result_of(Handle *handle, void *at, F &&f)
{
    if (!at)
        return kInvalid;
    if (handle->mode)
        return work(handle, [at, f] { *static_cast<R *>(at) = R(f()); });
    if (wait(handle->stream) != CUDA_SUCCESS)
        return kFailed;
    *static_cast<R *>(at) = R(f());
    return kSuccess;
}

// ---- handles ------------------------------------------------------------------------------------

template<class I>
int create(void *handle)
{
    if (!handle)
        return kInvalid;
    *static_cast<Handle **>(handle) = new Handle;
    return kSuccess;
}

template<class I>
int destroy(void *handle)
{
    if (!handle)
        return kNotInitialized;
    wait(of(handle)->stream);
    delete of(handle);
    return kSuccess;
}

template<class I>
int get_version(void *handle, void *version)
{
    if (!handle || !version)
        return handle ? kInvalid : kNotInitialized;
    *static_cast<int *>(version) = CUDA_VERSION / 1000 * 10000;
    return kSuccess;
}

template<class I>
int get_property(int type, void *value)
{
    if (!value || type < 0 || type > 2)
        return kInvalid;
    *static_cast<int *>(value) = type == 0 ? CUDA_VERSION / 1000 : 0;
    return kSuccess;
}

template<class I>
int set_workspace(void *handle, void *, size_t)
{
    return handle ? kSuccess : kNotInitialized;
}

template<class I>
int set_stream(void *handle, CUstream stream)
{
    if (!handle)
        return kNotInitialized;
    of(handle)->stream = stream;
    return kSuccess;
}

#define VGPU_SETTING(name, member)                                                                 \
    template<class I>                                                                              \
    int set_##name(void *handle, int value)                                                        \
    {                                                                                              \
        if (!handle)                                                                               \
            return kNotInitialized;                                                                \
        of(handle)->member = value;                                                                \
        return kSuccess;                                                                           \
    }                                                                                              \
    template<class I>                                                                              \
    int get_##name(void *handle, void *value)                                                      \
    {                                                                                              \
        if (!handle || !value)                                                                     \
            return handle ? kInvalid : kNotInitialized;                                            \
        *static_cast<int *>(value) = of(handle)->member;                                           \
        return kSuccess;                                                                           \
    }
VGPU_SETTING(pointer_mode, mode)
VGPU_SETTING(math_mode, math)
VGPU_SETTING(atomics_mode, atomics)

// ---- level 1 ------------------------------------------------------------------------------------

#define VGPU_REDUCTION(name, type)                                                                 \
    template<class T, class I>                                                                     \
    int name(void *handle, I n, const void *x, I incx, void *result)                               \
    {                                                                                              \
        if (!handle)                                                                               \
            return kNotInitialized;                                                                \
        if (n > INT_MAX || incx > INT_MAX)                                                         \
            return kUnsupported;                                                                   \
        return result_of<type>(of(handle), result,                                                 \
                               [=] { return n <= 0 || incx <= 0 ? type() : VGPU_RESULT(name); });  \
    }
#define VGPU_RESULT(name) type_cast(blas_##name<T>(int(n), static_cast<const T *>(x), int(incx)))
template<class R>
R type_cast(R value)
{
    return value;
}
VGPU_REDUCTION(nrm2, Real<T>)
VGPU_REDUCTION(asum, Real<T>)
#undef VGPU_RESULT
// cuBLAS counts from 1.
#define VGPU_RESULT(name) I(blas_##name<T>(int(n), static_cast<const T *>(x), int(incx)) + 1)
VGPU_REDUCTION(iamax, I)
VGPU_REDUCTION(iamin, I)
#undef VGPU_RESULT
#undef VGPU_REDUCTION

template<class T>
const T *first(const T *x, int n, int step)
{
    return step < 0 ? x - ptrdiff_t(n - 1) * step : x;
}

template<bool Conjugated, class T>
T product(int n, const T *x, int incx, const T *y, int incy)
{
    if constexpr (std::is_same_v<T, float>)
        return cblas_sdot(n, x, incx, y, incy);
    else if constexpr (std::is_same_v<T, double>)
        return cblas_ddot(n, x, incx, y, incy);
    // The complex ones differ from compiler to compiler in how they return.
    T sum{};
    x = first(x, n, incx);
    y = first(y, n, incy);
    for (int i = 0; i < n; ++i, x += incx, y += incy) {
        if constexpr (kComplex<T>)
            sum += (Conjugated ? std::conj(*x) : *x) * *y;
    }
    return sum;
}

template<class T, class I>
int dot(void *handle, I n, const void *x, I incx, const void *y, I incy, void *result)
{
    if (!handle || n > INT_MAX)
        return handle ? kUnsupported : kNotInitialized;
    return result_of<T>(of(handle), result, [=] {
        return n <= 0 ? T()
                      : product<false, T>(int(n), static_cast<const T *>(x), int(incx),
                                          static_cast<const T *>(y), int(incy));
    });
}

template<class T, class I>
int dotc(void *handle, I n, const void *x, I incx, const void *y, I incy, void *result)
{
    if (!handle || n > INT_MAX)
        return handle ? kUnsupported : kNotInitialized;
    return result_of<T>(of(handle), result, [=] {
        return n <= 0 ? T()
                      : product<true, T>(int(n), static_cast<const T *>(x), int(incx),
                                         static_cast<const T *>(y), int(incy));
    });
}

// What the rest looks like: the scalars as they are found, the counts as OpenBLAS has them.
#define VGPU_CHECK(...)                                                                            \
    if (!handle)                                                                                   \
        return kNotInitialized;                                                                    \
    if (bad(handle, __VA_ARGS__))                                                                  \
    return kInvalid
#define VGPU_SCALAR(type, name)                                                                    \
    Scalar<type> name##_(of(handle), name);                                                        \
    if (!name##_.ok())                                                                             \
    return kInvalid
#define VGPU_IN(p) static_cast<const T *>(p)
#define VGPU_OUT(p) static_cast<T *>(p)

template<class T, class I>
int scal(void *handle, I n, const void *alpha, void *x, I incx)
{
    VGPU_CHECK(std::max<I>(n, 0));
    VGPU_SCALAR(T, alpha);
    return work(of(handle), [=] {
        T a = alpha_.get();
        if (n > 0 && incx > 0)
            blas_scal<T>(int(n), pass(a), VGPU_OUT(x), int(incx));
    });
}

template<class T, class I>
int scal_real(void *handle, I n, const void *alpha, void *x, I incx)
{
    VGPU_CHECK(std::max<I>(n, 0));
    VGPU_SCALAR(Real<T>, alpha);
    return work(of(handle), [=] {
        if (n > 0 && incx > 0)
            blas_scal_real<T>(int(n), alpha_.get(), VGPU_OUT(x), int(incx));
    });
}

template<class T, class I>
int axpy(void *handle, I n, const void *alpha, const void *x, I incx, void *y, I incy)
{
    VGPU_CHECK(std::max<I>(n, 0));
    VGPU_SCALAR(T, alpha);
    return work(of(handle), [=] {
        T a = alpha_.get();
        if (n > 0)
            blas_axpy<T>(int(n), pass(a), VGPU_IN(x), int(incx), VGPU_OUT(y), int(incy));
    });
}

template<class T, class I>
int copy(void *handle, I n, const void *x, I incx, void *y, I incy)
{
    VGPU_CHECK(std::max<I>(n, 0));
    return work(of(handle), [=] {
        if (n > 0)
            blas_copy<T>(int(n), VGPU_IN(x), int(incx), VGPU_OUT(y), int(incy));
    });
}

template<class T, class I>
int swap(void *handle, I n, void *x, I incx, void *y, I incy)
{
    VGPU_CHECK(std::max<I>(n, 0));
    return work(of(handle), [=] {
        if (n > 0)
            blas_swap<T>(int(n), VGPU_OUT(x), int(incx), VGPU_OUT(y), int(incy));
    });
}

template<class T, class I>
int rot_real(void *handle, I n, void *x, I incx, void *y, I incy, const void *c, const void *s)
{
    VGPU_CHECK(std::max<I>(n, 0));
    VGPU_SCALAR(Real<T>, c);
    VGPU_SCALAR(Real<T>, s);
    return work(of(handle), [=] {
        Real<T> cosine = c_.get(), sine = s_.get();
        T *a = const_cast<T *>(first(VGPU_IN(x), int(n), int(incx)));
        T *b = const_cast<T *>(first(VGPU_IN(y), int(n), int(incy)));
        for (I i = 0; i < n; ++i, a += incx, b += incy) {
            T old = *a;
            *a = cosine * old + sine * *b;
            *b = cosine * *b - sine * old;
        }
    });
}

// ---- level 2 ------------------------------------------------------------------------------------

template<class T, class I>
int gemv(void *handle, int trans, I m, I n, const void *alpha, const void *a, I lda, const void *x,
         I incx, const void *beta, void *y, I incy)
{
    VGPU_CHECK(m, n);
    if (lda < std::max<I>(1, m) || bad_step(lda, incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        T al = alpha_.get(), be = beta_.get();
        blas_gemv<T>(CblasColMajor, op(trans), int(m), int(n), pass(al), VGPU_IN(a), int(lda),
                     VGPU_IN(x), int(incx), pass(be), VGPU_OUT(y), int(incy));
    });
}

template<class T, class I>
int gbmv(void *handle, int trans, I m, I n, I kl, I ku, const void *alpha, const void *a, I lda,
         const void *x, I incx, const void *beta, void *y, I incy)
{
    VGPU_CHECK(m, n, kl, ku);
    if (lda < kl + ku + 1 || bad_step(lda, incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        T al = alpha_.get(), be = beta_.get();
        blas_gbmv<T>(CblasColMajor, op(trans), int(m), int(n), int(kl), int(ku), pass(al),
                     VGPU_IN(a), int(lda), VGPU_IN(x), int(incx), pass(be), VGPU_OUT(y), int(incy));
    });
}

#define VGPU_TRIANGULAR(name)                                                                      \
    template<class T, class I>                                                                     \
    int name(void *handle, int uplo, int trans, int diag, I n, const void *a, I lda, void *x,      \
             I incx)                                                                               \
    {                                                                                              \
        VGPU_CHECK(n);                                                                             \
        if (lda < std::max<I>(1, n) || bad_step(lda, incx))                                        \
            return kInvalid;                                                                       \
        return work(of(handle), [=] {                                                              \
            blas_##name<T>(CblasColMajor, part(uplo), op(trans), diagonal(diag), int(n),           \
                           VGPU_IN(a), int(lda), VGPU_OUT(x), int(incx));                          \
        });                                                                                        \
    }
VGPU_TRIANGULAR(trmv)
VGPU_TRIANGULAR(trsv)
#undef VGPU_TRIANGULAR

#define VGPU_TRIANGULAR(name)                                                                      \
    template<class T, class I>                                                                     \
    int name(void *handle, int uplo, int trans, int diag, I n, I k, const void *a, I lda, void *x, \
             I incx)                                                                               \
    {                                                                                              \
        VGPU_CHECK(n, k);                                                                          \
        if (lda < k + 1 || bad_step(lda, incx))                                                    \
            return kInvalid;                                                                       \
        return work(of(handle), [=] {                                                              \
            blas_##name<T>(CblasColMajor, part(uplo), op(trans), diagonal(diag), int(n), int(k),   \
                           VGPU_IN(a), int(lda), VGPU_OUT(x), int(incx));                          \
        });                                                                                        \
    }
VGPU_TRIANGULAR(tbmv)
VGPU_TRIANGULAR(tbsv)
#undef VGPU_TRIANGULAR

#define VGPU_TRIANGULAR(name)                                                                      \
    template<class T, class I>                                                                     \
    int name(void *handle, int uplo, int trans, int diag, I n, const void *ap, void *x, I incx)    \
    {                                                                                              \
        VGPU_CHECK(n);                                                                             \
        if (bad_step(incx))                                                                        \
            return kInvalid;                                                                       \
        return work(of(handle), [=] {                                                              \
            blas_##name<T>(CblasColMajor, part(uplo), op(trans), diagonal(diag), int(n),           \
                           VGPU_IN(ap), VGPU_OUT(x), int(incx));                                   \
        });                                                                                        \
    }
VGPU_TRIANGULAR(tpmv)
VGPU_TRIANGULAR(tpsv)
#undef VGPU_TRIANGULAR

template<class T, class I>
int symv(void *handle, int uplo, I n, const void *alpha, const void *a, I lda, const void *x,
         I incx, const void *beta, void *y, I incy)
{
    VGPU_CHECK(n);
    if (lda < std::max<I>(1, n) || bad_step(lda, incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        T al = alpha_.get(), be = beta_.get();
        blas_symv<T>(CblasColMajor, part(uplo), int(n), pass(al), VGPU_IN(a), int(lda), VGPU_IN(x),
                     int(incx), pass(be), VGPU_OUT(y), int(incy));
    });
}

template<class T, class I>
int sbmv(void *handle, int uplo, I n, I k, const void *alpha, const void *a, I lda, const void *x,
         I incx, const void *beta, void *y, I incy)
{
    VGPU_CHECK(n, k);
    if (lda < k + 1 || bad_step(lda, incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        T al = alpha_.get(), be = beta_.get();
        blas_sbmv<T>(CblasColMajor, part(uplo), int(n), int(k), pass(al), VGPU_IN(a), int(lda),
                     VGPU_IN(x), int(incx), pass(be), VGPU_OUT(y), int(incy));
    });
}

template<class T, class I>
int spmv(void *handle, int uplo, I n, const void *alpha, const void *ap, const void *x, I incx,
         const void *beta, void *y, I incy)
{
    VGPU_CHECK(n);
    if (bad_step(incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        T al = alpha_.get(), be = beta_.get();
        blas_spmv<T>(CblasColMajor, part(uplo), int(n), pass(al), VGPU_IN(ap), VGPU_IN(x),
                     int(incx), pass(be), VGPU_OUT(y), int(incy));
    });
}

#define VGPU_OUTER(name)                                                                           \
    template<class T, class I>                                                                     \
    int name(void *handle, I m, I n, const void *alpha, const void *x, I incx, const void *y,      \
             I incy, void *a, I lda)                                                               \
    {                                                                                              \
        VGPU_CHECK(m, n);                                                                          \
        if (lda < std::max<I>(1, m) || bad_step(lda, incx, incy))                                  \
            return kInvalid;                                                                       \
        VGPU_SCALAR(T, alpha);                                                                     \
        return work(of(handle), [=] {                                                              \
            T al = alpha_.get();                                                                   \
            blas_##name<T>(CblasColMajor, int(m), int(n), pass(al), VGPU_IN(x), int(incx),         \
                           VGPU_IN(y), int(incy), VGPU_OUT(a), int(lda));                          \
        });                                                                                        \
    }
VGPU_OUTER(ger)
VGPU_OUTER(gerc)
#undef VGPU_OUTER

template<class T, class I>
int syr(void *handle, int uplo, I n, const void *alpha, const void *x, I incx, void *a, I lda)
{
    VGPU_CHECK(n);
    if (lda < std::max<I>(1, n) || bad_step(lda, incx))
        return kInvalid;
    VGPU_SCALAR(Real<T>, alpha);
    return work(of(handle), [=] {
        blas_syr<T>(CblasColMajor, part(uplo), int(n), alpha_.get(), VGPU_IN(x), int(incx),
                    VGPU_OUT(a), int(lda));
    });
}

template<class T, class I>
int spr(void *handle, int uplo, I n, const void *alpha, const void *x, I incx, void *ap)
{
    VGPU_CHECK(n);
    if (bad_step(incx))
        return kInvalid;
    VGPU_SCALAR(Real<T>, alpha);
    return work(of(handle), [=] {
        blas_spr<T>(CblasColMajor, part(uplo), int(n), alpha_.get(), VGPU_IN(x), int(incx),
                    VGPU_OUT(ap));
    });
}

template<class T, class I>
int syr2(void *handle, int uplo, I n, const void *alpha, const void *x, I incx, const void *y,
         I incy, void *a, I lda)
{
    VGPU_CHECK(n);
    if (lda < std::max<I>(1, n) || bad_step(lda, incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    return work(of(handle), [=] {
        T al = alpha_.get();
        blas_syr2<T>(CblasColMajor, part(uplo), int(n), pass(al), VGPU_IN(x), int(incx), VGPU_IN(y),
                     int(incy), VGPU_OUT(a), int(lda));
    });
}

template<class T, class I>
int spr2(void *handle, int uplo, I n, const void *alpha, const void *x, I incx, const void *y,
         I incy, void *ap)
{
    VGPU_CHECK(n);
    if (bad_step(incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    return work(of(handle), [=] {
        T al = alpha_.get();
        blas_spr2<T>(CblasColMajor, part(uplo), int(n), pass(al), VGPU_IN(x), int(incx), VGPU_IN(y),
                     int(incy), VGPU_OUT(ap));
    });
}

// ---- level 3 ------------------------------------------------------------------------------------

template<class T>
void multiply(int ta, int tb, int m, int n, int k, T alpha, const void *a, int lda, const void *b,
              int ldb, T beta, void *c, int ldc)
{
    blas_gemm<T>(CblasColMajor, op(ta), op(tb), m, n, k, pass(alpha), VGPU_IN(a), lda, VGPU_IN(b),
                 ldb, pass(beta), VGPU_OUT(c), ldc);
}

template<class I>
bool bad_gemm(int ta, int tb, I m, I n, I k, I lda, I ldb, I ldc)
{
    return lda < std::max<I>(1, ta ? k : m) || ldb < std::max<I>(1, tb ? n : k) ||
           ldc < std::max<I>(1, m) || bad_step(lda, ldb, ldc);
}

template<class T, class I>
int gemm(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a, I lda,
         const void *b, I ldb, const void *beta, void *c, I ldc)
{
    VGPU_CHECK(m, n, k);
    if (bad_gemm(ta, tb, m, n, k, lda, ldb, ldc))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        multiply<T>(ta, tb, int(m), int(n), int(k), alpha_.get(), a, int(lda), b, int(ldb),
                    beta_.get(), c, int(ldc));
    });
}

#define VGPU_SYMMETRIC(name)                                                                       \
    template<class T, class I>                                                                     \
    int name(void *handle, int side, int uplo, I m, I n, const void *alpha, const void *a, I lda,  \
             const void *b, I ldb, const void *beta, void *c, I ldc)                               \
    {                                                                                              \
        VGPU_CHECK(m, n);                                                                          \
        if (lda < std::max<I>(1, side ? n : m) || ldb < std::max<I>(1, m) ||                       \
            ldc < std::max<I>(1, m) || bad_step(lda, ldb, ldc))                                    \
            return kInvalid;                                                                       \
        VGPU_SCALAR(T, alpha);                                                                     \
        VGPU_SCALAR(T, beta);                                                                      \
        return work(of(handle), [=] {                                                              \
            T al = alpha_.get(), be = beta_.get();                                                 \
            blas_##name<T>(CblasColMajor, side_of(side), part(uplo), int(m), int(n), pass(al),     \
                           VGPU_IN(a), int(lda), VGPU_IN(b), int(ldb), pass(be), VGPU_OUT(c),      \
                           int(ldc));                                                              \
        });                                                                                        \
    }
VGPU_SYMMETRIC(symm)
VGPU_SYMMETRIC(hemm)
#undef VGPU_SYMMETRIC

#define VGPU_RANK_K(name, scalar)                                                                  \
    template<class T, class I>                                                                     \
    int name(void *handle, int uplo, int trans, I n, I k, const void *alpha, const void *a, I lda, \
             const void *beta, void *c, I ldc)                                                     \
    {                                                                                              \
        VGPU_CHECK(n, k);                                                                          \
        if (lda < std::max<I>(1, trans ? k : n) || ldc < std::max<I>(1, n) || bad_step(lda, ldc))  \
            return kInvalid;                                                                       \
        VGPU_SCALAR(scalar, alpha);                                                                \
        VGPU_SCALAR(scalar, beta);                                                                 \
        return work(of(handle), [=] {                                                              \
            scalar al = alpha_.get(), be = beta_.get();                                            \
            blas_##name<T>(CblasColMajor, part(uplo), op(trans), int(n), int(k), pass(al),         \
                           VGPU_IN(a), int(lda), pass(be), VGPU_OUT(c), int(ldc));                 \
        });                                                                                        \
    }
VGPU_RANK_K(syrk, T)
VGPU_RANK_K(herk, Real<T>)
#undef VGPU_RANK_K

#define VGPU_RANK_2K(name, scalar)                                                                 \
    template<class T, class I>                                                                     \
    int name(void *handle, int uplo, int trans, I n, I k, const void *alpha, const void *a, I lda, \
             const void *b, I ldb, const void *beta, void *c, I ldc)                               \
    {                                                                                              \
        VGPU_CHECK(n, k);                                                                          \
        I rows = std::max<I>(1, trans ? k : n);                                                    \
        if (lda < rows || ldb < rows || ldc < std::max<I>(1, n) || bad_step(lda, ldb, ldc))        \
            return kInvalid;                                                                       \
        VGPU_SCALAR(T, alpha);                                                                     \
        VGPU_SCALAR(scalar, beta);                                                                 \
        return work(of(handle), [=] {                                                              \
            T al = alpha_.get();                                                                   \
            scalar be = beta_.get();                                                               \
            blas_##name<T>(CblasColMajor, part(uplo), op(trans), int(n), int(k), pass(al),         \
                           VGPU_IN(a), int(lda), VGPU_IN(b), int(ldb), pass(be), VGPU_OUT(c),      \
                           int(ldc));                                                              \
        });                                                                                        \
    }
VGPU_RANK_2K(syr2k, T)
VGPU_RANK_2K(her2k, Real<T>)
#undef VGPU_RANK_2K

template<class T, class I>
int trsm(void *handle, int side, int uplo, int trans, int diag, I m, I n, const void *alpha,
         const void *a, I lda, void *b, I ldb)
{
    VGPU_CHECK(m, n);
    if (lda < std::max<I>(1, side ? n : m) || ldb < std::max<I>(1, m) || bad_step(lda, ldb))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    return work(of(handle), [=] {
        T al = alpha_.get();
        blas_trsm<T>(CblasColMajor, side_of(side), part(uplo), op(trans), diagonal(diag), int(m),
                     int(n), pass(al), VGPU_IN(a), int(lda), VGPU_OUT(b), int(ldb));
    });
}

// cuBLAS's has a result of its own, which may be B.
template<class T, class I>
int trmm(void *handle, int side, int uplo, int trans, int diag, I m, I n, const void *alpha,
         const void *a, I lda, const void *b, I ldb, void *c, I ldc)
{
    VGPU_CHECK(m, n);
    if (lda < std::max<I>(1, side ? n : m) || ldb < std::max<I>(1, m) || ldc < std::max<I>(1, m) ||
        bad_step(lda, ldb, ldc))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    return work(of(handle), [=] {
        T al = alpha_.get();
        for (I j = 0; j < n && b != c; ++j)
            std::memcpy(VGPU_OUT(c) + j * ldc, VGPU_IN(b) + j * ldb, size_t(m) * sizeof(T));
        blas_trmm<T>(CblasColMajor, side_of(side), part(uplo), op(trans), diagonal(diag), int(m),
                     int(n), pass(al), VGPU_IN(a), int(lda), VGPU_OUT(c), int(ldc));
    });
}

template<class T, class I>
T element(const void *matrix, int trans, I i, I j, I ld)
{
    T value = VGPU_IN(matrix)[trans ? j + i * ld : i + j * ld];
    if constexpr (kComplex<T>)
        return trans == 2 ? std::conj(value) : value;
    return value;
}

template<class T, class I>
int geam(void *handle, int ta, int tb, I m, I n, const void *alpha, const void *a, I lda,
         const void *beta, const void *b, I ldb, void *c, I ldc)
{
    VGPU_CHECK(m, n);
    if (ldc < std::max<I>(1, m) || bad_step(lda, ldb, ldc))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        T al = alpha_.get(), be = beta_.get();
        for (I j = 0; j < n; ++j)
            for (I i = 0; i < m; ++i)
                VGPU_OUT(c)
        [i + j * ldc] = (al == T() ? T() : al * element<T>(a, ta, i, j, lda)) +
                        (be == T() ? T() : be * element<T>(b, tb, i, j, ldb));
    });
}

template<class T, class I>
int dgmm(void *handle, int side, I m, I n, const void *a, I lda, const void *x, I incx, void *c,
         I ldc)
{
    VGPU_CHECK(m, n);
    if (lda < std::max<I>(1, m) || ldc < std::max<I>(1, m))
        return kInvalid;
    return work(of(handle), [=] {
        const T *d = first(VGPU_IN(x), int(side ? n : m), int(incx));
        for (I j = 0; j < n; ++j)
            for (I i = 0; i < m; ++i)
                VGPU_OUT(c)[i + j * ldc] = VGPU_IN(a)[i + j * lda] * d[(side ? j : i) * incx];
    });
}

// ---- batches ------------------------------------------------------------------------------------

template<class T>
const T *at(const void *array, int64_t i)
{
    return static_cast<const T *const *>(array)[i];
}

template<class T, class I>
int gemm_batched(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
                 I lda, const void *b, I ldb, const void *beta, const void *c, I ldc, I batch)
{
    VGPU_CHECK(m, n, k, batch);
    if (bad_gemm(ta, tb, m, n, k, lda, ldb, ldc))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        for (I i = 0; i < batch; ++i)
            multiply<T>(ta, tb, int(m), int(n), int(k), alpha_.get(), at<T>(a, i), int(lda),
                        at<T>(b, i), int(ldb), beta_.get(), const_cast<T *>(at<T>(c, i)), int(ldc));
    });
}

template<class T, class I>
int gemm_strided(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
                 I lda, long long step_a, const void *b, I ldb, long long step_b, const void *beta,
                 void *c, I ldc, long long step_c, I batch)
{
    VGPU_CHECK(m, n, k, batch);
    if (bad_gemm(ta, tb, m, n, k, lda, ldb, ldc))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        for (I i = 0; i < batch; ++i)
            multiply<T>(ta, tb, int(m), int(n), int(k), alpha_.get(), VGPU_IN(a) + i * step_a,
                        int(lda), VGPU_IN(b) + i * step_b, int(ldb), beta_.get(),
                        VGPU_OUT(c) + i * step_c, int(ldc));
    });
}

template<class T>
void apply(int trans, int m, int n, T alpha, const T *a, int lda, const T *x, int incx, T beta,
           T *y, int incy)
{
    blas_gemv<T>(CblasColMajor, op(trans), m, n, pass(alpha), a, lda, x, incx, pass(beta), y, incy);
}

template<class T, class I>
int gemv_batched(void *handle, int trans, I m, I n, const void *alpha, const void *a, I lda,
                 const void *x, I incx, const void *beta, const void *y, I incy, I batch)
{
    VGPU_CHECK(m, n, batch);
    if (lda < std::max<I>(1, m) || bad_step(lda, incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        for (I i = 0; i < batch; ++i)
            apply<T>(trans, int(m), int(n), alpha_.get(), at<T>(a, i), int(lda), at<T>(x, i),
                     int(incx), beta_.get(), const_cast<T *>(at<T>(y, i)), int(incy));
    });
}

template<class T, class I>
int gemv_strided(void *handle, int trans, I m, I n, const void *alpha, const void *a, I lda,
                 long long step_a, const void *x, I incx, long long step_x, const void *beta,
                 void *y, I incy, long long step_y, I batch)
{
    VGPU_CHECK(m, n, batch);
    if (lda < std::max<I>(1, m) || bad_step(lda, incx, incy))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    VGPU_SCALAR(T, beta);
    return work(of(handle), [=] {
        for (I i = 0; i < batch; ++i)
            apply<T>(trans, int(m), int(n), alpha_.get(), VGPU_IN(a) + i * step_a, int(lda),
                     VGPU_IN(x) + i * step_x, int(incx), beta_.get(), VGPU_OUT(y) + i * step_y,
                     int(incy));
    });
}

template<class T, class I>
int trsm_batched(void *handle, int side, int uplo, int trans, int diag, I m, I n, const void *alpha,
                 const void *a, I lda, const void *b, I ldb, I batch)
{
    VGPU_CHECK(m, n, batch);
    if (lda < std::max<I>(1, side ? n : m) || ldb < std::max<I>(1, m) || bad_step(lda, ldb))
        return kInvalid;
    VGPU_SCALAR(T, alpha);
    return work(of(handle), [=] {
        T al = alpha_.get();
        for (I i = 0; i < batch; ++i)
            blas_trsm<T>(CblasColMajor, side_of(side), part(uplo), op(trans), diagonal(diag),
                         int(m), int(n), pass(al), at<T>(a, i), int(lda),
                         const_cast<T *>(at<T>(b, i)), int(ldb));
    });
}

// ---- products of other types --------------------------------------------------------------------

// Matrix i of a batch: by a step, or out of an array of addresses.
struct Batch {
    const void *base;
    int type;
    int64_t ld, step = 0;
    bool array = false;
    const void *operator[](int64_t i) const
    {
        return array ? at<std::byte>(base, i)
                     : static_cast<const std::byte *>(base) + i * step * bytes_of(type);
    }
};

inline int product_of(Handle *handle, int ta, int tb, int64_t m, int64_t n, int64_t k,
                      const void *alpha, const Batch &a, const Batch &b, const void *beta,
                      const Batch &c, int64_t batch, int compute)
{
    if (!handle)
        return kNotInitialized;
    if (bad(handle, m, n, k, batch) || bad_gemm<int64_t>(ta, tb, m, n, k, a.ld, b.ld, c.ld))
        return kInvalid;
    int scale = scale_type(compute, c.type);
    if (!knows_product(a.type, b.type, c.type, scale))
        return kUnsupported;
    if (!alpha || !beta)
        return kInvalid;
    ScaleValue al = handle->mode ? ScaleValue{alpha} : ScaleValue(alpha, scale);
    ScaleValue be = handle->mode ? ScaleValue{beta} : ScaleValue(beta, scale);
    return work(handle, [=] {
        for (int64_t i = 0; i < batch; ++i)
            multiply_types(ta, tb, int(m), int(n), int(k), al.get(scale), {a[i], a.type, int(a.ld)},
                           {b[i], b.type, int(b.ld)}, be.get(scale),
                           {const_cast<void *>(c[i]), c.type, int(c.ld)});
    });
}

template<class I>
int gemm_ex(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
            int a_type, I lda, const void *b, int b_type, I ldb, const void *beta, void *c,
            int c_type, I ldc, int compute, int)
{
    return product_of(of(handle), ta, tb, m, n, k, alpha, {a, a_type, lda}, {b, b_type, ldb}, beta,
                      {c, c_type, ldc}, 1, compute);
}

template<class I>
int gemm_batched_ex(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
                    int a_type, I lda, const void *b, int b_type, I ldb, const void *beta,
                    const void *c, int c_type, I ldc, I batch, int compute, int)
{
    return product_of(of(handle), ta, tb, m, n, k, alpha, {a, a_type, lda, 0, true},
                      {b, b_type, ldb, 0, true}, beta, {c, c_type, ldc, 0, true}, batch, compute);
}

template<class I>
int gemm_strided_ex(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
                    int a_type, I lda, long long step_a, const void *b, int b_type, I ldb,
                    long long step_b, const void *beta, void *c, int c_type, I ldc,
                    long long step_c, I batch, int compute, int)
{
    return product_of(of(handle), ta, tb, m, n, k, alpha, {a, a_type, lda, step_a},
                      {b, b_type, ldb, step_b}, beta, {c, c_type, ldc, step_c}, batch, compute);
}

template<class I>
int sgemm_ex(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
             int a_type, I lda, const void *b, int b_type, I ldb, const void *beta, void *c,
             int c_type, I ldc)
{
    return gemm_ex<I>(handle, ta, tb, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c,
                      c_type, ldc, kCompute32, 0);
}

template<class I>
int half_gemm(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a, I lda,
              const void *b, I ldb, const void *beta, void *c, I ldc)
{
    return gemm_ex<I>(handle, ta, tb, m, n, k, alpha, a, kHalf, lda, b, kHalf, ldb, beta, c, kHalf,
                      ldc, kCompute16, 0);
}

template<class I>
int half_gemm_batched(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
                      I lda, const void *b, I ldb, const void *beta, const void *c, I ldc, I batch)
{
    return gemm_batched_ex<I>(handle, ta, tb, m, n, k, alpha, a, kHalf, lda, b, kHalf, ldb, beta, c,
                              kHalf, ldc, batch, kCompute16, 0);
}

template<class I>
int half_gemm_strided(void *handle, int ta, int tb, I m, I n, I k, const void *alpha, const void *a,
                      I lda, long long step_a, const void *b, I ldb, long long step_b,
                      const void *beta, void *c, I ldc, long long step_c, I batch)
{
    return gemm_strided_ex<I>(handle, ta, tb, m, n, k, alpha, a, kHalf, lda, step_a, b, kHalf, ldb,
                              step_b, beta, c, kHalf, ldc, step_c, batch, kCompute16, 0);
}

#undef VGPU_CHECK
#undef VGPU_SCALAR
#undef VGPU_IN
#undef VGPU_OUT

} // namespace vgpu::soft::cublas
