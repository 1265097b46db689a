//! The sample night is built in: a changed sample makes a new build.

fn main() {
    println!("cargo:rerun-if-changed=sample-batches");
}
