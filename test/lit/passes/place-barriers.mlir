// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-select-kernels --bitnet-plan-memory --bitnet-place-barriers | FileCheck %s

// None around functions: they begin and end with one that is not written down.
// CHECK-LABEL: func.func @step
// CHECK-NEXT: bitnet.embed
// CHECK-NEXT: bitnet.repeat
// CHECK-NEXT: bitnet.gather_logits
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.norm_quantize

// CHECK-LABEL: func.func private @layer_step
// CHECK-NEXT: bitnet.norm_quantize
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.matmul {{.*}} [@layer::@q, @layer::@k, @layer::@v]
// CHECK-NEXT: bitnet.barrier
// Who takes a KV head rotates its queries and its keys and appends them: no
// barrier in between.
// CHECK-NEXT: bitnet.rope
// CHECK-NEXT: bitnet.rope
// CHECK-NEXT: bitnet.kv_append
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.attention
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.quantize
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.matmul
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.norm_quantize
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.matmul
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.quantize
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.matmul
// CHECK-NEXT: return
