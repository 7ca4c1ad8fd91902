// SPDX-License-Identifier: Apache-2.0
// Calls that are lists of operations, which travel as cuda.h has them: memory for the tiles of
// sparse arrays, and decompression.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

#include <algorithm>
#include <span>

using namespace vgpu::client;

namespace
{

constexpr size_t kMost = 1024; // operations in one request

// send(context, stream, piece, first) for each piece of a list.
template<class T, class Send>
CUresult in_pieces(std::span<T> list, CUstream stream, Send &&send)
{
    if (list.empty() || !list.data())
        return CUDA_ERROR_INVALID_VALUE;
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        for (size_t first = 0; first < list.size(); first += kMost) {
            auto piece = list.subspan(first, std::min(kMost, list.size() - first));
            CUresult result = send(stream, reinterpret_cast<const unsigned char *>(piece.data()),
                                   piece.size_bytes(), first);
            if (result != CUDA_SUCCESS)
                return result;
        }
        return CUDA_SUCCESS;
    });
}

} // namespace

VGPU_ENTRY cuMemMapArrayAsync(CUarrayMapInfo *list, unsigned count, CUstream stream)
{
    return in_pieces(std::span(list, count), stream,
                     [](CUstream in, const unsigned char *tiles, uint64_t n, size_t) {
                         return remote::vgpuArrayTiles(tiles, n, in);
                     });
}

VGPU_ENTRY cuMemMapArrayAsync_ptsz(CUarrayMapInfo *list, unsigned count, CUstream stream)
{
    return cuMemMapArrayAsync(list, count, per_thread(stream));
}

#if CUDA_VERSION >= 12080
VGPU_ENTRY cuMemBatchDecompressAsync(CUmemDecompressParams *list, size_t count, unsigned flags,
                                     size_t *wrong, CUstream stream)
{
    return in_pieces(
        std::span(list, count), stream,
        [&](CUstream in, const unsigned char *operations, uint64_t n, size_t first) -> CUresult {
            uint32_t answer = CUDA_SUCCESS;
            uint64_t index = 0;
            CUresult result = remote::vgpuDecompress(operations, n, flags, in, &answer, &index);
            if (answer != CUDA_SUCCESS && wrong)
                *wrong = first + index;
            return result == CUDA_SUCCESS ? CUresult(answer) : result;
        });
}

VGPU_ENTRY cuMemBatchDecompressAsync_ptsz(CUmemDecompressParams *list, size_t count, unsigned flags,
                                          size_t *wrong, CUstream stream)
{
    return cuMemBatchDecompressAsync(list, count, flags, wrong, per_thread(stream));
}
#endif
