#include "runtime/ThreadTeam.h"
#include <gtest/gtest.h>

using namespace bitnet;

class ThreadTeamTest : public testing::TestWithParam<unsigned> {
protected:
  void SetUp() override {
    std::string error;
    team = ThreadTeam::create(GetParam(), &error);
    ASSERT_TRUE(team) << error;
    ASSERT_EQ(team->size(), GetParam());
  }
  std::unique_ptr<ThreadTeam> team;
};

TEST_P(ThreadTeamTest, EveryThreadRunsOnce) {
  std::vector<int> calls(GetParam(), 0);
  team->run([&](bitnet_team *, uint32_t thread) { ++calls[thread]; });
  EXPECT_EQ(calls, std::vector<int>(GetParam(), 1));
}

TEST_P(ThreadTeamTest, BarrierShowsEveryWrite) {
  // Plain memory on purpose: the barrier must order it, and TSan watches.
  const uint32_t threads = GetParam();
  constexpr int rounds = 200;
  std::vector<int> slots(threads, 0);
  std::atomic<int> wrong{0};
  team->run([&](bitnet_team *t, uint32_t thread) {
    for (int round = 1; round <= rounds; ++round) {
      slots[thread] = round;
      if (threads > 1)
        t->barrier(t, thread);
      for (int slot : slots)
        wrong += slot != round;
      if (threads > 1)
        t->barrier(t, thread);
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST_P(ThreadTeamTest, RunsManyJobs) {
  std::vector<int> calls(GetParam(), 0);
  for (int i = 0; i < 300; ++i)
    team->run([&](bitnet_team *, uint32_t thread) { ++calls[thread]; });
  EXPECT_EQ(calls, std::vector<int>(GetParam(), 300));
}

// 32 threads are more than the cores of most machines that run the tests.
INSTANTIATE_TEST_SUITE_P(Sizes, ThreadTeamTest,
                         testing::Values(1, 2, 3, 4, 8, 32));

TEST(ThreadTeam, DefaultIsOnePerCpu) {
  std::string error;
  auto team = ThreadTeam::create(0, &error);
  ASSERT_TRUE(team) << error;
  EXPECT_EQ(team->size(), availableCpus());
  EXPECT_GE(availableCpus(), 1u);
}

TEST(ThreadTeam, WakesThreadsThatSleep) {
  std::string error;
  auto team = ThreadTeam::create(2, &error);
  ASSERT_TRUE(team) << error;
  int calls[2] = {0, 0};
  for (int i = 0; i < 3; ++i) {
    timespec pause{0, 20'000'000};
    nanosleep(&pause, nullptr);
    team->run([&](bitnet_team *t, uint32_t thread) {
      if (thread == 1) {
        timespec late{0, 20'000'000};
        nanosleep(&late, nullptr);
      }
      t->barrier(t, thread);
      ++calls[thread];
    });
  }
  EXPECT_EQ(calls[0], 3);
  EXPECT_EQ(calls[1], 3);
}
