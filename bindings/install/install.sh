#!/bin/sh
# Builds libtenure and installs it for C and C++: both libraries, the headers, tenure.pc and the CMake config.
# It needs cargo and nothing else; docs/install.md says what lands where, and compares it with `cargo cinstall`.
set -eu

usage() {
    cat <<'END'
usage: install.sh --prefix DIR [--libdir DIR] [--destdir DIR] [--debug]

  --prefix DIR    where it will be used: /usr/local, or any other absolute folder
  --libdir DIR    where the libraries go below the prefix [default: lib]
  --destdir DIR   put in front of the prefix while files are copied, for packages
  --debug         build without optimization

The environment may set CARGO, CARGO_TARGET_DIR and CARGO_BUILD_TARGET.
END
}

refuse() {
    echo "install.sh: $1" >&2
    exit 2
}

prefix= libdir=lib destdir= profile=release
while [ $# -gt 0 ]; do
    case $1 in
        --prefix=* | --libdir=* | --destdir=*)
            option=${1%%=*} value=${1#*=}
            shift
            set -- "$option" "$value" "$@"
            continue
            ;;
        --prefix | --libdir | --destdir) [ $# -gt 1 ] || refuse "$1 needs a folder" ;;
    esac
    case $1 in
        --prefix) prefix=${2%/} && shift ;;
        --libdir) libdir=${2%/} && shift ;;
        --destdir) destdir=${2%/} && shift ;;
        --debug) profile=debug ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && refuse "there is no option $1" ;;
    esac
    shift
done
[ -n "$prefix" ] || refuse "--prefix is missing: where shall it be installed?"
case $prefix in /*) ;; *) refuse "--prefix must be absolute, not $prefix" ;; esac
# tenure.pc and the CMake config find the prefix from where they are, so that the whole may be moved.
libdir=${libdir#"$prefix"/}
case /$libdir/ in //* | */../* | */./*) refuse "--libdir must lie below the prefix, as lib64 does, not at $libdir" ;; esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
# Until 1.0 an incompatible change raises the minor version, from then on the major: the soname has what must agree.
series=${version%%.*}
if [ "$series" = 0 ]; then
    series=0.$(echo "$version" | cut -d . -f 2)
fi

# A folder of its own: with a soname, programs linked against target/release would look for a file that cargo does not make.
target_dir=${CARGO_TARGET_DIR:-$root/target}/install
mkdir -p "$target_dir"
target_dir=$(CDPATH='' cd -- "$target_dir" && pwd)
[ $profile = debug ] || set -- --release
"${CARGO:-cargo}" rustc --manifest-path "$root/Cargo.toml" --target-dir "$target_dir" --locked "$@" \
    --lib --crate-type cdylib,staticlib --no-default-features --features capi,certs -- \
    -C "link-arg=-Wl,-soname,libtenure.so.$series" --print "native-static-libs=$target_dir/native-static-libs"
built=$target_dir/${CARGO_BUILD_TARGET:+$CARGO_BUILD_TARGET/}$profile

include=$destdir$prefix/include
lib=$destdir$prefix/$libdir
# `install` removes an older file before it writes: programs that run keep the library which they have open.
install -d "$include" "$lib/pkgconfig" "$lib/cmake/tenure"
install -m 755 "$built/libtenure.so" "$lib/libtenure.so.$version"
ln -sf "libtenure.so.$version" "$lib/libtenure.so.$series"
ln -sf "libtenure.so.$series" "$lib/libtenure.so"
install -m 644 "$built/libtenure.a" "$lib"
install -m 644 "$root/include/tenure.h" "$root/bindings/cpp/tenure.hpp" "$include"
install -m 644 "$root"/bindings/install/cmake/*.cmake "$lib/cmake/tenure"
cat > "$lib/pkgconfig/tenure.pc" <<END
prefix=\${pcfiledir}/$(echo "$libdir/pkgconfig" | sed 's,[^/][^/]*,..,g')
libdir=\${prefix}/$libdir
includedir=\${prefix}/include

Name: tenure
Description: Distributed locks, elections and leader leases
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -ltenure
Libs.private: $(cat "$target_dir/native-static-libs")
END
chmod 644 "$lib/pkgconfig/tenure.pc"
echo "installed tenure $version in $destdir$prefix"
