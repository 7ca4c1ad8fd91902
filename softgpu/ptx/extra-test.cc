// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/builtin.h"
#include "softgpu/ptx/test-machine.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <climits>
#include <cmath>

// Instructions that libraries and compilers other than nvcc's front end use: packing conversions,
// copies that ignore their source, hints, questions about addresses, what is refused by name.
namespace vgpu::soft
{
namespace
{

using u32 = uint32_t;

class Extra : public TestMachine
{
protected:
    static std::string refusal(const std::string &ptx)
    {
        try {
            Program::compile(ptx);
            return {};
        } catch (const std::exception &error) {
            return error.what();
        }
    }
};

TEST_F(Extra, PackingConversionsClamp)
{
    const std::vector<int32_t> edges = {
        0,      1,     -1,    3,         4,         -2,   -3,   7,     8,      -8,    -9,
        15,     16,    127,   128,       -128,      -129, 255,  256,   32767,  32768, -32768,
        -32769, 65535, 65536, INT32_MAX, INT32_MIN, 100,  -100, 12345, -12345, 9};
    std::vector<int32_t> other(edges.rbegin(), edges.rend());
    for (unsigned bits : {16, 8, 4, 2})
        for (bool sign : {false, true}) {
            std::string type = (sign ? "s" : "u") + std::to_string(bits);
            SCOPED_TRACE(type);
            std::string third = bits == 16 ? "" : ".b32", operand = bits == 16 ? "" : ", %r4";
            auto got = evaluate<u32>(
                "mul.wide.u32 %d1, %r0, 4; add.u64 %d2, %d1, %p1; ld.global.u32 %r1, [%d2];\n"
                "add.u64 %d2, %d1, %p2; ld.global.u32 %r2, [%d2]; mov.u32 %r4, 0x89abcdef;\n"
                "cvt.pack.sat." +
                    type + ".s32" + third + " %r3, %r1, %r2" + operand +
                    "; add.u64 %d2, %d1, %p0; st.global.u32 [%d2], %r3;",
                32, 32, {upload(edges), upload(other)});
            int64_t low = sign ? -(int64_t(1) << (bits - 1)) : 0;
            int64_t high = (int64_t(1) << (sign ? bits - 1 : bits)) - 1;
            uint64_t mask = (uint64_t(1) << bits) - 1;
            for (size_t lane = 0; lane < 32; lane++) {
                uint64_t a = uint64_t(std::clamp<int64_t>(edges[lane], low, high)) & mask;
                uint64_t b = uint64_t(std::clamp<int64_t>(other[lane], low, high)) & mask;
                uint64_t c = bits == 16 ? 0 : uint64_t(0x89abcdef) << (2 * bits);
                EXPECT_EQ(got[lane], u32(c | a << bits | b)) << edges[lane] << " " << other[lane];
            }
        }
}

TEST_F(Extra, CopiesIgnoreTheirSourceOrPartOfIt)
{
    // Lane by lane: all, none because of the predicate, the first bytes alone; with a policy.
    uint64_t source = upload<u32>({1, 2, 3, 4});
    auto got = evaluate<u32>(
        "mov.u32 %r9, tile; mov.u32 %r2, 0xffffffff; mov.u32 %r8, 4;\n"
        "st.shared.v4.u32 [%r9], {%r2, %r2, %r2, %r2}; st.shared.v4.u32 [%r9+16], {%r2, %r2, %r2, "
        "%r2}; st.shared.v4.u32 [%r9+32], {%r2, %r2, %r2, %r2};\n"
        "createpolicy.fractional.L2::evict_first.b64 %d1, 0f3F800000;\n"
        "setp.eq.u32 %q1, %r2, %r2; not.pred %q2, %q1;\n"
        "cp.async.cg.shared.global.L2::cache_hint [%r9], [%p1], 16, %q2, %d1;\n"
        "cp.async.ca.shared::cta.global [%r9+16], [%p1], 8, %q1;\n"
        "cp.async.cg.shared.global.L2::128B.L2::cache_hint [%r9+32], [%p1], 16, %r8, %d1;\n"
        "cp.async.commit_group; cp.async.wait_all;\n"
        "ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%r9]; st.global.v4.u32 [%p0], {%r1, %r2, %r3, "
        "%r4}; ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%r9+16]; st.global.v4.u32 [%p0+16], {%r1, "
        "%r2, %r3, %r4}; ld.shared.v4.u32 {%r1, %r2, %r3, %r4}, [%r9+32]; st.global.v4.u32 "
        "[%p0+32], {%r1, %r2, %r3, %r4};",
        12, 1, {source}, ".shared .align 16 .b8 tile[48];\n");
    EXPECT_EQ(got, (std::vector<u32>{1, 2, 3, 4, 0, 0, ~0u, ~0u, 1, 0, 0, 0}));
    // What is ignored need not be there.
    EXPECT_EQ(run(kernel("mov.u32 %r9, tile; setp.eq.u32 %q1, %r9, %r9; mov.u64 %d1, 0;\n"
                         "cp.async.cg.shared.global [%r9], [%d1], 16, %q1;",
                         ".shared .align 16 .b8 tile[16];\n"),
                  {1}, {1}, {})
                  .text,
              "");
}

TEST_F(Extra, HintsDoNothing)
{
    auto got = evaluate<u32>("prefetch.global.L1 [%p0]; prefetch.global.L2::evict_last [%p0];\n"
                             "prefetchu.L1 [%p0]; prefetch.local.L2 [0]; discard.global.L2 [%p0], "
                             "128; applypriority.global.L2::evict_normal [%p0], 128;\n"
                             "createpolicy.range.global.L2::evict_last.L2::evict_unchanged.b64 "
                             "%d1, [%p0], 64, 128; createpolicy.cvt.L2.b64 %d2, 0x10000000;\n"
                             "ld.global.L2::cache_hint.u32 %r1, [%p0], %d1; add.u32 %r1, %r1, 5;\n"
                             "st.global.L2::cache_hint.u32 [%p0], %r1, %d1; nanosleep.u32 20;",
                             1, 1);
    EXPECT_EQ(got, std::vector<u32>{5});
}

TEST_F(Extra, KnowsWhereAnAddressLies)
{
    auto got = evaluate<u32>(
        "mov.u64 %d1, fixed; cvta.const.u64 %d1, %d1; mov.u64 %d2, free; cvta.global.u64 %d2, "
        "%d2;\n"
        "isspacep.const %q1, %d1; isspacep.const %q2, %d2; isspacep.global %q3, %d1; "
        "isspacep.global %q4, %d2;\n"
        "selp.u32 %r1, 1, 0, %q1; selp.u32 %r2, 1, 0, %q2; selp.u32 %r3, 1, 0, %q3; selp.u32 %r4, "
        "1, 0, %q4; st.global.v4.u32 [%p0], {%r1, %r2, %r3, %r4};",
        4, 1, {}, ".const .align 4 .u32 fixed = 5;\n.global .align 4 .u32 free;\n");
    EXPECT_EQ(got, (std::vector<u32>{1, 0, 0, 1}));
}

TEST_F(Extra, RegistersThatDescribeTheMachine)
{
    auto got = evaluate<u32>(
        "mov.u32 %r1, %laneid; mov.u32 %r2, %warpid; mov.u32 %r3, %nwarpid; mov.u32 %r4, %smid;\n"
        "mov.u32 %r5, %nsmid; setp.lt.u32 %q1, %r4, %r5; selp.u32 %r4, 1, 0, %q1; mov.u32 %r5, "
        "%reserved_smem_offset_begin; mov.u32 %r6, %reserved_smem_offset_end; sub.u32 %r5, %r6, "
        "%r5; mov.u32 %r6, %envreg7; mov.u32 %r7, %clock; mov.u32 %r8, %clock_hi; mov.u64 %d3, "
        "%globaltimer; mov.u64 %d4, %clock64; setp.ne.u64 %q2, %d3, 0; selp.u32 %r7, 1, 0, %q2; "
        "mov.u64 %d5, %gridid; mov.u32 %r9, %total_smem_size;\n"
        "mul.wide.u32 %d1, %r0, 32; add.u64 %d1, %d1, %p0; st.global.v4.u32 [%d1], {%r1, %r2, "
        "%r3, %r4}; st.global.v4.u32 [%d1+16], {%r5, %r6, %r7, %r9};",
        8 * 64, 64);
    for (u32 lane = 0; lane < 64; lane++) {
        std::vector<u32> mine(got.begin() + lane * 8, got.begin() + lane * 8 + 8);
        EXPECT_EQ(mine[0], lane % 32);
        EXPECT_EQ(mine[1], lane / 32);
        EXPECT_GE(mine[2], 2u);
        EXPECT_EQ(mine[3], 1u);
        EXPECT_EQ(mine[4], 0u); // nothing is reserved
        EXPECT_EQ(mine[6], 1u);
    }
}

/// The host's clock, to the nanosecond; it goes on while a thread sleeps, as the counter of cycles
/// does.
TEST_F(Extra, TheGlobalTimerIsTheHostsClock)
{
    auto host = [] {
        auto now = std::chrono::system_clock::now().time_since_epoch();
        return uint64_t(std::chrono::nanoseconds(now).count());
    };
    uint64_t before = host();
    auto got = evaluate<uint64_t>(
        "mov.u64 %d1, %globaltimer; mov.u64 %d3, %clock64; mov.u32 %r1, %globaltimer_lo; "
        "mov.u32 %r2, %globaltimer_hi;\n"
        "L: mov.u64 %d2, %globaltimer; sub.u64 %d5, %d2, %d1; setp.lt.u64 %q1, %d5, 1000; @%q1 bra "
        "L; mov.u64 %d4, %clock64; mov.b64 %d6, {%r1, %r2};\n"
        "st.global.v2.u64 [%p0], {%d1, %d2}; st.global.v2.u64 [%p0+16], {%d3, %d4}; "
        "st.global.u64 [%p0+32], %d6;",
        5, 1);
    uint64_t after = host();
    EXPECT_LE(before, got[0]);
    EXPECT_LE(got[0] + 1000, got[1]);
    EXPECT_LE(got[1], after);
    EXPECT_LT(got[2], got[3]);
    EXPECT_LE(got[0], got[4]);
    EXPECT_LE(got[4], got[1]);
}

/// What Triton 3.9, Numba 0.68 and CUTLASS-like kernels use beyond what nvcc emitted for the
/// corpus.
TEST_F(Extra, GeneratorsFormsAreAccepted)
{
    const char *const forms[] = {
        // Triton: products of f16, bf16, f32 and s8, softmax, sorting, histograms, 8-bit floats.
        "abs.ftz.f32 %f1, %f2",
        "add.rn.ftz.f32 %f1, %f2, %f3",
        "atom.global.gpu.acq_rel.add.f32 %f1, [%d1 + 0], %f2",
        "atom.global.gpu.acq_rel.max.s32 %r1, [%d1 + 0], %r2",
        "atom.global.gpu.acq_rel.min.u32 %r1, [%d1 + 0], %r2",
        "atom.global.acq_rel.gpu.cas.b32 %r1, [%d1 + 0], %r2, %r3",
        "@%q1 atom.relaxed.sys.shared.add.u32 %r1, [%r2 + 0], %r3",
        "cp.async.ca.shared.global [%r1 + 0], [%d1 + 0], 8, %r2",
        "cp.async.cg.shared.global [%r1 + 16], [%d1 + 0], 16, %r2",
        "cp.async.wait_group 2",
        "cvt.f32.bf16 %f1, %h1",
        "cvt.rz.f16x2.f32 %r1, %f1, %f2",
        "div.full.f32 %f1, %f2, %f3",
        "ld.global.b8 %h1, [%d1]",
        "ld.shared.v4.b16 {%h1, %h2, %h3, %h4}, [%r1]",
        "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r1, %r2, %r3, %r4}, [%r5+32]",
        "mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32 {%r1, %r2, %r3, %r4}, {%r5, "
        "%r6, %r7, %r8}, {%r9, %r10}, {%r1, %r2, %r3, %r4}",
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1, %f2, %f3, %f4}, {%r5, %r6, %r7, "
        "%r8}, {%r9, %r10}, {%f1, %f2, %f3, %f4}",
        "min.f16x2 %r1, %r2, %r3",
        "set.nan.f16x2.f16x2 %r1, %r2, %r3",
        "@%q1 st.shared::cta.b32 [%r1], %r2",
        "@%q1 ld.global.L1::evict_last.v4.b32 {%r1, %r2, %r3, %r4}, [%d1 + 0]",
        "@%q1 ld.global.L1::no_allocate.L2::cache_hint.v2.b32 {%r1, %r2}, [%d1 + 0], %d2",
        "shfl.sync.bfly.b32 %r1, %r2, 16, 31, -1",
        "tanh.approx.f32 %f1, %f2",
        "prmt.b32 %r1, %r2, %r3, 0x7632",
        "lop3.b32 %r1, %r2, %r3, %r4, 0xec",
        // Numba.
        "atom.inc.u32 %r1, [%d1], %r2",
        "atom.exch.b32 %r1, [%d1], %r2",
        "bfe.s32 %r1, %r2, 8, 8",
        "cvt.rmi.ftz.f32.f32 %f1, %f2",
        "cvt.rni.ftz.s32.f32 %r1, %f2",
        "cvt.rn.ftz.f32.f64 %f1, %g2",
        "div.rn.ftz.f32 %f1, %f2, %f3",
        "ld.s32 %r1, [%d1]",
        "ld.volatile.f32 %f1, [%d1]",
        "mad.wide.s32 %d1, %r2, %r3, %d4",
        "setp.num.ftz.f32 %q1, %f1, %f2",
        "sin.approx.ftz.f32 %f1, %f2",
        "sqrt.approx.ftz.f32 %f1, %f2",
        // CUTLASS and cuBLAS-like code.
        "bar.sync 1, 64",
        "barrier.sync.aligned 2, 128",
        "cp.async.cg.shared.global.L2::128B [%r1], [%d1], 16, %r2",
        "cp.async.ca.shared.global.L2::cache_hint.L2::256B [%r1], [%d1], 4, %r2, %d2",
        "createpolicy.fractional.L2::evict_last.L2::evict_first.b64 %d1, 0f3F000000",
        "cvt.rn.relu.bf16x2.f32 %r1, %f1, %f2",
        "cvt.rna.tf32.f32 %r1, %f1",
        "cvt.pack.sat.s8.s32.b32 %r1, %r2, %r3, %r4",
        "ex2.approx.f16x2 %r1, %r2",
        "ex2.approx.ftz.bf16x2 %r1, %r2",
        "fma.rn.relu.f16x2 %r1, %r2, %r3, %r4",
        "ld.global.nc.L2::128B.v4.u32 {%r1, %r2, %r3, %r4}, [%d1]",
        "max.NaN.bf16x2 %r1, %r2, %r3",
        "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%g1, %g2}, {%g3}, {%g4}, {%g1, %g2}",
        "mma.sync.aligned.m16n8k64.row.col.s32.u4.s4.s32.satfinite {%r1, %r2, %r3, %r4}, {%r5, "
        "%r6, %r7, %r8}, {%r9, %r10}, {%r1, %r2, %r3, %r4}",
        "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc {%r1, %r2, %r3, %r4}, {%r5, "
        "%r6, %r7, %r8}, {%r9, %r10}, {%r1, %r2, %r3, %r4}",
        "movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r2",
        "redux.sync.max.s32 %r1, %r2, 0xffffffff",
        "red.global.add.noftz.bf16x2 [%d1], %r1",
        "tanh.approx.bf16x2 %r1, %r2",
    };
    for (const char *form : forms)
        EXPECT_EQ(refusal(kernel(std::string(form) + ";")), "") << form;
}

TEST_F(Extra, RefusesByNameWhatNeedsAnotherDevice)
{
    for (std::string text :
         {"wgmma.commit_group.sync.aligned;",
          "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], "
          "[%d1, "
          "{%r1, %r2}], [%r3];",
          "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%d1], %r2, "
          "[%r3];",
          "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%d1], [%r1], %r2;",
          "prefetch.tensormap [%d1];", "tensormap.replace.tile.rank.global.b1024.b32 [%d1], 2;",
          "mapa.u64 %d1, %d2, 0;", "cvt.rn.satfinite.e4m3x2.f32 %h1, %f1, %f2;",
          "red.async.relaxed.cluster.global.add.u32 [%d1], %r1;",
          "st.async.weak.shared::cluster.u32 [%r1], %r2, [%r3];",
          "multimem.red.add.f32 [%d1], %f1;"}) {
        std::string name = text.substr(0, text.find_first_of(" ;"));
        std::string said = refusal(kernel(text));
        EXPECT_NE(said.find(name + " is not supported"), std::string::npos) << name << ": " << said;
    }
    std::string said = refusal(header() + ".entry k() .reqnctapercluster 2, 1, 1 { ret; }\n");
    EXPECT_NE(said.find("clusters of several blocks are not supported"), std::string::npos) << said;
    EXPECT_EQ(refusal(header() + ".entry k() .reqnctapercluster 1, 1, 1 { ret; }\n"), "");
    said = refusal(header() + ".extern .func (.param .b32 r) cudaLaunchDeviceV2(.param .b64 a, "
                              ".param .b64 b);\n.entry k() { .param .b64 a; .param .b64 b; .param "
                              ".b32 r; call.uni (r), cudaLaunchDeviceV2, (a, b); ret; }\n");
    EXPECT_NE(said.find("dynamic parallelism is not supported (cudaLaunchDeviceV2)"),
              std::string::npos)
        << said;
}

/// The same texts pass for sm_90, so that what is refused is their target.
TEST_F(Extra, RefusesByNameWhatTheTargetLacks)
{
    for (std::string text : {
             "add.bf16 %h1, %h2, %h3;",
             "sub.rn.bf16x2 %r1, %r2, %r3;",
             "mul.bf16 %h1, %h2, %h3;",
             "ex2.approx.ftz.bf16 %h1, %h2;",
             "tanh.approx.bf16x2 %r1, %r2;",
             "setp.lt.bf16 %q1, %h1, %h2;",
             "add.u16x2 %r1, %r2, %r3;",
             "min.s16x2 %r1, %r2, %r3;",
             "atom.relaxed.cluster.global.add.u32 %r1, [%d1], %r2;",
             "red.release.cluster.global.add.u32 [%d1], %r2;",
             "ld.acquire.cluster.global.u32 %r1, [%d1];",
             "st.release.cluster.global.u32 [%d1], %r1;",
             "fence.acq_rel.cluster;",
             "barrier.cluster.arrive;",
             "red.global.add.noftz.bf16x2 [%d1], %r1;",
             "red.global.v2.f32.add [%d1], {%f1, %f2};",
             "elect.sync %r1|%q1, -1;",
             "mbarrier.try_wait.shared.b64 %q1, [%d1], %d2;",
             "griddepcontrol.wait;",
             "cvt.rn.bf16.s32 %h1, %r1;",
             "cvt.rzi.s32.bf16 %r1, %h1;",
             "cvt.rn.f16.bf16 %h1, %h2;",
         }) {
        std::string name = text.substr(0, text.find_first_of(" ;"));
        std::string newer = kernel(text), older = newer;
        older.replace(older.find("sm_90"), 5, "sm_80");
        EXPECT_EQ(refusal(newer), "") << name;
        EXPECT_NE(refusal(older).find(name + " needs .target sm_90, and the text's is sm_80"),
                  std::string::npos)
            << name << ": " << refusal(older);
    }
    for (std::string text :
         {"fma.rn.bf16 %h1, %h2, %h3, %h4;", "max.bf16x2 %r1, %r2, %r3;", "neg.bf16 %h1, %h2;",
          "atom.global.add.noftz.f16x2 %r1, [%d1], %r2;", "cvt.rn.bf16.f32 %h1, %f1;",
          "cvt.f32.bf16 %f1, %h1;", "cvt.rn.bf16x2.f32 %r1, %f1, %f2;"}) {
        std::string older = kernel(text);
        older.replace(older.find("sm_90"), 5, "sm_80");
        EXPECT_EQ(refusal(older), "") << text;
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
template<class T>
std::string by_c(const char *format, T value)
{
    char text[400];
    snprintf(text, sizeof text, format, value);
    return text;
}
#pragma GCC diagnostic pop

TEST(Print, EveryConversionIsAsInC)
{
    auto by_device = [](const char *format, uint64_t value, unsigned bytes) {
        return format_print(
            format,
            [&](size_t, size_t size) {
                EXPECT_EQ(size, bytes) << format;
                return value;
            },
            [](uint64_t) { return std::string("some text"); });
    };
    for (const char *format :
         {"%d", "%i", "%5d|", "%-7d|", "%07d", "%+d",     "% d", "%.5d", "%8.3d", "%u",
          "%x", "%X", "%#x",  "%o",    "%#o",  "%-#10x|", "%hd", "%hhd", "%hu",   "%hhx"})
        for (int value : {0, 1, -1, 42, -12345, INT32_MAX, INT32_MIN})
            EXPECT_EQ(by_device(format, uint32_t(value), 4), by_c(format, value)) << format;
    for (const char *format :
         {"%ld", "%lld", "%lu", "%llu", "%lx", "%#llx", "%zu", "%jd", "%20lld|"})
        for (long long value : {0LL, -1LL, 1234567890123LL, LLONG_MAX, LLONG_MIN})
            EXPECT_EQ(by_device(format, uint64_t(value), 8), by_c(format, value)) << format;
    for (const char *format : {"%f", "%.0f", "%10.3f|", "%-12.2f|", "%+f", "%e", "%.10E", "%g",
                               "%G", "%#g", "%a", "%A", "%012.4f", "% g"})
        for (double value : {0.0, -0.0, 1.5, -2.75e-10, 1e300, HUGE_VAL, -HUGE_VAL, 1.0 / 3})
            EXPECT_EQ(by_device(format, std::bit_cast<uint64_t>(value), 8), by_c(format, value))
                << format;
    for (const char *format : {"%s", "%20s|", "%-20s|", "%.4s", "%10.2s|"})
        EXPECT_EQ(by_device(format, 1, 8), by_c(format, "some text")) << format;
    for (const char *format : {"%c", "%3c|", "%-3c|"})
        EXPECT_EQ(by_device(format, 'q', 4), by_c(format, 'q')) << format;
}

} // namespace
} // namespace vgpu::soft
