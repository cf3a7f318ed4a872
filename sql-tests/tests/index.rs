//! The page that lists claims and scripts is fresh.

#[test]
fn the_index_lists_every_script() {
    let expected = kappa_sql_tests::render_index().expect("the scripts parse");
    let written = std::fs::read_to_string(kappa_sql_tests::index_path()).unwrap_or_default();
    assert_eq!(written, expected, "stale: run target/debug/kappa-sql-tests --index");
}
