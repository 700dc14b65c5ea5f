/* The compiled tokenizer: one flat block of bytes inside every program.
 *
 * bitnetc turns tokenizer.json or tokenizer.model into this form, so that a
 * program opens its tokenizer by checking a few offsets and then uses all the
 * tables in place; nothing is parsed, copied or sorted at start.
 *
 *   +--------------------------+ 0
 *   | bitnet_tokenizer_blob    |  header: magic, version, size, flags and one
 *   |                          |  {offset, count} pair per section below
 *   +--------------------------+
 *   | token_text  u32[V + 1]   |  token i is text[token_text[i], [i + 1])
 *   | token_kind  u8[V]        |  enum bitnet_token_kind
 *   | token_slots u32[2^k]     |  open-addressed: FNV-1a of a token's text ->
 *   |                          |  id + 1, 0 = empty, linear probing
 *   | byte_ids    i32[256]     |  the token of one single byte, -1 = none
 *   | merge_first u32[V + 1]   |  merges of left token l are
 *   | merges      {r, m, k}[]  |  merges[merge_first[l], [l + 1]), sorted by
 *   |                          |  right token; lowest rank k merges first
 *   | scores      f32[V]       |  only for unigram models; the unknown token's
 *   |                          |  is that of a character without a token
 *   | added       {..}[]       |  tokens cut out of the text before all else
 *   | ops         {..}[]       |  normalizer, then pre-tokenizer, in order
 *   | prefix      i32[]        |  ids put before a text (usually bos)
 *   | suffix      i32[]        |  ids put after it
 *   | text        u8[]         |  all strings; ranges are offset and length
 *   +--------------------------+ size
 *
 * All numbers are little endian, all sections start at multiples of 8 from the
 * start of the blob, and the blob itself is 8-byte aligned.
 */
#ifndef BITNET_TOKENIZER_BLOB_H
#define BITNET_TOKENIZER_BLOB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "BTOK" in a little-endian word. */
#define BITNET_TOKENIZER_MAGIC 0x4B4F5442u
#define BITNET_TOKENIZER_VERSION 1u

enum bitnet_tokenizer_model {
  /* BPE whose first symbols are bytes; token texts are the raw bytes. */
  BITNET_TOKENIZER_BPE_BYTES = 1,
  /* BPE whose first symbols are characters (SentencePiece). */
  BITNET_TOKENIZER_BPE_CHARS = 2,
  /* The best segmentation by the sum of scores. unknown_id is not -1. */
  BITNET_TOKENIZER_UNIGRAM = 3
};

enum bitnet_tokenizer_flags {
  /* A piece that is a token as a whole is that token, whatever the merges. */
  BITNET_TOKENIZER_IGNORE_MERGES = 1 << 0,
  /* Neighbouring unknown characters become one unknown token. */
  BITNET_TOKENIZER_FUSE_UNKNOWN = 1 << 1,
  /* Unknown characters become their bytes (byte_ids). */
  BITNET_TOKENIZER_BYTE_FALLBACK = 1 << 2,
  /* U+2581 in a token's text stands for a space. */
  BITNET_TOKENIZER_METASPACE = 1 << 3,
  /* Decoding drops one space at the start of a text. */
  BITNET_TOKENIZER_STRIP_SPACE = 1 << 4,
  /* prefix and suffix are known (they may be empty). Without this flag the
   * source did not say, and bitnet_model.bos_token decides. */
  BITNET_TOKENIZER_HAS_TEMPLATE = 1 << 5,
  /* Sums of scores are rounded to float after every token (SentencePiece);
   * without it they are double (Hugging Face). */
  BITNET_TOKENIZER_FLOAT_SUMS = 1 << 6,
  /* Decoding drops every U+2581 of the first token. */
  BITNET_TOKENIZER_STRIP_FIRST_TOKEN = 1 << 7,
  /* With STRIP_SPACE: of every token as long as the text is empty. */
  BITNET_TOKENIZER_STRIP_SPACES = 1 << 8
};

enum bitnet_token_kind {
  BITNET_TOKEN_NORMAL = 0,
  BITNET_TOKEN_BYTE = 1,   /* text is "<0xNN>" and decodes to that byte */
  BITNET_TOKEN_SPECIAL = 2 /* left out of decoded text */
};

enum bitnet_added_flags {
  BITNET_ADDED_SPECIAL = 1 << 0,
  BITNET_ADDED_LSTRIP = 1 << 1,      /* takes white space before it along */
  BITNET_ADDED_RSTRIP = 1 << 2,      /* takes white space after it along */
  BITNET_ADDED_SINGLE_WORD = 1 << 3, /* only where no word goes on */
  BITNET_ADDED_NORMALIZED = 1 << 4   /* searched after normalization */
};

enum bitnet_op_type {
  /* Normalizer: */
  BITNET_OP_PREPEND = 1,       /* content before every text that is not empty */
  BITNET_OP_REPLACE = 2,       /* every `pattern` (a string) by content */
  BITNET_OP_REPLACE_REGEX = 3, /* every `pattern` (PCRE2) by content */
  BITNET_OP_NFC = 4,           /* Unicode normalization form C */
  BITNET_OP_CHARSMAP = 5,      /* SentencePiece's precompiled map in content */
  /* Pre-tokenizer: */
  BITNET_OP_SPLIT = 16,  /* at matches of `pattern` (PCRE2), see op_flags */
  BITNET_OP_PREFIX = 17  /* content before every piece that lacks it */
};

enum bitnet_op_flags {
  /* What a split does with its matches; the low 3 bits. */
  BITNET_SPLIT_ISOLATED = 0,
  BITNET_SPLIT_REMOVED = 1,
  BITNET_SPLIT_MERGED_WITH_PREVIOUS = 2,
  BITNET_SPLIT_MERGED_WITH_NEXT = 3,
  BITNET_SPLIT_CONTIGUOUS = 4,
  BITNET_SPLIT_BEHAVIOR_MASK = 7,
  /* The pieces are what lies between the matches. */
  BITNET_SPLIT_INVERT = 1 << 3,
  /* The pattern sees bytes as GPT-2's printable characters. */
  BITNET_SPLIT_ON_BYTE_CHARS = 1 << 4,
  /* A prefix is put only at the very start of the text. */
  BITNET_PREFIX_FIRST_ONLY = 1 << 5
};

typedef struct bitnet_blob_section {
  uint32_t offset; /* bytes from the start of the blob */
  uint32_t count;  /* elements */
} bitnet_blob_section;

typedef struct bitnet_tokenizer_merge {
  uint32_t right;  /* id */
  uint32_t result; /* id of left + right */
  uint32_t rank;
} bitnet_tokenizer_merge;

typedef struct bitnet_tokenizer_added {
  uint32_t id;
  uint32_t text;   /* offset into the text section */
  uint32_t length; /* bytes */
  uint32_t flags;  /* enum bitnet_added_flags */
} bitnet_tokenizer_added;

typedef struct bitnet_tokenizer_op {
  uint32_t type;    /* enum bitnet_op_type */
  uint32_t flags;   /* enum bitnet_op_flags */
  uint32_t pattern; /* offset into the text section */
  uint32_t pattern_length;
  uint32_t content; /* offset into the text section */
  uint32_t content_length;
} bitnet_tokenizer_op;

typedef struct bitnet_tokenizer_blob {
  uint32_t magic;
  uint32_t version;
  uint32_t header_size; /* sizeof(bitnet_tokenizer_blob) */
  uint32_t model;       /* enum bitnet_tokenizer_model */
  uint64_t size;        /* bytes of the whole blob */
  uint32_t flags;       /* enum bitnet_tokenizer_flags */
  uint32_t vocab_size;  /* V: highest id + 1, with added tokens */
  int32_t unknown_id;   /* -1: unknown characters vanish */
  uint32_t num_normalizer_ops; /* the first so many of ops */
  bitnet_blob_section token_text;
  bitnet_blob_section token_kind;
  bitnet_blob_section token_slots;
  bitnet_blob_section byte_ids;
  bitnet_blob_section merge_first;
  bitnet_blob_section merges;
  bitnet_blob_section scores;
  bitnet_blob_section added; /* sorted: first byte, then longest first */
  bitnet_blob_section ops;
  bitnet_blob_section prefix;
  bitnet_blob_section suffix;
  bitnet_blob_section text;
} bitnet_tokenizer_blob;

#ifdef __cplusplus
static_assert(sizeof(bitnet_tokenizer_merge) == 12, "merge layout");
static_assert(sizeof(bitnet_tokenizer_added) == 16, "added token layout");
static_assert(sizeof(bitnet_tokenizer_op) == 24, "op layout");
static_assert(sizeof(bitnet_tokenizer_blob) == 136, "tokenizer blob layout");
}
#endif
#endif /* BITNET_TOKENIZER_BLOB_H */
