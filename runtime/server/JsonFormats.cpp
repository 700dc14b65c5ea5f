//===- JsonFormats.cpp - Patterns of the formats of JSON Schema -----------===//

#include "runtime/server/JsonPattern.h"

namespace bitnet::server {

#define DATE                                                                   \
  "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|"                       \
  "(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
#define TIME                                                                   \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?"                   \
  "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
#define HOST LABEL "(\\." LABEL "){0,3}"
#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define URI_CHAR "[A-Za-z0-9._~!$&'()*+,;=:@-]"

/// Fewer texts than the formats allow (no 29th of February, no leap second, no
/// abbreviated IPv6 address, URIs of the web), but none that is not valid.
const char *patternOfFormat(std::string_view format) {
  struct Row {
    std::string_view name;
    const char *pattern;
  };
  static constexpr Row rows[] = {
      {"date", "^" DATE "$"},
      {"time", "^" TIME "$"},
      {"date-time", "^" DATE "T" TIME "$"},
      {"duration",
       "^P([0-9]{1,6}W|[0-9]{1,6}D(T[0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?)?|"
       "T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|"
       "[0-9]{1,6}S))$"},
      {"email", "^[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@" LABEL
                "(\\." LABEL "){1,3}$"},
      {"hostname", "^" HOST "$"},
      {"ipv4", "^" OCTET "(\\." OCTET "){3}$"},
      {"ipv6", "^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$"},
      {"uri", "^https?://" HOST "(:[1-9][0-9]{0,3})?(/" URI_CHAR "*)*"
              "(\\?" URI_CHAR "*)?$"},
      {"uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-"
               "[0-9a-f]{12}$"},
  };
  for (const Row &row : rows)
    if (row.name == format)
      return row.pattern;
  return nullptr;
}

} // namespace bitnet::server
