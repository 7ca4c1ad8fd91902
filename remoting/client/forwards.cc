// SPDX-License-Identifier: Apache-2.0
// Older versions of calls: generated from the lines of cuda.api that forward.
#include "remoting/client/forward.h"

#define VGPU_EXPORT __attribute__((visibility("default")))

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // some are
#include "remoting/api/client-forwards.inc"
