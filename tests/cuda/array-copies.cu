// SPDX-License-Identifier: Apache-2.0
// Copies of boxes between memory and arrays of every kind, in many directions and places, against a
// model on the host: pageable, pinned, device and pitched memory, flat, deep, layered and wide
// arrays, a level of a mipmapped one; by all the driver's copies that know arrays.
#include "check.h"
#include "driver-symbol.h"

#include <algorithm>
#include <cstring>
#include <vector>

const char *const program = "array-copies";

static uint32_t random_number()
{
    static uint32_t count;
    return scramble(++count * 2654435761u);
}

static size_t random_below(size_t n)
{
    return random_number() % n;
}

// Elements of four bytes, and what should be in them. Arrays may need whole groups of elements.
struct Store {
    const char *name;
    CUmemorytype type;
    size_t width, height, depth, group;
    uint32_t *host = nullptr;
    CUdeviceptr device = 0;
    CUarray array = nullptr;
    size_t pitch = 0, rows = 0; // of memory: elements, rows of a slice
    std::vector<uint32_t> model;

    uint32_t &at(size_t x, size_t y, size_t z) { return model[(z * height + y) * width + x]; }
};

static std::vector<Store> stores;

static Store &add(const char *name, CUmemorytype type, size_t width, size_t height, size_t depth,
                  size_t group = 1)
{
    Store store{name, type, width, height, depth, group};
    store.model.resize(width * height * depth);
    store.pitch = (width + 7) / 8 * 8;
    store.rows = height + 1;
    stores.push_back(store);
    return stores.back();
}

static void add_memory()
{
    size_t bytes = 48 * 21 * 9 * 4;
    Store &pageable = add("pageable", CU_MEMORYTYPE_HOST, 48, 20, 9);
    pageable.host = static_cast<uint32_t *>(std::calloc(bytes, 1));
    Store &pinned = add("pinned", CU_MEMORYTYPE_HOST, 48, 20, 9);
    CUDA(cudaMallocHost(&pinned.host, bytes));
    std::memset(pinned.host, 0, bytes);
    Store &device = add("device", CU_MEMORYTYPE_DEVICE, 48, 20, 9);
    CUDA(cudaMalloc(reinterpret_cast<void **>(&device.device), bytes));
    CUDA(cudaMemset(reinterpret_cast<void *>(device.device), 0, bytes));
}

static void clear(const Store &store, const CUDA_ARRAY3D_DESCRIPTOR &description)
{
    std::vector<uint32_t> zeros(store.model.size());
    CUDA_MEMCPY3D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = zeros.data();
    copy.srcPitch = store.width * 4;
    copy.srcHeight = store.height;
    copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    copy.dstArray = store.array;
    copy.WidthInBytes = store.width * 4;
    copy.Height = store.height;
    copy.Depth = store.depth;
    CU(DRIVER(cuMemcpy3D)(&copy));
    CUDA_ARRAY3D_DESCRIPTOR back{};
    CU(DRIVER(cuArray3DGetDescriptor)(&back, store.array));
    EXPECT(back.Width == description.Width && back.Height == description.Height &&
           back.Depth == description.Depth && back.Format == description.Format &&
           back.NumChannels == description.NumChannels && back.Flags == description.Flags);
}

static void add_array(const char *name, size_t width, size_t height, size_t depth, unsigned flags,
                      unsigned channels)
{
    CUDA_ARRAY3D_DESCRIPTOR description{
        width / channels, height, depth, CU_AD_FORMAT_UNSIGNED_INT32, channels, flags};
    Store &store = add(name, CU_MEMORYTYPE_ARRAY, width, std::max<size_t>(height, 1),
                       std::max<size_t>(depth, 1), channels);
    CU(DRIVER(cuArray3DCreate)(&store.array, &description));
    clear(store, description);
}

static CUmipmappedArray add_level()
{
    CUDA_ARRAY3D_DESCRIPTOR description{80, 44, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1, 0};
    CUmipmappedArray mipmap;
    CUarray again;
    CU(DRIVER(cuMipmappedArrayCreate)(&mipmap, &description, 3));
    Store &store = add("level", CU_MEMORYTYPE_ARRAY, 40, 22, 1);
    CU(DRIVER(cuMipmappedArrayGetLevel)(&store.array, mipmap, 1));
    CU(DRIVER(cuMipmappedArrayGetLevel)(&again, mipmap, 1));
    EXPECT(again == store.array);
    description.Width = 40;
    description.Height = 22;
    clear(store, description);
    return mipmap;
}

struct Box {
    size_t x[2], y[2], z[2], width, height, depth;
};

static Box random_box(const Store &to, const Store &from)
{
    Box box;
    size_t group = std::max(to.group, from.group);
    auto choose = [](size_t a, size_t b, size_t step, size_t *begin) {
        size_t most = std::min(a, b) / step;
        size_t n = 1 + random_below(most);
        begin[0] = random_below(a / step - n + 1) * step;
        begin[1] = random_below(b / step - n + 1) * step;
        return n * step;
    };
    box.width = choose(to.width, from.width, group, box.x);
    box.height = choose(to.height, from.height, 1, box.y);
    box.depth = choose(to.depth, from.depth, 1, box.z);
    return box;
}

static CUDA_MEMCPY3D describe(const Store &to, const Store &from, const Box &box)
{
    CUDA_MEMCPY3D copy{};
    copy.WidthInBytes = box.width * 4;
    copy.Height = box.height;
    copy.Depth = box.depth;
    copy.dstMemoryType = to.type;
    copy.dstHost = to.host;
    copy.dstDevice = to.device;
    copy.dstArray = to.array;
    copy.dstPitch = to.pitch * 4;
    copy.dstHeight = to.rows;
    copy.dstXInBytes = box.x[0] * 4;
    copy.dstY = box.y[0];
    copy.dstZ = box.z[0];
    copy.srcMemoryType = from.type;
    copy.srcHost = from.host;
    copy.srcDevice = from.device;
    copy.srcArray = from.array;
    copy.srcPitch = from.pitch * 4;
    copy.srcHeight = from.rows;
    copy.srcXInBytes = box.x[1] * 4;
    copy.srcY = box.y[1];
    copy.srcZ = box.z[1];
    return copy;
}

static CUDA_MEMCPY2D flat(const CUDA_MEMCPY3D &it)
{
    CUDA_MEMCPY2D copy{};
    copy.WidthInBytes = it.WidthInBytes;
    copy.Height = it.Height;
    copy.dstMemoryType = it.dstMemoryType;
    copy.dstHost = it.dstHost;
    copy.dstDevice = it.dstDevice;
    copy.dstArray = it.dstArray;
    copy.dstPitch = it.dstPitch;
    copy.dstXInBytes = it.dstXInBytes;
    copy.dstY = it.dstY;
    copy.srcMemoryType = it.srcMemoryType;
    copy.srcHost = it.srcHost;
    copy.srcDevice = it.srcDevice;
    copy.srcArray = it.srcArray;
    copy.srcPitch = it.srcPitch;
    copy.srcXInBytes = it.srcXInBytes;
    copy.srcY = it.srcY;
    return copy;
}

static void copy_box(Store &to, Store &from, CUstream stream)
{
    const Box box = random_box(to, from);
    CUDA_MEMCPY3D copy = describe(to, from, box);
    bool is_flat = box.depth == 1 && box.z[0] == 0 && box.z[1] == 0;
    CUDA_MEMCPY2D plane = flat(copy);
    switch (random_below(is_flat ? 5 : 2)) {
    case 0:
        CU(DRIVER(cuMemcpy3D)(&copy));
        break;
    case 1:
        CU(DRIVER(cuMemcpy3DAsync)(&copy, stream));
        break;
    case 2:
        CU(DRIVER(cuMemcpy2D)(&plane));
        break;
    case 3:
        CU(DRIVER(cuMemcpy2DUnaligned)(&plane));
        break;
    default:
        CU(DRIVER(cuMemcpy2DAsync)(&plane, stream));
    }
    for (size_t z = 0; z < box.depth; ++z)
        for (size_t y = 0; y < box.height; ++y)
            for (size_t x = 0; x < box.width; ++x)
                to.at(box.x[0] + x, box.y[0] + y, box.z[0] + z) =
                    from.at(box.x[1] + x, box.y[1] + y, box.z[1] + z);
}

// Bytes in a row. Of an array with rows they are counted on over these, as the model's are; only
// the software GPU is known to take such.
static void copy_bytes(Store &array, CUstream stream)
{
    static uint32_t host[4096], *pinned;
    static CUdeviceptr device;
    if (!pinned) {
        CUDA(cudaMallocHost(&pinned, sizeof host));
        CUDA(cudaMalloc(reinterpret_cast<void **>(&device), sizeof host));
    }
    size_t all = std::min(array.model.size(), std::size(host)) / array.group;
    size_t n = 1 + random_below(all);
    size_t at = random_below(array.model.size() / array.group - n + 1);
    n *= array.group;
    at *= array.group;
    uint32_t *place = random_below(2) ? pinned : host;
    CUDA(cudaStreamSynchronize(stream));
    for (size_t i = 0; i < n; ++i)
        place[i] = random_number();
    auto keep = [&] { std::copy_n(place, n, array.model.begin() + ptrdiff_t(at)); };
    switch (random_below(4)) {
    case 0:
        CU(DRIVER(cuMemcpyHtoA)(array.array, at * 4, place, n * 4));
        return keep();
    case 1:
        CU(DRIVER(cuMemcpyHtoAAsync)(array.array, at * 4, place, n * 4, stream));
        return keep();
    case 2:
        CU(DRIVER(cuMemcpyHtoD)(device, place, n * 4));
        CU(DRIVER(cuMemcpyDtoA)(array.array, at * 4, device, n * 4));
        return keep();
    default:
        CU(DRIVER(cuMemcpyAtoD)(device, array.array, at * 4, n * 4));
        CU(DRIVER(cuMemcpyDtoH)(place, device, n * 4));
        EXPECT(std::equal(place, place + n, array.model.begin() + ptrdiff_t(at)));
        std::memset(place, 0, n * 4);
        if (random_below(2)) {
            CU(DRIVER(cuMemcpyAtoH)(place, array.array, at * 4, n * 4));
        } else {
            CU(DRIVER(cuMemcpyAtoHAsync)(place, array.array, at * 4, n * 4, stream));
            CUDA(cudaStreamSynchronize(stream));
        }
        EXPECT(std::equal(place, place + n, array.model.begin() + ptrdiff_t(at)));
    }
}

static void copy_between(Store &to, Store &from)
{
    size_t group = std::max(to.group, from.group);
    size_t n = (1 + random_below(std::min(to.model.size(), from.model.size()) / group)) * group;
    size_t at = random_below((to.model.size() - n) / group + 1) * group;
    size_t source = random_below((from.model.size() - n) / group + 1) * group;
    CU(DRIVER(cuMemcpyAtoA)(to.array, at * 4, from.array, source * 4, n * 4));
    std::copy_n(from.model.begin() + ptrdiff_t(source), n, to.model.begin() + ptrdiff_t(at));
}

static std::vector<uint32_t> contents(const Store &store)
{
    std::vector<uint32_t> out(store.model.size());
    Box whole{{0, 0}, {0, 0}, {0, 0}, store.width, store.height, store.depth};
    CUDA_MEMCPY3D copy = describe(store, store, whole);
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = out.data();
    copy.dstPitch = store.width * 4;
    copy.dstHeight = store.height;
    CU(DRIVER(cuMemcpy3D)(&copy));
    return out;
}

// Rows longer than a message, more of them than are on their way at once.
static uint64_t wide_array()
{
    const size_t width = 70000, rows = 48;
    CUarray array;
    CUDA_ARRAY_DESCRIPTOR description{width, rows, CU_AD_FORMAT_UNSIGNED_INT32, 1};
    CU(DRIVER(cuArrayCreate)(&array, &description));
    std::vector<uint32_t> in(width * rows), out(width * rows);
    for (size_t i = 0; i < in.size(); ++i)
        in[i] = scramble(uint32_t(i));
    cudaArray_t runtimes = reinterpret_cast<cudaArray_t>(array);
    CUDA(cudaMemcpy2DToArray(runtimes, 0, 0, in.data(), width * 4, width * 4, rows,
                             cudaMemcpyHostToDevice));
    CUDA(cudaMemcpy2DFromArray(out.data(), width * 4, runtimes, 0, 0, width * 4, rows,
                               cudaMemcpyDeviceToHost));
    EXPECT(in == out);
    // A part of it, with rows apart at home.
    const size_t part = width - 3;
    CUDA(cudaMemcpy2DFromArray(out.data(), width * 4, runtimes, 12, 1, part * 4, rows - 1,
                               cudaMemcpyDeviceToHost));
    for (size_t y = 0; y + 1 < rows; ++y)
        EXPECT(std::memcmp(&out[y * width], &in[(y + 1) * width + 3], part * 4) == 0);
    CU(DRIVER(cuArrayDestroy)(array));
    return checksum(out.data(), out.size() * 4);
}

int main()
{
    CUDA(cudaFree(nullptr));
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    stores.reserve(16);
    add_memory();
    add_array("row", 60, 0, 0, 0, 1);
    add_array("long row", 20000, 0, 0, 0, 2);
    add_array("flat", 44, 18, 0, 0, 1);
    add_array("wide elements", 64, 12, 0, 0, 4);
    add_array("deep", 32, 10, 7, 0, 2);
    add_array("layered", 36, 14, 5, CUDA_ARRAY3D_LAYERED, 1);
    CUmipmappedArray mipmap = add_level();
    cudaDeviceProp device;
    CUDA(cudaGetDeviceProperties(&device, 0));
    const size_t first_array = 3, with_rows = 5;
    const size_t arrays = std::strstr(device.name, "Software GPU") ? stores.size() : with_rows;
    auto random_array = [&]() -> Store & {
        return stores[first_array + random_below(arrays - first_array)];
    };
    for (int i = 0; i < 600; ++i) {
        switch (random_below(8)) {
        case 0:
            copy_bytes(random_array(), stream);
            break;
        case 1:
        case 2: {
            Store &to = random_array(), &from = random_array();
            if (&to != &from)
                copy_between(to, from);
            break;
        }
        default: {
            Store &to = stores[random_below(stores.size())];
            Store &from = stores[random_below(stores.size())];
            if (&to != &from)
                copy_box(to, from, random_below(2) ? stream : nullptr);
        }
        }
    }
    CUDA(cudaDeviceSynchronize());
    uint64_t sum = wide_array();
    for (Store &store : stores) {
        if (contents(store) != store.model)
            fail("%s is not as it should be", store.name);
        sum = sum * 31 + checksum(store.model.data(), store.model.size() * 4);
    }
    for (Store &store : stores)
        if (store.array && std::strcmp(store.name, "level") != 0)
            CU(DRIVER(cuArrayDestroy)(store.array));
    CU(DRIVER(cuMipmappedArrayDestroy)(mipmap));
    passed(sum);
    return 0;
}
