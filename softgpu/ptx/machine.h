// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/code.h"

#include <atomic>
#include <bit>
#include <memory>

// The machine that runs decoded code: a grid has cores (host threads), a core has resident blocks,
// a block has warps of 32 lanes. Everything below a core is touched by one host thread at a time.
namespace vgpu::soft
{

struct Core;
struct Block;
struct Grid;
class Module;

inline constexpr unsigned kLanes = 32;
inline constexpr uint32_t kAllLanes = ~0u;
inline constexpr unsigned kBarriers = 16;
inline constexpr unsigned kSpans = 256; ///< a power of two; Inst::f counts memory instructions

/// Special registers, each 32 lanes of 4 bytes: the first three in the block's bank, so that a new
/// block of a grid changes nothing in its warps, the rest in the warp's.
enum Special : uint32_t {
    kCtaidX,
    kCtaidY,
    kCtaidZ,
    kBlockSpecials,
    kTidX = kBlockSpecials,
    kTidY,
    kTidZ,
    kNtidX,
    kNtidY,
    kNtidZ,
    kNctaidX,
    kNctaidY,
    kNctaidZ,
    kLaneid,
    kLanemaskEq,
    kLanemaskLe,
    kLanemaskLt,
    kLanemaskGe,
    kLanemaskGt,
    kWarpid,
    kNwarpid,
    kGridid,
    kSmid,
    kNsmid,
    kDynamicSmem,
    kTotalSmem,
    kEnvreg1,
    kEnvreg2,
    kDynamicOffset,
    kZero,
    kOne,
    kSpecials
};

constexpr Slot special_slot(Special which)
{
    return (which < kBlockSpecials ? kBlockBank : kSpecialBank) | uint32_t(which) * 128;
}

/// One activation of a function by some lanes of a warp.
struct Frame {
    const Code *code = nullptr;
    Frame *parent = nullptr;
    std::byte *registers = nullptr;
    const std::byte *constants = nullptr;
    uint32_t return_pc = 0;
    uint32_t lanes = 0; ///< that have not returned
    uint32_t depth = 0;
    uint32_t local_base = 0; ///< of its local memory in each thread's
    const CallSite *site = nullptr;
    size_t capacity = 0; ///< of `registers`
};

/// What a lane brings to a warp-wide operation it waits in.
struct Deposit {
    uint64_t value = 0;
    uint32_t mask = 0;
    uint32_t extra = 0, extra2 = 0;
};

/// Valid bytes that an instruction reached last: [lo, lo + size).
struct Span {
    uint64_t lo = 0;
    uint64_t size = 0;
};

struct alignas(64) Warp {
    /// Addresses of banks, less what a slot's upper bits add to them.
    std::array<uintptr_t, 4> bank{};
    uint32_t active = 0;
    int32_t budget = 0;          ///< backward branches left in this turn
    const Inst *limit = nullptr; ///< where other lanes wait, or the end: reschedule there
    Frame *frame = nullptr;
    Block *block = nullptr;
    Span *spans = nullptr;    ///< the core's, by Inst::f
    uint64_t shared_size = 0; ///< bytes of the block's shared memory
    std::byte *shared = nullptr;
    uint32_t live = 0;    ///< lanes that have not exited
    uint32_t waiting = 0; ///< in a warp-wide operation, for others
    uint32_t barred = 0;  ///< at a barrier of the block
    uint32_t index = 0;
    bool rotating = false;
    bool together =
        false; ///< all live lanes are at `together_pc` of the root frame; lane_pc is stale
    bool called = false;  ///< some lane is not in the root frame
    bool yielded = false; ///< asked for the end of the slice
    int32_t reserve = 0;  ///< branches of the slice beyond this turn
    uint32_t turn = 0;
    uint32_t together_pc = 0;
    uint32_t carry = 0; ///< CC.CF, a bit per lane
    Frame root;
    std::array<uint32_t, kLanes> lane_pc{};
    std::array<Frame *, kLanes> lane_frame{};
    std::array<uint32_t, kLanes> stamp{};
    std::array<uint8_t, kLanes> barrier{};
    std::array<Deposit, kLanes> deposit{};
    std::vector<Frame *> free_frames; ///< owned
    ~Warp();

    void set_bank(Slot which, const std::byte *place)
    {
        bank[which >> kBankShift] = reinterpret_cast<uintptr_t>(place) - which;
    }
    uint32_t runnable() const { return live & ~waiting & ~barred; }
    uint32_t pc_of(const Inst *inst) const { return uint32_t(inst - frame->code->insts.data()); }
};

template<class T>
[[gnu::always_inline]] inline T *lanes(Warp &warp, Slot slot)
{
    return reinterpret_cast<T *>(warp.bank[slot >> kBankShift] + slot);
}

struct Barrier {
    uint32_t arrived = 0;  ///< threads
    uint32_t expected = 0; ///< 0: all threads of the block
    uint32_t warps = 0;    ///< bit per warp that came
    uint32_t waiting = 0;  ///< bit per warp with waiting lanes
    uint32_t count = 0;    ///< bar.red: lanes with a true predicate
    uint32_t voters = 0;
    bool open = false;
};

struct Block {
    Core *core = nullptr;
    Dim3 index;
    unsigned threads = 0;
    unsigned live_threads = 0;
    std::vector<Warp> warps;
    std::byte *shared = nullptr; ///< `shared_bytes` long
    size_t shared_bytes = 0;
    std::byte *local = nullptr; ///< `threads` stacks
    size_t stack_bytes = 0;
    std::array<Barrier, kBarriers> barriers{};
    unsigned open_barriers = 0;

    std::vector<Chunk> register_arena, special_arena;
    std::array<Chunk, kBlockSpecials * 2> specials; ///< the block's bank
    std::vector<Chunk> shared_arena;
    std::byte *local_map = nullptr;
    size_t local_map_bytes = 0;

    Block() = default;
    Block(const Block &) = delete;
    ~Block();
};

/// How a fault leaves a handler: caught by the core.
struct KernelFault {
    Fault fault;
};

/// What all cores of one launch share.
struct Grid {
    const Launch &launch;
    const MemoryMap &memory;
    Host &host;
    const Module &module;
    const Code &code;
    std::vector<Chunk> constants; ///< the kernel's constant bank with its parameters filled in
    uint64_t blocks = 0;
    unsigned warps_per_block = 0, threads_per_block = 0;
    size_t shared_bytes = 0, stack_bytes = 0;
    uint32_t dynamic_offset = 0;
    std::atomic<uint64_t> next_block{0};
    std::atomic<uint64_t> impatient{0}; ///< blocks begun beside others that went on for long
    std::atomic<bool> stop{false};
    std::atomic<bool> failed{false};
    Fault fault;
    uint64_t deadline_ns = 0;
    unsigned cores = 1;
    alignas(64)
        std::array<uint32_t, 64> workspace{}; ///< cooperative groups keep their grid barrier here
};

/// One host thread's share.
struct Core {
    Grid &grid;
    unsigned number = 0;
    std::shared_ptr<const MemoryMap::Table> table;
    std::array<Span, 2 * kSpans> spans{}; ///< of reads, then of writes
    /// Objects this launch has used: a few, so a search from the front is enough.
    std::vector<std::pair<uint64_t, std::shared_ptr<const Texture>>> textures;
    std::vector<std::pair<uint64_t, std::shared_ptr<const Image>>> surfaces;

    /// The range that holds `address`, or null; looks at the map anew before it says null.
    const Range *find(uint64_t address);
    Range extra; ///< scratch for a range that is not in the map
};

/// Ends the launch: throws KernelFault whose text names kernel, line, instruction, block, thread.
[[noreturn]] void raise_fault(Warp &warp, const Inst *inst, unsigned lane, Fault::Kind kind,
                              const std::string &what);

/// Whether a generic address is one of that space; all are of none.
inline bool lies_in(Space space, uint64_t address)
{
    return space == Space::global   ? address < kWindowBase
           : space == Space::shared ? address - kSharedWindow < kWindowBytes
           : space == Space::local  ? address - kLocalWindow < kWindowBytes
                                    : true;
}

/// The bytes [address, address + size) of the generic address space as this lane sees them; faults
/// if they are not wholly valid, not aligned to `alignment`, not writable and `write`, or not in
/// the space that the instruction names.
std::byte *resolve(Warp &warp, const Inst *inst, unsigned lane, uint64_t address, size_t size,
                   size_t alignment, bool write, Space space = Space::none);

/// The range of the map that holds a global address, or null.
const Range *find_range(Warp &warp, uint64_t address);

// Scheduling of lanes (schedule.cc). Each returns the next instruction, or null when the warp has
// to stop.
const Inst *reschedule(Warp &warp);
const Inst *arrive(Warp &warp, const Inst *at); ///< the limit was reached
const Inst *diverge(Warp &warp, const Inst *a, uint32_t lanes_a,
                    const Inst *b);              ///< the rest go to b
const Inst *yield(Warp &warp, const Inst *next); ///< the slice is over
const Inst *pause(Warp &warp, const Inst *next); ///< the turn is over; lanes apart go on
bool extend(Warp &warp);                         ///< takes what is left of the slice, if anything
const Inst *exit_lanes(Warp &warp);
const Inst *return_lanes(Warp &warp);
const Inst *enter(Warp &warp, const Inst *call, const CallSite &site, const Code &callee,
                  uint32_t lanes);
void save_lanes(Warp &warp, const Inst *next);  ///< the active lanes' pc, one by one
void leave_lanes(Warp &warp, const Inst *next); ///< the same, at once if all are together
void spread_lanes(Warp &warp);                  ///< makes lane_pc true after leave_lanes
void run_warp(Warp &warp);

/// Lane's thread number within the block.
inline unsigned thread_of(const Warp &warp, unsigned lane)
{
    return warp.index * kLanes + lane;
}

/// Calls `body(lane)` for each lane in the mask, ascending.
template<class F>
[[gnu::always_inline]] inline void each_lane(uint32_t mask, F &&body)
{
    for (; mask != 0; mask &= mask - 1)
        body(unsigned(std::countr_zero(mask)));
}

} // namespace vgpu::soft
