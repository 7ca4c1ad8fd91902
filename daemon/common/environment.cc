// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/environment.h"

#include <algorithm>
#include <glob.h>
#include <span>

#include "remoting/base/variables.h"

namespace vgpu::control
{

namespace
{

std::string directory(const Option &option, const char *compiled_in)
{
    const std::string value = variable(option);
    return value.empty() ? compiled_in : value;
}

/// libcuda.so.1, every libcudart.so.N, then the wrappers of CUDA's libraries, as far as they are
/// there. Not libnvidia-ml.so.1, which programs open by its name only.
std::vector<std::string> libraries()
{
    std::vector<std::string> list;
    for (const char *pattern : {"/libcuda.so.1", "/libcudart.so.[0-9][0-9]", "/libcu*.so.[0-9]",
                                "/libcu*.so.[0-9][0-9]"}) {
        glob_t found{};
        if (glob((library_dir() + pattern).c_str(), 0, nullptr, &found) == 0)
            for (const char *path : std::span(found.gl_pathv, found.gl_pathc))
                if (std::find(list.begin(), list.end(), path) == list.end())
                    list.push_back(path);
        globfree(&found);
    }
    return list;
}

/// `value` before what is there, unless it already is.
std::string before(const std::string &value, const char *present, char separator)
{
    if (!present || !*present)
        return value;
    const std::string wrapped = separator + std::string(present) + separator;
    if (wrapped.find(separator + value + separator) != std::string::npos)
        return present;
    return value + separator + present;
}

std::string after(const char *present, const std::string &value)
{
    if (!present || !*present)
        return value;
    if (std::string(present).find(value) != std::string::npos)
        return present;
    return std::string(present) + " " + value;
}

} // namespace

std::string library_dir()
{
    return directory(kLibdirVariable, VGPU_VGPULIBDIR);
}

std::string soft_library_dir()
{
    const std::string value = variable(kLibdirVariable);
    return value.empty() ? VGPU_VGPUSOFTDIR : value + "/soft";
}

std::string libexec_dir()
{
    return directory(kLibexecdirVariable, VGPU_PKGLIBEXECDIR);
}

std::vector<std::pair<std::string, std::string>>
job_environment(const std::function<const char *(const char *)> &get, const std::string &lease_path)
{
    std::vector<std::pair<std::string, std::string>> list;
    list.emplace_back(kLeaseVariable.env, lease_path);
    list.emplace_back("LD_LIBRARY_PATH", before(library_dir(), get("LD_LIBRARY_PATH"), ':'));
    // A program with an RPATH of its own would find the vendor's libraries first.
    std::string preload = get("LD_PRELOAD") ? get("LD_PRELOAD") : "";
    std::replace(preload.begin(), preload.end(), ' ', ':');
    const std::vector<std::string> ours = libraries();
    for (auto library = ours.rbegin(); library != ours.rend(); ++library)
        preload = before(*library, preload.c_str(), ':');
    if (!preload.empty())
        list.emplace_back("LD_PRELOAD", preload);
    // A program built inside the job shall not carry the vendor's static runtime.
    list.emplace_back("NVCC_APPEND_FLAGS", after(get("NVCC_APPEND_FLAGS"), "-cudart shared"));
    return list;
}

} // namespace vgpu::control
