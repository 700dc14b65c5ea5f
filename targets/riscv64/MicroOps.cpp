//===- MicroOps.cpp - Micro-ops on 64-bit RISC-V with vectors -------------===//
//
// The vector extension has no dot product and no sum of neighbours, so that the
// generic form would have to part even from odd lanes. Each of the four bytes
// of a lane is multiplied where it is instead, and a lane adds up its own four.
//
//===----------------------------------------------------------------------===//

#include "dialect/Dialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/Isa.h"

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// For byte k of every lane of 32 bits, columns (b) being split once for all
/// the rows that they are multiplied with, mostly as scalars:
///
///   vsrl  x, a, 8 k
///   vand  x, x, 255
///   vmacc acc, x, b[k]
struct DotByBytesOfLanes : OpRewritePattern<DotU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<VectorType>(op.getAcc().getType());
    auto splat = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(
          b, loc, DenseElementsAttr::get(type, b.getI32IntegerAttr(value)));
    };
    Value codes = vector::BitCastOp::create(b, loc, type, op.getA());
    Value columns = vector::BitCastOp::create(b, loc, type, op.getB());
    Value sum = op.getAcc();
    for (int64_t k = 0; k < 4; ++k) {
      Value code = arith::AndIOp::create(
          b, loc, arith::ShRUIOp::create(b, loc, codes, splat(8 * k)),
          splat(255));
      Value column = arith::ShRSIOp::create(
          b, loc, arith::ShLIOp::create(b, loc, columns, splat(24 - 8 * k)),
          splat(24));
      sum = arith::AddIOp::create(b, loc, sum,
                                  arith::MulIOp::create(b, loc, code, column));
    }
    b.replaceOp(op, sum);
    return success();
  }
};

} // namespace

static constexpr MicroOpRow kRows[] = {
    {"v", addMicroOps<DotByBytesOfLanes>},
};

void mlir::bitnet::populateRiscV64MicroOps(const Cpu &cpu,
                                           RewritePatternSet &patterns) {
  populateMicroOpRows(cpu, kRows, patterns);
}
