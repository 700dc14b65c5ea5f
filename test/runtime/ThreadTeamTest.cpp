#include "runtime/ThreadTeam.h"
#include <gtest/gtest.h>
#include <thread>

using namespace bitnet;

/// What generated code does with an operation: work(first, end) until no items
/// are left.
template <typename Work>
static void share(bitnet_team *team, uint32_t thread, uint32_t items,
                  uint32_t grain, Work &&work) {
  if (team->num_threads == 1)
    return items ? work(0, items) : void();
  while (uint64_t range = team->next(team, thread, items, grain))
    work(static_cast<uint32_t>(range), static_cast<uint32_t>(range >> 32));
}

static void pause(int64_t nanoseconds) {
  timespec time{0, nanoseconds};
  nanosleep(&time, nullptr);
}

/// Threads that want all of the machine.
class Load {
public:
  explicit Load(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i)
      busy.emplace_back([this] {
        while (!stop.load(std::memory_order_relaxed))
          ;
      });
  }
  ~Load() {
    stop = true;
    for (std::thread &thread : busy)
      thread.join();
  }

private:
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
};

class ThreadTeamTest : public testing::TestWithParam<unsigned> {
protected:
  void SetUp() override {
    std::string error;
    team = ThreadTeam::create(GetParam(), &error);
    ASSERT_TRUE(team) << error;
    ASSERT_EQ(team->size(), GetParam());
  }

  /// Operations of many sizes and grains, each of which reads what others may
  /// have written for the one before. Plain memory on purpose: the end of an
  /// operation must order it, and TSan watches.
  void runDependentOperations(int jobs) {
    constexpr uint32_t sizes[] = {1, 2, 3, 7, 64, 100, 5000};
    constexpr uint32_t grains[] = {1, 1, 2, 3, 5, 64, 1000, 1};
    for (int job = 0; job < jobs; ++job) {
      std::vector<uint64_t> values(5000, 1);
      std::vector<uint64_t> results(values.size());
      team->run([&](bitnet_team *t, uint32_t thread) {
        for (int i = 0; i < 56; ++i) {
          const uint32_t items = sizes[i % 7];
          auto &in = i % 2 ? results : values;
          auto &out = i % 2 ? values : results;
          share(t, thread, items, grains[i % 8],
                [&](uint32_t first, uint32_t end) {
                  ASSERT_LT(first, end);
                  ASSERT_LE(end, items);
                  for (uint32_t at = first; at < end; ++at)
                    out[at] = in[0] * 3 + in[sizes[(i + 6) % 7] - 1] + at;
                });
        }
      });
      std::vector<uint64_t> a(5000, 1), b(a.size());
      for (int i = 0; i < 56; ++i) {
        const uint32_t items = sizes[i % 7];
        auto &in = i % 2 ? b : a;
        auto &out = i % 2 ? a : b;
        for (uint32_t at = 0; at < items; ++at)
          out[at] = in[0] * 3 + in[sizes[(i + 6) % 7] - 1] + at;
      }
      ASSERT_EQ(values, a);
      ASSERT_EQ(results, b);
    }
  }

  std::unique_ptr<ThreadTeam> team;
};

TEST_P(ThreadTeamTest, EveryItemOnce) {
  for (uint32_t items : {0u, 1u, 2u, 31u, 32u, 33u, 1000u, 4095u, 4096u, 9001u})
    for (uint32_t grain : {0u, 1u, 3u, 5000u}) {
      std::vector<int> calls(items, 0);
      team->run([&](bitnet_team *t, uint32_t thread) {
        share(t, thread, items, grain, [&](uint32_t first, uint32_t end) {
          for (uint32_t at = first; at < end; ++at)
            ++calls[at];
        });
      });
      ASSERT_EQ(calls, std::vector<int>(items, 1)) << items << " by " << grain;
    }
}

TEST_P(ThreadTeamTest, AnOperationSeesAllOfTheOneBefore) {
  runDependentOperations(20);
}

TEST_P(ThreadTeamTest, UnderLoad) {
  Load load(2);
  runDependentOperations(20);
}

TEST_P(ThreadTeamTest, NoThreadTwiceInAJob) {
  std::vector<int> calls(GetParam(), 0);
  for (int job = 1; job <= 300; ++job) {
    team->run([&](bitnet_team *, uint32_t thread) { ++calls[thread]; });
    ASSERT_EQ(calls[0], job);
    for (int count : calls)
      ASSERT_LE(count, job);
  }
}

TEST_P(ThreadTeamTest, CountsOperations) {
  auto three = [&](bitnet_team *t, uint32_t thread) {
    for (uint32_t items : {5u, 0u, 1u, 70u})
      share(t, thread, items, 1, [](uint32_t, uint32_t) {});
  };
  team->run(three);
  const uint64_t before = team->operations();
  team->run(three);
  EXPECT_EQ(team->operations() - before, GetParam() > 1 ? 3u : 0u);
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

TEST(ThreadTeam, WaitsForWorkNotForThreads) {
  std::string error;
  auto team = ThreadTeam::create(2, &error);
  ASSERT_TRUE(team) << error;
  // Whoever takes the first item waits until the other one has done the rest,
  // over the end of its own run.
  std::atomic<uint32_t> done{0};
  team->run([&](bitnet_team *t, uint32_t thread) {
    share(t, thread, 100, 1, [&](uint32_t first, uint32_t) {
      if (first == 0)
        while (done.load() < 99)
          pause(1'000'000);
      else
        ++done;
    });
  });
  EXPECT_EQ(done, 99u);
}

TEST(ThreadTeam, ALateThreadFindsNothingToDo) {
  std::string error;
  auto team = ThreadTeam::create(2, &error);
  ASSERT_TRUE(team) << error;
  std::atomic<uint32_t> finished{0}, late{0};
  for (int job = 0; job < 5; ++job) {
    pause(5'000'000); // the worker sleeps by now
    std::atomic<bool> inside{false}, over{false};
    team->run([&](bitnet_team *t, uint32_t thread) {
      if (thread == 1)
        inside = true;
      while (!(thread == 1 ? over : inside))
        std::this_thread::yield();
      for (int operation = 0; operation < 50; ++operation)
        share(t, thread, 10, 1, [&](uint32_t first, uint32_t end) {
          (thread == 1 ? late : finished) += end - first;
        });
      if (thread == 0)
        over = true;
    });
  }
  EXPECT_EQ(finished, 5u * 50 * 10);
  EXPECT_EQ(late, 0u);
}

TEST(ThreadTeam, LeavesTheCallersCpusAsTheyWere) {
  std::string error;
  const unsigned before = availableCpus();
  auto team = ThreadTeam::create(0, &error);
  ASSERT_TRUE(team) << error;
  team->run([](bitnet_team *, uint32_t) {});
  EXPECT_EQ(availableCpus(), before);
}
