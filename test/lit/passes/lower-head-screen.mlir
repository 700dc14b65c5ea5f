// The sketch changes nothing about the product:
// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --interpret > %t.before
// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-screen-head=always=true --interpret > %t.after
// RUN: diff %t.before %t.after

// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-screen-head=always=true --bitnet-select-kernels=target=znver4 --bitnet-plan-memory | FileCheck %s --check-prefix=PLAN
// PLAN: bitnet.screened_bytes_per_token =
// PLAN-SAME: bitnet.screened_row_bytes = 68
// PLAN: @embed_sketch quant sketch shape [128, 64] scale_rows 128 source "@sketch:e" layout u2_r64 at 8704 scale_at 10752
// PLAN: sketch @globals::@embed_sketch z 6.000000e+00 {{.*}}bitnet.scratch =

// Two ways, and three phases of work in one of them.
// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-screen-head=always=true --bitnet-to-vector=target=znver4 | FileCheck %s
// CHECK-LABEL: func.func @step
// CHECK: scf.if
// CHECK: call @bitnet_next
// CHECK: bitnet.dot_u8i8 {{.*}} bound 48
// CHECK: call @bitnet_next
// CHECK: call @bitnet_next
// CHECK: bitnet.dot_u8i8
// CHECK: call @bitnet_next
// CHECK: call @bitnet_next
// CHECK: bitnet.dot_u8i8
// CHECK: call @bitnet_next
// CHECK: } else {
// CHECK: call @bitnet_next
// CHECK: bitnet.dot_u8i8
// CHECK: call @bitnet_next
// CHECK-NOT: call @bitnet_next
// CHECK: return
