#!/usr/bin/env bash
# Installs the Debian packages that are missing. "build" is what the program needs, "test" what its tests need too.
set -eu
build="libcurl4-openssl-dev libxml2-dev libblosc-dev libzstd-dev libdeflate-dev zlib1g-dev libturbojpeg0-dev libpng-dev libssl-dev pkg-config openssl ca-certificates"
test="python3 python3-venv xz-utils procps chromium strace aria2"
wanted=$build
if [ "${1:-build}" = test ]; then wanted="$build $test"; fi

command -v swift >/dev/null || { echo "No Swift toolchain on the PATH: install Swift 6.3 from swift.org." >&2; exit 69; }
missing=
for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "As root, run: apt-get install$missing" >&2; exit 77; }
    as_root=sudo
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
