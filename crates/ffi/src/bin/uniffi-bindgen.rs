//! Writes the bindings of this crate: `uniffi-bindgen generate --library libmoat_ffi.so --language swift --out-dir DIR`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
