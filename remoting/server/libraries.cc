// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/libraries.h"

#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/server/calls.h"
#include "remoting/server/library-call.h"
#include "remoting/server/limit.h"

#include <algorithm>
#include <cerrno>
#include <dlfcn.h>

namespace vgpu::server
{
namespace
{

const LibraryDescription *describe(uint32_t number)
{
    for (const LibraryDescription *one : library_descriptions())
        if (one->number == number)
            return one;
    return nullptr;
}

// Our own wrapper has the library's name: it would call us.
bool is_wrapper(void *handle)
{
    return dlsym(handle, "vgpuLibraryVersion") != nullptr;
}

void *try_file(const std::string &path, std::string &why)
{
    void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        if (why.empty())
            why = dlerror();
        return nullptr;
    }
    if (!is_wrapper(handle))
        return handle;
    dlclose(handle);
    why = path + " is slurm-vgpu's own wrapper: take slurm-vgpu out of the daemon's "
                 "LD_LIBRARY_PATH";
    return nullptr;
}

// In a folder that the administrator named.
void *find_named(const std::string &folders, const std::string &file, std::string &path,
                 std::string &why)
{
    for (size_t at = 0; at < folders.size();) {
        size_t end = std::min(folders.find(':', at), folders.size());
        path = folders.substr(at, end - at) + "/" + file;
        void *handle = end > at ? try_file(path, why) : nullptr;
        if (handle)
            return handle;
        at = end + 1;
    }
    return nullptr;
}

// In the driver's own folder if it was named with one, then where the system has it. The software
// GPU and the null driver have libraries of their own in theirs; the vendor's cannot work over
// them.
void *find_file(const std::string &driver, const std::string &file, std::string &path,
                std::string &why)
{
    if (size_t slash = driver.rfind('/'); slash != std::string::npos) {
        bool ours = driver.compare(slash + 1, 8, "libcuda-") == 0;
        path = driver.substr(0, slash + 1) + file;
        std::string ignored;
        void *handle = try_file(path, ours ? why : ignored);
        if (handle || ours)
            return handle;
    }
    path = file;
    return try_file(path, why);
}

} // namespace

std::string Libraries::open(const std::string &driver, uint32_t number, unsigned major,
                            uint64_t hash)
{
    const LibraryDescription *about = number < kMost ? describe(number) : nullptr;
    if (!about || about->hash != hash)
        return "the worker knows another version of its calls: install the same slurm-vgpu on both";
    if (opened_[number])
        return {};
    // The program's major first, then the others: the calls that both have are the same.
    std::vector<unsigned> majors(about->majors.begin(), about->majors.end());
    std::stable_partition(majors.begin(), majors.end(), [&](unsigned one) { return one == major; });
    std::string why;
    for (unsigned one : majors) {
        std::string path;
        const std::string file = text("%s.so.%u", about->name, one);
        void *handle = find_named(folders, file, path, why);
        if (!handle)
            handle = find_file(driver, file, path, why);
        if (!handle)
            continue;
        auto opened = std::make_unique<Opened>();
        opened->about = about;
        opened->major = one;
        opened->handle = handle;
        opened->path = path;
        opened->functions.resize(about->rows.size());
        opened->set_mode =
            about->set_mode ? reinterpret_cast<int (*)(void *, int)>(dlsym(handle, about->set_mode))
                            : nullptr;
        log(Level::info, "%s is used", path.c_str());
        opened_[number] = std::move(opened);
        return {};
    }
    return "not to be had beside the GPU: " + why;
}

void *Libraries::Opened::helper(const char *name)
{
    auto [at, is_new] = helpers.try_emplace(name, nullptr);
    if (is_new)
        at->second = dlsym(handle, name);
    return at->second;
}

Libraries::Object *Libraries::find(uint64_t id)
{
    auto at = objects_.find(id);
    return at == objects_.end() ? nullptr : &at->second;
}

CUresult Libraries::claim(uint64_t id) const
{
    if (api::kind_of(id) != api::Kind::library_object || api::counter_of(id) == 0 ||
        objects_.contains(id))
        return CUDA_ERROR_INVALID_HANDLE;
    return has_room("objects of CUDA libraries", objects_.size(), Handles::kMost)
               ? CUDA_SUCCESS
               : CUDA_ERROR_OUT_OF_MEMORY;
}

void Libraries::drop_context(uint32_t word)
{
    std::erase_if(objects_, [&](auto &item) { return item.second.word == word; });
}

void Libraries::call(Session &session, Request &request)
{
    uint64_t which = request.in.u64();
    uint64_t number = which >> 16;
    Opened *library = number < kMost ? opened_[number].get() : nullptr;
    if (!library)
        fail(EPROTO, "a call of library %llu, which was not opened", (unsigned long long)number);
    auto rows = library->about->rows;
    auto row = std::lower_bound(
        rows.begin(), rows.end(), uint32_t(which & 0xffff),
        [](const LibraryRow &one, uint32_t wanted) { return one.number < wanted; });
    if (row == rows.end() || row->number != (which & 0xffff))
        fail(EPROTO, "%s has no call %llu", library->about->name,
             (unsigned long long)(which & 0xffff));
    void *&function = library->functions[size_t(row - rows.begin())];
    LibraryRequest call{session, request, *this, *library, *row, function};
    if (!session.contexts.current())
        return call.answer(CUDA_ERROR_INVALID_CONTEXT);
    if (!function) {
        bool older = row->older_name && library->major < library->about->majors.front();
        const char *name = older ? row->older_name : row->name;
        function = dlsym(library->handle, name);
        if (!function) {
            log(Level::warning, "%s has no %s: it is another version", library->path.c_str(), name);
            return call.answer(CUDA_ERROR_NOT_FOUND);
        }
    }
    call.function = function;
    row->serve(call);
}

// ---- one request --------------------------------------------------------------------------------

CUresult LibraryNames::object(uint32_t type, uint64_t id, void *&handle, uint32_t &mode) const
{
    const Libraries::Object *object = libraries_.find(id);
    if (!object || object->type != type)
        return CUDA_ERROR_INVALID_HANDLE;
    handle = object->handle;
    mode = object->mode;
    return CUDA_SUCCESS;
}

void LibraryNames::add_object(uint32_t type, uint64_t id, void *handle)
{
    libraries_.add(id, {type, 0, handle, 0, session_.contexts.current()->word});
}

void LibraryNames::keep(uint64_t id, uint32_t slot, std::shared_ptr<void> what)
{
    if (Libraries::Object *object = libraries_.find(id))
        object->kept[slot] = std::move(what);
}

bool LibraryRequest::share(uint64_t place, CUstream &stream)
{
    Context &context = *session.contexts.current();
    // Partner: vgpud, which only reads.
    session.slices[context.slice].page->launches.fetch_add(1, std::memory_order_relaxed);
    if (!session.throttles[context.slice]->on())
        return false;
    void *found = nullptr;
    if (place >= api::kSpecialHandles &&
        session.handles.find(api::Kind::stream, place, found) != CUDA_SUCCESS)
        return false;
    stream = place < api::kSpecialHandles ? api::handle_of<CUstream>(place) : CUstream(found);
    return !session.captures.captures(stream);
}

void LibraryRequest::answer(CUresult result)
{
    if (request.wants_reply)
        return session.replies.send(request.reply_to(), result);
    log(Level::error, "%s: %s", row.name, session.driver.name_of(result).c_str());
    session.replies.fail_later(library.about->number << 16 | row.number, result);
}

void LibraryRequest::answer(int status, std::span<const std::byte> outputs)
{
    if (request.wants_reply) {
        int64_t word = status;
        return session.replies.send(request.reply_to(), CUDA_SUCCESS,
                                    outputs.empty() ? std::as_bytes(std::span(&word, 1)) : outputs);
    }
    if (status == 0)
        return;
    log(Level::error, "%s: status %d", row.name, status);
    session.replies.fail_later(library.about->number << 16 | row.number,
                               library.about->result_of(status));
}

// Destroying an object waits for the device, which this thread does not: it is done when the device
// has come so far.
void LibraryRequest::destroy(uint64_t id)
{
    Libraries::Object object = *libraries.find(id);
    libraries.remove(id);
    auto function_of_it = [&row = row, function = function](void *handle) {
        if (!row.invoke)
            return reinterpret_cast<int (*)(void *)>(function)(handle);
        auto word = uint64_t(reinterpret_cast<uintptr_t>(handle));
        return row.invoke(function, &word);
    };
    if (request.wants_reply || (row.effects & LibraryRow::light)) {
        int status = function_of_it(object.handle);
        return answer(status, {});
    }
    Fence fence = session.contexts.fence();
    CUresult ignored;
    auto action = [&s = session, object, function_of_it] {
        const Context *context = s.contexts.find(object.word);
        if (!context) // it took the object with it
            return;
        s.driver.cuCtxSetCurrent(context->handle);
        function_of_it(object.handle);
        s.contexts.restore();
    };
    if (fence.done(ignored))
        action();
    else
        session.retire(std::move(fence), action);
}

// ---- requests -----------------------------------------------------------------------------------

namespace calls
{

void vgpuLibraryOpen(Session &session, Request &request)
{
    uint64_t number = request.in.u64(), major = request.in.u64(), hash = request.in.u64();
    request.check_done();
    std::string why =
        session.libraries.open(session.driver.path, uint32_t(std::min<uint64_t>(number, 1 << 16)),
                               unsigned(std::min<uint64_t>(major, 1 << 16)), hash);
    session.reply.clear();
    wire::Encoder out(session.reply);
    out.string(why.substr(0, 1024));
    session.replies.send(request.reply_to(), CUDA_SUCCESS, session.reply);
}

void vgpuLibraryCall(Session &session, Request &request)
{
    session.libraries.call(session, request);
}

} // namespace calls
} // namespace vgpu::server
