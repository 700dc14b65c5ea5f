// Keys and values as bits: 16 positions of 32 dimensions are compared and counted
// at once, and a value flips the sign of its weight.
// RUN: sed "s/kv_append .* head_dim 16/& form b1/; s/attention .* head_dim 16/& form b1 score_scale @layer::@c/; s/.*@attn_norm quant.*/&\n  bitnet.weight @c quant float shape [4] source \"c\"/" %S/Inputs/ternary-model.mlir > %t.mlir
// RUN: bitnet-opt %t.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s
// RUN: bitnet-opt %t.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s --check-prefix=NOT

// 2 layers, 2 KV heads, 16 positions: a word of a key, 16 bits of a value, a
// scale.
// CHECK: bitnet.kv_page_bytes = 640 : i64
// CHECK: bitnet.weight @c quant float shape [4] source "c" layout f32
// CHECK-LABEL: func.func private @layer_step
// CHECK: memref.view {{.*}} to memref<2x2x1x160xi8>
// The word of the key is whole, whatever the bits of the value are beside.
// CHECK: arith.cmpf oge, {{.*}} : vector<16xf32>
// CHECK: vector.bitcast {{.*}} : vector<16xi1> to vector<1xi16>
// CHECK: arith.extui {{.*}} : i16 to i32
// CHECK: vector.store {{.*}} : memref<2x2x1x160xi8>, vector<4xi8>
// CHECK: vector.store {{.*}} : memref<2x2x1x160xi8>, vector<2xi8>
// CHECK: math.absf
// CHECK: arith.divf
// CHECK: vector.store {{.*}} : memref<2x2x1x160xi8>, vector<4xi8>
// The scale of the query's head, then scores.
// CHECK: memref.load {{.*}} : memref<64xf32>
// CHECK: arith.divf
// CHECK: vector.load {{.*}} : memref<2x2x1x160xi8>, vector<64xi8>
// CHECK: arith.xori {{.*}} : vector<16xi32>
// CHECK: math.ctpop {{.*}} : vector<16xi32>
// CHECK: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// Weights, and values as masks.
// CHECK: arith.negf
// CHECK: vector.load {{.*}} : memref<2x2x1x160xi8>, vector<2xi8>
// CHECK: vector.bitcast {{.*}} : vector<2xi8> to vector<16xi1>
// CHECK: arith.select
// CHECK: arith.xori {{.*}} : vector<16xi32>
// CHECK: arith.addf {{.*}} : vector<16xf32>

// NOT-NOT: truncate_f16
// NOT-NOT: extend_f16
