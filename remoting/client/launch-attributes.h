// SPDX-License-Identifier: Apache-2.0
// The attributes of a launch (cuLaunchKernelEx): what of them is known at home.
#pragma once

#include "remoting/client/call.h"
#include "remoting/client/context.h"

#include <cuda.h>

#include <functional>
#include <span>

namespace vgpu::client
{

// Whether they can be carried, and whether one says that the launch is cooperative.
CUresult read_attributes(std::span<const CUlaunchAttribute> attributes, bool &cooperative);

// Sends a launch that has some: put() writes what travels. Events among them are recorded by it; a
// node that the device may change is written to its attribute.
CUresult send_attributed(Session &session, const Context &context, CUstream stream,
                         std::span<CUlaunchAttribute> attributes,
                         const std::function<CUresult(wire::Encoder &)> &put);

} // namespace vgpu::client
