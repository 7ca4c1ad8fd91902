// SPDX-License-Identifier: Apache-2.0
// Texture references, tensor maps and clusters: what the driver is asked as it is, but for the
// shape in which it travels.
#include "remoting/server/calls.h"

#include <array>
#include <cstring>

namespace vgpu::server::calls
{

CUresult vgpuTexrefSetBorder(Session &session, CUtexref texref, const float *colour, uint64_t n)
{
    float own[4];
    if (n != 4 || !session.driver.cuTexRefSetBorderColor)
        return n != 4 ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
    std::copy_n(colour, 4, own);
    return session.driver.cuTexRefSetBorderColor(texref, own);
}

CUresult vgpuTexrefBorder(Session &session, CUtexref texref, float *colour, uint64_t n)
{
    if (n != 4 || !session.driver.cuTexRefGetBorderColor)
        return n != 4 ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
    return session.driver.cuTexRefGetBorderColor(colour, texref);
}

CUresult vgpuClusters(Session &session, uint32_t which, CUfunction function,
                      const uint32_t *numbers, uint64_t n, int *result)
{
    auto ask = which == 0 ? session.driver.cuOccupancyMaxActiveClusters
                          : session.driver.cuOccupancyMaxPotentialClusterSize;
    if (n != 10 || which > 1 || !ask)
        return n != 10 || which > 1 ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
    CUlaunchAttribute cluster{};
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {numbers[7], numbers[8], numbers[9]};
    CUlaunchConfig config{};
    config.gridDimX = numbers[0];
    config.gridDimY = numbers[1];
    config.gridDimZ = numbers[2];
    config.blockDimX = numbers[3];
    config.blockDimY = numbers[4];
    config.blockDimZ = numbers[5];
    config.sharedMemBytes = numbers[6];
    config.attrs = &cluster;
    config.numAttrs = numbers[7] ? 1 : 0;
    return ask(result, function, &config);
}

namespace
{

// Numbers that are read one after the other; what is missing is seen at the end.
class Numbers
{
public:
    explicit Numbers(std::span<const uint64_t> all) : all_(all) {}
    uint64_t next() { return at_ < all_.size() ? all_[at_++] : (ok_ = false, 0); }
    template<class T>
    std::array<T, 5> list(size_t count)
    {
        std::array<T, 5> values{};
        for (size_t i = 0; i < count && i < values.size(); ++i)
            values[i] = T(next());
        return values;
    }
    bool done() const { return ok_ && at_ == all_.size(); }

private:
    std::span<const uint64_t> all_;
    size_t at_ = 0;
    bool ok_ = true;
};

enum Which : uint32_t { kTiled, kIm2col, kIm2colWide, kReplace };

} // namespace

CUresult vgpuTensorMap(Session &session, uint32_t which, CUdeviceptr address, const uint64_t *map,
                       uint64_t m, const uint64_t *numbers, uint64_t n, uint64_t *made, uint64_t k)
{
    const Driver &driver = session.driver;
    CUtensorMap own{};
    if (m != std::size(own.opaque) || k != m)
        return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(own.opaque, map, sizeof own.opaque);
    auto pointer = reinterpret_cast<void *>(address);
    CUresult result = CUDA_ERROR_NOT_SUPPORTED;
    if (which == kReplace) {
        if (driver.cuTensorMapReplaceAddress)
            result = driver.cuTensorMapReplaceAddress(&own, pointer);
        std::memcpy(made, own.opaque, sizeof own.opaque);
        return result;
    }
    Numbers in({numbers, size_t(n)});
    auto type = CUtensorMapDataType(in.next());
    auto rank = cuuint32_t(in.next());
    if (rank == 0 || rank > 5 || which > kIm2colWide)
        return CUDA_ERROR_INVALID_VALUE;
    auto dims = in.list<cuuint64_t>(rank), strides = in.list<cuuint64_t>(rank - 1);
    size_t pixels = rank > 2 ? rank - 2 : 0;
    auto box = in.list<cuuint32_t>(which == kTiled ? rank : 0);
    auto lower = in.list<int>(which == kIm2col ? pixels : which == kIm2colWide ? 1 : 0);
    auto upper = in.list<int>(which == kIm2col ? pixels : which == kIm2colWide ? 1 : 0);
    cuuint32_t channels = which == kTiled ? 0 : cuuint32_t(in.next());
    cuuint32_t column = which == kTiled ? 0 : cuuint32_t(in.next());
    auto steps = in.list<cuuint32_t>(rank);
    auto interleave = CUtensorMapInterleave(in.next());
    uint64_t mode = which == kIm2colWide ? in.next() : 0;
    auto swizzle = CUtensorMapSwizzle(in.next());
    auto promotion = CUtensorMapL2promotion(in.next());
    auto fill = CUtensorMapFloatOOBfill(in.next());
    if (!in.done())
        return CUDA_ERROR_INVALID_VALUE;
    if (which == kTiled && driver.cuTensorMapEncodeTiled)
        result = driver.cuTensorMapEncodeTiled(&own, type, rank, pointer, dims.data(),
                                               strides.data(), box.data(), steps.data(), interleave,
                                               swizzle, promotion, fill);
    else if (which == kIm2col && driver.cuTensorMapEncodeIm2col)
        result = driver.cuTensorMapEncodeIm2col(
            &own, type, rank, pointer, dims.data(), strides.data(), lower.data(), upper.data(),
            channels, column, steps.data(), interleave, swizzle, promotion, fill);
#if CUDA_VERSION >= 12080
    else if (which == kIm2colWide && driver.cuTensorMapEncodeIm2colWide)
        result = driver.cuTensorMapEncodeIm2colWide(
            &own, type, rank, pointer, dims.data(), strides.data(), lower[0], upper[0], channels,
            column, steps.data(), interleave, CUtensorMapIm2ColWideMode(mode), swizzle, promotion,
            fill);
#else
    (void)mode;
#endif
    std::memcpy(made, own.opaque, sizeof own.opaque);
    return result;
}

} // namespace vgpu::server::calls
