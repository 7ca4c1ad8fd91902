// SPDX-License-Identifier: Apache-2.0
// Physical memory that two processes share by descriptors (cuMemExportToShareableHandle), sent over
// a socket and inherited: each sees what the other writes, also when one of them has let go; then
// all that must be refused.
//
//   shareable-handles lend SOCKET      gives memory to whoever connects, until he hangs up
//   shareable-handles borrow SOCKET    says what becomes of importing it
#include "driver.h"
#include "two-processes.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/mman.h>
#include <sys/un.h>
#include <vector>

const char *const program = "shareable-handles";

namespace
{

constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
constexpr unsigned kThreads = 256;

size_t unit;
CUmemAllocationProp prop;

size_t free_memory()
{
    size_t free = 0, total = 0;
    DRIVER(cuMemGetInfo(&free, &total));
    return free;
}

void open_device()
{
    CUdevice device;
    int can = 0;
    open_context(&device);
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    prop.location.id = device;
    prop.requestedHandleTypes = kDescriptor;
    DRIVER(cuDeviceGetAttribute(
        &can, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, device));
    EXPECT(can == 1);
    DRIVER(cuMemGetAllocationGranularity(&unit, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
}

CUmemGenericAllocationHandle create(size_t bytes)
{
    CUmemGenericAllocationHandle handle = 0;
    DRIVER(cuMemCreate(&handle, bytes, &prop, 0));
    return handle;
}

int export_memory(CUmemGenericAllocationHandle handle)
{
    int fd = -1;
    DRIVER(cuMemExportToShareableHandle(&fd, handle, kDescriptor, 0));
    EXPECT(fd >= 0);
    return fd;
}

void *as_handle(int fd)
{
    return reinterpret_cast<void *>(intptr_t(fd));
}

CUmemGenericAllocationHandle import_memory(int fd)
{
    CUmemGenericAllocationHandle handle = 0;
    DRIVER(cuMemImportFromShareableHandle(&handle, as_handle(fd), kDescriptor));
    return handle;
}

CUdeviceptr map(CUmemGenericAllocationHandle handle, size_t bytes)
{
    CUdeviceptr at = 0;
    CUmemAccessDesc access{prop.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    DRIVER(cuMemAddressReserve(&at, bytes, 0, 0, 0));
    DRIVER(cuMemMap(at, bytes, 0, handle, 0));
    DRIVER(cuMemSetAccess(at, bytes, &access, 1));
    return at;
}

void unmap(CUdeviceptr at, size_t bytes)
{
    DRIVER(cuMemUnmap(at, bytes));
    DRIVER(cuMemAddressFree(at, bytes));
}

std::vector<unsigned> numbers(size_t bytes, unsigned seed)
{
    std::vector<unsigned> list(bytes / sizeof(unsigned));
    for (size_t i = 0; i < list.size(); i++)
        list[i] = scramble(unsigned(i) + seed);
    return list;
}

void write(CUdeviceptr at, size_t bytes, unsigned seed)
{
    auto list = numbers(bytes, seed);
    DRIVER(cuMemcpyHtoD(at, list.data(), bytes));
}

// `more` was added to the first by a kernel.
bool holds(CUdeviceptr at, size_t bytes, unsigned seed, unsigned more = 0)
{
    auto wanted = numbers(bytes, seed), list = std::vector<unsigned>(wanted.size());
    DRIVER(cuMemcpyDtoH(list.data(), at, bytes));
    for (unsigned i = 0; i < kThreads; i++)
        wanted[i] += more;
    return list == wanted;
}

void add(CUdeviceptr at, unsigned more)
{
    CUmodule module;
    CUfunction function;
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&function, module, "add"));
    void *parameters[] = {&at, &more};
    DRIVER(cuLaunchKernel(function, 1, 1, 1, kThreads, 1, 1, 0, nullptr, parameters, nullptr));
    DRIVER(cuCtxSynchronize());
    DRIVER(cuModuleUnload(module));
}

// Another program gets the descriptor by its number.
void let_inherit(int fd)
{
    std::string number = std::to_string(fd), self = "/proc/self/exe", word = "inherit";
    char *arguments[] = {self.data(), word.data(), number.data(), nullptr};
    pid_t child;
    int status = -1;
    EXPECT(fcntl(fd, F_SETFD, 0) == 0);
    EXPECT(posix_spawn(&child, self.c_str(), nullptr, nullptr, arguments, environ) == 0);
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

int inherit(int fd)
{
    open_device();
    CUdeviceptr at = map(import_memory(fd), 4 * unit);
    EXPECT(holds(at, 4 * unit, 1));
    add(at, 3);
    return 0;
}

int exporter()
{
    open_device();
    CUmemGenericAllocationHandle large = create(4 * unit), bare = create(unit);
    CUdeviceptr at = map(large, 4 * unit);
    write(at, 4 * unit, 1); // before it is exported
    int fd = export_memory(large);
    let_inherit(fd);
    EXPECT(holds(at, 4 * unit, 1, 3));
    tell_descriptor(fd);
    tell_descriptor(export_memory(large)); // another descriptor of the same
    tell_descriptor(export_memory(bare));  // mapped nowhere
    hear<int>();
    EXPECT(holds(at, 4 * unit, 2, 5));
    write(at, 4 * unit, 6);
    CUdeviceptr bare_at = map(bare, unit);
    EXPECT(holds(bare_at, unit, 7));
    tell(1);

    hear<int>();
    unmap(at, 4 * unit); // though the other has it
    DRIVER(cuMemRelease(large));
    CUdeviceptr next = map(create(unit), unit);
    write(next, unit, 8);
    tell(1);
    hear<int>();
    return 0;
}

int memory_file(size_t bytes, int seals)
{
    int fd = memfd_create("garbage", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    std::vector<char> data(bytes, 'x');
    EXPECT(fd >= 0 && ::write(fd, data.data(), bytes) == ssize_t(bytes));
    EXPECT(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

void refusals(CUmemGenericAllocationHandle shared, int good)
{
    CUmemGenericAllocationHandle handle = 0;
    int fd = -1, ends[2];
    auto fails_to_import = [&](int given, const char *what) {
        CUresult result = cuMemImportFromShareableHandle(&handle, as_handle(given), kDescriptor);
        if (result != CUDA_ERROR_INVALID_VALUE)
            fail("importing %s: %s", what, name_of(result));
    };
    EXPECT(pipe(ends) == 0);
    constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    fails_to_import(-1, "no descriptor");
    fails_to_import(12345, "a descriptor that is not open");
    fails_to_import(ends[0], "a pipe");
    fails_to_import(other, "a socket");
    fails_to_import(open("/dev/null", O_RDWR), "a device");
    fails_to_import(open("/", O_RDONLY | O_DIRECTORY), "a folder");
    for (size_t bytes : {0, 1, 64, 128, 4096})
        for (int seals : {0, kSeals})
            fails_to_import(memory_file(bytes, seals), "some file");
    char name[64];
    int copy = memory_file(0, 0);
    EXPECT(pread(good, name, sizeof name, 0) == ssize_t(sizeof name));
    EXPECT(::write(copy, name, sizeof name) == ssize_t(sizeof name));
    fails_to_import(copy, "a copy that can still be changed");
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemImportFromShareableHandle(nullptr, as_handle(good), kDescriptor));
    FAILS(CUDA_ERROR_NOT_SUPPORTED,
          cuMemImportFromShareableHandle(&handle, as_handle(good), CU_MEM_HANDLE_TYPE_WIN32));

    // What was not made to be shared, or not this way.
    CUmemAllocationProp own = prop;
    own.requestedHandleTypes = CU_MEM_HANDLE_TYPE_NONE;
    DRIVER(cuMemCreate(&handle, unit, &own, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemExportToShareableHandle(&fd, handle, kDescriptor, 0));
    DRIVER(cuMemRelease(handle));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemExportToShareableHandle(&fd, handle, kDescriptor, 0));
    own.requestedHandleTypes = CU_MEM_HANDLE_TYPE_WIN32;
    FAILS(CUDA_ERROR_NOT_SUPPORTED, cuMemCreate(&handle, unit, &own, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemExportToShareableHandle(nullptr, shared, kDescriptor, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemExportToShareableHandle(&fd, shared, kDescriptor, 1));
    FAILS(CUDA_ERROR_NOT_SUPPORTED,
          cuMemExportToShareableHandle(&fd, shared, CU_MEM_HANDLE_TYPE_WIN32, 0));
    close(ends[0]);
    close(ends[1]);
}

void importer(pid_t child)
{
    open_device();
    int fd = hear_descriptor(), second = hear_descriptor(), bare_fd = hear_descriptor();
    EXPECT(fd >= 0 && second >= 0 && bare_fd >= 0);
    size_t before = free_memory();
    CUmemGenericAllocationHandle large = import_memory(fd), again = import_memory(second),
                                 bare = import_memory(bare_fd);
    EXPECT(free_memory() == before); // who made it pays
    CUmemAllocationProp told{};
    DRIVER(cuMemGetAllocationPropertiesFromHandle(&told, large));
    EXPECT(told.type == CU_MEM_ALLOCATION_TYPE_PINNED && told.location.id == prop.location.id &&
           told.requestedHandleTypes == kDescriptor);
    CUdeviceptr at = map(large, 4 * unit), again_at = map(again, 4 * unit),
                bare_at = map(bare, unit);
    EXPECT(holds(at, 4 * unit, 1, 3));
    refusals(large, fd);

    // Handed on, it is the same memory.
    int handed_on = export_memory(large);
    CUmemGenericAllocationHandle third = import_memory(handed_on);
    CUdeviceptr third_at = map(third, 4 * unit);
    write(third_at, 4 * unit, 2);
    unmap(third_at, 4 * unit);
    DRIVER(cuMemRelease(third));
    add(at, 5);
    EXPECT(holds(again_at, 4 * unit, 2, 5));
    write(bare_at, unit, 7);
    tell(1);
    hear<int>();
    EXPECT(holds(at, 4 * unit, 6));
    unmap(again_at, 4 * unit);
    DRIVER(cuMemRelease(again));

    tell(1);
    hear<int>(); // given back over there
    EXPECT(holds(at, 4 * unit, 6));
    DRIVER(cuMemRelease(large));
    EXPECT(holds(at, 4 * unit, 6));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemMap(at, unit, 0, large, 0));
    unmap(at, 4 * unit);
    tell(1);
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(holds(bare_at, unit, 7)); // though nobody else has it
    unmap(bare_at, unit);
    DRIVER(cuMemRelease(bare));

    // A process's own descriptor is good too.
    CUmemGenericAllocationHandle own = create(unit);
    CUdeviceptr own_at = map(own, unit);
    write(own_at, unit, 9);
    int own_fd = export_memory(own);
    DRIVER(cuMemRelease(own));
    CUmemGenericAllocationHandle back = import_memory(own_fd);
    CUdeviceptr back_at = map(back, unit);
    EXPECT(holds(back_at, unit, 9));
    unmap(own_at, unit);
    EXPECT(holds(back_at, unit, 9));
    unmap(back_at, unit);
    DRIVER(cuMemRelease(back));
    // What went to another process, or to itself, is given back when its worker has heard that it
    // was let go.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (free_memory() < before)
        EXPECT(std::chrono::steady_clock::now() < deadline);
}

sockaddr_un address_of(const char *path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    EXPECT(std::strlen(path) < sizeof address.sun_path);
    std::strcpy(address.sun_path, path);
    return address;
}

int lend(const char *path)
{
    open_device();
    sockaddr_un address = address_of(path);
    int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(bind(door, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0);
    int fd = export_memory(create(unit));
    EXPECT(listen(door, 1) == 0);
    std::printf("%s: lends\n", program);
    std::fflush(stdout);
    other = accept(door, nullptr, nullptr);
    tell_descriptor(fd);
    char byte;
    EXPECT(read(other, &byte, 1) == 0);
    return 0;
}

int borrow(const char *path)
{
    open_device();
    sockaddr_un address = address_of(path);
    other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(connect(other, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0);
    CUmemGenericAllocationHandle handle = 0;
    CUresult result =
        cuMemImportFromShareableHandle(&handle, as_handle(hear_descriptor()), kDescriptor);
    std::printf("%s: borrows, %s\n", program, name_of(result));
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    alarm(100); // rather than to wait for one that has failed
    std::string what = argc == 3 ? argv[1] : "";
    if (what == "inherit")
        return inherit(std::atoi(argv[2]));
    if (what == "lend")
        return lend(argv[2]);
    if (what == "borrow")
        return borrow(argv[2]);
    pid_t child = two_processes();
    if (child == 0)
        return exporter();
    importer(child);
    std::printf("%s: ok two processes shared %zu bytes\n", program, 5 * unit);
    return 0;
}
