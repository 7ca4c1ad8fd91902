// SPDX-License-Identifier: Apache-2.0
// What vgpud knows of the lease: its slices, and the devices they are on.
#pragma once

#include "remoting/wire/lease-file.h"

#include <msgpack.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vgpu::nvml
{

// A process of this host that has memory of the slice.
struct Process {
    unsigned pid = 0;
    uint64_t memory = 0;
};

struct Pci {
    unsigned domain = 0, bus = 0, device = 0;
};

// "0000:17:00.0", with or without domain and function.
bool parse_pci(const char *text, Pci &pci);

struct Slice {
    std::string name;
    std::string uuid; // the device's
    std::string kind; // "soft", or that of a GPU
    Pci pci;
    int major = 0, minor = 0; // compute capability
    int cuda_version = 0;     // 13000
    std::string driver;       // version of the vendor's driver, or CUDA's where there is none
    unsigned units = 0;       // multiprocessors

    uint64_t memory = 0;
    uint64_t memory_used = 0;
    int64_t utilisation = -1; // percent; -1 where nobody measures it
    std::vector<Process> processes;
    std::map<std::string, uint64_t> readings; // by the names of nvml.api
};

using Slices = std::vector<Slice>;

// In the order of the lease, which is that of CUDA's devices. Throws Error if `state` (the answer
// to state.get) is not whole or the lease not in it. `host` is the own one's name.
Slices slices_of(const msgpack::object &state, const wire::LeaseFile &lease,
                 const std::string &host);

// Asks the lease's vgpud.
Slices fetch(const wire::LeaseFile &lease);

} // namespace vgpu::nvml
