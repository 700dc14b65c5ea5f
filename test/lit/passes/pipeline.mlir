// The whole fusing pipeline changes no bit of a model's logits.
//
// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --interpret=step > %t.graph
// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --interpret=step > %t.fused
// RUN: diff %t.graph %t.fused
// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse | FileCheck %s --check-prefix=TERNARY
//
// RUN: bitnet-opt %S/Inputs/binary-model.mlir --interpret=step > %t.graph
// RUN: bitnet-opt %S/Inputs/binary-model.mlir --bitnet-fuse --interpret=step > %t.fused
// RUN: diff %t.graph %t.fused
// RUN: bitnet-opt %S/Inputs/binary-model.mlir --bitnet-fuse | FileCheck %s --check-prefix=BINARY

// TERNARY-LABEL: func.func private @layer_step
// TERNARY-NEXT: bitnet.norm_quantize
// TERNARY-NEXT: bitnet.matmul {{.*}} [@layer::@q, @layer::@k, @layer::@v]
// TERNARY-NEXT: bitnet.rope
// TERNARY-NEXT: bitnet.rope
// TERNARY-NEXT: bitnet.kv_append
// TERNARY-NEXT: bitnet.attention
// TERNARY-NEXT: bitnet.quantize
// TERNARY-NEXT: bitnet.matmul {{.*}} residual
// TERNARY-NEXT: bitnet.norm_quantize
// TERNARY-NEXT: bitnet.matmul {{.*}} glu
// TERNARY-NEXT: bitnet.quantize
// TERNARY-NEXT: bitnet.matmul {{.*}} residual
// TERNARY-NEXT: return

// The attention's norm has a threshold, the feed-forward's is dropped.
// BINARY-LABEL: func.func private @layer_step
// BINARY-NEXT: bitnet.norm_pack_bits %arg0 gain @layer::@attn_norm bias @layer::@attn_bias
// BINARY-NEXT: bitnet.matmul {{.*}} [@layer::@q, @layer::@k, @layer::@v]
// BINARY-NEXT: bitnet.rope
// BINARY-NEXT: bitnet.rope
// BINARY-NEXT: bitnet.kv_append
// BINARY-NEXT: bitnet.attention
// BINARY-NEXT: bitnet.pack_bits
// BINARY-NEXT: %[[H:.*]]:2 = bitnet.matmul {{.*}} residual %arg0 packs sign
// BINARY-NEXT: %[[F:.*]] = bitnet.matmul %[[H]]#1, {{.*}} glu {{.*}} packs sign
// BINARY-NEXT: bitnet.matmul %[[F]], {{.*}} residual %[[H]]#0
// BINARY-NEXT: return
