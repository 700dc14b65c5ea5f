//===- AttentionPages.cpp - Reading pages of the KV cache -----------------===//
//
// Elements of keys and values as f32, one vector or a whole page, and the
// prefetches that run ahead of them.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

using namespace mlir;
using namespace mlir::bitnet;

/// How far ahead of its use a page is fetched.
static constexpr int64_t kPagesAhead = 8;

Value AttentionLowering::element(int64_t half, Value page, Value head,
                                 Value at) {
  auto bits = VectorType::get(16, e.b.getI16Type());
  Value loaded =
      e.load(bits, page, {e.get(Env::Layer), head, e.index(half), at});
  return ExtendF16Op::create(e.b, e.loc, e.f32x16(), loaded);
}

void AttentionLowering::widen(Tile &tile, int64_t half, Value page) {
  e.loop(zero, e.index(d * kPageTokens), 16 * kUnroll, [&](Value i) {
    for (int64_t u = 0; u < kUnroll; ++u) {
      Value at = e.addI(i, 16 * u);
      e.store(element(half, page, tile.head, at), tile.s.wide, {at});
    }
  });
}

std::optional<AttentionLowering::Ahead>
AttentionLowering::ahead(Tile &tile, int64_t half, Value firstPage, Value pages,
                         Value number) {
  // Tiles share pages with their neighbours and find them in the cache.
  if (!prefetch || tile.blocking.widened() || tile.blocking.tokens > 1)
    return std::nullopt;
  Value later = e.addI(number, kPagesAhead);
  Value here = e.lessThan(later, pages), behind = e.sub(later, pages);
  Value afterPage = half ? tile.nextPage : firstPage;
  Value page = choose(here, e.add(firstPage, later), e.add(afterPage, behind));
  page = kvPage(e, shape, tile.token, e.min(page, lastPageOf(tile)));
  Value head = half ? choose(here, tile.head, tile.nextHead) : tile.head;
  return Ahead{page, head, choose(here, e.index(half), e.index(1 - half))};
}
