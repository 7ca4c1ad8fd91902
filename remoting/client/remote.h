// SPDX-License-Identifier: Apache-2.0
// remote::NAME(arguments) makes a call on the worker, for entry points that do more than that.
#pragma once

#include "remoting/api/resource.h"
#include "remoting/client/call.h"

#include "remoting/api/client-remote.inc"
