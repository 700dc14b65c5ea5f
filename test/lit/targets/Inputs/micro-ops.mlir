// The micro-ops as functions, for micro-ops.c: dots of codes up to 255, 128 and 127,
// and of fields masked in place, and halves both ways.
func.func @dot255(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %1, %2 : vector<16xi32>, vector<64xi8>, vector<64xi8>
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
