// SPDX-License-Identifier: Apache-2.0
// Many small programs in one: CASE(name) { ... return number; } is checked by itself, and its name
// and number are printed. One binary, since starting one takes longer than most of them run.
#pragma once

#include "array.h"

struct Case {
    const char *name;
    uint64_t (*run)();
    static std::vector<Case> &all()
    {
        static std::vector<Case> list;
        return list;
    }
};

#define CASE(name)                                                                                 \
    static uint64_t case_##name();                                                                 \
    static const bool listed_##name = (Case::all().push_back({#name, case_##name}), true);         \
    static uint64_t case_##name()

inline int run_cases()
{
    for (const Case &one : Case::all()) {
        uint64_t sum = one.run();
        CUDA(cudaDeviceSynchronize());
        CUDA(cudaGetLastError());
        std::printf("%s: %s %016llx\n", program, one.name, static_cast<unsigned long long>(sum));
    }
    passed(Case::all().size());
    return 0;
}
