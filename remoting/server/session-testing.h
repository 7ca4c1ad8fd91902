// SPDX-License-Identifier: Apache-2.0
// A whole session over the software GPU, by real channels.
#pragma once

#include "remoting/server/test-client.h"

namespace vgpu::server
{

inline const char kProgram[] = R"(
.version 7.0
.target sm_75
.address_size 64
.visible .global .align 4 .u32 answer = 42;
.visible .entry fill(.param .u64 out, .param .u32 n, .param .u32 value)
{
    .reg .pred %p<2>;
    .reg .b32 %r<8>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [out];
    ld.param.u32 %r1, [n];
    ld.param.u32 %r2, [value];
    mov.u32 %r3, %ctaid.x;
    mov.u32 %r4, %ntid.x;
    mov.u32 %r5, %tid.x;
    mad.lo.s32 %r6, %r3, %r4, %r5;
    setp.ge.u32 %p1, %r6, %r1;
    @%p1 bra done;
    cvta.to.global.u64 %rd2, %rd1;
    mul.wide.u32 %rd3, %r6, 4;
    add.s64 %rd4, %rd2, %rd3;
    add.u32 %r7, %r6, %r2;
    st.global.u32 [%rd4], %r7;
done:
    ret;
}
)";

inline std::vector<std::byte> pattern(size_t n)
{
    std::vector<std::byte> bytes(n);
    for (size_t i = 0; i < n; ++i)
        bytes[i] = std::byte(i * 31 >> 3);
    return bytes;
}

class SessionTest : public testing::TestWithParam<TestClient::Over>
{
protected:
    void SetUp() override
    {
        if (!test_driver())
            GTEST_SKIP() << "the software GPU is not built";
    }

    // The module's id; `module` is what was loaded.
    CUmodule load(TestClient &client)
    {
        uint64_t image = client.id(Kind::image), module = client.id(Kind::module);
        size_t half = sizeof(kProgram) / 2;
        auto send = [&](size_t from, size_t n) {
            client.post(Call::vgpuImageData, Val<uint64_t>::Client{image},
                        Val<uint64_t>::Client{sizeof(kProgram)}, Val<uint64_t>::Client{from},
                        InArray<unsigned char>::Client{kProgram + from, n});
        };
        send(0, half);
        send(half, sizeof(kProgram) - half);
        std::vector<std::byte> bytes(wire::kHeaderSize);
        wire::Encoder out(bytes);
        for (uint64_t value : {image, module, uint64_t(0), uint64_t(4096), uint64_t(0)})
            out.u64(value);
        client.finish(bytes, Call::vgpuModuleLoad, true);
        client.send(bytes);
        client.last = client.receive();
        wire::Decoder in = client.last.body();
        in.string(kMaxString);
        EXPECT_EQ(client.last.result, CUDA_SUCCESS) << in.string(kMaxString);
        client.post(Call::vgpuImageDrop, Val<uint64_t>::Client{image});
        return handle_of<CUmodule>(module);
    }

    // Posts a wrong call that needs no reply.
    void post_failure(TestClient &client)
    {
        client.post(Call::cuMemsetD8Async, Pointer::Client{client.window + 4096},
                    Val<unsigned char>::Client{0}, Val<size_t>::Client{size_t(1) << 40},
                    Handle<CUstream>::Client{nullptr});
    }
};

} // namespace vgpu::server
