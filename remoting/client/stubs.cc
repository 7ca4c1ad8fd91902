// SPDX-License-Identifier: Apache-2.0
// The entry points that only encode, and those that are refused: generated from cuda.api.
#include "remoting/client/call.h"

#define VGPU_EXPORT __attribute__((visibility("default")))

#include "remoting/api/client-stubs.inc"
