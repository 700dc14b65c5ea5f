// RUN: bitnet-opt %s --bitnet-lower-micro-ops=target=znver4 | FileCheck %s --check-prefix=ZNVER4
// RUN: bitnet-opt %s --bitnet-lower-micro-ops=target=x86-64-v3 | FileCheck %s --check-prefix=V3
// RUN: bitnet-opt %s --bitnet-lower-micro-ops=target=generic | FileCheck %s --check-prefix=GENERIC
// RUN: bitnet-opt %s --bitnet-lower-micro-ops=target=arm64 | FileCheck %s --check-prefix=ARM64
// RUN: bitnet-opt %s --bitnet-lower-micro-ops=target=cortex-a76 | FileCheck %s --check-prefix=A76
// RUN: bitnet-opt %s --bitnet-lower-micro-ops=target=neoverse-v1 | FileCheck %s --check-prefix=V1

// ZNVER4-LABEL: func.func @dot
// ZNVER4: llvm.x86.avx512.vpdpbusd.512
// GENERIC-LABEL: func.func @dot
// GENERIC-NOT: llvm.x86
// GENERIC: arith.muli
// Full bytes are not signed bytes: even and odd ones apart, or less 128.
// ARM64-LABEL: func.func @dot
// ARM64-NOT: smull
// ARM64-COUNT-8: llvm.aarch64.neon.saddlp.v4i32.v8i16
// A76-LABEL: func.func @dot
// A76: arith.xori
// A76: llvm.aarch64.neon.sdot.v4i32.v16i8
func.func @dot(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %r = bitnet.dot_u8i8 %acc, %a, %b : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %r : vector<16xi32>
}

// AVX2 adds pairs of products in 16 bits where codes are small enough.
// ZNVER4-LABEL: func.func @small_codes
// ZNVER4: llvm.x86.avx512.vpdpbusd.512
// V3-LABEL: func.func @small_codes
// V3-COUNT-2: llvm.x86.avx2.pmadd.ub.sw
// GENERIC-LABEL: func.func @small_codes
// GENERIC-NOT: llvm.x86
func.func @small_codes(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %r = bitnet.dot_u8i8 %acc, %a, %b bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %r : vector<16xi32>
}

// Not otherwise: two products of 255 do not fit.
// V3-LABEL: func.func @full_bytes
// V3-NOT: pmadd.ub.sw
// V3: return
func.func @full_bytes(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %r = bitnet.dot_u8i8 %acc, %a, %b : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %r : vector<16xi32>
}

// Codes up to 127 are signed bytes, even ones up to 128 are twice such.
// ARM64-LABEL: func.func @signed_bytes
// ARM64-COUNT-8: llvm.aarch64.neon.smull.v8i16
// A76-LABEL: func.func @signed_bytes
// A76-NOT: arith.xori
// A76-COUNT-4: llvm.aarch64.neon.sdot.v4i32.v16i8
func.func @signed_bytes(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %r = bitnet.dot_u8i8 %acc, %a, %b bound 127 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %r : vector<16xi32>
}

// ARM64-LABEL: func.func @even_codes
// ARM64: arith.shrui
// ARM64-COUNT-2: llvm.aarch64.neon.smull.v8i16
// ARM64: arith.shli
func.func @even_codes(%acc: vector<16xi32>, %w: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %mask = arith.constant dense<-64> : vector<64xi8>
  %a = arith.andi %w, %mask : vector<64xi8>
  %r = bitnet.dot_u8i8 %acc, %a, %b bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  return %r : vector<16xi32>
}

// Rows by two tokens: one instruction for two rows where there is one, else dots of
// one token after the other.
// V1-LABEL: func.func @matrix
// V1-COUNT-4: llvm.aarch64.neon.usmmla.v4i32.v16i8
// V1-NOT: dot
// V1: return
// A76-LABEL: func.func @matrix
// A76-COUNT-8: llvm.aarch64.neon.sdot.v4i32.v16i8"(%{{.*}}, %{{.*}}, %{{.*}})
// A76: return
func.func @matrix(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<16xi8>) -> vector<16xi32> {
  %r = bitnet.mma_u8i8 %acc, %a, %b : vector<16xi32>, vector<64xi8>, vector<16xi8>
  return %r : vector<16xi32>
}

// Five trits a byte: two look-ups where a table of 64 bytes fits a register.
// ZNVER4-LABEL: func.func @trits
// ZNVER4-COUNT-2: llvm.x86.avx512.permvar.qi.512
// GENERIC-LABEL: func.func @trits
// GENERIC-NOT: llvm.x86
// GENERIC: arith.divui
func.func @trits(%a: vector<64xi8>) -> (vector<64xi8>, vector<64xi8>) {
  %r:5 = bitnet.unpack_trit5 %a : vector<64xi8>
  return %r#0, %r#4 : vector<64xi8>, vector<64xi8>
}

// ZNVER4-LABEL: func.func @sums_of_three
// ZNVER4: llvm.x86.avx512.pshuf.b.512
// ZNVER4: arith.select
// GENERIC-LABEL: func.func @sums_of_three
// GENERIC-NOT: llvm.x86
// GENERIC-COUNT-16: arith.select
func.func @sums_of_three(%table: vector<16xi8>, %a: vector<64xi8>, %signs: vector<64xi8>) -> vector<64xi8> {
  %found = bitnet.lookup %table, %a : vector<16xi8>, vector<64xi8>
  %r = bitnet.flip_signs %found, %signs : vector<64xi8>
  return %r : vector<64xi8>
}

// ZNVER4-LABEL: func.func @extend
// ZNVER4: arith.extf
// GENERIC-LABEL: func.func @extend
// GENERIC-NOT: arith.extf
func.func @extend(%h: vector<16xi16>) -> vector<16xf32> {
  %r = bitnet.extend_f16 %h : vector<16xi16> -> vector<16xf32>
  return %r : vector<16xf32>
}
