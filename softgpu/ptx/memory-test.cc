// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

#include "remoting/base/error.h"
#include "softgpu/ptx/types.h"

// Loads and stores of every space and shape, atomics, and all that a kernel must not touch.
namespace vgpu::soft
{
namespace
{

using u32 = uint32_t;
using u64 = uint64_t;

class Memory : public TestMachine
{
};

TEST(Map, FindsAddsAndRemoves)
{
    MemoryMap map;
    map.add({100, 200, true});
    map.add({200, 300, false});
    map.add({10, 20, true});
    EXPECT_THROW(map.add({150, 160, true}), Error);
    EXPECT_THROW(map.add({299, 310, true}), Error);
    EXPECT_THROW(map.add({50, 50, true}), Error);
    auto old = map.snapshot();
    EXPECT_EQ(MemoryMap::find(*old, 99), nullptr);
    EXPECT_EQ(MemoryMap::find(*old, 199)->lo, 100u);
    EXPECT_FALSE(MemoryMap::find(*old, 200)->writable);
    EXPECT_EQ(MemoryMap::find(*old, 300), nullptr);
    EXPECT_EQ(MemoryMap::find(*old, 0), nullptr);
    map.remove(101);
    map.remove(100);
    EXPECT_EQ(MemoryMap::find(*map.snapshot(), 150), nullptr);
    EXPECT_NE(MemoryMap::find(*old, 150), nullptr);
}

TEST_F(Memory, WidthsAndExtensions)
{
    uint64_t in = upload(std::vector<uint8_t>{0x80, 0xff, 0x7f, 1, 2, 3, 4, 0x85});
    auto got = evaluate<u64>(
        "ld.global.s8 %r1, [%p1]; ld.global.u8 %r2, [%p1]; ld.global.s16 %r3, [%p1]; ld.global.u8 "
        "%h1, [%p1+1]; ld.global.s32 %d1, [%p1+4];\n"
        "cvt.s64.s32 %d2, %r1; cvt.u64.u32 %d3, %r2; cvt.s64.s32 %d4, %r3; cvt.u64.u16 %d5, %h1; "
        "ld.global.nc.b64 %d6, [%p1];\n"
        "st.global.u64 [%p0], %d2; st.global.u64 [%p0+8], %d3; st.global.v2.u64 [%p0+16], {%d4, "
        "%d5}; st.global.u64 [%p0+32], %d1; st.global.u64 [%p0+40], %d6;\n"
        "mov.u32 %r5, 0x11223344; st.global.u8 [%p0+48], %r5; st.global.u16 [%p0+50], %r5;",
        7, 1, {in});
    EXPECT_EQ(
        got, (std::vector<u64>{u64(-128), 0x80, u64(int64_t(int16_t(0xff80))), 0xff,
                               u64(int64_t(int32_t(0x85040302))), 0x85040302017fff80, 0x33440044}));
}

TEST_F(Memory, SpacesAndTheirGenericAddresses)
{
    std::string module =
        ".shared .align 16 .b8 sh[64];\n.extern .shared .align 16 .b8 dyn[];\n.const .u32 c[4] = "
        "{11, 22, 33, 44};\n.global .u32 g = 5;\n.global .u64 pg = generic(c)+8;\n";
    std::string body =
        ".local .align 8 .b8 loc[16]; mov.u32 %r1, sh; cvt.u64.u32 %d1, %r1; cvta.shared.u64 %d2, "
        "%d1; st.shared.u32 [%r1+4], 77; ld.u32 %r2, [%d2+4];\n"
        "mov.u64 %d3, loc; cvta.local.u64 %d4, %d3; st.local.u32 [loc+4], %r0; ld.u32 %r3, "
        "[%d4+4]; st.u32 [%d4+8], 9; ld.local.u32 %r4, [%d3+8];\n"
        "ld.const.u32 %r5, [c+12]; ld.global.u64 %d5, [pg]; ld.u32 %r6, [%d5]; atom.global.add.u32 "
        "%r7, [g], 3;\n"
        "isspacep.shared %q1, %d2; isspacep.local %q2, %d2; isspacep.global %q3, %d5; selp.u32 "
        "%r8, 1, 0, %q1; selp.u32 %r9, 2, 0, %q2; selp.u32 %r10, 4, 0, %q3; add.u32 %r8, %r8, %r9; "
        "add.u32 %r8, %r8, %r10;\n"
        "mov.u32 %r11, dyn; st.shared.u32 [dyn+8], 123; add.u32 %r12, %r11, 8; ld.shared.u32 %r12, "
        "[%r12]; mov.u32 %r13, %dynamic_smem_size; cvta.to.shared.u64 %d6, %d2; cvt.u32.u64 %r14, "
        "%d6; sub.u32 %r14, %r14, %r1;\n"
        "st.global.v4.u32 [%p0], {%r2, %r3, %r4, %r5}; st.global.v4.u32 [%p0+16], {%r6, %r7, %r8, "
        "%r12}; st.global.v2.u32 [%p0+32], {%r13, %r14};";
    uint64_t out = allocate_device(40);
    Fault fault = run(kernel(body, module), {1}, {1}, {out}, 32);
    EXPECT_EQ(fault.text, "");
    EXPECT_EQ((std::vector<u32>(at<u32>(out), at<u32>(out) + 10)),
              (std::vector<u32>{77, 0, 9, 44, 33, 5, 1, 123, 32, 0}));
    EXPECT_EQ(*at<u32>(globals_["g"]), 8u);
}

TEST_F(Memory, VectorsStridesAndPartialWarps)
{
    std::vector<float> values(256);
    for (size_t i = 0; i < values.size(); i++)
        values[i] = float(i);
    auto got = evaluate<float>(
        "mul.wide.u32 %d1, %r0, 16; add.u64 %d2, %d1, %p1; ld.global.v4.f32 {%f1, %f2, _, %f4}, "
        "[%d2];\n"
        "setp.eq.u32 %q1, %r0, 7; mov.f32 %f5, 0f00000000; @!%q1 ld.global.f32 %f5, [%d2+8]; "
        "mul.wide.u32 %d3, %r0, 12; sub.u64 %d4, %p0, %d3; add.u64 %d4, %d4, 372;\n"
        "add.f32 %f1, %f1, %f2; st.global.f32 [%d4], %f1; st.global.f32 [%d4+4], %f4; "
        "st.global.f32 [%d4+8], %f5;",
        96, 32, {upload(values)});
    for (int i = 0; i < 32; i++) {
        const float *row = &got[size_t(31 - i) * 3];
        EXPECT_EQ(row[0], float(8 * i + 1));
        EXPECT_EQ(row[1], float(4 * i + 3));
        EXPECT_EQ(row[2], i == 7 ? 0.f : float(4 * i + 2));
    }
}

TEST_F(Memory, StructuresAsParameters)
{
    std::string ptx =
        header() + ".visible .entry k(.param .align 8 .b8 s[24], .param .u8 c, .param .u64 out)\n{ "
                   ".reg .b32 %r<5>; .reg .b64 %d<9>;\n"
                   "ld.param.u64 %d1, [out]; ld.param.v2.u32 {%r1, %r2}, [s+8]; ld.param.s8 %r3, "
                   "[c]; st.global.v2.u32 [%d1], {%r1, %r2}; st.global.u32 [%d1+8], %r3;\n"
                   "mov.b64 %d2, s; cvta.param.u64 %d3, %d2; ld.u32 %r4, [%d3+16]; st.global.u32 "
                   "[%d1+12], %r4; ld.param.u32 %r4, [%d2+20]; st.global.u32 [%d1+16], %r4; ret; }";
    auto program = compile(ptx);
    const KernelInfo *info = program->kernel("k");
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->parameter_bytes, 40u);
    EXPECT_EQ(info->parameters[1].offset, 24u);
    EXPECT_EQ(info->parameters[2].offset, 32u);
    Launch launch{.program = program, .kernel = "k"};
    launch.parameters.resize(40);
    u32 words[6] = {0, 1, 2, 3, 4, 5};
    std::memcpy(launch.parameters.data(), words, 24);
    launch.parameters[24] = std::byte(0xfe);
    uint64_t out = allocate_device(20);
    std::memcpy(launch.parameters.data() + 32, &out, 8);
    EXPECT_EQ(execute(launch, memory_, *this, 1).text, "");
    EXPECT_EQ((std::vector<u32>(at<u32>(out), at<u32>(out) + 5)),
              (std::vector<u32>{2, 3, ~1u, 4, 5}));
    launch.parameters.resize(39);
    EXPECT_EQ(execute(launch, memory_, *this, 1).kind, Fault::Kind::internal);
}

TEST_F(Memory, AtomicsAcrossBlocks)
{
    uint64_t out =
        upload(std::vector<u32>{0, 100, 0xffffffff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    auto program = compile(
        kernel("mov.u32 %r1, %ctaid.x; mad.lo.u32 %r2, %r1, 96, %r0; atom.global.add.u32 %r3, "
               "[%p0], 1; red.global.max.s32 [%p0+12], %r2; red.global.min.u32 [%p0+8], %r2;\n"
               "red.add.f32 [%p0+16], 0f3F000000; red.add.f64 [%p0+24], 0d3FF0000000000000; "
               "red.global.or.b32 [%p0+32], %r0; red.global.xor.b32 [%p0+36], %r2; red.add.u64 "
               "[%p0+40], 3;\n"
               "atom.global.inc.u32 %r4, [%p0+48], 9; atom.global.dec.u32 %r4, [%p0+52], 9; "
               "mov.b32 %r5, 0x3c003c00; red.add.noftz.f16x2 [%p0+56], %r5;\n"
               "shl.b32 %r6, %r3, 2; atom.global.exch.b32 %r7, [%p0+4], %r3;"));
    Fault fault = run(program, {20}, {96}, {out});
    EXPECT_EQ(fault.text, "");
    u32 *got = at<u32>(out);
    EXPECT_EQ(got[0], 1920u);
    EXPECT_LT(got[1], 1920u);
    EXPECT_EQ(got[2], 0u);
    EXPECT_EQ(got[3], 1919u);
    EXPECT_EQ(*at<float>(out + 16), 960.f);
    EXPECT_EQ(*at<double>(out + 24), 1920.0);
    EXPECT_EQ(got[8], 127u);
    EXPECT_EQ(got[9], 0u);
    EXPECT_EQ(*at<u64>(out + 40), 5760u);
    EXPECT_EQ(got[12], 0u);
    EXPECT_EQ(got[13], 0u);
    EXPECT_EQ(got[14], 0x67806780u); // 1920 in both halves
}

TEST_F(Memory, SharedAtomicsAndCompareAndSwap)
{
    auto got = evaluate<u32>(
        "atom.shared.add.u32 %r1, [s], %r0; atom.shared.cas.b32 %r2, [s+4], 0, 55; cvta.shared.u64 "
        "%d1, 0; bar.sync 0;\n"
        "atom.add.u32 %r3, [%d1+8], 2; bar.sync 0; ld.shared.u32 %r4, [s]; ld.shared.v2.u32 {%r5, "
        "%r6}, [s+8];\n"
        "st.global.u32 [%p0], %r4; setp.eq.u32 %q1, %r2, 0; @%q1 st.global.u32 [%p0+4], %r2; "
        "ld.shared.u32 %r7, [s+4]; st.global.u32 [%p0+8], %r7; st.global.u32 [%p0+12], %r5;",
        4, 64, {}, ".shared .align 16 .b8 s[32];\n");
    EXPECT_EQ(got, (std::vector<u32>{2016, 0, 55, 128}));
}

TEST_F(Memory, AsynchronousCopies)
{
    std::vector<u32> values(32 * 4);
    for (size_t i = 0; i < values.size(); i++)
        values[i] = u32(i);
    auto got = evaluate<u32>(
        "mul.lo.u32 %r1, %r0, 16; mov.u32 %r2, s; add.u32 %r2, %r2, %r1; cvt.u64.u32 %d1, %r1; "
        "add.u64 %d2, %p1, %d1; setp.eq.u32 %q1, %r0, 5; selp.u32 %r3, 8, 16, %q1;\n"
        "cp.async.cg.shared.global [%r2], [%d2], 16, %r3; cp.async.commit_group; "
        "cp.async.wait_group 0; ld.shared.v4.u32 {%r4,%r5,%r6,%r7}, [%r2]; add.u64 %d3, %p0, %d1; "
        "st.global.v4.u32 [%d3], {%r4,%r5,%r6,%r7};",
        128, 32, {upload(values)}, ".shared .align 16 .b8 s[512];\n");
    for (u32 i = 0; i < 128; i++)
        EXPECT_EQ(got[i], i == 22 || i == 23 ? 0 : i);
}

struct BadAccess {
    const char *name, *body;
    Fault::Kind kind;
    const char *text;
};

class Bad : public TestMachine, public ::testing::WithParamInterface<BadAccess>
{
};

TEST_P(Bad, IsRefusedWithItsPlace)
{
    const BadAccess &bad = GetParam();
    uint64_t data = allocate_device(128), constant = allocate_device(64, false);
    Fault fault = run(kernel(bad.body, ".shared .align 16 .b8 sh[64];\n"), {2}, {32},
                      {data, constant, reinterpret_cast<uint64_t>(this)});
    EXPECT_EQ(fault.kind, bad.kind) << fault.text;
    EXPECT_NE(fault.text.find(bad.text), std::string::npos) << fault.text;
    EXPECT_NE(fault.text.find("kernel 'k', PTX line"), std::string::npos) << fault.text;
}

/// An instruction that reads and one that writes may not share what they know of a range, however
/// many instructions there are.
TEST_F(Memory, WhatWasReadIsNotThereforeWritable)
{
    uint64_t constant = allocate_device(64, false);
    std::string body;
    for (int i = 0; i < 512; i++)
        body += "ld.global.u32 %r1, [%p0];\n";
    Fault fault = run(kernel(body + "st.global.u32 [%p0], %r0;"), {1}, {32}, {constant});
    EXPECT_EQ(fault.kind, Fault::Kind::illegal_address);
    EXPECT_NE(fault.text.find("read-only"), std::string::npos) << fault.text;
}

TEST_F(Memory, FreedMemoryIsOutside)
{
    uint64_t data = allocate_device(64);
    std::string ptx = kernel("ld.global.u32 %r1, [%p0]; st.global.u32 [%p0], %r1;");
    EXPECT_EQ(run(ptx, {1}, {32}, {data}).text, "");
    memory_.remove(data);
    Fault fault = run(ptx, {1}, {32}, {data});
    EXPECT_EQ(fault.kind, Fault::Kind::illegal_address) << fault.text;
}

constexpr auto kIllegal = Fault::Kind::illegal_address;
constexpr auto kMisaligned = Fault::Kind::misaligned_address;

INSTANTIATE_TEST_SUITE_P(
    Accesses, Bad,
    ::testing::Values(
        BadAccess{"null", "mov.u64 %d1, 0; ld.global.u32 %r1, [%d1];", kIllegal,
                  "read of 4 bytes at address 0x0"},
        BadAccess{"past_end", "ld.global.u32 %r1, [%p0+128];", kIllegal, "illegal read"},
        BadAccess{"one_byte_over", "ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%p0+120];", kIllegal,
                  "illegal read"},
        BadAccess{"before", "st.global.u8 [%p0+-1], %r0;", kIllegal, "illegal write"},
        BadAccess{"last_lane",
                  "mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %p0; st.global.u32 [%d1+4], %r0;",
                  kIllegal, "thread (31,0,0)"},
        BadAccess{"process_memory", "ld.u64 %d1, [%p2];", kIllegal, "illegal read"},
        BadAccess{"process_atomic", "atom.global.add.u64 %d1, [%p2], 1;", kIllegal,
                  "illegal write"},
        BadAccess{"read_only", "st.global.u32 [%p1], %r0;", kIllegal, "read-only"},
        BadAccess{"misaligned", "ld.global.u32 %r1, [%p0+2];", kMisaligned,
                  "misaligned read of 4 bytes"},
        BadAccess{"misaligned_vector", "st.global.v2.u32 [%p0+4], {%r0, %r0};", kMisaligned,
                  "misaligned write of 8 bytes"},
        BadAccess{"shared_end", "mov.u32 %r1, sh; ld.shared.u32 %r2, [%r1+64];", kIllegal,
                  "illegal read"},
        BadAccess{"shared_wrap", "mov.u32 %r1, -4; ld.shared.u32 %r2, [%r1];", kIllegal,
                  "illegal read"},
        BadAccess{"shared_misaligned", "mov.u32 %r1, sh; atom.shared.add.u32 %r2, [%r1+2], 1;",
                  kMisaligned, "misaligned"},
        BadAccess{"generic_shared_end",
                  "mov.u64 %d1, 64; cvta.shared.u64 %d1, %d1; st.u32 [%d1], %r0;", kIllegal,
                  "illegal write"},
        BadAccess{"local_end", ".local .b8 l[16]; mov.u64 %d1, l; ld.local.u32 %r1, [%d1+4096];",
                  kIllegal, "illegal read"},
        BadAccess{"parameter_write", "mov.u64 %d1, p0; cvta.param.u64 %d1, %d1; st.u32 [%d1], %r0;",
                  kIllegal, "kernel parameters"},
        BadAccess{"parameter_end",
                  "mov.u64 %d1, p0; cvta.param.u64 %d1, %d1; ld.u64 %d2, [%d1+32];", kIllegal,
                  "illegal read"},
        BadAccess{"no_space", "mov.u64 %d1, 0x1000500000000; ld.u32 %r1, [%d1];", kIllegal,
                  "illegal read"},
        BadAccess{"top", "mov.u64 %d1, -4; ld.u32 %r1, [%d1];", kIllegal, "illegal read"},
        BadAccess{"copy", "mov.u32 %r1, sh; cp.async.ca.shared.global [%r1], [%p2], 8;", kIllegal,
                  "illegal read"},
        BadAccess{"global_of_shared",
                  "mov.u64 %d1, 0; cvta.shared.u64 %d1, %d1; ld.global.u32 %r1, [%d1];", kIllegal,
                  "another state space) read of 4 bytes at address 0x1000000000000"},
        BadAccess{"global_of_local",
                  ".local .b8 l[16]; mov.u64 %d1, l; cvta.local.u64 %d1, %d1; st.global.u32 "
                  "[%d1], %r0;",
                  kIllegal, "another state space) write"},
        BadAccess{"global_of_parameters",
                  "mov.u64 %d1, p0; cvta.param.u64 %d1, %d1; ld.global.u64 %d2, [%d1];", kIllegal,
                  "another state space) read"},
        BadAccess{"index_into_shared",
                  ".shared .align 8 .b8 e[64]; cvta.shared.u64 %d3, 0; mul.wide.u32 %d1, %r0, 4; "
                  "add.s64 %d1, %d3, %d1; ld.global.u32 %r1, [%d1];",
                  kIllegal, "another state space) read"},
        BadAccess{"shared_of_global", "ld.shared.u32 %r1, [%p0];", kIllegal,
                  "another state space) read"},
        BadAccess{"shared_of_local",
                  ".local .b8 l[16]; mov.u64 %d1, l; cvta.local.u64 %d1, %d1; st.shared.u32 "
                  "[%d1], %r0;",
                  kIllegal, "another state space) write"},
        BadAccess{"local_of_global", ".local .b8 l[16]; st.local.u32 [%p0], %r0;", kIllegal,
                  "another state space) write"},
        BadAccess{"atomic_of_shared", "cvta.shared.u64 %d1, 0; atom.global.add.u32 %r1, [%d1], 1;",
                  kIllegal, "another state space) write"},
        BadAccess{"reduction_in_shared", "red.shared.add.u32 [%p0], 1;", kIllegal,
                  "another state space) write"},
        BadAccess{"copy_to_global", "cp.async.ca.shared.global [%p0], [%p0], 8;", kIllegal,
                  "another state space) write"},
        BadAccess{"copy_from_shared",
                  "mov.u32 %r1, sh; cvta.shared.u64 %d1, 0; cp.async.ca.shared.global [%r1], "
                  "[%d1], 8;",
                  kIllegal, "another state space) read"},
        BadAccess{"barrier_in_global", "mbarrier.init.shared.b64 [%p0], 1;", kIllegal,
                  "another state space) write"},
        BadAccess{"rows_of_global", "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%p0];",
                  kIllegal, "another state space) read"},
        BadAccess{"matrix_of_shared",
                  "cvta.shared.u64 %d1, 0; wmma.load.c.sync.aligned.row.m16n16k16.global.f16 "
                  "{%r1, %r2, %r3, %r4}, [%d1];",
                  kIllegal, "another state space) read"},
        BadAccess{"member_mask", "shfl.sync.idx.b32 %r1, %r0, 0, 31, 1;",
                  Fault::Kind::illegal_instruction, "member mask"},
        BadAccess{"barrier_number", "bar.sync 16;", Fault::Kind::illegal_instruction,
                  "barrier number"}),
    [](const auto &info) { return info.param.name; });

} // namespace
} // namespace vgpu::soft
