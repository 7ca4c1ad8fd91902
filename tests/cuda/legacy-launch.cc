// SPDX-License-Identifier: Apache-2.0
// The launches of before CUDA 4, and the names whose addresses have 32 bits.
#include "driver.h"

#include <cstring>

const char *const program = "legacy-launch";

static const char *const code = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry scale(.param .u64 data, .param .u32 factor, .param .f32 shift)
{
    .reg .b32 %r<8>;
    .reg .f32 %f<4>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [factor];
    ld.param.f32 %f1, [shift];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r6, %ctaid.y;
    mov.u32 %r7, %nctaid.x;
    mad.lo.s32 %r2, %r6, %r7, %r2;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.s32 %r5, %r2, %r3, %r4;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r5, 4;
    add.s64 %rd4, %rd2, %rd3;
    mul.lo.s32 %r5, %r5, %r1;
    cvt.rn.f32.u32 %f2, %r5;
    add.f32 %f3, %f2, %f1;
    st.global.f32 [%rd4], %f3;
    ret;
}
)";

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

int main()
{
    constexpr unsigned n = 6 * 32;
    CUcontext context = open_context();
    CUmodule module;
    CUfunction function;
    CUstream stream;
    CUdeviceptr data;
    float host[n];
    DRIVER(cuModuleLoadData(&module, code));
    DRIVER(cuModuleGetFunction(&function, module, "scale"));
    DRIVER(cuStreamCreate(&stream, 0));
    DRIVER(cuMemAlloc(&data, sizeof host));

    FAILS(CUDA_ERROR_INVALID_VALUE, cuLaunchGrid(function, 1, 1)); // no shape yet
    DRIVER(cuFuncSetBlockShape(function, 32, 1, 1));
    DRIVER(cuFuncSetSharedSize(function, 0));
    DRIVER(cuParamSetv(function, 0, &data, sizeof data));
    DRIVER(cuParamSeti(function, 8, 3));
    DRIVER(cuParamSetf(function, 12, 0.5f));
    DRIVER(cuParamSetSize(function, 16));
    DRIVER(cuLaunchGrid(function, 3, 2));
    DRIVER(cuMemcpyDtoH(host, data, sizeof host));
    for (unsigned i = 0; i < n; i++)
        EXPECT(host[i] == float(i * 3) + 0.5f);
    // What was set stays; one thing is set anew.
    DRIVER(cuParamSeti(function, 8, 5));
    DRIVER(cuLaunchGridAsync(function, 6, 1, stream));
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuMemcpyDtoH(host, data, sizeof host));
    for (unsigned i = 0; i < n; i++)
        EXPECT(host[i] == float(i * 5) + 0.5f);
    const uint64_t sum = checksum(host, sizeof host);
    DRIVER(cuParamSeti(function, 8, 9));
    DRIVER(cuLaunch(function));
    DRIVER(cuMemcpyDtoH(host, data, sizeof host));
    EXPECT(host[31] == 31 * 9 + 0.5f && host[32] == 32 * 5 + 0.5f);

    CUfunction none = reinterpret_cast<CUfunction>(uintptr_t(0x7777));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuFuncSetBlockShape(function, 0, 1, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuParamSetSize(function, 1 << 20));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuParamSetv(function, 0, nullptr, 8));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuParamSeti(function, -4, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuParamSeti(function, 1 << 20, 1));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLaunchGrid(function, 0, 1));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuLaunch(none));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuFuncSetBlockShape(none, 1, 1, 1));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuParamSeti(none, 0, 1));

    // No memory has an address of 32 bits: that is said, and nothing is lost by asking.
    size_t before = 0, after = 0, total = 0;
    unsigned old_address = 77, old_bytes = 0;
    DRIVER(cuMemGetInfo(&before, &total));
    using Alloc = CUresult (*)(unsigned *, unsigned);
    EXPECT(symbol<Alloc>("cuMemAlloc")(&old_address, 1 << 20) != CUDA_SUCCESS);
    EXPECT(old_address == 77);
    using Free = CUresult (*)(unsigned);
    EXPECT(symbol<Free>("cuMemFree")(old_address) != CUDA_SUCCESS);
    using Copy = CUresult (*)(void *, unsigned, unsigned);
    EXPECT(symbol<Copy>("cuMemcpyDtoH")(host, 4096, 4) != CUDA_SUCCESS);
    using Global = CUresult (*)(unsigned *, unsigned *, CUmodule, const char *);
    EXPECT(symbol<Global>("cuModuleGetGlobal")(&old_address, &old_bytes, module, "none") !=
           CUDA_SUCCESS);
    DRIVER(cuMemGetInfo(&after, &total));
    EXPECT(before == after);

    DRIVER(cuMemFree(data));
    DRIVER(cuStreamDestroy(stream));
    DRIVER(cuModuleUnload(module));
    DRIVER(cuCtxDestroy(context));
    passed(sum);
    return 0;
}
