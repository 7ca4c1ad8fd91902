// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/shared-file.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace vgpu::soft::driver
{
namespace
{

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr size_t kPiece = size_t(64) << 10;

[[noreturn]] void no_room(const char *what)
{
    throw Failure(CUDA_ERROR_OUT_OF_MEMORY,
                  std::string("memory for another process: ") + what + ": " + strerror(errno));
}

bool all_zero(const unsigned char *bytes, size_t n)
{
    return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

} // namespace

std::string random_token()
{
    unsigned char bytes[16];
    require(getrandom(bytes, sizeof bytes, 0) == ssize_t(sizeof bytes),
            CUDA_ERROR_OPERATING_SYSTEM);
    std::string text;
    char digits[3];
    for (unsigned char byte : bytes) {
        snprintf(digits, sizeof digits, "%02x", byte);
        text += digits;
    }
    return text;
}

// Looked at before it is opened: opening something else may do something.
int open_elsewhere(int pid, int descriptor, const std::string &name)
{
    std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(descriptor);
    char link[128] = "";
    return readlink(path.c_str(), link, sizeof link - 1) > 0 && strstr(link, name.c_str())
               ? open(path.c_str(), O_RDWR | O_CLOEXEC)
               : -1;
}

std::shared_ptr<SharedFile> SharedFile::make(int device, size_t bytes)
{
    std::string token = random_token();
    std::string name = "vgpu-soft-" + std::to_string(machine().device(device).number) + "-" + token;
    int descriptor = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0)
        no_room("memfd_create");
    std::shared_ptr<SharedFile> file(new SharedFile(descriptor));
    if (ftruncate(descriptor, off_t(bytes)) != 0 || fcntl(descriptor, F_ADD_SEALS, kSeals) != 0)
        no_room("ftruncate");
    file->device_ = device;
    file->bytes_ = bytes;
    file->token_ = token;
    return file;
}

std::shared_ptr<SharedFile> SharedFile::adopt(int descriptor)
{
    std::shared_ptr<SharedFile> file(new SharedFile(descriptor));
    char name[128], token[33];
    std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    ssize_t n = readlink(path.c_str(), name, sizeof name - 1);
    struct stat info;
    name[std::max<ssize_t>(n, 0)] = 0;
    int end = 0, number = 0;
    if (n <= 0 ||
        sscanf(name, "/memfd:vgpu-soft-%4d-%32[0-9a-f] (deleted)%n", &number, token, &end) != 2 ||
        end != n || strlen(token) != 32 || (fcntl(descriptor, F_GET_SEALS) & kSeals) != kSeals ||
        fstat(descriptor, &info) != 0 || info.st_size <= 0 || info.st_size % off_t(kPage) != 0)
        throw Failure(CUDA_ERROR_INVALID_VALUE,
                      "a descriptor that stands for no memory of a software GPU");
    auto &devices = machine().devices;
    auto at = std::find_if(devices.begin(), devices.end(),
                           [&](auto &one) { return one->number == number; });
    if (at == devices.end())
        throw Failure(CUDA_ERROR_INVALID_VALUE,
                      "memory of device " + std::to_string(number) +
                          ", which this process does not have (VGPU_SOFT_DEVICES, "
                          "CUDA_VISIBLE_DEVICES)");
    file->device_ = (*at)->ordinal;
    file->bytes_ = size_t(info.st_size);
    file->token_ = token;
    return file;
}

SharedFile::~SharedFile()
{
    if (descriptor_ >= 0)
        close(descriptor_);
}

void SharedFile::write(const void *from, size_t bytes, uint64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pwrite(descriptor_, static_cast<const char *>(from) + done, bytes - done,
                           off_t(offset + done));
        if (n <= 0)
            no_room("writing");
        done += size_t(n);
    }
}

// What was never written to stays without pages.
void SharedFile::fill(uint64_t address, size_t bytes)
{
    auto *from = reinterpret_cast<const unsigned char *>(address);
    for (size_t at = 0; at < bytes; at += kPiece) {
        size_t n = std::min(kPiece, bytes - at);
        if (!all_zero(from + at, n))
            write(from + at, n, at);
    }
}

void SharedFile::fill(int file, uint64_t offset)
{
    std::vector<char> piece(kPiece);
    const auto end = off_t(offset + bytes_);
    for (off_t at = lseek(file, off_t(offset), SEEK_DATA); at >= 0 && at < end;
         at = lseek(file, at, SEEK_DATA)) {
        ssize_t n = pread(file, piece.data(), std::min(piece.size(), size_t(end - at)), at);
        if (n <= 0)
            no_room("reading");
        write(piece.data(), size_t(n), uint64_t(at) - offset);
        at += n;
    }
}

void SharedFile::map(uint64_t address, size_t bytes, uint64_t offset, int protection)
{
    if (mmap(reinterpret_cast<void *>(address), bytes, protection, MAP_SHARED | MAP_FIXED,
             descriptor_, off_t(offset)) == MAP_FAILED)
        no_room("mmap");
}

NoWork::NoWork()
{
    work_gate().lock();
}

NoWork::~NoWork()
{
    work_gate().unlock();
}

} // namespace vgpu::soft::driver
