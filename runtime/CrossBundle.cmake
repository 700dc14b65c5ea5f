# Bundles for the other architectures of the CPU table, so that bitnetc makes
# programs for them too. Clang compiles for all of them; what else is needed is
# Debian's packages for cross compiling, or where Debian 12 has none a folder with
# libraries of Debian 13 (scripts/lib.sh). Without them there is no bundle, and
# bitnetc writes only objects for that architecture.
#
# Object libraries, because an archiver may not know another architecture's
# objects well enough to index them.
set(BITNET_CROSS_ARCHITECTURES aarch64 riscv64)
list(REMOVE_ITEM BITNET_CROSS_ARCHITECTURES ${CMAKE_SYSTEM_PROCESSOR})

# A folder for each architecture whose libraries are not installed.
set(BITNETC_SYSROOTS ${PROJECT_SOURCE_DIR}/build-sysroot CACHE PATH
    "Sysroots of other architectures, by their names")
# Headers that are the same everywhere and that no sysroot has.
set(portable_headers ${CMAKE_CURRENT_BINARY_DIR}/portable-headers)
file(MAKE_DIRECTORY ${portable_headers})
find_path(NLOHMANN_INCLUDE nlohmann/json.hpp REQUIRED)
file(CREATE_LINK ${BOOST_INCLUDE}/boost ${portable_headers}/boost SYMBOLIC)
file(CREATE_LINK ${NLOHMANN_INCLUDE}/nlohmann ${portable_headers}/nlohmann SYMBOLIC)

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
  set(flags --target=${triple})
  # GNU ld, but Debian 12's knows no relocations of ULEB128 numbers, which are in
  # Debian 13's libraries. LLD does, and a break in .eh_frame would be an error of
  # every link with the bundle. Unlike GNU ld it keeps local symbols unless told.
  find_program(GNU_LD_${arch} NAMES ${triple}-ld.bfd ${triple}-ld)
  set(linker ${GNU_LD_${arch}})
  if(EXISTS ${BITNETC_SYSROOTS}/${arch})
    list(APPEND flags --sysroot=${BITNETC_SYSROOTS}/${arch}
         -isystem${portable_headers})
    find_program(LLD_FOR_BUNDLES NAMES ld.lld-22 ld.lld)
    set(linker ${LLD_FOR_BUNDLES} --discard-locals)
  endif()
  bitnet_find_link_inputs(${arch} ${flags})
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} -print-file-name=libpcre2-8.a
    OUTPUT_VARIABLE pcre2 OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT IS_ABSOLUTE "${pcre2}")
    list(APPEND ${arch}_missing libpcre2-8.a)
  endif()
  if(NOT linker OR linker MATCHES NOTFOUND)
    list(APPEND ${arch}_missing "a linker")
  endif()
  if(${arch}_missing)
    list(JOIN ${arch}_missing ", " missing)
    message(STATUS "${what}: ${missing} not found")
    continue()
  endif()

  # Without OpenSSL the server has no TLS there, and says so when it is asked.
  # Some builds of it compress certificates, by libraries that follow it.
  set(tls "")
  set(compression "")
  foreach(name libssl.a libcrypto.a libz.a libzstd.a)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${flags} -print-file-name=${name}
                    OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(IS_ABSOLUTE "${path}" AND name MATCHES "libz")
      list(APPEND compression ${path})
    elseif(IS_ABSOLUTE "${path}")
      list(APPEND tls ${path})
    endif()
  endforeach()
  list(LENGTH tls tls_count)

  set(target bitnet_runtime_${arch})
  add_library(${target} OBJECT EXCLUDE_FROM_ALL Main.cpp ${BITNET_RUNTIME_SOURCES})
  bitnet_runtime_options(${target} ${flags})
  target_compile_definitions(${target} PRIVATE PCRE2_STATIC)
  if(tls_count EQUAL 2)
    target_compile_definitions(${target} PRIVATE BITNET_HAS_TLS)
  else()
    message(STATUS "Programs for ${arch} serve without TLS: no OpenSSL for it")
    set(tls "")
  endif()
  bitnet_add_bundle(${arch} "${linker}" ${arch}
    "${target};$<TARGET_OBJECTS:${target}>"
    $<TARGET_OBJECTS:${target}> ${pcre2} ${tls} ${compression})
endforeach()
