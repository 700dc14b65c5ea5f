# Bundles for the other architectures of the CPU table, so that bitnetc makes
# programs for them too. Clang compiles for all of them; what else is needed is
# Debian's packages for cross compiling (scripts/lib.sh). Without them there is
# no bundle, and bitnetc writes only objects for that architecture.
#
# Object libraries, because an archiver may not know another architecture's
# objects well enough to index them.
set(BITNET_CROSS_ARCHITECTURES aarch64)
list(REMOVE_ITEM BITNET_CROSS_ARCHITECTURES ${CMAKE_SYSTEM_PROCESSOR})

foreach(arch IN LISTS BITNET_CROSS_ARCHITECTURES)
  set(what "No runtime for ${arch}, for which bitnetc then only writes objects")
  # Programs are the same for a sanitized compiler: one build of them is enough.
  if(BITNETC_SANITIZE)
    message(STATUS "${what}: this build is for sanitizers")
    continue()
  endif()
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    message(STATUS "${what}: Clang is needed")
    continue()
  endif()
  set(triple ${arch}-linux-gnu)
  set(flag --target=${triple})
  bitnet_find_link_inputs(${arch} ${flag})
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} ${flag} -print-file-name=libpcre2-8.a
    OUTPUT_VARIABLE pcre2 OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT IS_ABSOLUTE "${pcre2}")
    list(APPEND ${arch}_missing libpcre2-8.a)
  endif()
  find_program(GNU_LD_${arch} NAMES ${triple}-ld.bfd ${triple}-ld)
  if(NOT GNU_LD_${arch})
    list(APPEND ${arch}_missing ${triple}-ld)
  endif()
  if(${arch}_missing)
    list(JOIN ${arch}_missing ", " missing)
    message(STATUS "${what}: ${missing} not found")
    continue()
  endif()

  # Without OpenSSL the server has no TLS there, and says so when it is asked.
  set(tls "")
  foreach(name libssl.a libcrypto.a)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${flag} -print-file-name=${name}
                    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(IS_ABSOLUTE "${path}")
      list(APPEND tls ${path})
    endif()
  endforeach()
  list(LENGTH tls tls_count)

  set(target bitnet_runtime_${arch})
  add_library(${target} OBJECT EXCLUDE_FROM_ALL Main.cpp ${BITNET_RUNTIME_SOURCES})
  bitnet_runtime_options(${target} ${flag})
  target_compile_definitions(${target} PRIVATE PCRE2_STATIC)
  if(tls_count EQUAL 2)
    target_compile_definitions(${target} PRIVATE BITNET_HAS_TLS)
  else()
    message(STATUS "Programs for ${arch} serve without TLS: no OpenSSL for it")
    set(tls "")
  endif()
  bitnet_add_bundle(${arch} ${GNU_LD_${arch}} ${arch}
    "${target};$<TARGET_OBJECTS:${target}>"
    $<TARGET_OBJECTS:${target}> ${pcre2} ${tls})
endforeach()
