// SPDX-License-Identifier: Apache-2.0
// cuFFT beside the software GPU: what cufft.served names, over FFTW. The parameters are cuFFT's,
// every pointer one to void.
#pragma once

#include "remoting/libs/soft/work.h"

#include <cstddef>
#include <cstdint>

namespace vgpu::soft::cufft
{

using namespace vgpu::soft::libs;

enum Status {
    kSuccess = 0,
    kInvalidPlan = 1,
    kAllocFailed = 2,
    kInvalidType = 3,
    kInvalidValue = 4,
    kExecFailed = 6,
    kInvalidSize = 8,
    kNotSupported = 16,
};

inline int refused(const char *name) noexcept
{
    tell_refused("cuFFT", name);
    return kNotSupported;
}

// cufftType
enum Type { kC2C = 0x29, kR2C = 0x2a, kC2R = 0x2c, kZ2Z = 0x69, kD2Z = 0x6a, kZ2D = 0x6c };

int create(void *plan);
int destroy(int plan);
int set_stream(int plan, CUstream stream);

int plan_1d(void *plan, int nx, int type, int batch);
int plan_2d(void *plan, int nx, int ny, int type);
int plan_3d(void *plan, int nx, int ny, int nz, int type);
int plan_many(void *plan, int rank, const void *n, const void *inembed, int istride, int idist,
              const void *onembed, int ostride, int odist, int type, int batch);

int make_1d(int plan, int nx, int type, int batch, void *size);
int make_2d(int plan, int nx, int ny, int type, void *size);
int make_3d(int plan, int nx, int ny, int nz, int type, void *size);
int make_many(int plan, int rank, const void *n, const void *inembed, int istride, int idist,
              const void *onembed, int ostride, int odist, int type, int batch, void *size);
int make_many_64(int plan, int rank, const void *n, const void *inembed, long long istride,
                 long long idist, const void *onembed, long long ostride, long long odist, int type,
                 long long batch, void *size);
int make_many_xt(int plan, int rank, const void *n, const void *inembed, long long istride,
                 long long idist, int input, const void *onembed, long long ostride,
                 long long odist, int output, long long batch, void *size, int execution);

int exec_c2c(int plan, void *from, void *to, int direction);
int exec_r2c(int plan, void *from, void *to);
int exec_c2r(int plan, void *from, void *to);
int exec_z2z(int plan, void *from, void *to, int direction);
int exec_d2z(int plan, void *from, void *to);
int exec_z2d(int plan, void *from, void *to);
int exec_any(int plan, void *from, void *to, int direction);

// FFTW has its own memory: no plan needs any of the program's.
int set_work_area(int plan, void *area);
int set_automatic(int plan, int automatic);
int size_of_plan(int plan, void *size);
int size_1d(int plan, int nx, int type, int batch, void *size);
int size_2d(int plan, int nx, int ny, int type, void *size);
int size_3d(int plan, int nx, int ny, int nz, int type, void *size);
int estimate_1d(int nx, int type, int batch, void *size);
int estimate_2d(int nx, int ny, int type, void *size);
int estimate_3d(int nx, int ny, int nz, int type, void *size);
int estimate_many(int rank, const void *n, const void *inembed, int istride, int idist,
                  const void *onembed, int ostride, int odist, int type, int batch, void *size);
int size_many(int plan, int rank, const void *n, const void *inembed, int istride, int idist,
              const void *onembed, int ostride, int odist, int type, int batch, void *size);

int get_version(void *version);
int get_property(int type, void *value);

} // namespace vgpu::soft::cufft
