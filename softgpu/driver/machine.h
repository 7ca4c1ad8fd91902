// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/allocations.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/registry.h"
#include "softgpu/driver/settings.h"
#include "softgpu/ptx/memory.h"

#include <memory>
#include <vector>

namespace vgpu::soft::driver
{

class Array;
class Context;
struct Condition;
class Event;
class Exec;
class Function;
class Graph;
struct GreenContext;
class Kernel;
class Library;
class Link;
class Mipmap;
class Module;
struct Node;
class Pool;
struct ResourceDesc;
class Physical;
class Stream;
struct SurfaceObject;
struct TextureObject;
struct TextureReference;
struct UserObject;

/// Everything this process' driver has. Made at first use and never destroyed: detached threads may
/// still use it while the process exits.
struct Machine {
    Machine();

    Settings settings;
    std::vector<std::unique_ptr<Device>> devices;
    MemoryMap memory; ///< one for all devices: they are peers of each other
    Allocations allocations;
    Registry<Context> contexts{Kind::context};
    Registry<Stream> streams{Kind::stream};
    Registry<Event> events{Kind::event};
    Registry<Module> modules{Kind::module};
    Registry<Function> functions{Kind::function};
    Registry<Library> libraries{Kind::library};
    Registry<Kernel> kernels{Kind::kernel};
    Registry<Pool> pools{Kind::pool};
    Registry<Physical> physicals{Kind::physical};
    Registry<Link> links{Kind::link};
    Registry<Graph> graphs{Kind::graph};
    Registry<Node> nodes{Kind::node};
    Registry<Exec> execs{Kind::exec};
    Registry<UserObject> user_objects{Kind::user_object};
    Registry<Condition> conditions{Kind::condition};
    Registry<Array> arrays{Kind::array};
    Registry<Mipmap> mipmaps{Kind::mipmap};
    Registry<TextureObject> textures{Kind::texture};
    Registry<SurfaceObject> surfaces{Kind::surface};
    Registry<TextureReference> texrefs{Kind::texref};
    Registry<GreenContext> greens{Kind::green};
    Registry<ResourceDesc> resource_descs{Kind::resource_desc};

    Device &device(CUdevice ordinal); ///< throws INVALID_DEVICE
};

Machine &machine();

} // namespace vgpu::soft::driver
