//! What the compiler says of a plugin that is not written as it should be: in words, about the author's own code.

#[test]
fn misuse_is_told_when_it_is_compiled() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
