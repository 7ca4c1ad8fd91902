// SPDX-License-Identifier: Apache-2.0
// cuLogs*: what the driver says of a call that it refuses is told to a callback, and read again.
#include "driver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

const char *const program = "logs";

#if CUDA_VERSION >= 12090

struct Heard {
    int lines = 0;
    bool named = false, sized = true;
};

static void hear(void *data, CUlogLevel, char *message, size_t length)
{
    auto &heard = *static_cast<Heard *>(data);
    heard.lines++;
    heard.named |= std::string(message, length).find("cuMulticastCreate") != std::string::npos;
    heard.sized &= std::strlen(message) == length;
}

int main()
{
    open_context();
    Heard heard, no_more;
    CUlogsCallbackHandle first = nullptr, second = nullptr;
    DRIVER(cuLogsRegisterCallback(hear, &heard, &first));
    DRIVER(cuLogsRegisterCallback(hear, &no_more, &second));
    EXPECT(first && second && first != second);
    DRIVER(cuLogsUnregisterCallback(second));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsUnregisterCallback(second));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsRegisterCallback(nullptr, nullptr, nullptr));

    CUlogIterator at = 0, old = 0;
    DRIVER(cuLogsCurrent(&at, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsCurrent(nullptr, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsCurrent(&at, 1));
    old = at;
    char text[4096];
    size_t size = sizeof text;
    DRIVER(cuLogsDumpToMemory(&at, text, &size, 0));
    EXPECT(size == 0 && at == old);

    CUmulticastObjectProp what{};
    CUmemGenericAllocationHandle handle;
    EXPECT(cuMulticastCreate(&handle, &what) != CUDA_SUCCESS);
    EXPECT(heard.lines >= 1 && heard.named && heard.sized && no_more.lines == 0);

    size = sizeof text;
    DRIVER(cuLogsDumpToMemory(&at, text, &size, 0));
    EXPECT(size > 0 && size == std::strlen(text) && text[size - 1] == '\n');
    EXPECT(std::strstr(text, "cuMulticastCreate") && at != old);
    size = sizeof text;
    DRIVER(cuLogsDumpToMemory(&at, text, &size, 0));
    EXPECT(size == 0);
    size = 2; // no line fits
    at = old;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsDumpToMemory(&at, text, &size, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsDumpToMemory(&at, nullptr, &size, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsDumpToMemory(&at, text, nullptr, 0));

    char path[] = "/tmp/vgpu-logs-XXXXXX";
    int file = mkstemp(path);
    EXPECT(file >= 0);
    at = old;
    DRIVER(cuLogsDumpToFile(&at, path, 0));
    ssize_t got = read(file, text, sizeof text - 1);
    close(file);
    unlink(path);
    text[got > 0 ? got : 0] = '\0';
    EXPECT(std::strstr(text, "cuMulticastCreate"));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsDumpToFile(nullptr, nullptr, 0));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLogsDumpToFile(nullptr, "/nowhere/at/all", 0));
    DRIVER(cuLogsUnregisterCallback(first));
    passed(0);
}

#else
int main()
{
    passed(0);
}
#endif
