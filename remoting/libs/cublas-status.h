// SPDX-License-Identifier: Apache-2.0
// cublasStatus_t in words, for cuBLAS and cuBLASLt.
#pragma once

namespace vgpu::cublas
{

const char *status_name(int status) noexcept;
const char *status_text(int status) noexcept;

} // namespace vgpu::cublas
