//! Contents of views and tables at a time.
