// SPDX-License-Identifier: Apache-2.0
// Which driver there is and what devices it has, found out by a short-lived child: vgpud itself
// never opens a driver, since that would cost it a context's memory on every device and its life
// when the driver crashes.
#pragma once

#include <string>
#include <vector>

#include "daemon/common/conf.h"
#include "daemon/common/state.h"

namespace vgpu::control
{

struct Probed {
    std::string driver; // the library that the workers shall open
    bool software = false;
    std::vector<Device> devices;
    MSGPACK_DEFINE_MAP(driver, software, devices)
};

/// Runs `vgpud --probe` and reads what it prints. Throws Error with what is wrong, on what, and
/// what to do.
Probed probe(const Conf &conf);

/// The child's whole work: opens `driver` (empty: the system's, else the software GPU), prints to
/// standard output.
int probe_child(const std::string &driver);

/// hwloc's list of the cores near a PCI device; empty where it does not know.
std::string cpus_near(const std::string &pci);

} // namespace vgpu::control
