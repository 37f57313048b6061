#!/usr/bin/env bash
# Builds libmoat_ffi and writes its Python binding, which demo/app.py imports.
# Usage: demo/binding.sh DIR [--release]
set -euo pipefail
folder=${1:?usage: demo/binding.sh DIR [--release]}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/.."
case ${2:-} in
  --release) profile=release options=(--release) ;;
  '') profile=debug options=() ;;
  *) echo "usage: demo/binding.sh DIR [--release]" >&2; exit 2 ;;
esac
cargo build --locked "${options[@]}" -p moat-ffi --lib
library=${CARGO_TARGET_DIR:-target}/$profile/libmoat_ffi.so
# The library first: building the generator writes it anew.
cp "$library" "$folder/"
cargo run --locked --quiet "${options[@]}" -p moat-ffi --features bindgen --bin uniffi-bindgen -- \
  generate --metadata-no-deps --no-format --language python --out-dir "$folder" "$folder/libmoat_ffi.so"
