// The micro-ops as functions, for micro-ops.c: dots of codes up to 255, 128 and 127,
// and of fields masked in place, alone and in chains; a product of matrices; and halves
// both ways.
func.func @dot255(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %1, %2 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @mma(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<16xi8>
  %3 = bitnet.mma_u8i8 %0, %1, %2 : vector<16xi32>, vector<64xi8>, vector<16xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @dot128(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %1, %2 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @dot127(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %1, %2 bound 127 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @dot_even(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m = arith.constant dense<-64> : vector<64xi8>
  %w = arith.andi %1, %m : vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %w, %2 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @dot_top(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m = arith.constant dense<-128> : vector<64xi8>
  %w = arith.andi %1, %m : vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %w, %2 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @chain_place(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %s0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %pa0 = llvm.getelementptr %a[0] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb0 = llvm.getelementptr %b[0] : (!llvm.ptr) -> !llvm.ptr, i8
  %a0 = llvm.load %pa0 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b0 = llvm.load %pb0 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m0 = arith.constant dense<48> : vector<64xi8>
  %w0 = arith.andi %a0, %m0 : vector<64xi8>
  %s1 = bitnet.dot_u8i8 %s0, %w0, %b0 bound 32 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa1 = llvm.getelementptr %a[64] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb1 = llvm.getelementptr %b[64] : (!llvm.ptr) -> !llvm.ptr, i8
  %a1 = llvm.load %pa1 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b1 = llvm.load %pb1 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m1 = arith.constant dense<48> : vector<64xi8>
  %w1 = arith.andi %a1, %m1 : vector<64xi8>
  %s2 = bitnet.dot_u8i8 %s1, %w1, %b1 bound 32 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa2 = llvm.getelementptr %a[128] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb2 = llvm.getelementptr %b[128] : (!llvm.ptr) -> !llvm.ptr, i8
  %a2 = llvm.load %pa2 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b2 = llvm.load %pb2 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m2 = arith.constant dense<48> : vector<64xi8>
  %w2 = arith.andi %a2, %m2 : vector<64xi8>
  %s3 = bitnet.dot_u8i8 %s2, %w2, %b2 bound 32 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa3 = llvm.getelementptr %a[192] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb3 = llvm.getelementptr %b[192] : (!llvm.ptr) -> !llvm.ptr, i8
  %a3 = llvm.load %pa3 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b3 = llvm.load %pb3 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m3 = arith.constant dense<48> : vector<64xi8>
  %w3 = arith.andi %a3, %m3 : vector<64xi8>
  %s4 = bitnet.dot_u8i8 %s3, %w3, %b3 bound 32 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %s4, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @chain_top(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %s0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %pa0 = llvm.getelementptr %a[0] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb0 = llvm.getelementptr %b[0] : (!llvm.ptr) -> !llvm.ptr, i8
  %a0 = llvm.load %pa0 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b0 = llvm.load %pb0 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m0 = arith.constant dense<-64> : vector<64xi8>
  %w0 = arith.andi %a0, %m0 : vector<64xi8>
  %s1 = bitnet.dot_u8i8 %s0, %w0, %b0 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa1 = llvm.getelementptr %a[64] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb1 = llvm.getelementptr %b[64] : (!llvm.ptr) -> !llvm.ptr, i8
  %a1 = llvm.load %pa1 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b1 = llvm.load %pb1 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m1 = arith.constant dense<-64> : vector<64xi8>
  %w1 = arith.andi %a1, %m1 : vector<64xi8>
  %s2 = bitnet.dot_u8i8 %s1, %w1, %b1 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa2 = llvm.getelementptr %a[128] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb2 = llvm.getelementptr %b[128] : (!llvm.ptr) -> !llvm.ptr, i8
  %a2 = llvm.load %pa2 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b2 = llvm.load %pb2 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m2 = arith.constant dense<-64> : vector<64xi8>
  %w2 = arith.andi %a2, %m2 : vector<64xi8>
  %s3 = bitnet.dot_u8i8 %s2, %w2, %b2 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa3 = llvm.getelementptr %a[192] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb3 = llvm.getelementptr %b[192] : (!llvm.ptr) -> !llvm.ptr, i8
  %a3 = llvm.load %pa3 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b3 = llvm.load %pb3 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m3 = arith.constant dense<-64> : vector<64xi8>
  %w3 = arith.andi %a3, %m3 : vector<64xi8>
  %s4 = bitnet.dot_u8i8 %s3, %w3, %b3 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %s4, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @chain_mixed(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %s0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %pa0 = llvm.getelementptr %a[0] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb0 = llvm.getelementptr %b[0] : (!llvm.ptr) -> !llvm.ptr, i8
  %a0 = llvm.load %pa0 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b0 = llvm.load %pb0 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m0 = arith.constant dense<127> : vector<64xi8>
  %w0 = arith.andi %a0, %m0 : vector<64xi8>
  %s1 = bitnet.dot_u8i8 %s0, %w0, %b0 bound 127 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa1 = llvm.getelementptr %a[64] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb1 = llvm.getelementptr %b[64] : (!llvm.ptr) -> !llvm.ptr, i8
  %a1 = llvm.load %pa1 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b1 = llvm.load %pb1 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m1 = arith.constant dense<3> : vector<64xi8>
  %w1 = arith.andi %a1, %m1 : vector<64xi8>
  %s2 = bitnet.dot_u8i8 %s1, %w1, %b1 bound 3 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa2 = llvm.getelementptr %a[128] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb2 = llvm.getelementptr %b[128] : (!llvm.ptr) -> !llvm.ptr, i8
  %a2 = llvm.load %pa2 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b2 = llvm.load %pb2 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m2 = arith.constant dense<-1> : vector<64xi8>
  %w2 = arith.andi %a2, %m2 : vector<64xi8>
  %s3 = bitnet.dot_u8i8 %s2, %w2, %b2 bound 255 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa3 = llvm.getelementptr %a[192] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb3 = llvm.getelementptr %b[192] : (!llvm.ptr) -> !llvm.ptr, i8
  %a3 = llvm.load %pa3 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b3 = llvm.load %pb3 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m3 = arith.constant dense<12> : vector<64xi8>
  %w3 = arith.andi %a3, %m3 : vector<64xi8>
  %s4 = bitnet.dot_u8i8 %s3, %w3, %b3 bound 12 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa4 = llvm.getelementptr %a[256] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb4 = llvm.getelementptr %b[256] : (!llvm.ptr) -> !llvm.ptr, i8
  %a4 = llvm.load %pa4 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b4 = llvm.load %pb4 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m4 = arith.constant dense<-64> : vector<64xi8>
  %w4 = arith.andi %a4, %m4 : vector<64xi8>
  %s5 = bitnet.dot_u8i8 %s4, %w4, %b4 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  %pa5 = llvm.getelementptr %a[320] : (!llvm.ptr) -> !llvm.ptr, i8
  %pb5 = llvm.getelementptr %b[320] : (!llvm.ptr) -> !llvm.ptr, i8
  %a5 = llvm.load %pa5 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %b5 = llvm.load %pb5 {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %m5 = arith.constant dense<-128> : vector<64xi8>
  %w5 = arith.andi %a5, %m5 : vector<64xi8>
  %s6 = bitnet.dot_u8i8 %s5, %w5, %b5 bound 128 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %s6, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @extend(%in: !llvm.ptr, %out: !llvm.ptr) {
  %0 = llvm.load %in {alignment = 1 : i64} : !llvm.ptr -> vector<16xi16>
  %1 = bitnet.extend_f16 %0 : vector<16xi16> -> vector<16xf32>
  llvm.store %1, %out {alignment = 1 : i64} : vector<16xf32>, !llvm.ptr
  return
}
func.func @truncate(%in: !llvm.ptr, %out: !llvm.ptr) {
  %0 = llvm.load %in {alignment = 1 : i64} : !llvm.ptr -> vector<16xf32>
  %1 = bitnet.truncate_f16 %0 : vector<16xf32> -> vector<16xi16>
  llvm.store %1, %out {alignment = 1 : i64} : vector<16xi16>, !llvm.ptr
  return
}
