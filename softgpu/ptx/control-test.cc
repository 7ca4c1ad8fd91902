// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

#include <numeric>

// Lanes that part and meet, warps and blocks that wait for each other, functions.
namespace vgpu::soft
{
namespace
{

using u32 = uint32_t;
using u64 = uint64_t;

class Control : public TestMachine
{
protected:
    static constexpr const char *kStore =
        "\nmul.wide.u32 %d90, %r0, 4; add.u64 %d90, %d90, %p0; st.global.u32 [%d90], %r1;";
};

TEST_F(Control, DivergentLoopsMeetAgain)
{
    // Lane i adds i, i-1, ..., 1; then all vote: everybody must be back.
    auto got =
        evaluate<u32>("mov.u32 %r1, 0; mov.u32 %r2, %r0;\nL: setp.eq.u32 %q1, %r2, 0; @%q1 bra E;\n"
                      "add.u32 %r1, %r1, %r2; sub.u32 %r2, %r2, 1; bra L;\nE: activemask.b32 %r3; "
                      "popc.b32 %r3, %r3;\n"
                      "mad.lo.u32 %r1, %r3, 1000, %r1;" +
                          std::string(kStore),
                      48, 48);
    for (u32 i = 0; i < 48; i++)
        EXPECT_EQ(got[i], i * (i + 1) / 2 + 1000 * (i < 32 ? 32 : 16)) << i;
}

TEST_F(Control, NestedBranchesAndEarlyExit)
{
    auto got = evaluate<u32>(
        "mov.u32 %r1, 1; and.b32 %r2, %r0, 1; setp.eq.u32 %q1, %r2, 0; @%q1 bra A;\n"
        "setp.gt.u32 %q2, %r0, 16; @!%q2 bra B; mov.u32 %r1, 2; bra C;\nB: mov.u32 %r1, 3; bra C;\n"
        "A: setp.eq.u32 %q3, %r0, 4; @%q3 exit; mov.u32 %r1, 4;\nC:" +
            std::string(kStore),
        32, 32);
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(got[i], i == 4 ? 0 : i % 2 == 0 ? 4 : i > 16 ? 2 : 3) << i;
}

TEST_F(Control, BranchTable)
{
    auto got = evaluate<u32>(
        "and.b32 %r2, %r0, 3; T: .branchtargets A, B, C, A;\nbrx.idx %r2, T;\n"
        "A: mov.u32 %r1, 10; bra E;\nB: mov.u32 %r1, 20; bra E;\nC: mov.u32 %r1, 30;\nE:" +
            std::string(kStore),
        32, 32);
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(got[i], (std::array<u32, 4>{10, 20, 30, 10})[i % 4]);
    uint64_t out = allocate_device(128);
    Fault fault =
        run(kernel("T: .branchtargets A, A;\nbrx.idx %r0, T;\nA: ret;"), {1}, {32}, {out});
    EXPECT_EQ(fault.kind, Fault::Kind::illegal_instruction);
}

TEST_F(Control, ShuffleModes)
{
    auto got = evaluate<u32>(
        "shfl.sync.up.b32 %r1|%q1, %r0, 3, 0, -1; shfl.sync.down.b32 %r2|%q2, %r0, 5, 31, -1;\n"
        "shfl.sync.bfly.b32 %r3, %r0, 9, 31, -1; shfl.sync.idx.b32 %r4, %r0, 2, 0x181f, -1;\n"
        "selp.u32 %r5, 100, 0, %q1; add.u32 %r1, %r1, %r5; mul.wide.u32 %d1, %r0, 16; add.u64 %d1, "
        "%d1, %p0;\n"
        "st.global.v4.u32 [%d1], {%r1, %r2, %r3, %r4};",
        128, 32);
    for (u32 i = 0; i < 32; i++) {
        EXPECT_EQ(got[4 * i], i < 3 ? i : i - 3 + 100) << i;
        EXPECT_EQ(got[4 * i + 1], i + 5 > 31 ? i : i + 5);
        EXPECT_EQ(got[4 * i + 2], i ^ 9);
        EXPECT_EQ(got[4 * i + 3], (i & 24) + 2); // segments of eight lanes
    }
}

TEST_F(Control, WarpOperationsWaitForDivergedLanes)
{
    // The halves reach different shuffles, after loops of different length.
    auto got =
        evaluate<u32>("mov.u32 %r2, %r0; setp.lt.u32 %q1, %r0, 16; @%q1 bra A;\nL: sub.u32 %r2, "
                      "%r2, 1; setp.ne.u32 %q2, %r2, 0; @%q2 bra L;\n"
                      "shfl.sync.bfly.b32 %r1, %r0, 16, 31, -1; bra E;\nA: shfl.sync.bfly.b32 %r1, "
                      "%r0, 16, 31, -1; add.u32 %r1, %r1, 1000;\nE:" +
                          std::string(kStore),
                      32, 32);
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(got[i], (i ^ 16) + (i < 16 ? 1000 : 0)) << i;
}

TEST_F(Control, SubWarpMasks)
{
    // Groups of four lanes with masks of their own, entered one group at a time.
    auto got = evaluate<u32>(
        "and.b32 %r2, %r0, 28; shl.b32 %r3, 15, %r2; redux.sync.add.s32 %r1, %r0, %r3;\n"
        "setp.ge.u32 %q1, %r0, 30; vote.sync.ballot.b32 %r4, %q1, %r3; shl.b32 %r4, %r4, 0; "
        "add.u32 %r1, %r1, %r4;" +
            std::string(kStore),
        32, 32);
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(got[i], 4 * (i & 28) + 6 + (i >= 28 ? 0xc0000000u : 0)) << i;
}

TEST_F(Control, VoteMatchElect)
{
    auto got = evaluate<u32>(
        "and.b32 %r2, %r0, 3; match.any.sync.b32 %r1, %r2, -1; st.global.u32 [%p0], %r1;\n"
        "match.all.sync.b32 %r3|%q1, 7, -1; selp.u32 %r4, 1, 0, %q1; st.global.u32 [%p0+4], %r3; "
        "st.global.u32 [%p0+8], %r4;\n"
        "setp.lt.u32 %q2, %r0, 31; vote.sync.all.pred %q3, %q2, -1; vote.sync.any.pred %q4, !%q2, "
        "-1; vote.sync.uni.pred %q5, %q2, -1;\n"
        "selp.u32 %r5, 1, 0, %q3; selp.u32 %r6, 2, %r5, %q4; selp.u32 %r7, 4, %r6, %q5; "
        "st.global.u32 [%p0+12], %r7;\n"
        "elect.sync %r8|%q6, -1; @%q6 st.global.u32 [%p0+16], %r8; @%q6 st.global.u32 [%p0+20], "
        "%r0;",
        6, 32);
    EXPECT_EQ(got[0], 0x88888888u); // the last lane's store: lanes with the low bits 3
    EXPECT_EQ(got[1], ~0u);
    EXPECT_EQ(got[2], 1u);
    EXPECT_EQ(got[3], 2u);
    EXPECT_EQ(got[4], 0u);
    EXPECT_EQ(got[5], 0u);
}

TEST_F(Control, BarriersOrderSharedMemory)
{
    // Reverses 256 values through shared memory.
    auto got = evaluate<u32>(
        "mov.u32 %r2, buf; shl.b32 %r3, %r0, 2; add.u32 %r4, %r2, %r3; mul.lo.u32 %r5, %r0, 3; "
        "st.shared.u32 [%r4], %r5;\n"
        "bar.sync 0; sub.u32 %r6, 1020, %r3; add.u32 %r6, %r6, %r2; ld.shared.u32 %r1, [%r6];" +
            std::string(kStore),
        256, 256, {}, ".shared .align 4 .b8 buf[1024];\n");
    for (u32 i = 0; i < 256; i++)
        EXPECT_EQ(got[i], (255 - i) * 3);
}

TEST_F(Control, BarrierReductionsAndExitedThreads)
{
    auto got = evaluate<u32>("setp.ge.u32 %q1, %r0, 100; @%q1 exit; setp.lt.u32 %q2, %r0, 10; "
                             "bar.red.popc.u32 %r1, 0, %q2;\n"
                             "bar.red.or.pred %q3, 0, %q2; bar.red.and.pred %q4, 0, !%q2; selp.u32 "
                             "%r2, 100, 0, %q3; selp.u32 %r3, 1000, 0, %q4;\n"
                             "add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3;" +
                                 std::string(kStore),
                             100, 128);
    for (u32 value : got)
        EXPECT_EQ(value, 110u);
}

/// Each reduction of predicates that are true in no thread, some, all but one, and all; of warps
/// that agree and warps that do not, at barriers one after another.
TEST_F(Control, BarrierReductionsOfMixedPredicates)
{
    struct Case {
        const char *predicate;
        u32 count;
    };
    for (Case it : {Case{"setp.ge.u32 %q1, %r0, 96;", 0},
                    {"setp.eq.u32 %q1, %r0, 70;", 1},
                    {"setp.lt.u32 %q1, %r0, 32;", 32},
                    {"setp.ge.u32 %q1, %r0, 40;", 56},
                    {"setp.ne.u32 %q1, %r0, 33;", 95},
                    {"setp.lt.u32 %q1, %r0, 96;", 96}}) {
        SCOPED_TRACE(it.predicate);
        auto got = evaluate<u32>(
            std::string(it.predicate) +
                "bar.red.popc.u32 %r1, 0, %q1; barrier.red.popc.aligned.u32 %r2, 3, 96, !%q1;\n"
                "bar.red.and.pred %q2, 0, %q1; bar.red.or.pred %q3, 0, %q1;\n"
                "barrier.red.and.pred %q4, 2, 96, !%q1; barrier.red.or.pred %q5, 2, 96, !%q1;\n"
                "selp.u32 %r3, 1, 0, %q2; selp.u32 %r4, 2, 0, %q3; selp.u32 %r5, 4, 0, %q4;\n"
                "selp.u32 %r6, 8, 0, %q5; add.u32 %r3, %r3, %r4; add.u32 %r5, %r5, %r6;\n"
                "add.u32 %r3, %r3, %r5; shl.b32 %r2, %r2, 8; shl.b32 %r3, %r3, 16;\n"
                "add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3;" +
                kStore,
            96, 96);
        u32 bits =
            (it.count == 96) | (it.count > 0) * 2 | (it.count == 0) * 4 | (it.count < 96) * 8;
        for (u32 value : got)
            EXPECT_EQ(value, it.count | (96 - it.count) << 8 | bits << 16);
    }
}

TEST_F(Control, NamedBarriersOfSomeWarps)
{
    // A producer arrives and goes on; a consumer waits for it. 64 threads take part.
    auto got = evaluate<u32>(
        "setp.lt.u32 %q1, %r0, 32; @%q1 bra P; bar.sync 3, 64; ld.volatile.shared.u32 %r1, [flag]; "
        "bra E;\n"
        "P: mov.u32 %r2, 5; L: sub.u32 %r2, %r2, 1; setp.ne.u32 %q2, %r2, 0; @%q2 bra L; "
        "st.volatile.shared.u32 [flag], 42; bar.arrive 3, 64; mov.u32 %r1, 1;\nE:" +
            std::string(kStore),
        64, 64, {}, ".shared .u32 flag;\n");
    for (u32 i = 0; i < 64; i++)
        EXPECT_EQ(got[i], i < 32 ? 1 : 42) << i;
}

TEST_F(Control, DeadlockIsToldAtOnce)
{
    Fault fault =
        run(kernel("setp.lt.u32 %q1, %r0, 32; @%q1 bra E; bar.sync 1, 96; E: bar.sync 2, 96;"), {1},
            {64}, {});
    EXPECT_EQ(fault.kind, Fault::Kind::timeout);
    EXPECT_NE(fault.text.find("deadlock"), std::string::npos) << fault.text;
}

TEST_F(Control, SpinLockWithinAWarp)
{
    // Every lane takes a lock, adds, releases: min-pc scheduling alone would never end.
    auto got = evaluate<u32>(
        "L: atom.global.cas.b32 %r1, [%p0+4], 0, 1; setp.ne.u32 %q1, %r1, 0; @%q1 bra L;\n"
        "ld.volatile.global.u32 %r2, [%p0]; add.u32 %r2, %r2, 1; st.volatile.global.u32 [%p0], "
        "%r2; membar.gl;\n"
        "atom.global.exch.b32 %r3, [%p0+4], 0;",
        2, 128);
    EXPECT_EQ(got[0], 128u);
}

TEST_F(Control, BlocksThatWaitForLaterBlocks)
{
    // Block 0 spins until the last block has come; more blocks than cores.
    uint64_t out = allocate_device(8);
    Fault fault = run(kernel("mov.u32 %r1, %ctaid.x; setp.ne.u32 %q1, %r1, 0; @%q1 bra A;\n"
                             "L: ld.volatile.global.u32 %r2, [%p0]; setp.lt.u32 %q2, %r2, 7; @%q2 "
                             "bra L; st.global.u32 [%p0+4], 1; ret;\n"
                             "A: red.global.add.u32 [%p0], 1;"),
                      {8}, {1}, {out});
    EXPECT_EQ(fault.text, "");
    EXPECT_EQ(at<u32>(out)[1], 1u);
}

TEST_F(Control, CooperativeGridBarrier)
{
    // All blocks add, wait for each other, and see everybody's sum.
    uint64_t out = allocate_device(4 * 65);
    auto program = compile(kernel(
        "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %nctaid.x; setp.ne.u32 %q1, %r0, 0; @%q1 bra W;\n"
        "red.global.add.u32 [%p0], 1; L: ld.acquire.gpu.global.u32 %r3, [%p0]; setp.lt.u32 %q2, "
        "%r3, %r2; @%q2 bra L;\n"
        "W: bar.sync 0; ld.volatile.global.u32 %r4, [%p0]; mul.wide.u32 %d1, %r1, 4; add.u64 %d1, "
        "%d1, %p0; st.global.u32 [%d1+4], %r4;"));
    Fault fault = run(program, {64}, {64}, {out}, 0, 2, true);
    EXPECT_EQ(fault.text, "");
    for (u32 i = 0; i < 64; i++)
        EXPECT_EQ(at<u32>(out)[i + 1], 64u);
}

const char *kFactorial =
    ".func (.param .b32 r) fact(.param .b32 n)\n{ .reg .b32 %a<5>; .reg .pred %c; ld.param.b32 "
    "%a1, [n]; mov.u32 %a2, 1;\n"
    "setp.le.u32 %c, %a1, 1; @%c bra D; sub.u32 %a3, %a1, 1; { .param .b32 q; .param .b32 s; "
    "st.param.b32 [q], %a3;\n"
    "call (s), fact, (q); ld.param.b32 %a4, [s]; } mul.lo.u32 %a2, %a1, %a4;\nD: st.param.b32 [r], "
    "%a2; ret; }\n"
    ".func (.param .b32 r) twice(.param .b32 n)\n{ .reg .b32 %a<3>; ld.param.b32 %a1, [n]; shl.b32 "
    "%a2, %a1, 1; st.param.b32 [r], %a2; ret; }\n";

TEST_F(Control, RecursionDivergesByLane)
{
    auto got = evaluate<u32>("and.b32 %r2, %r0, 7; { .param .b32 q; .param .b32 s; st.param.b32 "
                             "[q], %r2; call.uni (s), fact, (q); ld.param.b32 %r1, [s]; }" +
                                 std::string(kStore),
                             32, 32, {}, kFactorial);
    const u32 factorials[] = {1, 1, 2, 6, 24, 120, 720, 5040};
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(got[i], factorials[i % 8]) << i;
}

TEST_F(Control, IndirectCallsByLaneAndRegistersAsParameters)
{
    auto got = evaluate<u32>("and.b32 %r2, %r0, 1; mul.wide.u32 %d1, %r2, 8; mov.u64 %d2, table; "
                             "add.u64 %d2, %d2, %d1; ld.global.u64 %d3, [%d2];\n"
                             "and.b32 %r3, %r0, 3; P: .callprototype (.param .b32 _) _ (.param "
                             ".b32 _); call (%r1), %d3, (%r3), P;" +
                                 std::string(kStore),
                             32, 32, {},
                             kFactorial + std::string(".global .u64 table[2] = {fact, twice};\n"));
    const u32 factorials[] = {1, 1, 2, 6};
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(got[i], i % 2 ? 2 * (i & 3) : factorials[i & 3]) << i;
}

TEST_F(Control, EndlessRecursionOverflowsTheStack)
{
    Fault fault = run(kernel("call f;", ".func f()\n{ call f; ret; }\n"), {1}, {32}, {});
    EXPECT_EQ(fault.kind, Fault::Kind::stack_overflow);
    fault =
        run(kernel("call (%r1), %d1, (%r0); P: .callprototype (.param .b32 _) _ (.param .b32 _);"),
            {1}, {1}, {});
    EXPECT_EQ(fault.kind, Fault::Kind::illegal_instruction) << fault.text;
}

TEST_F(Control, DeepRecursionHasTheStackItAskedFor)
{
    // 4000 activations of at least 48 bytes: more than the 64 KiB there always are.
    std::string sum = ".func (.param .b32 r) sum(.param .b32 n)\n{ .reg .pred %a; .reg .b32 %b<4>; "
                      ".local .b8 room[16]; ld.param.b32 %b1, [n]; st.local.u32 [room], %b1;\n"
                      "mov.u32 %b2, 0; setp.eq.u32 %a, %b1, 0; @%a bra E; sub.u32 %b1, %b1, 1;\n"
                      "call.uni (%b2), sum, (%b1); ld.local.u32 %b1, [room];\n"
                      "E: add.u32 %b2, %b2, %b1; st.param.b32 [r], %b2; ret; }\n";
    uint64_t out = allocate_device(128);
    std::string ptx =
        kernel("mov.u32 %r2, 4000; call.uni (%r1), sum, (%r2);" + std::string(kStore), sum);
    EXPECT_EQ(run(ptx, {1}, {32}, {out}).kind, Fault::Kind::stack_overflow);
    stack_ = 1 << 20;
    Fault fault = run(ptx, {1}, {32}, {out});
    EXPECT_EQ(fault.text, "");
    for (u32 i = 0; i < 32; i++)
        EXPECT_EQ(at<u32>(out)[i], 4000u * 4001 / 2);
}

/// One lock, taken by every thread of all warps of all blocks: no lane, warp or block may starve
/// the holder, and what is written inside must be seen by the next holder.
TEST_F(Control, SpinLocksBetweenWarpsAndBlocks)
{
    uint64_t lock = allocate_device(64);
    auto program = compile(
        kernel("mov.u32 %r5, 0;\n"
               "L: atom.acquire.gpu.global.cas.b32 %r1, [%p0], 0, 1; setp.ne.u32 %q1, %r1, 0; @%q1 "
               "bra N;\n"
               "ld.relaxed.gpu.global.u32 %r2, [%p0+4]; add.u32 %r2, %r2, 1; "
               "st.relaxed.gpu.global.u32 [%p0+4], %r2; membar.gl;\n"
               "atom.release.gpu.global.exch.b32 %r3, [%p0], 0; mov.u32 %r5, 1;\n"
               "N: setp.eq.u32 %q2, %r5, 0; @%q2 bra L;"));
    Fault fault = run(program, {6}, {96}, {lock}, 0, 2);
    EXPECT_EQ(fault.text, "");
    EXPECT_EQ(at<u32>(lock)[0], 0u);
    EXPECT_EQ(at<u32>(lock)[1], 6u * 96);
}

/// Producers arrive and go on, consumers wait: bar.arrive with bar.sync on the same barrier.
TEST_F(Control, ProducersArriveAndConsumersWait)
{
    auto got = evaluate<u32>(
        ".shared .b32 box[64]; mov.u32 %r10, box; mov.u32 %r4, 0; setp.lt.u32 %q1, %r0, 64; "
        "and.b32 %r2, %r0, 63; shl.b32 %r3, %r2, 2; add.u32 %r3, %r10, %r3; @!%q1 bra C;\n"
        "P: mov.u32 %r5, 0; W: add.u32 %r5, %r5, 1; setp.lt.u32 %q2, %r5, 3000; @%q2 bra W;\n"
        "mul.lo.u32 %r6, %r0, 7; st.shared.u32 [%r3], %r6; barrier.arrive 3, 128; "
        "barrier.sync 4, 128; ld.shared.u32 %r1, [%r3]; bra S;\n"
        "C: barrier.sync 3, 128; ld.shared.u32 %r1, [%r3]; add.u32 %r7, %r1, 1; "
        "st.shared.u32 [%r3], %r7; bar.arrive 4, 128;\nS:" +
            std::string(kStore),
        128, 128);
    for (u32 i = 0; i < 64; i++) {
        EXPECT_EQ(got[64 + i], i * 7) << i;
        EXPECT_EQ(got[i], i * 7 + 1) << i;
    }
}

TEST_F(Control, EndlessKernelsEnd)
{
    timeout_ = 0.2;
    Fault fault = run(kernel("L: bra L;"), {4}, {64}, {});
    EXPECT_EQ(fault.kind, Fault::Kind::timeout);
    timeout_ = 20;
    cancelled_ = true;
    EXPECT_EQ(run(kernel("L: bra L;"), {4}, {64}, {}).kind, Fault::Kind::timeout);
    EXPECT_EQ(run(kernel("L: nanosleep.u32 100; bra L;"), {1}, {64}, {}).kind,
              Fault::Kind::timeout);
}

TEST_F(Control, TrapNamesItsPlace)
{
    Fault fault = run(kernel("mov.u32 %r1, %ctaid.x; setp.eq.u32 %q1, %r1, 3; setp.eq.and.u32 %q2, "
                             "%r0, 40, %q1;\n@%q2 trap;"),
                      {5}, {64}, {});
    EXPECT_EQ(fault.kind, Fault::Kind::trap);
    EXPECT_NE(fault.text.find("kernel 'k', PTX line 11 (trap), block (3,0,0), thread (40,0,0)"),
              std::string::npos)
        << fault.text;
}

TEST_F(Control, SpecialRegisters)
{
    uint64_t out = allocate_device(4 * 7 * 24 * 2);
    Fault fault =
        run(kernel("mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z; mov.u32 %r3, %ntid.x; mov.u32 %r4, "
                   "%ntid.y; mov.u32 %r5, %ctaid.y;\n"
                   "mad.lo.u32 %r6, %r2, %r4, %r1; mad.lo.u32 %r6, %r6, %r3, %r0; mad.lo.u32 %r6, "
                   "%r5, 24, %r6; mul.wide.u32 %d1, %r6, 28; add.u64 %d1, %d1, %p0;\n"
                   "mov.u32 %r7, %laneid; mov.u32 %r8, %lanemask_lt; mov.u32 %r9, %nctaid.y; "
                   "mov.u64 %d5, %clock64;\n"
                   "st.global.u32 [%d1], %r0; st.global.u32 [%d1+4], %r1; st.global.u32 [%d1+8], "
                   "%r2; st.global.u32 [%d1+12], %r5; st.global.u32 [%d1+16], %r7; st.global.u32 "
                   "[%d1+20], %r8; st.global.u32 [%d1+24], %r9;"),
            {1, 2}, {3, 4, 2}, {out});
    EXPECT_EQ(fault.text, "");
    for (u32 i = 0; i < 48; i++) {
        const u32 *row = at<u32>(out) + i * 7;
        u32 t = i % 24;
        EXPECT_EQ((std::vector<u32>(row, row + 7)),
                  (std::vector<u32>{t % 3, t / 3 % 4, t / 12, i / 24, t, (1u << t) - 1, 2}));
    }
}

TEST_F(Control, MbarrierPhases)
{
    auto got = evaluate<u32>(
        "mov.u32 %r2, bar; setp.ne.u32 %q1, %r0, 0; @%q1 bra W; mbarrier.init.shared.b64 [%r2], "
        "64;\nW: bar.sync 0;\n"
        "shl.b32 %r3, %r0, 2; mov.u32 %r4, data; add.u32 %r4, %r4, %r3; st.shared.u32 [%r4], %r0;\n"
        "mbarrier.arrive.shared.b64 %d1, [%r2];\nT: mbarrier.test_wait.shared.b64 %q2, [%r2], %d1; "
        "@!%q2 bra T;\n"
        "xor.b32 %r3, %r3, 128; mov.u32 %r4, data; add.u32 %r4, %r4, %r3; ld.shared.u32 %r1, "
        "[%r4];" +
            std::string(kStore),
        64, 64, {}, ".shared .align 8 .b64 bar; .shared .align 4 .b8 data[256];\n");
    for (u32 i = 0; i < 64; i++)
        EXPECT_EQ(got[i], i ^ 32);
}

TEST_F(Control, PrintfAndAssert)
{
    std::string module =
        ".extern .func (.param .b32 r) vprintf(.param .b64 a, .param .b64 b);\n"
        ".extern .func __assertfail(.param .b64 a, .param .b64 b, .param .b32 c, .param .b64 d, "
        ".param .b64 e);\n"
        ".global .align 1 .b8 fmt[28] = "
        "{37,100,32,37,53,46,49,102,32,37,115,32,37,108,108,120,32,37,99,37,37,10,0};\n"
        ".global .align 1 .b8 str[3] = {104,105,0};\n";
    std::string body =
        ".local .align 8 .b8 depot[40]; .reg .b64 %L; mov.u64 %L, depot; cvta.local.u64 %d1, %L; "
        "setp.ne.u32 %q1, %r0, 1; @%q1 ret;\n"
        "st.local.u32 [%L], -7; st.local.f64 [%L+8], 0d4009000000000000; mov.u64 %d2, str; "
        "st.local.u64 [%L+16], %d2; st.local.u64 [%L+24], 0xabcdef0123; st.local.u32 [%L+32], 65;\n"
        "mov.u64 %d3, fmt; { .param .b64 a; .param .b64 b; .param .b32 r; st.param.b64 [a], %d3; "
        "st.param.b64 [b], %d1; call.uni (r), vprintf, (a, b); }\n";
    Fault fault = run(kernel(body, module), {1}, {32}, {});
    EXPECT_EQ(fault.text, "");
    EXPECT_EQ(printed_, "-7   3.1 hi abcdef0123 A%\n");
    fault = run(kernel(body + "call.uni __assertfail, (%d2, %d2, %r0, %d2, %d2);", module), {1},
                {32}, {});
    EXPECT_EQ(fault.kind, Fault::Kind::assert_failed);
    EXPECT_NE(fault.text.find("hi:1: hi: Assertion `hi` failed"), std::string::npos) << fault.text;
}

TEST_F(Control, DeviceHeap)
{
    auto got = evaluate<u32>("{ .param .b64 n; .param .b64 a; st.param.b64 [n], 64; call.uni (a), "
                             "malloc, (n); ld.param.b64 %d1, [a]; }\n"
                             "st.u32 [%d1+60], %r0; ld.u32 %r1, [%d1+60]; { .param .b64 a; "
                             "st.param.b64 [a], %d1; call.uni free, (a); }" +
                                 std::string(kStore),
                             64, 64, {},
                             ".extern .func (.param .b64 r) malloc(.param .b64 n);\n.extern .func "
                             "free(.param .b64 p);\n");
    for (u32 i = 0; i < 64; i++)
        EXPECT_EQ(got[i], i);
}

} // namespace
} // namespace vgpu::soft
