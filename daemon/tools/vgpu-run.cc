// SPDX-License-Identifier: Apache-2.0
// vgpu-run: runs one program with a lease, on this machine's GPU or on a daemon's elsewhere.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/common/command-line.h"
#include "daemon/common/command-options.h"
#include "daemon/common/control-client.h"
#include "daemon/common/environment.h"
#include "daemon/common/private-files.h"
#include "daemon/tools/private-daemon.h"
#include "daemon/tools/program.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/visible-devices.h"

namespace vgpu::control
{

namespace
{

constexpr int kUsage = 2;
constexpr int kNotFound = 127; // as the shell has it
constexpr int kNotExecutable = 126;

/// The lease, held as long as this object lives.
class Held
{
public:
    Held(Conf conf, std::string host, uint16_t port, std::string directory)
        : conf_(std::move(conf)), host_(std::move(host)), port_(port),
          path_(std::move(directory) + "/lease")
    {
    }
    ~Held() { release(); }

    /// `divide`: this vgpud serves nobody else, so that slices that ask for no amount share the
    /// devices out.
    void acquire(const Options &wanted, bool divide)
    {
        Client client(conf_, host_, port_);
        LeaseRequest request;
        request.count = static_cast<uint32_t>(wanted.integer("gpus"));
        request.memory = wanted.size("mem");
        request.cores = wanted.percent("cores");
        request.uid = geteuid();
        request.channel = wanted.string("channel");
        request.qos = wanted.string("qos");
        if (divide && !request.memory)
            request.memory = even_share(client.state(), request.count);
        lease_ = client.acquire(request);
        const uint64_t now = static_cast<uint64_t>(time(nullptr));
        renew_ms_ = lease_.expiry > now ? static_cast<int>(lease_.expiry - now) * 1000 / 3 : 1000;
        wire::write_lease_file(path_, lease_file_of(lease_, conf_), geteuid(), getegid());
    }

    void renew()
    {
        try {
            Client(conf_, host_, port_).renew(lease_.lease);
        } catch (const Error &error) {
            log(Level::warning, "renewing the lease: %s", error.what());
        }
    }

    const std::string &path() const { return path_; }
    int renew_ms() const { return renew_ms_; }

private:
    static uint64_t even_share(const State &state, uint32_t gpus)
    {
        if (state.devices.empty())
            return 0;
        const uint64_t devices = state.devices.size();
        uint64_t memory = state.devices.front().memory;
        for (const Device &device : state.devices)
            memory = std::min(memory, device.memory);
        return memory / ((gpus + devices - 1) / devices);
    }

    void release() noexcept
    {
        if (lease_.lease.empty())
            return;
        try {
            Client(conf_, host_, port_).release(lease_.lease);
        } catch (const std::exception &error) {
            log(Level::debug, "releasing the lease: %s", error.what()); // it expires
        }
        unlink(path_.c_str());
    }

    Conf conf_;
    std::string host_;
    uint16_t port_;
    std::string path_;
    Lease lease_;
    int renew_ms_ = 1000;
};

/// A place for the lease file when the daemon is somebody else's.
class Scratch
{
public:
    Scratch()
    {
        if (!mkdtemp(path.data()))
            fail_errno("making a directory in /tmp");
    }
    ~Scratch() { remove_private_files(path); }
    std::string path = "/tmp/vgpu-run.XXXXXX";
};

Conf conf_of_server(const Options &wanted)
{
    return wanted.is_set("conf") ? load_conf(wanted.string("conf")) : load_conf();
}

int run(const Options &wanted, const std::vector<std::string> &words)
{
    const std::string library = library_dir() + "/libcuda.so.1";
    if (access(library.c_str(), R_OK) != 0)
        fail_errno("%s: slurm-vgpu is not installed whole, or VGPU_LIBDIR is wrong",
                   library.c_str());
    Program::block_signals();

    std::optional<PrivateDaemon> daemon;
    std::optional<Scratch> scratch;
    std::optional<Held> held;
    if (!wanted.is_set("server")) {
        const std::string driver = wanted.string("driver");
        daemon.emplace(driver == "soft" ? soft_library_dir() + "/libcuda-soft.so.1" : driver);
        held.emplace(daemon->conf(), daemon->conf().vgpud_socket, 0, daemon->directory());
    } else {
        const HostPort server = wanted.hostport("server");
        scratch.emplace();
        held.emplace(conf_of_server(wanted), server.host, server.port, scratch->path);
    }
    held->acquire(wanted, daemon.has_value());
    // Our own vgpud has obeyed it: it names this machine's GPUs, not the program's vgpus.
    if (daemon)
        unsetenv(kVisibleDevices);
    std::optional<Program> program;
    try {
        program.emplace(words, job_environment(getenv, held->path()));
    } catch (const Error &error) {
        std::fprintf(stderr, "vgpu-run: %s\n", error.what());
        return W_EXITCODE(error.code() == ENOENT ? kNotFound : kNotExecutable, 0);
    }
    return program->wait(held->renew_ms(), [&] { held->renew(); });
}

/// The words after the options: the program and its arguments.
std::vector<std::string> program_words(const CLI::App &app)
{
    std::vector<std::string> words = app.remaining();
    if (!words.empty() && words.front() == "--")
        words.erase(words.begin());
    if (words.empty())
        throw CLI::RequiredError("a program to run");
    return words;
}

} // namespace

} // namespace vgpu::control

int main(int argc, char **argv)
{
    using namespace vgpu;
    CLI::App app(
        "Runs a CUDA program on a GPU of this machine or of a server, with a share of its own.",
        "vgpu-run");
    Options wanted(control::run_options());
    control::add_options(app, wanted);
    app.get_option("--conf")->needs(app.get_option("--server"));
    app.get_option("--driver")->excludes(app.get_option("--server"));
    app.prefix_command();
    app.footer("vgpu-run(1) has examples.");
    std::vector<std::string> words;
    try {
        app.parse(argc, argv);
        words = control::program_words(app);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) ? control::kUsage : EXIT_SUCCESS;
    }
    try {
        return control::Program::finish(control::run(wanted, words));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "vgpu-run: %s\n", error.what());
        return EXIT_FAILURE;
    }
}
