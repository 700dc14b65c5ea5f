//===- Fields.h - Typed members of a JSON request ---------------*- C++ -*-===//
//
// Reads members with their type and range. The first that is wrong is kept as
// an error that names it; after that nothing is read. null counts as absent, as
// OpenAI's clients send it.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_FIELDS_H
#define BITNET_RUNTIME_SERVER_FIELDS_H

#include "runtime/TemplateValue.h"
#include "runtime/server/ApiError.h"

namespace bitnet::server {

class Fields {
public:
  /// `object` must be a dictionary. `prefix` stands before names in errors.
  Fields(const chat::Value &object, ApiError &error, std::string prefix = "")
      : object(object), error(error), prefix(std::move(prefix)) {}

  bool good() const { return error.message.empty(); }
  /// Null if it is absent.
  const chat::Value *find(const char *name) const;

  // Leave `out` as it is if the member is absent.
  void boolean(const char *name, bool &out);
  void integer(const char *name, int64_t &out, int64_t min, int64_t max);
  void number(const char *name, float &out, float min, float max);
  void text(const char *name, std::string &out);
  /// A string, or an array of at most `most` strings, none of them empty.
  void texts(const char *name, std::vector<std::string> &out, size_t most);
  void tokens(const char *name, std::vector<int32_t> &out);

  void fail(const std::string &name, const std::string &message,
            std::string code = "");
  /// "'name' must be EXPECTED, not a string".
  void wrongType(const std::string &name, const chat::Value &found,
                 const std::string &expected);

private:
  const chat::Value &object;
  ApiError &error;
  std::string prefix;
};

/// "a string", "an array" and so on.
const char *jsonTypeName(const chat::Value &value);

/// The body of a request as an object; false with an error.
bool parseBody(const std::string &body, chat::Value &object, ApiError &error);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_FIELDS_H
