// SPDX-License-Identifier: Apache-2.0
// The one thing in which the builds of a wrapper for several CUDA majors differ.
#include "remoting/libs/wrapper.h"

const unsigned vgpu::libs::the_major = VGPU_LIBRARY_MAJOR;
