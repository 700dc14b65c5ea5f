//===- DotChain.cpp - Dots that add to each other -------------------------===//

#include "targets/DotChain.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::bitnet;

DotChain mlir::bitnet::chainAround(DotU8I8Op op) {
  auto next = [](DotU8I8Op dot) -> DotU8I8Op {
    if (!dot->hasOneUse())
      return {};
    auto user = dyn_cast<DotU8I8Op>(*dot->user_begin());
    bool adds = user && user.getAcc() == dot.getResult() &&
                user->getBlock() == dot->getBlock();
    return adds ? user : DotU8I8Op();
  };
  while (auto before = op.getAcc().getDefiningOp<DotU8I8Op>()) {
    if (!next(before))
      break;
    op = before;
  }
  DotChain chain;
  for (; op; op = next(op))
    chain.push_back(op);
  return chain;
}

std::optional<int64_t> mlir::bitnet::splatOf(Value v) {
  DenseElementsAttr bits;
  if (!matchPattern(v, m_Constant(&bits)) || !bits.isSplat())
    return std::nullopt;
  return bits.getSplatValue<APInt>().getZExtValue();
}
