// SPDX-License-Identifier: Apache-2.0
// Must not see cuda.h: it declares every function without its parameters, to take its address. One
// that this build does not have (a header older than the table) is null, since the references are
// weak.
#include "remoting/client/proc-address.h"

#include <algorithm>
#include <iterator>

#define ROW(name, version, per_thread, symbol, pointer)                                            \
    extern "C" __attribute__((weak)) void symbol();
#include "remoting/client/proc-address.inc"
#undef ROW

namespace vgpu::client
{
namespace
{

// By name; a name's rows are together.
const Procedure kProcedures[] = {
#define ROW(name, version, per_thread, symbol, pointer) {name, version, per_thread, symbol},
#include "remoting/client/proc-address.inc"
#undef ROW
};

} // namespace

Lookup find_procedure(std::string_view name, int version, bool per_thread, const Procedure *&found)
{
    auto [first, last] =
        std::equal_range(std::begin(kProcedures), std::end(kProcedures), Procedure{.name = name},
                         [](const Procedure &a, const Procedure &b) { return a.name < b.name; });
    Lookup outcome = Lookup::unknown;
    const Procedure *best = nullptr;
    for (auto row = first; row != last; ++row) {
        if (!row->address || (row->per_thread && !per_thread))
            continue;
        if (row->version > version) {
            if (outcome == Lookup::unknown)
                outcome = Lookup::too_new;
            continue;
        }
        outcome = Lookup::found;
        // The variant that was asked for wins over a newer plain one.
        if (!best || row->per_thread > best->per_thread ||
            (row->per_thread == best->per_thread && row->version > best->version))
            best = row;
    }
    if (best)
        found = best;
    return outcome;
}

} // namespace vgpu::client
