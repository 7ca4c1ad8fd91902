// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/shared-event.h"
#include "softgpu/driver/entry.h"
#include "softgpu/driver/memory.h"
#include "softgpu/driver/shared-file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::soft::driver
{
namespace
{

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr char kName[] = "vgpu-soft-event-";

/// The locks are the open file's, not the process's: those go when anything closes the file.
struct flock byte_of(uint64_t number, short type)
{
    struct flock lock {
    };
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = off_t(number & INT64_MAX);
    lock.l_len = 1;
    return lock;
}

bool change(int file, int how, struct flock lock)
{
    int result;
    do
        result = fcntl(file, how, &lock);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

} // namespace

struct SharedEvent::Page {
    std::atomic<uint64_t> issued;
    std::atomic<uint64_t> last;     ///< its byte was locked before it came here
    std::atomic<uint64_t> finished; ///< how many; for who looks on, as a lock orders no memory
};

std::shared_ptr<SharedEvent> SharedEvent::make()
{
    std::string name = kName + random_token();
    int file = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    require(file >= 0, CUDA_ERROR_OUT_OF_MEMORY);
    std::shared_ptr<SharedEvent> made(new SharedEvent(file));
    require(ftruncate(file, off_t(kPage)) == 0 && fcntl(file, F_ADD_SEALS, kSeals) == 0,
            CUDA_ERROR_OUT_OF_MEMORY);
    made->map();
    return made;
}

std::shared_ptr<SharedEvent> SharedEvent::open(int pid, int descriptor, const std::string &token)
{
    int file = open_elsewhere(pid, descriptor, kName + token);
    if (file < 0)
        return nullptr;
    std::shared_ptr<SharedEvent> opened(new SharedEvent(file));
    opened->map();
    return opened->token_ == token ? opened : nullptr;
}

void SharedEvent::map()
{
    std::string path = "/proc/self/fd/" + std::to_string(own_);
    char name[128] = "";
    require(readlink(path.c_str(), name, sizeof name - 1) > 0);
    const std::string start = std::string("/memfd:") + kName, end = " (deleted)", text = name;
    struct stat info;
    require(text.size() == start.size() + 32 + end.size() && text.starts_with(start) &&
            text.ends_with(end) && (fcntl(own_, F_GET_SEALS) & kSeals) == kSeals &&
            fstat(own_, &info) == 0 && info.st_size == off_t(kPage));
    token_ = text.substr(start.size(), 32);
    other_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    require(other_ >= 0, CUDA_ERROR_OUT_OF_MEMORY);
    void *at = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, own_, 0);
    require(at != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    page_ = static_cast<Page *>(at);
}

SharedEvent::~SharedEvent()
{
    if (page_)
        munmap(page_, kPage);
    if (other_ >= 0)
        close(other_);
    close(own_);
}

SharedEvent::Recording::Recording(std::shared_ptr<SharedEvent> event, uint64_t n)
    : number(n), event_(std::move(event))
{
}

void SharedEvent::Recording::finish()
{
    if (auto event = std::exchange(event_, nullptr)) {
        event->page_->finished.fetch_add(1);
        change(event->own_, F_OFD_SETLK, byte_of(number, F_UNLCK));
    }
}

std::shared_ptr<SharedEvent::Recording> SharedEvent::begin()
{
    uint64_t number = page_->issued.fetch_add(1) + 1;
    require(change(own_, F_OFD_SETLK, byte_of(number, F_WRLCK)), CUDA_ERROR_OUT_OF_MEMORY);
    auto recording = std::make_shared<Recording>(shared_from_this(), number);
    uint64_t before = page_->last.load();
    while (before < number && !page_->last.compare_exchange_weak(before, number))
        ;
    return recording;
}

uint64_t SharedEvent::last() const
{
    return page_->last.load();
}

bool SharedEvent::reached(uint64_t number) const
{
    auto lock = byte_of(number, F_RDLCK);
    bool free = fcntl(other_, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
    page_->finished.load();
    return free;
}

void SharedEvent::wait(uint64_t number) const
{
    if (change(other_, F_OFD_SETLKW, byte_of(number, F_RDLCK)))
        change(other_, F_OFD_SETLK, byte_of(number, F_UNLCK));
    page_->finished.load();
}

} // namespace vgpu::soft::driver
