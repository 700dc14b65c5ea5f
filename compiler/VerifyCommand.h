//===- VerifyCommand.h - `bitnetc verify` -----------------------*- C++ -*-===//
#ifndef BITNETC_COMPILER_VERIFYCOMMAND_H
#define BITNETC_COMPILER_VERIFYCOMMAND_H

#include <string>
#include <vector>

namespace bitnetc {

/// Compares a program with the reference interpreter. `arguments` follow the
/// word "verify". Returns the exit code.
int runVerify(const std::vector<std::string> &arguments);

} // namespace bitnetc

#endif // BITNETC_COMPILER_VERIFYCOMMAND_H
