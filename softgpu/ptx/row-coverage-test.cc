// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-coverage.h"

namespace vgpu::soft::rows
{
namespace
{

struct Test {
    std::string_view prefix;
    const char *name;
};

/// By the beginning of the row's name.
constexpr Test kRows[] = {
    {"ld.index.", "Index.LoadsAsByAddress"},
    {"ld.", "MemoryRows.Loads"},
    {"st.index.", "Index.StoresAsByAddress"},
    {"st.", "MemoryRows.Stores"},
    {"atom.", "MemoryRows.Atomics"},
    {"cp.async", "Memory.AsynchronousCopies"},
    {"pack.", "Arithmetic.VectorsPackAndUnpack"},
    {"unpack.", "Arithmetic.VectorsPackAndUnpack"},
    {"mma.", "Matrix.EveryForm"},
    {"cvt.pack.", "Extra.PackingConversionsClamp"},
};

/// By opcode.
constexpr Test kInstructions[] = {
    {"activemask", "Control.VoteMatchElect"},
    {"applypriority", "Forms.HintsAreAccepted"},
    {"atom", "MemoryRows.Atomics"},
    {"bar", "Control.NamedBarriersOfSomeWarps"},
    {"barrier", "Control.BarrierReductionsAndExitedThreads"},
    {"bra", "Control.NestedBranchesAndEarlyExit"},
    {"brkpt", "Forms.HintsAreAccepted"},
    {"brx", "Control.BranchTable"},
    {"call", "Control.IndirectCallsByLaneAndRegistersAsParameters"},
    {"cp", "Memory.AsynchronousCopies"},
    {"createpolicy", "Forms.HintsAreAccepted"},
    {"cvt", "Rows.FloatsOnBaseline"},
    {"cvta", "Memory.SpacesAndTheirGenericAddresses"},
    {"discard", "Forms.HintsAreAccepted"},
    {"elect", "Control.VoteMatchElect"},
    {"exit", "Control.NestedBranchesAndEarlyExit"},
    {"fence", "Control.BlocksThatWaitForLaterBlocks"},
    {"griddepcontrol", "Forms.HintsAreAccepted"},
    {"isspacep", "Memory.SpacesAndTheirGenericAddresses"},
    {"ld", "MemoryRows.Loads"},
    {"ldu", "Forms.HintsAreAccepted"},
    {"match", "Control.VoteMatchElect"},
    {"mbarrier", "Control.MbarrierPhases"},
    {"membar", "Control.BlocksThatWaitForLaterBlocks"},
    {"mov", "Arithmetic.VectorsPackAndUnpack"},
    {"nanosleep", "Control.SpinLockWithinAWarp"},
    {"pmevent", "Forms.HintsAreAccepted"},
    {"prefetch", "Forms.HintsAreAccepted"},
    {"prefetchu", "Forms.HintsAreAccepted"},
    {"red", "MemoryRows.Atomics"},
    {"redux", "Control.VoteMatchElect"},
    {"ret", "Control.RecursionDivergesByLane"},
    {"set", "Arithmetic.Comparisons"},
    {"setmaxnreg", "Forms.HintsAreAccepted"},
    {"setp", "Rows.FloatsOnBaseline"},
    {"shfl", "Control.ShuffleModes"},
    {"st", "MemoryRows.Stores"},
    {"ldmatrix", "Matrix.LoadsRowsOfSharedMemory"},
    {"mma", "Matrix.EveryForm"},
    {"movmatrix", "Matrix.TransposesInRegisters"},
    {"suld", "Textures.SurfacesAreWrittenAndRead"},
    {"suq", "Textures.Queries"},
    {"sured", "Textures.SurfacesAreWrittenAndRead"},
    {"sust", "Textures.SurfacesAreWrittenAndRead"},
    {"tex", "Textures.EveryGeometry"},
    {"tld4", "Textures.CubesAndGathers"},
    {"txq", "Textures.Queries"},
    {"wmma", "Matrix.WmmaLoadsMultipliesStores"},
    {"trap", "Control.TrapNamesItsPlace"},
    {"vote", "Control.VoteMatchElect"},
};

} // namespace

const char *test_of_instruction(std::string_view opcode)
{
    for (const Test &test : kInstructions)
        if (opcode == test.prefix)
            return test.name;
    return nullptr;
}

const char *tested_elsewhere(std::string_view row)
{
    for (const Test &test : kRows)
        if (row.starts_with(test.prefix))
            return test.name;
    return nullptr;
}

} // namespace vgpu::soft::rows
