//! Link settings that napi needs.

fn main() {
    napi_build::setup();
}
