// SPDX-License-Identifier: Apache-2.0
// cuLink*: inputs from memory and from a file, logs, and everything that can be wrong.
#include "driver.h"

#include <cstring>
#include <string>
#include <unistd.h>

const char *const program = "linker";

static const char *const head = ".version 7.0\n.target sm_70\n.address_size 64\n";

static const char *const caller = R"(
.extern .func (.param .b32 result) twice(.param .b32 value);
.visible .global .align 4 .u32 calls = 0;
.visible .entry run(.param .u64 data)
{
    .reg .b32 %r<4>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [data];
    cvta.to.global.u64 %rd2, %rd1;
    mov.u32 %r1, %tid.x;
    mul.wide.u32 %rd3, %r1, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.u32 %r2, [%rd4];
    {
        .param .b32 value;
        .param .b32 result;
        st.param.b32 [value], %r2;
        call.uni (result), twice, (value);
        ld.param.b32 %r3, [result];
    }
    st.global.u32 [%rd4], %r3;
    ret;
}
)";

static const char *const callee = R"(
.visible .func (.param .b32 result) twice(.param .b32 value)
{
    .reg .b32 %r<3>;
    ld.param.b32 %r1, [value];
    add.u32 %r2, %r1, %r1;
    st.param.b32 [result], %r2;
    ret;
}
)";

struct Logs {
    char info[4096] = "untouched", error[4096] = "untouched";
    CUjit_option names[5] = {CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
                             CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
                             CU_JIT_LOG_VERBOSE};
    void *values[5] = {info, (void *)sizeof info, error, (void *)sizeof error, (void *)1};
};

// Runs what came out on 64 numbers.
static uint64_t use(const void *image)
{
    CUmodule module;
    CUfunction function;
    CUdeviceptr data;
    unsigned host[64];
    for (unsigned i = 0; i < 64; i++)
        host[i] = scramble(i);
    DRIVER(cuModuleLoadData(&module, image));
    DRIVER(cuModuleGetFunction(&function, module, "run"));
    DRIVER(cuMemAlloc(&data, sizeof host));
    DRIVER(cuMemcpyHtoD(data, host, sizeof host));
    void *parameters[] = {&data};
    DRIVER(cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, nullptr, parameters, nullptr));
    DRIVER(cuMemcpyDtoH(host, data, sizeof host));
    for (unsigned i = 0; i < 64; i++)
        EXPECT(host[i] == scramble(i) * 2);
    DRIVER(cuMemFree(data));
    DRIVER(cuModuleUnload(module));
    return checksum(host, sizeof host);
}

static void add(CUlinkState state, const std::string &text, const char *name)
{
    DRIVER(cuLinkAddData(state, CU_JIT_INPUT_PTX, const_cast<char *>(text.c_str()), text.size() + 1,
                         name, 0, nullptr, nullptr));
}

int main()
{
    const std::string one = std::string(head) + caller, two = std::string(head) + callee;
    const std::string bad = std::string(head) + ".visible .entry run() { this is none; }\n";
    CUcontext context = open_context();
    CUlinkState state;
    void *image = nullptr;
    size_t size = 0;

    // From memory, with logs.
    Logs logs;
    DRIVER(cuLinkCreate(5, logs.names, logs.values, &state));
    add(state, one, "caller");
    add(state, two, "callee");
    DRIVER(cuLinkComplete(state, &image, &size));
    EXPECT(image != nullptr && size > 0);
    EXPECT(std::strcmp(logs.error, "untouched") != 0); // there, and empty
    uint64_t sum = use(image);
    DRIVER(cuLinkDestroy(state));

    // From a file, without the NUL; the other form of the name.
    char path[] = "/tmp/linker-XXXXXX";
    int file = mkstemp(path);
    EXPECT(file >= 0 && write(file, two.data(), two.size()) == ssize_t(two.size()));
    close(file);
    using Create = CUresult (*)(unsigned, CUjit_option *, void **, CUlinkState *);
    DRIVER(symbol<Create>("cuLinkCreate")(0, nullptr, nullptr, &state));
    DRIVER(cuLinkAddFile(state, CU_JIT_INPUT_PTX, path, 0, nullptr, nullptr));
    DRIVER(cuLinkAddData(state, CU_JIT_INPUT_PTX, const_cast<char *>(one.data()), one.size(), "one",
                         0, nullptr, nullptr));
    DRIVER(cuLinkComplete(state, &image, nullptr));
    EXPECT(use(image) == sum);
    DRIVER(cuLinkDestroy(state));
    unlink(path);

    // What is wrong is said where it is found.
    Logs wrong;
    DRIVER(cuLinkCreate(5, wrong.names, wrong.values, &state));
    CUresult result = cuLinkAddData(state, CU_JIT_INPUT_PTX, const_cast<char *>(bad.c_str()),
                                    bad.size() + 1, "bad", 0, nullptr, nullptr);
    EXPECT(result == CUDA_ERROR_INVALID_PTX);
    EXPECT(std::strlen(wrong.error) > 0 && std::strcmp(wrong.error, "untouched") != 0);
    EXPECT(uintptr_t(wrong.values[3]) >= std::strlen(wrong.error));
    DRIVER(cuLinkDestroy(state));

    Logs missing;
    DRIVER(cuLinkCreate(5, missing.names, missing.values, &state));
    add(state, one, "caller");
    EXPECT(cuLinkComplete(state, &image, &size) != CUDA_SUCCESS);
    EXPECT(std::strstr(missing.error, "twice") != nullptr);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLinkComplete(state, nullptr, &size));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuLinkAddData(state, CU_JIT_INPUT_PTX, nullptr, 10, "none", 0, nullptr, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuLinkAddData(state, CU_JIT_INPUT_PTX, image, 0, "none", 0, nullptr, nullptr));
    FAILS(CUDA_ERROR_FILE_NOT_FOUND,
          cuLinkAddFile(state, CU_JIT_INPUT_PTX, "/nowhere/at/all", 0, nullptr, nullptr));
    DRIVER(cuLinkDestroy(state));

    FAILS(CUDA_ERROR_INVALID_HANDLE, cuLinkDestroy(state));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuLinkComplete(state, &image, &size));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLinkCreate(0, nullptr, nullptr, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLinkCreate(1, nullptr, nullptr, &state));
    DRIVER(cuCtxDestroy(context));
    passed(sum);
    return 0;
}
