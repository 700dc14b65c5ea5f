// RUN: bitnet-opt %s --bitnet-fold-gate | FileCheck %s
// RUN: bitnet-opt %s --interpret > %t.before
// RUN: bitnet-opt %s --bitnet-fold-gate --interpret > %t.after
// RUN: diff %t.before %t.after

bitnet.record @layer count 1 {
  bitnet.weight @gate quant binary shape [80, 64] scale_rows 80 source "g"
  bitnet.weight @up quant binary shape [80, 64] scale_rows 80 source "u"
}

// CHECK-LABEL: func.func @silu
// CHECK: bitnet.matmul %{{.*}}, [@layer::@gate, @layer::@up] glu silu
// CHECK-NEXT: return
func.func @silu(%x: tensor<?x64xf32>) -> tensor<?x80xf32> {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %g, %u = bitnet.matmul %p, [@layer::@gate, @layer::@up] : (tensor<?x1x1xi64>) -> (tensor<?x80xf32>, tensor<?x80xf32>)
  %a = bitnet.activation silu %g : tensor<?x80xf32>
  %f = bitnet.mul %a, %u : tensor<?x80xf32>
  return %f : tensor<?x80xf32>
}

// The weights come in the order gate, up, whatever the order before.
// CHECK-LABEL: func.func @swapped
// CHECK: bitnet.matmul %{{.*}}, [@layer::@gate, @layer::@up] glu relu2
func.func @swapped(%x: tensor<?x64xf32>) -> tensor<?x80xf32> {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %u, %g = bitnet.matmul %p, [@layer::@up, @layer::@gate] : (tensor<?x1x1xi64>) -> (tensor<?x80xf32>, tensor<?x80xf32>)
  %a = bitnet.activation relu2 %g : tensor<?x80xf32>
  %f = bitnet.mul %u, %a : tensor<?x80xf32>
  return %f : tensor<?x80xf32>
}

// Not folded: the gate is read twice.
// CHECK-LABEL: func.func @gate_read_twice
// CHECK: bitnet.activation
// CHECK: bitnet.mul
func.func @gate_read_twice(%x: tensor<?x64xf32>) -> (tensor<?x80xf32>, tensor<?x80xf32>) {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %g, %u = bitnet.matmul %p, [@layer::@gate, @layer::@up] : (tensor<?x1x1xi64>) -> (tensor<?x80xf32>, tensor<?x80xf32>)
  %a = bitnet.activation silu %g : tensor<?x80xf32>
  %f = bitnet.mul %a, %u : tensor<?x80xf32>
  return %f, %g : tensor<?x80xf32>, tensor<?x80xf32>
}

// Not folded: gate and up come from two matmuls.
// CHECK-LABEL: func.func @two_matmuls
// CHECK: bitnet.activation
// CHECK: bitnet.mul
func.func @two_matmuls(%x: tensor<?x64xf32>) -> tensor<?x80xf32> {
  %p = bitnet.pack_bits %x : tensor<?x64xf32> -> tensor<?x1x1xi64>
  %g = bitnet.matmul %p, [@layer::@gate] : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %u = bitnet.matmul %p, [@layer::@up] : (tensor<?x1x1xi64>) -> tensor<?x80xf32>
  %a = bitnet.activation silu %g : tensor<?x80xf32>
  %f = bitnet.mul %a, %u : tensor<?x80xf32>
  return %f : tensor<?x80xf32>
}
