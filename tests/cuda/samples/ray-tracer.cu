// SPDX-License-Identifier: Apache-2.0
// Rays among shapes that a kernel makes with new, by their virtual functions, mirrored by
// recursion; the same classes on the host draw the same picture.
#include "array.h"

const char *const program = "ray-tracer";

constexpr int kWidth = 48, kHeight = 32, kShapes = 6, kDepth = 4;

struct Vector {
    float x, y, z;
    __host__ __device__ Vector operator+(Vector o) const { return {x + o.x, y + o.y, z + o.z}; }
    __host__ __device__ Vector operator-(Vector o) const { return {x - o.x, y - o.y, z - o.z}; }
    __host__ __device__ Vector operator*(float f) const { return {x * f, y * f, z * f}; }
    __host__ __device__ float dot(Vector o) const { return x * o.x + y * o.y + z * o.z; }
    __host__ __device__ Vector unit() const { return *this * (1 / sqrtf(dot(*this))); }
};

class Shape
{
public:
    __host__ __device__ Shape(float mirrors, float shade) : mirrors(mirrors), shade(shade) {}
    __host__ __device__ virtual ~Shape() {}
    __host__ __device__ virtual float hit(Vector from, Vector to) const = 0;
    __host__ __device__ virtual Vector normal(Vector at) const = 0;
    __host__ __device__ virtual float colour(Vector) const { return shade; }
    float mirrors, shade;
};

class Sphere : public Shape
{
public:
    __host__ __device__ Sphere(Vector middle, float radius, float mirrors, float shade)
        : Shape(mirrors, shade), middle(middle), radius(radius)
    {
    }
    __host__ __device__ float hit(Vector from, Vector to) const override
    {
        Vector way = middle - from;
        float along = way.dot(to), root = along * along - way.dot(way) + radius * radius;
        if (root < 0)
            return -1;
        root = sqrtf(root);
        return along - root > 1e-3f ? along - root : along + root;
    }
    __host__ __device__ Vector normal(Vector at) const override { return (at - middle).unit(); }

private:
    Vector middle;
    float radius;
};

class Floor : public Shape
{
public:
    using Shape::Shape;
    __host__ __device__ float hit(Vector from, Vector to) const override
    {
        return to.y < -1e-6f ? -from.y / to.y : -1;
    }
    __host__ __device__ Vector normal(Vector) const override { return {0, 1, 0}; }
    __host__ __device__ float colour(Vector at) const override
    {
        return (int(floorf(at.x)) + int(floorf(at.z))) % 2 ? shade : shade / 2;
    }
};

__host__ __device__ Shape *make(int i)
{
    if (i == 0)
        return new Floor(0.2f, 0.9f);
    float turn = float(i) * 1.2f;
    return new Sphere({2 * cosf(turn), 0.5f + float(i % 3) * 0.4f, 6 + 2 * sinf(turn)},
                      0.4f + float(i) * 0.1f, 0.15f * float(i), 1 - 0.1f * float(i));
}

__host__ __device__ float trace(Shape *const *shapes, Vector from, Vector to, int depth)
{
    const Shape *first = nullptr;
    float least = 1e9f;
    for (int i = 0; i < kShapes; i++) {
        float way = shapes[i]->hit(from, to);
        if (way > 1e-3f && way < least) {
            least = way;
            first = shapes[i];
        }
    }
    if (!first)
        return 0.3f + 0.2f * to.y;
    Vector at = from + to * least, out = first->normal(at);
    float bright = fmaxf(0.1f, out.dot(Vector{0.6f, 0.7f, -0.4f})) * first->colour(at);
    if (depth == 0 || first->mirrors == 0)
        return bright;
    float mirrored = trace(shapes, at, to - out * (2 * out.dot(to)), depth - 1);
    return bright * (1 - first->mirrors) + mirrored * first->mirrors;
}

__host__ __device__ float pixel(Shape *const *shapes, int x, int y)
{
    Vector to{(float(x) + 0.5f - kWidth / 2) / kHeight, (kHeight / 2 - float(y) - 0.5f) / kHeight,
              1};
    return trace(shapes, {0, 1, 0}, to.unit(), kDepth);
}

__global__ void build(Shape **shapes)
{
    shapes[threadIdx.x] = make(int(threadIdx.x));
}
__global__ void draw(Shape *const *shapes, float *image)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    image[i] = pixel(shapes, i % kWidth, i / kWidth);
}
__global__ void tear_down(Shape **shapes)
{
    delete shapes[threadIdx.x];
}

int main()
{
    CUDA(cudaDeviceSetLimit(cudaLimitStackSize, 8192));
    Array<Shape *> shapes(kShapes);
    Array<float> image(kWidth * kHeight);
    build<<<1, kShapes>>>(shapes.at);
    draw<<<kWidth * kHeight / 64, 64>>>(shapes.at, image.at);
    tear_down<<<1, kShapes>>>(shapes.at);
    image.get();
    std::vector<Shape *> own;
    for (int i = 0; i < kShapes; i++)
        own.push_back(make(i));
    // At edges a last bit may decide what a ray meets.
    int other = 0;
    for (int i = 0; i < kWidth * kHeight; i++)
        other += !near(image[size_t(i)], pixel(own.data(), i % kWidth, i / kWidth), 1e-3);
    EXPECT(other <= kWidth * kHeight / 100);
    for (Shape *one : own)
        delete one;
    auto ends = std::minmax_element(image.host.begin(), image.host.end());
    EXPECT(*ends.second - *ends.first > 0.3f);
    passed(image.sum());
}
