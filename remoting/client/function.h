// SPDX-License-Identifier: Apache-2.0
// Functions and kernels: found by handle, described by the worker at first use.
#pragma once

#include "remoting/client/session.h"
#include "remoting/wire/codec.h"

namespace vgpu::client
{

// A CUfunction, or a CUkernel in its place (the driver's launch calls take both); null if it is
// neither. The latter is for the hot path (Table::find_again).
std::shared_ptr<Function> find_function(const Session &session, CUfunction handle);
Function *find_function_again(const Session &session, CUfunction handle);
std::shared_ptr<Function> find_kernel(const Session &session, CUkernel handle);

std::shared_ptr<Function> add_function(Session &session, uint64_t id, uint64_t owner,
                                       uint64_t kernel, uint64_t context, const char *name);

// Fetches the description once.
CUresult describe(Session &session, Function &function);

// What a program may ask for, though banks have been of one size since Kepler.
inline bool is_bank_size(CUsharedconfig config)
{
    return config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE &&
           config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE;
}

// After an attribute was set on the worker.
void remember_attribute(Session &session, Function &function, CUfunction_attribute attribute,
                        int value);

// Enters a global variable of a module or library into the map of ranges.
void note_global(Session &session, const Context &context, uint64_t owner,
                 const Code::Global &global);

// The module that a library is in the current context, made at first need.
CUresult module_of_library(Session &session, Context &context, CUlibrary library, CUmodule *module);

// The parameters of a launch or a kernel node as they travel: u64 n, n bytes as the driver lays
// them out. A bad value is the result. `function` is described.
CUresult put_parameters(wire::Encoder &out, const Function &function, void **parameters,
                        void **extra);

} // namespace vgpu::client
