// SPDX-License-Identifier: Apache-2.0
// The libraries whose calls are served; what their calls are is generated (remoting/libs).
#include "remoting/server/libraries.h"

namespace vgpu::server
{

extern const LibraryDescription libcublas_description, libcublasLt_description,
    libcudnn_description, libcufft_description, libcurand_description, libcusolver_description,
    libcusparse_description;

std::span<const LibraryDescription *const> library_descriptions()
{
    static constexpr const LibraryDescription *kAll[] = {
        &libcublas_description,  &libcublasLt_description, &libcudnn_description,
        &libcufft_description,   &libcurand_description,   &libcusolver_description,
        &libcusparse_description};
    return kAll;
}

} // namespace vgpu::server
