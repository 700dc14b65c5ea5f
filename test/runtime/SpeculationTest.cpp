#include "runtime/Speculation.h"
#include "FakeModel.h"
#include "runtime/Sampler.h"
#include <gtest/gtest.h>

using namespace bitnet;
using namespace bitnet::test;

using Ids = std::vector<int32_t>;

static Ids draftOf(const Ids &text, size_t count) {
  auto draft = lookUpDraft(text, count);
  return {draft.begin(), draft.end()};
}

TEST(Speculation, DraftsWhatFollowedTheLongestAndLatestOccurrence) {
  EXPECT_EQ(draftOf({1, 2, 3, 4, 9, 1, 2, 3}, 2), (Ids{4, 9}));
  EXPECT_EQ(draftOf({1, 2, 5, 1, 2, 6, 1, 2}, 1), (Ids{6})); // the latest
  EXPECT_EQ(draftOf({7, 1, 2, 5, 8, 1, 2, 6, 7, 1, 2}, 1),
            (Ids{5}));                                    // the longest
  EXPECT_EQ(draftOf({1, 2, 3, 1, 2}, 9), (Ids{3, 1, 2})); // up to the end
  EXPECT_EQ(draftOf({4, 4, 4, 4}, 2), (Ids{4}));          // overlapping
  EXPECT_EQ(draftOf({1, 2, 3, 1, 2}, 0), Ids{});
}

TEST(Speculation, DraftsNothingWithoutTwoEqualTokens) {
  EXPECT_EQ(draftOf({}, 4), Ids{});
  EXPECT_EQ(draftOf({1}, 4), Ids{});
  EXPECT_EQ(draftOf({1, 1}, 4), Ids{});
  EXPECT_EQ(draftOf({1, 2, 3, 2}, 4), Ids{}); // one token is not enough
}

namespace {
struct Decoded {
  Ids text;
  std::vector<float> next; ///< Logits of one more token.
  uint64_t drafted, accepted, steps;
};
} // namespace

/// The prompt says what the fake model is going to write.
static Decoded decode(uint32_t draft, float temperature, size_t count,
                      uint32_t context = 0) {
  Ids prompt;
  for (char c : story.substr(20, 20))
    prompt.push_back(firstByteToken + static_cast<uint8_t>(c));
  std::string error;
  auto session = Session::create(
      program_model, {.threads = 2, .contextLength = context}, &error);
  EXPECT_TRUE(session) << error;
  int32_t sequence = session->createSequence();
  EXPECT_TRUE(session->append(sequence, prompt, Session::Want::Last, &error));
  Sampler sampler({.temperature = temperature, .seed = 3});
  Decoded result{prompt, {}, 0, 0, 0};
  {
    SpeculativeDecoder decoder(*session, sequence, prompt, draft);
    while (result.text.size() < prompt.size() + count) {
      int32_t id = sampler.sample(decoder.logits());
      sampler.accept(id);
      result.text.push_back(id);
      if (!decoder.push(id, &error))
        break;
      EXPECT_EQ(decoder.length(), result.text.size());
    }
    result.drafted = decoder.drafted();
    result.accepted = decoder.accepted();
    result.steps = decoder.steps();
  }
  // No draft is left behind.
  EXPECT_EQ(session->length(sequence),
            std::min<size_t>(result.text.size(), session->contextLength()));
  if (session->length(sequence) < session->contextLength()) {
    int32_t id = endToken;
    EXPECT_TRUE(
        session->append(sequence, {&id, 1}, Session::Want::Last, &error));
    result.next.assign(session->logits(),
                       session->logits() + program_model.vocab_size);
  }
  return result;
}

TEST(Speculation, TextAndStateAreThoseOfPlainDecoding) {
  for (float temperature : {0.0f, 0.8f, 5.0f}) {
    Decoded plain = decode(0, temperature, 24);
    EXPECT_EQ(plain.drafted, 0u);
    EXPECT_EQ(plain.steps, 24u);
    for (uint32_t draft : {1u, 3u, 7u, 64u}) {
      Decoded drafted = decode(draft, temperature, 24);
      EXPECT_EQ(drafted.text, plain.text) << draft << " " << temperature;
      EXPECT_EQ(drafted.next, plain.next) << draft << " " << temperature;
      EXPECT_LE(drafted.accepted, drafted.drafted);
      EXPECT_EQ(drafted.steps + drafted.accepted, 24u);
    }
  }
  EXPECT_EQ(contractErrors(), 0u);
}

TEST(Speculation, WhatTheTextSaidBeforeCostsFewerSteps) {
  Decoded drafted = decode(3, 0.0f, 20);
  EXPECT_GE(drafted.accepted, 12u);
  EXPECT_LE(drafted.steps, 8u);
}

TEST(Speculation, DraftsEndWithTheContext) {
  Decoded plain = decode(0, 0.0f, 100, 40);
  Decoded drafted = decode(7, 0.0f, 100, 40);
  EXPECT_EQ(drafted.text, plain.text);
  EXPECT_EQ(drafted.text.size(), 41u); // the last one does not fit any more
  EXPECT_EQ(contractErrors(), 0u);
}
