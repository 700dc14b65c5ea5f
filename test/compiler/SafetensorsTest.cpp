//===- SafetensorsTest.cpp - Hostile and correct safetensors --------------===//
//
// Each wrong file must give an error that names the file and, where there is
// one, the tensor; none may be read past its end.
//
//===----------------------------------------------------------------------===//
#include "compiler/Safetensors.h"
#include "TestFiles.h"

using namespace bitnetc;
using namespace bitnetc::test;

namespace {

TEST(Safetensors, ReadsPlacesOfTensors) {
  TempDir dir;
  std::string bytes = safetensors({{"a", "U8", {3}, "abc"},
                                   {"b", "BF16", {2, 1}, "ABCD"},
                                   {"scalar", "F32", {}, "1234"},
                                   {"none", "F32", {0, 7}, ""}});
  auto tensors = valueOf(readSafetensors(dir.write("x.safetensors", bytes)));
  ASSERT_EQ(tensors.size(), 4u);
  const TensorRef &b = tensors.at("b");
  EXPECT_EQ(b.dtype, DType::BF16);
  EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(bytes.substr(b.offset, b.bytes), "ABCD");
  EXPECT_EQ(tensors.at("scalar").bytes, 4u);
  EXPECT_EQ(tensors.at("none").bytes, 0u);
}

TEST(Safetensors, AllowsPaddedHeaderAndGaps) {
  TempDir dir;
  std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}    )";
  auto tensors = valueOf(readSafetensors(
      dir.write("x.safetensors", rawSafetensors(header, "xyz"))));
  EXPECT_EQ(tensors.at("a").offset, 8 + header.size() + 2);
}

struct BadFile {
  const char *label;
  std::string bytes;
  std::vector<std::string> parts;
};

std::string entry(const std::string &dtype, const std::string &shape,
                  const std::string &offsets) {
  return R"({"dtype":)" + dtype + R"(,"shape":)" + shape +
         R"(,"data_offsets":)" + offsets + "}";
}
/// A file with one entry "t" and eight bytes of data.
std::string one(const std::string &dtype, const std::string &shape,
                const std::string &offsets) {
  return rawSafetensors("{\"t\":" + entry(dtype, shape, offsets) + "}",
                        "12345678");
}

std::vector<BadFile> badFiles() {
  std::string good = entry("\"U8\"", "[4]", "[0,4]");
  std::string f32 = "\"F32\"", u8 = "\"U8\"";
  std::string deep(200000, '[');
  return {
      {"Empty", "", {"shorter than 8 bytes"}},
      {"Short", "1234567", {"shorter than 8 bytes"}},
      {"NoHeader", bytesOf<uint64_t>({100}), {"header of 100 bytes", "past"}},
      {"HeaderPastEnd", bytesOf<uint64_t>({5}) + "{}", {"header of 5 bytes"}},
      {"HugeHeader", bytesOf<uint64_t>({UINT64_MAX}) + "{}", {"past the end"}},
      {"TruncatedJson", rawSafetensors("{\"t\":{", ""), {"not valid JSON"}},
      {"DeepJson", rawSafetensors(deep, ""), {"nested deeper than 100"}},
      {"DeepDType",
       one(deep + std::string(200000, ']'), "[1]", "[0,1]"),
       {"nested deeper than 100"}},
      {"BadUtf8", rawSafetensors("{\"\xff\":1}", ""), {"not valid JSON"}},
      {"NotAnObject", rawSafetensors("[1]", ""), {"not a JSON object"}},
      {"Duplicate",
       rawSafetensors("{\"t\":" + good + ",\"t\":" + good + "}", "1234"),
       {"\"t\"", "twice"}},
      {"MetadataNotText",
       rawSafetensors(R"({"__metadata__":{"a":1}})", ""),
       {"__metadata__"}},
      {"MoreData",
       rawSafetensors("{\"t\":" + good + "}", "12345"),
       {"tensors end at byte", " of "}},
      {"EntryNotObject", rawSafetensors("{\"t\":3}", ""), {"\"t\"", "dtype"}},
      {"NoOffsets",
       rawSafetensors(R"({"t":{"dtype":"U8","shape":[1]}})", "1"),
       {"\"t\"", "data_offsets"}},
      {"UnknownDType", one("\"F7\"", "[1]", "[0,1]"), {"\"t\"", "\"F7\""}},
      {"DTypeNumber", one("7", "[1]", "[0,1]"), {"\"t\"", "unknown dtype 7"}},
      {"ShapeNotList", one(u8, "4", "[0,4]"), {"\"t\"", "shape"}},
      {"NegativeExtent", one(u8, "[-4]", "[0,4]"), {"\"t\"", "shape"}},
      {"FloatExtent", one(u8, "[4.0]", "[0,4]"), {"\"t\"", "shape"}},
      {"HugeExtent",
       one(u8, "[18446744073709551615]", "[0,4]"),
       {"\"t\"", "shape"}},
      {"Overflow",
       one(f32, "[4294967296,4294967296]", "[0,0]"),
       {"\"t\"", "overflows"}},
      {"OverflowByType",
       one(f32, "[4611686018427387904]", "[0,0]"),
       {"\"t\"", "overflows"}},
      {"TooFewBytes",
       one(f32, "[2]", "[0,4]"),
       {"\"t\"", "F32", "[2]", "takes 8 bytes", "span 4"}},
      {"TooManyBytes", one(u8, "[2]", "[0,4]"), {"\"t\"", "takes 2 bytes"}},
      {"PastEnd", one(u8, "[9]", "[0,9]"), {"\"t\"", "outside the 8 bytes"}},
      {"Backwards", one(u8, "[4]", "[4,0]"), {"\"t\"", "[4, 0]"}},
      {"NegativeOffset", one(u8, "[4]", "[-4,0]"), {"\"t\"", "data_offsets"}},
      {"ThreeOffsets", one(u8, "[4]", "[0,4,8]"), {"\"t\"", "data_offsets"}},
      {"Overlap",
       rawSafetensors("{\"t\":" + good +
                          ",\"u\":" + entry("\"U8\"", "[4]", "[3,7]") + "}",
                      "12345678"),
       {"\"t\"", "\"u\"", "overlap"}},
  };
}

class BadSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, IsRefused) {
  TempDir dir;
  std::string file = dir.write("bad.safetensors", GetParam().bytes);
  std::string message = messageOf(readSafetensors(file));
  expectParts(message, {"bad.safetensors"});
  expectParts(message, GetParam().parts);
}

INSTANTIATE_TEST_SUITE_P(Files, BadSafetensors, testing::ValuesIn(badFiles()),
                         [](const auto &info) { return info.param.label; });

TEST(Safetensors, MissingFileAndFolderAreNamed) {
  TempDir dir;
  expectParts(messageOf(readSafetensors(dir.file("none.safetensors"))),
              {"none.safetensors", "cannot be read"});
  expectParts(messageOf(readSafetensors(dir.path)), {dir.path});
}

TEST(Safetensors, EveryTruncationIsRefused) {
  TempDir dir;
  std::string bytes = safetensors({{"a", "U8", {3}, "abc"}});
  for (size_t size = 0; size < bytes.size(); ++size)
    messageOf(readSafetensors(dir.write("cut", bytes.substr(0, size))));
}

/// Whatever one byte of the header is changed to: an error, or entries that
/// still lie inside the file.
TEST(Safetensors, EveryChangedByteIsHarmless) {
  TempDir dir;
  std::string good =
      safetensors({{"a", "U8", {3}, "abc"}, {"b", "F16", {2, 2}, "12345678"}});
  int accepted = 0;
  for (size_t i = 0; i + 11 < good.size(); ++i)
    for (char byte :
         {'\0', '\x01', '\x7f', '\xff', '"', '[', '}', '0', '9', '-'}) {
      std::string bytes = good;
      bytes[i] = byte;
      auto tensors = readSafetensors(dir.write("x", bytes));
      if (!tensors) {
        EXPECT_FALSE(toString(tensors.takeError()).empty());
        continue;
      }
      ++accepted;
      for (auto &[name, tensor] : *tensors) {
        EXPECT_LE(tensor.offset, bytes.size()) << name;
        EXPECT_LE(tensor.bytes, bytes.size() - tensor.offset) << name;
      }
    }
  EXPECT_GT(accepted, 0);
}

} // namespace
