// SPDX-License-Identifier: Apache-2.0
// What the recording cuBLAS answers at home, as the wrapper does.
#include "remoting/libs/record.h"

RECORD_ENTRY int cublasGetPointerMode_v2(void *handle, int *mode)
{
    *mode = vgpu::record::on_device(handle);
    return 0;
}
