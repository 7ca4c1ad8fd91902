// SPDX-License-Identifier: Apache-2.0
// CUDA libraries beside the worker: opened when a client asks for one, called with what the
// client's wrapper (remoting/libs) sends, on the dispatch thread as all else, so that the
// libraries' work stands in the session's one order. The tables of calls are generated from the
// libraries' .api files.
#pragma once

#include "remoting/api/kinds.h"

#include <cuda.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace vgpu::api::lib
{
struct Row;
}

namespace vgpu::server
{

class Session;
struct Request;
struct LibraryRequest;

struct LibraryRow {
    // What a call does beside what the library does.
    enum Effect : uint32_t {
        none = 0,
        destroys = 1,
        sets_mode = 2,
        sets_stream = 4,
        light = 16, // what is destroyed is of the host alone: nothing needs to be waited for
        works = 8,  // gives work to the device: it is charged to the slice's share
    };
    uint32_t number;
    const char *name;
    void (*serve)(LibraryRequest &call);
    uint32_t effects;
    const api::lib::Row *tabled = nullptr; // of a tabled library, with what makes the call
    int (*invoke)(void *function, const uint64_t *words) = nullptr;
    const char *older_name = nullptr; // what the library's older majors call it, if not the same
};

struct LibraryDescription {
    uint32_t number;
    const char *name;                 // libcublas
    std::span<const unsigned> majors; // of the ABI, newest first
    uint64_t hash;
    const char *set_mode;              // its call that sets the pointer mode; null if it has none
    CUresult (*result_of)(int status); // what a failure that nobody waited for is told as
    std::span<const LibraryRow> rows;  // by number
};

class Libraries
{
public:
    struct Opened {
        const LibraryDescription *about;
        unsigned major;
        void *handle;
        std::string path;
        std::vector<void *> functions; // by row; found at their first call
        int (*set_mode)(void *object, int mode);
        std::unordered_map<const void *, void *> helpers; // by their names' addresses

        void *helper(const char *name);
    };

    struct Object {
        uint32_t type;
        uint32_t mode;
        void *handle;
        uint64_t stream;
        uint32_t word; // the context it was made in
        std::map<uint32_t, std::shared_ptr<void>> kept{};
    };

    std::vector<uint64_t> room; // for what one call of a tabled library points to
    std::string folders;        // where they are looked for first, with colons between

    // Why it cannot be had, or nothing. `beside`: the driver's path, in whose folder it is looked
    // for first.
    std::string open(const std::string &beside, uint32_t number, unsigned major, uint64_t hash);

    // A request of a client. Throws Error (EPROTO) for one that breaks the rules.
    void call(Session &session, Request &request);

    Object *find(uint64_t id);
    CUresult claim(uint64_t id) const;
    void add(uint64_t id, Object object) { objects_[id] = std::move(object); }
    void remove(uint64_t id) { objects_.erase(id); }

    // A context ends, and what the libraries have in it.
    void drop_context(uint32_t word);

private:
    static constexpr uint32_t kMost = 16;
    std::array<std::unique_ptr<Opened>, kMost> opened_;
    std::unordered_map<uint64_t, Object> objects_;
};

// The descriptions of all libraries, generated.
std::span<const LibraryDescription *const> library_descriptions();

} // namespace vgpu::server
