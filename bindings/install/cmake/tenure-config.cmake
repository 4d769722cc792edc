# find_package(tenure 0.2): tenure::tenure is the shared library, tenure::static the static one. Both bring
# <tenure.h> and <tenure.hpp>.
#
# The file is the same in lib/cmake/tenure (install.sh) and share/cmake/tenure (cargo-c). It finds everything from
# where it is; tenure.pc of the same installation says what the static library is linked with.
if(TARGET tenure::tenure OR TARGET tenure::static)
  return()
endif()

# The real path: where /lib is a link to /usr/lib, the headers are not at /include.
get_filename_component(_tenure_above "${CMAKE_CURRENT_LIST_DIR}/../.." REALPATH)
get_filename_component(_tenure_beside "${_tenure_above}" DIRECTORY)
set(_tenure_libdir "${_tenure_above}")
foreach(_tenure_folder IN ITEMS "lib" "lib64" "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
  if(NOT EXISTS "${_tenure_libdir}/pkgconfig/tenure.pc")
    set(_tenure_libdir "${_tenure_beside}/${_tenure_folder}")
  endif()
endforeach()
set(_tenure_prefix "${_tenure_libdir}")
while(NOT EXISTS "${_tenure_prefix}/include/tenure.h" AND NOT _tenure_prefix STREQUAL "/")
  get_filename_component(_tenure_prefix "${_tenure_prefix}" DIRECTORY)
endwhile()

foreach(_tenure_file IN ITEMS "${_tenure_libdir}/pkgconfig/tenure.pc" "${_tenure_prefix}/include/tenure.h")
  if(NOT EXISTS "${_tenure_file}")
    set(tenure_FOUND FALSE)
    set(tenure_NOT_FOUND_MESSAGE "this installation of Tenure is not whole: ${_tenure_file} is missing")
    return()
  endif()
endforeach()

# One of the two may have been left out by a package.
if(EXISTS "${_tenure_libdir}/libtenure.so")
  add_library(tenure::tenure SHARED IMPORTED)
  set_target_properties(tenure::tenure PROPERTIES
    IMPORTED_LOCATION "${_tenure_libdir}/libtenure.so"
    INTERFACE_INCLUDE_DIRECTORIES "${_tenure_prefix}/include")
endif()
if(EXISTS "${_tenure_libdir}/libtenure.a")
  file(STRINGS "${_tenure_libdir}/pkgconfig/tenure.pc" _tenure_private REGEX "^Libs.private:")
  string(REPLACE "Libs.private:" "" _tenure_private "${_tenure_private}")
  separate_arguments(_tenure_private UNIX_COMMAND "${_tenure_private}")
  add_library(tenure::static STATIC IMPORTED)
  set_target_properties(tenure::static PROPERTIES
    IMPORTED_LOCATION "${_tenure_libdir}/libtenure.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_tenure_prefix}/include"
    INTERFACE_LINK_LIBRARIES "${_tenure_private}")
endif()
