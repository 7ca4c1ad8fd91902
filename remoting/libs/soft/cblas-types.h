// SPDX-License-Identifier: Apache-2.0
// OpenBLAS by type: one name for what it has under four, and cuBLAS's words in its own.
#pragma once

#include <cblas.h>

#include <complex>
#include <type_traits>

namespace vgpu::soft::libs
{

using C = std::complex<float>;
using Z = std::complex<double>;

template<class T>
struct RealOf {
    using type = T;
};
template<class T>
struct RealOf<std::complex<T>> {
    using type = T;
};
template<class T>
using Real = typename RealOf<T>::type;
template<class T>
constexpr bool kComplex = !std::is_same_v<T, Real<T>>;

inline CBLAS_TRANSPOSE op(int o)
{
    return o == 0 ? CblasNoTrans : o == 1 ? CblasTrans : CblasConjTrans;
}
inline CBLAS_UPLO part(int u)
{
    return u == 0 ? CblasLower : CblasUpper;
}
inline CBLAS_DIAG diagonal(int d)
{
    return d == 0 ? CblasNonUnit : CblasUnit;
}
inline CBLAS_SIDE side_of(int s)
{
    return s == 0 ? CblasLeft : CblasRight;
}

// The real functions take their scalars by value, the complex ones by pointer.
template<class T>
auto pass(const T &scalar)
{
    if constexpr (kComplex<T>)
        return static_cast<const void *>(&scalar);
    else
        return scalar;
}

// blas_NAME(T(), ...): the function of that type.
#define VGPU_BLAS(name, s, d, c, z)                                                                \
    template<class T, class... A>                                                                  \
    auto blas_##name(A... a)                                                                       \
    {                                                                                              \
        if constexpr (std::is_same_v<T, float>)                                                    \
            return cblas_##s(a...);                                                                \
        else if constexpr (std::is_same_v<T, double>)                                              \
            return cblas_##d(a...);                                                                \
        else if constexpr (std::is_same_v<T, C>)                                                   \
            return cblas_##c(a...);                                                                \
        else                                                                                       \
            return cblas_##z(a...);                                                                \
    }
#define VGPU_BLAS_SAME(name) VGPU_BLAS(name, s##name, d##name, c##name, z##name)
// The Hermitian counterparts of what is symmetric for real types.
#define VGPU_BLAS_HERMITIAN(name, hermitian)                                                       \
    VGPU_BLAS(name, s##name, d##name, c##hermitian, z##hermitian)

VGPU_BLAS(nrm2, snrm2, dnrm2, scnrm2, dznrm2)
VGPU_BLAS(asum, sasum, dasum, scasum, dzasum)
VGPU_BLAS(iamax, isamax, idamax, icamax, izamax)
VGPU_BLAS(iamin, isamin, idamin, icamin, izamin)
VGPU_BLAS(scal_real, sscal, dscal, csscal, zdscal)
VGPU_BLAS(ger, sger, dger, cgeru, zgeru)
VGPU_BLAS(gerc, sger, dger, cgerc, zgerc)
VGPU_BLAS_SAME(scal)
VGPU_BLAS_SAME(axpy)
VGPU_BLAS_SAME(copy)
VGPU_BLAS_SAME(swap)
VGPU_BLAS_SAME(gemv)
VGPU_BLAS_SAME(gbmv)
VGPU_BLAS_SAME(trmv)
VGPU_BLAS_SAME(trsv)
VGPU_BLAS_SAME(tbmv)
VGPU_BLAS_SAME(tbsv)
VGPU_BLAS_SAME(tpmv)
VGPU_BLAS_SAME(tpsv)
VGPU_BLAS_HERMITIAN(symv, hemv)
VGPU_BLAS_HERMITIAN(sbmv, hbmv)
VGPU_BLAS_HERMITIAN(spmv, hpmv)
VGPU_BLAS_HERMITIAN(syr, her)
VGPU_BLAS_HERMITIAN(spr, hpr)
VGPU_BLAS_HERMITIAN(syr2, her2)
VGPU_BLAS_HERMITIAN(spr2, hpr2)
VGPU_BLAS_SAME(gemm)
VGPU_BLAS_SAME(symm)
VGPU_BLAS_SAME(syrk)
VGPU_BLAS_SAME(syr2k)
VGPU_BLAS_SAME(trsm)
VGPU_BLAS_SAME(trmm)
VGPU_BLAS(hemm, ssymm, dsymm, chemm, zhemm)
VGPU_BLAS(herk, ssyrk, dsyrk, cherk, zherk)
VGPU_BLAS(her2k, ssyr2k, dsyr2k, cher2k, zher2k)

} // namespace vgpu::soft::libs
