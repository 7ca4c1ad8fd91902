// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/entry.h"

#include <cstring>

// cuGetProcAddress: a table of (name, the version of CUDA that brought it, per-thread form or not,
// symbol), in rising version. Functions that are refused are in it without a symbol: they are said
// not to be there, which is the truth.

// The newer names of the header are what the symbols are called; the older need their own
// declaration.
#define SOFT_SYMBOL(symbol) extern "C" void softgpu_##symbol() __asm__(#symbol);
#define SOFT_PROC(name, version, kind, symbol)
#define SOFT_NO_PROC(name, version, kind, symbol)
#include "softgpu/driver/proc-table.inc"
#undef SOFT_SYMBOL
#undef SOFT_PROC
#undef SOFT_NO_PROC

namespace
{

enum class Form { plain, per_thread };

struct Row {
    const char *name;
    int version;
    Form form;
    void (*symbol)();
};

#define SOFT_SYMBOL(symbol)
#define SOFT_PROC(name, version, kind, symbol) {#name, version, Form::kind, softgpu_##symbol},
#define SOFT_NO_PROC(name, version, kind, symbol)
const Row kRows[] = {
#include "softgpu/driver/proc-table.inc"
};

struct Found {
    void (*symbol)() = nullptr;
    bool name_known = false;
};

Found look_up(const char *name, int version, Form form)
{
    Found found;
    for (const Row &row : kRows) {
        if (row.form != form || strcmp(row.name, name))
            continue;
        found.name_known = true;
        if (row.version <= version)
            found.symbol = row.symbol;
    }
    return found;
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuGetProcAddress_v2(const char *name, void **function, int version,
                                                 cuuint64_t flags,
                                                 CUdriverProcAddressQueryResult *status)
{
    constexpr cuuint64_t known =
        CU_GET_PROC_ADDRESS_LEGACY_STREAM | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
    if (!name || !function || (flags & ~known) || flags == known || version < 2000)
        return CUDA_ERROR_INVALID_VALUE;
    *function = nullptr;
    Found found;
    if (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM)
        found = look_up(name, version, Form::per_thread);
    if (!found.symbol) {
        Found plain = look_up(name, version, Form::plain);
        found = {plain.symbol, plain.name_known || found.name_known};
    }
    *function = reinterpret_cast<void *>(found.symbol);
    if (status)
        *status = found.symbol       ? CU_GET_PROC_ADDRESS_SUCCESS
                  : found.name_known ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                     : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return found.symbol ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
