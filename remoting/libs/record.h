// SPDX-License-Identifier: Apache-2.0
// The recording libraries: a CUDA library's ABI with nothing behind it, beside the null driver.
// Calls are accepted and written to the same record, results are the same each time.
#pragma once

#include "nulldriver/record.h"
#include "remoting/api/library-params.h"

#define RECORD_ENTRY extern "C" __attribute__((visibility("default")))

namespace vgpu::record
{

namespace null = vgpu::null;

void set_mode(void *object, int mode);
bool on_device(const void *object);
void set_type(const void *tensor, int type); // of a tensor's elements, for cuDNN's factors

// Each writes what it gives out, and returns what is recorded of it.
null::Said created(void *object);            // an object that nobody had before
null::Said filled(void *to, uint64_t bytes); // a result on the host
null::Said result_at(const void *object, void *to, uint64_t bytes); // a scalar, by the mode
null::Said said_scaling(const void *tensor, const void *at, bool whole);
null::Said scalar_at(const void *object, const void *from, uint64_t bytes);

} // namespace vgpu::record
