// The signs of a norm: with a threshold one comparison, whose factor has its sign
// turned; with a gain that is negative somewhere, no root mean square.
// RUN: sed "s/ positive source/ source/" %S/Inputs/binary-model.mlir > %t.mlir
// RUN: bitnet-opt %t.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s
// RUN: bitnet-opt %t.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s --check-prefix=ROOTS

// CHECK-LABEL: func.func private @layer_step
// CHECK: math.sqrt
// CHECK: %[[FACTOR:.*]] = vector.broadcast {{.*}} : f32 to vector<16xf32>
// CHECK: %[[MINUS:.*]] = arith.negf %[[FACTOR]] : vector<16xf32>
// CHECK: %[[X:.*]] = arith.mulf %{{.*}}, %[[MINUS]] : vector<16xf32>
// CHECK: %[[Y:.*]] = arith.mulf %[[X]], %{{.*}} : vector<16xf32>
// CHECK: %[[BIAS:.*]] = vector.load
// CHECK-NEXT: arith.cmpf ole, %[[Y]], %[[BIAS]] : vector<16xf32>
// CHECK: bitnet.truncate_f16
// CHECK: math.ctpop
// CHECK: %[[X:.*]] = vector.load %{{.*}}[%{{.*}}, %c48] : memref<?x64xf32>, vector<16xf32>
// CHECK-NEXT: %[[GAIN:.*]] = vector.load %{{.*}}[%c48] : memref<64xf32>, vector<16xf32>
// CHECK-NEXT: %[[Z:.*]] = arith.mulf %[[X]], %[[GAIN]] : vector<16xf32>
// CHECK-NEXT: arith.cmpf oge, %[[Z]], %{{.*}} : vector<16xf32>

// Of the layer's two norms one has a root.
// ROOTS-LABEL: func.func private @layer_step
// ROOTS-COUNT-1: math.sqrt
// ROOTS-NOT: math.sqrt
