// SPDX-License-Identifier: Apache-2.0
// Plugins with device code come and go: opened, used, closed and opened again, two with the same
// template kernel at once, closed in either order.
#include "check.h"
#include "plugin.h"

#include <dlfcn.h>
#include <string>
#include <unistd.h>

const char *const program = "plugins";

static std::string folder()
{
    char path[4096] = "";
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    EXPECT(n > 0);
    std::string text(path, static_cast<size_t>(n));
    return text.substr(0, text.rfind('/'));
}

struct Plugin {
    int number;
    void *object = nullptr;
    int calls = 0;

    std::string path() const { return folder() + "/plugin-" + std::to_string(number) + ".so"; }

    void open(int scope)
    {
        object = dlopen(path().c_str(), RTLD_NOW | scope);
        if (!object)
            fail("%s", dlerror());
        calls = 100 * number; // its variables are new
    }

    void use()
    {
        auto run = reinterpret_cast<PluginRun *>(dlsym(object, "run"));
        EXPECT(run != nullptr);
        const int value = run(21), wanted = 42 * 10000 + ++calls * 10 + number;
        if (value != wanted)
            fail("plugin %d gives %d, not %d", number, value, wanted);
    }

    void close()
    {
        EXPECT(dlclose(object) == 0);
        EXPECT(!dlopen(path().c_str(), RTLD_NOW | RTLD_NOLOAD)); // it is gone
    }
};

static size_t free_memory()
{
    size_t free = 0, total = 0;
    CUDA(cudaDeviceSynchronize());
    CUDA(cudaMemGetInfo(&free, &total));
    return free;
}

// The program has the template too.
static void use_own()
{
    int *data, value = 5;
    CUDA(cudaMalloc(&data, sizeof value));
    CUDA(cudaMemcpy(data, &value, sizeof value, cudaMemcpyHostToDevice));
    scale<<<1, 1>>>(data, 3);
    CUDA(cudaMemcpy(&value, data, sizeof value, cudaMemcpyDeviceToHost));
    EXPECT(value == 15);
    CUDA(cudaFree(data));
}

int main()
{
    use_own();
    const size_t before = free_memory();
    for (int scope : {RTLD_LOCAL, RTLD_GLOBAL}) {
        Plugin one{1}, two{2};
        for (int i = 0; i < 3; i++) {
            one.open(scope);
            one.use();
            EXPECT(free_memory() + kPluginBytes <= before);
            one.close();
        }
        // Both at once, and each outlives the other.
        for (Plugin *first : {&one, &two}) {
            Plugin *other = first == &one ? &two : &one;
            first->open(scope);
            other->open(scope);
            for (int i = 0; i < 2; i++) {
                first->use();
                other->use();
                use_own();
            }
            first->close();
            other->use();
            first->open(scope);
            first->use();
            other->close();
            first->use();
            first->close();
            use_own();
        }
        // One that was never used.
        one.open(scope);
        one.close();
        const size_t after = free_memory();
        if (after != before)
            fail("%zu bytes are gone", before - after);
    }
    std::printf("plugins: ok %zu bytes each\n", kPluginBytes);
    return 0;
}
