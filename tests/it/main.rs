//! Everything that is not the corpus, as modules of one binary.
