# Is this version one that find_package(tenure <version>) may take? The rule is that of the soname: the same minor
# version until 1.0, from then on the same major, and not older. A test compares the number with Cargo.toml.
set(PACKAGE_VERSION "0.2.0")

set(_tenure_series_of "^(0\\.[0-9]+|[1-9][0-9]*)")
string(REGEX MATCH "${_tenure_series_of}" _tenure_series "${PACKAGE_VERSION}")
string(REGEX MATCH "${_tenure_series_of}" _tenure_asked
  "${PACKAGE_FIND_VERSION_MAJOR}.${PACKAGE_FIND_VERSION_MINOR}")

set(PACKAGE_VERSION_COMPATIBLE FALSE)
set(PACKAGE_VERSION_EXACT FALSE)
if(_tenure_asked STREQUAL _tenure_series AND NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
