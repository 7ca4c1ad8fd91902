// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/resident.h"

#include "softgpu/ptx/module.h"

#include <chrono>
#include <cstring>
#include <mutex>
#include <sys/mman.h>

// A core runs one block to its end and takes the next. A block that goes on for long may wait for
// blocks that have not begun: where no core has come to its next block for as long, more become
// resident beside it. While others do, theirs is the rest: taken by a core that is busy, it would
// be late. In a cooperative launch all blocks are resident from the beginning.
namespace vgpu::soft
{
namespace
{

constexpr uint64_t kPatienceNs = 20'000'000; ///< a block may have this long for itself
constexpr uint64_t kAloneNs = 100'000;       ///< a shorter launch is not worth a second thread
constexpr size_t kMaxResident = 4096;        ///< blocks of a core that is not cooperative

enum class Progress { done, running, blocked };

void set_special(Warp &warp, Special which, uint32_t value)
{
    std::fill_n(lanes<uint32_t>(warp, special_slot(which)), kLanes, value);
}

/// What stays the same for a warp slot whatever block it runs.
void set_specials(Warp &warp, const Grid &grid)
{
    const Launch &launch = grid.launch;
    for (unsigned lane = 0; lane < kLanes; lane++) {
        unsigned thread = thread_of(warp, lane);
        auto put = [&](Special which, uint32_t value) {
            lanes<uint32_t>(warp, special_slot(which))[lane] = value;
        };
        put(kTidX, thread % launch.block.x);
        put(kTidY, thread / launch.block.x % launch.block.y);
        put(kTidZ, thread / launch.block.x / launch.block.y);
        put(kLaneid, lane);
        put(kLanemaskEq, 1u << lane);
        put(kLanemaskLt, (1u << lane) - 1);
        put(kLanemaskLe, (2u << lane) - 1);
        put(kLanemaskGe, ~((1u << lane) - 1));
        put(kLanemaskGt, ~((2u << lane) - 1));
    }
    auto workspace = reinterpret_cast<uint64_t>(grid.workspace.data());
    const std::pair<Special, uint32_t> uniform[] = {
        {kNtidX, launch.block.x},
        {kNtidY, launch.block.y},
        {kNtidZ, launch.block.z},
        {kNctaidX, launch.grid.x},
        {kNctaidY, launch.grid.y},
        {kNctaidZ, launch.grid.z},
        {kWarpid, warp.index},
        {kNwarpid, grid.warps_per_block},
        {kGridid, 0},
        {kSmid, warp.block->core->number},
        {kNsmid, grid.cores},
        {kDynamicSmem, uint32_t(launch.dynamic_shared_bytes)},
        {kTotalSmem, uint32_t(grid.shared_bytes)},
        {kEnvreg1, launch.cooperative ? uint32_t(workspace >> 32) : 0},
        {kEnvreg2, launch.cooperative ? uint32_t(workspace) : 0},
        {kDynamicOffset, grid.dynamic_offset},
        {kZero, 0},
        {kOne, 1},
    };
    for (auto [which, value] : uniform)
        set_special(warp, which, value);
}

void prepare(Block &block, Core &core)
{
    const Grid &grid = core.grid;
    block.core = &core;
    block.index = {0, 0, 0};
    block.threads = grid.threads_per_block;
    block.warps = std::vector<Warp>(grid.warps_per_block);
    block.shared_bytes = grid.shared_bytes;
    block.shared_arena.resize((grid.shared_bytes + 63) / 64 + 1);
    block.shared = block.shared_arena[0].bytes.data();
    block.stack_bytes = grid.stack_bytes;
    if (grid.stack_bytes) {
        block.local_map_bytes = size_t(grid.warps_per_block) * kLanes * grid.stack_bytes;
        void *map = mmap(nullptr, block.local_map_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (map == MAP_FAILED) {
            block.local_map_bytes = 0;
            throw KernelFault{
                {Fault::Kind::stack_overflow, "no memory for the stacks of a block's threads"}};
        }
        block.local = block.local_map = static_cast<std::byte *>(map);
    }
    size_t chunks = (grid.code.register_bytes + 63) / 64 + 1;
    constexpr size_t special_chunks = size_t(kSpecials) * 128 / 64;
    block.register_arena.resize(chunks * grid.warps_per_block);
    block.special_arena.resize(special_chunks * grid.warps_per_block);
    for (unsigned i = 0; i < grid.warps_per_block; i++) {
        Warp &warp = block.warps[i];
        warp.index = i;
        warp.block = &block;
        warp.spans = core.spans.data();
        warp.shared = block.shared;
        warp.shared_size = block.shared_bytes;
        warp.lane_frame.fill(&warp.root);
        warp.root.code = &grid.code;
        warp.root.registers = block.register_arena[chunks * i].bytes.data();
        warp.root.constants = reinterpret_cast<const std::byte *>(grid.constants.data());
        warp.set_bank(kRegisterBank, warp.root.registers);
        warp.set_bank(kConstantBank, warp.root.constants);
        warp.set_bank(kSpecialBank, block.special_arena[special_chunks * i].bytes.data());
        warp.set_bank(kBlockBank, block.specials[0].bytes.data());
        set_specials(warp, grid);
    }
}

void begin(Block &block, uint64_t number)
{
    const Grid &grid = block.core->grid;
    const Dim3 &size = grid.launch.grid;
    const Dim3 before = block.index; // its numbers are still in the special registers
    block.index = {unsigned(number % size.x), unsigned(number / size.x % size.y),
                   unsigned(number / size.x / size.y)};
    block.live_threads = block.threads;
    if (block.open_barriers) {
        block.barriers.fill(Barrier{});
        block.open_barriers = 0;
    }
    for (Warp &warp : block.warps) {
        unsigned threads = std::min(kLanes, block.threads - warp.index * kLanes);
        warp.live = threads == kLanes ? kAllLanes : (1u << threads) - 1;
        warp.active = warp.waiting = warp.barred = 0;
        warp.frame = &warp.root;
        warp.called = warp.rotating = warp.yielded = false;
        warp.together = true;
        warp.together_pc = 0;
    }
    if (block.index.x != before.x)
        set_special(block.warps[0], kCtaidX, block.index.x);
    if (block.index.y != before.y)
        set_special(block.warps[0], kCtaidY, block.index.y);
    if (block.index.z != before.z)
        set_special(block.warps[0], kCtaidZ, block.index.z);
}

/// One turn for each warp that can run; counts their branches, a sixteenth of a slice at least.
Progress step(Block &block, uint64_t &branches)
{
    bool ran = false;
    for (Warp &warp : block.warps)
        if (warp.runnable()) {
            run_warp(warp);
            branches += unsigned(
                std::max(kSliceBranches - warp.budget - warp.reserve, kSliceBranches / 16));
            ran = true;
        }
    if (block.live_threads == 0)
        return Progress::done;
    return ran ? Progress::running : Progress::blocked;
}

[[noreturn]] void deadlock(Block &block)
{
    for (Warp &warp : block.warps)
        if (uint32_t stuck = warp.live) {
            unsigned lane = unsigned(std::countr_zero(stuck));
            spread_lanes(warp);
            warp.frame = warp.lane_frame[lane];
            bool barrier = warp.barred >> lane & 1;
            const Inst *inst =
                warp.frame->code->insts.data() + warp.lane_pc[lane] - (barrier ? 1 : 0);
            raise_fault(warp, inst, lane, Fault::Kind::timeout,
                        barrier ? "deadlock: threads wait at a barrier that the others never reach"
                                : "deadlock: lanes wait for lanes that never come");
        }
    throw KernelFault{{Fault::Kind::internal, "a block has no threads left and did not end"}};
}

void poll(Grid &grid)
{
    if (grid.host.cancelled())
        throw KernelFault{{Fault::Kind::timeout, "kernel '" + grid.code.name + "' was cancelled"}};
    if (grid.deadline_ns != UINT64_MAX && now_ns() > grid.deadline_ns)
        throw KernelFault{{Fault::Kind::timeout, "kernel '" + grid.code.name +
                                                     "' ran longer than " +
                                                     std::to_string(grid.launch.timeout_seconds) +
                                                     " seconds (VGPU_SOFT_TIMEOUT)"}};
}

/// The blocks a core has begun, and contexts to begin others in.
class Residents
{
public:
    Residents(Core &core, const std::function<void()> &reinforce)
        : core_(core), reinforce_(reinforce)
    {
    }

    void run();

private:
    bool admit();
    /// Blocks begun by cores that had nothing else.
    uint64_t taken() const
    {
        return core_.grid.next_block.load(std::memory_order_relaxed) -
               core_.grid.impatient.load(std::memory_order_relaxed); // partner: the other cores
    }

    Core &core_;
    const std::function<void()> &reinforce_;
    std::vector<std::unique_ptr<Block>> running_, idle_;
};

bool Residents::admit()
{
    Grid &grid = core_.grid;
    uint64_t number =
        grid.next_block.fetch_add(1, std::memory_order_relaxed); // partner: the other cores
    if (number >= grid.blocks)
        return false;
    if (idle_.empty()) {
        idle_.push_back(std::make_unique<Block>());
        prepare(*idle_.back(), core_);
    }
    begin(*idle_.back(), number);
    running_.push_back(std::move(idle_.back()));
    idle_.pop_back();
    return true;
}

void Residents::run()
{
    Grid &grid = core_.grid;
    bool more = true;
    if (grid.launch.cooperative) {
        uint64_t share = (grid.blocks + grid.cores - 1) / grid.cores;
        while (more && running_.size() < share)
            more = admit();
    }
    uint64_t patience = 0, before = 0, branches = 0;
    const uint64_t round = uint64_t(kSliceBranches) * grid.warps_per_block;
    bool alone = bool(reinforce_);
    const uint64_t begun = alone ? now_ns() : 0;
    for (unsigned turn = 0;; turn++) {
        if (running_.empty()) {
            if (!more || !(more = admit()))
                return;
            if (turn % 16 == 0)
                poll(grid);
            patience = 0;
        }
        if (alone && now_ns() - begun > kAloneNs) {
            alone = false;
            reinforce_();
        }
        for (size_t i = 0; i < running_.size();) {
            Progress progress = step(*running_[i], branches);
            if (progress == Progress::blocked)
                deadlock(*running_[i]);
            if (progress == Progress::done) {
                // Order among residents does not matter; the context is used again.
                idle_.push_back(std::move(running_[i]));
                running_[i] = std::move(running_.back());
                running_.pop_back();
            } else {
                i++;
            }
            if (grid.stop.load(std::memory_order_relaxed)) // partner: fail()
                return;
        }
        if (running_.empty() || branches < round)
            continue;
        branches = 0;
        poll(grid);
        if (!more || running_.size() >= kMaxResident)
            continue;
        uint64_t now = now_ns();
        if (patience == 0 || (now > patience && taken() != before)) {
            before = taken();
            patience = now + kPatienceNs;
        } else if (now > patience) {
            grid.impatient.fetch_add(1, std::memory_order_relaxed); // partner: taken()
            more = admit();
            patience = now + kPatienceNs / running_.size();
        }
    }
}

void fail(Grid &grid, Fault fault)
{
    if (!grid.failed.exchange(true)) // partner: fail() of the other cores; the first one writes
        grid.fault = std::move(fault);
    grid.stop.store(true, std::memory_order_relaxed);
}

} // namespace

Block::~Block()
{
    if (local_map)
        munmap(local_map, local_map_bytes);
}

uint64_t now_ns()
{
    return uint64_t(std::chrono::steady_clock::now().time_since_epoch() /
                    std::chrono::nanoseconds(1));
}

void run_core(Grid &grid, unsigned number, const std::function<void()> &reinforce)
try {
    Core core{.grid = grid, .number = number, .table = grid.memory.snapshot()};
    Residents(core, reinforce).run();
} catch (const KernelFault &fault) {
    fail(grid, fault.fault);
} catch (const std::exception &error) {
    fail(grid, Fault{Fault::Kind::internal, error.what()});
}

} // namespace vgpu::soft
