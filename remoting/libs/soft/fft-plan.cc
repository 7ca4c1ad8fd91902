// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/fft-plan.h"

#include "remoting/libs/soft/cufft.h"

#include <fftw3.h>

namespace vgpu::soft::cufft
{
namespace
{

// FFTW plans one at a time; it transforms in any number of threads.
std::mutex &planner = *new std::mutex;

// The layout that cuFFT takes where it is told none: rows without gaps, but for reals in place,
// whose rows have room for the complex numbers.
void pack(Shape &shape, bool in_place)
{
    int last = shape.rank - 1;
    auto lay = [&](std::array<int64_t, 3> &steps, int64_t &distance, bool real) {
        std::array<int64_t, 3> n = shape.n;
        bool half = shape.from_real() || shape.to_real();
        if (half && !real)
            n[last] = n[last] / 2 + 1;
        else if (half && in_place)
            n[last] = 2 * (n[last] / 2 + 1);
        distance = 1;
        for (int i = last; i >= 0; --i) {
            steps[i] = distance;
            distance *= n[i];
        }
    };
    lay(shape.in, shape.in_distance, shape.from_real());
    lay(shape.out, shape.out_distance, shape.to_real());
}

#define VGPU_FFTW(prefix, T)                                                                       \
    struct prefix##_api {                                                                          \
        using Dim = prefix##_iodim64;                                                              \
        using Complex = prefix##_complex;                                                          \
        static void *plan(const Shape &s, const Dim *dims, const Dim *batch, void *in, void *out,  \
                          int direction)                                                           \
        {                                                                                          \
            unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;                                       \
            if (s.from_real())                                                                     \
                return prefix##_plan_guru64_dft_r2c(s.rank, dims, 1, batch, static_cast<T *>(in),  \
                                                    static_cast<Complex *>(out), flags);           \
            if (s.to_real())                                                                       \
                return prefix##_plan_guru64_dft_c2r(s.rank, dims, 1, batch,                        \
                                                    static_cast<Complex *>(in),                    \
                                                    static_cast<T *>(out), flags);                 \
            return prefix##_plan_guru64_dft(s.rank, dims, 1, batch, static_cast<Complex *>(in),    \
                                            static_cast<Complex *>(out), direction, flags);        \
        }                                                                                          \
        static void run(const Shape &s, void *plan, void *in, void *out)                           \
        {                                                                                          \
            auto p = static_cast<prefix##_plan>(plan);                                             \
            if (s.from_real())                                                                     \
                prefix##_execute_dft_r2c(p, static_cast<T *>(in), static_cast<Complex *>(out));    \
            else if (s.to_real())                                                                  \
                prefix##_execute_dft_c2r(p, static_cast<Complex *>(in), static_cast<T *>(out));    \
            else                                                                                   \
                prefix##_execute_dft(p, static_cast<Complex *>(in), static_cast<Complex *>(out));  \
        }                                                                                          \
        static void end(void *plan) { prefix##_destroy_plan(static_cast<prefix##_plan>(plan)); }   \
    }
VGPU_FFTW(fftwf, float);
VGPU_FFTW(fftw, double);

template<class Api>
void *plan(const Shape &shape, bool in_place, int direction)
{
    typename Api::Dim dims[3];
    for (int i = 0; i < shape.rank; ++i)
        dims[i] = {shape.n[i], shape.in[i], shape.out[i]};
    typename Api::Dim batch{shape.batch, shape.in_distance, shape.out_distance};
    // FFTW looks at nothing but whether the two are the same.
    alignas(64) static char one[64], other[64];
    return Api::plan(shape, dims, &batch, one, in_place ? one : other, direction);
}

} // namespace

bool Shape::from_real() const
{
    return type == kR2C || type == kD2Z;
}

bool Shape::to_real() const
{
    return type == kC2R || type == kZ2D;
}

void Plan::make(const Shape &shape)
{
    shape_ = shape;
    made_ = true;
}

void *Plan::fftw(bool in_place, int direction)
{
    std::lock_guard lock(planner);
    auto [at, is_new] = plans_.try_emplace({in_place, direction}, nullptr);
    if (is_new) {
        Shape shape = shape_;
        if (shape.packed)
            pack(shape, in_place);
        at->second = shape.is_double() ? plan<fftw_api>(shape, in_place, direction)
                                       : plan<fftwf_api>(shape, in_place, direction);
    }
    return at->second;
}

void Plan::run(void *fftw, void *from, void *to) const
{
    if (shape_.is_double())
        fftw_api::run(shape_, fftw, from, to);
    else
        fftwf_api::run(shape_, fftw, from, to);
}

Plan::~Plan()
{
    std::lock_guard lock(planner);
    for (auto &[how, one] : plans_)
        if (one)
            shape_.is_double() ? fftw_api::end(one) : fftwf_api::end(one);
}

} // namespace vgpu::soft::cufft
