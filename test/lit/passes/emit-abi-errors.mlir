// RUN: bitnet-opt %s --bitnet-emit-abi --verify-diagnostics

// expected-error @+1 {{has no lowered 'step' function or no 'bitnet.model' attribute}}
module {
}
