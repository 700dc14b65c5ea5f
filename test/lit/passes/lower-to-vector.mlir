// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s --check-prefixes=CHECK,TERNARY
// RUN: bitnet-opt %S/Inputs/binary-model.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s --check-prefixes=CHECK,BINARY

// One call for all layers; the instance is an argument.
// CHECK-LABEL: func.func @step
// CHECK-SAME: %[[LAYERS:[a-z0-9]+]]: index, %{{[a-z0-9]+}}: !llvm.ptr)
// CHECK: scf.for %[[LAYER:.*]] = %c0 to %[[LAYERS]] step %c1
// CHECK: func.call @layer_step({{.*}}%[[LAYER]]

// CHECK-LABEL: func.func private @layer_step
// Work is claimed piece by piece until there is none.
// CHECK: %[[FIRST:.*]] = {{.*}}call @bitnet_next(
// CHECK: scf.while (%[[RANGE:.*]] = %[[FIRST]])
// CHECK: arith.cmpi ne, %[[RANGE]], %c0
// The norm: 16 lanes, multiplication and addition apart.
// CHECK: scf.for
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[X:.*]], %[[X]] : vector<16xf32>
// CHECK: arith.addf %{{.*}}, %[[SQUARE]] : vector<16xf32>
// TERNARY: bitnet.dot_u8i8
// BINARY: math.ctpop {{.*}} : vector<8xi64>
// Keys and values go through f16.
// CHECK: bitnet.truncate_f16
// CHECK: bitnet.extend_f16
// Chunks that threads took apart meet behind a barrier, if there are several.
// CHECK: func.call @bitnet_next

// Nothing is contracted, reassociated or approximated.
// CHECK-NOT: fastmath
// CHECK-NOT: math.fma
// CHECK-NOT: math.exp
// CHECK-NOT: vector.reduction
