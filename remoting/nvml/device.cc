// SPDX-License-Identifier: Apache-2.0
// Which devices there are, and what does not change of them.
#include "remoting/nvml/library.h"

#include "remoting/base/hex.h"

#include <cstdio>
#include <cstring>
#include <strings.h>

namespace vgpu::nvml
{
namespace
{

// The first slice of which `is` is true; several may be on one device.
template<class Is>
Result find(Handle *device, Is &&is)
{
    Library &library = Library::get();
    for (unsigned i = 0; i < library.count(); ++i) {
        if (is(library.slice(Library::handle(i)))) {
            *device = Library::handle(i);
            return kSuccess;
        }
    }
    return kNotFound;
}

std::string bus_text(const Pci &pci, int digits)
{
    char text[32];
    std::snprintf(text, sizeof text, "%0*X:%02X:%02X.0", digits, pci.domain, pci.bus & 0xff,
                  pci.device & 0xff);
    return text;
}

unsigned reading_or_zero(const Slice &slice, const char *name)
{
    const auto found = slice.readings.find(name);
    return found == slice.readings.end() ? 0 : unsigned(found->second);
}

PciInfo pci_info(const Slice &slice)
{
    PciInfo info{};
    const Pci &pci = slice.pci;
    std::snprintf(info.legacy_bus_id, sizeof info.legacy_bus_id, "%s",
                  bus_text({pci.domain & 0xffff, pci.bus, pci.device}, 4).c_str());
    std::snprintf(info.bus_id, sizeof info.bus_id, "%s", bus_text(pci, 8).c_str());
    info.domain = pci.domain;
    info.bus = pci.bus;
    info.device = pci.device;
    info.device_id = reading_or_zero(slice, "pciDeviceId");
    info.subsystem_id = reading_or_zero(slice, "pciSubSystemId");
    return info;
}

// Copies the first `bytes` of it: older forms of the structure end earlier.
Result put_pci_info(Handle device, PciInfo *pci, size_t bytes)
{
    need(pci);
    const PciInfo info = pci_info(Library::get().slice(device));
    std::memcpy(pci, &info, bytes);
    return kSuccess;
}

// CUDA cores of a multiprocessor, by compute capability (CUDA programming guide).
unsigned cores_of_unit(int major, int minor)
{
    switch (major) {
    case 5:
        return 128;
    case 6:
        return minor == 0 ? 64 : 128;
    case 7:
        return 64;
    case 8:
        return minor == 0 ? 64 : 128;
    default:
        return major >= 9 ? 128 : 0;
    }
}

} // namespace

Result nvmlDeviceGetCount_v2(unsigned *count)
{
    need(count);
    *count = Library::get().count();
    return kSuccess;
}

Result nvmlDeviceGetHandleByIndex_v2(unsigned index, Handle *device)
{
    need(device);
    Library::get().index(Library::handle(index));
    *device = Library::handle(index);
    return kSuccess;
}

Result nvmlDeviceGetHandleByUUID(const char *uuid, Handle *device)
{
    need(uuid, device);
    return find(device, [&](const Slice &slice) { return slice.uuid == uuid; });
}

Result nvmlDeviceGetHandleByUUIDV(const Uuid *uuid, Handle *device)
{
    need(uuid, device);
    if (uuid->version != versioned<Uuid>(1))
        return kVersionMismatch;
    if (uuid->type != 1 && uuid->type != 2)
        return kInvalidArgument;
    return find(device, [&](const Slice &slice) {
        if (uuid->type == 1)
            return slice.uuid == std::string_view(uuid->text, strnlen(uuid->text, 41));
        std::string digits = slice.uuid.substr(slice.uuid.find('-') + 1);
        std::erase(digits, '-');
        const auto bytes = from_hex(digits);
        return bytes.size() == 16 && std::memcmp(bytes.data(), uuid->bytes, 16) == 0;
    });
}

Result nvmlDeviceGetHandleByPciBusId_v2(const char *bus, Handle *device)
{
    need(bus, device);
    Pci pci;
    if (!parse_pci(bus, pci))
        return kInvalidArgument;
    return find(device, [&](const Slice &slice) {
        return slice.pci.domain == pci.domain && slice.pci.bus == pci.bus &&
               slice.pci.device == pci.device;
    });
}

// A slice has no board of its own.
Result nvmlDeviceGetHandleBySerial(const char *serial, Handle *device)
{
    need(serial, device);
    return kNotFound;
}

Result nvmlDeviceGetName(Handle device, char *name, unsigned length)
{
    return put_text(Library::get().slice(device).name, name, length);
}

Result nvmlDeviceGetUUID(Handle device, char *uuid, unsigned length)
{
    return put_text(Library::get().slice(device).uuid, uuid, length);
}

Result nvmlDeviceGetIndex(Handle device, unsigned *index)
{
    need(index);
    *index = Library::get().index(device);
    return kSuccess;
}

// The N of /dev/nvidiaN, which is not on this machine.
Result nvmlDeviceGetMinorNumber(Handle device, unsigned *minor)
{
    return nvmlDeviceGetIndex(device, minor);
}

Result nvmlDeviceGetPciInfo_v3(Handle device, PciInfo *pci)
{
    return put_pci_info(device, pci, sizeof *pci);
}

Result nvmlDeviceGetPciInfo_v2(Handle device, PciInfo *pci)
{
    return put_pci_info(device, pci, offsetof(PciInfo, bus_id));
}

Result nvmlDeviceGetPciInfo(Handle device, PciInfo *pci)
{
    return put_pci_info(device, pci, offsetof(PciInfo, subsystem_id));
}

Result nvmlDeviceGetPciInfoExt(Handle device, PciInfoExt *pci)
{
    need(pci);
    const PciInfo info = pci_info(Library::get().slice(device));
    if (pci->version != versioned<PciInfoExt>(1))
        return kVersionMismatch;
    *pci = {pci->version,      info.domain, info.bus, info.device, info.device_id,
            info.subsystem_id, 3,           2,        {}}; // display controller, 3-D
    std::memcpy(pci->bus_id, info.bus_id, sizeof pci->bus_id);
    return kSuccess;
}

Result nvmlDeviceGetCudaComputeCapability(Handle device, int *major, int *minor)
{
    need(major, minor);
    const Slice &slice = Library::get().slice(device);
    *major = slice.major;
    *minor = slice.minor;
    return kSuccess;
}

Result nvmlDeviceGetArchitecture(Handle device, unsigned *architecture)
{
    need(architecture);
    const Slice &slice = Library::get().slice(device);
    switch (slice.major) {
    case 3:
    case 5:
    case 6:
        *architecture = slice.major == 3 ? 2 : unsigned(slice.major - 2);
        break;
    case 7:
        *architecture = slice.minor < 5 ? 5 : 6;
        break;
    case 8:
        *architecture = slice.minor == 9 ? 8 : 7;
        break;
    case 9:
        *architecture = 9;
        break;
    case 10:
    case 11:
    case 12:
        *architecture = 10;
        break;
    default:
        *architecture = kNotAvailable;
    }
    return kSuccess;
}

Result nvmlDeviceGetNumGpuCores(Handle device, unsigned *cores)
{
    need(cores);
    const Slice &slice = Library::get().slice(device);
    *cores = slice.units * cores_of_unit(slice.major, slice.minor);
    return *cores ? kSuccess : kNotSupported;
}

Result nvmlDeviceGetAttributes_v2(Handle device, Attributes *attributes)
{
    need(attributes);
    const Slice &slice = Library::get().slice(device);
    *attributes = {};
    attributes->multiprocessors = slice.units;
    attributes->memory_mib = slice.memory >> 20;
    return kSuccess;
}

// Whatever mode the device is in, a slice is not divided further.
Result nvmlDeviceGetMigMode(Handle device, unsigned *current, unsigned *pending)
{
    need(current, pending);
    if (Library::get().slice(device).kind == "soft")
        return kNotSupported;
    *current = *pending = 0;
    return kSuccess;
}

Result nvmlDeviceGetMigDeviceHandleByIndex(Handle device, unsigned, Handle *found)
{
    need(found);
    Library::get().index(device);
    return kNotFound;
}

} // namespace vgpu::nvml
