#include "runtime/Session.h"
#include "FakeModel.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace bitnet;
using namespace bitnet::test;

static std::unique_ptr<Session> makeSession(SessionOptions options) {
  std::string error;
  auto session = Session::create(program_model, options, &error);
  EXPECT_TRUE(session) << error;
  return session;
}

static std::vector<int32_t> someTokens(size_t count) {
  std::vector<int32_t> ids(count);
  for (size_t i = 0; i < count; ++i)
    ids[i] = static_cast<int32_t>(i * 37 % 264);
  return ids;
}

static std::vector<float> lastLogits(const Session &session) {
  return {session.logits(), session.logits() + program_model.vocab_size};
}

TEST(Session, ChunksAndThreadsDoNotMatter) {
  const auto ids = someTokens(50);
  std::vector<float> expected;
  std::string error;
  for (unsigned threads : {1u, 2u, 3u, 7u})
    for (uint32_t chunk : {1u, 7u, 50u, 256u}) {
      auto session = makeSession({.threads = threads, .maxTokens = chunk});
      int32_t s = session->createSequence();
      ASSERT_TRUE(session->append(s, ids, Session::Want::Last, &error));
      EXPECT_EQ(session->length(s), 50u);
      if (expected.empty())
        expected = lastLogits(*session);
      EXPECT_EQ(lastLogits(*session), expected);
    }
  EXPECT_EQ(contractErrors(), 0u);
}

TEST(Session, AllLogitsAreThoseOfOneByOne) {
  const auto ids = someTokens(20);
  std::string error;
  auto one = makeSession({.threads = 2, .maxTokens = 1});
  auto all = makeSession({.threads = 2, .maxTokens = 8});
  std::vector<std::vector<float>> single;
  int32_t s = one->createSequence();
  for (int32_t id : ids) {
    ASSERT_TRUE(one->append(s, {&id, 1}, Session::Want::Last, &error));
    single.push_back(lastLogits(*one));
  }
  size_t position = 0;
  s = all->createSequence();
  ASSERT_TRUE(
      all->append(s, ids, Session::Want::All, &error, [&](uint32_t tokens) {
        for (uint32_t row = 0; row < tokens; ++row)
          for (uint32_t id = 0; id < program_model.vocab_size; ++id)
            EXPECT_EQ(all->logits(row)[id], single[position + row][id]);
        position += tokens;
        return true;
      }));
  EXPECT_EQ(position, ids.size());
}

TEST(Session, TopKLeavesTheBestLogits) {
  const auto ids = someTokens(9);
  std::string error;
  auto session = makeSession({.threads = 2});
  int32_t s = session->createSequence();
  ASSERT_TRUE(session->append(s, ids, Session::Want::Last, &error));
  const std::vector<float> all = lastLogits(*session);
  for (uint32_t k : {40u, 65u, 0u}) { // The fake model screens up to 64.
    session->truncate(s, 0);
    session->setTopK(k);
    ASSERT_TRUE(session->append(s, ids, Session::Want::Last, &error));
    size_t different = 0;
    for (size_t id = 0; id < all.size(); ++id)
      if (float logit = session->logits()[id]; logit != all[id]) {
        ++different;
        EXPECT_EQ(logit, -HUGE_VALF);
      }
    EXPECT_EQ(different > 0, k == 40) << k;
  }
}

TEST(Session, ForkContinuesLikeTheWholeText) {
  const auto ids = someTokens(30);
  std::string error;
  auto session = makeSession({.sequences = 3});
  int32_t whole = session->createSequence(), first = session->createSequence();
  ASSERT_TRUE(session->append(whole, ids, Session::Want::Last, &error));
  const auto expected = lastLogits(*session);
  ASSERT_TRUE(session->append(first, std::span(ids).first(18),
                              Session::Want::Nothing, &error));
  for (uint32_t shared : {18u, 17u, 16u, 5u}) {
    int32_t fork = session->fork(first, shared);
    ASSERT_GE(fork, 0);
    ASSERT_TRUE(session->append(fork, std::span(ids).subspan(shared),
                                Session::Want::Last, &error));
    EXPECT_EQ(lastLogits(*session), expected);
    session->release(fork);
  }
  // And after a wrong turn.
  ASSERT_TRUE(
      session->append(first, someTokens(9), Session::Want::Last, &error));
  session->truncate(first, 18);
  ASSERT_TRUE(session->append(first, std::span(ids).subspan(18),
                              Session::Want::Last, &error));
  EXPECT_EQ(lastLogits(*session), expected);
  EXPECT_EQ(contractErrors(), 0u);
}

TEST(Session, ErrorsAreSentences) {
  std::string error;
  auto session = makeSession({.contextLength = 10});
  int32_t s = session->createSequence();
  EXPECT_FALSE(session->append(s, someTokens(11), Session::Want::Last, &error));
  EXPECT_EQ(error, "11 tokens do not fit into the context of 10");
  EXPECT_FALSE(session->append(s, std::vector<int32_t>{264},
                               Session::Want::Last, &error));
  EXPECT_EQ(error, "token 264 is not in the vocabulary of 264 tokens");
  EXPECT_FALSE(session->append(s, std::vector<int32_t>{-1}, Session::Want::Last,
                               &error));
  EXPECT_EQ(session->length(s), 0u);

  EXPECT_FALSE(Session::create(program_model, {.contextLength = 97}, &error));
  EXPECT_EQ(error, "the model was compiled for a context of 96 tokens, 97 were "
                   "asked for");
  bitnet_model other = program_model;
  other.abi_version = 77;
  EXPECT_FALSE(Session::create(other, {}, &error));
  EXPECT_NE(error.find("ABI version 77"), std::string::npos);
  other = program_model;
  other.magic = 1;
  EXPECT_FALSE(Session::create(other, {}, &error));
}

TEST(Session, StopsBetweenChunks) {
  std::string error;
  auto session = makeSession({.maxTokens = 4});
  int32_t s = session->createSequence();
  EXPECT_FALSE(
      session->append(s, someTokens(20), Session::Want::Last, &error,
                      [&](uint32_t) { return session->length(s) < 8; }));
  EXPECT_TRUE(error.empty());
  EXPECT_EQ(session->length(s), 8u);
}

TEST(Session, MixedBatches) {
  // Two sequences in one batch give what each gives alone.
  const auto ids = someTokens(6);
  std::string error;
  auto session = makeSession({.threads = 3, .sequences = 2});
  int32_t a = session->createSequence(), b = session->createSequence();
  ASSERT_TRUE(session->append(a, ids, Session::Want::Last, &error));
  const auto expected = lastLogits(*session);
  session->truncate(a, 5);
  session->kv().prepareWrite(a, 5, 6);
  session->kv().prepareWrite(b, 0, 2);
  const int32_t token[] = {9, ids[5], 8}, position[] = {0, 5, 1},
                sequence[] = {b, a, b}, wanted[] = {2, 1};
  session->step({3, 2, token, position, sequence, wanted});
  for (uint32_t id = 0; id < program_model.vocab_size; ++id)
    ASSERT_EQ(session->logits(1)[id], expected[id]);
  EXPECT_EQ(contractErrors(), 0u);
}
