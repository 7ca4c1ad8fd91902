// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace vgpu::soft::driver
{

/// Device memory in a memory file of its own, which other processes may map. Memory becomes so when
/// it is first exported; until then it costs no descriptor, and no more than any other memory.
///
/// The file's name tells the device by its number and has a random number that nobody guesses, and
/// it is sealed against being cut off: so that no descriptor, whoever made it, can be taken for
/// memory that it is not, nor make a kernel fault.
class SharedFile
{
public:
    static std::shared_ptr<SharedFile> make(int device, size_t bytes);
    /// Takes the descriptor over. Throws INVALID_VALUE for what was not made by `make`.
    static std::shared_ptr<SharedFile> adopt(int descriptor);
    ~SharedFile();
    SharedFile(const SharedFile &) = delete;
    SharedFile &operator=(const SharedFile &) = delete;

    int descriptor() const { return descriptor_; }
    size_t bytes() const { return bytes_; }
    int device() const { return device_; }
    const std::string &token() const { return token_; } ///< 32 hexadecimal digits

    void fill(uint64_t address, size_t bytes); ///< with memory of this process
    void fill(int file, uint64_t offset);      ///< with as much of another file
    void map(uint64_t address, size_t bytes, uint64_t offset, int protection); ///< exactly there

private:
    explicit SharedFile(int descriptor) : descriptor_(descriptor) {}
    void write(const void *from, size_t bytes, uint64_t offset);

    int descriptor_;
    int device_ = 0;
    size_t bytes_ = 0;
    std::string token_;
};

/// 32 hexadecimal digits that nobody guesses.
std::string random_token();

/// Opens the memory file of that name which process `pid` has open under a number, of the same
/// user. -1 if there is no such process, or the number is something else's by now.
int open_elsewhere(int pid, int descriptor, const std::string &name);

/// Held while memory is moved into a file: no work of any stream runs meanwhile. Waits for those
/// that are running, as cuMemFree does.
class NoWork
{
public:
    NoWork();
    ~NoWork();
    NoWork(const NoWork &) = delete;
    NoWork &operator=(const NoWork &) = delete;
};

} // namespace vgpu::soft::driver
