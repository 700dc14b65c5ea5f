// Keys and values in i8: what is stored are bytes, what reads them are dots of
// bytes, and nothing goes through f16.
// RUN: sed "s/kv_append .* head_dim 16/& form i8/; s/attention .* head_dim 16/& form i8/" %S/Inputs/ternary-model.mlir > %t.mlir
// RUN: bitnet-opt %t.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s
// RUN: bitnet-opt %t.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s --check-prefix=NOT

// 2 layers, 2 KV heads, keys and values: 16 codes and a scale, 16 positions.
// CHECK: bitnet.kv_page_bytes = 2560 : i64
// CHECK-LABEL: func.func private @layer_step
// CHECK: memref.view {{.*}} to memref<2x2x2x320xi8>
// Codes that four dimensions share a word of, then the scale behind them.
// CHECK: arith.trunci {{.*}} : vector<16xi32> to vector<16xi8>
// CHECK: vector.store {{.*}} : memref<2x2x2x320xi8>, vector<4xi8>
// CHECK: arith.addi {{.*}}, %c256 : index
// CHECK: vector.store {{.*}} : memref<2x2x2x320xi8>, vector<4xi8>
// Scores, the codes of weights, values.
// CHECK: vector.load {{.*}} : memref<2x2x2x320xi8>, vector<64xi8>
// CHECK: bitnet.dot_u8i8
// CHECK: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: arith.shrsi
// CHECK: bitnet.dot_u8i8

// NOT-NOT: truncate_f16
// NOT-NOT: extend_f16

// A large page is an odd number of 4 KiB, whatever its form.
// RUN: sed "s/times 2/times 512/; s/num_layers=2/num_layers=512/; s/count 2 /count 512 /" %S/Inputs/ternary-model.mlir | bitnet-opt --bitnet-fuse --bitnet-to-vector=target=znver4 | FileCheck %s --check-prefix=LARGE
// LARGE: bitnet.kv_page_bytes = 1052672 : i64
