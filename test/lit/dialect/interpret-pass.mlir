// The interpreter as a pass in the middle of a pipeline: results are printed,
// the module goes on unchanged. Functions can be chosen.
// RUN: bitnet-opt %s --bitnet-interpret="function=f tokens=2 ones" --canonicalize | FileCheck %s
// RUN: bitnet-opt %s --interpret=f --interpret-tokens=3 --interpret-seed=5 > %t.one
// RUN: bitnet-opt %s --bitnet-interpret="function=f tokens=3 seed=5" -o /dev/null > %t.two
// RUN: diff %t.one %t.two
// RUN: bitnet-opt %s --interpret=f --interpret-tokens=3 --interpret-seed=6 > %t.other
// RUN: not diff %t.one %t.other
// RUN: not bitnet-opt %s --interpret --interpret-tokens=0 2>&1 | FileCheck %s --check-prefix=TOKENS
// RUN: not bitnet-opt %s --interpret=h 2>&1 | FileCheck %s --check-prefix=MISSING

// CHECK-NOT: @g
// CHECK: @f
// CHECK-NEXT: result 0: 2x4xf32 hash 0x{{[0-9a-f]+$}}
// CHECK-NOT: result
// CHECK: bitnet.record @w
// CHECK: func.func @f
// CHECK: func.func @g

// TOKENS: tokens must be 1 to 65536, is 0
// MISSING: no function @h

bitnet.record @w count 1 {
  bitnet.weight @gain quant float shape [4] source "g"
}
func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = bitnet.rms_norm %x gain @w::@gain eps 1.0e-5 : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
func.func @g(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}
