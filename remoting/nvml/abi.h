// SPDX-License-Identifier: Apache-2.0
// NVML's binary interface as far as it is answered here: nvml.h is in no toolkit that the build
// needs. Where it is found, header-check.cc compares.
#pragma once

#include <cstdint>

namespace vgpu::nvml
{

enum Result : int {
    kSuccess = 0,
    kUninitialized = 1,
    kInvalidArgument = 2,
    kNotSupported = 3,
    kNoPermission = 4,
    kNotFound = 6,
    kInsufficientSize = 7,
    kDriverNotLoaded = 9,
    kTimeout = 10,
    kGpuIsLost = 15,
    kMemoryExhausted = 20,
    kVersionMismatch = 25,
    kUnknown = 999,
};

using Handle = struct DeviceOpaque *;
using EventSet = struct EventSetOpaque *;

constexpr unsigned kNotAvailable = 0xffffffff; // of numbers that are unsigned

// What a structure with a version has there: its size and the version.
template<class Structure>
constexpr unsigned versioned(unsigned version)
{
    return unsigned(sizeof(Structure)) | version << 24;
}

struct PciInfo {
    char legacy_bus_id[16];
    unsigned domain, bus, device;
    unsigned device_id;    // the ancient form of the function ends here,
    unsigned subsystem_id; // and the old one here
    char bus_id[32];
};

struct PciInfoExt {
    unsigned version;
    unsigned domain, bus, device;
    unsigned device_id, subsystem_id;
    unsigned base_class, sub_class;
    char bus_id[32];
};

struct Uuid {
    unsigned version;
    unsigned type; // 1 text, 2 bytes
    union {
        char text[41];
        unsigned char bytes[16];
    };
};

struct Memory {
    unsigned long long total, free, used;
};

struct MemoryV2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};

struct Utilization {
    unsigned gpu, memory;
};

struct ProcessInfoV1 {
    unsigned pid;
    unsigned long long used;
};

struct ProcessInfo {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
};

struct ProcessDetail {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
    unsigned long long protected_used;
};

struct ProcessDetails {
    unsigned version;
    unsigned mode; // 0 compute, 1 graphics, 2 MPS, 3 all
    unsigned count;
    ProcessDetail *processes;
};

struct Attributes {
    unsigned multiprocessors;
    unsigned copy_engines, decoders, encoders, jpegs, ofas;
    unsigned gpu_instance_slices, compute_instance_slices;
    unsigned long long memory_mib;
};

struct Temperature {
    unsigned version;
    unsigned sensor;
    int degrees;
};

struct FieldValue {
    unsigned field, scope;
    long long timestamp_us, latency_us;
    unsigned type;
    Result result;
    unsigned long long value;
};

struct EventData {
    Handle device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
};

} // namespace vgpu::nvml
