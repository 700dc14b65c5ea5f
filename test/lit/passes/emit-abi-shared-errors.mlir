// RUN: bitnet-opt %s --bitnet-emit-abi="target=generic shared=x86-64-v2,znver4" --verify-diagnostics

// expected-error @+1 {{target 'generic' is not one of 'x86-64-v2,znver4'}}
module {
}
