// SPDX-License-Identifier: Apache-2.0
// Attributes of launches as they come from a client, whoever wrote them.
#include "remoting/server/session-testing.h"

#include <cstring>

namespace vgpu::server
{
namespace
{

class Attributed : public SessionTest
{
protected:
    void SetUp() override
    {
        SessionTest::SetUp();
        if (IsSkipped())
            return;
        client = std::make_unique<TestClient>(GetParam());
        ASSERT_EQ(client->open(), CUDA_SUCCESS);
        module = load(*client);
        ASSERT_EQ(client->call(Call::cuModuleGetFunction,
                               New<CUfunction>::Client{&function, client->id(Kind::function)},
                               Handle<CUmodule>::Client{module}, String::Client{"fill"}),
                  CUDA_SUCCESS);
        ASSERT_EQ(client->alloc(4096, pointer), CUDA_SUCCESS);
    }

    // What becomes of a launch with these bytes for attributes.
    uint32_t launch(const void *bytes, size_t n)
    {
        struct {
            uint64_t out;
            uint32_t n, value;
        } parameters{pointer, 1, 7};
        auto number = [](uint32_t value) { return Val<uint32_t>::Client{value}; };
        client->post(Call::vgpuLaunchWith, Val<uint64_t>::Client{id_of(function)}, number(1),
                     number(1), number(1), number(32), number(1), number(1), number(0),
                     Handle<CUstream>::Client{nullptr}, InArray<unsigned char>::Client{bytes, n},
                     InArray<unsigned char>::Client{&parameters, sizeof parameters});
        EXPECT_EQ(client->call(Call::cuCtxSynchronize), CUDA_SUCCESS);
        return client->last.deferred;
    }
    uint32_t launch(const CUlaunchAttribute &attribute)
    {
        return launch(&attribute, sizeof attribute);
    }

    static CUlaunchAttribute make(CUlaunchAttributeID id)
    {
        CUlaunchAttribute attribute;
        std::memset(&attribute, 0, sizeof attribute);
        attribute.id = id;
        return attribute;
    }

    std::unique_ptr<TestClient> client;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CUdeviceptr pointer = 0;
};

TEST_P(Attributed, a_list_has_whole_attributes_and_not_many)
{
    std::vector<CUlaunchAttribute> list(65, make(CU_LAUNCH_ATTRIBUTE_IGNORE));
    EXPECT_EQ(launch(list.data(), 64 * sizeof list[0]), 0u);
    EXPECT_EQ(launch(list.data(), 65 * sizeof list[0]), uint32_t(CUDA_ERROR_INVALID_VALUE));
    EXPECT_EQ(launch(list.data(), sizeof list[0] - 1), uint32_t(CUDA_ERROR_INVALID_VALUE));
    EXPECT_EQ(launch(list.data(), 0), uint32_t(CUDA_ERROR_INVALID_VALUE));
}

TEST_P(Attributed, one_that_is_not_known_is_not_passed_on)
{
    EXPECT_EQ(launch(make(CUlaunchAttributeID(17))), uint32_t(CUDA_ERROR_INVALID_VALUE));
    EXPECT_EQ(launch(make(CUlaunchAttributeID(-1))), uint32_t(CUDA_ERROR_INVALID_VALUE));
}

TEST_P(Attributed, a_window_lies_in_the_session_s_memory)
{
    auto window = make(CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW);
    window.value.accessPolicyWindow.num_bytes = 4096;
    window.value.accessPolicyWindow.base_ptr = reinterpret_cast<void *>(pointer);
    EXPECT_EQ(launch(window), 0u);
    window.value.accessPolicyWindow.base_ptr = &window;
    EXPECT_EQ(launch(window), uint32_t(CUDA_ERROR_INVALID_VALUE));
}

TEST_P(Attributed, an_event_is_the_session_s_own)
{
    auto attribute = make(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT);
    EXPECT_EQ(launch(attribute), uint32_t(CUDA_ERROR_INVALID_HANDLE));
    attribute.value.programmaticEvent.event = reinterpret_cast<CUevent>(module);
    EXPECT_EQ(launch(attribute), uint32_t(CUDA_ERROR_INVALID_HANDLE));
    CUevent event = nullptr;
    uint64_t id = client->id(Kind::event);
    client->post(Call::cuEventCreate, New<CUevent>::Client{&event, id},
                 Val<unsigned>::Client{CU_EVENT_DISABLE_TIMING});
    attribute.value.programmaticEvent.event = handle_of<CUevent>(id);
    EXPECT_EQ(launch(attribute), 0u);
}

INSTANTIATE_TEST_SUITE_P(Over, Attributed, testing::Values(TestClient::Over::stream));

} // namespace
} // namespace vgpu::server
