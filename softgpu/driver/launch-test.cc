// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <cstring>
#include <string>

namespace
{

const char kText[] = R"(
.version 7.0
.target sm_75
.address_size 64

.extern .func (.param .b32 r) vprintf(.param .b64 format, .param .b64 arguments);
.extern .func (.param .b64 r) malloc(.param .b64 size);
.extern .shared .align 4 .b8 dynamic[];
.global .align 1 .b8 greeting[4] = {104, 105, 10, 0};

.visible .entry fill(.param .u64 out, .param .u32 value, .param .u32 count)
{
    .reg .u32 %r<8>;
    .reg .u64 %rd<4>;
    .reg .pred %p;
    ld.param.u64 %rd1, [out];
    ld.param.u32 %r1, [value];
    ld.param.u32 %r2, [count];
    mov.u32 %r3, %ctaid.x;
    mov.u32 %r4, %ntid.x;
    mov.u32 %r5, %tid.x;
    mad.lo.u32 %r6, %r3, %r4, %r5;
    setp.ge.u32 %p, %r6, %r2;
    @%p bra DONE;
    mul.wide.u32 %rd2, %r6, 4;
    add.u64 %rd3, %rd1, %rd2;
    add.u32 %r7, %r1, %r6;
    st.global.u32 [%rd3], %r7;
DONE:
    ret;
}

.visible .entry store(.param .u64 out)
{
    .reg .u64 %rd<2>;
    ld.param.u64 %rd1, [out];
    st.global.u32 [%rd1], 1;
    ret;
}

.visible .entry stop() { trap; ret; }

.visible .entry small() .maxntid 64, 1, 1 { ret; }

.visible .entry last_word(.param .u64 out, .param .u32 at)
{
    .reg .u32 %r<3>;
    .reg .u64 %rd<2>;
    ld.param.u64 %rd1, [out];
    ld.param.u32 %r1, [at];
    mov.u32 %r2, dynamic;
    add.u32 %r1, %r1, %r2;
    st.shared.u32 [%r1], 77;
    ld.shared.u32 %r2, [%r1];
    st.global.u32 [%rd1], %r2;
    ret;
}

.visible .entry greet()
{
    .reg .u64 %rd<3>;
    .reg .b32 %r<2>;
    mov.u64 %rd1, greeting;
    cvta.global.u64 %rd1, %rd1;
    mov.u64 %rd2, 0;
    {
        .param .b64 param0;
        .param .b64 param1;
        .param .b32 retval0;
        st.param.b64 [param0], %rd1;
        st.param.b64 [param1], %rd2;
        call.uni (retval0), vprintf, (param0, param1);
        ld.param.b32 %r1, [retval0];
    }
    ret;
}

.visible .entry claim(.param .u64 out, .param .u64 bytes)
{
    .reg .u64 %rd<5>;
    ld.param.u64 %rd1, [out];
    ld.param.u64 %rd2, [bytes];
    {
        .param .b64 param0;
        .param .b64 retval0;
        st.param.b64 [param0], %rd2;
        call.uni (retval0), malloc, (param0);
        ld.param.b64 %rd3, [retval0];
    }
    st.global.u64 [%rd1], %rd3;
    st.u64 [%rd3], %rd2;
    ret;
}

.visible .entry spin()
{
FOREVER:
    bra FOREVER;
}

.visible .entry meet(.param .u64 arrived, .param .u32 blocks)
{
    .reg .u32 %r<4>;
    .reg .u64 %rd<2>;
    .reg .pred %p;
    ld.param.u64 %rd1, [arrived];
    ld.param.u32 %r1, [blocks];
    atom.global.add.u32 %r2, [%rd1], 1;
WAIT:
    ld.volatile.global.u32 %r3, [%rd1];
    setp.lt.u32 %p, %r3, %r1;
    @%p bra WAIT;
    ret;
}
)";

class Launches : public OnDevice
{
protected:
    void SetUp() override
    {
        OnDevice::SetUp();
        OK(cuModuleLoadData(&module, kText));
        OK(cuMemAlloc(&out, 4096));
    }

    CUfunction get(const char *name)
    {
        CUfunction function = nullptr;
        EXPECT_EQ(CUDA_SUCCESS, cuModuleGetFunction(&function, module, name));
        return function;
    }

    CUresult one(const char *name, void **parameters, unsigned shared = 0)
    {
        return cuLaunchKernel(get(name), 1, 1, 1, 1, 1, 1, shared, nullptr, parameters, nullptr);
    }

    CUmodule module = nullptr;
    CUdeviceptr out = 0;
};

TEST_F(Launches, TakeParametersInBothForms)
{
    unsigned value = 10, count = 300;
    void *parameters[] = {&out, &value, &count};
    std::vector<unsigned> got(1024);
    OK(cuMemsetD8(out, 0, 4096));
    OK(cuLaunchKernel(get("fill"), 5, 1, 1, 64, 1, 1, 0, nullptr, parameters, nullptr));
    OK(cuMemcpyDtoH(got.data(), out, 4096));
    EXPECT_EQ(10u, got[0]);
    EXPECT_EQ(309u, got[299]);
    EXPECT_EQ(0u, got[300]);
    struct {
        CUdeviceptr out;
        unsigned value, count;
    } packed{out, 1000, 2};
    size_t size = sizeof packed;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
                     CU_LAUNCH_PARAM_END};
    OK(cuLaunchKernel(get("fill"), 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
    OK(cuMemcpyDtoH(got.data(), out, 4096));
    EXPECT_EQ(1001u, got[1]);
    EXPECT_EQ(12u, got[2]);
    size = 8;
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuLaunchKernel(get("fill"), 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuLaunchKernel(get("fill"), 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, nullptr));
}

TEST_F(Launches, AreCheckedAsOnHardware)
{
    CUfunction stop = get("small");
    auto launch = [&](unsigned gx, unsigned gy, unsigned bx, unsigned bz, unsigned shared) {
        return cuLaunchKernel(stop, gx, gy, 1, bx, 1, bz, shared, nullptr, nullptr, nullptr);
    };
    OK(launch(1, 1, 64, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(0, 1, 1, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(1, 65536, 1, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 0, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1025, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1, 65, 0));
    FAILS(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, launch(1, 1, 65, 1, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1, 1, (48 << 10) + 1));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(reinterpret_cast<CUfunction>(&stop), 1, 1, 1, 1,
                                                    1, 1, 0, nullptr, nullptr, nullptr));
    CUcontext other;
    OK(create_context(&other, 1));
    FAILS(CUDA_ERROR_INVALID_HANDLE, launch(1, 1, 1, 1, 0)); // a function of another context
    OK(cuCtxDestroy(other));
    OK(cuCtxSynchronize()); // none of it broke the context
}

TEST_F(Launches, HaveDynamicSharedMemory)
{
    unsigned at = 1020;
    int got = 0;
    void *parameters[] = {&out, &at};
    OK(one("last_word", parameters, 1024));
    OK(cuMemcpyDtoH(&got, out, 4));
    EXPECT_EQ(77, got);
    at = 100 << 10;
    FAILS(CUDA_ERROR_INVALID_VALUE, one("last_word", parameters, 101 << 10));
    OK(cuFuncSetAttribute(get("last_word"), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                          120 << 10));
    OK(one("last_word", parameters, 101 << 10));
    OK(cuCtxSynchronize());
    // Up to the last word of what one can opt into.
    const int most = 163 << 10;
    CUfunction_attribute limit = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(get("last_word"), limit, most + 1));
    OK(cuFuncSetAttribute(get("last_word"), limit, most));
    at = most - 4;
    OK(one("last_word", parameters, most));
    OK(cuMemcpyDtoH(&got, out, 4));
    EXPECT_EQ(77, got);
    at = most;
    OK(one("last_word", parameters, most));
    FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}

TEST_F(Launches, FaultsBreakTheContextForGood)
{
    CUdeviceptr wrong = out + 4096;
    void *parameters[] = {&wrong};
    OK(one("store", parameters));
    FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    CUdeviceptr more;
    FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc(&more, 4));
    FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, one("store", parameters));
    CUcontext fresh;
    OK(create_context(&fresh, 0)); // another context is not touched
    OK(cuMemAlloc(&more, 4));
    OK(cuCtxDestroy(fresh));
}

const char *kFaults = R"(
.version 8.0
.target sm_80
.address_size 64
.extern .func __assertfail(.param .b64 a, .param .b64 b, .param .b32 c, .param .b64 d, .param .b64 e);
.global .align 1 .b8 what[5] = {120, 62, 49, 0, 0};
.func deeper(.param .b64 n)
{
    .reg .u64 %rd<2>;
    ld.param.u64 %rd1, [n];
    call.uni deeper, (%rd1);
    ret;
}
.visible .entry assert(.param .u64 out)
{
    .reg .u64 %rd<3>;
    mov.u64 %rd1, what;
    cvta.global.u64 %rd1, %rd1;
    call.uni __assertfail, (%rd1, %rd1, 12, %rd1, 1);
    ret;
}
.visible .entry overflow(.param .u64 out)
{
    .reg .u64 %rd<2>;
    ld.param.u64 %rd1, [out];
    call.uni deeper, (%rd1);
    ret;
}
.visible .entry nobarrier(.param .u64 out)
{
    bar.sync 16;
    ret;
}
.visible .entry store(.param .u64 out)
{
    .reg .u64 %rd<2>;
    .reg .pred %p;
    .reg .u32 %r<2>;
    mov.u32 %r1, %tid.x;
    setp.eq.u32 %p, %r1, 5;
    ld.param.u64 %rd1, [out];
    @%p st.global.u32 [%rd1], %r1;
    ret;
}
.visible .entry shared(.param .u64 out)
{
    .reg .u64 %rd<2>;
    ld.param.u64 %rd1, [out];
    st.shared.u32 [%rd1], 1;
    ret;
}
)";

/// Of a context of its own, since each fault breaks one for good; and the line in the log, which
/// names what was done, the kernel, the instruction, the block and the thread.
TEST_F(Launches, EachFaultHasItsCodeAndItsLine)
{
    CUdeviceptr freed = 0, nowhere = 0, odd = out + 2;
    struct Case {
        const char *kernel;
        CUdeviceptr &parameter;
        CUresult code;
        std::vector<std::string> words;
    };
    const Case cases[] = {
        {"store",
         odd,
         CUDA_ERROR_MISALIGNED_ADDRESS,
         {"misaligned write of 4 bytes at address 0x"}},
        {"store", nowhere, CUDA_ERROR_ILLEGAL_ADDRESS, {"write of 4 bytes at address 0x0"}},
        {"store", freed, CUDA_ERROR_ILLEGAL_ADDRESS, {"illegal write of 4 bytes"}},
        {"shared", out, CUDA_ERROR_ILLEGAL_ADDRESS, {"of another state space"}},
        {"assert", out, CUDA_ERROR_ASSERT, {"x>1"}},
        {"overflow", out, CUDA_ERROR_HARDWARE_STACK_ERROR, {"function 'deeper'", "the stack of"}},
        {"nobarrier", out, CUDA_ERROR_ILLEGAL_INSTRUCTION, {"barrier number"}},
    };
    for (const Case &it : cases) {
        SCOPED_TRACE(std::string(it.kernel) + " " + std::to_string(it.code));
        CUcontext own;
        CUmodule faults;
        CUfunction function;
        OK(create_context(&own, 0));
        OK(cuModuleLoadData(&faults, kFaults));
        OK(cuModuleGetFunction(&function, faults, it.kernel));
        // Last, or the module's variables would have its place.
        OK(cuMemAlloc(&freed, 64));
        OK(cuMemFree(freed));
        void *parameters[] = {&it.parameter};
        testing::internal::CaptureStderr();
        OK(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr));
        FAILS(it.code, cuStreamSynchronize(nullptr));
        FAILS(it.code, cuCtxSynchronize()); // it is there for good
        std::string said = testing::internal::GetCapturedStderr();
        EXPECT_NE(said.find("in kernel '" + std::string(it.kernel) + "'"), std::string::npos)
            << said;
        EXPECT_NE(said.find(", PTX line "), std::string::npos) << said;
        EXPECT_NE(said.find("block (0,0,0), thread ("), std::string::npos) << said;
        for (const std::string &word : it.words)
            EXPECT_NE(said.find(word), std::string::npos) << said;
        if (std::string(it.kernel) == "store") {
            EXPECT_NE(said.find("(st.global.u32)"), std::string::npos) << said;
            EXPECT_NE(said.find("thread (5,0,0)"), std::string::npos) << said;
        }
        OK(cuCtxDestroy(own));
    }
}

/// In a process of its own, since the setting is read once.
TEST_F(Launches, WithoutEndAreStoppedByTheWatchdog)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    setenv("VGPU_SOFT_TIMEOUT", "1", 1);
    EXPECT_EXIT(
        {
            one("spin", nullptr);
            CUresult first = cuCtxSynchronize();
            exit(first == CUDA_ERROR_LAUNCH_TIMEOUT && cuCtxSynchronize() == first ? 3 : 4);
        },
        testing::ExitedWithCode(3), "kernel 'spin' ran longer than 1");
    unsetenv("VGPU_SOFT_TIMEOUT");
}

TEST_F(Launches, ATrapIsALaunchFailure)
{
    OK(one("stop", nullptr));
    FAILS(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(nullptr));
}

TEST_F(Launches, CannotTouchTheProcess)
{
    int own = 5;
    auto address = reinterpret_cast<CUdeviceptr>(&own);
    void *parameters[] = {&address};
    OK(one("store", parameters));
    FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT_EQ(5, own);
}

TEST_F(Launches, TouchPinnedMemoryAndPeers)
{
    void *pinned;
    OK(cuMemAllocHost(&pinned, 4));
    void *parameters[] = {&pinned};
    OK(one("store", parameters));
    OK(cuCtxSynchronize());
    EXPECT_EQ(1, *static_cast<int *>(pinned));
    CUcontext other;
    CUdeviceptr there;
    int got = 0;
    OK(create_context(&other, 1));
    OK(cuMemAlloc(&there, 4));
    OK(cuCtxSetCurrent(context));
    void *far[] = {&there};
    OK(one("store", far));
    OK(cuMemcpyDtoH(&got, there, 4));
    EXPECT_EQ(1, got);
    OK(cuCtxDestroy(other));
}

TEST_F(Launches, PrintWhenTheHostWaits)
{
    testing::internal::CaptureStdout();
    OK(one("greet", nullptr));
    OK(cuCtxSynchronize());
    EXPECT_EQ("hi\n", testing::internal::GetCapturedStdout());
}

TEST_F(Launches, AllocateFromTheHeap)
{
    size_t bytes = 1000;
    uint64_t got = 0;
    void *parameters[] = {&out, &bytes};
    OK(one("claim", parameters));
    OK(cuMemcpyDtoH(&got, out, 8));
    EXPECT_NE(0u, got);
}

TEST_F(Launches, CooperativeBlocksMeet)
{
    unsigned blocks = 16, got = 0;
    void *parameters[] = {&out, &blocks};
    OK(cuMemsetD32(out, 0, 1));
    OK(cuLaunchCooperativeKernel(get("meet"), blocks, 1, 1, 32, 1, 1, 0, nullptr, parameters));
    OK(cuMemcpyDtoH(&got, out, 4));
    EXPECT_EQ(16u * 32, got);
    FAILS(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
          cuLaunchCooperativeKernel(get("meet"), 65, 1, 1, 32, 1, 1, 0, nullptr, parameters));
    CUlaunchAttribute attribute{};
    attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attribute.value.cooperative = 1;
    CUlaunchConfig config{};
    config.gridDimX = 65;
    config.gridDimY = config.gridDimZ = config.blockDimX = config.blockDimY = config.blockDimZ = 1;
    config.attrs = &attribute;
    config.numAttrs = 1;
    FAILS(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
          cuLaunchKernelEx(&config, get("meet"), parameters, nullptr));
    attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attribute.value.clusterDim.x = 2;
    attribute.value.clusterDim.y = attribute.value.clusterDim.z = 1;
    config.gridDimX = 2;
    FAILS(CUDA_ERROR_NOT_SUPPORTED, cuLaunchKernelEx(&config, get("meet"), parameters, nullptr));
}

TEST_F(Launches, WithoutEndAreCancelledWithTheirContext)
{
    OK(one("spin", nullptr));
    FAILS(CUDA_ERROR_NOT_READY, cuStreamQuery(nullptr));
    OK(cuCtxDestroy(context));
}

TEST_F(Launches, WithoutEndDoNotHoldUpExit)
{
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            one("spin", nullptr);
            exit(3);
        },
        testing::ExitedWithCode(3), "");
}

TEST_F(Launches, HaveAnOccupancy)
{
    int blocks = 0, grid = 0, block = 0;
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, get("store"), 1024, 0));
    EXPECT_EQ(2, blocks);
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, get("store"), 32, 0));
    EXPECT_EQ(32, blocks);
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, get("store"), 32, 47 << 10));
    EXPECT_EQ(3, blocks);
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, get("small"), 65, 0));
    EXPECT_EQ(0, blocks);
    OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, get("store"), nullptr, 0, 0));
    EXPECT_EQ(1024, block);
    EXPECT_EQ(4, grid);
    size_t bytes = 0;
    OK(cuOccupancyAvailableDynamicSMemPerBlock(&bytes, get("store"), 2, 1024));
    EXPECT_EQ(size_t(48) << 10, bytes);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuOccupancyAvailableDynamicSMemPerBlock(&bytes, get("store"), 3, 1024));
}

} // namespace
