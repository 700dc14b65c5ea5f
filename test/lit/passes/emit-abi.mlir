// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-to-vector=target=znver4 --bitnet-to-llvm="target=znver4 prefix=story" | FileCheck %s

// Everything but the descriptor is internal to the object.
// CHECK: llvm.func internal @step(
// CHECK: llvm.func internal @layer_step(
// A team of one is never asked for work.
// CHECK: llvm.func internal @bitnet_next
// CHECK: llvm.icmp "ugt"
// CHECK: llvm.func internal @story_step(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i32)
// CHECK: llvm.mlir.global internal constant @story_target("znver4\00")
// CHECK: llvm.mlir.global internal constant @story_summary("{{.*}}trit5_vbmi{{.*}}\00")
// CHECK: llvm.mlir.global internal constant @story_name("t\00")
// CHECK: llvm.mlir.global external constant @story_model() {{.*}} !llvm.struct<(i32, i32, i32, i32, i64, ptr
// The magic word "BNET".
// CHECK: llvm.mlir.constant(1413828162 : i32)
// CHECK: llvm.mlir.addressof @story_step
// CHECK-NOT: bitnet.record

// Of a program for several targets the first one's module holds the descriptor,
// the others' a variant that it points to.

// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-to-vector="target=generic shared=generic,znver4" --bitnet-to-llvm="target=generic prefix=story shared=generic,znver4" | FileCheck %s --check-prefix=FIRST
// FIRST: llvm.mlir.global internal constant @story_variant_0()
// FIRST: llvm.mlir.addressof @story_step
// FIRST: llvm.mlir.global external constant @story_variant_1() {{.*}}: !llvm.struct<(i64, ptr, ptr, i64, i64, ptr)>
// FIRST: llvm.mlir.global internal constant @story_variants()
// FIRST: llvm.mlir.addressof @story_variant_0
// FIRST: llvm.mlir.addressof @story_variant_1
// FIRST: llvm.mlir.global external constant @story_model()

// RUN: bitnet-opt %S/Inputs/ternary-model.mlir --bitnet-fuse --bitnet-to-vector="target=znver4 shared=generic,znver4" --bitnet-to-llvm="target=znver4 prefix=story shared=generic,znver4" | FileCheck %s --check-prefix=SECOND
// SECOND-NOT: story_model
// SECOND: llvm.mlir.global internal constant @story_summary("{{.*}}trit2_vnni{{.*}}\00")
// SECOND: llvm.mlir.global external constant @story_variant_1()
// SECOND: llvm.mlir.addressof @story_step
// SECOND-NOT: story_model
