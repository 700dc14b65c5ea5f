// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-select-kernels --bitnet-plan-memory --bitnet-place-barriers | FileCheck %s

// None before the first operation of a step: its threads start together.
// CHECK-LABEL: func.func @step
// CHECK-NEXT: bitnet.embed
// The layers begin with a barrier of their own.
// CHECK-NEXT: bitnet.repeat
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.gather_logits

// CHECK-LABEL: func.func private @layer_step
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.norm_quantize
// CHECK-NEXT: bitnet.barrier
// CHECK-NEXT: bitnet.matmul {{.*}} [@layer::@q, @layer::@k, @layer::@v]
// CHECK-NEXT: bitnet.barrier
// Keys stay with the thread that rotated them: no barrier in between.
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
