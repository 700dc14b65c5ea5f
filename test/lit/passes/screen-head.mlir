// RUN: bitnet-opt %s --split-input-file --bitnet-screen-head="z=5 always=true" | FileCheck %s
// RUN: bitnet-opt %s --split-input-file --bitnet-screen-head="z=0 always=true" | FileCheck %s --check-prefix=NONE
// RUN: bitnet-opt %s --split-input-file --bitnet-screen-head | FileCheck %s --check-prefix=SMALL

// Only the sketch is new; the product stays.
// CHECK: bitnet.weight @embed quant int8
// CHECK-NEXT: bitnet.weight @embed_sketch quant sketch shape [128, 64] scale_rows 128 source "@sketch:e"
// CHECK-LABEL: func.func @step
// CHECK: bitnet.matmul %{{.*}}, [@globals::@embed] sketch @globals::@embed_sketch z 5.000000e+00
// NONE-NOT: sketch
// A vocabulary of 128 tokens is not worth it.
// SMALL-NOT: quant sketch shape [128, 64]
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [128, 64] scale_rows 128 source "e"
}
func.func @step() -> tensor<?x128xf32> {
  %x = bitnet.embed @globals::@embed : tensor<?x64xf32>
  %q, %s, %sum = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@globals::@embed] : (tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----

// A large one is screened without being asked.
// SMALL: bitnet.weight @head_sketch quant sketch shape [32000, 512]
// SMALL: bitnet.matmul %{{.*}} sketch @globals::@head_sketch z 6.000000e+00
// CHECK-LABEL: func.func @step
// CHECK: sketch @globals::@head_sketch
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [32000, 512] scale_rows 32000 source "e"
  bitnet.weight @head quant int8 shape [32000, 512] scale_rows 32000 source "h"
}
func.func @step() -> tensor<?x32000xf32> {
  %x = bitnet.embed @globals::@embed : tensor<?x512xf32>
  %q, %s, %sum = bitnet.quantize %x : tensor<?x512xf32> -> tensor<?x2x512xi8>, tensor<?xf32>, tensor<?x2xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@globals::@head] : (tensor<?x2x512xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x32000xf32>
  return %y : tensor<?x32000xf32>
}

// -----

// Not screened: a head of trits, one of one plane, a function that is no step.
// CHECK-LABEL: func.func @step
// CHECK-NOT: sketch
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [128, 64] scale_rows 128 source "e"
  bitnet.weight @head quant ternary shape [128, 64] source "h"
}
func.func @step() -> tensor<?x128xf32> {
  %x = bitnet.embed @globals::@embed : tensor<?x64xf32>
  %q, %s, %sum = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@globals::@head] : (tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----

// CHECK-LABEL: func.func @step
// CHECK-NOT: sketch
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [128, 64] scale_rows 128 source "e"
}
func.func @step() -> tensor<?x128xf32> {
  %x = bitnet.embed @globals::@embed : tensor<?x64xf32>
  %q, %s, %sum = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@globals::@embed] : (tensor<?x1x64xi8>, tensor<?xf32>, tensor<?x1xi32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----

// CHECK-LABEL: func.func @other
// CHECK-NOT: sketch
bitnet.record @globals count 1 {
  bitnet.weight @embed quant int8 shape [128, 64] scale_rows 128 source "e"
}
func.func @other(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
  %q, %s, %sum = bitnet.quantize %x : tensor<?x64xf32> -> tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>
  %y = bitnet.matmul %q scale %s sum %sum, [@globals::@embed] : (tensor<?x2x64xi8>, tensor<?xf32>, tensor<?x2xi32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
