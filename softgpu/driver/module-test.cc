// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/test-device.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>

namespace
{

using Modules = OnDevice;

const char kText[] = R"(
.version 7.0
.target sm_75
.address_size 64

.visible .global .align 4 .u32 counter = 5;
.visible .const .align 4 .u32 step = 3;

.visible .entry tick(.param .u64 out, .param .u32 times)
{
    .reg .u32 %r<5>;
    .reg .u64 %rd<3>;
    ld.param.u64 %rd1, [out];
    cvta.to.global.u64 %rd1, %rd1;
    ld.param.u32 %r1, [times];
    ld.const.u32 %r2, [step];
    ld.global.u32 %r3, [counter];
    mad.lo.u32 %r4, %r1, %r2, %r3;
    st.global.u32 [counter], %r4;
    st.global.u32 [%rd1], %r4;
    ret;
}

.visible .entry nothing()
{
    ret;
}
)";

int run(CUfunction function, unsigned times)
{
    CUdeviceptr out;
    int got = -1;
    EXPECT_EQ(CUDA_SUCCESS, cuMemAlloc(&out, 4));
    void *parameters[] = {&out, &times};
    EXPECT_EQ(CUDA_SUCCESS,
              cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
    EXPECT_EQ(CUDA_SUCCESS, cuMemcpyDtoH(&got, out, 4));
    EXPECT_EQ(CUDA_SUCCESS, cuMemFree(out));
    return got;
}

TEST_F(Modules, HaveFunctionsAndVariables)
{
    CUmodule module;
    CUfunction tick, none;
    OK(cuModuleLoadData(&module, kText));
    OK(cuModuleGetFunction(&tick, module, "tick"));
    FAILS(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&none, module, "tock"));
    EXPECT_EQ(11, run(tick, 2));
    CUdeviceptr counter, step;
    size_t bytes = 0;
    OK(cuModuleGetGlobal(&counter, &bytes, module, "counter"));
    EXPECT_EQ(4u, bytes);
    int value = 100, other = 7;
    OK(cuMemcpyHtoD(counter, &value, 4));
    OK(cuModuleGetGlobal(&step, &bytes, module, "step"));
    OK(cuMemcpyHtoD(step, &other, 4));
    EXPECT_EQ(107, run(tick, 1));
    FAILS(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal(&counter, &bytes, module, "nothing"));
    OK(cuModuleUnload(module));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
    FAILS(CUDA_ERROR_INVALID_HANDLE,
          cuLaunchKernel(tick, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(&value, counter, 4));
}

TEST_F(Modules, DescribeTheirFunctions)
{
    CUmodule module, owner;
    CUfunction tick, all[5] = {};
    OK(cuModuleLoadData(&module, kText));
    OK(cuModuleGetFunction(&tick, module, "tick"));
    int value = 0;
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, tick));
    EXPECT_EQ(1024, value);
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_PTX_VERSION, tick));
    EXPECT_EQ(75, value);
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_BINARY_VERSION, tick));
    EXPECT_EQ(80, value);
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, tick));
    EXPECT_EQ(48 << 10, value);
    OK(cuFuncSetAttribute(tick, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 163 << 10));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuFuncSetAttribute(tick, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 164 << 10));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(tick, CU_FUNC_ATTRIBUTE_NUM_REGS, 1));
    OK(cuFuncGetModule(&owner, tick));
    EXPECT_EQ(module, owner);
#if CUDA_VERSION >= 12040
    size_t offset = 0, size = 0;
    OK(cuFuncGetParamInfo(tick, 1, &offset, &size));
    EXPECT_EQ(8u, offset);
    EXPECT_EQ(4u, size);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuFuncGetParamInfo(tick, 2, &offset, &size));
    unsigned count = 0;
    OK(cuModuleGetFunctionCount(&count, module));
    EXPECT_EQ(2u, count);
    OK(cuModuleEnumerateFunctions(all, 5, module));
    EXPECT_NE(nullptr, all[1]);
    EXPECT_EQ(nullptr, all[2]);
    const char *name;
    OK(cuFuncGetName(&name, tick));
    EXPECT_STREQ("tick", name);
#endif
}

TEST_F(Modules, SayWhyATextIsBad)
{
    std::string text =
        ".version 7.0\n.target sm_75\n.address_size 64\n.entry bad() { nonsense.u32 %r1; ret; }\n";
    char words[300] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {words, reinterpret_cast<void *>(sizeof words)};
    CUmodule module;
    FAILS(CUDA_ERROR_INVALID_PTX, cuModuleLoadDataEx(&module, text.c_str(), 2, options, values));
    EXPECT_NE(nullptr, strstr(words, "4:")) << words;
    EXPECT_EQ(strlen(words), reinterpret_cast<size_t>(values[1]));
    FAILS(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&module, "\x7f"
                                                                  "ELF...."));
    FAILS(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&module, "\x01\x02\x03"));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(&module, nullptr));
    FAILS(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&module, "/nowhere/at/all.ptx"));
}

TEST_F(Modules, ForNewerDevicesAreRefused)
{
    std::string text = kText;
    text.replace(text.find("sm_75"), 5, "sm_90");
    char words[300] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {words, reinterpret_cast<void *>(sizeof words)};
    CUmodule module;
    FAILS(CUDA_ERROR_INVALID_PTX, cuModuleLoadDataEx(&module, text.c_str(), 2, options, values));
    EXPECT_NE(nullptr, strstr(words, "sm_90, is higher than this device's, sm_80")) << words;
}

TEST_F(Modules, OfOneTextHaveVariablesOfTheirOwn)
{
    CUmodule first, second;
    CUfunction tick, tock;
    OK(cuModuleLoadData(&first, kText));
    OK(cuModuleGetFunction(&tick, first, "tick"));
    EXPECT_EQ(8, run(tick, 1));
    // Decoded once, but not a copy of what the first has made of its variables.
    OK(cuModuleLoadData(&second, kText));
    OK(cuModuleGetFunction(&tock, second, "tick"));
    EXPECT_EQ(5, run(tock, 0));
    EXPECT_EQ(11, run(tick, 1));
    OK(cuModuleUnload(first));
    EXPECT_EQ(8, run(tock, 1));
    OK(cuModuleUnload(second));
}

TEST_F(Modules, ComeFromFiles)
{
    char path[] = "/tmp/vgpu-soft-XXXXXX";
    int file = mkstemp(path);
    ASSERT_GE(file, 0);
    ASSERT_EQ(ssize_t(strlen(kText)), write(file, kText, strlen(kText)));
    close(file);
    CUmodule module;
    CUfunction tick;
    OK(cuModuleLoad(&module, path));
    unlink(path);
    OK(cuModuleGetFunction(&tick, module, "tick"));
    EXPECT_EQ(5, run(tick, 0));
}

TEST_F(Modules, ComeOutOfTheLinker)
{
    CUlinkState link;
    CUmodule module;
    CUfunction tick;
    void *image = nullptr;
    size_t size = 0;
    std::string text = kText;
    OK(cuLinkCreate(0, nullptr, nullptr, &link));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLinkComplete(link, &image, &size));
    OK(cuLinkAddData(link, CU_JIT_INPUT_PTX, text.data(), text.size(), "text", 0, nullptr,
                     nullptr));
    OK(cuLinkComplete(link, &image, &size));
    OK(cuModuleLoadData(&module, image));
    OK(cuLinkDestroy(link));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuLinkDestroy(link));
    OK(cuModuleGetFunction(&tick, module, "tick"));
    EXPECT_EQ(5, run(tick, 0));
}

TEST_F(Modules, AreLinkedFromSeveralTexts)
{
    // Both have a `helper` and a `table` of their own, and a weak `shared_by_all`.
    const std::string top = ".version 7.8\n.target sm_75\n.address_size 64\n";
    const std::string first = top + R"(
.extern .func (.param .b32 r) twice(.param .b32 x);
.extern .global .align 4 .u32 offset;
.global .align 4 .u32 table = 100;
.func (.param .b32 r) helper() { .reg .b32 %r<2>; ld.global.u32 %r1, [table]; st.param.b32 [r], %r1; ret; }
.weak .func (.param .b32 r) shared_by_all() { st.param.b32 [r], 1000; ret; }
.visible .entry tick(.param .u64 out, .param .u32 x)
{
    .reg .b32 %r<9>;
    .reg .b64 %rd<2>;
    ld.param.u64 %rd1, [out];
    ld.param.u32 %r1, [x];
    { .param .b32 a; .param .b32 b; st.param.b32 [a], %r1; call (b), twice, (a); ld.param.b32 %r2, [b]; }
    { .param .b32 b; call (b), helper; ld.param.b32 %r3, [b]; }
    { .param .b32 b; call (b), shared_by_all; ld.param.b32 %r4, [b]; }
    ld.global.u32 %r5, [offset];
    add.u32 %r6, %r2, %r3;
    add.u32 %r7, %r4, %r5;
    add.u32 %r8, %r6, %r7;
    st.global.u32 [%rd1], %r8;
    ret;
}
)";
    const std::string second = top + R"(
// twice { is in a comment
.visible .global .align 4 .u32 offset = 5;
.global .align 4 .u32 table = 2;
.weak .func (.param .b32 r) shared_by_all() { st.param.b32 [r], 1000; ret; }
.func (.param .b32 r) helper() { .reg .b32 %r<2>; ld.global.u32 %r1, [table]; st.param.b32 [r], %r1; ret; }
.visible .func (.param .b32 r) twice(.param .b32 x)
{
    .reg .b32 %r<4>;
    ld.param.b32 %r1, [x];
    { .param .b32 b; call (b), helper; ld.param.b32 %r2, [b]; }
    mul.lo.u32 %r3, %r1, %r2;
    st.param.b32 [r], %r3;
    ret;
}
)";
    auto add = [](CUlinkState link, const std::string &text, const char *name) {
        return cuLinkAddData(link, CU_JIT_INPUT_PTX, const_cast<char *>(text.c_str()),
                             text.size() + 1, name, 0, nullptr, nullptr);
    };
    for (bool turned : {false, true}) {
        CUlinkState link;
        CUmodule module;
        CUfunction tick;
        void *image = nullptr;
        OK(cuLinkCreate(0, nullptr, nullptr, &link));
        OK(add(link, turned ? second : first, "one"));
        OK(add(link, turned ? first : second, "two"));
        OK(cuLinkComplete(link, &image, nullptr));
        OK(cuModuleLoadData(&module, image));
        OK(cuLinkDestroy(link));
        OK(cuModuleGetFunction(&tick, module, "tick"));
        EXPECT_EQ(2 * 7 + 100 + 1000 + 5, run(tick, 7));
    }
    // Without the second, a name is missing; with it twice, one is there too often.
    char words[300] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {words, reinterpret_cast<void *>(sizeof words)};
    CUlinkState link;
    void *image = nullptr;
    OK(cuLinkCreate(2, options, values, &link));
    OK(add(link, first, "one"));
    FAILS(CUDA_ERROR_INVALID_PTX, cuLinkComplete(link, &image, nullptr));
    EXPECT_NE(nullptr, strstr(words, "twice")) << words;
    OK(cuLinkDestroy(link));
    words[0] = 0;
    values[1] = reinterpret_cast<void *>(sizeof words);
    OK(cuLinkCreate(2, options, values, &link));
    OK(add(link, second, "one"));
    OK(add(link, second, "two"));
    FAILS(CUDA_ERROR_INVALID_PTX, cuLinkComplete(link, &image, nullptr));
    EXPECT_NE(nullptr, strstr(words, "'offset' is defined in one and in two")) << words;
    FAILS(CUDA_ERROR_NO_BINARY_FOR_GPU,
          cuLinkAddData(link, CU_JIT_INPUT_CUBIN, words, 4, "cubin", 0, nullptr, nullptr));
    OK(cuLinkDestroy(link));
}

TEST_F(Modules, TellTheTimeAndTheKernels)
{
    char words[300] = "";
    CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
                              CU_JIT_LOG_VERBOSE, CU_JIT_WALL_TIME};
    void *values[] = {words, reinterpret_cast<void *>(sizeof words), reinterpret_cast<void *>(1),
                      reinterpret_cast<void *>(-1)};
    CUmodule module;
    OK(cuModuleLoadDataEx(&module, kText, 4, options, values));
    EXPECT_NE(nullptr, strstr(words, "'tick'")) << words;
    EXPECT_EQ(strlen(words), reinterpret_cast<size_t>(values[1]));
    float milliseconds = -1;
    memcpy(&milliseconds, &values[3], sizeof milliseconds);
    EXPECT_GE(milliseconds, 0);
}

TEST_F(Modules, GoWithTheirContext)
{
    CUcontext other;
    CUmodule module;
    CUfunction tick;
    OK(create_context(&other, 0));
    OK(cuModuleLoadData(&module, kText));
    OK(cuModuleGetFunction(&tick, module, "tick"));
    OK(cuCtxDestroy(other));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(&tick, module, "tick"));
}

TEST_F(Modules, OfALibraryAreInEveryContext)
{
    CUlibrary library;
    CUkernel kernel, none;
    OK(cuLibraryLoadData(&library, kText, nullptr, nullptr, 0, nullptr, nullptr, 0));
    OK(cuLibraryGetKernel(&kernel, library, "tick"));
    FAILS(CUDA_ERROR_NOT_FOUND, cuLibraryGetKernel(&none, library, "tock"));
    auto handle = reinterpret_cast<CUfunction>(kernel);
    EXPECT_EQ(8, run(handle, 1));
    EXPECT_EQ(11, run(handle, 1));
    CUcontext other;
    OK(create_context(&other, 1));
    EXPECT_EQ(8, run(handle, 1)); // variables of its own
    CUdeviceptr here, there;
    size_t bytes;
    OK(cuLibraryGetGlobal(&there, &bytes, library, "counter"));
    OK(cuCtxDestroy(other));
    OK(cuLibraryGetGlobal(&here, &bytes, library, "counter"));
    EXPECT_NE(here, there);
    EXPECT_EQ(14, run(handle, 1));

    CUfunction function;
    int value = 0;
    OK(cuKernelGetFunction(&function, kernel));
    EXPECT_EQ(17, run(function, 1));
    OK(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1000, kernel, 0));
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, function));
    EXPECT_EQ(1000, value);
    OK(cuLibraryUnload(library));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuLibraryUnload(library));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuKernelGetFunction(&function, kernel));
    FAILS(CUDA_ERROR_INVALID_HANDLE,
          cuLaunchKernel(handle, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
}

} // namespace
