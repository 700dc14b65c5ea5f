//===- TokenizerBlobTest.cpp - Damaged blobs end in one sentence ----------===//

#include "TokenizerHelper.h"
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

using namespace bitnet::test;

static std::string compiledFake() {
  auto compiled = bitnetc::compileTokenizerFile(
      std::string(BITNETC_SOURCE_DIR) + "/test/runtime/fake-tokenizer.json");
  EXPECT_EQ(compiled.error, "");
  return compiled.blob;
}

/// Opening fails with a sentence, or everything can be used without harm (the
/// sanitizers watch).
static bool survives(const std::string &blob) {
  LoadedTokenizer tokenizer = openBlob(blob);
  if (!tokenizer)
    return !tokenizer.error.empty();
  std::vector<int32_t> ids;
  std::string error;
  tokenizer->encode("<|begin|>the cat and\n\xC3\xA9\xFF the 12 end<|end|>", {},
                    ids, &error);
  std::vector<int32_t> all = {-1, 1 << 30};
  for (int32_t id = 0; id < 300; ++id)
    all.push_back(id);
  tokenizer->decode(all, false);
  tokenizer->blob().verify(&error);
  return true;
}

TEST(TokenizerBlob, IsSoundAsWritten) {
  LoadedTokenizer tokenizer = openBlob(compiledFake());
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  std::string error;
  EXPECT_TRUE(tokenizer->blob().verify(&error)) << error;
}

TEST(TokenizerBlob, CutAnywhereItDoesNotOpen) {
  const std::string blob = compiledFake();
  for (size_t size = 0; size < blob.size(); size += 13) {
    LoadedTokenizer tokenizer = openBlob(blob.substr(0, size));
    ASSERT_FALSE(tokenizer);
    ASSERT_EQ(tokenizer.error.find("the compiled tokenizer "), 0u)
        << tokenizer.error;
  }
}

TEST(TokenizerBlob, DamagedAnywhereItDoesNoHarm) {
  const std::string blob = compiledFake();
  for (size_t at = 0; at < blob.size(); ++at) {
    std::string damaged = blob;
    // Header bytes in every way, table bytes in one way each.
    for (int change : {0xFF, 0x80, 0x01}) {
      damaged[at] = static_cast<char>(blob[at] ^ change);
      ASSERT_TRUE(survives(damaged)) << at;
      if (at >= sizeof(bitnet_tokenizer_blob) && at % 16)
        break;
    }
  }
}

TEST(TokenizerBlob, NoiseDoesNoHarm) {
  const std::string blob = compiledFake();
  uint32_t state = 1;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = blob;
    for (int i = 0; i < 40; ++i) {
      state = state * 1664525 + 1013904223;
      damaged[(state >> 8) % damaged.size()] = static_cast<char>(state >> 3);
    }
    ASSERT_TRUE(survives(damaged)) << round;
  }
}

TEST(TokenizerBlob, NamesAVersionItCannotRead) {
  std::string blob = compiledFake();
  blob[4] = 9;
  EXPECT_EQ(openBlob(blob).error, "the compiled tokenizer has format version "
                                  "9, this runtime reads version 1");
}

TEST(TokenizerBlob, MustBeAligned) {
  const std::string blob = compiledFake();
  std::vector<uint64_t> storage(blob.size() / 8 + 2);
  auto *bytes = reinterpret_cast<uint8_t *>(storage.data()) + 4;
  std::memcpy(bytes, blob.data(), blob.size());
  std::string error;
  EXPECT_FALSE(bitnet::Tokenizer::open(bytes, blob.size(), &error));
  EXPECT_EQ(error,
            "the compiled tokenizer is damaged: it is not aligned to 8 bytes");
}
