/* The compiled chat template: a checked syntax tree inside every program.
 *
 * bitnetc parses the Jinja source of a chat template and writes this flat
 * block, so that a program renders prompts without parsing anything, and so
 * that a template which cannot be rendered is an error of the compiler, not of
 * the first conversation.
 *
 *   +--------------------------+ 0
 *   | bitnet_template_blob     |  header
 *   | nodes  {..}[]            |  node 0 is "none"; a node refers only to
 *   |                          |  nodes before it, so there is no cycle
 *   | lists  u32[]             |  numbers of nodes; ranges are first and count
 *   | text   u8[]              |  all strings; ranges are offset and length
 *   +--------------------------+ size
 *
 * All numbers are little endian, sections start at multiples of 8 from the
 * start of the blob, and the blob itself is 8-byte aligned. The fields of a
 * node are described by the signature of its kind, one letter per meaning:
 *
 *   e  an expression            E  an expression or 0
 *   s  a statement              S  a statement or 0
 *   t  an assignment target     x  string: offset, length (two fields)
 *   l  expressions: first, count (two fields); 0 where an argument is missing
 *   b  statements, likewise     g  targets, likewise
 *   p  parameters, likewise     c  links of a comparison, likewise
 *   v  any number
 *
 * X(id, signature, what the node itself is, kind of number in `aux`)
 */
#ifndef BITNET_TEMPLATE_BLOB_H
#define BITNET_TEMPLATE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "BTPL" in a little-endian word. */
#define BITNET_TEMPLATE_MAGIC 0x4C505442u
#define BITNET_TEMPLATE_VERSION 1u
/* Levels of nodes below the root; bounds the recursion of whoever walks it. */
#define BITNET_TEMPLATE_MAX_DEPTH 400u
#define BITNET_TEMPLATE_FIELDS 6u

#define BITNET_TEMPLATE_NODES(X)                                               \
  X(NONE, "", '0', ANY)                                                        \
  X(CONSTANT, "", 'e', CONSTANT)                                               \
  X(INTEGER, "vv", 'e', ANY)        /* low and high word */                    \
  X(FLOAT, "vv", 'e', ANY)          /* bits of a double, low and high word */  \
  X(STRING, "x", 'e', ANY)                                                     \
  X(NAME, "x", 'e', ANY)                                                       \
  X(LIST, "l", 'e', ANY)                                                       \
  X(TUPLE, "l", 'e', ANY)                                                      \
  X(DICT, "l", 'e', ANY)            /* key, value, key, value, ... */          \
  X(ATTRIBUTE, "ex", 'e', ANY)      /* a.b */                                  \
  X(ITEM, "ee", 'e', ANY)           /* a[b] */                                 \
  X(SLICE, "eEEE", 'e', ANY)        /* a[b:c:d] */                             \
  X(CALL, "el", 'e', ANY)                                                      \
  X(KEYWORD, "xe", 'e', ANY)        /* only as an argument of CALL */          \
  X(METHOD, "el", 'e', METHOD)                                                 \
  X(FILTER, "elv", 'e', FILTER)     /* last: inner filter or test, or ~0 */    \
  X(TEST, "el", 'e', TEST)                                                     \
  X(UNARY, "e", 'e', UNARY)                                                    \
  X(BINARY, "ee", 'e', BINARY)                                                 \
  X(COMPARE, "ec", 'e', ANY)        /* a < b < c */                            \
  X(LINK, "e", 'c', COMPARE)                                                   \
  X(AND, "ee", 'e', ANY)                                                       \
  X(OR, "ee", 'e', ANY)                                                        \
  X(CONDITION, "eeE", 'e', ANY)     /* test, then, else */                     \
  X(CONCAT, "l", 'e', ANY)          /* a ~ b ~ c */                            \
  X(CAPTURED, "", 'e', ANY)         /* text of the block around the filter */  \
  X(TO_NAME, "x", 't', ANY)                                                    \
  X(TO_ATTRIBUTE, "xx", 't', ANY)   /* namespace and its attribute */          \
  X(TO_TUPLE, "g", 't', ANY)                                                   \
  X(PARAMETER, "xE", 'p', ANY)      /* name, default */                        \
  X(TEXT, "x", 's', ANY)                                                       \
  X(PRINT, "e", 's', ANY)                                                      \
  X(BLOCK, "b", 's', ANY)                                                      \
  X(SCOPE, "s", 's', ANY)           /* a block with names of its own */        \
  X(IF, "esS", 's', ANY)                                                       \
  X(FOR, "teEsS", 's', ANY)         /* target, values, if, body, else */       \
  X(SET, "te", 's', ANY)                                                       \
  X(SET_BLOCK, "tsE", 's', ANY)     /* target, body, filter of CAPTURED */     \
  X(PRINT_BLOCK, "se", 's', ANY)    /* body, filter of CAPTURED */             \
  X(MACRO, "xps", 's', ANY)         /* name, parameters, body */               \
  X(CALL_BLOCK, "eps", 's', ANY)    /* call, parameters of caller, body */     \
  X(BREAK, "", 's', ANY)                                                       \
  X(CONTINUE, "", 's', ANY)

/* Lists of names: X(id, name, parameters by position after the value). */
#define BITNET_TEMPLATE_CONSTANTS(X)                                           \
  X(NONE, "none", "") X(FALSE, "false", "") X(TRUE, "true", "")
#define BITNET_TEMPLATE_UNARIES(X)                                             \
  X(NOT, "not", "") X(NEGATE, "-", "") X(PLUS, "+", "")
#define BITNET_TEMPLATE_BINARIES(X)                                            \
  X(ADD, "+", "") X(SUBTRACT, "-", "") X(MULTIPLY, "*", "")                    \
  X(DIVIDE, "/", "") X(FLOOR_DIVIDE, "//", "") X(MODULO, "%", "")              \
  X(POWER, "**", "")
#define BITNET_TEMPLATE_COMPARES(X)                                            \
  X(EQ, "==", "") X(NE, "!=", "") X(LT, "<", "") X(LE, "<=", "")               \
  X(GT, ">", "") X(GE, ">=", "") X(IN, "in", "") X(NOT_IN, "not in", "")

#define BITNET_TEMPLATE_METHODS(X)                                             \
  X(CAPITALIZE, "capitalize", "")                                              \
  X(COUNT, "count", "sub")                                                     \
  X(ENDSWITH, "endswith", "suffix start end")                                  \
  X(FIND, "find", "sub start end")                                             \
  X(FORMAT, "format", "*")                                                     \
  X(GET, "get", "key default")                                                 \
  X(INDEX, "index", "sub")                                                     \
  X(ISALNUM, "isalnum", "")                                                    \
  X(ISALPHA, "isalpha", "")                                                    \
  X(ISDIGIT, "isdigit", "")                                                    \
  X(ISLOWER, "islower", "")                                                    \
  X(ISSPACE, "isspace", "")                                                    \
  X(ISUPPER, "isupper", "")                                                    \
  X(ITEMS, "items", "")                                                        \
  X(JOIN, "join", "iterable")                                                  \
  X(KEYS, "keys", "")                                                          \
  X(LOWER, "lower", "")                                                        \
  X(LSTRIP, "lstrip", "chars")                                                 \
  X(REMOVEPREFIX, "removeprefix", "prefix")                                    \
  X(REMOVESUFFIX, "removesuffix", "suffix")                                    \
  X(REPLACE, "replace", "old new count")                                       \
  X(RFIND, "rfind", "sub start end")                                           \
  X(RSPLIT, "rsplit", "sep maxsplit")                                          \
  X(RSTRIP, "rstrip", "chars")                                                 \
  X(SPLIT, "split", "sep maxsplit")                                            \
  X(SPLITLINES, "splitlines", "keepends")                                      \
  X(STARTSWITH, "startswith", "prefix start end")                              \
  X(STRIP, "strip", "chars")                                                   \
  X(SWAPCASE, "swapcase", "")                                                  \
  X(TITLE, "title", "")                                                        \
  X(UPPER, "upper", "")                                                        \
  X(VALUES, "values", "")                                                      \
  X(COPY, "copy", "")                                                          \
  X(CYCLE, "cycle", "*")                                                       \
  X(CHANGED, "changed", "*")

/* "*" takes any arguments; the first argument of map, select and reject names
 * the inner filter or test, which is a number in the blob. */
#define BITNET_TEMPLATE_FILTERS(X)                                             \
  X(ABS, "abs", "")                                                            \
  X(ATTR, "attr", "name")                                                      \
  X(BATCH, "batch", "linecount fill_with")                                     \
  X(CAPITALIZE, "capitalize", "")                                              \
  X(CENTER, "center", "width")                                                 \
  X(COUNT, "count", "")                                                        \
  X(D, "d", "default_value boolean")                                           \
  X(DEFAULT, "default", "default_value boolean")                               \
  X(DICTSORT, "dictsort", "case_sensitive by reverse")                         \
  X(E, "e", "")                                                                \
  X(ESCAPE, "escape", "")                                                      \
  X(FIRST, "first", "")                                                        \
  X(FLOAT, "float", "default")                                                 \
  X(FORMAT, "format", "*")                                                     \
  X(INDENT, "indent", "width first blank")                                     \
  X(INT, "int", "default base")                                                \
  X(ITEMS, "items", "")                                                        \
  X(JOIN, "join", "d attribute")                                               \
  X(LAST, "last", "")                                                          \
  X(LENGTH, "length", "")                                                      \
  X(LIST, "list", "")                                                          \
  X(LOWER, "lower", "")                                                        \
  X(MAP, "map", "*")                                                           \
  X(MAP_ATTRIBUTE, "map attribute", "attribute default")                       \
  X(MAX, "max", "case_sensitive attribute")                                    \
  X(MIN, "min", "case_sensitive attribute")                                    \
  X(REJECT, "reject", "*")                                                     \
  X(REJECTATTR, "rejectattr", "*")                                             \
  X(REPLACE, "replace", "old new count")                                       \
  X(REVERSE, "reverse", "")                                                    \
  X(ROUND, "round", "precision method")                                        \
  X(SAFE, "safe", "")                                                          \
  X(SELECT, "select", "*")                                                     \
  X(SELECTATTR, "selectattr", "*")                                             \
  X(SORT, "sort", "reverse case_sensitive attribute")                          \
  X(STRING, "string", "")                                                      \
  X(SUM, "sum", "attribute start")                                             \
  X(TITLE, "title", "")                                                        \
  X(TOJSON, "tojson", "ensure_ascii indent separators sort_keys")              \
  X(TRIM, "trim", "chars")                                                     \
  X(UNIQUE, "unique", "case_sensitive attribute")                              \
  X(UPPER, "upper", "")                                                        \
  X(WORDCOUNT, "wordcount", "")

#define BITNET_TEMPLATE_TESTS(X)                                               \
  X(BOOLEAN, "boolean", "")                                                    \
  X(CALLABLE, "callable", "")                                                  \
  X(DEFINED, "defined", "")                                                    \
  X(DIVISIBLEBY, "divisibleby", "num")                                         \
  X(EQ, "eq", "other")                                                         \
  X(EQUALTO, "equalto", "other")                                               \
  X(EQ_SIGN, "==", "other")                                                    \
  X(EVEN, "even", "")                                                          \
  X(FALSE, "false", "")                                                        \
  X(FLOAT, "float", "")                                                        \
  X(GE, "ge", "other")                                                         \
  X(GE_SIGN, ">=", "other")                                                    \
  X(GREATERTHAN, "greaterthan", "other")                                       \
  X(GT, "gt", "other")                                                         \
  X(GT_SIGN, ">", "other")                                                     \
  X(IN, "in", "seq")                                                           \
  X(INTEGER, "integer", "")                                                    \
  X(ITERABLE, "iterable", "")                                                  \
  X(LE, "le", "other")                                                         \
  X(LE_SIGN, "<=", "other")                                                    \
  X(LESSTHAN, "lessthan", "other")                                             \
  X(LOWER, "lower", "")                                                        \
  X(LT, "lt", "other")                                                         \
  X(LT_SIGN, "<", "other")                                                     \
  X(MAPPING, "mapping", "")                                                    \
  X(NE, "ne", "other")                                                         \
  X(NE_SIGN, "!=", "other")                                                    \
  X(NONE, "none", "")                                                          \
  X(NUMBER, "number", "")                                                      \
  X(ODD, "odd", "")                                                            \
  X(SAMEAS, "sameas", "other")                                                 \
  X(SEQUENCE, "sequence", "")                                                  \
  X(STRING, "string", "")                                                      \
  X(TRUE, "true", "")                                                          \
  X(UNDEFINED, "undefined", "")                                                \
  X(UPPER, "upper", "")

#define BITNET_TEMPLATE_NODE_ENUM(id, signature, role, aux)                    \
  BITNET_TEMPLATE_##id,
enum bitnet_template_kind {
  BITNET_TEMPLATE_NODES(BITNET_TEMPLATE_NODE_ENUM) BITNET_TEMPLATE_NUM_KINDS
};
#undef BITNET_TEMPLATE_NODE_ENUM

#define X(id, name, parameters) BITNET_TEMPLATE_CONSTANT_##id,
enum { BITNET_TEMPLATE_CONSTANTS(X) BITNET_TEMPLATE_NUM_CONSTANT };
#undef X
#define X(id, name, parameters) BITNET_TEMPLATE_UNARY_##id,
enum { BITNET_TEMPLATE_UNARIES(X) BITNET_TEMPLATE_NUM_UNARY };
#undef X
#define X(id, name, parameters) BITNET_TEMPLATE_BINARY_##id,
enum { BITNET_TEMPLATE_BINARIES(X) BITNET_TEMPLATE_NUM_BINARY };
#undef X
#define X(id, name, parameters) BITNET_TEMPLATE_COMPARE_##id,
enum { BITNET_TEMPLATE_COMPARES(X) BITNET_TEMPLATE_NUM_COMPARE };
#undef X
#define X(id, name, parameters) BITNET_TEMPLATE_METHOD_##id,
enum { BITNET_TEMPLATE_METHODS(X) BITNET_TEMPLATE_NUM_METHOD };
#undef X
#define X(id, name, parameters) BITNET_TEMPLATE_FILTER_##id,
enum { BITNET_TEMPLATE_FILTERS(X) BITNET_TEMPLATE_NUM_FILTER };
#undef X
#define X(id, name, parameters) BITNET_TEMPLATE_TEST_##id,
enum { BITNET_TEMPLATE_TESTS(X) BITNET_TEMPLATE_NUM_TEST };
#undef X
enum { BITNET_TEMPLATE_NUM_ANY = 1 };

typedef struct bitnet_template_node {
  uint16_t kind; /* enum bitnet_template_kind */
  uint16_t aux;  /* operator, method, filter or test; else 0 */
  uint32_t line; /* of the source, from 1 */
  uint32_t field[BITNET_TEMPLATE_FIELDS];
} bitnet_template_node;

typedef struct bitnet_template_section {
  uint32_t offset; /* bytes from the start of the blob */
  uint32_t count;  /* elements */
} bitnet_template_section;

typedef struct bitnet_template_blob {
  uint32_t magic;
  uint32_t version;
  uint32_t header_size; /* sizeof(bitnet_template_blob) */
  uint32_t root;        /* a statement */
  uint64_t size;        /* bytes of the whole blob */
  uint32_t source_size; /* bytes of the Jinja source, for information */
  uint32_t reserved;    /* 0 */
  bitnet_template_section nodes;
  bitnet_template_section lists;
  bitnet_template_section text;
} bitnet_template_blob;

#ifdef __cplusplus
static_assert(sizeof(bitnet_template_node) == 32, "template node layout");
static_assert(sizeof(bitnet_template_blob) == 56, "template blob layout");
}
#endif
#endif /* BITNET_TEMPLATE_BLOB_H */
