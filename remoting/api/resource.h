// SPDX-License-Identifier: Apache-2.0
// What a texture or a surface looks at, on the wire: the type, the flags, and then what that type
// has. Its handles are ids, and its pointers are judged as those of any other call.
#pragma once

#include "remoting/api/params.h"

namespace vgpu::api
{

template<>
struct In<CUDA_RESOURCE_DESC> {
    struct Client : ClientHalf {
        explicit Client(const CUDA_RESOURCE_DESC *p) : pointer(p) {}
        bool ok() const { return pointer; }
        void put(Encoder &out) const
        {
            put_value(out, pointer->resType);
            put_value(out, pointer->flags);
            auto put_all = [&](const auto &...values) { (put_value(out, values), ...); };
            auto &res = pointer->res;
            switch (pointer->resType) {
            case CU_RESOURCE_TYPE_ARRAY:
                return out.u64(id_of(res.array.hArray));
            case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
                return out.u64(id_of(res.mipmap.hMipmappedArray));
            case CU_RESOURCE_TYPE_LINEAR:
                return put_all(res.linear.devPtr, res.linear.format, res.linear.numChannels,
                               res.linear.sizeInBytes);
            case CU_RESOURCE_TYPE_PITCH2D:
                return put_all(res.pitch2D.devPtr, res.pitch2D.format, res.pitch2D.numChannels,
                               res.pitch2D.width, res.pitch2D.height, res.pitch2D.pitchInBytes);
            default: // the server refuses it
                return;
            }
        }
        const CUDA_RESOURCE_DESC *pointer;
    };

    struct Server : ServerHalf {
        CUresult get(Decoder &in, auto &handles)
        {
            get_value(in, value.resType);
            get_value(in, value.flags);
            auto get_all = [&](auto &...values) { (get_value(in, values), ...); };
            auto &res = value.res;
            switch (value.resType) {
            case CU_RESOURCE_TYPE_ARRAY:
                return find(in, handles, res.array.hArray);
            case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
                return find(in, handles, res.mipmap.hMipmappedArray);
            case CU_RESOURCE_TYPE_LINEAR:
                get_all(res.linear.devPtr, res.linear.format, res.linear.numChannels,
                        res.linear.sizeInBytes);
                return reach(handles, res.linear.devPtr, res.linear.sizeInBytes);
            case CU_RESOURCE_TYPE_PITCH2D: {
                auto &plane = res.pitch2D;
                get_all(plane.devPtr, plane.format, plane.numChannels, plane.width, plane.height,
                        plane.pitchInBytes);
                // At least so much, whatever an element is.
                size_t bytes;
                if (plane.height == 0 ||
                    __builtin_mul_overflow(plane.height - 1, plane.pitchInBytes, &bytes) ||
                    __builtin_add_overflow(bytes, plane.width, &bytes))
                    return CUDA_ERROR_INVALID_VALUE;
                return reach(handles, plane.devPtr, bytes);
            }
            default:
                return CUDA_ERROR_INVALID_VALUE;
            }
        }
        CUDA_RESOURCE_DESC *arg() { return &value; }
        CUDA_RESOURCE_DESC value{};

    private:
        template<HandleType H>
        static CUresult find(Decoder &in, auto &handles, H &handle)
        {
            typename Handle<H>::Server one;
            CUresult result = one.get(in, handles);
            handle = one.arg();
            return result;
        }
        // Both ends lie in what the session may name; whether there is memory between them is the
        // driver's to say.
        static CUresult reach(auto &handles, CUdeviceptr first, size_t bytes)
        {
            CUdeviceptr end;
            if (bytes == 0 || __builtin_add_overflow(first, bytes, &end))
                return CUDA_ERROR_INVALID_VALUE;
            CUresult result = handles.pointer(first);
            return result == CUDA_SUCCESS ? handles.pointer(end - 1) : result;
        }
    };
};

} // namespace vgpu::api
