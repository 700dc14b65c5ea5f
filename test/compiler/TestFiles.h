//===- TestFiles.h - Files and models for the tests ------------*- C++ -*-===//
//
// A temporary folder that removes itself, a writer of safetensors that does
// what it is told (also when that is wrong), and the smallest complete model.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_TEST_COMPILER_TESTFILES_H
#define BITNETC_TEST_COMPILER_TESTFILES_H

#include "llvm/Support/Error.h"
#include "gtest/gtest.h"
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bitnetc::test {

using Json = nlohmann::json;

class TempDir {
public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir &) = delete;
  TempDir &operator=(const TempDir &) = delete;

  std::string file(const std::string &name) const { return path + "/" + name; }
  /// Writes a file and returns its path.
  std::string write(const std::string &name, const std::string &bytes) const;
  std::string write(const std::string &name, const Json &json) const {
    return write(name, json.dump(1));
  }

  std::string path;
};

/// Values as little-endian bytes.
template <typename T> std::string bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(T)};
}

struct Tensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

/// A float tensor with value(i) at element i.
Tensor floatTensor(
    const std::string &name, std::vector<int64_t> shape,
    float (*value)(size_t) = [](size_t) { return 1.0f; });

/// Header and data of a correct file.
std::string safetensors(const std::vector<Tensor> &tensors);
/// A file with any header text and any data.
std::string rawSafetensors(const std::string &header, const std::string &data);

/// The smallest model: one layer, one head of 16, width 16, 8 tokens, ternary
/// hf_2bit weights, no sub-norms, tied head.
Json tinyModelJson();
std::vector<Tensor> tinyTensors();
/// Finds a tensor of such a list.
Tensor &tensorNamed(std::vector<Tensor> &tensors, const std::string &name);
/// Removes a tensor of such a list.
void dropTensor(std::vector<Tensor> &tensors, const std::string &name);

/// The same model's config.json: model_type llama, bitlinear.
Json tinyConfig();

/// The message of an Expected that must have failed.
template <typename T> std::string messageOf(llvm::Expected<T> result) {
  if (result) {
    ADD_FAILURE() << "expected an error";
    return "";
  }
  return llvm::toString(result.takeError());
}
inline std::string messageOf(llvm::Error error) {
  if (!error) {
    ADD_FAILURE() << "expected an error";
    return "";
  }
  return llvm::toString(std::move(error));
}

/// The value of an Expected that must have succeeded.
template <typename T> T valueOf(llvm::Expected<T> result) {
  if (result)
    return std::move(*result);
  ADD_FAILURE() << llvm::toString(result.takeError());
  return T();
}

/// Checks that `message` holds each of the parts.
void expectParts(const std::string &message,
                 const std::vector<std::string> &parts);

} // namespace bitnetc::test

#endif // BITNETC_TEST_COMPILER_TESTFILES_H
