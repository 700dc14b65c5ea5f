//===- TemplateRobustnessTest.cpp - Hostile templates and blobs -----------===//
//
// A template comes with a model from anywhere. Whatever it holds gives text or
// one error, within bounds of time, memory and stack.
//
//===----------------------------------------------------------------------===//

#include "TemplateHelper.h"
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <span>
#include <sstream>
#include <utility>

using namespace bitnet;
using namespace bitnet::test;

static const char *const variables =
    R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant",)"
    R"("content":"Yo"}],"add_generation_prompt":true,"bos_token":"<s>"})";

// With every construct that the compiler knows.
static const char *const sample = R"({{- bos_token }}{# c #}
{% macro m(a, b=1) %}{{ a }}{{ caller() if caller }}{% endmacro %}
{%- set ns = namespace(x=0, y=[1, 2.5]) -%}
{%- for m1 in messages[::-1] if m1.role is defined %}
  {%- if loop.first and not m1['content'] is none %}{% set ns.x = ns.x + 1 %}
  {%- elif m1.content in ('a', 'b') %}{% continue %}{% else %}{{ m(1, b='x') }}
  {%- endif %}{{ m1 | tojson(indent=2) ~ m1.content.strip() | upper }}
{%- else %}none{% endfor %}
{% call m(2) %}x{% endcall %}{% set q | trim %} a {% endset %}{{ q }}
{% filter upper %}b{% endfilter %}{% with z = {'k': [1]} %}{{ z.k[0] }}
{% endwith %}{% generation %}g{% endgeneration %}{% raw %}{{ }}{% endraw %}
{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content')
   | join(', ') }}{{ -1 < 2 <= 3 != 4 or x }}{{ 'a' if x else 'b' }})";

template <typename F> static void within(double seconds, F &&f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(took.count(), seconds * 10)
      << "on a loaded machine, ten times " << seconds;
#endif
}

static void expectOneError(const std::string &source, const char *part) {
  within(1, [&] {
    const std::string got = renderTemplate(source, variables);
    EXPECT_EQ(got.substr(0, 7), "error: ") << source.substr(0, 80);
    EXPECT_NE(got.find(part), std::string::npos) << got;
    EXPECT_EQ(got.find('\n'), std::string::npos);
  });
}

static std::string repeat(const std::string &text, size_t count) {
  std::string out;
  while (count--)
    out += text;
  return out;
}

TEST(TemplateRobustness, EveryTruncation) {
  std::vector<std::string> sources{sample};
  const std::filesystem::path folder =
      std::filesystem::path(BITNETC_SHARED_DATA) / "templates";
  if (std::filesystem::exists(folder))
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
      std::ifstream file(entry.path());
      std::stringstream text;
      text << file.rdbuf();
      sources.push_back(text.str());
    }
  size_t errors = 0, texts = 0;
  for (size_t s = 0; s < sources.size(); ++s)
    for (size_t end = 0; end < sources[s].size(); end += s ? 23 : 1) {
      const std::string got =
          renderTemplate(sources[s].substr(0, end), variables);
      (got.starts_with("error: ") ? errors : texts) += 1;
    }
  EXPECT_GT(errors, 500u);
  printf("%zu errors, %zu texts\n", errors, texts);
}

TEST(TemplateRobustness, Nesting) {
  const size_t n = 20000;
  const char *deep = "too deeply";
  expectOneError("{{ " + repeat("(", n) + "1" + repeat(")", n) + " }}", deep);
  expectOneError("{{ " + repeat("[", n) + repeat("]", n) + " }}", deep);
  expectOneError("{{ " + repeat("not ", n) + "1 }}", deep);
  expectOneError("{{ " + repeat("-", n) + "1 }}", deep);
  expectOneError("{{ " + repeat("1 if 1 else ", n) + "1 }}", deep);
  expectOneError(repeat("{% if 1 %}", n) + repeat("{% endif %}", n), deep);
  expectOneError(repeat("{% for a in [1] %}", n), deep);
  expectOneError("{% set " + repeat("(", n) + "a" + repeat(")", n) + " = 1 %}",
                 deep);
  expectOneError("{{ 1" + repeat(" + 1", n) + " }}", "too long");
  expectOneError("{{ x" + repeat(".a", n) + " }}", "too long");
  expectOneError("{{ x" + repeat("|trim", n) + " }}", "too long");
  expectOneError("{% if 0 %}" + repeat("{% elif 0 %}", n) + "{% endif %}",
                 deep);
  expectOneError("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", deep);
  // As deep as the compiler allows, through the renderer.
  std::string good = repeat("{% if 1 %}", 90) + "x" + repeat("{% endif %}", 90);
  EXPECT_EQ(renderTemplate(good, "{}"), "x");
}

TEST(TemplateRobustness, SourcesThatCannotBeRead) {
  expectOneError("a\n{{ '\xFF' }}", "line 2: it is not UTF-8");
  expectOneError("{% macro f(a, b, a=1) %}{% endmacro %}",
                 "the parameter 'a' is there twice");
}

TEST(TemplateRobustness, Bounds) {
  const char *steps = "too many steps", *length = "grows too long";
  const std::string loop = "{% for a in range(100000) %}";
  expectOneError(loop + loop + "{% endfor %}{% endfor %}", steps);
  expectOneError(loop + repeat("x", 1000) + "{% endfor %}", "writes too much");
  expectOneError("{{ 'x' * 99999999999 }}", length);
  expectOneError("{% set ns = namespace(s='xx') %}" + loop +
                     "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
                 length);
  expectOneError("{% set ns = namespace(s='x' * 100000) %}{{ ns.s.replace('x', "
                 "ns.s) }}",
                 length);
  expectOneError("{% set ns = namespace(l=[1]) %}" + loop +
                     "{% set ns.l = [ns.l] %}{% endfor %}",
                 "too deeply");
  // Small in memory, endless when written out.
  expectOneError("{% set ns = namespace(l=[1]) %}{% for a in range(60) %}"
                 "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
                 steps);
  expectOneError("{% set ns = namespace(l=[1], m=[1]) %}{% for a in range(60) "
                 "%}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}"
                 "{% endfor %}{{ ns.l == ns.m }}",
                 steps);
  expectOneError("{{ range(100000) | list * 100000 }}", "too");
  expectOneError("{{ '%99999999d' % 1 }}", "not supported");
  expectOneError("{{ 'a' | indent(99999) }}", "an indent of 99999 is too wide");
  expectOneError("{{ 'a' | center(99999) }}", "a width of 99999 is too wide");
  expectOneError(repeat("{# #}", 300000), "more than 1 MiB");
  expectOneError("{{ 9223372036854775807 + 1 }}", "64 bits");
  for (const char *number : {"9.3e18", "-9.3e18", "1e308 * 10", "1e999"})
    expectOneError(std::string("{{ '%d' % (") + number + ") }}", "");
  expectOneError("{{ '%d' % 9.3e18 }}", "more than 64 bits");
  // A chain through namespaces and one that holds itself end quietly.
  EXPECT_EQ(renderTemplate("{% set first = namespace() %}{% set ns = "
                           "namespace(last=first) %}{% for a in range(50000) "
                           "%}{% set n = namespace() %}{% set l = ns.last %}"
                           "{% set l.next = n %}{% set ns.last = n %}"
                           "{% endfor %}x",
                           "{}"),
            "x");
  EXPECT_EQ(
      renderTemplate("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "{}"),
      "<Namespace>");
}

TEST(TemplateRobustness, DamagedBlobs) {
  const bitnetc::CompiledTemplate compiled = bitnetc::compileTemplate(sample);
  ASSERT_EQ(compiled.error, "");
  std::string error, out;
  chat::Value value;
  ASSERT_TRUE(chat::fromJson(variables, value, &error));
  RenderOptions options;
  options.maxSteps = 20000;
  for (size_t size = 0; size < compiled.blob.size(); ++size) {
    AlignedBlob cut(compiled.blob.substr(0, size));
    EXPECT_FALSE(ChatTemplate::open(cut.data(), size, &error)) << size;
    EXPECT_NE(error.find("damaged"), std::string::npos);
  }
  AlignedBlob blob(compiled.blob);
  EXPECT_FALSE(ChatTemplate::open(blob.data() + 4, blob.size() - 4, &error));
  std::mt19937 random(1);
  size_t opened = 0;
  auto tryIt = [&](AlignedBlob &damaged) {
    if (auto chat =
            ChatTemplate::open(damaged.data(), damaged.size(), &error)) {
      ++opened;
      chat->render(value, options, out, &error);
    }
  };
  for (size_t i = 0; i < compiled.blob.size(); ++i)
    for (int mask : {0x01, 0x80, 0xFF}) {
      AlignedBlob damaged(compiled.blob);
      damaged.data()[i] ^= static_cast<uint8_t>(mask);
      tryIt(damaged);
    }
  for (int round = 0; round < 3000; ++round) {
    AlignedBlob damaged(compiled.blob);
    for (int change = 0; change < 4; ++change)
      damaged.data()[sizeof(bitnet_template_blob) +
                     random() % (blob.size() - sizeof(bitnet_template_blob))] =
          static_cast<uint8_t>(random() % 64);
    tryIt(damaged);
  }
  EXPECT_GT(opened, 100u);
}

// Node 0 stands for "none": whatever it holds, no other node may refer to it.
TEST(TemplateRobustness, NodeZeroIsNeverUsed) {
  const bitnetc::CompiledTemplate compiled = bitnetc::compileTemplate(sample);
  ASSERT_EQ(compiled.error, "");
  AlignedBlob blob(compiled.blob);
  auto *nodes = reinterpret_cast<bitnet_template_node *>(
      blob.data() +
      reinterpret_cast<bitnet_template_blob *>(blob.data())->nodes.offset);
  const uint32_t count =
      reinterpret_cast<bitnet_template_blob *>(blob.data())->nodes.count;
  const bitnet_template_node none = nodes[0];
  std::string error;
  auto opens = [&] {
    return ChatTemplate::open(blob.data(), blob.size(), &error) != nullptr;
  };
  for (uint32_t i = 1; i < count; ++i)
    for (uint32_t &field : nodes[i].field) {
      const uint32_t before = std::exchange(field, 0);
      nodes[0] = none;
      const bool expected = opens();
      for (uint32_t kind = 1; kind <= BITNET_TEMPLATE_NUM_KINDS; ++kind) {
        nodes[0] = {static_cast<uint16_t>(kind), 0, 1, {}};
        std::fill(std::begin(nodes[0].field), std::end(nodes[0].field), ~0u);
        ASSERT_EQ(opens(), expected) << i << " " << kind;
      }
      field = before;
    }
}

// A damaged blob may call a method without what the compiler makes sure of.
TEST(TemplateRobustness, MethodsWithoutArguments) {
  const bitnetc::CompiledTemplate compiled =
      bitnetc::compileTemplate("{{ 'ab'.upper() }}");
  ASSERT_EQ(compiled.error, "");
  AlignedBlob blob(compiled.blob);
  const auto *header = reinterpret_cast<bitnet_template_blob *>(blob.data());
  std::span nodes(reinterpret_cast<bitnet_template_node *>(
                      blob.data() + header->nodes.offset),
                  header->nodes.count);
  const auto method = std::ranges::find_if(nodes, [](const auto &node) {
    return node.kind == BITNET_TEMPLATE_METHOD;
  });
  ASSERT_NE(method, nodes.end());
  std::string error, out;
  size_t opened = 0;
  for (method->aux = 0;; ++method->aux) {
    auto chat = ChatTemplate::open(blob.data(), blob.size(), &error);
    if (!chat)
      break;
    ++opened;
    chat->render(chat::Value(), {}, out, &error);
    if (method->aux == BITNET_TEMPLATE_METHOD_REMOVESUFFIX)
      EXPECT_NE(error.find("a value is undefined"), std::string::npos) << error;
  }
  EXPECT_GT(opened, size_t(BITNET_TEMPLATE_METHOD_REMOVESUFFIX));
}

/// Random changes of the source: text or an error, never more.
TEST(TemplateRobustness, ChangedSources) {
  std::mt19937 random(2);
  const std::string pieces[] = {
      "{%",  "%}",   "{{",   "}}",     "(",        ")",  "[", "]",
      "|",   "if ",  "else", " in ",   ".",        "-",  "'", "\"",
      "{#",  "#}",   "for ", "endfor", "set ",     "=",  ",", "\\",
      "is ", "not ", "~",    ":",      "\xF0\x9F", "\0x"};
  RenderOptions options;
  options.maxSteps = 20000;
  for (int round = 0; round < 3000; ++round) {
    std::string source = sample;
    for (unsigned change = 0; change <= random() % 4; ++change) {
      const size_t at = random() % source.size();
      if (random() % 2)
        source.erase(at, 1 + random() % 5);
      else
        source.insert(at, pieces[random() % std::size(pieces)]);
    }
    renderTemplate(source, variables, options);
  }
}
