// SPDX-License-Identifier: Apache-2.0
// Two runtimes in one process, libcudart.so.12 and libcudart.so.13, over one driver: memory of the
// one is memory of the other, and each keeps its own last error.
#include "check.h"

#include <dlfcn.h>
#include <string>

const char *const program = "majors";

namespace
{

struct Part {
    unsigned *(*run)(unsigned *data, unsigned count, unsigned *result);
    int (*last_error)();
};

Part load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail("%s", dlerror());
    return {reinterpret_cast<decltype(Part::run)>(dlsym(library, "part")),
            reinterpret_cast<decltype(Part::last_error)>(dlsym(library, "last_error"))};
}

} // namespace

int main(int, char **argv)
{
    const unsigned count = 64;
    unsigned result[count];
    const std::string self(argv[0]);
    const std::string folder = self.substr(0, self.rfind('/') + 1);
    const Part twelve = load((folder + "majors-12.so").c_str());
    const Part thirteen = load((folder + "majors-13.so").c_str());

    unsigned *data = twelve.run(nullptr, count, result);
    for (unsigned value : result)
        EXPECT(value == 12);
    EXPECT(thirteen.last_error() == 0);
    thirteen.run(data, count, result);
    for (unsigned value : result)
        EXPECT(value == 25);
    EXPECT(twelve.last_error() == 1 && thirteen.last_error() == 1);
    EXPECT(twelve.last_error() == 0 && thirteen.last_error() == 0);
    passed(checksum(result, sizeof result));
}
