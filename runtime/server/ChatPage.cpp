//===- ChatPage.cpp - The chat page at / ----------------------------------===//

#include "runtime/TemplateText.h"
#include "runtime/server/Service.h"
#include <sys/random.h>

// ChatPage.html as it is in the sources.
__asm__(".section .rodata.bitnet_chat_page, \"a\"\n"
        "bitnet_chat_page: .incbin \"" CHAT_PAGE "\"\n"
        "bitnet_chat_page_end:\n"
        ".previous\n");
extern "C" const char bitnet_chat_page[], bitnet_chat_page_end[];

namespace bitnet::server {

/// Scripts and styles of the page are the only ones that run: they carry a
/// number that nobody can guess.
static std::string newNonce() {
  unsigned char bytes[16] = {};
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
    return "";
  std::string text;
  for (unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

void Service::page(const HttpRequest &,
                   const std::shared_ptr<Exchange> &exchange) {
  const std::string nonce = newNonce();
  HttpResponse response;
  response.contentType = "text/html; charset=utf-8";
  response.body = chat::replaceAll({bitnet_chat_page, bitnet_chat_page_end},
                                   "@NONCE@", nonce, -1);
  response.headers = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'nonce-" + nonce +
           "'; style-src 'nonce-" + nonce +
           "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action "
           "'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control", "no-store"}};
  exchange->respond(std::move(response));
}

} // namespace bitnet::server
