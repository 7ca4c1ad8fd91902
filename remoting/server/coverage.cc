// SPDX-License-Identifier: Apache-2.0
// Nothing but assertions: cuda.api says of each call what cuda.h says.
#define __CUDA_API_VERSION_INTERNAL // old versions are declared too, under their own names
#include "remoting/api/kinds.h"

#include <cstddef>
#include <type_traits>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // some are
#include "remoting/api/coverage.inc"
