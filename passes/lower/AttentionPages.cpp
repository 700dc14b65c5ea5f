//===- AttentionPages.cpp - Pages that will be read -----------------------===//
//
// Pages lie far apart, where no hardware prefetcher follows: what a thread will
// need is fetched while it computes.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

using namespace mlir;
using namespace mlir::bitnet;

/// How far ahead of its use a page is fetched, in chunks that have so many:
/// keys while values are used, and the other way round.
static constexpr int64_t kPagesAhead = 16;

std::optional<AttentionLowering::Ahead>
AttentionLowering::ahead(Tile &tile, int64_t half, Value firstPage, Value pages,
                         Value number) {
  // Tiles share pages with their neighbours and find them in the cache.
  if (!prefetch || tile.blocking.repeated() || tile.blocking.tokens > 1)
    return std::nullopt;
  Value later = e.add(number, e.min(e.index(kPagesAhead), pages));
  Value here = e.lessThan(later, pages), behind = e.sub(later, pages);
  Value afterPage = half ? tile.nextPage : firstPage;
  Value page = choose(here, e.add(firstPage, later), e.add(afterPage, behind));
  page = pageOf(tile, e.min(page, lastPageOf(tile)));
  Value head = half ? choose(here, tile.head, tile.nextHead) : tile.head;
  return Ahead{page, head, choose(here, e.index(half), e.index(1 - half))};
}
