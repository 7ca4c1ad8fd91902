// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/munge.h"

#include "remoting/base/error.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>

#include <dlfcn.h>
#include <munge.h>

namespace vgpu::wire
{

namespace
{

// The functions of the library, found once; only their types come from the header.
struct Library {
    decltype(&::munge_encode) encode;
    decltype(&::munge_decode) decode;
    decltype(&::munge_strerror) strerror;
    decltype(&::munge_ctx_create) ctx_create;
    decltype(&::munge_ctx_destroy) ctx_destroy;
    decltype(&::munge_ctx_set) ctx_set;
    decltype(&::munge_ctx_strerror) ctx_strerror;

    Library()
    {
        void *handle = dlopen("libmunge.so.2", RTLD_NOW | RTLD_LOCAL);
        if (!handle) {
            const char *why = dlerror();
            fail(EACCES, "munge: %s: install libmunge2 on this host, or use Auth=key",
                 why ? why : "libmunge.so.2 cannot be loaded");
        }
        find(handle, "munge_encode", encode);
        find(handle, "munge_decode", decode);
        find(handle, "munge_strerror", strerror);
        find(handle, "munge_ctx_create", ctx_create);
        find(handle, "munge_ctx_destroy", ctx_destroy);
        find(handle, "munge_ctx_set", ctx_set);
        find(handle, "munge_ctx_strerror", ctx_strerror);
    }

    template<typename F>
    static void find(void *handle, const char *name, F &function)
    {
        function = reinterpret_cast<F>(dlsym(handle, name));
        if (!function)
            fail(EACCES, "munge: libmunge.so.2 has no %s: install libmunge2 0.5.10 or newer", name);
    }
};

const Library &library()
{
    static const Library loaded; // tried again by the next caller if it throws
    return loaded;
}

class Context
{
public:
    Context(const Library &lib, const std::string &socket) : lib_(lib), ctx_(lib.ctx_create())
    {
        if (!ctx_)
            fail(ENOMEM, "munge: out of memory");
        if (!socket.empty() &&
            lib_.ctx_set(ctx_, MUNGE_OPT_SOCKET, socket.c_str()) != EMUNGE_SUCCESS) {
            std::string why = reason(EMUNGE_BAD_ARG);
            lib_.ctx_destroy(ctx_);
            fail(EACCES, "munge: cannot use the socket %s: %s", socket.c_str(), why.c_str());
        }
    }
    Context(const Context &) = delete;
    ~Context() { lib_.ctx_destroy(ctx_); }

    munge_ctx_t get() const { return ctx_; }

    std::string reason(munge_err_t code) const
    {
        const char *text = lib_.ctx_strerror(ctx_);
        return text ? text : lib_.strerror(code);
    }

private:
    const Library &lib_;
    munge_ctx_t ctx_;
};

const char *advice(munge_err_t code) noexcept
{
    switch (code) {
    case EMUNGE_SOCKET:
        return " (is munged running on this host?)";
    case EMUNGE_CRED_EXPIRED:
    case EMUNGE_CRED_REWOUND:
        return " (do the clocks of the two hosts agree?)";
    case EMUNGE_CRED_INVALID:
    case EMUNGE_CRED_UNAUTHORIZED:
        return " (do the two hosts have the same munge.key?)";
    default:
        return "";
    }
}

using Freed = std::unique_ptr<void, decltype(&free)>;

} // namespace

std::string munge_encode_bytes(const std::string &socket, std::span<const std::byte> payload)
{
    const Library &lib = library();
    Context context(lib, socket);
    char *credential = nullptr;
    munge_err_t code = lib.encode(&credential, context.get(), payload.data(), int(payload.size()));
    Freed owner(credential, free);
    if (code != EMUNGE_SUCCESS)
        fail(EACCES, "munge: cannot make a credential: %s%s", context.reason(code).c_str(),
             advice(code));
    return credential;
}

MungeDecoded munge_decode_bytes(const std::string &socket, const std::string &credential)
{
    const Library &lib = library();
    Context context(lib, socket);
    void *payload = nullptr;
    int size = 0;
    uid_t uid = uid_t(-1);
    gid_t gid = gid_t(-1);
    munge_err_t code = lib.decode(credential.c_str(), context.get(), &payload, &size, &uid, &gid);
    Freed owner(payload, free); // may be set even for a credential that is refused
    if (code != EMUNGE_SUCCESS)
        fail(EACCES, "munge: the credential is refused: %s%s", context.reason(code).c_str(),
             advice(code));
    auto *bytes = static_cast<const std::byte *>(payload);
    return {uid, std::vector<std::byte>(bytes, bytes + (payload ? size : 0))};
}

} // namespace vgpu::wire
