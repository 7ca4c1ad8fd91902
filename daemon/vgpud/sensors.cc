// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/sensors.h"

#include <chrono>
#include <dlfcn.h>
#include <thread>

#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

constexpr std::chrono::seconds kEvery(2);

enum class Shape { one, kinds, pair, wide };

struct Reading {
    const char *name;
    Shape shape;
    unsigned kinds;
};

constexpr Reading kReadings[] = {
#include "remoting/nvml/readings.inc"
};

struct PciInfo { // nvmlPciInfo_t
    char legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char text[32];
};

struct Utilization { // nvmlUtilization_t
    unsigned gpu, memory;
};

/// The vendor's library, open until the process ends, as the driver is in the workers.
class Library
{
public:
    bool open()
    {
        void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!library)
            return false;
        // Our own would ask this very daemon.
        if (dlsym(library, "vgpuManagementVersion"))
            return false;
        library_ = library;
        return call("nvmlInit_v2");
    }

    /// True if there is such a function, and it succeeds.
    template<typename... Arguments>
    bool call(const char *name, Arguments... arguments) const
    {
        auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library_, name));
        return function && function(arguments...) == 0;
    }

private:
    void *library_ = nullptr;
};

using Values = std::map<std::string, uint64_t>;

void read_one(const Library &library, const Reading &reading, void *device, Values &values)
{
    const std::string name = reading.name;
    unsigned first = 0;
    unsigned second = 0;
    unsigned long long wide = 0;
    switch (reading.shape) {
    case Shape::one:
        if (library.call(reading.name, device, &first))
            values[name] = first;
        break;
    case Shape::kinds:
        for (unsigned kind = 0; kind < reading.kinds; ++kind)
            if (library.call(reading.name, device, kind, &first))
                values[name + "." + std::to_string(kind)] = first;
        break;
    case Shape::pair:
        if (library.call(reading.name, device, &first, &second)) {
            values[name] = first;
            values[name + ".1"] = second;
        }
        break;
    case Shape::wide:
        if (library.call(reading.name, device, &wide))
            values[name] = wide;
        break;
    }
}

Values read_device(const Library &library, const std::string &pci)
{
    Values values;
    void *device = nullptr;
    if (!library.call("nvmlDeviceGetHandleByPciBusId_v2", pci.c_str(), &device))
        return values;
    for (const Reading &reading : kReadings)
        read_one(library, reading, device, values);
    PciInfo info{};
    if (library.call("nvmlDeviceGetPciInfo_v3", device, &info)) {
        values["pciDeviceId"] = info.device_id;
        values["pciSubSystemId"] = info.subsystem_id;
    }
    Utilization load{};
    if (library.call("nvmlDeviceGetUtilizationRates", device, &load)) {
        values["utilization.gpu"] = load.gpu;
        values["utilization.memory"] = load.memory;
    }
    return values;
}

} // namespace

/// What the thread and its owner have together; the thread may outlive the owner.
struct Sensors::Shared {
    std::mutex mutex;
    std::condition_variable wake;
    bool ended = false;
    std::string driver_version;
    std::map<std::string, Values> values; // by uuid
};

Sensors::Sensors(std::vector<Device> devices) : shared_(std::make_shared<Shared>())
{
    std::thread([shared = shared_, devices = std::move(devices)] {
        Library library;
        if (!library.open()) {
            log(Level::info, "no libnvidia-ml.so.1 can be used: clocks, power and temperatures of "
                             "the devices are not known");
            return;
        }
        char version[80] = "";
        library.call("nvmlSystemGetDriverVersion", &version[0], unsigned(sizeof version));
        std::unique_lock lock(shared->mutex);
        shared->driver_version = version;
        while (!shared->ended) {
            lock.unlock();
            std::map<std::string, Values> values;
            for (const Device &device : devices)
                values[device.uuid] = read_device(library, device.pci);
            lock.lock();
            shared->values = std::move(values);
            shared->wake.wait_for(lock, kEvery, [&] { return shared->ended; });
        }
    }).detach();
}

Sensors::~Sensors()
{
    std::scoped_lock lock(shared_->mutex);
    shared_->ended = true;
    shared_->wake.notify_all();
}

void Sensors::show(Device &row) const
{
    std::scoped_lock lock(shared_->mutex);
    row.driver_version = shared_->driver_version;
    if (auto values = shared_->values.find(row.uuid); values != shared_->values.end())
        row.readings = values->second;
}

} // namespace vgpu::control
