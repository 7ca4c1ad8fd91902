// SPDX-License-Identifier: Apache-2.0
// Makes each call of a CUDA library once, and those with scalars once more with these on the
// device, so that what reaches a recording library can be compared. Compiled with the generated
// rows of one library; prints what each call answered.
#include <cuda.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <initializer_list>

namespace
{

struct Row {
    const char *name;
    enum Kind {
        plain,
        scalars,
        result, // which the wrapper fetches from the device: the null driver has no bytes there
        life,
        mode
    } kind;
    int (*call)(void *function);
};

void *objects[128];             // by type
CUdeviceptr buffer;             // what every pointer to the device is
bool on_device;                 // where scalars lie
unsigned char places[32][4096]; // one for each parameter

[[maybe_unused]] void *object(int type)
{
    return objects[type];
}

[[maybe_unused]] int small(int type) // of a library whose objects are ints
{
    return int(reinterpret_cast<intptr_t>(objects[type]));
}

[[maybe_unused]] void *made(int type)
{
    return &objects[type];
}

[[maybe_unused]] void *device(int place)
{
    return reinterpret_cast<void *>(buffer + 256 * unsigned(place));
}

[[maybe_unused]] void *host(int place)
{
    return places[place];
}

[[maybe_unused]] void *addresses(int place)
{
    static void *lists[32];
    lists[place] = device(place);
    return &lists[place];
}

[[maybe_unused]] void *scalar(int place, bool)
{
    return on_device ? device(place) : host(place);
}

#include VGPU_LIBRARY_CALLS

void *function(void *library, const char *name)
{
    void *found = library ? dlsym(library, name) : nullptr;
    if (!found) {
        std::printf("%s: %s\n", name, dlerror());
        std::exit(1);
    }
    return found;
}

template<class... Arguments>
void driver(void *library, const char *name, Arguments... arguments)
{
    int result = reinterpret_cast<int (*)(Arguments...)>(function(library, name))(arguments...);
    if (result != 0) {
        std::printf("%s: %d\n", name, result);
        std::exit(1);
    }
}

void run(void *library, const Row &row)
{
    for (unsigned i = 0; i < sizeof places / sizeof *places; ++i)
        for (unsigned k = 0; k < sizeof *places; ++k)
            places[i][k] = k % 8 < 2 ? static_cast<unsigned char>(i + k % 8 + 1) : 0;
    int status = row.call(function(library, row.name));
    unsigned sum = 0;
    for (auto &place : places)
        for (unsigned char byte : place)
            sum = sum * 31 + byte;
    std::printf("%s %d %08x\n", row.name, status,
                row.kind == Row::life || row.kind == Row::result ? 0 : sum);
}

} // namespace

int main()
{
    void *cuda = dlopen("libcuda.so.1", RTLD_NOW), *library = dlopen(kLibrary, RTLD_NOW);
    if (!library)
        std::printf("%s\n", dlerror());
    CUcontext context;
    driver(cuda, "cuInit", 0u);
    driver(cuda, "cuDevicePrimaryCtxRetain", &context, 0);
    driver(cuda, "cuCtxSetCurrent", context);
    driver(cuda, "cuMemAlloc_v2", &buffer, size_t(1) << 16);
    bool ended = false;
    for (const Row &row : kRows) {
        // The objects' end comes last.
        ended = ended || (row.kind == Row::life && std::strstr(row.name, "estroy"));
        if (ended && kSetMode && !on_device) {
            reinterpret_cast<int (*)(void *, int)>(function(library, kSetMode))(object(kModeObject),
                                                                                1);
            on_device = true;
            for (const Row &again : kRows)
                if (again.kind == Row::scalars || again.kind == Row::result)
                    run(library, again);
        }
        run(library, row);
    }
    driver(cuda, "cuCtxSynchronize");
    return 0;
}
