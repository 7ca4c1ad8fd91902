// SPDX-License-Identifier: Apache-2.0
// What `vgpud --probe` does. The few driver functions it calls are declared here with plain types:
// cuda.h belongs to the layers that carry calls.
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include "daemon/common/environment.h"
#include "daemon/vgpud/probe.h"
#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/base/log.h"
#include "remoting/base/visible-devices.h"

namespace vgpu::control
{

namespace
{

constexpr int kUnits = 16; // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
constexpr int kMajor = 75; // ..._COMPUTE_CAPABILITY_MAJOR
constexpr int kMinor = 76;

struct Driver {
    void *library;
    std::string path;

    template<typename... Arguments>
    void call(const char *name, Arguments... arguments) const
    {
        auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
        if (!function)
            fail(ENOSYS, "%s has no %s: it is too old, or no CUDA driver", path.c_str(), name);
        if (const int result = function(arguments...))
            fail(ENODEV, "%s: %s failed with CUDA error %d", path.c_str(), name, result);
    }
};

/// Throws unless `name` is a driver that initialises and is not our own client library.
Driver open_driver(const std::string &name)
{
    void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail(ENOENT, "%s", dlerror());
    link_map *map = nullptr;
    dlinfo(library, RTLD_DI_LINKMAP, &map);
    Driver driver{library, map && map->l_name[0] ? map->l_name : name};
    if (dlsym(library, "vgpuClientVersion"))
        fail(ELOOP,
             "%s is slurm-vgpu's own client library, not a driver: unset LD_LIBRARY_PATH and "
             "LD_PRELOAD, or "
             "name the driver with Driver=",
             driver.path.c_str());
    try {
        driver.call("cuInit", 0U);
    } catch (const Error &error) {
        if (const char *visible = std::getenv(kVisibleDevices))
            fail(error.code(), "%s, and %s=%s", error.what(), kVisibleDevices, visible);
        throw;
    }
    return driver;
}

std::string uuid_text(const unsigned char *bytes)
{
    std::string text = "GPU-";
    for (int i = 0; i < 16; ++i) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", bytes[i]);
        text += digits;
        if (i == 3 || i == 5 || i == 7 || i == 9)
            text += '-';
    }
    return text;
}

Device describe(const Driver &driver, int ordinal, bool software)
{
    Device device;
    char name[256] = "";
    char pci[32] = "";
    unsigned char uuid[16] = {};
    size_t memory = 0;
    int handle = 0;
    int units = 0;
    int major = 0;
    int minor = 0;
    int version = 0;
    driver.call("cuDeviceGet", &handle, ordinal);
    driver.call("cuDeviceGetName", name, 255, handle);
    driver.call("cuDeviceGetUuid_v2", uuid, handle);
    driver.call("cuDeviceTotalMem_v2", &memory, handle);
    driver.call("cuDeviceGetPCIBusId", pci, 31, handle);
    driver.call("cuDeviceGetAttribute", &units, kUnits, handle);
    driver.call("cuDeviceGetAttribute", &major, kMajor, handle);
    driver.call("cuDeviceGetAttribute", &minor, kMinor, handle);
    driver.call("cuDriverGetVersion", &version);
    device.index = static_cast<uint32_t>(ordinal);
    device.name = name;
    device.kind = software ? "soft" : "whole";
    device.uuid = uuid_text(uuid);
    device.pci = pci;
    device.memory = memory;
    device.units = static_cast<uint32_t>(units);
    device.capability = std::to_string(major) + "." + std::to_string(minor);
    device.driver = std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
    return device;
}

Driver choose(const std::string &named, bool &software)
{
    const std::string soft = soft_library_dir() + "/libcuda-soft.so.1";
    std::string path = named;
    if (path.empty()) {
        try {
            return open_driver("libcuda.so.1");
        } catch (const Error &error) {
            log(Level::info, "no GPU of the system is usable (%s): using the software GPU",
                error.what());
        }
        path = soft;
    }
    Driver driver = open_driver(path);
    software = driver.path.find("libcuda-soft") != std::string::npos;
    return driver;
}

} // namespace

int probe_child(const std::string &named)
{
    // What the driver may print shall not end up among the report.
    Fd report(dup(STDOUT_FILENO));
    dup2(STDERR_FILENO, STDOUT_FILENO);
    try {
        Probed found;
        const Driver driver = choose(named, found.software);
        found.driver = driver.path;
        int count = 0;
        driver.call("cuDeviceGetCount", &count);
        for (int ordinal = 0; ordinal < count; ++ordinal)
            found.devices.push_back(describe(driver, ordinal, found.software));
        msgpack::sbuffer bytes;
        msgpack::pack(bytes, found);
        write_all(report.get(), std::as_bytes(std::span(bytes.data(), bytes.size())),
                  Deadline::never());
    } catch (const Error &error) {
        log(Level::error, "%s", error.what());
        return EXIT_FAILURE;
    }
    _exit(EXIT_SUCCESS); // the driver's own exit handlers are none of our business
}

} // namespace vgpu::control
