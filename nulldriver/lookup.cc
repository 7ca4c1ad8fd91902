// SPDX-License-Identifier: Apache-2.0
// cuGetProcAddress. cuda.h must not be seen here: each function is declared without its parameters,
// to take its address; one that the header lacks is null.
#include <cstring>
#include <iterator>

// Under a name of our own, since two of them are defined below.
#define ROW(name, version, per_thread, symbol, pointer)                                            \
    extern "C" __attribute__((weak)) void null_##symbol() __asm__(#symbol);
#include "nulldriver/proc-address.inc"
#undef ROW

namespace
{

struct Row {
    const char *name;
    int version;
    bool per_thread;
    void (*address)();
};

const Row kRows[] = {
#define ROW(name, version, per_thread, symbol, pointer) {name, version, per_thread, null_##symbol},
#include "nulldriver/proc-address.inc"
#undef ROW
};

constexpr unsigned long long kPerThread = 2; // CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM
constexpr int kSuccess = 0, kInvalid = 1, kNotFound = 500;

} // namespace

#define NULL_EXPORT extern "C" __attribute__((visibility("default"))) int

NULL_EXPORT cuGetProcAddress_v2(const char *name, void **function, int version,
                                unsigned long long flags, int *status)
{
    if (!name || !function)
        return kInvalid;
    const Row *best = nullptr;
    bool known = false;
    for (const Row &row : kRows) {
        if (!row.address || strcmp(row.name, name) || (row.per_thread && !(flags & kPerThread)))
            continue;
        known = true;
        // The form that was asked for wins, then the newest.
        if (row.version <= version && (!best || row.per_thread >= best->per_thread))
            best = &row;
    }
    *function = best ? reinterpret_cast<void *>(best->address) : nullptr;
    if (status)
        *status = best ? 0 : known ? 2 : 1;
    return best ? kSuccess : kNotFound;
}

NULL_EXPORT cuGetProcAddress(const char *name, void **function, int version,
                             unsigned long long flags)
{
    return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}
