//! Writes the bindings of this crate, after `cargo build -p moat-ffi`:
//! `uniffi-bindgen generate --metadata-no-deps --no-format --language swift --out-dir DIR target/debug/libmoat_ffi.so`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
